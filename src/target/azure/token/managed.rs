//! Managed identities: a machine asks a service next to it, and no secret is kept anywhere.
//!
//! Sources: learn.microsoft.com, "How to use managed identities for Azure resources on an Azure VM to acquire an access
//! token", "How to use managed identities for App Service" and "Authenticate against Azure resources with Azure
//! Arc-enabled servers"; the challenge's limits are those of azure-sdk-for-go (read 2026-11-25).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::Value as Json;

use super::endpoint::object_of;
use super::{Token, TokenGrant};
use crate::base::{Clock, Secret};
use crate::contract::{Fault, FaultClass, Future};
use crate::target::http::{Answer, HttpClient, HttpError, HttpSettings};

/// The metadata service of a machine in Azure.
pub const METADATA_SERVICE: &str = "http://169.254.169.254";

/// Where Azure Arc's agent keeps the keys of its challenges.
#[cfg(not(windows))]
pub const ARC_KEYS: &str = "/var/opt/azcmagent/tokens";
/// Where Azure Arc's agent keeps the keys of its challenges.
#[cfg(windows)]
pub const ARC_KEYS: &str = r"C:\ProgramData\AzureConnectedMachineAgent\Tokens";

/// A challenge's key is short; anything longer is another file.
const LONGEST_KEY: u64 = 4096;

/// A service that is being updated answers so for a while.
const TRIES: u32 = 5;

/// Which service is asked.
#[derive(Debug, Clone)]
pub enum ManagedService {
    /// The metadata service of a virtual machine, at this address.
    Machine(String),
    /// App Service, Functions, Container Apps: `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.
    AppService {
        /// The address.
        endpoint: String,
        /// What proves that the request comes from within.
        header: Secret,
    },
    /// Azure Arc: `IDENTITY_ENDPOINT`, and the folder that its challenges may name files of.
    Arc {
        /// The address.
        endpoint: String,
        /// The folder.
        keys: PathBuf,
    },
}

/// Tokens for the identity of the machine on which the engine runs.
pub struct ManagedIdentityGrant {
    http: HttpClient,
    service: ManagedService,
    audience: String,
    client_id: Option<String>,
    clock: Arc<dyn Clock>,
    /// The wait before the first further try.
    patience: Duration,
}

