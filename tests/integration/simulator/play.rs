//! What others change.

use reqwest::Method;
use serde_json::json;

use super::{COMPUTE, Cloud, DISKS, NETWORK};

#[tokio::test]
async fn controllers_change_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    cloud.make_network().await;
    cloud.make_machine("vm").await;
    let balancer = |name: &str| cloud.id(&format!("Microsoft.Network/loadBalancers/{name}"));
    let body = json!({"location": "westus2", "sku": {"name": "Standard"}, "properties": {"backendAddressPools": [{"name": "pool"}]}});
    for name in ["a-master-lb", "agents"] {
        assert_eq!(cloud.put(&balancer(name), NETWORK, body.clone()).await.status, 201);
    }
    let table = cloud.id("Microsoft.Network/routeTables/rt");
    cloud.put(&table, NETWORK, json!({"location": "westus2", "properties": {}})).await;
    cloud.clock.go_on(60.0);
    let before = cloud.get(&balancer("agents"), NETWORK).await;

    let played = cloud.send(Method::POST, "/simulator/play/cloud-controller?group=rg", &[], None).await;
    assert_eq!(played.status, 200, "{played:?}");
    assert_eq!(played.body["loadBalancer"], json!(balancer("agents")));
    let after = cloud.get(&balancer("agents"), NETWORK).await;
    assert_ne!(before.body["etag"], after.body["etag"]);
    let frontend = &after.body["properties"]["frontendIPConfigurations"][0];
    assert_eq!(frontend["properties"]["loadBalancingRules"].as_array().unwrap().len(), 1);
    assert_eq!(after.body["properties"]["probes"][0]["properties"]["loadBalancingRules"].as_array().unwrap().len(), 1);
    let address = cloud.get(played.body["publicIPAddress"].as_str().unwrap(), NETWORK).await;
    assert_eq!(address.body["properties"]["ipConfiguration"]["id"], frontend["id"]);
    assert!(address.body["properties"]["ipAddress"].is_string());
    assert_eq!(cloud.get(&table, NETWORK).await.body["properties"]["routes"].as_array().unwrap().len(), 1);
    // What it took in cannot go.
    let refused = cloud.delete(played.body["publicIPAddress"].as_str().unwrap(), NETWORK).await;
    assert_eq!(refused.code(), "PublicIPAddressCannotBeDeleted");
    // A PUT without what it added takes that away: that is what carrying it over is for.
    assert_eq!(cloud.put(&balancer("agents"), NETWORK, body).await.status, 200);
    let bare = cloud.get(&balancer("agents"), NETWORK).await;
    assert_eq!(bare.body["properties"]["loadBalancingRules"], json!([]));

    let attached = cloud.send(Method::POST, "/simulator/play/csi?group=rg&machine=vm", &[], None).await;
    assert_eq!((attached.status, &attached.body["lun"]), (200, &json!(10)));
    let machine = cloud.get(&cloud.machine_id("vm"), COMPUTE).await;
    assert_eq!(machine.body["properties"]["storageProfile"]["dataDisks"][0]["lun"], 10);
    let disk = cloud.get(attached.body["disk"].as_str().unwrap(), DISKS).await;
    assert_eq!(disk.body["properties"]["diskState"], "Attached");
    assert_eq!(disk.body["managedBy"], json!(cloud.machine_id("vm")));

    let summary = cloud.send(Method::GET, "/simulator/summary", &[], None).await;
    assert_eq!(summary.body["types"]["Microsoft.Compute/disks"], 2);
}
