//! What the gateway does: tokens, versions, hostile requests, headers, lists.

use reqwest::Method;
use serde_json::json;

use super::{COMPUTE, Cloud, GROUPS, NETWORK};

#[tokio::test]
async fn tokens_are_given_checked_and_expire() {
    let folder = tempfile::tempdir().unwrap();
    let mut cloud = Cloud::start(folder.path()).await;
    let credentials = cloud.simulator.credentials().clone();
    let ask = |path: String, fields: Vec<(&'static str, String)>| {
        let request = cloud.client.post(format!("{}{path}", cloud.simulator.authority_url())).form(&fields);
        async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<serde_json::Value>().await.unwrap())
        }
    };
    let fields = |client: &str, secret: &str| {
        vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", client.to_owned()),
            ("client_secret", secret.to_owned()),
            ("scope", "https://management.azure.com//.default".to_owned()),
            ("resource", "https://management.azure.com/".to_owned()),
        ]
    };
    let path = format!("/{}/oauth2/v2.0/token", credentials.tenant_id);
    let (status, body) = ask(path.clone(), fields(&credentials.client_id, "wrong")).await;
    assert_eq!((status, &body["error"], &body["error_codes"]), (401, &json!("invalid_client"), &json!([7_000_215])));
    assert!(body["error_description"].as_str().unwrap().starts_with("AADSTS7000215: "));
    let (status, body) = ask(path, fields("nobody", "wrong")).await;
    assert_eq!((status, &body["error"]), (400, &json!("unauthorized_client")));
    let (status, _) = ask("/elsewhere/oauth2/v2.0/token".to_owned(), fields(&credentials.client_id, "x")).await;
    assert_eq!(status, 400);
    let first = format!("/{}/oauth2/token", credentials.tenant_id);
    let (status, body) = ask(first, fields(&credentials.client_id, credentials.client_secret.expose())).await;
    assert_eq!((status, &body["expires_in"]), (200, &json!("3599")));

    cloud.token = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(cloud.get("/subscriptions", "2022-12-01").await.status, 200);
    cloud.clock.go_on(3599.0);
    let expired = cloud.get("/subscriptions", "2022-12-01").await;
    assert_eq!((expired.status, expired.code()), (401, "ExpiredAuthenticationToken"));
    assert!(expired.header("www-authenticate").unwrap().starts_with("Bearer authorization_uri="));
    cloud.token = cloud.new_token().await;
    cloud.token.insert(20, 'x');
    let forged = cloud.get("/subscriptions", "2022-12-01").await;
    assert_eq!((forged.status, forged.code()), (401, "InvalidAuthenticationToken"));
    let url = format!("{}/subscriptions?api-version=2022-12-01", cloud.simulator.arm_url());
    assert_eq!(cloud.client.get(url).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_cloud_tells_about_itself() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    let url = cloud.simulator.arm_url();
    let new = cloud.get("/metadata/endpoints", "2022-09-01").await.body;
    assert_eq!(new["resourceManager"], format!("{url}/"));
    let old = cloud.get("/metadata/endpoints", "1.0").await.body;
    assert_eq!(old["authentication"]["loginEndpoint"], format!("{url}/"));
    assert!(cloud.get("/metadata/endpoints", "2020-06-01").await.body.is_array());
    let locations = cloud.get(&format!("{}/locations", cloud.subscription), "2022-12-01").await.body;
    assert!(locations["value"].as_array().unwrap().iter().any(|location| location["name"] == "westus2"));
    let provider = cloud.get(&format!("{}/providers/microsoft.compute", cloud.subscription), "2021-04-01").await.body;
    assert_eq!(provider["registrationState"], "Registered");
    assert_eq!(provider["namespace"], "Microsoft.Compute");
}

#[tokio::test]
async fn versions_and_conditions_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    cloud.make_network().await;
    let id = cloud.id("Microsoft.Network/virtualNetworks/net");
    let none = cloud.send(Method::GET, &id, &[], None).await;
    assert_eq!((none.status, none.code()), (400, "MissingApiVersionParameter"));
    let unknown = cloud.get(&id, "2099-01-01").await;
    assert_eq!((unknown.status, unknown.code()), (400, "NoRegisteredProviderFound"));
    assert!(unknown.body["error"]["message"].as_str().unwrap().contains(NETWORK));
    assert_eq!(cloud.get(&cloud.group(), "2099-01-01").await.code(), "InvalidApiVersionParameter");

    let there = cloud.get(&id, NETWORK).await;
    let etag = there.header("etag").unwrap().to_owned();
    let mut body = there.body.clone();
    body["tags"] = json!({"a": "b"});
    let path = format!("{id}?api-version={NETWORK}");
    let put = |etag: String| cloud.send_owned(Method::PUT, path.clone(), vec![("if-match", etag)], body.clone());
    let stale = put("W/\"other\"".to_owned()).await;
    assert_eq!((stale.status, stale.code()), (412, "PreconditionFailed"));
    assert_eq!(put(etag.clone()).await.status, 200);
    cloud.clock.go_on(10.0);
    assert_eq!(put(etag).await.status, 412);
}

