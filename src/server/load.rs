//! A simulator that begins with what was observed elsewhere, for rehearsals: the same ids, the same bodies, the same
//! machines as nodes. It keeps nothing.
//!
//! Deliberately absent: pods and what they ask for. A rehearsal drains nodes of pods of the simulator's own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::places::{remove, text};
use super::prepare::FIELDS;
use super::provider::{self, Behaviour};
use super::resource_id::ResourceId;
use super::scale_sets;
use super::world::{Entry, World};

/// What a simulator begins with.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The tenant whose stand-in it is.
    pub tenant_id: String,
    /// The subscription whose stand-in it is.
    pub subscription_id: String,
    /// Resources and resource groups as Resource Manager tells them.
    pub resources: Vec<Json>,
    /// The nodes of the cluster by name, with whether they are cordoned; nothing if they are not known: then every machine
    /// is one.
    pub nodes: Option<BTreeMap<String, bool>>,
    /// The cluster's resource group.
    pub resource_group: String,
}

/// Puts everything into a world. What is not told as a resource is left out.
pub(super) fn load(world: &mut World, loaded: Loaded) {
    let bootstrapped: BTreeSet<String> = loaded.resources.iter().filter_map(bootstrapped).collect();
    let mut entries: Vec<Entry> = loaded.resources.into_iter().filter_map(|body| entry(world, body)).collect();
    // What refers to others comes after them in no particular order: references are looked up when somebody asks.
    entries.sort_by(|one, other| one.id.cmp(&other.id));
    for mut entry in entries {
        match provider::of_type_or_plain(&entry.resource_type).behaviour {
            Behaviour::Machine if entry.state == "Succeeded" => {
                entry.hidden.insert("ready".to_owned(), json!(0));
            }
            Behaviour::ScaleSet => scale_sets::complete_set(world, &mut entry, 0),
            _ => {}
        }
        remember_principals(world, &entry);
        world.put_entry(&entry);
    }
    let Some(nodes) = loaded.nodes else { return };
    let group = loaded.resource_group.to_ascii_lowercase();
    for (name, cordoned) in &nodes {
        if *cordoned {
            super::members::put_node_note(world, &group, name, json!({ "name": name, "unschedulable": true }));
        }
    }
    for node in super::members::nodes(world, &group).into_iter().filter(|node| !nodes.contains_key(&node.name)) {
        // A machine that has not joined where it really is, although nothing is left to do on it, does not join here
        // either. One that was still being made does, as it would there.
        let machine = node.provider_id.to_ascii_lowercase();
        if machine.contains("/virtualmachinescalesets/") || bootstrapped.contains(&machine) {
            super::members::remove_node(world, &group, &node);
        }
    }
}

/// What a node calls the machine that an extension has succeeded on; nothing for any other resource.
fn bootstrapped(body: &Json) -> Option<String> {
    let id = text(body, "/id")?.to_ascii_lowercase();
    let (machine, _) = id.split_once("/extensions/")?;
    (text(body, "/properties/provisioningState") == Some("Succeeded")).then(|| format!("azure://{machine}"))
}

/// A resource as it is kept, from how it is told.
fn entry(world: &World, mut body: Json) -> Option<Entry> {
    let id = text(&body, "/id")?.to_owned();
    let told = text(&body, "/type").unwrap_or_default().to_owned();
    let resource_type = match ResourceId::of_text(&id) {
        Some(id) if provider::parent_with_child(&id.full_type()).is_some() => return None,
        Some(id) => id.full_type(),
        None => told,
    };
    let provider = provider::of_type_or_plain(&resource_type);
    let resource_type =
        if provider.resource_type.is_empty() { resource_type } else { provider.resource_type.to_owned() };
    let state = match text(&body, "/properties/provisioningState") {
        Some(state @ ("Failed" | "Canceled")) => state.to_owned(),
        // What goes on there will have ended by the time that the rehearsed would come to it.
        Some(_) => "Succeeded".to_owned(),
        None => String::new(),
    };
    let guid = ["/properties/resourceGuid", "/properties/vmId", "/properties/uniqueId"]
        .iter()
        .find_map(|place| text(&body, place))
        .map_or_else(|| world.uuid(), str::to_owned);
    remove(&mut body, &["/properties/provisioningState", "/properties/resourceGuid", "/properties/instanceView"]);
    for back in provider.back_references {
        let place = match back.holder {
            "" => format!("/properties/{}", back.property),
            holder => format!("/properties/{holder}/*/properties/{}", back.property),
        };
        remove(&mut body, &[place.as_str()]);
    }
    let Json::Object(fields) = body else { return None };
    let body: Map<String, Json> = fields.into_iter().filter(|(field, _)| FIELDS.contains(&field.as_str())).collect();
    Some(Entry {
        id,
        resource_type,
        body: Json::Object(body),
        state,
        etag: world.uuid(),
        guid,
        operation: None,
        hidden: Map::new(),
    })
}

/// Roles are assigned to principals that are known.
fn remember_principals(world: &mut World, entry: &Entry) {
    for place in ["/properties/principalId", "/identity/principalId"] {
        if let Some(principal) = text(&entry.body, place) {
            world.store.put(&format!("principal/{principal}"), json!({ "visible": 0 }));
        }
    }
}
