//! Faults on demand, as a client meets them.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{COMPUTE, Cloud, NETWORK};

const FAULTS: &str = "/simulator/faults";

async fn cloud(folder: &std::path::Path, rules: Json) -> Cloud {
    let cloud = Cloud::start(folder).await;
    cloud.make_group().await;
    cloud.make_network().await;
    give(&cloud, rules).await;
    cloud
}

async fn give(cloud: &Cloud, rules: Json) {
    let answer = cloud.send(Method::PUT, FAULTS, &[], Some(&json!({ "format": 1, "rules": rules }))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn applied(cloud: &Cloud) -> Vec<u64> {
    let told = cloud.send(Method::GET, FAULTS, &[], None).await.body;
    told["rules"].as_array().unwrap().iter().map(|rule| rule["applied"].as_u64().unwrap()).collect()
}

/// A request that may get no answer, or half of one.
async fn raw(cloud: &Cloud, method: Method, path: &str, body: Option<Json>) -> Result<(u16, String), reqwest::Error> {
    let url = format!("{}{path}?api-version={NETWORK}", cloud.simulator.arm_url());
    let mut request = cloud.client.request(method, url).bearer_auth(&cloud.token);
    if let Some(body) = body {
        request = request.body(body.to_string());
    }
    let response = request.send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

fn address() -> Json {
    json!({"location": "westus2", "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}})
}

fn path_of(url: &str) -> String {
    format!("/{}", url.splitn(4, '/').nth(3).unwrap())
}

#[tokio::test]
async fn the_control_address_is_for_those_with_a_token_and_tells_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mut cloud = Cloud::start(folder.path()).await;
    for (body, part) in [
        (json!({ "format": 1, "rules": [{ "fault": { "kind": "rest" } }] }), "unknown variant `rest`"),
        (json!({ "format": 1, "rules": [{ "times": 0, "fault": { "kind": "reset" } }] }), "/rules/0/times"),
        (json!({ "rules": [] }), "missing field `format`"),
    ] {
        let answer = cloud.send(Method::PUT, FAULTS, &[], Some(&body)).await;
        assert_eq!((answer.status, answer.code()), (400, "InvalidFaults"));
        assert!(answer.body["error"]["message"].as_str().unwrap().contains(part), "{answer:?}");
    }
    give(&cloud, json!([{ "name": "mine", "fault": { "kind": "refused", "status": 503 } }])).await;
    let told = cloud.send(Method::GET, FAULTS, &[], None).await.body;
    assert_eq!(told["rules"][0]["rule"]["name"], "mine");
    assert_eq!(cloud.get(&cloud.group(), super::GROUPS).await.status, 503);
    assert_eq!(cloud.get(&cloud.group(), super::GROUPS).await.status, 404);
    assert_eq!(applied(&cloud).await, [1]);
    let log = std::fs::read_to_string(folder.path().join("requests.jsonl")).unwrap();
    assert_eq!(log.matches("\"fault\":\"mine\"").count(), 1, "{log}");
    assert_eq!(cloud.send(Method::DELETE, FAULTS, &[], None).await.body["rules"], json!([]));
    assert_eq!(cloud.send(Method::POST, FAULTS, &[], None).await.status, 405);
    cloud.token = "nobody's".to_owned();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert_eq!(cloud.send(method, FAULTS, &[], Some(&json!({}))).await.status, 401);
    }
}

#[tokio::test]
async fn throttling_is_told_in_seconds_by_date_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let throttled = |told: &str| json!({ "fault": { "kind": "throttled", "seconds": 30, "told": told } });
    let rules = json!([throttled("seconds"), throttled("date"), throttled("nothing")]);
    let cloud = cloud(folder.path(), rules).await;
    let network = cloud.id("Microsoft.Network/virtualNetworks/net");
    let first = cloud.get(&network, NETWORK).await;
    assert_eq!(
        (first.status, first.header("retry-after"), first.header("retry-after-ms")),
        (429, Some("30"), Some("30000"))
    );
    assert_eq!((first.code(), first.header("x-ms-failure-cause")), ("SubscriptionRequestsThrottled", Some("gateway")));
    let second = cloud.get(&network, NETWORK).await;
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(second.header("retry-after").unwrap()).unwrap();
    let now = engine::base::Clock::now(cloud.clock.as_ref());
    assert_eq!((second.status, second.header("retry-after-ms"), at.as_second() - now.as_second()), (429, None, 30));
    let third = cloud.get(&network, NETWORK).await;
    assert_eq!((third.status, third.header("retry-after")), (429, None));
    assert_eq!(cloud.get(&network, NETWORK).await.status, 200);
}

#[tokio::test]
async fn a_connection_is_closed_after_the_effect_or_before() {
    let folder = tempfile::tempdir().unwrap();
    let reset = |name: &str, effect: bool| json!({ "resource": name, "methods": ["PUT"], "fault": { "kind": "reset", "effect": effect } });
    let cloud = cloud(folder.path(), json!([reset("with", true), reset("without", false)])).await;
    for (name, status) in [("with", 200), ("without", 404)] {
        let id = cloud.id(&format!("Microsoft.Network/publicIPAddresses/{name}"));
        assert!(raw(&cloud, Method::PUT, &id, Some(address())).await.is_err(), "{name}");
        assert_eq!(cloud.get(&id, NETWORK).await.status, status, "{name}");
    }
    assert_eq!(applied(&cloud).await, [1, 1]);
}

#[tokio::test]
async fn operations_stick_fail_and_lie() {
    let folder = tempfile::tempdir().unwrap();
    let rule = |name: &str, fault: Json| json!({ "resource": name, "fault": fault });
    let rules = json!([
        rule("stuck", json!({ "kind": "stuck" })),
        rule("late", json!({ "kind": "stuck", "seconds": 1000 })),
        rule("failing", json!({ "kind": "fails", "code": "InternalExecutionError", "message": "no luck" })),
        rule("lying", json!({ "kind": "lies" })),
        rule("forgotten", json!({ "kind": "forgotten" })),
        rule("unaddressed", json!({ "kind": "unaddressed" })),
    ]);
    let cloud = cloud(folder.path(), rules).await;
    let id = |name: &str| cloud.id(&format!("Microsoft.Network/publicIPAddresses/{name}"));
    let mut polls = std::collections::BTreeMap::new();
    for name in ["stuck", "late", "failing", "lying", "forgotten", "unaddressed"] {
        let answer = cloud.put(&id(name), NETWORK, address()).await;
        assert_eq!(answer.status, if name == "unaddressed" { 202 } else { 201 }, "{name}");
        polls.insert(name, answer.header("azure-asyncoperation").map(path_of));
    }
    assert_eq!(polls["unaddressed"], None);
    let status = async |name: &str| {
        let answer = cloud.send(Method::GET, polls[name].as_ref().unwrap(), &[], None).await;
        (answer.status, answer.body["status"].as_str().unwrap_or_default().to_owned())
    };
    cloud.clock.go_on(500.0);
    assert_eq!(status("stuck").await, (200, "InProgress".to_owned()));
    assert_eq!(status("late").await, (200, "InProgress".to_owned()));
    assert_eq!(status("lying").await, (200, "Succeeded".to_owned()));
    assert_eq!(status("forgotten").await.0, 404);
    let failed = cloud.send(Method::GET, polls["failing"].as_ref().unwrap(), &[], None).await.body;
    assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("Failed"), &json!("InternalExecutionError")));
    cloud.clock.go_on(1000.0);
    assert_eq!(status("late").await, (200, "Succeeded".to_owned()));
    cloud.clock.go_on(1000.0);
    for (name, state) in [
        ("stuck", "Updating"),
        ("late", "Succeeded"),
        ("failing", "Failed"),
        ("lying", ""),
        ("forgotten", "Succeeded"),
        ("unaddressed", "Succeeded"),
    ] {
        assert_eq!(cloud.get(&id(name), NETWORK).await.state(), state, "{name}");
    }

    // A lie about what was there leaves it as it was.
    give(&cloud, json!([{ "times": "always", "fault": { "kind": "lies" } }])).await;
    let before = cloud.get(&id("late"), NETWORK).await.body;
    let mut other = address();
    other["properties"]["idleTimeoutInMinutes"] = 17.into();
    assert_eq!(cloud.put(&id("late"), NETWORK, other).await.status, 200);
    assert_eq!(cloud.delete(&id("forgotten"), NETWORK).await.status, 202);
    cloud.clock.go_on(500.0);
    let after = cloud.get(&id("late"), NETWORK).await.body;
    assert_eq!(after["properties"]["idleTimeoutInMinutes"], before["properties"]["idleTimeoutInMinutes"]);
    assert_eq!(cloud.get(&id("forgotten"), NETWORK).await.state(), "Succeeded");
    // What began no operation used nothing up.
    assert_eq!(cloud.delete(&id("nothing"), NETWORK).await.status, 204);
    assert_eq!(applied(&cloud).await, [2]);
}

