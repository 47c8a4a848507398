//! Resources from creation to deletion.

use reqwest::Method;
use serde_json::json;

use super::{COMPUTE, Cloud, DISKS, GROUPS, IDENTITY, NETWORK, ROLES};

#[tokio::test]
async fn a_group_is_made_found_and_deleted_with_all_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    assert_eq!(cloud.get(&cloud.group(), GROUPS).await.code(), "ResourceGroupNotFound");
    cloud.make_group().await;
    assert_eq!(cloud.put(&cloud.group(), GROUPS, json!({"location": "West US 2"})).await.status, 200);
    let found = cloud.get(&cloud.group().replace("resourceGroups/rg", "resourcegroups/RG"), GROUPS).await;
    assert_eq!((found.status, found.body["name"].as_str()), (200, Some("rg")));
    assert_eq!(
        cloud.send(Method::HEAD, &format!("{}?api-version={GROUPS}", cloud.group()), &[], None).await.status,
        204
    );
    cloud.make_network().await;

    let deleted = cloud.delete(&cloud.group(), GROUPS).await;
    assert_eq!((deleted.status, deleted.header("retry-after")), (202, Some("15")));
    let place = deleted.header("location").unwrap().to_owned();
    assert_eq!(cloud.send(Method::GET, &place, &[], None).await.status, 202);
    assert_eq!(cloud.get(&cloud.group(), GROUPS).await.state(), "Deleting");
    let refused = cloud.make_card("nic").await;
    assert_eq!((refused.status, refused.code()), (409, "ResourceGroupBeingDeleted"));
    cloud.clock.go_on(60.0);
    assert_eq!(cloud.send(Method::GET, &place, &[], None).await.status, 200);
    assert_eq!(cloud.get(&cloud.group(), GROUPS).await.status, 404);
    let summary = cloud.send(Method::GET, "/simulator/summary", &[], None).await;
    assert_eq!(summary.body, json!({"total": 0, "types": {}}));
    cloud.simulator.shutdown().await;
}

#[tokio::test]
async fn a_network_and_its_cards_behave_as_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let id = cloud.id("Microsoft.Network/virtualNetworks/net");
    let body = json!({"location": "westus2", "properties": {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [{"name": "nodes", "properties": {"addressPrefix": "10.0.0.0/29"}}],
    }});
    let made = cloud.put(&id, NETWORK, body.clone()).await;
    assert_eq!((made.status, made.state(), made.header("retry-after")), (201, "Updating", Some("3")));
    let operation = made.header("azure-asyncoperation").unwrap().to_owned();
    assert!(operation.len() > 2000, "{operation}");
    assert!(operation.contains("%3D"), "{operation}");
    let poll = cloud.send(Method::GET, &operation, &[], None).await;
    assert_eq!(poll.body, json!({"status": "InProgress"}));

    // Nothing may use it before it is ready.
    let subnet = format!("{id}/subnets/nodes");
    let card = json!({"location": "westus2", "properties": {"ipConfigurations": [
        {"name": "a", "properties": {"subnet": {"id": subnet}, "loadBalancerBackendAddressPools": []}},
    ]}});
    let card_id = cloud.id("Microsoft.Network/networkInterfaces/nic0");
    let early = cloud.put(&card_id, NETWORK, card.clone()).await;
    assert_eq!((early.status, early.code()), (429, "RetryableError"));
    assert_eq!(early.body["error"]["details"][0]["code"], "ReferencedResourceNotProvisioned");

    cloud.clock.go_on(4.0);
    assert_eq!(cloud.send(Method::GET, &operation, &[], None).await.body, json!({"status": "Succeeded"}));
    let ready = cloud.get(&id, NETWORK).await;
    assert_eq!(ready.state(), "Succeeded");
    assert_ne!(ready.body["etag"], made.body["etag"]);
    assert_eq!(ready.header("etag"), ready.body["etag"].as_str());
    let same = cloud.put(&id, NETWORK, body).await;
    assert_eq!((same.status, same.state(), &same.body["etag"]), (200, "Succeeded", &ready.body["etag"]));
    assert!(same.header("azure-asyncoperation").is_some());

    // Addresses: 4, 5 and 6 of a /29, then it is full.
    for (name, address) in [("nic0", "10.0.0.4"), ("nic1", "10.0.0.5"), ("nic2", "10.0.0.6")] {
        let made =
            cloud.put(&cloud.id(&format!("Microsoft.Network/networkInterfaces/{name}")), NETWORK, card.clone()).await;
        assert_eq!((made.status, made.state()), (201, "Succeeded"), "{made:?}");
        let properties = &made.body["properties"]["ipConfigurations"][0]["properties"];
        assert_eq!(properties["privateIPAddress"], address);
        assert_eq!(properties.get("loadBalancerBackendAddressPools"), None);
    }
    let full = cloud.put(&cloud.id("Microsoft.Network/networkInterfaces/nic3"), NETWORK, card).await;
    assert_eq!((full.status, full.code()), (400, "SubnetIsFull"));
    // The subnet tells who uses it, and has a new version.
    let used = cloud.get(&id, NETWORK).await;
    assert_ne!(used.body["etag"], ready.body["etag"]);
    assert_eq!(used.body["properties"]["subnets"][0]["properties"]["ipConfigurations"].as_array().unwrap().len(), 3);
    let child = cloud.get(&subnet, NETWORK).await;
    assert_eq!(child.body["type"], "Microsoft.Network/virtualNetworks/subnets");

    let in_use = cloud.delete(&id, NETWORK).await;
    assert_eq!((in_use.status, in_use.code()), (400, "InUseSubnetCannotBeDeleted"));
    for name in ["nic0", "nic1", "nic2"] {
        let deleted = cloud.delete(&cloud.id(&format!("Microsoft.Network/networkInterfaces/{name}")), NETWORK).await;
        assert_eq!(deleted.status, 202);
        assert!(deleted.header("location").is_some() && deleted.header("azure-asyncoperation").is_some());
    }
    cloud.clock.go_on(10.0);
    assert_eq!(cloud.delete(&id, NETWORK).await.status, 202);
    cloud.clock.go_on(10.0);
    assert_eq!(cloud.get(&id, NETWORK).await.code(), "ResourceNotFound");
    assert_eq!(cloud.delete(&id, NETWORK).await.status, 204);
}

