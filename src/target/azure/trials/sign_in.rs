//! Every way to sign in, against servers that check what they are shown.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

use super::super::{
    AuthMethod, AzureCliGrant, CachedTokens, IdentitySystem, ManagedIdentityGrant, ManagedService, SignIn, SignInError,
    TokenSource,
};
use super::*;
use crate::base::{Clock, Entropy, Environment, SystemClock, SystemEntropy};
use crate::contract::FaultClass;
use crate::target::http::HttpSettings;
use crate::target::testing::{Reply, Seen};

const AUDIENCE: &str = "https://management.azure.com/";

/// A certificate with its RSA key, both in PEM. Making one takes a while, so there is one for all tests.
struct Pair {
    certificate: String,
    key: String,
    der: Vec<u8>,
    public: Vec<u8>,
}

fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| {
        let key = crate::pki::generate_signing_key(&SystemEntropy).unwrap().expose().to_owned();
        let signer = rcgen::KeyPair::from_pem(&key).unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "engine-test");
        let certificate = parameters.self_signed(&signer).unwrap();
        let der = certificate.der().to_vec();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        let public = parsed.public_key().subject_public_key.data.to_vec();
        Pair { certificate: certificate.pem(), key, public, der: der.clone() }
    })
}

fn sign_in(server: &FakeServer) -> SignIn {
    SignIn {
        authority: server.url.clone(),
        audience: AUDIENCE.to_owned(),
        tenant_id: Some("tenant".into()),
        client_id: Some("client".into()),
        ..SignIn::default()
    }
}

fn chosen(sign_in: SignIn, environment: &Environment) -> Result<(AuthMethod, Arc<dyn TokenSource>), SignInError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let chosen = sign_in.choose(environment, &HttpSettings::default(), &clock, &entropy)?;
    Ok((chosen.method, chosen.tokens))
}

async fn token(sign_in: SignIn, environment: &Environment) -> Result<String, Fault> {
    let (_, tokens) = chosen(sign_in, environment).unwrap();
    Ok(tokens.token().await?.expose().to_owned())
}

/// The fields of a form.
fn form(seen: &Seen) -> std::collections::BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://form/?{}", seen.body)).unwrap();
    url.query_pairs().into_owned().collect()
}

/// Header and claims of an assertion whose signature is right.
fn verified(assertion: &str, url: &str) -> Option<(Json, Json)> {
    let (text, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = text.split_once('.')?;
    let read = |part: &str| serde_json::from_slice::<Json>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let (header, claims) = (read(header)?, read(claims)?);
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let key = pair().public.as_slice();
    let is_right = match header["alg"].as_str()? {
        "PS256" => UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key).verify(text.as_bytes(), &signature).is_ok(),
        "RS256" => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(text.as_bytes(), &signature).is_ok(),
        _ => false,
    };
    let now = SystemClock.now().as_second();
    let lives = claims["exp"].as_i64()? - now;
    let fits = claims["aud"] == url && claims["iss"] == "client" && claims["sub"] == "client";
    let fits = fits && (1..=600).contains(&lives) && claims["nbf"].as_i64()? <= now && claims["jti"].is_string();
    (is_right && fits).then_some((header, claims))
}

/// An authority that gives tokens for assertions that the certificate has signed, and for nothing else.
async fn authority() -> FakeServer {
    FakeServer::start(|before, seen, url| {
        let form = form(seen);
        let assertion = form.get("client_assertion").map(String::as_str).unwrap_or_default();
        let known = verified(assertion, &format!("{url}{}", seen.path)).is_some();
        let typed = form.get("client_assertion_type").map(String::as_str)
            == Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        if known && typed && form["grant_type"] == "client_credentials" && form["client_id"] == "client" {
            Reply::json(200, json!({ "access_token": format!("token-{before}"), "expires_in": 3600 }))
        } else {
            Reply::json(401, json!({ "error": "invalid_client", "error_codes": [700_027] }))
        }
    })
    .await
}