#[tokio::test]
async fn there_is_no_room_for_machines() {
    let folder = tempfile::tempdir().unwrap();
    let machines = "Microsoft.Compute/virtualMachines";
    let rule = |name: &str, code: &str| json!({ "type": machines, "resource": name, "fault": { "kind": "allocation", "code": code } });
    let rules = json!([
        rule("sku", "SkuNotAvailable"),
        rule("quota", "QuotaExceeded"),
        rule("region", "AllocationFailed"),
        rule("zone", "ZonalAllocationFailed"),
        rule("set", "OverconstrainedAllocationRequest"),
    ]);
    let cloud = cloud(folder.path(), rules).await;
    let sku = cloud.make_machine("sku").await;
    assert_eq!((sku.status, sku.code()), (409, "SkuNotAvailable"));
    let told = sku.body["error"]["message"].as_str().unwrap();
    assert!(told.contains("Standard_D2s_v3") && told.contains("'westus2'"), "{told}");
    let quota = cloud.make_machine("quota").await;
    assert_eq!((quota.status, quota.code()), (409, "OperationNotAllowed"));
    let told = quota.body["error"]["message"].as_str().unwrap();
    assert!(told.contains("approved Total Regional Cores quota") && told.contains("Required: 12."), "{told}");
    for (name, code) in
        [("region", "AllocationFailed"), ("zone", "ZonalAllocationFailed"), ("set", "OverconstrainedAllocationRequest")]
    {
        let accepted = cloud.make_machine(name).await;
        assert_eq!(accepted.status, 201);
        cloud.clock.go_on(1000.0);
        let path = path_of(accepted.header("azure-asyncoperation").unwrap());
        assert_eq!(cloud.send(Method::GET, &path, &[], None).await.body["error"]["code"], code);
        assert_eq!(cloud.get(&cloud.machine_id(name), COMPUTE).await.state(), "Failed");
    }
}

