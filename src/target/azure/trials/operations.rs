//! Each form of a long-running operation.

use std::time::Duration;

use super::*;
use crate::contract::FaultClass;
use crate::target::testing::{Reply, Seen};

const OPERATION: &str = "/subscriptions/s/providers/Microsoft.Network/locations/westus2/operations/1?api-version=2025-05-01&t=638&c=MII&s=a%2Fb%2Bc&h=x_Y-z";

fn is_operation(seen: &Seen) -> bool {
    seen.path.contains("/operations/")
}

async fn applied(
    answer: impl Fn(usize, &Seen, &str) -> Reply + Send + Sync + 'static,
) -> (FakeServer, Vec<OperationHandle>, Result<Option<Json>, Fault>) {
    let server = FakeServer::start(answer).await;
    let target = target(&server);
    let begun = match target.apply(&vnet(), &json!({ "location": "westus2" }), None).await {
        Ok(begun) => begun,
        Err(fault) => return (server, Vec::new(), Err(fault)),
    };
    let (handles, end) = to_the_end(&target, begun).await;
    (server, handles, end)
}

async fn deleted(
    answer: impl Fn(usize, &Seen, &str) -> Reply + Send + Sync + 'static,
) -> (FakeServer, Vec<OperationHandle>, Result<Option<Json>, Fault>) {
    let server = FakeServer::start(answer).await;
    let target = target(&server);
    let begun = target.delete(&vnet()).await.unwrap();
    let (handles, end) = to_the_end(&target, begun).await;
    (server, handles, end)
}

#[tokio::test]
async fn a_write_that_is_done_at_once_needs_no_second_request() {
    let (server, handles, end) = applied(|_, _, _| Reply::json(201, resource("Succeeded"))).await;
    assert_eq!(end.unwrap().unwrap(), resource("Succeeded"));
    assert!(handles.is_empty());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_write_without_a_provisioning_state_is_done() {
    // A managed identity: 201, a Location that means nothing, no state.
    let body = json!({ "id": vnet().id, "properties": { "principalId": "p" } });
    let reply = body.clone();
    let (_, handles, end) =
        applied(move |_, _, _| Reply::json(201, reply.clone()).header("location", "/subscriptions/s/x")).await;
    assert_eq!(end.unwrap().unwrap(), body);
    assert!(handles.is_empty());
}

#[tokio::test]
async fn azure_async_operation_is_preferred_and_its_url_is_kept_byte_for_byte() {
    let (server, handles, end) = applied(|before, seen, url| match seen.method.as_str() {
        "PUT" => Reply::json(201, resource("Updating"))
            .header("azure-asyncoperation", format!("{url}{OPERATION}"))
            .header("location", format!("{url}/elsewhere"))
            .header("retry-after", "10"),
        _ if is_operation(seen) && before == 0 => {
            Reply::json(200, json!({ "status": "InProgress" })).header("retry-after", "3")
        }
        _ if is_operation(seen) => Reply::json(200, json!({ "status": "Succeeded" })),
        _ => Reply::json(200, resource("Succeeded")),
    })
    .await;
    assert_eq!(end.unwrap().unwrap(), resource("Succeeded"));
    assert_eq!(handles[0].url, format!("{}{OPERATION}", server.url));
    assert_eq!(handles[0].kind, "azure-async-operation");
    assert_eq!(handles[0].result, Some(vnet()));
    let seen = server.seen();
    assert_eq!(seen[1].path, OPERATION);
    // PUT, two polls, the final read.
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|seen| seen.header("authorization") == format!("Bearer {TOKEN}")));
}

