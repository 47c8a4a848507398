//! The Azure CLI that somebody is signed in to: `az account get-access-token`, run without a shell.
//!
//! Source: `az account get-access-token --help` and azure-cli's `profile/custom.py` (read 2026-11-25): `expires_on` is
//! seconds since 1970, in versions from 2.54 on; `expiresOn` is a local time without its zone.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::process::Command;

use super::{Token, TokenGrant};
use crate::base::{Clock, Secret};
use crate::contract::{Fault, FaultClass, Future};

/// The most that the CLI may take. It is slow, and refreshes its own token at times.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a token is used whose end is not told.
const UNTOLD_LIFETIME: Duration = Duration::from_secs(300);

/// How much of what the CLI says is shown.
const TOLD: usize = 300;

/// Tokens of the person who is signed in to the Azure CLI.
pub struct AzureCliGrant {
    program: PathBuf,
    audience: String,
    tenant_id: Option<String>,
    clock: Arc<dyn Clock>,
    patience: Duration,
}

impl AzureCliGrant {
    /// A grant for an audience, in a tenant where there are several.
    pub fn new(audience: &str, tenant_id: Option<String>, clock: Arc<dyn Clock>) -> Self {
        let program = PathBuf::from(if cfg!(windows) { "az.cmd" } else { "az" });
        Self { program, audience: audience.to_owned(), tenant_id, clock, patience: PATIENCE }
    }

    /// The same with another program, and another patience.
    #[must_use]
    pub fn program(mut self, program: PathBuf, patience: Duration) -> Self {
        self.program = program;
        self.patience = patience;
        self
    }

    async fn ask(&self) -> Result<Token, Fault> {
        let mut command = Command::new(&self.program);
        command.args(["account", "get-access-token", "--output", "json", "--resource", &self.audience]);
        if let Some(tenant) = &self.tenant_id {
            command.args(["--tenant", tenant]);
        }
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = match tokio::time::timeout(self.patience, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => {
                return Err(refused("NoAzureCli", format!("the Azure CLI cannot be run: {error}"))
                    .help("Install it (`az`), or sign in by other credentials."));
            }
            Err(_) => return Err(refused("AzureCli", "the Azure CLI does not answer")),
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TOLD).collect();
            return Err(refused("AzureCli", format!("the Azure CLI gives no token: {said}"))
                .help("Run `az login` (and `az account set` where there are several subscriptions)."));
        }
        let body: Json = serde_json::from_slice(&output.stdout)
            .map_err(|_| refused("AzureCli", "the Azure CLI answered with something that is not JSON"))?;
        let token = body.get("accessToken").and_then(Json::as_str).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| refused("AzureCli", "the Azure CLI's answer holds no token"))?;
        let ends = body.get("expires_on").and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
        let left = ends.map(|ends| u64::try_from(ends - self.clock.now().as_second()).unwrap_or(0));
        Ok(Token { secret: Secret::new(token), lifetime: left.map_or(UNTOLD_LIFETIME, Duration::from_secs) })
    }
}

impl TokenGrant for AzureCliGrant {
    fn grant(&self) -> Future<'_, Result<Token, Fault>> {
        Box::pin(self.ask())
    }
}

fn refused(code: &str, message: impl Into<String>) -> Fault {
    Fault::new(FaultClass::Authentication, code, message)
}
