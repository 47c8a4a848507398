//! What stands between here and the cloud: each has its own message and exit code, those of the table in
//! `docs/exit-codes.md`.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Request;
use axum::http::{Response, StatusCode};
use engine::cli::TROUBLE;
use serde_json::{Value as Json, json};

use super::Place;

/// A cloud on loopback that answers by the path and the bearer token.
struct Cloud {
    url: String,
    task: tokio::task::JoinHandle<()>,
}

type Answer = dyn Fn(&str, &str, &str) -> (u16, String) + Send + Sync;

impl Cloud {
    async fn start(answer: impl Fn(&str, &str, &str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answer, own): (Arc<Answer>, String) = (Arc::new(answer), url.clone());
        let handler = move |request: Request| {
            let (answer, own) = (Arc::clone(&answer), own.clone());
            async move {
                let bearer = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
                let (status, body) = match answer(request.uri().path(), &bearer.unwrap_or_default(), &own) {
                    // Whatever a test does not care about.
                    (0, _) => usual(request.uri().path(), &own),
                    told => told,
                };
                Response::builder()
                    .status(StatusCode::from_u16(status).unwrap())
                    .body(axum::body::Body::from(body))
                    .unwrap()
            }
        };
        let router = axum::Router::new().fallback(handler);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, task }
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A cloud that is well.
fn usual(path: &str, own: &str) -> (u16, String) {
    let body: Json = if path == "/metadata/endpoints" {
        json!({ "resourceManager": own, "authentication": { "loginEndpoint": own, "audiences": [own], "identityProvider": "AAD" } })
    } else if path.ends_with("/oauth2/v2.0/token") {
        json!({ "access_token": "canary-token", "expires_in": 3600 })
    } else if path.ends_with("/locations") {
        json!({ "value": [{ "name": "westus2" }] })
    } else if path.contains("/permissions") {
        json!({ "value": [{ "actions": ["*"], "notActions": [] }] })
    } else if path.contains("/providers/Microsoft.Authorization/") {
        json!({ "value": [] })
    } else {
        json!({ "state": "Enabled", "displayName": "Test", "registrationState": "Registered" })
    };
    (200, body.to_string())
}

/// Runs `engine doctor` there; gives its exit code, and what it said on standard error.
async fn doctor(url: &str, more: &[&str]) -> (i32, String) {
    let place = Place::new();
    let mut arguments = vec!["doctor", "--target", "azure", "--resource-manager", url, "-l", "westus2"];
    arguments.extend_from_slice(more);
    let mut command = place.command(&arguments);
    command.envs([
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_SUBSCRIPTION_ID", "00000000-0000-0000-0000-000000000000"),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_CLIENT_SECRET", "canary-secret"),
    ]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("canary"), "{text}");
    println!("{} {}", output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).trim());
    (output.status.code().unwrap(), text)
}

/// The exit code that the table has for a fault.
fn in_table(code: &str) -> i32 {
    i32::from(TROUBLE.iter().find(|(_, other, _)| *other == code).unwrap().2.code())
}

fn refused(number: u32) -> (u16, String) {
    (401, json!({ "error": "invalid_client", "error_codes": [number], "trace_id": "trace" }).to_string())
}

