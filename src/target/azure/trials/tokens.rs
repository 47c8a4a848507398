//! Tokens: got, kept, renewed in time, refused.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

use super::super::{Authority, CachedTokens, ClientSecretGrant, TokenSource};
use super::*;
use crate::base::{Clock, SystemClock};
use crate::contract::FaultClass;
use crate::target::http::HttpSettings;
use crate::target::testing::Reply;

/// A clock that is set by hand.
struct Hands(Mutex<Timestamp>);

impl Hands {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-11-22T08:00:00Z".parse().unwrap())))
    }

    fn advance(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap();
        *now += jiff::SignedDuration::from_secs(seconds);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

fn source(server: &FakeServer, clock: Arc<dyn Clock>) -> CachedTokens {
    let grant = ClientSecretGrant::new(
        &HttpSettings::default(),
        Authority::entra(&server.url, "tenant", "https://management.azure.com/").unwrap(),
        "client",
        Secret::new("canary-secret&="),
        Arc::clone(&clock),
    )
    .unwrap();
    CachedTokens::new(grant, clock)
}

fn granted(number: usize, lifetime: &Json) -> Reply {
    Reply::json(
        200,
        json!({ "token_type": "Bearer", "expires_in": lifetime, "access_token": format!("token-{number}") }),
    )
}

#[tokio::test]
async fn a_token_is_asked_for_as_the_v2_endpoint_wants_it() {
    let server = FakeServer::start(|before, _, _| granted(before, &json!(3600))).await;
    let tokens = source(&server, Arc::new(SystemClock));
    assert_eq!(tokens.token().await.unwrap().expose(), "token-0");
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/tenant/oauth2/v2.0/token"));
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(
        seen.body,
        "grant_type=client_credentials&client_id=client&client_secret=canary-secret%26%3D&scope=https%3A%2F%2Fmanagement.azure.com%2F%2F.default"
    );
}

#[tokio::test]
async fn a_token_is_kept_until_five_minutes_before_its_end_or_half_its_life() {
    for (lifetime, last_use) in [(json!(3600), 3600 - 300 - 1), (json!("240"), 120 - 1)] {
        let told = lifetime.clone();
        let server = FakeServer::start(move |before, _, _| granted(before, &told)).await;
        let clock = Hands::new();
        let tokens = source(&server, Arc::clone(&clock) as Arc<dyn Clock>);
        tokens.token().await.unwrap();
        clock.advance(last_use);
        assert_eq!(tokens.token().await.unwrap().expose(), "token-0", "{lifetime}");
        clock.advance(1);
        assert_eq!(tokens.token().await.unwrap().expose(), "token-1", "{lifetime}");
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test]
async fn many_who_wait_share_one_request() {
    let server = FakeServer::start(|before, _, _| {
        std::thread::sleep(Duration::from_millis(50));
        granted(before, &json!(3600))
    })
    .await;
    let tokens = Arc::new(source(&server, Arc::new(SystemClock)));
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let tokens = Arc::clone(&tokens);
            tokio::spawn(async move { tokens.token().await.unwrap().expose().to_owned() })
        })
        .collect();
    for one in waiting {
        assert_eq!(one.await.unwrap(), "token-0");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_shared_for_a_moment_and_then_asked_again() {
    let server = FakeServer::start(|before, _, _| match before {
        0 => Reply::json(401, json!({ "error": "invalid_client", "error_codes": [7000215] })),
        _ => granted(before, &json!(3600)),
    })
    .await;
    let clock = Hands::new();
    let tokens = source(&server, Arc::clone(&clock) as Arc<dyn Clock>);
    assert_eq!(tokens.token().await.unwrap_err().code, "AADSTS7000215");
    assert_eq!(tokens.token().await.unwrap_err().code, "AADSTS7000215");
    assert_eq!(server.seen().len(), 1);
    clock.advance(3);
    tokens.token().await.unwrap();
}

#[tokio::test]
async fn an_old_token_does_while_the_authority_is_away_and_not_longer() {
    let server = FakeServer::start(|before, _, _| match before {
        0 => granted(before, &json!(3600)),
        _ => Reply::json(503, json!({ "error": "temporarily_unavailable" })),
    })
    .await;
    let clock = Hands::new();
    let tokens = source(&server, Arc::clone(&clock) as Arc<dyn Clock>);
    tokens.token().await.unwrap();
    clock.advance(3400);
    assert_eq!(tokens.token().await.unwrap().expose(), "token-0");
    clock.advance(300);
    assert_eq!(tokens.token().await.unwrap_err().class, FaultClass::Transient);
}

#[tokio::test]
async fn refusals_have_a_meaning_and_a_remedy() {
    for (status, number, message, help) in [
        (401, 7_000_222, "the client secret has expired", "credential reset"),
        (401, 7_000_215, "the client secret is wrong", "credential reset"),
        (400, 700_016, "not known in this tenant", "client id"),
        (400, 90_002, "the tenant does not exist", "tenant id"),
    ] {
        for listed in [true, false] {
            let server = FakeServer::start(move |_, seen, _| {
                let codes = if listed { json!([number]) } else { json!(null) };
                let echo = format!("AADSTS{number}: something with {}\r\nTrace ID: t", seen.body);
                Reply::json(status, json!({ "error": "invalid_client", "error_description": echo, "error_codes": codes, "trace_id": "trace" }))
            })
            .await;
            let fault = source(&server, Arc::new(SystemClock)).token().await.unwrap_err();
            assert_eq!((fault.class, fault.code), (FaultClass::Authentication, format!("AADSTS{number}")));
            assert!(fault.message.contains(message) && fault.help.unwrap().contains(help));
            assert_eq!(fault.request_id.as_deref(), Some("trace"));
        }
    }
    // A number that nobody knows: the authority's own first line.
    let server = FakeServer::start(|_, _, _| {
        Reply::json(400, json!({ "error": "x", "error_description": "AADSTS1: a canary-secret&= b canary-secret%26%3D c\r\nTrace ID: t" }))
    })
    .await;
    let fault = source(&server, Arc::new(SystemClock)).token().await.unwrap_err();
    assert_eq!(fault.message, "no token: AADSTS1: a (secret) b (secret) c");
    for (status, body, class) in [
        (200, "<html>Sign in</html>", FaultClass::Unavailable),
        (200, "{}", FaultClass::Unavailable),
        (502, "<html>Bad gateway</html>", FaultClass::Unavailable),
        (429, "{\"error\":\"x\"}", FaultClass::Throttled),
    ] {
        let server = FakeServer::start(move |_, _, _| Reply::text(status, body).header("retry-after", "4")).await;
        let fault = source(&server, Arc::new(SystemClock)).token().await.unwrap_err();
        assert_eq!((fault.class, fault.retry_after), (class, Some(Duration::from_secs(4))), "{status} {body}");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let authority = FakeServer::start(|before, _, _| granted(before, &json!(3600))).await;
    let arm = FakeServer::start(|_, seen, _| match seen.header("authorization") {
        "Bearer token-1" => Reply::json(200, resource("Succeeded")),
        _ => Reply::json(401, json!({ "error": { "code": "ExpiredAuthenticationToken", "message": "expired" } })),
    })
    .await;
    let mut settings = settings(&arm);
    settings.authority.clone_from(&authority.url);
    settings.credentials = Credentials::ClientSecret {
        tenant_id: "tenant".into(),
        client_id: "client".into(),
        client_secret: Secret::new("canary-secret"),
    };
    let target = AzureTarget::new(settings).unwrap();
    assert!(target.observe(&vnet()).await.unwrap().is_some());
    assert_eq!((authority.seen().len(), arm.seen().len()), (2, 2));

    // A server that refuses every token is asked twice and no more.
    let arm = FakeServer::start(|_, _, _| {
        Reply::json(401, json!({ "error": { "code": "InvalidAuthenticationTokenTenant", "message": "The access token is from the wrong issuer" } }))
    })
    .await;
    let mut settings = super::settings(&arm);
    settings.authority.clone_from(&authority.url);
    settings.credentials = Credentials::ClientSecret {
        tenant_id: "tenant".into(),
        client_id: "client".into(),
        client_secret: Secret::new("canary-secret"),
    };
    let fault = AzureTarget::new(settings).unwrap().observe(&vnet()).await.unwrap_err();
    assert_eq!((fault.class, arm.seen().len()), (FaultClass::Authentication, 2));
}
