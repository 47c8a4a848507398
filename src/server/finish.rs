//! What a resource gets, or takes with it, when its operation ends.

use serde_json::{Map, Value as Json, json};

use super::index::is_within;
use super::places::{items, set, text};
use super::provider::{self, Behaviour};
use super::world::{Entry, Operation, World, timestamp};
use super::{machines, scale_sets};

/// A write has ended.
pub(super) fn put(world: &mut World, mut entry: Entry, at: i64) {
    let provider = provider::of_type_or_plain(&entry.resource_type);
    let before = world.index.links_of(&entry.id).to_vec();
    entry.operation = None;
    if provider.states.is_some() && entry.state != "Succeeded" {
        entry.state = "Succeeded".to_owned();
        entry.etag = world.uuid();
    }
    match provider.behaviour {
        Behaviour::PublicAddress => give_address(world, &mut entry),
        Behaviour::Disk => complete_disk(world, &mut entry, at),
        Behaviour::Machine => machines::complete(world, &mut entry, at),
        Behaviour::ScaleSet => scale_sets::complete_set(world, &mut entry, at),
        _ => {}
    }
    world.put_entry(&entry);
    world.touch_referred(&entry.id, &before);
}

fn give_address(world: &mut World, entry: &mut Entry) {
    let is_six = text(&entry.body, "/properties/publicIPAddressVersion") == Some("IPv6");
    let is_static = text(&entry.body, "/properties/publicIPAllocationMethod") == Some("Static");
    // A dynamic address comes when somebody uses it; here that is at once for simplicity of reading it.
    let has_one = text(&entry.body, "/properties/ipAddress").is_some();
    if !has_one && (is_static || world.index.referrers(&entry.id).next().is_some()) {
        let number = world.note("counter/address").and_then(Json::as_u64).unwrap_or(4);
        world.store.put("counter/address", json!(number + 1));
        let address = if is_six {
            format!("2603:1030::{:x}", number % 0xffff)
        } else {
            super::addresses::public_address(u32::try_from(number % 0xffff_ffff).unwrap_or(4))
        };
        set(&mut entry.body, "/properties/ipAddress", address.into());
    }
    if let Some(label) = text(&entry.body, "/properties/dnsSettings/domainNameLabel").map(str::to_owned) {
        let location = text(&entry.body, "/location").unwrap_or("local");
        let name = format!("{label}.{location}.cloudapp.azure.com");
        set(&mut entry.body, "/properties/dnsSettings/fqdn", name.into());
    }
}

fn complete_disk(world: &World, entry: &mut Entry, at: i64) {
    let size = entry.body["properties"]["diskSizeGB"].as_u64().unwrap_or(0);
    let sku = text(&entry.body, "/sku/name").unwrap_or("Standard_LRS").to_owned();
    let family = sku.split('_').next().unwrap_or("Standard").replace("StandardSSD", "Standard");
    set(&mut entry.body, "/sku/name", sku.into());
    set(&mut entry.body, "/sku/tier", family.into());
    let created = text(&entry.body, "/properties/timeCreated").map_or_else(|| timestamp(at), str::to_owned);
    let unique = text(&entry.body, "/properties/uniqueId").map_or_else(|| world.uuid(), str::to_owned);
    for (name, value) in [
        ("timeCreated", json!(created)),
        ("uniqueId", json!(unique)),
        ("diskSizeBytes", json!(size.saturating_mul(1 << 30))),
    ] {
        set(&mut entry.body, &format!("/properties/{name}"), value);
    }
    super::places::add_defaults(
        &mut entry.body,
        &[
            ("/properties/diskIOPSReadWrite", "500"),
            ("/properties/diskMBpsReadWrite", "60"),
            ("/properties/encryption", "{\"type\":\"EncryptionAtRestWithPlatformKey\"}"),
            ("/properties/networkAccessPolicy", "\"AllowAll\""),
            ("/properties/publicNetworkAccess", "\"Enabled\""),
        ],
    );
}

