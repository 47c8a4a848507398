//! Between the socket and the world: bodies of a bounded size in, bytes out, and one line in the log for each request.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, StatusCode, header};
use serde_json::{Value as Json, json};

use super::exchange::{Refusal, Request};
use super::faults::{self, Answered, Spoil};
use super::listener::Scheme;
use super::virtual_clock::VirtualClock;
use super::world::{World, timestamp};

/// The largest body: ARM's own limit for a request.
const BODY_LIMIT: usize = 4 << 20;

/// What every connection shares.
pub(super) struct Shared {
    world: Mutex<World>,
    log: Mutex<File>,
    port: u16,
    virtual_clock: Option<Arc<VirtualClock>>,
}

impl Shared {
    pub(super) fn new(world: World, log: File, port: u16, virtual_clock: Option<Arc<VirtualClock>>) -> Arc<Self> {
        Arc::new(Self { world: Mutex::new(world), log: Mutex::new(log), port, virtual_clock })
    }

    /// How often each rule of the faults came to pass.
    pub(super) fn faults(&self) -> Vec<(String, u64)> {
        lock(&self.world).faults.applied()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("port", &self.port).finish_non_exhaustive()
    }
}

/// Answers every request there can be.
pub(super) async fn handle(shared: Arc<Shared>, request: axum::extract::Request) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), ToString::to_string);
    let mut headers = BTreeMap::new();
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str() {
            headers.insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    let scheme = parts.extensions.get::<ConnectInfo<Scheme>>().map_or(Scheme::Http, |info| info.0);
    let clock = shared.virtual_clock.clone();
    if let Some(clock) = clock.as_ref().filter(|_| VirtualClock::is_wait(parts.method.as_str(), parts.uri.path())) {
        let request = Request::new(parts.method.as_str(), &target, headers, Vec::new());
        let answered: Answered = match refuse_foreign(&request, shared.port) {
            Some(refusal) => refusal.into(),
            None => clock.wait(&request).await.into(),
        };
        return into_http(answered, false);
    }
    let _in_flight = clock.as_ref().map(VirtualClock::begin);
    let answered = match axum::body::to_bytes(body, BODY_LIMIT).await {
        Ok(bytes) => {
            let request = Request::new(parts.method.as_str(), &target, headers, bytes.to_vec());
            respond(&shared, scheme, &request)
        }
        Err(_) => Refusal::new(
            413,
            "RequestContentTooLarge",
            format!("The request content size exceeds the maximum size of {BODY_LIMIT} bytes."),
        )
        .by_gateway()
        .into(),
    };
    if let Some(clock) = &clock
        && let Some((_, wait)) = answered.response.headers.iter().find(|(name, _)| *name == "retry-after-ms")
    {
        clock.told_to_wait(wait.parse().unwrap_or_default());
    }
    write_log(&shared, parts.method.as_str(), parts.uri.path(), &answered);
    into_http(answered, parts.method == axum::http::Method::HEAD)
}

fn respond(shared: &Shared, scheme: Scheme, request: &Request) -> Answered {
    if let Some(refusal) = refuse_foreign(request, shared.port) {
        return refusal.into();
    }
    let mut world = lock(&shared.world);
    // URLs are told as the client wrote the one that it asked by.
    world.url = format!("{}://{}", scheme.word(), request.header("host").unwrap_or_default());
    faults::answer(&mut world, request)
}

/// A page in a browser must not reach the simulator under another name (DNS rebinding), nor by a form.
fn refuse_foreign(request: &Request, port: u16) -> Option<Refusal> {
    let refusal =
        || Refusal::new(403, "Forbidden", "The simulator answers to programs of this machine only.").by_gateway();
    (!is_local(request, port)).then(refusal)
}

fn is_local(request: &Request, port: u16) -> bool {
    is_own_host(request.header("host").unwrap_or_default(), port) && request.header("origin").is_none()
}

/// Whether this is a name of this machine alone, with our port or with none.
pub(super) fn is_own_host(host: &str, port: u16) -> bool {
    let (name, given) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, Some(port)),
        _ => (host, None),
    };
    let is_name = ["127.0.0.1", "localhost", "[::1]"].contains(&name) || is_loopback(name);
    is_name && given.is_none_or(|given| given == port.to_string())
}

fn is_loopback(name: &str) -> bool {
    name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds a lock leaves halves behind that the next one could not read.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_log(shared: &Shared, method: &str, path: &str, answered: &Answered) {
    let now = timestamp(lock(&shared.world).now);
    let mut line = json!({ "at": now, "method": method, "path": path, "status": answered.response.status });
    if let Some(rule) = &answered.rule {
        line["fault"] = rule.as_str().into();
    }
    let mut line = line.to_string();
    line.push('\n');
    // A log that cannot be written is no reason to refuse.
    _ = lock(&shared.log).write_all(line.as_bytes());
}

fn into_http(answered: Answered, is_head: bool) -> axum::response::Response {
    let Answered { response, spoil, .. } = answered;
    let mut http = axum::response::Response::new(Body::empty());
    *http.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            http.headers_mut().insert(name, value);
        }
    }
    let mut whole = Vec::new();
    if let (Some(body), false) = (response.body, is_head) {
        let (kind, bytes) = match body {
            Json::String(text) => ("text/plain; charset=utf-8", text.into_bytes()),
            body => ("application/json; charset=utf-8", body.to_string().into_bytes()),
        };
        http.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        whole = bytes;
    }
    if spoil == Spoil::Nothing {
        *http.body_mut() = Body::from(whole);
        return http;
    }
    spoil.apply(http, &whole)
}
