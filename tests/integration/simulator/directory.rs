//! What the directory tells, and tokens as those see them who did not make them: by the keys that it publishes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Value as Json, json};

use super::Cloud;

/// The head and the claims of a token that one of these keys signed.
fn verified(token: &str, keys: &Json) -> (Json, Json) {
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let (text, signature) = token.rsplit_once('.').unwrap();
    let (head, claims) = text.split_once('.').unwrap();
    let head: Json = serde_json::from_slice(&decode(head)).unwrap();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == head["kid"]).unwrap();
    let number = |name: &str| decode(key[name].as_str().unwrap());
    RsaPublicKeyComponents { n: number("n"), e: number("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA256, text.as_bytes(), &decode(signature))
        .unwrap();
    (head, serde_json::from_slice(&decode(claims)).unwrap())
}

/// From a discovery document to a token that its keys verify.
async fn token_by(cloud: &Cloud, document: &Json, mut form: Vec<(&str, String)>) -> (String, Json) {
    let credentials = cloud.simulator.credentials();
    let keys = cloud.send(Method::GET, document["jwks_uri"].as_str().unwrap(), &[], None).await.body;
    form.extend([
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", credentials.client_id.clone()),
        ("client_secret", credentials.client_secret.expose().to_owned()),
    ]);
    let answer = cloud.client.post(document["token_endpoint"].as_str().unwrap()).form(&form).send().await.unwrap();
    let answer: Json = answer.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    let (head, claims) = verified(&token, &keys);
    assert_eq!((&head["alg"], &head["typ"]), (&json!("RS256"), &json!("JWT")));
    (token, claims)
}

#[tokio::test]
async fn three_kinds_of_endpoints_are_discovered_and_their_tokens_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut cloud = Cloud::start(folder.path()).await;
    let (url, tenant) = (cloud.simulator.arm_url().to_owned(), cloud.simulator.credentials().tenant_id.clone());
    for (path, form, issuer) in [
        (format!("/{tenant}/v2.0"), vec![("scope", format!("{url}/.default"))], format!("{url}/{tenant}/v2.0")),
        (format!("/{tenant}"), vec![("resource", format!("{url}/"))], format!("{url}/{tenant}/")),
        ("/adfs".to_owned(), vec![("resource", url.clone())], format!("{url}/adfs/services/trust")),
        ("/adfs".to_owned(), vec![("scope", format!("openid {url}/.default"))], format!("{url}/adfs/services/trust")),
    ] {
        let document = cloud.send(Method::GET, &format!("{path}/.well-known/openid-configuration"), &[], None).await;
        assert_eq!(document.status, 200, "{path}");
        let (token, claims) = token_by(&cloud, &document.body, form).await;
        assert_eq!(claims["iss"], issuer.as_str());
        let told = document.body.get("access_token_issuer").unwrap_or(&document.body["issuer"]);
        assert_eq!(*told, claims["iss"]);
        assert_eq!(claims["aud"].as_str().unwrap().trim_end_matches('/'), url);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3599);
        cloud.token = token;
        assert_eq!(cloud.get("/subscriptions", "2022-12-01").await.status, 200, "{path}");
    }
    let elsewhere = cloud.send(Method::GET, "/other/v2.0/.well-known/openid-configuration", &[], None).await;
    assert_eq!((elsewhere.status, &elsewhere.body["error"]), (400, &json!("invalid_tenant")));
    assert_eq!(cloud.send(Method::GET, "/other/discovery/keys", &[], None).await.status, 400);
    let instance = cloud.send(Method::GET, "/common/discovery/instance?api-version=1.1", &[], None).await.body;
    assert!(instance["tenant_discovery_endpoint"].as_str().unwrap().contains(&tenant));
}