fn header_of(seen: &Seen, server: &FakeServer) -> Json {
    verified(&form(seen)["client_assertion"], &format!("{}{}", server.url, seen.path)).unwrap().0
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_certificate_in_pem_signs_assertions_that_the_authority_verifies() {
    let (server, folder) = (authority().await, tempfile::tempdir().unwrap());
    let both = write(folder.path(), "both.pem", format!("{}{}", pair().key, pair().certificate));
    let certificate = write(folder.path(), "client.crt", &pair().certificate);
    let key = write(folder.path(), "client.key", &pair().key);
    let old = write(folder.path(), "old.pem", {
        let key = rsa::pkcs8::DecodePrivateKey::from_pkcs8_pem(&pair().key).unwrap();
        let key: rsa::RsaPrivateKey = key;
        let old = rsa::pkcs1::EncodeRsaPrivateKey::to_pkcs1_pem(&key, rsa::pkcs8::LineEnding::LF).unwrap();
        format!("{}{}", pair().certificate, old.as_str())
    });
    let cases = [(both, None), (certificate.clone(), Some(key)), (old, None)];
    for (certificate, private_key) in cases {
        let given = SignIn { certificate: Some(certificate), private_key, ..sign_in(&server) };
        assert!(token(given, &Environment::default()).await.unwrap().starts_with("token-"));
        let header = header_of(server.seen().last().unwrap(), &server);
        assert_eq!(header["alg"], "PS256");
        let thumbprint = URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, &pair().der));
        assert_eq!(header["x5t#S256"], thumbprint);
        assert!(header["x5t"].is_null() && header["x5c"].is_null());
    }
    assert!(server.seen().iter().all(|seen| seen.path == "/tenant/oauth2/v2.0/token"));

    // By the environment, the chain sent along.
    let both = folder.path().join("both.pem").display().to_string();
    let environment = Environment::of([
        ("AZURE_CLIENT_CERTIFICATE_PATH", both.as_str()),
        ("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "true"),
    ]);
    token(sign_in(&server), &environment).await.unwrap();
    let header = header_of(server.seen().last().unwrap(), &server);
    assert_eq!(header["x5c"], json!([STANDARD.encode(&pair().der)]));

    // What cannot be used is named.
    let no_key = SignIn { certificate: Some(certificate), ..sign_in(&server) };
    let error = chosen(no_key, &Environment::default()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("client.crt holds no private key"), "{error}");
    let other = rcgen::generate_simple_self_signed(vec!["other".to_owned()]).unwrap();
    let mixed = write(folder.path(), "mixed.pem", format!("{}{}", other.cert.pem(), pair().key));
    let error = chosen(SignIn { certificate: Some(mixed), ..sign_in(&server) }, &Environment::default());
    assert_eq!(error.map(|_| ()).unwrap_err().to_string(), "the private key does not belong to the client certificate");
}

