//! Scale sets whose instances are machines of their own, and what a NAT gateway is to its subnets.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{COMPUTE, Cloud, NETWORK};

fn body(subnet: &str, capacity: u32) -> Json {
    json!({
        "location": "westus2", "tags": {"poolName": "agents", "orchestrator": "Kubernetes:1.35.9"},
        "sku": {"name": "Standard_D2s_v3", "capacity": capacity},
        "properties": {
            "orchestrationMode": "Flexible", "platformFaultDomainCount": 1, "singlePlacementGroup": false,
            "virtualMachineProfile": {
                "osProfile": {"computerNamePrefix": "agents", "adminUsername": "azureuser", "customData": "Y2FuYXJ5"},
                "storageProfile": {"osDisk": {"createOption": "FromImage", "deleteOption": "Delete"}},
                "networkProfile": {"networkApiVersion": "2020-11-01", "networkInterfaceConfigurations": [
                    {"name": "nic", "properties": {"primary": true, "deleteOption": "Delete", "ipConfigurations": [
                        {"name": "ip", "properties": {"subnet": {"id": subnet}, "publicIPAddressConfiguration":
                            {"name": "pub1", "properties": {"deleteOption": "Delete"}}}}]}}]},
                "extensionProfile": {"extensions": [{"name": "vmssCSE", "properties": {
                    "publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.0"}}]},
            },
        },
    })
}

async fn list(cloud: &Cloud, kind: &str, version: &str) -> Vec<Json> {
    cloud.get(&cloud.id(kind), version).await.body["value"].as_array().unwrap().clone()
}

#[tokio::test]
async fn instances_of_a_flexible_set_are_machines_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let subnet = cloud.make_network().await;
    let id = cloud.id("Microsoft.Compute/virtualMachineScaleSets/agents");
    let made = cloud.put(&id, COMPUTE, body(&subnet, 2)).await;
    assert_eq!(made.state(), "Creating");
    assert_eq!(made.body["properties"].get("overprovision"), None);
    cloud.clock.go_on(75.0);

    let machines = list(&cloud, "Microsoft.Compute/virtualMachines", COMPUTE).await;
    assert_eq!(machines.len(), 2);
    for machine in &machines {
        let name = machine["name"].as_str().unwrap();
        assert_eq!(name.strip_prefix("agents_").map(str::len), Some(8), "{name}");
        let properties = &machine["properties"];
        assert_eq!(properties["virtualMachineScaleSet"]["id"], id.as_str());
        let host = properties["osProfile"]["computerName"].as_str().unwrap();
        assert_eq!(host.strip_prefix("agents").map(str::len), Some(6), "{host}");
        assert!(machine["resources"][0]["id"].as_str().unwrap().ends_with("/extensions/vmssCSE"));
        let card = properties["networkProfile"]["networkInterfaces"][0]["id"].as_str().unwrap();
        let card = cloud.get(card, NETWORK).await.body;
        let address = &card["properties"]["ipConfigurations"][0]["properties"];
        assert!(address["privateIPAddress"].as_str().unwrap().starts_with("10.240.0."), "{card}");
        assert_eq!(card["properties"]["virtualMachine"]["id"], machine["id"]);
    }
    assert_eq!(list(&cloud, "Microsoft.Network/publicIPAddresses", NETWORK).await.len(), 2);

    // They become nodes by their hosts' names, in small letters.
    cloud.clock.go_on(60.0);
    let nodes = cloud.kubernetes(Method::GET, "/api/v1/nodes", None).await.body;
    let provider = nodes["items"][0]["spec"]["providerID"].as_str().unwrap();
    assert_eq!(nodes["items"].as_array().unwrap().len(), 2);
    assert!(provider.contains("/virtualMachines/agents_"), "{provider}");

    // A machine that is deleted by itself is missing from the count; its interface, disk and address go with it.
    let first = machines[0]["id"].as_str().unwrap();
    assert_eq!(cloud.delete(first, COMPUTE).await.status, 202);
    cloud.clock.go_on(60.0);
    assert_eq!(cloud.get(&id, COMPUTE).await.body["sku"]["capacity"], 1);
    assert_eq!(list(&cloud, "Microsoft.Network/networkInterfaces", NETWORK).await.len(), 1);
    assert_eq!(list(&cloud, "Microsoft.Network/publicIPAddresses", NETWORK).await.len(), 1);

    assert_eq!(cloud.put(&id, COMPUTE, body(&subnet, 3)).await.status, 200);
    cloud.clock.go_on(75.0);
    let machines = list(&cloud, "Microsoft.Compute/virtualMachines", COMPUTE).await;
    assert_eq!(machines.len(), 3);
    let path = format!("{id}/delete?api-version={COMPUTE}");
    let wanted = json!({"instanceIds": [machines[0]["name"]]});
    assert_eq!(cloud.send(Method::POST, &path, &[], Some(&wanted)).await.status, 202);
    cloud.clock.go_on(60.0);
    let left = list(&cloud, "Microsoft.Compute/virtualMachines", COMPUTE).await;
    assert!(left.len() == 2 && left.iter().all(|machine| machine["name"] != machines[0]["name"]));

    assert_eq!(cloud.delete(&id, COMPUTE).await.status, 202);
    cloud.clock.go_on(90.0);
    assert_eq!(list(&cloud, "Microsoft.Compute/virtualMachines", COMPUTE).await.len(), 0);
    assert_eq!(cloud.delete(&cloud.id("Microsoft.Network/virtualNetworks/net"), NETWORK).await.status, 202);
}