impl Cloud {
    async fn send_owned(
        &self,
        method: Method,
        path: String,
        headers: Vec<(&str, String)>,
        body: serde_json::Value,
    ) -> super::Answer {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send(method, &path, &headers, Some(&body)).await
    }
}

#[tokio::test]
async fn an_operation_is_asked_for_with_its_url_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let id = cloud.id("Microsoft.Network/routeTables/rt");
    let made = cloud.put(&id, NETWORK, json!({"location": "westus2", "properties": {}})).await;
    let url = made.header("azure-asyncoperation").unwrap().to_owned();
    let decoded = url.replace("%3D", "=");
    assert_ne!(url, decoded);
    assert_eq!(cloud.send(Method::GET, &decoded, &[], None).await.status, 403);
    assert_eq!(cloud.send(Method::GET, url.split("&t=").next().unwrap(), &[], None).await.status, 403);
    assert_eq!(cloud.send(Method::GET, &url, &[], None).await.status, 200);
    assert_eq!(cloud.client.get(&url).send().await.unwrap().status(), 401);
    let other = url.replace("/operations/", "/operations/0");
    assert_eq!(cloud.send(Method::GET, &other, &[], None).await.status, 404);
}

#[tokio::test]
async fn references_have_to_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let missing = cloud.make_card("nic").await;
    assert_eq!((missing.status, missing.code()), (400, "InvalidResourceReference"));
    let extension = format!("{}/extensions/cse", cloud.machine_id("vm"));
    let orphan = cloud.put(&extension, COMPUTE, json!({"location": "westus2", "properties": {}})).await;
    assert_eq!((orphan.status, orphan.code()), (404, "ParentResourceNotFound"));
    let balancer = cloud.id("Microsoft.Network/loadBalancers/lb");
    let rule = json!({"name": "r", "properties": {"frontendIPConfiguration": {"id": format!("{balancer}/frontendIPConfigurations/f")}}});
    let dangling = cloud
        .put(&balancer, NETWORK, json!({"location": "westus2", "properties": {"loadBalancingRules": [rule]}}))
        .await;
    assert_eq!((dangling.status, dangling.code()), (400, "InvalidResourceReference"));
}

