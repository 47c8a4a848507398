//! Scale sets whose instances are machines of their own.

use super::*;

fn flexible(pool: Json) -> Cluster {
    let mut own = json!({ "name": "a", "count": 2, "vmSize": "Standard_D2s_v5", "orchestrationMode": "Flexible",
        "diskSizesGB": [64] });
    for (name, value) in pool.as_object().unwrap() {
        own[name] = value.clone();
    }
    cluster(json!({
        "agentPoolProfiles": [own],
        "orchestratorProfile": { "kubernetesConfig": { "userAssignedID": "shared" } },
    }))
}

#[test]
fn a_flexible_set_says_what_goes_with_its_machines_and_nothing_that_uniform_alone_has() {
    let cluster = flexible(json!({ "enableVMSSNodePublicIP": true }));
    let set = &bodies(&graph_of(&cluster), "a-scale-set")[0];
    let properties = &set["properties"];
    assert_eq!(properties["orchestrationMode"], "Flexible");
    assert_eq!(
        (&properties["platformFaultDomainCount"], &properties["singlePlacementGroup"]),
        (&json!(1), &json!(false))
    );
    assert_eq!((properties.get("upgradePolicy"), properties.get("overprovision")), (None, None));
    assert_eq!(set["identity"]["type"], "UserAssigned");
    let profile = &properties["virtualMachineProfile"];
    assert_eq!(profile["networkProfile"]["networkApiVersion"], "2020-11-01");
    let card = &profile["networkProfile"]["networkInterfaceConfigurations"][0]["properties"];
    let address = &card["ipConfigurations"][0]["properties"]["publicIPAddressConfiguration"]["properties"];
    let storage = &profile["storageProfile"];
    for goes in [card, address, &storage["osDisk"], &storage["dataDisks"][0]] {
        assert_eq!(goes["deleteOption"], "Delete", "{goes}");
    }
    assert_eq!(profile["extensionProfile"]["extensions"][0]["name"], "vmssCSE");

    let mut uniform = cluster;
    uniform.pools[0].orchestration = crate::model::Orchestration::Uniform;
    let set = &bodies(&graph_of(&uniform), "a-scale-set")[0];
    let profile = &set["properties"]["virtualMachineProfile"];
    assert_eq!(profile["networkProfile"].get("networkApiVersion"), None);
    assert_eq!(profile["storageProfile"]["osDisk"].get("deleteOption"), None);
    assert_eq!(set["properties"]["upgradePolicy"]["mode"], "Manual");
}

/// The cloud controller, and the autoscaler that reads the same file, look for such machines only if they are told.
#[test]
fn the_controllers_are_told_of_machines_in_flexible_sets() {
    let settings = |cluster: &Cluster| super::machine_settings::azure_cloud(cluster);
    let cloud = settings(&flexible(json!({})));
    assert!(cloud.flexible_nodes && cloud.machine_type == crate::bootstrap::MachineType::ScaleSet);
    assert!(!settings(&flexible(json!({ "orchestrationMode": "Uniform" }))).flexible_nodes);
}
