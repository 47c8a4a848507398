//! The token endpoint: asking for a token by a form, and what its answers mean.
//!
//! Sources: learn.microsoft.com, "Microsoft identity platform and the OAuth 2.0 client credentials flow", "Microsoft
//! Entra authentication and authorization error codes", and for AD FS "AD FS OpenID Connect/OAuth flows and application
//! scenarios"; read 2026-11-25.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::Value as Json;

use super::Token;
use crate::base::{Clock, Secret};
use crate::contract::{Fault, FaultClass};
use crate::target::http::{Answer, HttpClient, HttpError, HttpSettings, parse_url, with_path};

/// Who gives tokens, and for what.
#[derive(Debug, Clone)]
pub struct Authority {
    url: Url,
    /// The field that says whom the token is for, with its value.
    audience: (&'static str, String),
}

impl Authority {
    /// Microsoft Entra ID: `authority` such as `https://login.microsoftonline.com`, its v2 endpoint.
    ///
    /// # Errors
    /// An authority that is no https address.
    pub fn entra(authority: &str, tenant_id: &str, audience: &str) -> Result<Self, HttpError> {
        Ok(Self {
            url: with_path(&parse_url(authority)?, [tenant_id, "oauth2", "v2.0", "token"]),
            // An audience that ends with a slash keeps it: the token's `aud` is all that stands before `/.default`.
            audience: ("scope", format!("{audience}/.default")),
        })
    }

    /// AD FS, as disconnected Azure Stack Hubs have it: `authority` with or without `/adfs` at its end.
    ///
    /// # Errors
    /// An authority that is no https address.
    pub fn adfs(authority: &str, audience: &str) -> Result<Self, HttpError> {
        let url = parse_url(authority)?;
        let has_path = url.path().trim_end_matches('/').to_ascii_lowercase().ends_with("/adfs");
        let path: &[&str] = if has_path { &["oauth2", "token"] } else { &["adfs", "oauth2", "token"] };
        Ok(Self { url: with_path(&url, path.iter().copied()), audience: ("resource", audience.to_owned()) })
    }

    /// The address of the token endpoint, which assertions name as their audience.
    pub(super) fn token_url(&self) -> &Url {
        &self.url
    }
}

/// The endpoint with a client to reach it.
pub(super) struct TokenEndpoint {
    pub(super) http: HttpClient,
    pub(super) authority: Authority,
    pub(super) client_id: String,
    pub(super) clock: Arc<dyn Clock>,
}

impl TokenEndpoint {
    pub(super) fn new(
        http: &HttpSettings,
        authority: Authority,
        client_id: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        Ok(Self { http: HttpClient::new(http)?, authority, client_id: client_id.to_owned(), clock })
    }

    /// Asks for a token with these fields, the last of which is a secret.
    pub(super) async fn ask(&self, proof: &[(&str, &str)], secret: (&str, &Secret)) -> Result<Token, Fault> {
        let (audience, wanted) = &self.authority.audience;
        let mut form = vec![("grant_type", "client_credentials"), ("client_id", self.client_id.as_str())];
        form.extend_from_slice(proof);
        form.push((secret.0, secret.1.expose()));
        form.push((audience, wanted));
        let request = self
            .http
            .request(Method::POST, self.authority.url.clone())
            .header("Accept", "application/json")
            .form(&form);
        let mut answer = self.http.send(request).await?;
        let encoded = self.encoded(secret.1);
        answer.scrub([secret.1.expose(), encoded.expose()]);
        token_of(&answer).map_err(|mut fault| {
            fault.retry_after = answer.retry_after(self.clock.now());
            fault
        })
    }

