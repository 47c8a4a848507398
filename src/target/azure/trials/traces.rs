//! What a trace shows and hides, and what is told of limits.

use super::super::{JsonLines, Recording, Trace};
use super::*;
use crate::target::testing::Reply;

#[tokio::test]
async fn a_trace_shows_what_was_exchanged_and_no_secret() {
    let server = FakeServer::start(|_, seen, url| match seen.method.as_str() {
        "PUT" => Reply::json(201, json!({ "id": vnet().id, "echo": seen.json(), "properties": { "provisioningState": "Creating" } }))
            .header("azure-asyncoperation", format!("{url}/operations/1?api-version=1&t=canary-t&c=canary-c&s=canary-s&h=canary-h"))
            .header("x-ms-request-id", "the-request"),
        _ if seen.path.contains("/operations/") => Reply::json(200, json!({ "status": "Succeeded" })),
        _ => Reply::json(200, json!({ "id": vnet().id, "keys": [{ "keyName": "key1", "value": "canary-key" }], "primaryKey": "canary-primary" })),
    })
    .await;
    let recording = Arc::new(Recording::default());
    let mut settings = settings(&server);
    settings.trace = Some(Arc::clone(&recording) as Arc<dyn Trace>);
    let target = AzureTarget::new(settings).unwrap();
    let body = json!({ "properties": { "osProfile": { "customData": "canary-custom-data" }, "protectedSettings": { "commandToExecute": "canary-command" }, "size": "Standard_D2s_v5" } });
    let begun = target.apply(&vnet(), &body, None).await.unwrap();
    to_the_end(&target, begun).await.1.unwrap();
    let exchanges = recording.exchanges();
    let text = serde_json::to_string(&exchanges).unwrap();
    assert!(!text.contains("canary"), "{text}");
    assert_eq!(exchanges.len(), 3);
    assert!(text.contains("Standard_D2s_v5") && text.contains("the-request") && text.contains("/operations/1"));
    let first = &exchanges[0];
    assert_eq!((first.method.as_str(), first.status), ("PUT", Some(201)));

    // The same as lines.
    let mut lines = Vec::new();
    {
        let writer = JsonLines::new(&mut lines);
        exchanges.iter().for_each(|exchange| writer.exchange(exchange));
    }
    let lines = String::from_utf8(lines).unwrap();
    assert_eq!(lines.lines().count(), 3);
    assert_eq!(serde_json::from_str::<Json>(lines.lines().next().unwrap()).unwrap()["status"], 201);
}

#[tokio::test]
async fn what_is_left_of_a_limit_is_handed_out() {
    let server = FakeServer::start(|before, _, _| {
        Reply::json(200, resource("Succeeded"))
            .header("x-ms-ratelimit-remaining-subscription-reads", (11_999 - before).to_string())
            .header(
                "x-ms-ratelimit-remaining-resource",
                "Microsoft.Compute/GetVM3Min;238, Microsoft.Compute/GetVM30Min;1198,odd",
            )
            .header("x-ms-ratelimit-remaining-odd", "many")
    })
    .await;
    let target = target(&server);
    assert!(target.remaining().is_empty());
    target.observe(&vnet()).await.unwrap();
    target.observe(&vnet()).await.unwrap();
    let told: Vec<(String, u64)> = target.remaining().into_iter().map(|left| (left.budget, left.left)).collect();
    assert_eq!(
        told,
        [
            ("Microsoft.Compute/GetVM30Min".to_owned(), 1198),
            ("Microsoft.Compute/GetVM3Min".to_owned(), 238),
            ("subscription-reads".to_owned(), 11_998)
        ]
    );
}
