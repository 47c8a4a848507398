//! Scale sets: their instances, how those are seen, and what can be done to them.

use serde_json::{Map, Value as Json, json};

use super::machines::power_status;
use super::places::{items, remove, set, text};
use super::resource_id::ResourceId;
use super::world::{Entry, World, timestamp};

/// A scale set's operation has ended: it has as many instances as it should.
pub(super) fn complete_set(world: &mut World, entry: &mut Entry, at: i64) {
    if super::flexible::is_flexible(&entry.body) {
        super::flexible::complete(world, entry, at);
        return;
    }
    let capacity = usize::try_from(entry.body["sku"]["capacity"].as_u64().unwrap_or(0)).unwrap_or(0).min(1000);
    let group = ResourceId::of_text(&entry.id).and_then(|id| id.group).unwrap_or_default();
    let prefix = text(&entry.body, "/properties/virtualMachineProfile/osProfile/computerNamePrefix")
        .unwrap_or("vmss")
        .to_owned();
    let mut instances = match entry.hidden.shift_remove("instances") {
        Some(Json::Object(instances)) => instances,
        _ => Map::new(),
    };
    let mut next = entry.hidden.get("nextInstance").and_then(Json::as_u64).unwrap_or(0);
    // The newest go first, as with Azure's default scale-in policy without zones.
    while instances.len() > capacity {
        let last = instances.keys().max_by_key(|id| id.parse::<u64>().unwrap_or(0)).cloned().unwrap_or_default();
        if let Some(instance) = instances.shift_remove(&last) {
            super::members::instance_gone(world, &group, &instance);
        }
    }
    while instances.len() < capacity {
        let mut instance = json!({
            "vmId": world.uuid(),
            "disk": world.uuid().replace('-', ""),
            "computerName": format!("{prefix}{}", base_36(next)),
        });
        for (key, moment) in super::members::moments(world, at) {
            instance[key] = moment;
        }
        instances.insert(next.to_string(), instance);
        next += 1;
    }
    entry.hidden.insert("instances".to_owned(), Json::Object(instances));
    entry.hidden.insert("nextInstance".to_owned(), json!(next));
}

/// Six digits of base 36, as Azure names the hosts of scale sets: `00000a`.
pub(super) fn base_36(mut number: u64) -> String {
    let mut digits = ['0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = char::from_digit(u32::try_from(number % 36).unwrap_or(0), 36).unwrap_or('0');
        number /= 36;
    }
    digits.iter().collect()
}

/// One instance with its instance view, for `$expand=instanceView`.
pub(super) fn read_with_view(entry: &Entry, id: &str) -> Option<Json> {
    let (_, mut whole) = instances(entry).into_iter().find(|(other, _)| other == id)?;
    whole["properties"]["instanceView"] = instance_view(entry, id)?;
    Some(whole)
}

/// The instance view of one instance.
pub(super) fn instance_view(entry: &Entry, id: &str) -> Option<Json> {
    let hidden = entry.hidden.get("instances")?.get(id)?;
    let number = id.parse::<u64>().unwrap_or(0);
    let time = timestamp(hidden["ready"].as_i64().unwrap_or(0));
    let status = |text: &str| {
        json!({
            "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": text, "time": time,
        })
    };
    let (_, whole) = instances(entry).into_iter().find(|(other, _)| other == id)?;
    let power = text(hidden, "/power").unwrap_or("running");
    let domains = entry.body["properties"]["platformFaultDomainCount"].as_u64().unwrap_or(5).max(1);
    let mut view = json!({
        "placementGroupId": entry.guid,
        "platformUpdateDomain": number % 5,
        "platformFaultDomain": number % domains,
    });
    if power != "deallocated" {
        let agent = json!({
            "computerName": hidden["computerName"], "osName": "ubuntu", "osVersion": "24.04",
            "vmAgent": { "vmAgentVersion": "2.15.0.1", "statuses": [status("Ready")], "extensionHandlers": [] },
        });
        super::resources::merge_patch(&mut view, &agent);
    }
    view["disks"] = json!([{
        "name": whole["properties"]["storageProfile"]["osDisk"]["name"], "statuses": [status("Provisioning succeeded")],
    }]);
    view["hyperVGeneration"] = "V2".into();
    view["statuses"] = json!([status("Provisioning succeeded"), power_status(power)]);
    Some(view)
}