#[tokio::test]
async fn a_machine_comes_and_goes_and_its_disk_stays() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    cloud.make_network().await;
    let made = cloud.make_machine("vm").await;
    assert_eq!((made.status, made.state(), made.header("retry-after")), (201, "Creating", Some("10")));
    assert_eq!(made.body["properties"]["storageProfile"]["osDisk"].get("name"), None);
    let extension = format!("{}/extensions/cse", cloud.machine_id("vm"));
    let script = json!({"location": "westus2", "properties": {
        "publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1",
        "protectedSettings": {"commandToExecute": "canary-command"},
    }});
    assert_eq!(cloud.put(&extension, COMPUTE, script.clone()).await.status, 409);
    let operation = made.header("azure-asyncoperation").unwrap().to_owned();
    assert_eq!(cloud.send(Method::GET, &operation, &[], None).await.header("retry-after"), Some("30"));
    cloud.clock.go_on(60.0);
    let over = cloud.send(Method::GET, &operation, &[], None).await.body;
    assert_eq!(over["status"], "Succeeded");
    assert!(over["startTime"].is_string() && over["endTime"].is_string() && over["name"].is_string());

    assert_eq!(cloud.put(&extension, COMPUTE, script).await.status, 201);
    cloud.clock.go_on(60.0);
    let machine = cloud.get(&cloud.machine_id("vm"), COMPUTE).await;
    assert_eq!(machine.state(), "Succeeded");
    let disk = machine.body["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"].as_str().unwrap().to_owned();
    assert_eq!(cloud.get(&disk, DISKS).await.body["properties"]["diskState"], "Attached");
    assert_eq!(machine.body["resources"][0]["name"], "cse");
    let text = std::fs::read_to_string(folder.path().join("simulator.jsonl")).unwrap() + &machine.body.to_string();
    assert!(!text.contains("canary") && !text.contains("Y2FuYXJ5"), "what is write-only is nowhere");
    let view = cloud.get(&format!("{}/instanceView", cloud.machine_id("vm")), COMPUTE).await;
    assert_eq!(view.body["statuses"][1]["code"], "PowerState/running");

    // The same again changes nothing it may not; other customData is refused, and none is fine.
    let mut body = cloud.machine_body("vm");
    assert_eq!(cloud.put(&cloud.machine_id("vm"), COMPUTE, body.clone()).await.state(), "Updating");
    cloud.clock.go_on(10.0);
    body["properties"]["osProfile"]["customData"] = "b3RoZXI=".into();
    let refused = cloud.put(&cloud.machine_id("vm"), COMPUTE, body.clone()).await;
    assert_eq!((refused.status, refused.code()), (409, "PropertyChangeNotAllowed"));
    body["properties"].as_object_mut().unwrap().remove("osProfile");
    assert_eq!(cloud.put(&cloud.machine_id("vm"), COMPUTE, body).await.status, 200);
    cloud.clock.go_on(10.0);
    let again = cloud.get(&cloud.machine_id("vm"), COMPUTE).await;
    assert_eq!(again.body["properties"]["osProfile"]["computerName"], "vm");
    assert_eq!(again.body["properties"]["vmId"], machine.body["properties"]["vmId"]);

    let card = cloud.id("Microsoft.Network/networkInterfaces/vm-nic");
    assert_eq!(cloud.delete(&card, NETWORK).await.code(), "NicInUse");
    assert_eq!(cloud.delete(&disk, DISKS).await.code(), "OperationNotAllowed");
    assert_eq!(cloud.delete(&cloud.machine_id("vm"), COMPUTE).await.status, 202);
    cloud.clock.go_on(45.0);
    let gone = cloud.get(&cloud.machine_id("vm"), COMPUTE).await;
    assert_eq!((gone.status, gone.code()), (404, "NotFound"));
    assert_eq!(cloud.get(&extension, COMPUTE).await.status, 404);
    assert_eq!(cloud.get(&disk, DISKS).await.body["properties"]["diskState"], "Unattached");
    assert_eq!(cloud.delete(&card, NETWORK).await.status, 202);
}