#[tokio::test]
async fn what_reads_as_made_is_asked_for_by_its_operation_and_not_read_again() {
    // A network interface: 201 and `Succeeded`, while its operation goes on, and may fail.
    let interface = |seen: &Seen, url: &str, operation: serde_json::Value| match seen.method.as_str() {
        "PUT" => Reply::json(201, resource("Succeeded"))
            .header("azure-asyncoperation", format!("{url}{OPERATION}"))
            .header("retry-after", "10"),
        _ if is_operation(seen) => Reply::json(200, operation),
        _ => Reply::json(200, resource("Succeeded")),
    };
    let (server, handles, end) =
        applied(move |_, seen, url| interface(seen, url, json!({ "status": "Succeeded" }))).await;
    assert_eq!(end.unwrap(), None);
    assert!(handles[0].reads_as_made);
    assert_eq!(handles[0].result, Some(vnet()));
    assert_eq!(server.seen().len(), 2);
    // Another process that takes it up knows it, too.
    let kept = serde_json::to_string(&handles[0]).unwrap();
    assert_eq!(serde_json::from_str::<OperationHandle>(&kept).unwrap(), handles[0]);
    let failed = json!({ "status": "Failed", "error": { "code": "SubnetIsFull", "message": "no address is left" } });
    let (_, _, end) = applied(move |_, seen, url| interface(seen, url, failed.clone())).await;
    assert_eq!(end.unwrap_err().code, "SubnetIsFull");
}

#[tokio::test]
async fn waits_are_told() {
    let server = FakeServer::start(|_, seen, url| match seen.method.as_str() {
        "PUT" => Reply::json(201, resource("Updating"))
            .header("azure-asyncoperation", format!("{url}{OPERATION}"))
            .header("retry-after", "10"),
        _ => Reply::json(200, json!({ "status": "InProgress" }))
            .header("x-ms-retry-after-ms", "250")
            .header("retry-after", "7"),
    })
    .await;
    let target = target(&server);
    let Progress::Running(handle, wait) = target.apply(&vnet(), &json!({}), None).await.unwrap() else { panic!() };
    assert_eq!(wait, Some(Duration::from_secs(10)));
    let Progress::Running(same, wait) = target.poll(&handle).await.unwrap() else { panic!() };
    assert_eq!((same, wait), (handle, Some(Duration::from_millis(250))));
}

#[tokio::test]
async fn location_answers_202_until_it_is_done() {
    // A storage account: 202, no body, a Location; then 200 with the resource.
    let (server, handles, end) = applied(|before, seen, url| match seen.method.as_str() {
        "PUT" => Reply::empty(202).header("location", format!("{url}{OPERATION}")).header("retry-after", "17"),
        _ if before == 0 => Reply::empty(202),
        _ => Reply::json(200, resource("Succeeded")),
    })
    .await;
    assert_eq!(end.unwrap().unwrap(), resource("Succeeded"));
    assert_eq!(handles[0].kind, "location");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn location_with_a_status_in_its_body_and_a_relative_url() {
    let (server, handles, end) = applied(|before, seen, _| match seen.method.as_str() {
        "PUT" => Reply::json(201, resource("Creating")).header("location", OPERATION),
        _ if is_operation(seen) && before == 0 => Reply::json(200, json!({ "status": "Running" })),
        _ if is_operation(seen) => Reply::empty(204),
        _ => Reply::json(200, resource("Succeeded")),
    })
    .await;
    assert_eq!(end.unwrap().unwrap(), resource("Succeeded"));
    assert_eq!(handles[0].url, format!("{}{OPERATION}", server.url));
}

#[tokio::test]
async fn without_a_header_the_resource_itself_is_asked() {
    for status in [200, 201, 202] {
        let (server, handles, end) = applied(move |before, seen, _| match seen.method.as_str() {
            "PUT" => Reply::json(status, resource("Creating")),
            _ if before == 0 => Reply::json(200, resource("Creating")),
            _ => Reply::json(200, resource("Succeeded")),
        })
        .await;
        assert_eq!(end.unwrap().unwrap(), resource("Succeeded"), "{status}");
        assert_eq!(handles[0].kind, "resource");
        assert_eq!(server.seen()[1].path, format!("{}?api-version=2025-05-01", vnet().id));
    }
}

#[tokio::test]
async fn a_resource_that_is_still_on_its_way_after_its_operation_is_waited_for() {
    let (_, handles, end) = applied(|before, seen, url| match seen.method.as_str() {
        "PUT" => Reply::json(202, json!({})).header("azure-asyncoperation", format!("{url}{OPERATION}")),
        _ if is_operation(seen) => Reply::json(200, json!({ "status": "Succeeded", "properties": { "output": {} } })),
        _ if before == 0 => Reply::json(200, resource("Updating")),
        _ => Reply::json(200, resource("Succeeded")),
    })
    .await;
    assert_eq!(end.unwrap().unwrap(), resource("Succeeded"));
    assert_eq!(
        handles.iter().map(|handle| handle.kind.as_str()).collect::<Vec<_>>(),
        ["azure-async-operation", "resource"]
    );
}

#[tokio::test]
async fn a_failure_within_a_200_is_a_failure() {
    let (_, _, end) = applied(|_, seen, url| match seen.method.as_str() {
        "PUT" => Reply::json(201, resource("Creating")).header("azure-asyncoperation", format!("{url}{OPERATION}")),
        _ => Reply::json(
            200,
            json!({ "status": "Failed", "error": { "code": "OSProvisioningTimedOut", "message": "OS Provisioning did not finish" } }),
        ),
    })
    .await;
    let fault = end.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Failed, "OSProvisioningTimedOut"));
    assert!(fault.help.is_some());

    // What may pass is begun again, not asked for again: the operation is over.
    for code in ["AnotherOperationInProgress", "TooManyRequests", "InternalServerError"] {
        let (_, _, end) = applied(move |_, seen, url| match seen.method.as_str() {
            "PUT" => Reply::json(201, resource("Creating")).header("azure-asyncoperation", format!("{url}{OPERATION}")),
            _ => Reply::json(200, json!({ "status": "Failed", "error": { "code": code, "message": "m" } })),
        })
        .await;
        assert_eq!(end.unwrap_err().class, FaultClass::Busy, "{code}");
    }
}