/// A deletion has ended.
pub(super) fn delete(world: &mut World, entry: &Entry) {
    let provider = provider::of_type_or_plain(&entry.resource_type);
    let before = world.index.links_of(&entry.id).to_vec();
    for below in world.entries(&format!("{}/", entry.id)) {
        world.remove_entry(&below.id);
    }
    match provider.behaviour {
        Behaviour::LoadBalancer => leave_pools(world, &entry.id),
        Behaviour::Machine => delete_with_machine(world, entry),
        Behaviour::ScaleSet => super::flexible::delete_members(world, &entry.id),
        Behaviour::Identity => {
            if let Some(principal) = text(&entry.body, "/properties/principalId") {
                world.store.remove(&format!("principal/{principal}"));
            }
        }
        _ => {}
    }
    world.remove_entry(&entry.id);
    world.touch_referred(&entry.id, &before);
}

/// Network cards in the pools of a balancer that goes leave them.
fn leave_pools(world: &mut World, balancer: &str) {
    let users: std::collections::BTreeSet<String> =
        world.index.outer_referrers(balancer).into_iter().filter_map(super::world::top_level).collect();
    for user in users {
        let Some(mut entry) = world.entry(&user) else { continue };
        let Some(configurations) = entry.body.pointer_mut("/properties/ipConfigurations").and_then(Json::as_array_mut)
        else {
            continue;
        };
        for configuration in configurations {
            let Some(properties) = configuration.get_mut("properties").and_then(Json::as_object_mut) else { continue };
            for name in ["loadBalancerBackendAddressPools", "loadBalancerInboundNatRules"] {
                if let Some(Json::Array(pools)) = properties.get_mut(name) {
                    pools.retain(|pool| !text(pool, "/id").is_some_and(|id| is_within(id, balancer)));
                    if pools.is_empty() {
                        properties.shift_remove(name);
                    }
                }
            }
        }
        entry.etag = world.uuid();
        world.put_entry(&entry);
    }
}

/// Disks and network cards whose `deleteOption` says so go with their machine; the others stay.
fn delete_with_machine(world: &mut World, entry: &Entry) {
    let body = &entry.body;
    let disks = body
        .pointer("/properties/storageProfile/osDisk")
        .into_iter()
        .chain(items(body, "/properties/storageProfile/dataDisks"));
    let disks: Vec<String> = disks
        .filter(|disk| text(disk, "/deleteOption") == Some("Delete"))
        .filter_map(|disk| text(disk, "/managedDisk/id").map(str::to_owned))
        .collect();
    let cards: Vec<String> = items(body, "/properties/networkProfile/networkInterfaces")
        .filter(|card| text(card, "/properties/deleteOption") == Some("Delete"))
        .filter_map(|card| text(card, "/id").map(str::to_owned))
        .collect();
    let group = super::resource_id::ResourceId::of_text(&entry.id).and_then(|id| id.group).unwrap_or_default();
    super::members::machine_gone(world, &group, entry);
    // The machine first: it refers to them.
    world.remove_entry(&entry.id);
    if let Some(principal) = text(body, "/identity/principalId") {
        world.store.remove(&format!("principal/{principal}"));
    }
    for id in disks.iter().chain(&cards) {
        if let Some(below) = world.entry(id) {
            delete(world, &below);
        }
    }
    super::flexible::member_gone(world, entry);
}

/// Instances of a scale set are gone.
pub(super) fn delete_instances(world: &mut World, operation: &Operation) {
    let Some(mut entry) = world.entry(&operation.resource) else { return };
    let wanted: Vec<&str> = operation.arguments.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    if super::flexible::is_flexible(&entry.body) {
        entry.operation = None;
        entry.state = "Succeeded".to_owned();
        world.put_entry(&entry);
        super::flexible::delete_named(world, &entry.id, &wanted);
        return;
    }
    let group = super::resource_id::ResourceId::of_text(&entry.id).and_then(|id| id.group).unwrap_or_default();
    let instances = match entry.hidden.get("instances") {
        Some(Json::Object(instances)) => instances.clone(),
        _ => Map::new(),
    };
    let (gone, stay): (Map<String, Json>, Map<String, Json>) =
        instances.into_iter().partition(|(id, _)| wanted.contains(&"*") || wanted.contains(&id.as_str()));
    for instance in gone.values() {
        super::members::instance_gone(world, &group, instance);
    }
    set(&mut entry.body, "/sku/capacity", json!(stay.len()));
    entry.hidden.insert("instances".to_owned(), Json::Object(stay));
    entry.operation = None;
    entry.state = "Succeeded".to_owned();
    world.put_entry(&entry);
}
