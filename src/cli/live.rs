//! The live page: a listener on this machine for one browser, as long as the run goes on.
//!
//! Others on this machine may reach the port, and pages in the browser may send requests to it. So the URL holds a token
//! that works once and is exchanged for a cookie, and a request for another host (a name that an attacker lets point to
//! this machine) is refused.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{self, Sse};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use futures_util::stream::{self, Stream};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::telling::Chronicle;
use super::{CliError, Exit};
use crate::base::{Clock as _, Entropy as _, SystemClock, SystemEntropy};
use crate::view::{fragment, live_page};

/// How often a page is renewed at most: as often as one can follow.
const RENEWED_EVERY: Duration = Duration::from_millis(300);
/// How often it is renewed when nothing happens: for the durations that go on.
const RENEWED_ANYWAY: Duration = Duration::from_secs(1);
/// How long pages have for the end of the run.
const GRACE: Duration = Duration::from_secs(3);
const COOKIE: &str = "engine-run";
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// 32 letters of 62 are 190 bits.
const TOKEN_LENGTH: usize = 32;

/// A page that is being served.
pub struct LivePage {
    url: String,
    over: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    chronicle: Arc<Chronicle>,
    over: watch::Receiver<bool>,
    port: u16,
    token: Mutex<Option<String>>,
    cookie: String,
}

impl LivePage {
    /// Serves the page of a run on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port is free.
    pub async fn serve(chronicle: Arc<Chronicle>) -> Result<Self, CliError> {
        let failed = |error: std::io::Error| {
            CliError::new(Exit::Environment, format!("the live page cannot be served: {error}")).help("leave out --ui")
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let random = || SystemEntropy.text(ALPHABET, TOKEN_LENGTH);
        let (token, cookie) = (random(), random());
        let (over, is_over) = watch::channel(false);
        let url = format!("http://127.0.0.1:{port}/?token={token}");
        let shared =
            Arc::new(Shared { chronicle, over: is_over.clone(), port, token: Mutex::new(Some(token)), cookie });
        let router = axum::Router::new()
            .route("/", get(page))
            .route("/events", get(events))
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard))
            .with_state(shared);
        let task = tokio::spawn(async move {
            let mut is_over = is_over;
            let graceful = async move { _ = is_over.wait_for(|over| *over).await };
            _ = axum::serve(listener, router).with_graceful_shutdown(graceful).await;
        });
        Ok(Self { url, over, task })
    }

    /// Where it is, with the token that works once.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Shows the end of the run to the pages that are open, and ends.
    pub async fn close(mut self) {
        _ = self.over.send(true);
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// Only this machine's own names, and nothing that another page sends; answers are for nobody's cache.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", shared.port));
    if !own.iter().any(|own| own == host) {
        return (StatusCode::MISDIRECTED_REQUEST, "this is another host\n").into_response();
    }
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    if origin.is_some_and(|origin| !own.iter().any(|own| origin == format!("http://{own}"))) {
        return (StatusCode::FORBIDDEN, "another page asks\n").into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, axum::http::HeaderValue::from_static(value));
    }
    response
}

#[derive(serde::Deserialize)]
struct Asked {
    token: Option<String>,
}

async fn page(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    if let Some(token) = asked.token {
        let mut expected = shared.token.lock().unwrap_or_else(PoisonError::into_inner);
        if expected.as_deref().is_some_and(|expected| is_same(expected, &token)) {
            *expected = None;
            let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", shared.cookie);
            return (StatusCode::SEE_OTHER, [(header::SET_COOKIE, cookie), (header::LOCATION, "/".to_owned())])
                .into_response();
        }
    }
    if !is_known(&shared, &headers) {
        return unknown();
    }
    let text = live_page(&shared.chronicle.record(), SystemClock.now());
    Html(text).into_response()
}

async fn events(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if !is_known(&shared, &headers) {
        return unknown();
    }
    Sse::new(renewals(shared)).into_response()
}

/// The content of the page again and again, and a word when the run is over.
fn renewals(shared: Arc<Shared>) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    enum At {
        Running,
        Last,
        Over,
    }
    let (changes, over) = (shared.chronicle.changes(), shared.over.clone());
    stream::unfold((shared, changes, over, At::Running), |(shared, mut changes, mut over, at)| async move {
        let next = match at {
            At::Running => {
                // At the end the last state is shown at once.
                tokio::select! {
                    _ = over.wait_for(|over| *over) => {}
                    () = async {
                        tokio::time::sleep(RENEWED_EVERY).await;
                        _ = tokio::time::timeout(RENEWED_ANYWAY, changes.changed()).await;
                    } => {}
                }
                if *over.borrow() { At::Last } else { At::Running }
            }
            At::Last => {
                let event = sse::Event::default().event("over").data("");
                return Some((Ok(event), (shared, changes, over, At::Over)));
            }
            At::Over => return None,
        };
        let content = fragment(&shared.chronicle.record(), SystemClock.now());
        // As JSON it is one line, whatever it holds.
        let data = serde_json::Value::String(content).to_string();
        Some((Ok(sse::Event::default().event("run").data(data)), (shared, changes, over, next)))
    })
}

fn is_known(shared: &Shared, headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut values = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    values.any(|(name, value)| name == COOKIE && is_same(value, &shared.cookie))
}

fn unknown() -> Response {
    let text = "This page is for the browser that opened the URL which the engine has written first.\n";
    (StatusCode::FORBIDDEN, text).into_response()
}

/// Compares without telling by the time how much is right.
fn is_same(one: &str, other: &str) -> bool {
    let differences = one.bytes().zip(other.bytes()).fold(0, |differences, (one, other)| differences | (one ^ other));
    one.len() == other.len() && differences == 0
}