fn is_told(told: &(i32, String), fault: &str, parts: &[&str]) {
    assert_eq!(told.0, in_table(fault), "{}", told.1);
    for part in parts.iter().chain(&[fault]) {
        assert!(told.1.contains(part), "`{part}` is missing:\n{}", told.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_is_well_is_told_so() {
    let cloud = Cloud::start(|_, _, _| (0, String::new())).await;
    let (code, text) = doctor(&cloud.url, &[]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Test is Enabled") && text.contains("everything that is needed is allowed"), "{text}");
}

#[test]
fn test_10_a_clusters_needs_are_held_against_what_the_simulator_tells() {
    let place = Place::new();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/apimodels/quickstart.json");
    let look = |code: i32, more: &[&str]| -> Vec<(String, String)> {
        let arguments = [&["doctor", model, "--target", "simulator", "--json"], more].concat();
        let told: Json = serde_json::from_str(&place.expect(code, &arguments)).unwrap();
        assert_eq!((&told["ok"], &told["simulated"]), (&json!(code == 0), &json!(true)));
        let word = |finding: &Json, name: &str| finding[name].as_str().unwrap().to_owned();
        let findings = told["findings"].as_array().unwrap().iter();
        findings
            .map(|finding| (word(finding, "about"), word(finding, "verdict") + ": " + &word(finding, "message")))
            .collect()
    };
    let found = look(0, &[]);
    assert!(found.iter().all(|(_, told)| told.starts_with("good")), "{found:#?}");
    for about in
        ["permissions", "locks", "policies", "vCPUs", "public addresses", "name", "image", "size Standard_D2s_v5"]
    {
        assert!(found.iter().any(|(other, _)| other == about), "{about} is missing: {found:#?}");
    }
    let found = look(78, &["--set", "agentPoolProfiles[0].vmSize=Standard_M416ms_v2"]);
    let size = found.iter().find(|(about, _)| about == "size Standard_M416ms_v2").unwrap();
    assert_eq!(size.1, "bad: westus2 does not have it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_holds_the_requests_and_no_secret() {
    let cloud = Cloud::start(|_, _, _| (0, String::new())).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace");
    let (code, text) = doctor(&cloud.url, &["--trace", path.to_str().unwrap()]).await;
    assert_eq!(code, 0, "{text}");
    let trace = std::fs::read_to_string(&path).unwrap();
    assert!(trace.lines().count() > 5 && trace.contains("/locations") && !trace.contains("canary"), "{trace}");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions()) & 0o777,
        0o600
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn test_12_a_refused_sign_in_says_what_is_wrong() {
    for (number, fault, parts) in [
        (7_000_215, "AADSTS7000215", ["client secret is wrong", "credential reset"]),
        (7_000_222, "AADSTS7000222", ["client secret has expired", "credential reset"]),
        (90_002, "AADSTS90002", ["tenant does not exist", "tenant id"]),
        (700_016, "AADSTS700016", ["not known in this tenant", "client id"]),
    ] {
        let cloud =
            Cloud::start(move |path, _, _| if path.ends_with("/token") { refused(number) } else { (0, String::new()) })
                .await;
        is_told(&doctor(&cloud.url, &[]).await, fault, &parts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn test_12_a_token_that_ends_during_a_run_is_renewed_or_told() {
    let ended = json!({ "error": { "code": "ExpiredAuthenticationToken", "message": "The access token expiry UTC time is earlier than now" } }).to_string();
    // The third request finds the first token ended; the authority gives another.
    let (granted, asked, told) = (AtomicUsize::new(0), AtomicUsize::new(0), ended.clone());
    let cloud = Cloud::start(move |path, bearer, _| {
        if path.ends_with("/token") {
            let token = format!("token-{}", granted.fetch_add(1, Ordering::SeqCst));
            return (200, json!({ "access_token": token, "expires_in": 3600 }).to_string());
        }
        if path.starts_with("/subscriptions") && asked.fetch_add(1, Ordering::SeqCst) >= 2 && bearer != "Bearer token-1"
        {
            return (401, told.clone());
        }
        (0, String::new())
    })
    .await;
    let (code, text) = doctor(&cloud.url, &[]).await;
    assert_eq!(code, 0, "{text}");

    // No other token is to be had.
    let asked = AtomicUsize::new(0);
    let cloud = Cloud::start(move |path, _, _| {
        let is_late = path.starts_with("/subscriptions") && asked.fetch_add(1, Ordering::SeqCst) >= 2;
        if is_late { (401, ended.clone()) } else { (0, String::new()) }
    })
    .await;
    is_told(&doctor(&cloud.url, &[]).await, "ExpiredAuthenticationToken", &["expiry", "clock"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn test_14_a_proxy_that_answers_with_a_page_is_no_cloud() {
    const PAGE: &str = "<html><title>Sign in to the guest network</title></html>";
    let cloud = Cloud::start(|_, _, _| (200, PAGE.to_owned())).await;
    is_told(&doctor(&cloud.url, &[]).await, "NotJson", &["Sign in to the guest network", "proxy"]);
    let cloud =
        Cloud::start(|path, _, _| if path.ends_with("/token") { (200, PAGE.to_owned()) } else { (0, String::new()) })
            .await;
    is_told(&doctor(&cloud.url, &[]).await, "NotJson", &["the authority", "Sign in to the guest network", "proxies"]);
    let cloud = Cloud::start(|_, _, _| (200, "{}".to_owned())).await;
    is_told(&doctor(&cloud.url, &[]).await, "NoMetadata", &["sign in"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_network_says_so() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    is_told(
        &doctor(&format!("https://127.0.0.1:{port}"), &[]).await,
        "Connection",
        &["no connection to 127.0.0.1", "firewall"],
    );
    // RFC 2606: no name under `.invalid` ever exists.
    is_told(
        &doctor("https://management.nowhere.invalid", &[]).await,
        "NameResolution",
        &["cannot be resolved", "name server"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn test_13_a_certificate_of_an_unknown_authority_is_refused_until_its_root_is_given() {
    let authority = rcgen_authority();
    let other = rcgen_authority();
    let place = Place::new();
    let (right, wrong) = (place.path("right.pem"), place.path("wrong.pem"));
    std::fs::write(&right, authority.pem()).unwrap();
    std::fs::write(&wrong, other.pem()).unwrap();
    let url = serve_tls(&authority);
    is_told(&doctor(&url, &[]).await, "TlsCertificate", &["is not trusted", "root certificate"]);
    is_told(&doctor(&url, &["--ca-bundle", wrong.to_str().unwrap()]).await, "TlsCertificate", &["is not trusted"]);
    // With the right one the conversation goes on: this place answers, and tells nothing of a cloud.
    is_told(&doctor(&url, &["--ca-bundle", right.to_str().unwrap()]).await, "NoMetadata", &["sign in"]);
}

type Issuer = rcgen::CertifiedIssuer<'static, rcgen::KeyPair>;

fn rcgen_authority() -> Issuer {
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    Issuer::self_signed(parameters, rcgen::KeyPair::generate().unwrap()).unwrap()
}

/// Answers `{}` to every request over TLS, as `127.0.0.1`.
fn serve_tls(authority: &Issuer) -> String {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let settings = builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let (settings, listener) = (Arc::new(settings), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(connection) = rustls::ServerConnection::new(Arc::clone(&settings)) else { return };
            let mut stream = rustls::StreamOwned::new(connection, stream);
            // A client that does not trust us goes away here.
            if stream.read(&mut [0; 8192]).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    url
}
