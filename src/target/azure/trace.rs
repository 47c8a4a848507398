//! Requests and answers as a trace shows them: everything that helps to find a fault, and no secret.
//!
//! What is left out: the token, the query's signature (`t`, `c`, `s`, `h`, `sig`), whatever the body says under a
//! secret's name, and what a provider hands out on request (keys, tokens, connection strings).

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use reqwest::{Method, Url};
use serde_json::{Value as Json, json};

use super::pipeline::SECRET_FIELDS;
use crate::base::Secret;
use crate::contract::Fault;
use crate::target::http::Answer;

/// Where exchanges go. A test records them by it; `--trace` writes them to a file.
pub trait Trace: Send + Sync {
    /// Takes one request with its answer.
    fn exchange(&self, exchange: &Exchange);
}

/// One request and its answer, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// When it was sent.
    pub at: Timestamp,
    /// How long the answer took, in milliseconds.
    pub milliseconds: i64,
    /// The method.
    pub method: String,
    /// The address; values of a signature are left out.
    pub url: String,
    /// The request's body.
    pub request: Option<Json>,
    /// The status; none if there was no answer.
    pub status: Option<u16>,
    /// The headers by which support finds a request, those about limits, and those about operations.
    pub headers: Vec<(String, String)>,
    /// The answer's body, or why there was none.
    pub response: Option<Json>,
}

/// Names of fields whose texts are secrets wherever they stand, besides those of request bodies.
const HANDED_OUT: [&str; 9] = [
    "access_token",
    "refresh_token",
    "client_secret",
    "client_assertion",
    "connectionString",
    "primaryKey",
    "secondaryKey",
    "accessSAS",
    "password",
];

/// Parts of a query that are a signature.
const SIGNATURE: [&str; 6] = ["t", "c", "s", "h", "sig", "code"];

const HIDDEN: &str = "(secret)";

impl Exchange {
    pub(super) fn new(
        at: Timestamp,
        ended: Timestamp,
        method: &Method,
        url: &Url,
        body: Option<&Json>,
        token: &Secret,
        answer: Result<&Answer, &Fault>,
    ) -> Self {
        let mut request = body.cloned();
        let mut sent = vec![token.expose().to_owned()];
        if let Some(body) = body {
            let mut found = Vec::new();
            super::pipeline::secrets_of(body, false, &mut found);
            sent.extend(found.into_iter().map(str::to_owned));
        }
        if let Some(request) = &mut request {
            hide(request, false, &[]);
        }
        let (status, headers, response) = match answer {
            Ok(answer) => {
                let mut body = answer.json().unwrap_or_else(|| json!(answer.excerpt()));
                hide(&mut body, false, &sent);
                let body = Some(body).filter(|_| !answer.is_empty());
                (Some(answer.status.as_u16()), headers_of(answer), body)
            }
            Err(fault) => (None, Vec::new(), Some(json!({ "fault": fault.to_string() }))),
        };
        Self {
            at,
            milliseconds: i64::try_from(ended.duration_since(at).as_millis()).unwrap_or(i64::MAX),
            method: method.to_string(),
            url: without_signature(url),
            request,
            status,
            headers,
            response,
        }
    }
}

fn headers_of(answer: &Answer) -> Vec<(String, String)> {
    let told = |name: &str| {
        ["x-ms-request-id", "x-ms-correlation-request-id", "x-ms-client-request-id", "retry-after", "etag"]
            .contains(&name)
            || name.starts_with("x-ms-ratelimit-")
    };
    let urls = ["azure-asyncoperation", "location"];
    let text = |name: &str, value: &str| match Url::parse(value) {
        Ok(url) if urls.contains(&name) => without_signature(&url),
        _ => value.to_owned(),
    };
    let headers = answer.headers.iter().filter(|(name, _)| told(name.as_str()) || urls.contains(&name.as_str()));
    headers.map(|(name, value)| (name.to_string(), text(name.as_str(), value.to_str().unwrap_or_default()))).collect()
}

fn without_signature(url: &Url) -> String {
    if url.query().is_none() {
        return url.to_string();
    }
    let mut shown = url.clone();
    let pairs: Vec<(String, String)> = url.query_pairs().map(|(name, value)| (name.into(), value.into())).collect();
    shown.query_pairs_mut().clear().extend_pairs(pairs.iter().map(|(name, value)| {
        (name.as_str(), if SIGNATURE.contains(&name.as_str()) { HIDDEN } else { value.as_str() })
    }));
    shown.to_string()
}

/// Puts a word in the place of every secret: by the field's name, or because it is one that was sent.
fn hide(body: &mut Json, is_secret: bool, sent: &[String]) {
    match body {
        Json::String(text) if is_secret && !text.is_empty() => HIDDEN.clone_into(text),
        Json::String(text) => {
            for secret in sent.iter().filter(|secret| !secret.is_empty()) {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), HIDDEN);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| hide(item, is_secret, sent)),
        Json::Object(entries) => {
            // `listKeys` answers `{"keys": [{"keyName": …, "value": …}]}`.
            let is_key = entries.contains_key("keyName");
            for (name, value) in entries.iter_mut() {
                let named = |secret: &&str| secret.eq_ignore_ascii_case(name);
                let by_name =
                    SECRET_FIELDS.iter().any(named) || HANDED_OUT.iter().any(named) || (is_key && name == "value");
                hide(value, is_secret || by_name, sent);
            }
        }
        _ => {}
    }
}

/// Writes each exchange as one line of JSON.
pub struct JsonLines<W: Write + Send>(Mutex<W>);

impl<W: Write + Send> JsonLines<W> {
    /// Lines into a file that nobody else may read, say.
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }
}

impl<W: Write + Send> Trace for JsonLines<W> {
    fn exchange(&self, exchange: &Exchange) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A trace that cannot be written is no reason to stop what is traced.
        if let Ok(line) = serde_json::to_string(exchange) {
            let _ = writeln!(writer, "{line}");
            let _ = writer.flush();
        }
    }
}

/// Keeps exchanges, for tests.
#[derive(Default)]
pub struct Recording(Mutex<Vec<Exchange>>);

impl Recording {
    /// What was exchanged so far.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Trace for Recording {
    fn exchange(&self, exchange: &Exchange) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(exchange.clone());
    }
}
