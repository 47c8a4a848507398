//! The cluster in a group.

use engine::server::{Loaded, SimulatorSettings};
use reqwest::Method;
use serde_json::json;

use super::{COMPUTE, Cloud, StepClock};

async fn cluster(cloud: &Cloud) {
    cloud.make_group().await;
    cloud.make_network().await;
    for name in ["k8s-master-0", "agent-0", "agent-1"] {
        assert_eq!(cloud.make_machine(name).await.status, 201);
    }
    assert_eq!(cloud.kubernetes(Method::GET, "/readyz", None).await.status, 503);
    cloud.clock.go_on(60.0 + 15.0);
    assert_eq!(cloud.kubernetes(Method::GET, "/readyz", None).await.body, json!("ok"));
    assert_eq!(cloud.kubernetes(Method::GET, "/api/v1/nodes/agent-0", None).await.status, 404);
    cloud.clock.go_on(5.0);
}

async fn pods_on(cloud: &Cloud, node: &str) -> Vec<serde_json::Value> {
    let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{node}");
    let pods = cloud.kubernetes(Method::GET, &path, None).await;
    pods.body["items"].as_array().unwrap().clone()
}

fn is_deployed(pod: &serde_json::Value) -> bool {
    pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"
}

#[tokio::test]
async fn nodes_come_are_drained_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cluster(&cloud).await;
    let version = cloud.kubernetes(Method::GET, "/version", None).await;
    assert_eq!(version.body["gitVersion"], "v1.35.9");
    let nodes = cloud.kubernetes(Method::GET, "/api/v1/nodes", None).await;
    let names: Vec<_> =
        nodes.body["items"].as_array().unwrap().iter().map(|node| node["metadata"]["name"].clone()).collect();
    assert_eq!(names, ["agent-0", "agent-1", "k8s-master-0"]);
    assert_eq!(nodes.body["items"][0]["status"]["conditions"][0]["status"], "True");

    let before = pods_on(&cloud, "agent-0").await;
    assert_eq!(before.len(), 3);
    let patch = json!({"spec": {"unschedulable": true}});
    let cordoned = cloud.kubernetes(Method::PATCH, "/api/v1/nodes/agent-0", Some(&patch)).await;
    assert_eq!(cordoned.body["spec"]["unschedulable"], true);
    let refuse = cloud.send(Method::POST, "/simulator/play/budget?group=rg&refusals=1", &[], None).await;
    assert_eq!(refuse.status, 200);
    let mut refusals = 0;
    for pod in before.iter().filter(|pod| is_deployed(pod)) {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let path = format!("/api/v1/namespaces/default/pods/{name}/eviction");
        let eviction =
            json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}});
        let mut answer = cloud.kubernetes(Method::POST, &path, Some(&eviction)).await;
        if answer.status == 429 {
            assert_eq!(answer.body["details"]["causes"][0]["reason"], "DisruptionBudget");
            refusals += 1;
            answer = cloud.kubernetes(Method::POST, &path, Some(&eviction)).await;
        }
        assert_eq!(answer.status, 201);
    }
    assert_eq!(refusals, 1);
    assert!(
        pods_on(&cloud, "agent-0")
            .await
            .iter()
            .filter(|pod| is_deployed(pod))
            .all(|pod| pod["metadata"]["deletionTimestamp"].is_string())
    );
    cloud.clock.go_on(2.0);
    assert!(!pods_on(&cloud, "agent-0").await.iter().any(is_deployed));
    assert_eq!(pods_on(&cloud, "agent-1").await.iter().filter(|pod| is_deployed(pod)).count(), 4);

    assert_eq!(cloud.delete(&cloud.machine_id("agent-0"), COMPUTE).await.status, 202);
    cloud.clock.go_on(45.0 + 39.0);
    // Until the grace period is over the node looks well.
    let node = cloud.kubernetes(Method::GET, "/api/v1/nodes/agent-0", None).await;
    assert_eq!(node.status, 200);
    cloud.clock.go_on(60.0);
    let node = cloud.kubernetes(Method::GET, "/api/v1/nodes/agent-0", None).await;
    assert_eq!(node.body["status"]["conditions"][0]["status"], "Unknown");
    assert_eq!(cloud.kubernetes(Method::DELETE, "/api/v1/nodes/agent-0", None).await.status, 200);
    assert_eq!(cloud.kubernetes(Method::GET, "/api/v1/nodes/agent-0", None).await.status, 404);

    // A machine of the same name joins as a new node.
    assert_eq!(cloud.put(&cloud.machine_id("agent-0"), COMPUTE, cloud.machine_body("agent-0")).await.status, 201);
    cloud.clock.go_on(80.0);
    let node = cloud.kubernetes(Method::GET, "/api/v1/nodes/agent-0", None).await;
    assert_eq!(node.body["status"]["conditions"][0]["status"], "True");
    assert_eq!(node.body["spec"].get("unschedulable"), None);
}

