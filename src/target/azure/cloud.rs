//! Where a cloud's services are: of the clouds that are known by name, and of any other by what it tells of itself.
//!
//! Sources: Azure/azure-rest-api-specs and go-azure-sdk's readers of `/metadata/endpoints` (2022-09-01: one object;
//! 2019-05-01 to 2020-06-01: an array); learn.microsoft.com, "Azure Stack Hub: connect with the CLI" (2015-01-01, 1.0:
//! gallery, graph, portal and `authentication` only); read 2026-11-25.

use reqwest::{Method, Url};
use serde_json::Value as Json;

use super::token::IdentitySystem;
use crate::contract::{Fault, FaultClass};
use crate::target::http::{HttpClient, HttpError, HttpSettings, parse_url, with_path};

/// The forms there are, the most telling first.
const VERSIONS: [&str; 5] = ["2022-09-01", "2020-06-01", "2019-05-01", "2015-01-01", "1.0"];

/// Where to sign in, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Azure Resource Manager, without a slash at its end.
    pub resource_manager: String,
    /// Where tokens come from, without a slash at its end.
    pub authority: String,
    /// Whom the tokens are for.
    pub audience: String,
    /// Who knows the principals.
    pub identity_system: IdentitySystem,
}

impl Endpoints {
    /// What the Azure Resource Manager at this address tells of its cloud.
    ///
    /// # Errors
    /// Nothing answers, or nothing that tells it.
    pub async fn discover(http: &HttpSettings, resource_manager: &str) -> Result<Self, Fault> {
        let invalid = |error: HttpError| Fault::new(FaultClass::Invalid, "Address", error.to_string());
        let base = parse_url(resource_manager).map_err(invalid)?;
        let client = HttpClient::new(http).map_err(invalid)?;
        for version in VERSIONS {
            let mut url = with_path(&base, ["metadata", "endpoints"]);
            url.query_pairs_mut().append_pair("api-version", version);
            let answer = client.send(client.request(Method::GET, url).header("Accept", "application/json")).await?;
            let Some(body) = answer.json() else {
                let mut fault = super::error::foreign(&answer);
                // An address without these metadata may still speak the protocol; a page says that it does not.
                fault.message =
                    format!("{} tells nothing of its cloud: {}", base.host_str().unwrap_or_default(), fault.message);
                return Err(fault);
            };
            if let Some(endpoints) = Self::read(&body, &base).filter(|_| answer.status.is_success()) {
                return Ok(endpoints);
            }
        }
        let message = format!("{} does not tell where to sign in to its cloud", base.host_str().unwrap_or_default());
        Err(Fault::new(FaultClass::Unavailable, "NoMetadata", message)
            .help("The address must be that of the cloud's Azure Resource Manager, such as https://management.local.azurestack.external."))
    }

    /// Reads any of the forms.
    fn read(body: &Json, base: &Url) -> Option<Self> {
        let host = |text: &str| Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_ascii_lowercase));
        let own = base.host_str().map(str::to_ascii_lowercase);
        let cloud = match body {
            Json::Array(clouds) => {
                let is_own = |cloud: &&Json| cloud["resourceManager"].as_str().and_then(host) == own;
                clouds.iter().find(is_own).or_else(|| clouds.first())?
            }
            cloud => cloud,
        };
        let authentication = cloud.get("authentication")?;
        let login = authentication.get("loginEndpoint")?.as_str().filter(|login| !login.is_empty())?;
        let audiences: Vec<&str> =
            authentication.get("audiences")?.as_array()?.iter().filter_map(Json::as_str).collect();
        let audience = audiences.iter().find(|audience| host(audience) == own).or_else(|| audiences.first())?;
        let authority = login.trim_end_matches('/').to_owned();
        let is_adfs = authority.to_ascii_lowercase().ends_with("/adfs")
            || authentication["identityProvider"]
                .as_str()
                .is_some_and(|provider| provider.eq_ignore_ascii_case("ADFS"));
        Some(Self {
            resource_manager: base.as_str().trim_end_matches('/').to_owned(),
            authority,
            audience: (*audience).to_owned(),
            identity_system: if is_adfs { IdentitySystem::Adfs } else { IdentitySystem::AzureAd },
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::target::testing::{FakeServer, Reply};

    #[tokio::test]
    async fn each_form_of_metadata_is_read() {
        let stack = json!({
            "galleryEndpoint": "https://g", "portalEndpoint": "https://p",
            "authentication": { "loginEndpoint": "https://adfs.local/adfs/", "audiences": ["https://management.adfs.local/x"] },
        });
        let public = json!([
            { "name": "AzureChinaCloud", "resourceManager": "https://management.chinacloudapi.cn",
              "authentication": { "loginEndpoint": "https://login.chinacloudapi.cn", "audiences": ["https://c"] } },
            { "name": "AzureCloud", "resourceManager": "URL/",
              "authentication": { "loginEndpoint": "https://login.example/", "audiences": ["https://core.example/", "URL/"], "identityProvider": "AAD" } },
        ]);
        for (version, form, system) in [
            ("2022-09-01", public[1].to_string(), IdentitySystem::AzureAd),
            ("2019-05-01", public.to_string(), IdentitySystem::AzureAd),
            ("2015-01-01", stack.to_string(), IdentitySystem::Adfs),
            ("1.0", stack.to_string(), IdentitySystem::Adfs),
        ] {
            let server = FakeServer::start(move |_, seen, url| {
                if seen.path == format!("/metadata/endpoints?api-version={version}") {
                    Reply::json(200, serde_json::from_str(&form.replace("URL", url)).unwrap())
                } else {
                    Reply::json(400, json!({ "error": { "code": "InvalidApiVersionParameter", "message": "m" } }))
                }
            })
            .await;
            let found = Endpoints::discover(&HttpSettings::default(), &server.url).await.unwrap();
            assert_eq!(
                (found.resource_manager.as_str(), found.identity_system),
                (server.url.as_str(), system),
                "{version}"
            );
            let expected = if system == IdentitySystem::Adfs {
                ("https://adfs.local/adfs".to_owned(), "https://management.adfs.local/x".to_owned())
            } else {
                ("https://login.example".to_owned(), format!("{}/", server.url))
            };
            assert_eq!((found.authority, found.audience), expected, "{version}");
        }
    }

    #[tokio::test]
    async fn what_tells_nothing_is_named() {
        let server = FakeServer::start(|_, _, _| Reply::json(200, json!({}))).await;
        assert_eq!(Endpoints::discover(&HttpSettings::default(), &server.url).await.unwrap_err().code, "NoMetadata");
        let server = FakeServer::start(|_, _, _| Reply::text(200, "<html>Welcome to the hotel</html>")).await;
        let fault = Endpoints::discover(&HttpSettings::default(), &server.url).await.unwrap_err();
        assert!(fault.code == "NotJson" && fault.message.contains("Welcome to the hotel"), "{fault:?}");
    }
}