    /// The secret as it stands in the request's body.
    fn encoded(&self, secret: &Secret) -> Secret {
        let mut url = self.authority.url.clone();
        url.query_pairs_mut().clear().append_pair("", secret.expose());
        Secret::new(url.query().unwrap_or_default().trim_start_matches('='))
    }
}

/// The body of an answer that has to be a JSON object.
pub(super) fn object_of(answer: &Answer, who: &str) -> Result<Json, Fault> {
    answer.json().filter(Json::is_object).ok_or_else(|| {
        let message =
            format!("{who} answered {} with something that is not JSON: {}", answer.status.as_u16(), answer.excerpt());
        Fault::new(FaultClass::Unavailable, "NotJson", message)
            .help(format!("Something between here and {who} answers in its place: see about proxies and the address."))
    })
}

/// Reads the answer of a token endpoint.
pub(super) fn token_of(answer: &Answer) -> Result<Token, Fault> {
    let body = object_of(answer, "the authority")?;
    if !answer.status.is_success() {
        return Err(refusal(answer.status.as_u16(), &body));
    }
    // Old endpoints send the number as text.
    let seconds = |value: &Json| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let lifetime = body.get("expires_in").and_then(seconds).unwrap_or(3600);
    match body.get("access_token").and_then(Json::as_str).filter(|token| !token.is_empty()) {
        Some(token) => Ok(Token { secret: Secret::new(token), lifetime: Duration::from_secs(lifetime) }),
        None => Err(Fault::new(FaultClass::Unavailable, "NoToken", "the authority's answer holds no token")),
    }
}

/// Error numbers of the authority, what they mean, and what to do.
const REFUSALS: &[(u32, &str, &str)] = &[
    (
        7_000_222,
        "the client secret has expired",
        "Make a new one (`az ad app credential reset --id <client id>`) and give it to the engine.",
    ),
    (
        7_000_215,
        "the client secret is wrong",
        "Give the secret's value, not its id; `az ad app credential reset --id <client id>` makes a new one.",
    ),
    (
        700_016,
        "the application is not known in this tenant",
        "Check the client id, and that the tenant and the cloud are those in which the application is registered.",
    ),
    (90_002, "the tenant does not exist", "Check the tenant id, and that the cloud is the right one."),
    (900_023, "the tenant's id is malformed", "Give the tenant as a GUID or as one of its domain names."),
    (500_011, "the audience is not known in this tenant", "Check the cloud, and the audience if one was given."),
    (7_000_112, "the application is disabled", "Have it enabled in the tenant's enterprise applications."),
    (700_027, "the client certificate is not the application's", "Upload the certificate to the application."),
    (
        700_024,
        "the assertion has ended, or this machine's clock is wrong",
        "Set the clock. In a pipeline, sign in anew: an id token lives for minutes only.",
    ),
    (
        700_211,
        "no federated credential of the application has this issuer",
        "Add a federated credential for this identity provider to the application.",
    ),
    (
        700_212,
        "no federated credential of the application has this audience",
        "The federated credential's audience must be api://AzureADTokenExchange.",
    ),
    (
        700_213,
        "no federated credential of the application has this subject",
        "Correct the federated credential's subject: service connection, repository and branch, or service account.",
    ),
    (
        53_003,
        "a conditional access policy forbids it",
        "Ask the tenant's administrator which one, by the request's id.",
    ),
    (7_000_114, "the application may not use this kind of credential", "Register it as one that holds a secret."),
];

/// What the authority's refusal means. Its own description is shown only for numbers that are not in the table.
fn refusal(status: u16, body: &Json) -> Fault {
    let description = body.get("error_description").and_then(Json::as_str).unwrap_or_default();
    let listed = body.pointer("/error_codes/0").and_then(Json::as_u64).and_then(|code| u32::try_from(code).ok());
    let number = listed.or_else(|| {
        let digits: String = description.strip_prefix("AADSTS")?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    let word = body.get("error").and_then(Json::as_str).unwrap_or_default();
    let code = number.map_or_else(|| word.to_owned(), |number| format!("AADSTS{number}"));
    let known = number.and_then(|number| REFUSALS.iter().find(|(other, ..)| *other == number));
    let class = match status {
        429 => FaultClass::Throttled,
        _ if status >= 500 || word == "temporarily_unavailable" => FaultClass::Transient,
        _ => FaultClass::Authentication,
    };
    let mut fault = match known {
        Some((_, meaning, help)) => Fault::new(class, code, format!("no token: {meaning}")).help(*help),
        None => {
            let said: String = description.lines().next().unwrap_or_default().chars().take(300).collect();
            let message = if said.is_empty() {
                format!("no token: the authority answered {status}")
            } else {
                format!("no token: {said}")
            };
            Fault::new(class, code, message)
        }
    };
    if fault.help.is_none() && class == FaultClass::Authentication {
        fault = fault.help("Check the tenant, the client id and the credentials.");
    }
    fault.request_id = body.get("trace_id").and_then(Json::as_str).map(str::to_owned);
    fault
}
