//! One request and its response, as plain values: what is between them is a function without I/O.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// The method in upper case.
    pub(super) method: String,
    /// The path and query byte for byte as they came.
    pub(super) target: String,
    /// The path's segments, decoded.
    pub(super) segments: Vec<String>,
    /// The query's parameters, decoded, names in lower case.
    pub(super) query: BTreeMap<String, String>,
    /// The headers, names in lower case; values that are no text are left out.
    pub(super) headers: BTreeMap<String, String>,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Takes a request target apart.
    pub(super) fn new(method: &str, target: &str, headers: BTreeMap<String, String>, body: Vec<u8>) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(|text| decode(text, false)).collect();
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name, true).to_ascii_lowercase(), decode(value, true))
            })
            .collect();
        Self { method: method.to_ascii_uppercase(), target: target.to_owned(), segments, query, headers, body }
    }

    /// The segments in lower case, for matching.
    pub(super) fn lower_segments(&self) -> Vec<String> {
        self.segments.iter().map(|segment| segment.to_ascii_lowercase()).collect()
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as a JSON object. No body is an empty one.
    pub(super) fn json(&self) -> Result<Json, Refusal> {
        if self.body.is_empty() {
            return Ok(json!({}));
        }
        match serde_json::from_slice(&self.body) {
            Ok(body @ Json::Object(_)) => Ok(body),
            Ok(_) => Err(Refusal::new(
                400,
                "InvalidRequestContent",
                "The request content was invalid and could not be deserialized: 'The root is not a JSON object.'.",
            )),
            Err(cause) => Err(Refusal::new(
                400,
                "InvalidRequestContent",
                format!("The request content was invalid and could not be deserialized: '{cause}'."),
            )),
        }
    }
}

/// Percent-decodes; what is not valid stays as it is.
fn decode(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let hexadecimal = |byte: u8| char::from(byte).to_digit(16);
        match byte {
            b'%' if after.len() >= 2 => match (hexadecimal(after[0]), hexadecimal(after[1])) {
                (Some(high), Some(low)) => {
                    decoded.push(u8::try_from(high << 4 | low).unwrap_or(b'?'));
                    rest = &after[2..];
                }
                _ => decoded.push(byte),
            },
            b'+' if plus_is_space => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A response.
#[derive(Debug, Clone)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Nothing: an empty body.
    pub(super) body: Option<Json>,
}

impl Response {
    pub(super) const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    pub(super) const fn json(status: u16, body: Json) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A request that is refused, in ARM's error envelope.
#[derive(Debug, Clone)]
pub(super) struct Refusal(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: u16,
    code: String,
    message: String,
    target: Option<String>,
    details: Option<Vec<Json>>,
    headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self(Box::new(Parts { status, code, message, target: None, details: None, headers: Vec::new() }))
    }

    /// The same, told by the gateway before a provider saw the request.
    #[must_use]
    pub(super) fn by_gateway(self) -> Self {
        self.header("x-ms-failure-cause", "gateway")
    }

    #[must_use]
    pub(super) fn target(mut self, target: impl Into<String>) -> Self {
        self.0.target = Some(target.into());
        self
    }

    #[must_use]
    pub(super) fn details(mut self, details: Vec<Json>) -> Self {
        self.0.details = Some(details);
        self
    }

    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let parts = *refusal.0;
        let mut error = json!({ "code": parts.code, "message": parts.message });
        if let Some(target) = parts.target {
            error["target"] = target.into();
        }
        if let Some(details) = parts.details {
            error["details"] = details.into();
        }
        Self { status: parts.status, headers: parts.headers, body: Some(json!({ "error": error })) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_taken_apart() {
        let request = Request::new("get", "/a%2Fb//c%zz?Api-Version=1&x=a+b%3D&y", BTreeMap::new(), Vec::new());
        assert_eq!(request.segments, ["a/b", "c%zz"]);
        assert_eq!(request.query("api-version"), Some("1"));
        assert_eq!(request.query("x"), Some("a b="));
        assert_eq!(request.query("y"), None);
    }
}
