//! One request to Azure Resource Manager and its answer: ids for support, the bearer token, and no secret in an error.
//!
//! Deliberately absent: retries and pacing (the executor's). The one exception is a token that the server refuses
//! although it should be valid: it is renewed once.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::error::{fault_of_answer, foreign, is_foreign};
use super::limits::Limits;
use super::token::TokenSource;
use super::trace::{Exchange, Trace};
use crate::base::{Clock, Entropy, Secret};
use crate::contract::{Address, Fault, FaultClass};
use crate::target::http::{Answer, HttpClient, is_safe, with_path};

/// What every request goes through.
pub(super) struct Pipeline {
    pub(super) http: HttpClient,
    /// Azure Resource Manager.
    pub(super) endpoint: Url,
    pub(super) tokens: Arc<dyn TokenSource>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// What ties the requests of one run together, in Azure's activity log too.
    pub(super) correlation: String,
    /// What the answers tell of Azure's limits.
    pub(super) limits: Limits,
    /// Where requests and answers are written, without secrets.
    pub(super) trace: Option<Arc<dyn Trace>>,
    /// What no error may tell, whoever was told it.
    pub(super) concealed: Mutex<Vec<Secret>>,
}

impl Pipeline {
    /// These are left out of every error from now on. Words are too short for that, and scripts too long to be told.
    pub(super) fn conceal(&self, secrets: Vec<Secret>) {
        let mut concealed = self.concealed.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            if (SHORTEST_SECRET..=LONGEST_SECRET).contains(&secret.expose().len()) && !concealed.contains(&secret) {
                concealed.push(secret);
            }
        }
    }

    /// The present moment.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The URL of a resource.
    pub(super) fn url_of(&self, address: &Address) -> Url {
        let mut url = with_path(&self.endpoint, address.id.split('/').filter(|segment| !segment.is_empty()));
        url.query_pairs_mut().append_pair("api-version", &address.api_version);
        url
    }

    /// Whether a URL is one that the token may be sent to: the same scheme, host and port as the endpoint's.
    pub(super) fn is_ours(&self, url: &Url) -> bool {
        is_safe(url)
            && url.scheme() == self.endpoint.scheme()
            && url.host_str() == self.endpoint.host_str()
            && url.port_or_known_default() == self.endpoint.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none()
    }

    /// Sends a request. The answer may have any status; it is JSON or empty.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        body: Option<&Json>,
        etag: Option<&str>,
    ) -> Result<Answer, Fault> {
        let (answer, token) = self.exchange(method, url, body, etag).await?;
        self.checked(answer, &token, body)
    }

    /// Reads something of this form; nothing if it has another. That it is JSON is seen by reading it: a list has megabytes,
    /// which would be gone through twice.
    pub(super) async fn read_as<T: DeserializeOwned>(&self, url: &Url) -> Result<Option<T>, Fault> {
        let (answer, token) = self.exchange(Method::GET, url, None, None).await?;
        if answer.status.is_success()
            && let Some(value) = answer.json_as()
        {
            return Ok(Some(value));
        }
        let answer = self.checked(answer, &token, None)?;
        if answer.status.is_success() { Ok(None) } else { Err(self.fault(&answer)) }
    }

    /// One request and its answer, whatever that is, and the token that it was sent with.
    async fn exchange(
        &self,
        method: Method,
        url: &Url,
        body: Option<&Json>,
        etag: Option<&str>,
    ) -> Result<(Answer, Secret), Fault> {
        if !self.is_ours(url) {
            let host = url.host_str().unwrap_or_default();
            let message = format!("{host} is not this target's; the token is not sent there");
            return Err(Fault::new(FaultClass::OperationLost, "ForeignAddress", message));
        }
        let token = self.tokens.token().await?;
        let answer = self.send_with(&token, method.clone(), url, body, etag).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok((answer, token));
        }
        self.tokens.forget(&token);
        let renewed = self.tokens.token().await?;
        if renewed == token {
            return Ok((answer, token));
        }
        let answer = self.send_with(&renewed, method, url, body, etag).await?;
        Ok((answer, renewed))
    }

    async fn send_with(
        &self,
        token: &Secret,
        method: Method,
        url: &Url,
        body: Option<&Json>,
        etag: Option<&str>,
    ) -> Result<Answer, Fault> {
        let mut request = self
            .http
            .request(method.clone(), url.clone())
            .bearer_auth(token.expose())
            .header("Accept", "application/json")
            .header("x-ms-client-request-id", self.entropy.uuid().to_string())
            .header("x-ms-correlation-request-id", &self.correlation)
            .header("x-ms-return-client-request-id", "true");
        if let Some(etag) = etag {
            request = request.header("If-Match", etag);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let began = self.now();
        let mut answer = self.http.send(request).await;
        if let Ok(answer) = &mut answer {
            let concealed = self.concealed.lock().unwrap_or_else(PoisonError::into_inner);
            // An operation that failed is told with a status of success.
            let is_error = !answer.status.is_success() || mentions_error(&answer.body);
            if is_error {
                answer.scrub(concealed.iter().map(Secret::expose));
            }
        }
        if let Ok(answer) = &answer {
            self.limits.note(answer, self.now());
        }
        if let Some(trace) = &self.trace {
            trace.exchange(&Exchange::new(began, self.now(), &method, url, body, token, answer.as_ref()));
        }
        answer
    }

    /// The answer without the secrets that were sent, if it speaks the protocol.
    fn checked(&self, mut answer: Answer, token: &Secret, body: Option<&Json>) -> Result<Answer, Fault> {
        let is_foreign = is_foreign(&answer);
        if is_foreign || !answer.status.is_success() {
            let mut secrets = vec![token.expose()];
            if let Some(body) = body {
                secrets_of(body, false, &mut secrets);
            }
            answer.scrub(secrets);
        }
        // A limit is a limit whatever page tells it; the caller knows what waits.
        if is_foreign && answer.status != StatusCode::TOO_MANY_REQUESTS {
            let mut fault = foreign(&answer);
            fault.retry_after = answer.retry_after(self.now());
            return Err(fault);
        }
        Ok(answer)
    }

    /// The fault that an answer with an error status tells.
    pub(super) fn fault(&self, answer: &Answer) -> Fault {
        fault_of_answer(answer, self.now())
    }
}

/// Whether a body may hold an error. Asked of every answer, of lists of megabytes too; the library's search of texts is
/// ten times as fast as a look at each position.
fn mentions_error(body: &[u8]) -> bool {
    std::str::from_utf8(body).map_or(true, |text| text.contains("\"error\""))
}

/// The fields of a body whose texts nobody may see.
pub(super) const SECRET_FIELDS: [&str; 6] =
    ["customData", "userData", "adminPassword", "protectedSettings", "secureString", "privateKey"];

/// Longer ones are what machines run, which no error repeats.
const LONGEST_SECRET: usize = 4096;
/// Shorter texts are words, not secrets.
const SHORTEST_SECRET: usize = 6;

pub(super) fn secrets_of<'a>(body: &'a Json, is_secret: bool, secrets: &mut Vec<&'a str>) {
    match body {
        Json::String(text) if is_secret && text.len() >= SHORTEST_SECRET => secrets.push(text),
        Json::Array(items) => items.iter().for_each(|item| secrets_of(item, is_secret, secrets)),
        Json::Object(entries) => {
            for (name, value) in entries {
                secrets_of(value, is_secret || SECRET_FIELDS.contains(&name.as_str()), secrets);
            }
        }
        _ => {}
    }
}
