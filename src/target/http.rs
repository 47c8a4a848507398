//! The one way in which the engine speaks HTTP: rustls, no redirects, bounded answers, timeouts, and errors that name
//! no URL (a query may be signed), no header and no body.
//!
//! Plain `http` is allowed to loopback hosts only: tokens and keys travel over these connections.
//! Deliberately absent: retries (the executor's), and reading proxies from the process's environment behind one's back
//! ([`HttpSettings::with_environment`] does so in the open).

use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Client, Identity, NoProxy, Proxy, StatusCode, Url};
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use crate::base::{Environment, Secret};
use crate::contract::{Fault, FaultClass};

/// The most that is read of one answer. A resource provider's may have 8 MB (Azure/azure-resource-manager-rpc, read
/// 2026-11-21).
pub const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// How much of an answer that does not speak the protocol is shown.
const EXCERPT_LENGTH: usize = 200;

/// No server's wish to be left alone is followed for longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Names that are known here and nowhere else.
pub trait Names: Send + Sync + std::fmt::Debug {
    /// The address of a name, if it is one of them. May block for a moment.
    fn address_of(&self, name: &str) -> Option<IpAddr>;
}

/// Looks names up here first.
struct OwnNames(Arc<dyn Names>);

impl reqwest::dns::Resolve for OwnNames {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (names, name) = (Arc::clone(&self.0), name.as_str().to_owned());
        Box::pin(async move {
            let asked = name.clone();
            let own = tokio::task::spawn_blocking(move || names.address_of(&asked)).await?;
            let found: Vec<SocketAddr> = match own {
                Some(address) => vec![SocketAddr::new(address, 0)],
                None => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Root certificates besides the system's, each text one or more certificates in PEM.
    pub root_certificates: Vec<String>,
    /// Whether only those count, and not the system's.
    pub only_these_roots: bool,
    /// The client's own certificate followed by its key, in PEM.
    pub identity: Option<Secret>,
    /// The proxy for `https` addresses. Loopback hosts are never asked for through it.
    pub proxy: Option<String>,
    /// The hosts that are not asked for through the proxy, as in `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// Who knows names that nobody else does; all others are looked up as usual.
    pub names: Option<Arc<dyn Names>>,
    /// The most a connection may take to come about.
    pub connect_timeout: Duration,
    /// The most that a request may take, answer included. A resource provider has 60 s.
    pub timeout: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            root_certificates: Vec::new(),
            only_these_roots: false,
            identity: None,
            proxy: None,
            no_proxy: None,
            names: None,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(100),
        }
    }
}

impl HttpSettings {
    /// The usual ones, for one server. Where TLS is not spoken, the system's certificates, of which there are hundreds,
    /// are not read.
    pub fn for_server(url: &str) -> Self {
        Self { only_these_roots: url.starts_with("http:"), ..Self::default() }
    }

    /// The same with the proxy that `HTTPS_PROXY` and `NO_PROXY` name, in capitals or not.
    #[must_use]
    pub fn with_environment(mut self, environment: &Environment) -> Self {
        let either = |name: &str| environment.get(&name.to_ascii_lowercase()).or_else(|| environment.get(name));
        self.proxy = either("HTTPS_PROXY").map(str::to_owned);
        self.no_proxy = either("NO_PROXY").map(str::to_owned);
        self
    }
}

/// Why a client cannot be made of its settings.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// An address is none.
    #[error("`{0}` is no URL")]
    Url(String),
    /// An address would send secrets in clear.
    #[error("`{0}` is not https; plain http is for loopback addresses only")]
    Insecure(String),
    /// A root certificate cannot be read.
    #[error("a root certificate cannot be read: it must be in PEM, `-----BEGIN CERTIFICATE-----`")]
    RootCertificate,
    /// The client's certificate or key cannot be read.
    #[error("the client certificate cannot be read: it must be a certificate and its key in PEM")]
    Identity,
    /// The proxy's address is none.
    #[error("the proxy's address is no URL; it looks like `http://proxy.example:3128`")]
    Proxy,
    /// The TLS library refuses, in its own words.
    #[error("no TLS client can be made: {0}")]
    Client(String),
}

/// Reads an address that secrets will be sent to: https, or http on a loopback host.
pub fn parse_url(text: &str) -> Result<Url, HttpError> {
    let url = Url::parse(text).map_err(|_| HttpError::Url(without_query(text)))?;
    if is_safe(&url) { Ok(url) } else { Err(HttpError::Insecure(without_query(text))) }
}