#[tokio::test]
async fn a_killed_simulator_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    cloud.make_network().await;
    let made = cloud.make_machine("vm").await;
    let operation = made.header("azure-asyncoperation").unwrap().to_owned();
    let (clock, url, token) = (cloud.clock.clone(), cloud.simulator.arm_url().to_owned(), cloud.token.clone());
    clock.go_on(20.0);
    cloud.simulator.shutdown().await;
    // Half a line, as a kill leaves it.
    let log = folder.path().join("simulator.jsonl");
    std::fs::write(&log, std::fs::read_to_string(&log).unwrap() + "[{\"put\":[\"/subscr").unwrap();

    let mut cloud = Cloud::start_with(folder.path(), 1.0, clock.clone()).await;
    assert_eq!(cloud.simulator.arm_url(), url);
    cloud.token = token;
    assert_eq!(cloud.send(Method::GET, &operation, &[], None).await.body["status"], "InProgress");
    assert_eq!(cloud.get(&cloud.machine_id("vm"), COMPUTE).await.state(), "Creating");
    clock.go_on(40.0);
    assert_eq!(cloud.send(Method::GET, &operation, &[], None).await.body["status"], "Succeeded");
    assert_eq!(cloud.get(&cloud.machine_id("vm"), COMPUTE).await.state(), "Succeeded");

    // Two of them on one folder are one too many.
    let settings = engine::server::SimulatorSettings::new(folder.path());
    let second = engine::server::Simulator::start(settings).await;
    assert!(matches!(second, Err(engine::server::ServerError::InUse(_))));
}

#[tokio::test]
async fn roles_are_assigned_once_and_to_principals_that_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let identity = cloud.id("Microsoft.ManagedIdentity/userAssignedIdentities/me");
    let made = cloud.put(&identity, IDENTITY, json!({"location": "westus2"})).await;
    assert_eq!(made.status, 201);
    assert!(made.body["id"].as_str().unwrap().contains("/resourcegroups/"));
    assert!(made.header("location").unwrap().starts_with("/subscriptions/"));
    assert_eq!(made.header("azure-asyncoperation"), None);
    let role = format!(
        "{}/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c",
        cloud.subscription
    );
    let body = json!({"properties": {"roleDefinitionId": role, "principalId": made.body["properties"]["principalId"]}});
    let assignment = cloud.id("Microsoft.Authorization/roleAssignments/ed3c9f84-ae20-5aea-8602-58ed2eeffef1");
    let early = cloud.put(&assignment, ROLES, body.clone()).await;
    assert_eq!((early.status, early.code()), (400, "PrincipalNotFound"));
    cloud.clock.go_on(15.0);
    let made = cloud.put(&assignment, ROLES, body.clone()).await;
    assert_eq!((made.status, &made.body["properties"]["createdBy"]), (201, &json!(null)));
    assert!(cloud.get(&assignment, ROLES).await.body["properties"]["createdBy"].is_string());
    let twin = cloud.put(&assignment.replace("ed3c", "ed3d"), ROLES, body).await;
    assert_eq!((twin.status, twin.code()), (409, "RoleAssignmentExists"));
    let deleted = cloud.delete(&assignment, ROLES).await;
    assert_eq!((deleted.status, &deleted.body["properties"]["scope"]), (200, &json!(cloud.group())));
    assert_eq!(cloud.get(&assignment, ROLES).await.code(), "RoleAssignmentNotFound");
}

