//! Machines: what they get when they are made, and how they are seen.

use serde_json::{Map, Value as Json, json};

use super::exchange::Refusal;
use super::places::{remove, set, text};
use super::prepare::property_change;
use super::render;
use super::resource_id::ResourceId;
use super::world::{Entry, World, timestamp, timestamp_short};
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
    place(world, entry);
    if !entry.hidden.contains_key("ready") {
        entry.hidden.extend(super::members::moments(world, at).map(|(key, moment)| (key.to_owned(), moment)));
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
    let mut view = json!({
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
        "statuses": [provisioning, power_status(power)],
    });
    if power == "deallocated" {
        // Nobody is there to tell about what runs.
        remove(&mut view, &["/computerName", "/osName", "/osVersion", "/vmAgent", "/extensions"]);
    }
    if let Some((fault, update)) = domains(world, entry) {
        view["platformFaultDomain"] = fault.into();
        view["platformUpdateDomain"] = update.into();
    }
    view
}

/// How power is told: `running`, `stopped`, `deallocated`.
pub(super) fn power_status(power: &str) -> Json {
    json!({ "code": format!("PowerState/{power}"), "level": "Info", "displayStatus": format!("VM {power}") })
}

/// The fault domain and the update domain of a machine in an availability set.
fn domains(world: &World, entry: &Entry) -> Option<(u64, u64)> {
    let set = world.entry(text(&entry.body, "/properties/availabilitySet/id")?)?;
    let number = entry.hidden.get("domain")?.as_u64()?;
    let of = |name: &str| Some(number % set.body["properties"][name].as_u64()?.max(1));
    Some((of("platformFaultDomainCount")?, of("platformUpdateDomainCount")?))
}

/// A machine that comes into an availability set goes where the one before it did not.
fn place(world: &mut World, entry: &mut Entry) {
    let set = text(&entry.body, "/properties/availabilitySet/id").and_then(|id| world.entry(id));
    if let Some(mut set) = set.filter(|_| !entry.hidden.contains_key("domain")) {
        let number = set.hidden.get("nextDomain").and_then(Json::as_u64).unwrap_or(0);
        entry.hidden.insert("domain".to_owned(), number.into());
        set.hidden.insert("nextDomain".to_owned(), (number + 1).into());
        world.put_entry(&set);
    }
}

/// A machine with its instance view, for `$expand=instanceView`.
pub(super) fn read_with_view(world: &World, entry: &Entry) -> Json {
    let mut whole = render::read(world, entry);
    whole["properties"]["instanceView"] = view(world, entry);
    whole
}