#[tokio::test]
async fn tokens_of_the_bootstrap_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cluster(&cloud).await;
    let path = "/api/v1/namespaces/kube-system/secrets";
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bootstrap-token-abcdef"},
        "type": "bootstrap.kubernetes.io/token", "stringData": {"token-id": "abcdef"},
    });
    let named = format!("{path}/bootstrap-token-abcdef");
    assert_eq!(cloud.kubernetes(Method::GET, &named, None).await.status, 404);
    assert_eq!(cloud.kubernetes(Method::PUT, &named, Some(&secret)).await.status, 404);
    assert_eq!(cloud.kubernetes(Method::POST, path, Some(&secret)).await.status, 201);
    assert_eq!(cloud.kubernetes(Method::POST, path, Some(&secret)).await.status, 409);
    let patch = json!({"data": {"expiration": "eA=="}});
    assert_eq!(cloud.kubernetes(Method::PATCH, &named, Some(&patch)).await.status, 200);
    let kept = cloud.kubernetes(Method::GET, &named, None).await;
    assert_eq!(kept.body["data"], json!({"token-id": "YWJjZGVm", "expiration": "eA=="}));
    assert_eq!(kept.body["type"], "bootstrap.kubernetes.io/token");
    let url = format!("{}{named}", cloud.simulator.kubernetes_url("rg"));
    assert_eq!(cloud.client.get(url).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn of_machines_seen_elsewhere_those_join_that_have_or_were_still_being_made() {
    let folder = tempfile::tempdir().unwrap();
    let group = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg";
    let machine = |name: &str, state: &str| {
        json!({ "id": format!("{group}/providers/Microsoft.Compute/virtualMachines/{name}"), "location": "westus2",
            "type": "Microsoft.Compute/virtualMachines", "tags": { "orchestrator": "Kubernetes:1.35.9" },
            "properties": { "provisioningState": state, "osProfile": { "computerName": name } } })
    };
    let bootstrap = |name: &str, state: &str| {
        json!({ "id": format!("{group}/providers/Microsoft.Compute/virtualMachines/{name}/extensions/cse"),
            "type": "Microsoft.Compute/virtualMachines/extensions", "location": "westus2",
            "properties": { "provisioningState": state } })
    };
    let resources = vec![
        json!({ "id": group, "type": "Microsoft.Resources/resourceGroups", "location": "westus2" }),
        machine("k8s-master-0", "Succeeded"),
        bootstrap("k8s-master-0", "Succeeded"),
        // All was done on it, and it is no node.
        machine("lost", "Succeeded"),
        bootstrap("LOST", "Succeeded"),
        machine("begun", "Creating"),
        machine("made", "Succeeded"),
        machine("being-bootstrapped", "Succeeded"),
        bootstrap("being-bootstrapped", "Creating"),
    ];
    let loaded = Loaded {
        tenant_id: "00000000-0000-4000-8000-000000000002".to_owned(),
        subscription_id: "00000000-0000-4000-8000-000000000001".to_owned(),
        resources,
        nodes: Some([("k8s-master-0".to_owned(), true)].into()),
        resource_group: "rg".to_owned(),
    };
    let cloud = Cloud::start_as(SimulatorSettings::new(folder.path()).loaded(loaded), StepClock::new()).await;
    let nodes = cloud.kubernetes(Method::GET, "/api/v1/nodes", None).await.body;
    let seen: Vec<_> = nodes["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["metadata"]["name"].as_str().unwrap(), node["spec"]["unschedulable"] == true))
        .collect();
    assert_eq!(seen, [("begun", false), ("being-bootstrapped", false), ("k8s-master-0", true), ("made", false)]);
}
