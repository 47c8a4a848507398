//! Secrets read from key vaults, over the interface of the vaults themselves: it is not Azure Resource Manager's, and takes
//! tokens of its own.
//!
//! Sources, in stored copies read 2026-11-28: Azure/azure-rest-api-specs, `specification/keyvault/data-plane`
//! (`Microsoft.KeyVault/stable/7.4/secrets.json` "GetSecret", `common.json` "KeyVaultError"); learn.microsoft.com, "Update the
//! Azure Key Vault API version that you use" (the versions of this interface are not retired with those of Resource Manager),
//! "Azure Key Vault REST API Error Codes" and "Common error codes for Azure Key Vault". The reasons within `Forbidden` are those
//! that users quote (Azure/azure-sdk-for-js#24756, hashicorp/terraform-provider-azurerm#20742,
//! turbot/steampipe-plugin-azure#127, piyushsachdeva/Terraform_AKS#2). Of Azure Stack Hub: azure-cli's
//! `core/profiles/_shared.py` ("2020-09-01-hybrid": 2016-10-01), Microsoft's samples
//! Hybrid-KeyVault-Python-Manage-Secrets-Cert-Based-Service-Principal (whom a token is for) and
//! hybrid-keyvault-nodejs-create-secret (where vaults are).
//!
//! Deliberately absent: a trace (the answers are secrets), and anything but reading.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, StatusCode, Url};

use super::cloud::Endpoints;
use super::error::{fault_of_answer, is_foreign};
use super::token::TokenSource;
use crate::base::{Clock, Secret};
use crate::catalog::Cloud;
use crate::contract::{Fault, FaultClass, Future, KeyVaultSecret, KeyVaults};
use crate::target::http::{Answer, HttpClient, HttpError, HttpSettings, parse_url, with_path};

const API_VERSION: &str = "7.4";

/// The version that Azure Stack Hub knows.
const STACK_API_VERSION: &str = "2016-10-01";

/// The vault's word for a secret that nobody may read before it is enabled again.
const DISABLED: &str = "SecretDisabled";

/// Reads of one secret before a fault that may pass is taken for one that does not.
const ATTEMPTS: u32 = 4;

/// The vaults of a cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudVaults {
    /// What the vaults' hosts end in, such as `vault.azure.net`.
    pub suffix: String,
    /// Whom the tokens have to be for.
    pub audience: String,
    /// The version of the interface.
    pub api_version: &'static str,
}

impl CloudVaults {
    /// Those of a cloud. An Azure Stack Hub has its own beside its Resource Manager, whose endpoints these are.
    pub fn of(cloud: Cloud, endpoints: &Endpoints) -> Self {
        let host = Url::parse(&endpoints.resource_manager).ok().and_then(|url| url.host_str().map(str::to_owned));
        match host.as_deref().and_then(|host| host.split_once('.')) {
            Some((_, place)) if cloud == Cloud::Stack => Self {
                suffix: format!("vault.{place}"),
                audience: endpoints.audience.replacen("management", "vault", 1),
                api_version: STACK_API_VERSION,
            },
            _ => {
                let suffix = cloud.facts().key_vault_suffix;
                Self { suffix: suffix.to_owned(), audience: format!("https://{suffix}"), api_version: API_VERSION }
            }
        }
    }
}

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
    api_version: &'static str,
    tokens: Arc<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    retry_after: Duration,
}

