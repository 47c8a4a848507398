//! Machines and scale sets: what they get when they are made, their instances, their instance views, their power.

use serde_json::{Map, Value as Json, json};

use super::exchange::{Refusal, Response};
use super::operations::{self, Start};
use super::places::{items, remove, set, text};
use super::prepare::property_change;
use super::render;
use super::resource_id::ResourceId;
use super::world::{Entry, Verb, World, timestamp, timestamp_short};
use crate::base::digest;

/// What a machine's body says that is kept although it is never told: the digest of its customData, which cannot change.
pub(super) fn check_custom_data(
    sent: &Json,
    old: Option<&Entry>,
    hidden: &mut Map<String, Json>,
) -> Result<(), Refusal> {
    let Some(sent) = text(sent, "/properties/osProfile/customData") else { return Ok(()) };
    if sent.len() > 87_380 {
        return Err(Refusal::new(
            400,
            "InvalidParameter",
            "Custom data in OSProfile must be in Base64 encoding and with a maximum length of 87380 characters.",
        )
        .target("customData"));
    }
    let sent = Json::from(digest(sent.as_bytes()));
    if old.is_some_and(|old| old.hidden.get("customData").is_some_and(|there| *there != sent)) {
        return Err(property_change("osProfile.customData"));
    }
    hidden.insert("customData".to_owned(), sent);
    Ok(())
}

/// What a machine lacks that cannot be made without.
pub(super) fn check(body: &Json) -> Result<(), Refusal> {
    for (pointer, name) in [
        ("/properties/hardwareProfile/vmSize", "hardwareProfile.vmSize"),
        ("/properties/networkProfile/networkInterfaces", "networkProfile"),
    ] {
        if body.pointer(pointer).is_none() {
            return Err(Refusal::new(
                400,
                "InvalidParameter",
                format!("Required parameter '{name}' is missing (null)."),
            )
            .target(name));
        }
    }
    if let Some(name) = text(body, "/properties/osProfile/computerName")
        && (name.is_empty() || name.len() > 64)
    {
        return Err(Refusal::new(
            400,
            "InvalidParameter",
            format!("Linux host name cannot exceed 64 characters in length or be empty: '{}'.", name.escape_debug()),
        )
        .target("computerName"));
    }
    Ok(())
}

/// What a machine gets at once.
pub(super) fn begin(world: &World, body: &mut Json, entry_guid: &str) {
    if text(body, "/properties/vmId").is_none() {
        set(body, "/properties/vmId", entry_guid.into());
        set(body, "/properties/timeCreated", world.timestamp().into());
    }
    if text(body, "/properties/storageProfile/imageReference/version").is_some()
        && text(body, "/properties/storageProfile/imageReference/exactVersion").is_none()
    {
        let version = text(body, "/properties/storageProfile/imageReference/version").unwrap_or("latest");
        let exact = if version == "latest" { "24.04.202610010".to_owned() } else { version.to_owned() };
        set(body, "/properties/storageProfile/imageReference/exactVersion", exact.into());
    }
}

/// A machine's operation has ended: its disks are there, and it starts to boot.
pub(super) fn complete(world: &mut World, entry: &mut Entry, at: i64) {
    let location = text(&entry.body, "/location").unwrap_or_default().to_owned();
    let name = entry.id.rsplit('/').next().unwrap_or_default().to_owned();
    let Some(scope) = ResourceId::of_text(&entry.id).map(|id| id.scope) else { return };
    let zones = entry.body.get("zones").cloned();
    let size = entry.body.pointer("/properties/storageProfile/osDisk/diskSizeGB").cloned().unwrap_or(json!(30));
    let mut disk = entry.body.pointer("/properties/storageProfile/osDisk").cloned().unwrap_or(json!({}));
    let hexadecimal = world.uuid().replace('-', "");
    complete_disk(
        world,
        &mut disk,
        &scope,
        &location,
        zones.as_ref(),
        || format!("{name}_OsDisk_1_{hexadecimal}"),
        &size,
        at,
    );
    set(&mut entry.body, "/properties/storageProfile/osDisk", disk);
    if let Some(Json::Array(mut disks)) = entry.body.pointer("/properties/storageProfile/dataDisks").cloned() {
        for disk in &mut disks {
            let lun = disk["lun"].as_u64().unwrap_or(0);
            let size = disk.get("diskSizeGB").cloned().unwrap_or(json!(128));
            let hexadecimal = world.uuid().replace('-', "");
            let invent = || format!("{name}_disk{}_{hexadecimal}", lun + 2);
            complete_disk(world, disk, &scope, &location, zones.as_ref(), invent, &size, at);
        }
        set(&mut entry.body, "/properties/storageProfile/dataDisks", Json::Array(disks));
    }
    if !entry.hidden.contains_key("ready") {
        entry.hidden.insert("ready".to_owned(), json!(at));
    }
}

#[expect(clippy::too_many_arguments, reason = "a disk takes after its machine in all of these")]
fn complete_disk(
    world: &mut World,
    disk: &mut Json,
    scope: &str,
    location: &str,
    zones: Option<&Json>,
    invent_name: impl FnOnce() -> String,
    size: &Json,
    at: i64,
) {
    if text(disk, "/managedDisk/id").is_some() {
        return;
    }
    let name = text(disk, "/name").map_or_else(invent_name, str::to_owned);
    let id = format!("{scope}/providers/Microsoft.Compute/disks/{name}");
    let sku = text(disk, "/managedDisk/storageAccountType").unwrap_or("Standard_LRS").to_owned();
    set(disk, "/name", name.into());
    set(disk, "/managedDisk/storageAccountType", sku.clone().into());
    set(disk, "/managedDisk/id", id.clone().into());
    if world.entry(&id).is_some() {
        return;
    }
    let mut body = json!({
        "location": location,
        "sku": { "name": sku },
        "properties": {
            "creationData": { "createOption": text(disk, "/createOption").unwrap_or("Empty") },
            "diskSizeGB": size,
        },
    });
    if let Some(zones) = zones {
        body["zones"] = zones.clone();
    }
    let entry = Entry {
        id,
        resource_type: "Microsoft.Compute/disks".to_owned(),
        body,
        state: "Updating".to_owned(),
        etag: world.uuid(),
        guid: world.uuid(),
        operation: None,
        hidden: Map::new(),
    };
    super::finish::put(world, entry, at);
}

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
        instances.insert(
            next.to_string(),
            json!({
                "vmId": world.uuid(),
                "disk": world.uuid().replace('-', ""),
                "computerName": format!("{prefix}{}", base_36(next)),
                "ready": at,
            }),
        );
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