#[tokio::test]
async fn a_scale_set_has_instances() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let subnet = cloud.make_network().await;
    let id = cloud.id("Microsoft.Compute/virtualMachineScaleSets/agents");
    let body = json!({"location": "westus2", "sku": {"name": "Standard_D2s_v3", "capacity": 2}, "properties": {
        "upgradePolicy": {"mode": "Manual"},
        "virtualMachineProfile": {
            "osProfile": {"computerNamePrefix": "agents", "adminUsername": "azureuser", "customData": "Y2FuYXJ5"},
            "networkProfile": {"networkInterfaceConfigurations": [{"name": "nic", "properties": {"primary": true,
                "ipConfigurations": [{"name": "ip", "properties": {"subnet": {"id": subnet}}}]}}]},
        },
    }});
    assert_eq!(cloud.put(&id, COMPUTE, body).await.state(), "Creating");
    cloud.clock.go_on(75.0);
    let instances = cloud.get(&format!("{id}/virtualMachines"), COMPUTE).await;
    let hosts: Vec<_> = instances.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|instance| instance["properties"]["osProfile"]["computerName"].clone())
        .collect();
    assert_eq!(hosts, ["agents000000", "agents000001"]);
    let one = cloud.get(&format!("{id}/virtualmachines/1"), COMPUTE).await;
    assert_eq!(one.body["instanceId"], "1");
    let path = format!("{id}/delete?api-version={COMPUTE}");
    let deleted = cloud.send(Method::POST, &path, &[], Some(&json!({"instanceIds": ["0"]}))).await;
    assert_eq!(deleted.status, 202);
    cloud.clock.go_on(60.0);
    let set = cloud.get(&id, COMPUTE).await;
    assert_eq!((set.state(), &set.body["sku"]["capacity"]), ("Succeeded", &json!(1)));
    assert_eq!(cloud.get(&format!("{id}/virtualMachines/0"), COMPUTE).await.status, 404);
}

#[tokio::test]
async fn a_storage_account_is_told_by_its_place_only() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path()).await;
    cloud.make_group().await;
    let version = "2025-06-01";
    let id = cloud.id("Microsoft.Storage/storageAccounts/engineaccount");
    let body = json!({"location": "westus2", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"});
    for name in ["ab", "Upper", "with-dash"] {
        let wrong =
            cloud.put(&cloud.id(&format!("Microsoft.Storage/storageAccounts/{name}")), version, body.clone()).await;
        assert_eq!((wrong.status, wrong.code()), (400, "AccountNameInvalid"), "{name}");
    }
    let made = cloud.put(&id, version, body.clone()).await;
    assert_eq!((made.status, &made.body, made.header("retry-after")), (202, &serde_json::Value::Null, Some("17")));
    assert!(made.header("azure-asyncoperation").is_none());
    let place = made.header("location").unwrap().to_owned();
    assert_eq!(cloud.send(Method::GET, &place, &[], None).await.status, 202);
    cloud.clock.go_on(20.0);
    let done = cloud.send(Method::GET, &place, &[], None).await;
    assert_eq!((done.status, done.state()), (200, "Succeeded"));
    assert_eq!(done.body["properties"]["primaryEndpoints"]["blob"], "https://engineaccount.blob.core.windows.net/");
    assert_eq!(cloud.put(&id, version, body.clone()).await.status, 200);
    let keys = cloud.send(Method::POST, &format!("{id}/listKeys?api-version={version}"), &[], None).await;
    assert_eq!(keys.body["keys"].as_array().unwrap().len(), 2);

    let other = format!("{}/resourceGroups/other", cloud.subscription);
    cloud.put(&other, GROUPS, json!({"location": "westus2"})).await;
    let taken = format!("{other}/providers/Microsoft.Storage/storageAccounts/engineaccount");
    assert_eq!(cloud.put(&taken, version, body).await.code(), "StorageAccountAlreadyTaken");
    assert_eq!(cloud.delete(&id, version).await.status, 200);
    assert_eq!(cloud.get(&id, version).await.code(), "ResourceNotFound");
}