impl KeyVaultReader {
    /// Reads in a cloud; the tokens have to be for its vaults.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn of_cloud(
        http: &HttpSettings,
        vaults: &CloudVaults,
        tokens: Arc<dyn TokenSource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        Self::new(http, Place::Suffix(vaults.suffix.clone()), vaults.api_version, tokens, clock)
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
        Self::new(http, Place::Below(parse_url(address)?), API_VERSION, tokens, clock)
    }

    fn new(
        http: &HttpSettings,
        place: Place,
        api_version: &'static str,
        tokens: Arc<dyn TokenSource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        let retry_after = Duration::from_secs(1);
        Ok(Self { http: HttpClient::new(http)?, place, api_version, tokens, clock, retry_after })
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
        url.query_pairs_mut().append_pair("api-version", self.api_version);
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
            return Err(refusal(&answer, self.now()));
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

/// The fault that an answer tells. Why something is forbidden is told within the error, by a code alone.
fn refusal(answer: &Answer, now: Timestamp) -> Fault {
    let mut fault = fault_of_answer(answer, now);
    let body = answer.json();
    let reason = body.as_ref().and_then(|body| body.pointer("/error/innererror/code")?.as_str());
    if let Some(reason) = reason.filter(|_| fault.class == FaultClass::Forbidden) {
        reason.clone_into(&mut fault.code);
        if reason == DISABLED {
            fault.class = FaultClass::Invalid;
        }
    }
    fault
}

/// The fault with the secret's name, and a remedy of this place.
fn told(mut fault: Fault, secret: &KeyVaultSecret) -> Fault {
    let (vault, name) = (secret.vault_name(), &secret.name);
    fault.message = format!("the secret {name} of the key vault {vault} cannot be read: {}", fault.message);
    let role = format!("give whoever deploys the role Key Vault Secrets User on {vault}");
    let policy = format!("the permission \"get\" for secrets in the access policy of {vault}");
    let help = match fault.class {
        FaultClass::Forbidden => Some(match fault.code.as_str() {
            "ForbiddenByRbac" => role,
            "AccessDenied" => format!("give whoever deploys {policy}"),
            "ForbiddenByFirewall" => format!("let the firewall of {vault} in from here"),
            _ => format!("{role}, or {policy}, by whichever it goes, and let its firewall in from here"),
        }),
        FaultClass::Invalid if fault.code == DISABLED => {
            Some(format!("enable {name} in {vault} again, or let the model name another version of it"))
        }
        FaultClass::NotFound | FaultClass::Invalid => {
            Some(format!("see that {vault} holds {name}, in the version that the model names"))
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

    use super::super::token::{FixedToken, IdentitySystem};
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
        let forbidden = |reason| json!({ "code": "Forbidden", "message": "no", "innererror": { "code": reason } });
        for (status, error, class, remedy) in [
            (
                403,
                json!({ "code": "Forbidden", "message": "no" }),
                FaultClass::Forbidden,
                "User on my-vault, or the permission",
            ),
            (403, forbidden("ForbiddenByRbac"), FaultClass::Forbidden, "role Key Vault Secrets User on my-vault;"),
            (403, forbidden("AccessDenied"), FaultClass::Forbidden, "deploys the permission \"get\" for secrets"),
            (403, forbidden("ForbiddenByFirewall"), FaultClass::Forbidden, "let the firewall of my-vault in"),
            (403, forbidden("SecretDisabled"), FaultClass::Invalid, "enable password in my-vault again"),
            (
                404,
                json!({ "code": "SecretNotFound", "message": "no" }),
                FaultClass::NotFound,
                "my-vault holds password",
            ),
            (200, json!({}), FaultClass::Invalid, "engine generate"),
        ] {
            let reason = error.pointer("/innererror/code").cloned();
            let server = FakeServer::start(move |_, _, _| {
                let body = if status == 200 {
                    json!({ "value": null, "contentType": CANARY })
                } else {
                    json!({ "error": error })
                };
                Reply::json(status, body)
            })
            .await;
            let fault = reader(&server).read(&place(None)).await.unwrap_err();
            assert_eq!(fault.class, class, "{fault:?}");
            assert!(reason.is_none_or(|reason| fault.code == reason), "{fault:?}");
            assert!(fault.message.starts_with("the secret password of the key vault my-vault cannot be read: "));
            assert!(fault.help.as_ref().unwrap().contains(remedy), "{fault:?}");
            assert!(!format!("{fault:?}").contains(CANARY));
        }
    }

    fn endpoints(resource_manager: &str, audience: &str) -> Endpoints {
        Endpoints {
            resource_manager: resource_manager.to_owned(),
            authority: "https://login.example".to_owned(),
            audience: audience.to_owned(),
            identity_system: IdentitySystem::AzureAd,
        }
    }

    #[test]
    fn each_cloud_has_its_own_vaults() {
        let azure = endpoints("https://management.chinacloudapi.cn", "https://management.chinacloudapi.cn/");
        let vaults = CloudVaults::of(Cloud::China, &azure);
        assert_eq!((vaults.suffix.as_str(), vaults.audience.as_str()), ("vault.azure.cn", "https://vault.azure.cn"));
        let stack = endpoints("https://management.west.contoso.com", "https://management.adfs.west.contoso.com/7f0e");
        let vaults = CloudVaults::of(Cloud::Stack, &stack);
        assert_eq!(vaults.audience, "https://vault.adfs.west.contoso.com/7f0e");
        let url = reader_of(&vaults).url(&place(None)).unwrap();
        assert_eq!(url.as_str(), "https://my-vault.vault.west.contoso.com/secrets/password?api-version=2016-10-01");
    }

    fn reader_of(vaults: &CloudVaults) -> KeyVaultReader {
        KeyVaultReader::of_cloud(&HttpSettings::default(), vaults, tokens(), Arc::new(SystemClock)).unwrap()
    }

    #[test]
    fn a_token_goes_to_the_vaults_own_host_only() {
        let reader = |cloud| reader_of(&CloudVaults::of(cloud, &endpoints("https://management.azure.com", "")));
        let url = reader(Cloud::China).url(&place(Some("1a"))).unwrap();
        assert_eq!(url.as_str(), "https://my-vault.vault.azure.cn/secrets/password/1a?api-version=7.4");
        for name in ["evil.example/x", "evil.example#", "a@b", "..", ""] {
            let mut elsewhere = place(None);
            elsewhere.vault_id = elsewhere.vault_id.replace("my-vault", name);
            assert_eq!(reader(Cloud::Public).url(&elsewhere).unwrap_err().code, "Address", "{name}");
        }
    }
}