impl ManagedIdentityGrant {
    /// A grant for an audience, by the identity of this client id where the machine has several.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn new(
        http: &HttpSettings,
        service: ManagedService,
        audience: &str,
        client_id: Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        // The service is on this machine or next to it, where there is no proxy.
        let http = HttpSettings { proxy: None, connect_timeout: Duration::from_secs(2), ..http.clone() };
        let patience = Duration::from_millis(800);
        Ok(Self { http: HttpClient::new(&http)?, service, audience: audience.to_owned(), client_id, clock, patience })
    }

    /// The same with another wait before the first further try.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn request(&self) -> Result<reqwest::RequestBuilder, Fault> {
        let (endpoint, version) = match &self.service {
            ManagedService::Machine(host) => (format!("{host}/metadata/identity/oauth2/token"), "2018-02-01"),
            ManagedService::AppService { endpoint, .. } => (endpoint.clone(), "2019-08-01"),
            ManagedService::Arc { endpoint, .. } => (endpoint.clone(), "2020-06-01"),
        };
        let mut url = Url::parse(&endpoint).map_err(|_| {
            refused("IdentityEndpoint", "the address of the identity service is no URL")
                .help("IDENTITY_ENDPOINT is set by the platform; see who changed it.")
        })?;
        // Services of old compare audiences without the slash.
        let resource = self.audience.trim_end_matches('/');
        url.query_pairs_mut().append_pair("api-version", version).append_pair("resource", resource);
        if let Some(client_id) = &self.client_id {
            url.query_pairs_mut().append_pair("client_id", client_id);
        }
        let request = self.http.request(Method::GET, url);
        Ok(match &self.service {
            ManagedService::AppService { header, .. } => request.header("X-IDENTITY-HEADER", header.expose()),
            ManagedService::Machine(_) | ManagedService::Arc { .. } => request.header("Metadata", "true"),
        })
    }

    async fn ask(&self) -> Result<Token, Fault> {
        let mut wait = self.patience;
        for _ in 1..TRIES {
            match self.ask_once().await {
                Err(fault) if fault.class == FaultClass::Transient || fault.class == FaultClass::Throttled => {
                    tokio::time::sleep(fault.retry_after.unwrap_or(wait)).await;
                    wait *= 2;
                }
                other => return other,
            }
        }
        self.ask_once().await
    }

    async fn ask_once(&self) -> Result<Token, Fault> {
        let mut answer = self.http.send_nearby(self.request()?).await.map_err(|fault| match fault.class {
            FaultClass::Unavailable => refused("NoManagedIdentity", "no identity service answers on this machine")
                .help("Managed identities are for machines in Azure; elsewhere sign in by other credentials."),
            _ => fault,
        })?;
        if let ManagedService::Arc { keys, .. } = &self.service {
            let key = challenge(&answer, keys)?;
            let request = self.request()?.header("Authorization", format!("Basic {}", key.expose()));
            answer = self.http.send_nearby(request).await?;
            answer.scrub([key.expose()]);
        }
        if let ManagedService::AppService { header, .. } = &self.service {
            answer.scrub([header.expose()]);
        }
        self.read(&answer)
    }

    fn read(&self, answer: &Answer) -> Result<Token, Fault> {
        let status = answer.status.as_u16();
        // 404 and 410: the service is being updated.
        if matches!(status, 404 | 408 | 410 | 429 | 500..=599) {
            let message = format!("the identity service answered {status}");
            let mut fault = Fault::new(FaultClass::Transient, "IdentityService", message);
            fault.retry_after = answer.retry_after(self.clock.now());
            return Err(fault);
        }
        let body = object_of(answer, "the identity service")?;
        let text = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or_default();
        if text("access_token").is_empty() {
            let said = if text("error_description").is_empty() { text("message") } else { text("error_description") };
            let message = format!("the identity service gives no token: it answered {status} {said}");
            return Err(refused("ManagedIdentity", message.trim_end().to_owned())
                .help("Give the machine an identity, or name the right one of several by --client-id."));
        }
        let number = |name: &str| {
            let value = body.get(name)?;
            value.as_i64().or_else(|| value.as_str()?.parse().ok())
        };
        let until = number("expires_on").map(|ends| ends - self.clock.now().as_second());
        let seconds = number("expires_in").or(until).and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(300);
        Ok(Token { secret: Secret::new(text("access_token")), lifetime: Duration::from_secs(seconds) })
    }
}

impl TokenGrant for ManagedIdentityGrant {
    fn grant(&self) -> Future<'_, Result<Token, Fault>> {
        Box::pin(self.ask())
    }
}

/// Arc answers first with the path of a file that only members of a group may read: who can is one of them. Only files
/// of the agent's own folder are read, lest something that plays the agent has any file sent to it.
fn challenge(answer: &Answer, keys: &Path) -> Result<Secret, Fault> {
    let told = answer.header("www-authenticate").unwrap_or_default();
    let path = told.strip_prefix("Basic realm=").map(|path| PathBuf::from(path.trim_matches('"')));
    let path = path.filter(|_| answer.status.as_u16() == 401).ok_or_else(|| {
        refused("ArcChallenge", format!("Azure Arc's agent answered {} without a challenge", answer.status.as_u16()))
    })?;
    let foreign = || refused("ArcChallenge", "Azure Arc's agent names a file that is not one of its keys");
    // Links are followed before the folders are compared.
    let unreadable = |error: std::io::Error| {
        refused("ArcChallenge", format!("the key of Azure Arc's agent cannot be read: {error}"))
            .help("Only members of the group `himds` may read it: add this user to the group.")
    };
    if path.parent() != Some(keys) || path.extension().is_none_or(|extension| extension != "key") {
        return Err(foreign());
    }
    let real = std::fs::canonicalize(&path).map_err(unreadable)?;
    let folder = std::fs::canonicalize(keys).map_err(unreadable)?;
    if real.parent() != Some(&folder) || std::fs::metadata(&real).map_err(unreadable)?.len() > LONGEST_KEY {
        return Err(foreign());
    }
    std::fs::read_to_string(&real).map(|key| Secret::new(key.trim())).map_err(unreadable)
}

fn refused(code: &str, message: impl Into<String>) -> Fault {
    Fault::new(FaultClass::Authentication, code, message)
}
