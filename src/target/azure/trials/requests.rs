//! What is sent, what is read, and what never shows.

use std::time::Duration;

use super::*;
use crate::base::{FixedClock, SystemClock};
use crate::contract::{FaultClass, TargetName};
use crate::graph::GROUP_TYPE;
use crate::target::http::{BODY_LIMIT, HttpError};
use crate::target::testing::Reply;

#[tokio::test]
async fn a_request_carries_what_support_and_protocol_need() {
    let server = FakeServer::start(|_, _, _| Reply::json(200, resource("Succeeded")).header("etag", "W/\"2\"")).await;
    let target = target(&server);
    let Progress::Done(Some(found)) =
        target.apply(&vnet(), &json!({ "location": "westus2" }), Some("W/\"1\"")).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(found.etag.as_deref(), Some("W/\"2\""));
    target.observe(&vnet()).await.unwrap();
    let seen = server.seen();
    assert_eq!(
        seen[0].path,
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet?api-version=2025-05-01"
    );
    assert_eq!(seen[0].header("if-match"), "W/\"1\"");
    assert_eq!(seen[1].header("if-match"), "");
    assert_eq!(seen[0].json(), json!({ "location": "westus2" }));
    assert_eq!(seen[0].header("accept"), "application/json");
    assert!(seen[0].header("user-agent").starts_with("engine/"));
    assert_eq!(seen[0].header("x-ms-correlation-request-id"), target.correlation_id());
    assert_eq!(seen[1].header("x-ms-correlation-request-id"), target.correlation_id());
    assert_ne!(seen[0].header("x-ms-client-request-id"), seen[1].header("x-ms-client-request-id"));
}

#[tokio::test]
async fn names_are_escaped_and_cannot_climb() {
    let server = FakeServer::start(|_, _, _| Reply::json(200, json!({}))).await;
    target(&server).observe(&address("Microsoft.X/a/b", "one two?#%/../etc")).await.unwrap();
    let path = server.seen()[0].path.clone();
    assert!(path.contains("/a/one%20two%3F%23%25/b?api-version="), "{path}");
}

#[tokio::test]
async fn what_is_not_there_is_nothing_but_only_by_azures_word() {
    for (status, body, found) in [
        (404, r#"{"error":{"code":"ResourceNotFound","message":"m"}}"#, Ok(false)),
        (404, r#"{"error":{"code":"ResourceGroupNotFound","message":"m"}}"#, Ok(false)),
        (404, r#"{"error":{"code":"NotFound","message":"m"}}"#, Ok(false)),
        (200, r#"{"id":"/x"}"#, Ok(true)),
        (404, r#"{"error":{"code":"SubscriptionNotFound","message":"m"}}"#, Err(FaultClass::Forbidden)),
        (404, r#"{"error":{"code":"InvalidResourceType","message":"m"}}"#, Err(FaultClass::Invalid)),
        (404, "<html>Not Found</html>", Err(FaultClass::Unavailable)),
        (404, "", Err(FaultClass::Unavailable)),
        (200, "<html>Sign in to the network</html>", Err(FaultClass::Unavailable)),
        (200, "", Err(FaultClass::Unavailable)),
        (403, r#"{"error":{"code":"AuthorizationFailed","message":"m"}}"#, Err(FaultClass::Forbidden)),
    ] {
        let server = FakeServer::start(move |_, _, _| Reply::text(status, body)).await;
        let outcome = target(&server).observe(&address(GROUP_TYPE, "rg")).await;
        assert_eq!(outcome.map(|found| found.is_some()).map_err(|fault| fault.class), found, "{status} {body}");
    }
}

#[tokio::test]
async fn a_portal_that_signs_people_in_is_no_answer() {
    let server =
        FakeServer::start(|_, _, _| Reply::empty(302).header("location", "https://portal.example/login?token=secret"))
            .await;
    let fault = target(&server).delete(&vnet()).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Unavailable);
    assert!(fault.message.contains("portal.example") && !fault.message.contains("secret"), "{}", fault.message);
    assert_eq!(server.seen().len(), 1);

    let server = FakeServer::start(|_, _, _| Reply::text(200, "<html>welcome</html>")).await;
    let fault = target(&server).delete(&vnet()).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Unavailable);
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = FakeServer::start(|_, _, _| Reply::text(200, vec![b' '; BODY_LIMIT + 1])).await;
    let fault = target(&server).observe(&vnet()).await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Unavailable, "AnswerTooLarge"));
}

#[tokio::test]
async fn waits_and_request_ids_are_read_in_every_spelling() {
    let now: jiff::Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
    for (name, value, seconds) in [
        ("retry-after", "17", 17.0),
        ("retry-after", "Sun, 22 Nov 2026 08:01:30 GMT", 90.0),
        ("retry-after", "Sun, 22 Nov 2026 07:00:00 GMT", 0.0),
        ("retry-after-ms", "1500", 1.5),
        ("x-ms-retry-after-ms", "20", 0.02),
    ] {
        let server = FakeServer::start(move |_, _, _| {
            Reply::json(429, json!({ "error": { "code": "TooManyRequests", "message": "m" } }))
                .header(name, value)
                .header("x-ms-request-id", "support-finds-me")
        })
        .await;
        let mut settings = settings(&server);
        settings.clock = Arc::new(FixedClock(now));
        let fault = AzureTarget::new(settings).unwrap().observe(&vnet()).await.unwrap_err();
        assert_eq!(fault.retry_after, Some(Duration::from_secs_f64(seconds)), "{name}: {value}");
        assert_eq!(fault.request_id.as_deref(), Some("support-finds-me"));
    }
}

#[tokio::test]
async fn secrets_that_come_back_are_not_shown() {
    let server = FakeServer::start(|_, seen, _| {
        let echo = format!("you sent {} and {}", seen.header("authorization"), seen.body);
        match seen.method.as_str() {
            "PUT" => Reply::json(400, json!({ "error": { "code": "InvalidParameter", "message": echo } })),
            _ => Reply::text(502, echo),
        }
    })
    .await;
    let target = target(&server);
    let body = json!({ "properties": { "osProfile": { "customData": "canary-custom-data" }, "protectedSettings": { "script": "canary-script" } } });
    for fault in [target.apply(&vnet(), &body, None).await.unwrap_err(), target.observe(&vnet()).await.unwrap_err()] {
        let shown = format!("{fault} {fault:?}");
        assert!(shown.contains("(secret)") && !shown.contains("canary"), "{shown}");
    }
}

#[tokio::test]
async fn a_role_that_is_given_already_is_given() {
    let assignment = address("Microsoft.Authorization/roleAssignments", "11111111-2222-3333-4444-555555555555");
    let wanted = json!({ "properties": { "principalId": "P", "roleDefinitionId": "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/R" } });
    for (principal, there, outcome) in
        [("p", true, Ok(())), ("other", true, Err(FaultClass::Invalid)), ("p", false, Err(FaultClass::Invalid))]
    {
        let server = FakeServer::start(move |_, seen, _| match seen.method.as_str() {
            "PUT" => Reply::json(409, json!({ "error": { "code": "RoleAssignmentExists", "message": "The role assignment already exists." } })),
            _ if there => Reply::json(200, json!({ "id": "/x", "properties": { "principalId": principal, "roleDefinitionId": "/providers/microsoft.authorization/roleDefinitions/r" } })),
            _ => Reply::json(404, json!({ "error": { "code": "RoleAssignmentNotFound", "message": "m" } })),
        })
        .await;
        let ended = target(&server).apply(&assignment, &wanted, None).await;
        let ended =
            ended.map(|progress| assert!(matches!(progress, Progress::Done(Some(_))))).map_err(|fault| fault.class);
        assert_eq!(ended, outcome, "{principal} {there}");
    }
}

#[tokio::test]
async fn no_connection_says_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let tokens = Credentials::Tokens(Arc::new(FixedToken(Secret::new(TOKEN))));
    let target = AzureTarget::new(AzureSettings::new(&url, &url, "a", tokens)).unwrap();
    let fault = target.observe(&vnet()).await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Unavailable, "Connection"));
    assert!(!fault.message.contains("subscriptions"), "{}", fault.message);
}