#[tokio::test]
async fn wrong_clients_and_wrong_audiences_get_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut cloud = Cloud::start(folder.path()).await;
    let credentials = cloud.simulator.credentials().clone();
    let url = cloud.simulator.arm_url().to_owned();
    let ask = |form: Vec<(&'static str, String)>, basic: Option<String>| {
        let mut request = cloud.client.post(format!("{url}/adfs/oauth2/token")).form(&form);
        if let Some(basic) = basic {
            request = request.header("authorization", format!("Basic {}", STANDARD.encode(basic)));
        }
        async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<Json>().await.unwrap())
        }
    };
    let form = |secret: &str| {
        vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", credentials.client_id.clone()),
            ("client_secret", secret.to_owned()),
            ("resource", "https://elsewhere.example".to_owned()),
        ]
    };
    let (status, body) = ask(form("wrong"), None).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_client")));
    assert!(body["error_description"].as_str().unwrap().starts_with("MSIS"));
    let (status, _) = ask(vec![("grant_type", "password".to_owned())], None).await;
    assert_eq!(status, 400);

    // The secret in a header, escaped as the standard wants it.
    let escaped: String = credentials.client_secret.expose().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let bare =
        vec![("grant_type", "client_credentials".to_owned()), ("resource", "https://elsewhere.example".to_owned())];
    let (status, _) = ask(bare.clone(), Some(format!("{}:{escaped}", credentials.client_id))).await;
    assert_eq!(status, 200);
    let (status, _) = ask(bare, Some(format!("{}:wrong", credentials.client_id))).await;
    assert_eq!(status, 400);

    // A token that is good, but for somebody else.
    let (status, body) = ask(form(credentials.client_secret.expose()), None).await;
    assert_eq!(status, 200);
    cloud.token = body["access_token"].as_str().unwrap().to_owned();
    let refused = cloud.get("/subscriptions", "2022-12-01").await;
    assert_eq!((refused.status, refused.code()), (401, "InvalidAuthenticationTokenAudience"));
    // One of another simulator has another issuer, and the same key here, since one process made both.
    let other = tempfile::tempdir().unwrap();
    let other = Cloud::start_with(other.path(), 1.0, super::StepClock::new()).await;
    cloud.token = other.token.clone();
    let refused = cloud.get("/subscriptions", "2022-12-01").await;
    assert_eq!((refused.status, refused.code()), (401, "InvalidAuthenticationTokenTenant"));
}

#[tokio::test]
async fn the_same_port_serves_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    let url = cloud.simulator.tls_url();
    let authority = std::fs::read(folder.path().join("simulator-ca.crt")).unwrap();
    assert_eq!(authority, cloud.simulator.certificate_authority().as_bytes());
    let certificate = reqwest::Certificate::from_pem(&authority).unwrap();
    let trusting = reqwest::Client::builder().no_proxy().tls_certs_only([certificate]).build().unwrap();
    let read = |url: String| {
        let request = trusting.get(url).bearer_auth(&cloud.token);
        async move { request.send().await }
    };
    // Names are told as they were asked for, and a token is good whatever name it was given under.
    let address = url.rsplit(':').next().unwrap();
    for name in ["127.0.0.1", "localhost"] {
        let origin = format!("https://{name}:{address}");
        let told: Json =
            read(format!("{origin}/metadata/endpoints?api-version=2022-09-01")).await.unwrap().json().await.unwrap();
        assert_eq!(told["resourceManager"], format!("{origin}/"));
        let groups = read(format!("{origin}/subscriptions?api-version=2022-12-01")).await.unwrap();
        assert_eq!(groups.status(), 200);
    }
    // Who does not know the authority does not talk to it, and what is no handshake ends.
    assert!(cloud.client.get(&url).send().await.is_err());
    let stream = tokio::net::TcpStream::connect(url.trim_start_matches("https://")).await.unwrap();
    stream.writable().await.unwrap();
    stream.try_write(&[22, 3, 1, 0, 4, 0, 0, 0, 0]).unwrap();
    stream.readable().await.unwrap();
    assert_eq!(cloud.get("/subscriptions", "2022-12-01").await.status, 200);
}

#[tokio::test]
async fn metadata_has_the_form_of_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    let url = cloud.simulator.arm_url();
    for version in ["1.0", "2015-01-01"] {
        let told = cloud.get("/metadata/endpoints", version).await.body;
        assert_eq!(told["authentication"]["loginEndpoint"], format!("{url}/"), "{version}");
        assert!(told["galleryEndpoint"].is_string() && told["graphEndpoint"].is_string());
    }
    for version in ["2019-05-01", "2020-06-01"] {
        let told = cloud.get("/metadata/endpoints", version).await.body;
        assert_eq!(told[0]["authentication"]["identityProvider"], "AAD", "{version}");
    }
    let told = cloud.get("/metadata/endpoints", "2022-09-01").await.body;
    assert_eq!(
        (&told["authentication"]["tenant"], &told["suffixes"]["keyVaultDns"]),
        (&json!("common"), &json!("vault.azure.net"))
    );
    let wrong = cloud.send(Method::GET, "/metadata/endpoints?api-version=new", &[], None).await;
    assert_eq!((wrong.status, wrong.code()), (400, "MissingApiVersionParameter"));

    let adfs = json!({"identityProvider": "ADFS"});
    assert_eq!(cloud.send(Method::PATCH, "/simulator/settings", &[], Some(&adfs)).await.status, 200);
    let told = cloud.get("/metadata/endpoints", "2015-01-01").await.body;
    assert_eq!(told["authentication"]["loginEndpoint"], format!("{url}/adfs/"));
    for wrong in [
        json!({"identityProvider": "LDAP"}),
        json!({"quotas": 7}),
        json!({"quotas": {"cores": "many"}}),
        json!({"x": 1}),
    ] {
        let refused = cloud.send(Method::PATCH, "/simulator/settings", &[], Some(&wrong)).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidParameter"), "{wrong}");
    }
}