#[tokio::test]
async fn what_a_flexible_set_cannot_have_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let subnet = cloud.make_network().await;
    let id = cloud.id("Microsoft.Compute/virtualMachineScaleSets/agents");
    let with = |pointer: &str, value: Json| {
        let mut body = body(&subnet, 1);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        body
    };
    for (pointer, value, target) in [
        ("/identity", json!({"type": "SystemAssigned"}), "identity"),
        ("/properties/overprovision", json!(true), "overprovision"),
        ("/properties/platformFaultDomainCount", Json::Null, "platformFaultDomainCount"),
        ("/properties/singlePlacementGroup", json!(true), "singlePlacementGroup"),
    ] {
        let refused = cloud.put(&id, COMPUTE, with(pointer, value)).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidParameter"), "{pointer}");
        assert_eq!(refused.body["error"]["target"], target);
    }
    let network = json!({"networkInterfaceConfigurations": []});
    let refused = cloud.put(&id, COMPUTE, with("/properties/virtualMachineProfile/networkProfile", network)).await;
    let code = "NetworkApiVersionMustBeSpecifiedWithNetworkInterfaceConfigurations";
    assert_eq!((refused.status, refused.code()), (400, code));

    // Some sizes want one placement group where machines are spread over two fault domains.
    let mut body = with("/properties/platformFaultDomainCount", json!(2));
    body["properties"]["singlePlacementGroup"] = true.into();
    let made = cloud.put(&id, COMPUTE, body).await;
    assert_eq!((made.status, &made.body["properties"]["singlePlacementGroup"]), (201, &json!(true)));
}

#[tokio::test]
async fn a_full_subnet_leaves_a_flexible_set_with_what_it_got() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let network = cloud.id("Microsoft.Network/virtualNetworks/small");
    let range = json!({"location": "westus2", "properties": {
        "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]},
        "subnets": [{"name": "nodes", "properties": {"addressPrefix": "10.1.0.0/29"}}],
    }});
    assert_eq!(cloud.put(&network, NETWORK, range).await.status, 201);
    cloud.clock.go_on(10.0);
    let id = cloud.id("Microsoft.Compute/virtualMachineScaleSets/agents");
    assert_eq!(cloud.put(&id, COMPUTE, body(&format!("{network}/subnets/nodes"), 5)).await.status, 201);
    cloud.clock.go_on(75.0);
    assert_eq!(cloud.get(&id, COMPUTE).await.body["sku"]["capacity"], 3);
    assert_eq!(list(&cloud, "Microsoft.Network/networkInterfaces", NETWORK).await.len(), 3);
    assert_eq!(list(&cloud, "Microsoft.Network/publicIPAddresses", NETWORK).await.len(), 3);
}

#[tokio::test]
async fn a_nat_gateway_is_kept_by_its_subnets_and_keeps_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let address = cloud.id("Microsoft.Network/publicIPAddresses/out");
    let sku = json!({"name": "Standard"});
    let body = json!({"location": "westus2", "sku": sku, "properties": {"publicIPAllocationMethod": "Static"}});
    assert_eq!(cloud.put(&address, NETWORK, body).await.status, 201);
    cloud.clock.go_on(10.0);
    let gateway = cloud.id("Microsoft.Network/natGateways/nat");
    let body = json!({"location": "westus2", "sku": sku, "properties": {"publicIpAddresses": [{"id": address}]}});
    assert_eq!(cloud.put(&gateway, NETWORK, body.clone()).await.status, 201);
    cloud.clock.go_on(20.0);
    let network = cloud.id("Microsoft.Network/virtualNetworks/net");
    let subnet =
        json!({"name": "nodes", "properties": {"addressPrefix": "10.0.0.0/24", "natGateway": {"id": gateway}}});
    let range = json!({"location": "westus2", "properties": {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}});
    assert_eq!(cloud.put(&network, NETWORK, range).await.status, 201);
    cloud.clock.go_on(10.0);

    let seen = cloud.get(&gateway, NETWORK).await.body;
    assert_eq!(seen["properties"]["subnets"], json!([{"id": format!("{network}/subnets/nodes")}]));
    assert_eq!(seen["properties"]["idleTimeoutInMinutes"], 4);
    assert_eq!(cloud.get(&address, NETWORK).await.body["properties"]["natGateway"]["id"], gateway.as_str());
    assert_eq!(cloud.delete(&gateway, NETWORK).await.code(), "InUseNatGatewayCannotBeDeleted");
    assert_eq!(cloud.delete(&address, NETWORK).await.code(), "PublicIPAddressCannotBeDeleted");
    let second = cloud.put(&cloud.id("Microsoft.Network/natGateways/other"), NETWORK, body).await;
    assert_eq!(second.code(), "PublicIPAddressInUse");
    assert_eq!(cloud.delete(&network, NETWORK).await.status, 202);
    cloud.clock.go_on(10.0);
    assert_eq!(cloud.delete(&gateway, NETWORK).await.status, 202);
}