#[tokio::test]
async fn a_connection_that_breaks_off_or_stalls_leaves_the_effect_unknown() {
    use tokio::io::AsyncReadExt as _;
    for stalls in [false, true] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 4096];
            let _ = stream.read(&mut bytes).await;
            if stalls {
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
        });
        let tokens = Credentials::Tokens(Arc::new(FixedToken(Secret::new(TOKEN))));
        let mut settings = AzureSettings::new(&url, &url, "a", tokens);
        settings.http.timeout = Duration::from_millis(300);
        let fault = AzureTarget::new(settings).unwrap().apply(&vnet(), &json!({}), None).await.unwrap_err();
        let code = if stalls { "Timeout" } else { "ConnectionLost" };
        assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Transient, code), "{}", fault.message);
        server.abort();
    }
}

#[test]
fn plain_http_is_for_loopback_only() {
    let made = |endpoint: &str| {
        let tokens = Credentials::Tokens(Arc::new(FixedToken(Secret::new(TOKEN))));
        AzureTarget::new(AzureSettings::new(endpoint, endpoint, "a", tokens)).map(|_| ())
    };
    for endpoint in ["https://management.azure.com", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1/"] {
        assert!(made(endpoint).is_ok(), "{endpoint}");
    }
    for endpoint in ["http://management.azure.com", "http://10.0.0.1", "http://localhost.example", "ftp://localhost"] {
        assert!(matches!(made(endpoint), Err(HttpError::Insecure(_))), "{endpoint}");
    }
    assert!(matches!(made("management"), Err(HttpError::Url(_))));
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    let made = |change: &dyn Fn(&mut AzureSettings)| {
        let tokens = Credentials::Tokens(Arc::new(FixedToken(Secret::new(TOKEN))));
        let mut settings = AzureSettings::new("https://a.example", "https://b.example", "a", tokens);
        settings.clock = Arc::new(SystemClock);
        change(&mut settings);
        AzureTarget::new(settings).err().map(|error| error.to_string())
    };
    assert!(made(&|settings| settings.http.root_certificates = vec!["no certificate".into()]).unwrap().contains("PEM"));
    assert!(
        made(&|settings| settings.http.identity = Some(Secret::new("canary"))).unwrap().contains("client certificate")
    );
    assert!(made(&|settings| settings.http.proxy = Some("::".into())).unwrap().contains("proxy"));
    assert!(made(&|_| {}).is_none());
}

#[tokio::test]
async fn the_simulator_is_called_by_its_name() {
    let server = FakeServer::start(|_, _, _| Reply::empty(200)).await;
    assert_eq!(target(&server).name(), TargetName::Azure);
    let mut settings = settings(&server);
    settings.simulated = true;
    assert_eq!(AzureTarget::new(settings).unwrap().name(), TargetName::Simulator);
}