/// The instance view of the whole set: how many instances are in which state.
pub(super) fn view(entry: &Entry) -> Json {
    let count = instances(entry).len();
    let summary = json!([{ "code": "ProvisioningState/succeeded", "count": count }]);
    let extensions: Json = items(&entry.body, "/properties/virtualMachineProfile/extensionProfile/extensions")
        .map(|extension| json!({ "name": extension["name"], "statusesSummary": summary }))
        .collect();
    let (code, told) = match entry.state.as_str() {
        "Succeeded" => ("ProvisioningState/succeeded", "Provisioning succeeded"),
        "Deleting" => ("ProvisioningState/deleting", "Deleting"),
        _ => ("ProvisioningState/updating", "Updating"),
    };
    json!({
        "virtualMachine": { "statusesSummary": summary },
        "extensions": extensions,
        "statuses": [{ "code": code, "level": "Info", "displayStatus": told }],
        "orchestrationServices": [],
    })
}

/// The instances of a scale set as they are told, in the order of their ids.
pub(super) fn instances(entry: &Entry) -> Vec<(String, Json)> {
    let Some(Json::Object(instances)) = entry.hidden.get("instances") else { return Vec::new() };
    let mut ids: Vec<&String> = instances.keys().collect();
    ids.sort_by_key(|id| id.parse::<u64>().unwrap_or(u64::MAX));
    ids.into_iter().map(|id| (id.clone(), instance(entry, id, &instances[id]))).collect()
}

fn instance(entry: &Entry, id: &str, hidden: &Json) -> Json {
    let set_name = entry.id.rsplit('/').next().unwrap_or_default();
    let profile = &entry.body["properties"]["virtualMachineProfile"];
    let scope = ResourceId::of_text(&entry.id).map(|id| id.scope).unwrap_or_default();
    let disk = format!("{set_name}_{set_name}_{id}_OsDisk_1_{}", text(hidden, "/disk").unwrap_or_default());
    let mut storage = profile["storageProfile"].clone();
    set(&mut storage, "/osDisk/name", disk.clone().into());
    set(&mut storage, "/osDisk/managedDisk/id", format!("{scope}/providers/Microsoft.Compute/disks/{disk}").into());
    super::places::add_defaults(&mut storage, &[("/dataDisks", "[]")]);
    let mut os = profile["osProfile"].clone();
    remove(&mut os, &["/computerNamePrefix"]);
    set(&mut os, "/computerName", hidden["computerName"].clone());
    let own = format!("{}/virtualMachines/{id}", entry.id);
    let cards: Json = items(profile, "/networkProfile/networkInterfaceConfigurations")
        .map(|card| json!({ "id": format!("{own}/networkInterfaces/{}", text(card, "/name").unwrap_or_default()) }))
        .collect();
    let mut sku = entry.body["sku"].clone();
    remove(&mut sku, &["/capacity"]);
    json!({
        "name": format!("{set_name}_{id}"),
        "id": own,
        "type": "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
        "location": entry.body["location"],
        "tags": entry.body.get("tags").cloned().unwrap_or(json!({})),
        "instanceId": id,
        "sku": sku,
        "properties": {
            "latestModelApplied": true,
            "modelDefinitionApplied": "VirtualMachineScaleSet",
            "networkProfileConfiguration": {
                "networkInterfaceConfigurations": profile["networkProfile"]["networkInterfaceConfigurations"],
            },
            "vmId": hidden["vmId"],
            "hardwareProfile": {},
            "storageProfile": storage,
            "osProfile": os,
            "networkProfile": { "networkInterfaces": cards },
            "provisioningState": "Succeeded",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_scale_sets_count_in_base_36() {
        assert_eq!(base_36(0), "000000");
        assert_eq!(base_36(35), "00000z");
        assert_eq!(base_36(36), "000010");
    }
}
