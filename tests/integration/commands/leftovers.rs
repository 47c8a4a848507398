//! What a cluster made by itself goes with it; what it stored stays unless it is to go.

use serde_json::{Value as Json, json};

use super::{Place, QUICKSTART, Simulating, model};

const NETWORK: &str = "2025-05-01";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// Deploys, and plays the cloud controller, the disk driver and a colleague.
fn used_cluster() -> Place {
    let place = Place::new();
    let folder = place.cluster();
    let simulator = Simulating::start(&place);
    let arguments = ["deploy", &model(QUICKSTART), "-o", folder.to_str().unwrap(), "--target", "simulator"];
    place.expect(0, &[&arguments[..], &["--time-scale", "0"]].concat());
    block_on(async {
        let arm = super::foreigners::arm(&simulator);
        arm.post("/simulator/play/cloud-controller?group=quickstart&loadBalancer=quickstart").await;
        arm.post("/simulator/play/csi?group=quickstart&machine=k8s-agentpool1-81217699-0").await;
        // A service within the network has a balancer of its own, in the cluster's subnet.
        let group = format!("/subscriptions/{}/resourceGroups/quickstart", simulator.credentials.subscription_id);
        let listed = arm.get(&format!("{group}/resources?api-version=2025-04-01")).await;
        let network = listed["value"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|item| item["id"].as_str().filter(|id| id.contains("/virtualNetworks/")).map(str::to_owned));
        let network = network.unwrap();
        let whole = arm.get(&format!("{network}?api-version={NETWORK}")).await;
        let subnet = whole["properties"]["subnets"][0]["id"].as_str().unwrap();
        let balancer = format!("{group}/providers/Microsoft.Network/loadBalancers/kubernetes-internal");
        let body = json!({ "location": "westus2", "sku": { "name": "Standard" }, "properties": {
            "frontendIPConfigurations": [
                { "name": "a0123456789abcdef0123456789abcde", "properties": { "subnet": { "id": subnet } } },
            ],
        } });
        arm.put(&format!("{balancer}?api-version={NETWORK}"), &body).await;
    });
    place
}

pub fn left(place: &Place) -> Json {
    let simulator = Simulating::start(place);
    block_on(async { super::foreigners::arm(&simulator).get("/simulator/summary").await })
}

#[test]
fn destroying_keeps_the_volumes_and_a_dead_api_server_is_no_hindrance() {
    let place = used_cluster();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    // Nothing of the cluster answers.
    let rules = json!([{ "on": "kubernetes", "times": "always", "fault": { "kind": "reset", "effect": false } }]);
    std::fs::write(place.path("faults.json"), json!({ "format": 1, "rules": rules }).to_string()).unwrap();
    let destroy = ["destroy", "-o", folder, "--yes", "--time-scale", "0", "--faults", "faults.json"];
    let output = place.engine(&destroy);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("1 disk of a volume stay") && told.contains("(of default/data)"), "{told}");
    assert!(told.contains("- kubernetes-internal\n"), "{told}");
    assert!(told.contains("- kubernetes-a"), "{told}");
    let types = &left(&place)["types"];
    assert_eq!(*types, json!({ "Microsoft.Compute/disks": 1, "Microsoft.Resources/resourceGroups": 1 }));

    // What comes next in this folder is another cluster, which nothing can be joined to.
    let state: Json =
        serde_json::from_str(&std::fs::read_to_string(place.cluster().join("state/state.json")).unwrap()).unwrap();
    assert_eq!(state["content"]["facts"], json!({}), "{state}");

    let told = place.json(&["destroy", "-o", folder, "--yes", "--delete-volumes", "--time-scale", "0"]);
    assert_eq!((&told["complete"], &told["resources"]), (&json!(true), &json!([])));
    assert_eq!(left(&place)["total"], 0);
}

#[test]
fn destroying_with_the_volumes_leaves_nothing() {
    let place = used_cluster();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let told = place.json(&["destroy", "-o", folder, "--yes", "--delete-volumes", "--time-scale", "0"]);
    assert_eq!((&told["complete"], &told["resources"]), (&json!(true), &json!([])));
    assert_eq!(left(&place)["total"], 0);
    assert!(place.expect(0, &["status", "-o", folder]).contains("Nothing of it exists"));
}