#[tokio::test]
async fn hostile_requests_are_refused_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let group = cloud.group();
    let version = format!("?api-version={NETWORK}");
    for (method, path) in [
        (Method::GET, "/".to_owned()),
        (Method::GET, "/subscriptions/x".to_owned()),
        (Method::PUT, format!("{group}/providers/Microsoft.Network/virtualNetworks/..%2f..%2fetc{version}")),
        (Method::PUT, format!("{group}/providers/Microsoft.Network/virtualNetworks/%00{version}")),
        (Method::PUT, format!("{group}/providers/Microsoft.Network/virtualNetworks/%ff%fe{version}")),
        (Method::PUT, format!("{group}/providers/Microsoft.Network{version}")),
        (Method::PUT, format!("{group}/providers{version}")),
        (Method::DELETE, format!("{group}/providers/Microsoft.Network/virtualNetworks{version}")),
        (Method::PATCH, format!("{group}/providers/Microsoft.Network/virtualNetworks/none{version}")),
        (Method::POST, format!("{group}/providers/Microsoft.Network/virtualNetworks/none/explode{version}")),
        (Method::GET, format!("{group}/providers/Microsoft.Network/loadBalancers/a/b/c/d/e/f{version}")),
        (Method::PUT, format!("{}/resourceGroups/a%2fb?api-version={GROUPS}", cloud.subscription)),
        (Method::PUT, format!("{}/resourceGroups/{}?api-version={GROUPS}", cloud.subscription, "x".repeat(91))),
        (Method::POST, "/simulator/play/csi?group=rg&machine=none".to_owned()),
        (Method::POST, "/simulator/play/autoscaler?group=rg&scaleSet=x&capacity=-1".to_owned()),
        (Method::GET, "/kubernetes/rg/api/v1/nodes".to_owned()),
    ] {
        let body = json!({"location": "westus2", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}}});
        let answer = cloud.send(method.clone(), &path, &[], Some(&body)).await;
        assert!((400..=503).contains(&answer.status), "{method} {path}: {answer:?}");
        assert!(answer.body.is_object(), "{method} {path}: {answer:?}");
    }
    let id = cloud.id("Microsoft.Network/virtualNetworks/net");
    let url = format!("{}{id}{version}", cloud.simulator.arm_url());
    for body in [&b"{"[..], b"[]", b"\"x\"", b"\xff\xfe", b"{\"location\":\"westus2\",\"properties\":7}"] {
        let request = cloud.client.put(&url).bearer_auth(&cloud.token).body(body.to_vec());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 400);
        let answer: serde_json::Value = response.json().await.unwrap();
        assert_eq!(answer["error"]["code"], "InvalidRequestContent");
    }
    let deep = format!("{{\"location\":\"westus2\",\"properties\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let response = cloud.client.put(&url).bearer_auth(&cloud.token).body(deep).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let large = cloud.client.put(&url).bearer_auth(&cloud.token).body(vec![b' '; 5 << 20]).send().await;
    // Either the answer comes through, or the connection closes while the rest is sent.
    assert!(large.is_err() || large.is_ok_and(|response| response.status() == 413));
    // A page under another name, or a form in one.
    let other =
        cloud.client.get(format!("{}/simulator/summary", cloud.simulator.arm_url())).header("host", "evil.example");
    assert_eq!(other.send().await.unwrap().status(), 403);
    let form = cloud
        .client
        .post(format!("{}/simulator/play/budget?group=rg&refusals=1", cloud.simulator.arm_url()))
        .header("origin", "http://evil.example");
    assert_eq!(form.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn headers_lists_and_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start_with(folder.path(), 0.02, super::StepClock::new()).await;
    cloud.make_group().await;
    let id = cloud.id("Microsoft.Network/networkSecurityGroups/nsg");
    let made = cloud
        .send(
            Method::PUT,
            &format!("{id}?api-version={NETWORK}"),
            &[("x-ms-correlation-request-id", "me")],
            Some(&json!({"location": "westus2", "properties": {}})),
        )
        .await;
    assert_eq!(made.header("x-ms-correlation-request-id"), Some("me"));
    assert_eq!(made.header("x-ms-ratelimit-remaining-subscription-writes"), Some("198"));
    // Three seconds are 60 ms here; in whole seconds that is one.
    assert_eq!((made.header("retry-after"), made.header("retry-after-ms")), (Some("1"), Some("60")));
    assert_eq!(made.body["properties"]["defaultSecurityRules"].as_array().unwrap().len(), 6);
    cloud.clock.go_on(0.06);
    assert_eq!(cloud.get(&id, NETWORK).await.state(), "Succeeded");

    for index in 0..205 {
        let id = cloud.id(&format!("Microsoft.Compute/availabilitySets/set{index:03}"));
        let made = cloud.put(&id, COMPUTE, json!({"location": "westus2"})).await;
        assert_eq!((made.status, made.body["properties"].get("virtualMachines")), (200, None));
    }
    let first = cloud.get(&cloud.id("microsoft.compute/AVAILABILITYSETS"), COMPUTE).await;
    assert_eq!(first.body["value"].as_array().unwrap().len(), 200);
    let second = cloud.send(Method::GET, first.body["nextLink"].as_str().unwrap(), &[], None).await;
    assert_eq!(second.body["value"].as_array().unwrap().len(), 5);
    assert_eq!(second.body.get("nextLink"), None);
    let filter = "resourceType%20eq%20'Microsoft.Network/networkSecurityGroups'";
    let path = format!("{}/resources?$filter={filter}&api-version={GROUPS}", cloud.group());
    let resources = cloud.send(Method::GET, &path, &[], None).await;
    assert_eq!(resources.body["value"].as_array().unwrap().len(), 1);
    assert_eq!(resources.body["value"][0].get("properties"), None);

    let log = std::fs::read_to_string(folder.path().join("requests.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&line["method"], &line["status"]), (&json!("GET"), &json!(200)));
    assert!(line["path"].as_str().unwrap().ends_with("/resources"));
    assert!(!log.contains(&cloud.token) && !log.contains(cloud.simulator.credentials().client_secret.expose()));
}

#[tokio::test]
async fn at_scale_zero_an_operation_is_over_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start_with(folder.path(), 0.0, super::StepClock::new()).await;
    cloud.make_group().await;
    let id = cloud.id("Microsoft.Network/routeTables/rt");
    let made = cloud.put(&id, NETWORK, json!({"location": "westus2", "properties": {}})).await;
    assert_eq!((made.state(), made.header("retry-after")), ("Updating", Some("0")));
    let poll = cloud.send(Method::GET, made.header("azure-asyncoperation").unwrap(), &[], None).await;
    assert_eq!(poll.body["status"], "Succeeded");
}
