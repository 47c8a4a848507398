//! Resource providers: a subscription has to be registered with each before it can make something of it.
//!
//! Source: learn.microsoft.com, "Azure resource providers and types", read 2026-11-25.

use std::time::Duration;

use reqwest::Method;
use tokio::time::Instant;

use super::client::{ArmClient, Call};
use crate::contract::{Fault, FaultClass};

/// Azure Stack Hub has none that is newer.
const API_VERSION: &str = "2018-05-01";

/// Registration takes minutes at times.
const LONGEST: Duration = Duration::from_secs(600);

/// How a subscription stands with a provider: `Registered`, `Registering`, `NotRegistered`, `Unregistered`.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn registration(client: &ArmClient, subscription: &str, namespace: &str) -> Result<Option<String>, Fault> {
    let path = format!("/subscriptions/{subscription}/providers/{namespace}?api-version={API_VERSION}");
    let found = client.get(&path).await?;
    Ok(found.and_then(|body| body.get("registrationState")?.as_str().map(str::to_owned)))
}

/// Registers a subscription with each of these providers where it is not, and waits until it is; `ask_again` is the wait
/// between two looks. Gives those that were registered now.
///
/// # Errors
/// No right to register; a provider that this cloud does not have; a registration that does not end.
pub async fn register(
    client: &ArmClient,
    subscription: &str,
    namespaces: &[&str],
    ask_again: Duration,
) -> Result<Vec<String>, Fault> {
    let is_there = |state: &Option<String>| state.as_deref() == Some("Registered");
    let mut waiting = Vec::new();
    for namespace in namespaces {
        let state = registration(client, subscription, namespace).await?;
        if is_there(&state) {
            continue;
        }
        if state.as_deref() != Some("Registering") {
            let path =
                format!("/subscriptions/{subscription}/providers/{namespace}/register?api-version={API_VERSION}");
            client.call(Call::new(Method::POST, &path)).await?;
        }
        waiting.push((*namespace).to_owned());
    }
    let until = Instant::now() + LONGEST;
    for namespace in &waiting {
        while !is_there(&registration(client, subscription, namespace).await?) {
            if Instant::now() > until {
                let message = format!("the registration of {namespace} does not end");
                return Err(Fault::new(FaultClass::TimedOut, "RegistrationTimeout", message)
                    .help(format!("See `az provider show --namespace {namespace}`.")));
            }
            tokio::time::sleep(ask_again).await;
        }
    }
    Ok(waiting)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::{AzureSettings, Credentials, FixedToken, Patience};
    use super::*;
    use crate::base::Secret;
    use crate::target::testing::{FakeServer, Reply};

    #[tokio::test]
    async fn what_is_not_registered_is_registered_and_waited_for() {
        let server = FakeServer::start(|before, seen, _| {
            let state = match () {
                () if seen.path.contains("Microsoft.Network") => "Registered",
                () if before == 0 => "NotRegistered",
                () if before == 1 => "Registering",
                () => "Registered",
            };
            Reply::json(200, json!({ "registrationState": state }))
        })
        .await;
        let tokens = Credentials::Tokens(Arc::new(FixedToken(Secret::new("token"))));
        let settings = AzureSettings::new(&server.url, &server.url, &server.url, tokens);
        let client = ArmClient::new(settings, Patience::default()).unwrap();
        let namespaces = ["Microsoft.Network", "Microsoft.Compute"];
        let done = register(&client, "s", &namespaces, Duration::from_millis(1)).await.unwrap();
        assert_eq!(done, ["Microsoft.Compute"]);
        assert_eq!(
            server.lines(),
            [
                "GET /subscriptions/s/providers/Microsoft.Network",
                "GET /subscriptions/s/providers/Microsoft.Compute",
                "POST /subscriptions/s/providers/Microsoft.Compute/register",
                "GET /subscriptions/s/providers/Microsoft.Compute",
                "GET /subscriptions/s/providers/Microsoft.Compute",
            ]
        );
    }
}