#[expect(clippy::print_stdout, reason = "whoever runs the tests is told what was skipped")]
#[tokio::test]
async fn a_certificate_as_pfx_is_opened_by_its_password() {
    let (server, folder) = (authority().await, tempfile::tempdir().unwrap());
    let both = write(folder.path(), "both.pem", format!("{}{}", pair().key, pair().certificate));
    for (name, old) in [("today.pfx", false), ("old.pfx", true)] {
        let path = folder.path().join(name);
        let mut openssl = Command::new("openssl");
        openssl.args(["pkcs12", "-export", "-passout", "pass:canary-word", "-in"]).arg(&both).arg("-out").arg(&path);
        if old {
            openssl.args(["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"]);
        }
        let Ok(output) = openssl.output() else {
            println!("skipped: openssl is not here to make a PFX file");
            return;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let password = Some(Secret::new("canary-word"));
        let given = SignIn { certificate: Some(path.clone()), certificate_password: password, ..sign_in(&server) };
        assert!(token(given, &Environment::default()).await.unwrap().starts_with("token-"), "{name}");
        let wrong = SignIn {
            certificate: Some(path),
            certificate_password: Some(Secret::new("canary-other")),
            ..sign_in(&server)
        };
        let error = chosen(wrong, &Environment::default()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("the password is wrong") && !error.contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn ad_fs_is_asked_at_its_own_address_for_a_resource() {
    let (server, folder) = (authority().await, tempfile::tempdir().unwrap());
    let both = write(folder.path(), "both.pem", format!("{}{}", pair().key, pair().certificate));
    for authority in [server.url.clone(), format!("{}/adfs", server.url), format!("{}/adfs/", server.url)] {
        let given = SignIn {
            authority,
            tenant_id: None,
            certificate: Some(both.clone()),
            identity_system: IdentitySystem::Adfs,
            ..sign_in(&server)
        };
        token(given, &Environment::default()).await.unwrap();
        let seen = server.seen().pop().unwrap();
        assert_eq!(seen.path, "/adfs/oauth2/token");
        let form = form(&seen);
        assert_eq!(form["resource"], AUDIENCE);
        assert!(!form.contains_key("scope"));
        let header = header_of(&seen, &server);
        let thumbprint = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &pair().der);
        assert_eq!((&header["alg"], &header["x5t"]), (&json!("RS256"), &json!(URL_SAFE_NO_PAD.encode(thumbprint))));
    }
    // With a secret too.
    let server = FakeServer::start(|_, seen, _| match form(seen).get("client_secret").map(String::as_str) {
        Some("word") => Reply::json(200, json!({ "access_token": "token", "expires_in": "3600" })),
        _ => Reply::json(400, json!({ "error": "invalid_client" })),
    })
    .await;
    let given =
        SignIn { client_secret: Some(Secret::new("word")), identity_system: IdentitySystem::Adfs, ..sign_in(&server) };
    assert_eq!(token(given, &Environment::default()).await.unwrap(), "token");
}

/// An authority that gives tokens for one assertion after another: `id-0`, `id-1`, and so on, each once.
fn for_assertion(before: usize, seen: &Seen) -> Reply {
    match form(seen).get("client_assertion") {
        Some(text) if *text == format!("id-{before}") => {
            Reply::json(200, json!({ "access_token": format!("token-{before}"), "expires_in": 3600 }))
        }
        other => Reply::json(
            401,
            json!({ "error": "invalid_client", "error_description": format!("AADSTS700024: {other:?}") }),
        ),
    }
}

async fn two_tokens(tokens: &Arc<dyn TokenSource>) {
    let first = tokens.token().await.unwrap();
    assert_eq!(tokens.token().await.unwrap(), first);
    tokens.forget(&first);
    assert_eq!((first.expose(), tokens.token().await.unwrap().expose()), ("token-0", "token-1"));
}

#[tokio::test]
async fn a_federated_token_is_read_anew_for_each_token() {
    let server = FakeServer::start(|before, seen, _| for_assertion(before, seen)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "token", "id-0\n");
    let environment = Environment::of([("AZURE_FEDERATED_TOKEN_FILE", path.to_str().unwrap())]);
    let (method, tokens) = chosen(sign_in(&server), &environment).unwrap();
    assert_eq!(method, AuthMethod::WorkloadIdentity);
    let first = tokens.token().await.unwrap();
    std::fs::write(&path, "id-1").unwrap();
    tokens.forget(&first);
    assert_eq!(tokens.token().await.unwrap().expose(), "token-1");
    std::fs::remove_file(&path).unwrap();
    tokens.forget(&Secret::new("token-1"));
    let fault = tokens.token().await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Authentication, "FederatedTokenFile"));
}

#[tokio::test]
async fn azure_pipelines_gives_a_new_id_token_for_each_token() {
    let server = FakeServer::start(|before, seen, _| {
        let asked = "/oidc?api-version=7.1&serviceConnectionId=connection";
        match seen.method.as_str() {
            "POST" if seen.path == asked && seen.header("authorization") == "Bearer job" => {
                assert_eq!(seen.header("x-tfs-fedauthredirect"), "Suppress");
                Reply::json(200, json!({ "oidcToken": format!("id-{before}") }))
            }
            "POST" if seen.path.starts_with("/oidc") => Reply::empty(302).header("location", "/_signin"),
            _ => for_assertion(before, seen),
        }
    })
    .await;
    let uri = format!("{}/oidc", server.url);
    let environment = |access| {
        Environment::of([
            ("SYSTEM_OIDCREQUESTURI", uri.as_str()),
            ("SYSTEM_ACCESSTOKEN", access),
            ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "connection"),
            ("AZURESUBSCRIPTION_CLIENT_ID", "client"),
            ("AZURESUBSCRIPTION_TENANT_ID", "tenant"),
        ])
    };
    let bare = || SignIn { authority: server.url.clone(), audience: AUDIENCE.into(), ..SignIn::default() };
    let (method, tokens) = chosen(bare(), &environment("job")).unwrap();
    assert_eq!(method, AuthMethod::AzurePipelines);
    two_tokens(&tokens).await;
    let (_, tokens) = chosen(bare(), &environment("canary-wrong")).unwrap();
    let fault = tokens.token().await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Authentication, "IdTokenRefused"));
    assert!(fault.help.unwrap().contains("SYSTEM_ACCESSTOKEN") && !fault.message.contains("canary"));
}