/// The instance view of a machine.
pub(super) fn view(world: &World, entry: &Entry) -> Json {
    let ready = entry.hidden.get("ready").and_then(Json::as_i64);
    let time = timestamp(ready.unwrap_or(world.now));
    let status = |code: &str, text: &str| json!({ "code": code, "level": "Info", "displayStatus": text, "time": time });
    let Some(ready) = ready else {
        return json!({ "statuses": [status("ProvisioningState/creating", "Creating")] });
    };
    let power = entry.hidden.get("power").and_then(Json::as_str).unwrap_or("running");
    let provisioning = match entry.state.as_str() {
        "Succeeded" => status("ProvisioningState/succeeded", "Provisioning succeeded"),
        "Deleting" => status("ProvisioningState/deleting", "Deleting"),
        _ => status("ProvisioningState/updating", "Updating"),
    };
    let extensions: Json = world
        .entries(&format!("{}/extensions/", entry.id))
        .iter()
        .map(|extension| {
            let kind = format!(
                "{}.{}",
                text(&extension.body, "/properties/publisher").unwrap_or_default(),
                text(&extension.body, "/properties/type").unwrap_or_default()
            );
            let done = extension.state == "Succeeded";
            let (code, text) = if done {
                ("ProvisioningState/succeeded", "Provisioning succeeded")
            } else {
                ("ProvisioningState/transitioning", "Transitioning")
            };
            json!({
                "name": extension.id.rsplit('/').next(),
                "type": kind,
                "typeHandlerVersion": extension.body["properties"]["typeHandlerVersion"],
                "statuses": [status(code, text)],
            })
        })
        .collect();
    json!({
        "computerName": text(&entry.body, "/properties/osProfile/computerName"),
        "osName": "ubuntu",
        "osVersion": "24.04",
        "vmAgent": {
            "vmAgentVersion": "2.15.0.1",
            "statuses": [{
                "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready",
                "message": "Guest Agent is running", "time": timestamp_short(ready),
            }],
            "extensionHandlers": [],
        },
        "disks": [{
            "name": text(&entry.body, "/properties/storageProfile/osDisk/name"),
            "statuses": [status("ProvisioningState/succeeded", "Provisioning succeeded")],
        }],
        "extensions": extensions,
        "hyperVGeneration": "V2",
        "statuses": [provisioning, json!({
            "code": format!("PowerState/{power}"), "level": "Info", "displayStatus": format!("VM {power}"),
        })],
    })
}

/// An action on a machine or a scale set: power, and the deletion of instances.
pub(super) fn act(
    world: &mut World,
    entry: &mut Entry,
    action: &str,
    body: &Json,
    api_version: &str,
) -> Result<Response, Refusal> {
    let provider = super::provider::of_type_or_plain(&entry.resource_type);
    if let Some(refusal) = operations::busy(world, entry, provider) {
        return Err(refusal);
    }
    let is_set = entry.resource_type.ends_with("virtualMachineScaleSets");
    let (verb, arguments, seconds) = match action.to_ascii_lowercase().as_str() {
        "delete" if is_set => (Verb::DeleteInstances, body["instanceIds"].clone(), 45.0),
        "manualupgrade" | "reimage" | "redeploy" | "restart" => (Verb::Nothing, Json::Null, 20.0),
        "start" | "poweroff" | "deallocate" => {
            let power = match action.to_ascii_lowercase().as_str() {
                "start" => "running",
                "poweroff" => "stopped",
                _ => "deallocated",
            };
            entry.hidden.insert("power".to_owned(), power.into());
            (Verb::Nothing, Json::Null, 20.0)
        }
        _ => {
            return Err(Refusal::new(
                400,
                "InvalidResourceType",
                format!("The action '{}' is not known for type '{}'.", action.escape_debug(), entry.resource_type),
            )
            .by_gateway());
        }
    };
    let location = text(&entry.body, "/location").unwrap_or_default().to_owned();
    let operation = operations::start(
        world,
        Start {
            verb,
            resource: &entry.id,
            resource_type: &entry.resource_type,
            location: &location,
            api_version,
            seconds,
            arguments,
        },
    );
    if verb == Verb::DeleteInstances {
        entry.state = "Updating".to_owned();
        entry.operation = Some(operation.id.clone());
    }
    world.put_entry(entry);
    let response = Response::empty(202)
        .header("azure-asyncoperation", operations::signed_url(world, &operation, &operation.status_target))
        .header("location", operations::signed_url(world, &operation, &operation.result_target))
        .header("azure-asyncnotification", "Enabled");
    Ok(operations::retry_after(world, response, 10))
}

/// A machine with its instance view, for `$expand=instanceView`.
pub(super) fn read_with_view(world: &World, entry: &Entry) -> Json {
    let mut whole = render::read(world, entry);
    whole["properties"]["instanceView"] = view(world, entry);
    whole
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
