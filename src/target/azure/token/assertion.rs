//! An application that proves itself by an assertion: a text that its own key, or an identity provider that the tenant
//! trusts, has signed. It is got anew for each token, since it lives for minutes only.
//!
//! Sources: learn.microsoft.com, "Microsoft Entra application authentication certificate credentials" and "Workload
//! identity federation"; Azure DevOps REST API, "Oidctoken - Create", 7.1; docs.github.com, "OpenID Connect reference";
//! read 2026-11-25.

use std::path::PathBuf;
use std::sync::Arc;

use reqwest::{Method, Url};
use serde_json::Value as Json;

use super::endpoint::{Authority, TokenEndpoint, object_of};
use super::{Token, TokenGrant};
use crate::base::{Clock, Secret};
use crate::contract::{Fault, FaultClass, Future};
use crate::target::http::{HttpClient, HttpError, HttpSettings, parse_url};

const ASSERTION_TYPE: (&str, &str) =
    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");

/// Where assertions come from.
pub trait AssertionSource: Send + Sync {
    /// An assertion that is valid now, for the token endpoint at `audience`.
    fn assertion<'a>(&'a self, audience: &'a Url, client_id: &'a str) -> Future<'a, Result<Secret, Fault>>;
}

impl AssertionSource for Box<dyn AssertionSource> {
    fn assertion<'a>(&'a self, audience: &'a Url, client_id: &'a str) -> Future<'a, Result<Secret, Fault>> {
        self.as_ref().assertion(audience, client_id)
    }
}

/// Tokens for an application that proves itself by assertions.
pub struct AssertionGrant {
    endpoint: TokenEndpoint,
    source: Box<dyn AssertionSource>,
}

impl AssertionGrant {
    /// A grant from this authority.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn new(
        http: &HttpSettings,
        authority: Authority,
        client_id: &str,
        source: impl AssertionSource + 'static,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        Ok(Self { endpoint: TokenEndpoint::new(http, authority, client_id, clock)?, source: Box::new(source) })
    }

    async fn ask(&self) -> Result<Token, Fault> {
        let assertion = self.source.assertion(self.endpoint.authority.token_url(), &self.endpoint.client_id).await?;
        self.endpoint.ask(&[ASSERTION_TYPE], ("client_assertion", &assertion)).await
    }
}

impl TokenGrant for AssertionGrant {
    fn grant(&self) -> Future<'_, Result<Token, Fault>> {
        Box::pin(self.ask())
    }
}

/// An assertion that somebody keeps fresh in a file: workload identity in Kubernetes. The file is read each time.
#[derive(Debug, Clone)]
pub struct FederatedFile(pub PathBuf);

impl AssertionSource for FederatedFile {
    fn assertion<'a>(&'a self, _: &'a Url, _: &'a str) -> Future<'a, Result<Secret, Fault>> {
        let read = || {
            let text = std::fs::read_to_string(&self.0).map_err(|error| {
                missing("FederatedTokenFile", format!("{} cannot be read: {error}", self.0.display()))
                    .help("AZURE_FEDERATED_TOKEN_FILE names the file; see that it is mounted.")
            })?;
            let text = Secret::new(text.trim());
            if text.expose().is_empty() {
                return Err(missing("FederatedTokenFile", format!("{} is empty", self.0.display())));
            }
            Ok(text)
        };
        Box::pin(std::future::ready(read()))
    }
}

/// A pipeline of Azure DevOps, which gives an id token for one of its service connections.
pub struct AzurePipelines {
    http: HttpClient,
    url: Url,
    access_token: Secret,
}

impl AzurePipelines {
    /// `request_uri` is `SYSTEM_OIDCREQUESTURI`, `access_token` is `SYSTEM_ACCESSTOKEN`.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn new(
        http: &HttpSettings,
        request_uri: &str,
        service_connection: &str,
        access_token: Secret,
    ) -> Result<Self, HttpError> {
        let mut url = parse_url(request_uri)?;
        url.query_pairs_mut().append_pair("api-version", "7.1").append_pair("serviceConnectionId", service_connection);
        Ok(Self { http: HttpClient::new(http)?, url, access_token })
    }

    async fn ask(&self) -> Result<Secret, Fault> {
        let request = self
            .http
            .request(Method::POST, self.url.clone())
            .bearer_auth(self.access_token.expose())
            .header("Accept", "application/json")
            // Without it, a token that has ended is answered by a page to sign in at.
            .header("X-TFS-FedAuthRedirect", "Suppress")
            .json(&serde_json::json!({}));
        let mut answer = self.http.send(request).await?;
        answer.scrub([self.access_token.expose()]);
        id_token(&answer, "Azure Pipelines", "oidcToken").map_err(|fault| {
            fault.help(
                "Map SYSTEM_ACCESSTOKEN to $(System.AccessToken) in the step, and check the id of the service connection.",
            )
        })
    }
}

impl AssertionSource for AzurePipelines {
    fn assertion<'a>(&'a self, _: &'a Url, _: &'a str) -> Future<'a, Result<Secret, Fault>> {
        Box::pin(self.ask())
    }
}

/// A workflow of GitHub.
pub struct GithubActions {
    http: HttpClient,
    url: Url,
    request_token: Secret,
}

impl GithubActions {
    /// `request_url` is `ACTIONS_ID_TOKEN_REQUEST_URL`, `request_token` is `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn new(http: &HttpSettings, request_url: &str, request_token: Secret) -> Result<Self, HttpError> {
        let mut url = parse_url(request_url)?;
        url.query_pairs_mut().append_pair("audience", "api://AzureADTokenExchange");
        Ok(Self { http: HttpClient::new(http)?, url, request_token })
    }

    async fn ask(&self) -> Result<Secret, Fault> {
        let request = self
            .http
            .request(Method::GET, self.url.clone())
            .bearer_auth(self.request_token.expose())
            .header("Accept", "application/json; api-version=2.0");
        let mut answer = self.http.send(request).await?;
        answer.scrub([self.request_token.expose()]);
        id_token(&answer, "GitHub Actions", "value")
            .map_err(|fault| fault.help("Give the job `permissions: id-token: write`."))
    }
}

impl AssertionSource for GithubActions {
    fn assertion<'a>(&'a self, _: &'a Url, _: &'a str) -> Future<'a, Result<Secret, Fault>> {
        Box::pin(self.ask())
    }
}

/// The id token in an answer.
fn id_token(answer: &crate::target::http::Answer, who: &str, field: &str) -> Result<Secret, Fault> {
    let status = answer.status.as_u16();
    // A redirect leads to a page where a person would sign in.
    if answer.status.is_redirection() || matches!(status, 401 | 403) {
        return Err(missing("IdTokenRefused", format!("{who} gives no id token: it answered {status}")));
    }
    let body = object_of(answer, who)?;
    if let Some(token) = body.get(field).and_then(Json::as_str).filter(|token| !token.is_empty()) {
        return Ok(Secret::new(token));
    }
    let said = body.get("message").and_then(Json::as_str).unwrap_or_default();
    let class = match status {
        429 => FaultClass::Throttled,
        500.. => FaultClass::Transient,
        _ => FaultClass::Authentication,
    };
    let message = format!("{who} gives no id token: it answered {status} {said}");
    Err(Fault::new(class, "IdTokenRefused", message.trim_end().to_owned()))
}

fn missing(code: &str, message: String) -> Fault {
    Fault::new(FaultClass::Authentication, code, message)
}
