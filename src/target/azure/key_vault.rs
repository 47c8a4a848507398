//! Secrets read from key vaults, over the interface of the vaults themselves: it is not Azure Resource Manager's, and takes
//! tokens of its own.
//!
//! Source: Azure/azure-rest-api-specs, `specification/keyvault/data-plane`, "GetSecret" (7.4), in a stored copy read
//! 2026-11-28.
//!
//! Deliberately absent: a trace (the answers are secrets), and anything but reading.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, StatusCode, Url};

use super::error::{fault_of_answer, is_foreign};
use super::token::TokenSource;
use crate::base::{Clock, Secret};
use crate::contract::{Fault, FaultClass, Future, KeyVaultSecret, KeyVaults};
use crate::target::http::{Answer, HttpClient, HttpError, HttpSettings, parse_url, with_path};

const API_VERSION: &str = "7.4";

/// Reads of one secret before a fault that may pass is taken for one that does not.
const ATTEMPTS: u32 = 4;

/// Where vaults are.
enum Place {
    /// Each has a host of its own, with this behind its name.
    Suffix(String),
    /// All are below one address.
    Below(Url),
}

/// Reads secrets where they lie.
pub struct KeyVaultReader {
    http: HttpClient,
    place: Place,
    tokens: Arc<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    retry_after: Duration,
}

impl KeyVaultReader {
    /// Reads in a cloud whose vaults' hosts end in `suffix`, such as `vault.azure.net`; the tokens have to be for
    /// `https://<suffix>`.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn of_cloud(
        http: &HttpSettings,
        suffix: &str,
        tokens: Arc<dyn TokenSource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        Self::new(http, Place::Suffix(suffix.to_owned()), tokens, clock)
    }

    /// Reads from a server that has all vaults, each below its name.
    ///
    /// # Errors
    /// Settings that make no client, an address that secrets must not be sent to.
    pub fn of_server(
        http: &HttpSettings,
        address: &str,
        tokens: Arc<dyn TokenSource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        Self::new(http, Place::Below(parse_url(address)?), tokens, clock)
    }

    fn new(
        http: &HttpSettings,
        place: Place,
        tokens: Arc<dyn TokenSource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        Ok(Self { http: HttpClient::new(http)?, place, tokens, clock, retry_after: Duration::from_secs(1) })
    }

    /// The same with another wait before a read is tried again, which doubles each time.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = wait;
        self
    }

    /// The secret's address. A vault's name that is none must not become a part of a host.
    fn url(&self, secret: &KeyVaultSecret) -> Result<Url, Fault> {
        let malformed = || Fault::new(FaultClass::Invalid, "Address", "a secret's place in a key vault is malformed");
        if !secret.is_well_formed() {
            return Err(malformed());
        }
        let mut url = match &self.place {
            Place::Suffix(suffix) => {
                let host = format!("https://{}.{suffix}", secret.vault_name());
                with_path(&parse_url(&host).map_err(|_| malformed())?, ["secrets"])
            }
            Place::Below(address) => with_path(address, [secret.vault_name(), "secrets"]),
        };
        url = with_path(&url, std::iter::once(secret.name.as_str()).chain(secret.version.as_deref()));
        url.query_pairs_mut().append_pair("api-version", API_VERSION);
        Ok(url)
    }

    async fn once(&self, url: &Url) -> Result<Secret, Fault> {
        let token = self.tokens.token().await?;
        let mut answer = self.ask(url, &token).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            self.tokens.forget(&token);
            let renewed = self.tokens.token().await?;
            if renewed != token {
                answer = self.ask(url, &renewed).await?;
            }
        }
        if !answer.status.is_success() || is_foreign(&answer) {
            return Err(fault_of_answer(&answer, self.now()));
        }
        let text = answer.json().and_then(|body| Some(Secret::new(body.get("value")?.as_str()?)));
        text.filter(|text| !text.expose().is_empty())
            .ok_or_else(|| Fault::new(FaultClass::Invalid, "NoValue", "it has no value"))
    }

    async fn ask(&self, url: &Url, token: &Secret) -> Result<Answer, Fault> {
        let request = self.http.request(Method::GET, url.clone()).bearer_auth(token.expose());
        self.http.send(request.header("Accept", "application/json")).await
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn persistent(&self, secret: &KeyVaultSecret) -> Result<Secret, Fault> {
        let url = self.url(secret)?;
        let mut wait = self.retry_after;
        for _ in 1..ATTEMPTS {
            match self.once(&url).await {
                Err(fault) if fault.class.is_retryable() => {
                    tokio::time::sleep(fault.retry_after.unwrap_or(wait)).await;
                    wait *= 2;
                }
                other => return other,
            }
        }
        self.once(&url).await
    }
}

impl KeyVaults for KeyVaultReader {
    fn read<'a>(&'a self, secret: &'a KeyVaultSecret) -> Future<'a, Result<Secret, Fault>> {
        Box::pin(async move { self.persistent(secret).await.map_err(|fault| told(fault, secret)) })
    }
}