#[tokio::test]
async fn github_gives_a_new_id_token_for_each_token() {
    let server = FakeServer::start(|before, seen, _| match seen.method.as_str() {
        "GET" => {
            assert_eq!(seen.path, "/id?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange");
            assert_eq!(seen.header("authorization"), "Bearer job");
            Reply::json(200, json!({ "value": format!("id-{before}") }))
        }
        _ => for_assertion(before, seen),
    })
    .await;
    let url = format!("{}/id?api-version=2.0", server.url);
    let environment =
        Environment::of([("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "job")]);
    let (method, tokens) = chosen(sign_in(&server), &environment).unwrap();
    assert_eq!(method, AuthMethod::GithubActions);
    two_tokens(&tokens).await;
}

fn managed(service: ManagedService) -> CachedTokens {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let grant =
        ManagedIdentityGrant::new(&HttpSettings::default(), service, AUDIENCE, Some("mine".into()), Arc::clone(&clock));
    CachedTokens::new(grant.unwrap().patience(Duration::from_millis(1)), clock)
}

#[tokio::test]
async fn the_identity_of_a_machine_is_asked_for_again_while_its_service_is_away() {
    let server = FakeServer::start(|before, seen, _| {
        assert_eq!(seen.header("metadata"), "true");
        match before {
            0 => Reply::empty(404),
            1 => Reply::empty(410),
            2 => Reply::json(429, json!({ "error": "too many" })),
            _ => Reply::json(200, json!({ "access_token": "token", "expires_in": "86399" })),
        }
    })
    .await;
    let tokens = managed(ManagedService::Machine(server.url.clone()));
    assert_eq!(tokens.token().await.unwrap().expose(), "token");
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(
        seen[0].path,
        "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com&client_id=mine"
    );
    let server = FakeServer::start(|_, _, _| {
        Reply::json(400, json!({ "error": "invalid_request", "error_description": "Identity not found" }))
    })
    .await;
    let fault = managed(ManagedService::Machine(server.url.clone())).token().await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Authentication);
    assert!(fault.message.contains("Identity not found"));
}

#[tokio::test]
async fn app_service_is_shown_its_header() {
    let server = FakeServer::start(|_, seen, _| match seen.header("x-identity-header") {
        "canary-header" => {
            let ends = SystemClock.now().as_second() + 3600;
            Reply::json(200, json!({ "access_token": "token", "expires_on": ends.to_string() }))
        }
        _ => Reply::json(403, json!({ "message": "no" })),
    })
    .await;
    let environment =
        Environment::of([("IDENTITY_ENDPOINT", server.url.as_str()), ("IDENTITY_HEADER", "canary-header")]);
    let (method, tokens) = chosen(SignIn { client_id: None, ..sign_in(&server) }, &environment).unwrap();
    assert_eq!(method, AuthMethod::ManagedIdentity);
    assert_eq!(tokens.token().await.unwrap().expose(), "token");
    assert!(server.seen()[0].path.contains("api-version=2019-08-01"));
}

#[tokio::test]
async fn arcs_challenge_is_met_with_its_own_keys_only() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("tokens");
    std::fs::create_dir(&keys).unwrap();
    write(&keys, "good.key", "the-key");
    write(&keys, "good.txt", "the-key");
    write(&keys, "long.key", vec![b'a'; 5000]);
    write(folder.path(), "outside.key", "the-key");
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path().join("outside.key"), keys.join("link.key")).unwrap();
    let cases = [
        (keys.join("good.key"), true),
        (keys.join("good.txt"), false),
        (keys.join("long.key"), false),
        (keys.join("link.key"), false),
        (folder.path().join("outside.key"), false),
        (keys.join("../outside.key"), false),
        (keys.join("missing.key"), false),
    ];
    for (path, is_key) in cases {
        let told = format!("Basic realm={}", path.display());
        let server = FakeServer::start(move |_, seen, _| match seen.header("authorization") {
            "Basic the-key" => Reply::json(200, json!({ "access_token": "token", "expires_in": 3600 })),
            _ => Reply::empty(401).header("www-authenticate", told.clone()),
        })
        .await;
        let service = ManagedService::Arc { endpoint: format!("{}/token", server.url), keys: keys.clone() };
        match managed(service).token().await {
            Ok(token) => assert!(is_key && token.expose() == "token", "{}", path.display()),
            Err(fault) => assert!(!is_key && fault.code == "ArcChallenge", "{} {fault:?}", path.display()),
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_azure_cli_is_run_without_a_shell() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = write(folder.path(), name, format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let run = |program: PathBuf| {
        let grant = AzureCliGrant::new(AUDIENCE, Some("tenant; touch x".into()), Arc::clone(&clock));
        CachedTokens::new(grant.program(program, Duration::from_secs(5)), Arc::clone(&clock))
    };
    let told = folder.path().join("arguments");
    let good = script(
        "az",
        &format!(
            "printf '%s\\n' \"$@\" > {}; echo '{{\"accessToken\": \"token\", \"expires_on\": 4102444800}}'",
            told.display()
        ),
    );
    assert_eq!(run(good).token().await.unwrap().expose(), "token");
    assert_eq!(
        std::fs::read_to_string(told).unwrap(),
        format!("account\nget-access-token\n--output\njson\n--resource\n{AUDIENCE}\n--tenant\ntenant; touch x\n")
    );
    for (program, code, part) in [
        (script("signed-out", "echo 'ERROR: Please run az login' >&2; exit 1"), "AzureCli", "Please run az login"),
        (script("odd", "echo nothing"), "AzureCli", "not JSON"),
        (folder.path().join("missing"), "NoAzureCli", "cannot be run"),
    ] {
        let fault = run(program).token().await.unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Authentication, code));
        assert!(fault.message.contains(part) && fault.help.is_some() == (part != "not JSON"), "{fault:?}");
    }
}

#[tokio::test]
async fn the_way_to_sign_in_follows_from_what_is_given() {
    let server = FakeServer::start(|_, _, _| Reply::empty(500)).await;
    let method = |sign_in: SignIn, environment: Environment| {
        sign_in.with_environment(&environment).method(&environment).unwrap()
    };
    let with_id = || sign_in(&server);
    let without = || SignIn { client_id: None, ..sign_in(&server) };
    assert_eq!(method(without(), Environment::default()), AuthMethod::Cli);
    assert_eq!(method(with_id(), Environment::of([("AZURE_CLIENT_SECRET", "s")])), AuthMethod::ClientSecret);
    assert_eq!(
        method(with_id(), Environment::of([("ENGINE_AUTH_METHOD", "managed-identity")])),
        AuthMethod::ManagedIdentity
    );
    let flag = SignIn { method: Some(AuthMethod::Cli), ..with_id() };
    assert_eq!(method(flag, Environment::of([("AZURE_CLIENT_SECRET", "s")])), AuthMethod::Cli);
    let missing = chosen(with_id(), &Environment::default()).map(|_| ()).unwrap_err();
    assert_eq!(missing.to_string(), "signing in to Azure by client_secret needs --client-secret");
    assert_eq!(missing.help().unwrap(), "give --client-secret or set AZURE_CLIENT_SECRET");
    for word in AuthMethod::ALL {
        assert_eq!(AuthMethod::from_word(word.word()), Some(word));
    }
}
