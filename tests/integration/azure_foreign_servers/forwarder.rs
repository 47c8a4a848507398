//! Passes requests on to a server that remembers a client by a cookie. Azure sets no cookies, and the engine keeps
//! none; so this keeps them.

use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::Response;

type Cookie = Arc<Mutex<Option<String>>>;

/// The forwarder. It ends when it is dropped.
pub(super) struct Forwarder {
    pub(super) url: String,
    cookie: Cookie,
    task: tokio::task::JoinHandle<()>,
}

impl Forwarder {
    pub(super) async fn start(upstream: String) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let cookie = Cookie::default();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let jar = Arc::clone(&cookie);
        let handler = move |request: Request| pass_on(client.clone(), upstream.clone(), Arc::clone(&jar), request);
        let router = axum::Router::new().fallback(handler);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, cookie, task }
    }

    /// Another client begins.
    pub(super) fn forget(&self) {
        *self.cookie.lock().unwrap() = None;
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(client: reqwest::Client, upstream: String, cookie: Cookie, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let url = format!("{upstream}{}", parts.uri.path_and_query().unwrap());
    // The headers hold `Host`, by which the server makes the URLs that it gives: they lead here.
    let mut onward = client.request(parts.method, url).headers(parts.headers).body(body);
    if let Some(cookie) = cookie.lock().unwrap().clone() {
        onward = onward.header("cookie", cookie);
    }
    let answer = onward.send().await.unwrap();
    if let Some(set) = answer.headers().get("set-cookie") {
        let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        *cookie.lock().unwrap() = Some(pair).filter(|pair| !pair.ends_with('='));
    }
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer
        .headers()
        .iter()
        .filter(|(name, _)| !["transfer-encoding", "content-length", "connection"].contains(&name.as_str()))
    {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}