#[tokio::test]
async fn answers_come_slowly_in_part_from_others_or_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let rule = |fault: Json| json!({ "methods": ["GET"], "fault": fault });
    let rules = json!([
        rule(json!({ "kind": "slow", "bytesPerSecond": 2000 })),
        rule(json!({ "kind": "truncated", "bytes": 20 })),
        rule(json!({ "kind": "page", "status": 502 })),
        rule(json!({ "kind": "page", "contentType": "application/json", "text": "{\"id\": NaN}" })),
        rule(json!({ "kind": "huge", "mebibytes": 3 })),
    ]);
    let cloud = cloud(folder.path(), rules).await;
    let network = cloud.id("Microsoft.Network/virtualNetworks/net");
    let began = std::time::Instant::now();
    let (status, slow) = raw(&cloud, Method::GET, &network, None).await.unwrap();
    let took = began.elapsed().as_secs_f64();
    let least = slow.len() as f64 / 2000.0 - 0.2;
    assert!(status == 200 && took > least, "{} bytes in {took} s", slow.len());
    let cut = raw(&cloud, Method::GET, &network, None).await;
    assert!(cut.is_err(), "{cut:?}");
    let (status, page) = raw(&cloud, Method::GET, &network, None).await.unwrap();
    assert!(status == 502 && page.starts_with("<!DOCTYPE html>"), "{page}");
    assert_eq!(raw(&cloud, Method::GET, &network, None).await.unwrap(), (200, "{\"id\": NaN}".to_owned()));
    assert_eq!(raw(&cloud, Method::GET, &network, None).await.unwrap().1.len(), 3 << 20);
    let (status, whole) = raw(&cloud, Method::GET, &network, None).await.unwrap();
    assert!(status == 200 && whole == slow);
}

/// The chance of a seed is the same in every run, and other requests pass by.
#[tokio::test]
async fn a_seed_gives_the_same_faults() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        let cloud = Cloud::start(folder.path()).await;
        let rules = json!([{ "type": "*/publicIPAddresses", "methods": ["GET"], "each": true, "probability": 0.5,
            "times": "always", "fault": { "kind": "refused", "status": 500 } }]);
        let plan = json!({ "format": 1, "seed": 3, "rules": rules });
        // Ids hold a subscription, which is another one in each folder; the clouds of these tests share theirs.
        assert_eq!(cloud.send(Method::PUT, FAULTS, &[], Some(&plan)).await.status, 200);
        cloud.make_group().await;
        let mut met = Vec::new();
        for index in 0..40 {
            let id = cloud.id(&format!("Microsoft.Network/publicIPAddresses/ip-{index}"));
            met.push(cloud.get(&id, NETWORK).await.status);
        }
        assert!(met.contains(&500) && met.contains(&404), "{met:?}");
        runs.push(met);
    }
    assert_eq!(runs[0], runs[1]);
}