/// Whether secrets may be sent there.
pub(crate) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

fn without_query(text: &str) -> String {
    text.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// `url` with these segments after its path, each escaped as a whole. Segments that would climb (`..`) are dropped.
pub(crate) fn with_path<'a>(url: &Url, segments: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// A client that connects as its settings say.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    client: Client,
}

impl HttpClient {
    /// Makes a client.
    pub(crate) fn new(settings: &HttpSettings) -> Result<Self, HttpError> {
        // The process installs a provider at its start; a library user or a test may not have.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // Each request would be copied for it.
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .user_agent(concat!("engine/", env!("CARGO_PKG_VERSION")));
        let mut roots = Vec::new();
        for text in &settings.root_certificates {
            let certificates = Certificate::from_pem_bundle(text.as_bytes()).map_err(|_| HttpError::RootCertificate)?;
            if certificates.is_empty() {
                return Err(HttpError::RootCertificate);
            }
            roots.extend(certificates);
        }
        if settings.only_these_roots {
            builder = builder.tls_certs_only(roots);
        } else if !roots.is_empty() {
            builder = builder.tls_certs_merge(roots);
        }
        if let Some(identity) = &settings.identity {
            let identity = Identity::from_pem(identity.expose().as_bytes()).map_err(|_| HttpError::Identity)?;
            builder = builder.identity(identity);
        }
        if let Some(proxy) = &settings.proxy {
            let spared = format!("{},localhost,127.0.0.0/8,::1", settings.no_proxy.as_deref().unwrap_or_default());
            let proxy = Proxy::https(proxy).map_err(|_| HttpError::Proxy)?;
            builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(spared.trim_start_matches(','))));
        }
        if let Some(names) = &settings.names {
            builder = builder.dns_resolver(Arc::new(OwnNames(Arc::clone(names))));
        }
        let client = builder.build().map_err(|error| HttpError::Client(innermost(&error.without_url())))?;
        Ok(Self { client })
    }

    /// Begins a request.
    pub(crate) fn request(&self, method: reqwest::Method, url: Url) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, Fault> {
        let request = request.build().map_err(|_| malformed())?;
        if !is_safe(request.url()) {
            let host = place(request.url());
            let message = format!("{host} would be asked without TLS; plain http is for loopback addresses only");
            return Err(Fault::new(FaultClass::Invalid, "InsecureAddress", message));
        }
        self.execute(request).await
    }

    /// The same to a service of this machine, or of its host on a link-local address, which has no certificate: no such
    /// request leaves the link.
    pub(crate) async fn send_nearby(&self, request: reqwest::RequestBuilder) -> Result<Answer, Fault> {
        let request = request.build().map_err(|_| malformed())?;
        if !is_safe(request.url()) && !is_link_local(request.url()) {
            let message = format!("{} is not of this machine", place(request.url()));
            return Err(Fault::new(FaultClass::Invalid, "InsecureAddress", message));
        }
        self.execute(request).await
    }

    async fn execute(&self, request: reqwest::Request) -> Result<Answer, Fault> {
        let host = place(request.url());
        let mut response = self.client.execute(request).await.map_err(|error| fault_of_transport(error, &host))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        // As much as it says that it has, so that a long one is not moved each time it has grown.
        let told = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        let mut body = Vec::with_capacity(told.min(BODY_LIMIT));
        while let Some(chunk) = response.chunk().await.map_err(|error| fault_of_transport(error, &host))? {
            if body.len() + chunk.len() > BODY_LIMIT {
                let message = format!("{host} answered with more than {} MiB", BODY_LIMIT / 1024 / 1024);
                return Err(Fault::new(FaultClass::Unavailable, "AnswerTooLarge", message)
                    .help("Nothing that the engine asks for is that large: see what answers at this address."));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }
}

fn malformed() -> Fault {
    Fault::new(FaultClass::Invalid, "Request", "a request cannot be made: a header or the address is malformed")
}

fn is_link_local(url: &Url) -> bool {
    let address = url.host_str().and_then(|host| host.parse::<std::net::Ipv4Addr>().ok());
    url.scheme() == "http" && address.is_some_and(|address| address.is_link_local())
}

/// Host and port, as people know the place.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// What a failed connection means. Before the request was sent nothing has happened; afterwards one cannot know.
fn fault_of_transport(error: reqwest::Error, host: &str) -> Fault {
    let error = error.without_url();
    let cause = innermost(&error);
    let connecting = error.is_connect();
    let certificate = cause.contains("certificate") || cause.contains("UnknownIssuer");
    if connecting && certificate {
        let message = format!("the TLS certificate of {host} is not trusted: {cause}");
        Fault::new(FaultClass::Unavailable, "TlsCertificate", message).help(
            "If this place has a certificate authority of its own (Azure Stack Hub, a proxy that opens TLS), give the \
             engine its root certificate; if not, somebody stands in between.",
        )
    } else if connecting && error.is_timeout() {
        Fault::new(FaultClass::Unavailable, "ConnectTimeout", format!("{host} does not answer in time"))
            .help("Check the network, the firewall, and HTTPS_PROXY.")
    } else if connecting && chain(&error).any(|part| part.contains("dns error")) {
        Fault::new(FaultClass::Unavailable, "NameResolution", format!("the name of {host} cannot be resolved"))
            .help("Check the network, the name server, and whether the cloud is the right one.")
    } else if connecting {
        Fault::new(FaultClass::Unavailable, "Connection", format!("no connection to {host}: {cause}"))
            .help("Check the network, the firewall, and HTTPS_PROXY.")
    } else if error.is_timeout() {
        Fault::new(FaultClass::Transient, "Timeout", format!("{host} took a request and did not answer in time"))
    } else {
        Fault::new(FaultClass::Transient, "ConnectionLost", format!("the connection to {host} broke off: {cause}"))
    }
}

fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = String> + 'a {
    let next = |error: &&'a (dyn std::error::Error + 'static)| (*error).source();
    std::iter::successors(error.source(), next).map(ToString::to_string)
}

