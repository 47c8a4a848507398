//! Bearer tokens: where they come from, and keeping one until shortly before it ends.
//!
//! Source: learn.microsoft.com, "Microsoft identity platform and the OAuth 2.0 client credentials flow" and
//! "Microsoft Entra authentication and authorization error codes", read 2026-11-21.
//! Deliberately absent: every other kind of credential than a client secret, each of which is one more [`TokenGrant`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, Url};
use serde_json::Value as Json;

use crate::base::{Clock, Secret};
use crate::contract::{Fault, FaultClass, Future};
use crate::target::http::{Answer, HttpClient, HttpError, HttpSettings, parse_url, with_path};

/// A token is renewed this long before it ends, or after half its life if that is later.
const RENEW_BEFORE_END: SignedDuration = SignedDuration::from_secs(300);

/// After a refusal everybody who waited gets the same answer for this long, rather than asking again one by one.
const REFUSAL_LASTS: SignedDuration = SignedDuration::from_secs(2);

/// A life that is told wrongly must not overflow the calendar.
const LONGEST_LIFE: i64 = 7 * 24 * 3600;

/// Where the bearer tokens for one audience come from.
pub trait TokenSource: Send + Sync {
    /// A token that is valid now.
    fn token(&self) -> Future<'_, Result<Secret, Fault>>;

    /// Tells that the server refused this token although it should be valid: the next call gets another.
    fn forget(&self, token: &Secret);
}

/// A token as it was granted.
#[derive(Debug, Clone)]
pub struct Token {
    /// What is sent.
    pub secret: Secret,
    /// How long it is valid from now on.
    pub lifetime: Duration,
}

/// How a new token is got, whatever it takes. Called by [`CachedTokens`], one call at a time.
pub trait TokenGrant: Send + Sync {
    /// A new token.
    fn grant(&self) -> Future<'_, Result<Token, Fault>>;
}

/// One token that was given and cannot be renewed.
#[derive(Debug, Clone)]
pub struct FixedToken(pub Secret);

impl TokenSource for FixedToken {
    fn token(&self) -> Future<'_, Result<Secret, Fault>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }

    fn forget(&self, _: &Secret) {}
}

/// Keeps a granted token and renews it in time.
pub struct CachedTokens {
    grant: Box<dyn TokenGrant>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    renewal: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    token: Option<Cached>,
    refused: Option<(Timestamp, Fault)>,
}

#[derive(Clone)]
struct Cached {
    secret: Secret,
    renew_at: Timestamp,
    ends_at: Timestamp,
}

impl CachedTokens {
    /// Tokens from a grant.
    pub fn new(grant: impl TokenGrant + 'static, clock: Arc<dyn Clock>) -> Self {
        Self { grant: Box::new(grant), clock, state: Mutex::default(), renewal: tokio::sync::Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; a poisoned state would still be a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cached(&self) -> Option<Cached> {
        self.state().token.clone().filter(|token| token.ends_at > self.clock.now())
    }

    async fn get(&self) -> Result<Secret, Fault> {
        let valid = self.cached();
        if let Some(token) = valid.as_ref().filter(|token| token.renew_at > self.clock.now()) {
            return Ok(token.secret.clone());
        }
        let _renewal = match (self.renewal.try_lock(), valid) {
            (Ok(guard), _) => guard,
            // Somebody renews it already; until then the old one will do.
            (Err(_), Some(token)) => return Ok(token.secret),
            (Err(_), None) => self.renewal.lock().await,
        };
        let now = self.clock.now();
        let valid = self.cached();
        if let Some(token) = valid.as_ref().filter(|token| token.renew_at > now) {
            return Ok(token.secret.clone());
        }
        let refused = self.state().refused.clone().filter(|(at, _)| now.duration_since(*at) < REFUSAL_LASTS);
        // A token that still has minutes to live is better than none, unless the credentials are wrong.
        let make_do =
            |fault: Fault| valid.filter(|_| fault.class.is_retryable()).map(|token| token.secret).ok_or(fault);
        if let Some((_, fault)) = refused {
            return make_do(fault);
        }
        match self.grant.grant().await {
            Ok(Token { secret, lifetime }) => {
                let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(LONGEST_LIFE).min(LONGEST_LIFE);
                let life = SignedDuration::from_secs(seconds);
                let ends_at = self.clock.now_plus_seconds(seconds);
                let renew_at = ends_at - RENEW_BEFORE_END.min(life / 2);
                let token = Cached { secret: secret.clone(), renew_at, ends_at };
                *self.state() = State { token: Some(token), refused: None };
                Ok(secret)
            }
            Err(fault) => {
                self.state().refused = Some((self.clock.now(), fault.clone()));
                make_do(fault)
            }
        }
    }
}

impl TokenSource for CachedTokens {
    fn token(&self) -> Future<'_, Result<Secret, Fault>> {
        Box::pin(self.get())
    }

    fn forget(&self, token: &Secret) {
        let mut state = self.state();
        if state.token.as_ref().is_some_and(|cached| cached.secret == *token) {
            state.token = None;
        }
    }
}

/// Tokens for an application that proves itself by a client secret, from the v2 endpoint.
pub struct ClientSecretGrant {
    http: HttpClient,
    url: Url,
    client_id: String,
    client_secret: Secret,
    scope: String,
    clock: Arc<dyn Clock>,
}

impl ClientSecretGrant {
    /// A grant from `authority` (such as `https://login.microsoftonline.com`) for `audience`.
    pub fn new(
        http: &HttpSettings,
        authority: &str,
        tenant_id: &str,
        client_id: &str,
        client_secret: Secret,
        audience: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        Ok(Self {
            http: HttpClient::new(http)?,
            url: with_path(&parse_url(authority)?, [tenant_id, "oauth2", "v2.0", "token"]),
            client_id: client_id.to_owned(),
            client_secret,
            // An audience that ends with a slash keeps it: the token's `aud` is all that stands before `/.default`.
            scope: format!("{audience}/.default"),
            clock,
        })
    }

    /// The secret as it stands in the request's body.
    fn encoded_secret(&self) -> Secret {
        let mut url = self.url.clone();
        url.query_pairs_mut().clear().append_pair("", self.client_secret.expose());
        Secret::new(url.query().unwrap_or_default().trim_start_matches('='))
    }

    async fn ask(&self) -> Result<Token, Fault> {
        let request = self.http.request(Method::POST, self.url.clone()).header("Accept", "application/json").form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose()),
            ("scope", &self.scope),
        ]);
        let mut answer = self.http.send(request).await?;
        let encoded = self.encoded_secret();
        answer.scrub([self.client_secret.expose(), encoded.expose()]);
        token_of(&answer).map_err(|mut fault| {
            fault.retry_after = answer.retry_after(self.clock.now());
            fault
        })
    }
}

impl TokenGrant for ClientSecretGrant {
    fn grant(&self) -> Future<'_, Result<Token, Fault>> {
        Box::pin(self.ask())
    }
}

/// Reads the answer of a token endpoint.
fn token_of(answer: &Answer) -> Result<Token, Fault> {
    let Some(body) = answer.json().filter(Json::is_object) else {
        let message = format!(
            "the authority answered {} with something that is not JSON: {}",
            answer.status.as_u16(),
            answer.excerpt()
        );
        return Err(Fault::new(FaultClass::Unavailable, "NotJson", message).help(
            "Something between here and the authority answers in its place: see about proxies and the address.",
        ));
    };
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
        fault = fault.help("Check the tenant, the client id and the client secret.");
    }
    fault.request_id = body.get("trace_id").and_then(Json::as_str).map(str::to_owned);
    fault
}