#[tokio::test]
async fn failed_and_cancelled_states_are_failures_wherever_they_stand() {
    for state in ["Failed", "Canceled"] {
        let (_, _, end) = applied(move |_, _, _| Reply::json(200, resource(state))).await;
        assert_eq!(end.unwrap_err().class, FaultClass::Failed, "{state} in the answer to the write");
        let (_, _, end) = applied(move |_, seen, _| match seen.method.as_str() {
            "PUT" => Reply::json(201, resource("Creating")),
            _ => Reply::json(200, resource(state)),
        })
        .await;
        assert_eq!(end.unwrap_err().class, FaultClass::Failed, "{state} in the resource");
        let (_, _, end) = applied(move |_, seen, url| match seen.method.as_str() {
            "PUT" => Reply::json(201, resource("Creating")).header("azure-asyncoperation", format!("{url}{OPERATION}")),
            _ => Reply::json(200, json!({ "status": state })),
        })
        .await;
        let fault = end.unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Failed, state), "as the operation's status");
    }
}

#[tokio::test]
async fn a_status_read_that_fails_says_nothing_about_the_operation() {
    let (server, _, end) = applied(|before, seen, url| match seen.method.as_str() {
        "PUT" => Reply::json(201, resource("Updating")).header("azure-asyncoperation", format!("{url}{OPERATION}")),
        _ if is_operation(seen) && before == 0 => {
            Reply::json(429, json!({ "error": { "code": "TooManyRequests", "message": "m" } }))
                .header("retry-after", "1")
        }
        _ if is_operation(seen) && before == 1 => Reply::empty(503),
        _ if is_operation(seen) => Reply::json(200, json!({ "status": "Succeeded" })),
        _ => Reply::json(200, resource("Succeeded")),
    })
    .await;
    end.unwrap();
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn an_operation_that_is_gone_is_lost() {
    for status in [404, 410] {
        let (_, _, end) = applied(move |_, seen, url| match seen.method.as_str() {
            "PUT" => Reply::json(201, resource("Updating")).header("azure-asyncoperation", format!("{url}{OPERATION}")),
            _ => Reply::json(status, json!({ "error": { "code": "OperationNotFound", "message": "m" } })),
        })
        .await;
        assert_eq!(end.unwrap_err().class, FaultClass::OperationLost, "{status}");
    }
}

#[tokio::test]
async fn the_token_is_not_sent_to_another_host() {
    let other = FakeServer::start(|_, _, _| Reply::json(200, json!({ "status": "Succeeded" }))).await;
    let elsewhere = format!("{}{OPERATION}", other.url);
    let (_, _, end) = applied(move |_, _, _| {
        Reply::json(201, resource("Updating")).header("azure-asyncoperation", elsewhere.clone())
    })
    .await;
    assert_eq!(end.unwrap_err().class, FaultClass::OperationLost);
    assert!(other.seen().is_empty());

    let server = FakeServer::start(|_, _, _| Reply::empty(200)).await;
    let target = target(&server);
    let port = server.url.rsplit(':').next().unwrap();
    for url in [
        format!("https://127.0.0.1:{port}/operations/1"),
        format!("http://localhost:{port}/operations/1"),
        format!("http://user:word@127.0.0.1:{port}/operations/1"),
        "http://management.azure.com/operations/1".to_owned(),
        "file:///etc/passwd".to_owned(),
        "no url".to_owned(),
    ] {
        let handle = OperationHandle { url: url.clone(), kind: "location".into(), result: None, reads_as_made: false };
        assert_eq!(target.poll(&handle).await.unwrap_err().class, FaultClass::OperationLost, "{url}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_deletion_ends_in_each_form() {
    for status in [200, 204] {
        let (server, handles, end) = deleted(move |_, _, _| Reply::empty(status)).await;
        assert!(end.unwrap().is_none() && handles.is_empty());
        assert_eq!(server.seen().len(), 1);
    }
    // A role assignment: 200 with what was there.
    let (_, _, end) = deleted(|_, _, _| Reply::json(200, json!({ "id": "/a" }))).await;
    assert!(end.unwrap().is_none());

    let (server, handles, end) = deleted(|before, seen, url| match seen.method.as_str() {
        "DELETE" => Reply::empty(202)
            .header("azure-asyncoperation", format!("{url}{OPERATION}"))
            .header("location", format!("{url}/elsewhere")),
        _ if before == 0 => Reply::json(200, json!({ "status": "InProgress" })),
        _ => Reply::json(200, json!({ "status": "Succeeded" })),
    })
    .await;
    assert!(end.unwrap().is_none());
    assert_eq!((handles[0].kind.as_str(), &handles[0].result), ("azure-async-operation", &None));
    assert_eq!(server.seen().len(), 3);

    // A resource group: 202 and a Location until 200.
    let (_, handles, end) = deleted(|before, seen, url| match seen.method.as_str() {
        "DELETE" => Reply::empty(202).header("location", format!("{url}{OPERATION}")).header("retry-after", "15"),
        _ if before == 0 => Reply::empty(202),
        _ => Reply::empty(200),
    })
    .await;
    assert!(end.unwrap().is_none());
    assert_eq!(handles.len(), 2);

    // Neither header: over when a read finds nothing.
    let (_, handles, end) = deleted(|before, seen, _| match seen.method.as_str() {
        "DELETE" => Reply::empty(202),
        _ if before == 0 => Reply::json(200, resource("Deleting")),
        _ => Reply::json(404, json!({ "error": { "code": "ResourceNotFound", "message": "m" } })),
    })
    .await;
    assert!(end.unwrap().is_none());
    assert_eq!(handles[0].kind, "resource");
}

#[tokio::test]
async fn what_is_not_there_is_deleted() {
    for code in ["ResourceNotFound", "ResourceGroupNotFound", "NotFound", "ParentResourceNotFound"] {
        let (_, _, end) =
            deleted(move |_, _, _| Reply::json(404, json!({ "error": { "code": code, "message": "m" } }))).await;
        assert!(end.unwrap().is_none(), "{code}");
    }
}

#[tokio::test]
async fn a_deletion_that_fails_later_says_why() {
    let (_, _, end) = deleted(|_, seen, url| match seen.method.as_str() {
        "DELETE" => Reply::empty(202).header("location", format!("{url}{OPERATION}")),
        _ => Reply::json(409, json!({ "error": { "code": "ScopeLocked", "message": "The scope cannot be deleted" } })),
    })
    .await;
    let fault = end.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Forbidden, "ScopeLocked"));
}