fn innermost(error: &reqwest::Error) -> String {
    chain(error).last().unwrap_or_else(|| error.to_string())
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body, at most [`BODY_LIMIT`] bytes.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, if it is JSON.
    pub(crate) fn json(&self) -> Option<Json> {
        self.json_as()
    }

    /// The body, if it is JSON of this form.
    pub(crate) fn json_as<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(self.text()).ok()
    }

    /// Whether the body is JSON, which takes no memory to find out: a list has megabytes.
    pub(crate) fn is_json(&self) -> bool {
        self.json_as::<IgnoredAny>().is_some()
    }

    /// The body without the byte order mark that some providers put in front.
    fn text(&self) -> &[u8] {
        self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body)
    }

    /// Whether there is no body to speak of.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.iter().all(u8::is_ascii_whitespace)
    }

    /// How long the server asks to wait: in milliseconds by `retry-after-ms` or `x-ms-retry-after-ms`, else
    /// `Retry-After` in seconds or as a date.
    pub(crate) fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let milliseconds = || {
            let text = self.header("retry-after-ms").or_else(|| self.header("x-ms-retry-after-ms"))?;
            text.trim().parse().ok().map(Duration::from_millis)
        };
        let seconds_or_date = || {
            let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
            if let Ok(seconds) = text.parse() {
                return Some(Duration::from_secs(seconds));
            }
            let until = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
        };
        milliseconds().or_else(seconds_or_date).map(|wait| wait.min(LONGEST_WAIT))
    }

    /// Where a redirect points, host only: redirects are not followed.
    pub(crate) fn redirects_to(&self) -> Option<String> {
        if !self.status.is_redirection() {
            return None;
        }
        let target = self.headers.get(LOCATION)?.to_str().ok()?;
        Some(Url::parse(target).map_or_else(|_| "another path".to_owned(), |url| place(&url)))
    }

    /// The beginning of the body as one line a person can read.
    pub(crate) fn excerpt(&self) -> String {
        let start = &self.body[..self.body.len().min(EXCERPT_LENGTH)];
        let text: String = String::from_utf8_lossy(start)
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Takes secrets out of the body, in case the server sent back what it was sent.
    pub(crate) fn scrub<'a>(&mut self, secrets: impl IntoIterator<Item = &'a str>) {
        let mut text = None;
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            let found = self.body.windows(secret.len()).any(|window| window == secret.as_bytes());
            if found {
                let all: &mut String = text.get_or_insert_with(|| String::from_utf8_lossy(&self.body).into_owned());
                *all = all.replace(secret, "(secret)");
            }
        }
        if let Some(text) = text {
            self.body = text.into_bytes();
        }
    }
}