/// The fault with the secret's name, and a remedy of this place.
fn told(mut fault: Fault, secret: &KeyVaultSecret) -> Fault {
    let (vault, name) = (secret.vault_name(), &secret.name);
    fault.message = format!("the secret {name} of the key vault {vault} cannot be read: {}", fault.message);
    let help = match fault.class {
        FaultClass::Forbidden => Some(format!(
            "give whoever deploys the role Key Vault Secrets User on {vault} (or \"get\" for secrets in its access policy), and \
             let its firewall in from here"
        )),
        FaultClass::NotFound | FaultClass::Invalid => {
            Some(format!("see that {vault} holds {name}, in the version that the model names, and that it is enabled"))
        }
        FaultClass::Unavailable if fault.code == "NameResolution" => {
            Some(format!("see that there is a key vault {vault}, and that its name can be resolved from here"))
        }
        _ => None,
    };
    if let Some(help) = help {
        fault.help =
            Some(format!("{help}; `engine generate` needs no right on it, as Azure reads it while it deploys"));
    }
    fault
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::super::token::FixedToken;
    use super::*;
    use crate::base::SystemClock;
    use crate::target::testing::{FakeServer, Reply};

    const CANARY: &str = "canary-of-the-vault";

    fn place(version: Option<&str>) -> KeyVaultSecret {
        KeyVaultSecret {
            vault_id: "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/my-vault".to_owned(),
            name: "password".to_owned(),
            version: version.map(str::to_owned),
        }
    }

    fn tokens() -> Arc<dyn TokenSource> {
        Arc::new(FixedToken(Secret::new("token")))
    }

    fn reader(server: &FakeServer) -> KeyVaultReader {
        let address = format!("{}/vaults", server.url);
        let reader =
            KeyVaultReader::of_server(&HttpSettings::default(), &address, tokens(), Arc::new(SystemClock)).unwrap();
        reader.retry_after(Duration::from_millis(1))
    }

    #[tokio::test]
    async fn a_secret_is_read_by_name_and_version() {
        let server = FakeServer::start(|earlier, seen, _| {
            if earlier == 0 && !seen.path.contains("/1a?") {
                return Reply::json(503, json!({ "error": { "code": "ServiceUnavailable", "message": "m" } }));
            }
            Reply::json(200, json!({ "value": CANARY, "attributes": { "enabled": true } }))
        })
        .await;
        for (version, path) in [(None, "password"), (Some("1a"), "password/1a")] {
            assert_eq!(reader(&server).read(&place(version)).await.unwrap().expose(), CANARY);
            let seen = server.seen().pop().unwrap();
            assert_eq!(seen.path, format!("/vaults/my-vault/secrets/{path}?api-version=7.4"));
            assert_eq!((seen.method.as_str(), seen.header("authorization")), ("GET", "Bearer token"));
        }
        // The first time it answered only when it was asked again.
        assert_eq!(server.seen().len(), 3);
    }

    #[tokio::test]
    async fn what_keeps_it_away_is_told_with_a_remedy_and_without_the_secret() {
        for (status, code, class, remedy) in [
            (403, "Forbidden", FaultClass::Forbidden, "Key Vault Secrets User on my-vault"),
            (404, "SecretNotFound", FaultClass::NotFound, "my-vault holds password"),
            (200, "", FaultClass::Invalid, "engine generate"),
        ] {
            let server = FakeServer::start(move |_, _, _| {
                let body = if status == 200 {
                    json!({ "value": null, "contentType": CANARY })
                } else {
                    json!({ "error": { "code": code, "message": "no" } })
                };
                Reply::json(status, body)
            })
            .await;
            let fault = reader(&server).read(&place(None)).await.unwrap_err();
            assert_eq!(fault.class, class, "{fault:?}");
            assert!(fault.message.starts_with("the secret password of the key vault my-vault cannot be read: "));
            assert!(fault.help.as_ref().unwrap().contains(remedy), "{fault:?}");
            assert!(!format!("{fault:?}").contains(CANARY));
        }
    }

    #[test]
    fn a_token_goes_to_the_vaults_own_host_only() {
        let reader = |suffix| {
            KeyVaultReader::of_cloud(&HttpSettings::default(), suffix, tokens(), Arc::new(SystemClock)).unwrap()
        };
        let url = reader("vault.azure.cn").url(&place(Some("1a"))).unwrap();
        assert_eq!(url.as_str(), "https://my-vault.vault.azure.cn/secrets/password/1a?api-version=7.4");
        for name in ["evil.example/x", "evil.example#", "a@b", "..", ""] {
            let mut elsewhere = place(None);
            elsewhere.vault_id = elsewhere.vault_id.replace("my-vault", name);
            assert_eq!(reader("vault.azure.net").url(&elsewhere).unwrap_err().code, "Address", "{name}");
        }
    }
}
