//! A resource as it is told: what is kept, with what names its parts and what follows from other resources.

use serde_json::{Map, Value as Json, json};

use super::places::{items, text};
use super::provider::{self, Behaviour, Provider};
use super::resource_id::ResourceId;
use super::security_rules::default_rules;
use super::world::{Entry, World, id_objects};

/// The answer to a GET.
pub(super) fn read(world: &World, entry: &Entry) -> Json {
    let provider = provider::of_type_or_plain(&entry.resource_type);
    let mut whole = head(entry, provider);
    let mut properties = Map::new();
    if !entry.state.is_empty() {
        properties.insert("provisioningState".to_owned(), entry.state.clone().into());
    }
    if provider.resource_guid {
        properties.insert("resourceGuid".to_owned(), entry.guid.clone().into());
    }
    if let Some(Json::Object(own)) = entry.body.get("properties") {
        properties.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    if provider.behaviour == Behaviour::SecurityGroup {
        properties.insert("defaultSecurityRules".to_owned(), default_rules());
    }
    for array in provider.children {
        if let Some(Json::Array(children)) = properties.get_mut(*array) {
            children.iter_mut().for_each(|child| name_child(entry, array, child));
        }
    }
    for back in provider.back_references {
        if back.holder.is_empty() {
            let referrers = of_kind(world, &entry.id, back.from);
            if let Some(first) = referrers.first() {
                let value = if back.many { id_objects(referrers.iter().copied()) } else { json!({ "id": first }) };
                properties.insert(back.property.to_owned(), value);
            }
        } else if let Some(Json::Array(children)) = properties.get_mut(back.holder) {
            for child in children {
                let Some(id) = text(child, "/id").map(str::to_owned) else { continue };
                let referrers = of_kind(world, &id, back.from);
                let Some(first) = referrers.first() else { continue };
                if back.many {
                    let array = &mut child["properties"][back.property];
                    match array {
                        // Two kinds of referrers share an array.
                        Json::Array(there) => there.extend(referrers.iter().map(|id| json!({ "id": id }))),
                        other => *other = id_objects(referrers.iter().copied()),
                    }
                } else {
                    child["properties"][back.property] = json!({ "id": first });
                }
            }
        }
    }
    match provider.behaviour {
        Behaviour::NetworkInterface if properties.contains_key("virtualMachine") => {
            properties.insert("macAddress".to_owned(), mac_address(&entry.guid).into());
            properties.entry("primary").or_insert_with(|| true.into());
        }
        Behaviour::AvailabilitySet => {
            let members = of_kind(world, &entry.id, "virtualMachines");
            let shouted: Vec<String> = members.into_iter().map(shout).collect();
            properties.insert("virtualMachines".to_owned(), id_objects(shouted.iter().map(String::as_str)));
        }
        Behaviour::Disk => {
            let holder = of_kind(world, &entry.id, "virtualMachines").first().map(|id| (*id).to_owned());
            let state = if holder.is_some() { "Attached" } else { "Unattached" };
            properties.insert("diskState".to_owned(), state.into());
            if let Some(holder) = holder {
                whole.insert("managedBy".to_owned(), holder.into());
            }
        }
        Behaviour::Machine => {
            let extensions = world.entries(&format!("{}/extensions/", entry.id));
            if !extensions.is_empty() {
                whole.insert("resources".to_owned(), extensions.iter().map(|child| read(world, child)).collect());
            }
        }
        _ => {}
    }
    if !properties.is_empty() {
        whole.insert("properties".to_owned(), Json::Object(properties));
    }
    Json::Object(whole)
}

/// A resource in a list, which of a machine's extensions has the ids only (recorded 2021).
pub(super) fn listed(world: &World, entry: &Entry) -> Json {
    let mut whole = read(world, entry);
    if let Some(Json::Array(resources)) = whole.get_mut("resources") {
        resources.iter_mut().for_each(|child| *child = json!({ "id": child["id"] }));
    }
    whole
}

/// The answer to a PUT, which lacks here and there what a GET has.
pub(super) fn written(world: &World, entry: &Entry, created: bool) -> Json {
    let provider = provider::of_type_or_plain(&entry.resource_type);
    let mut whole = read(world, entry);
    match provider.behaviour {
        Behaviour::AvailabilitySet => {
            if let Some(Json::Object(properties)) = whole.get_mut("properties") {
                properties.shift_remove("virtualMachines");
            }
        }
        Behaviour::Disk => {
            // Only what was sent.
            let mut properties = entry.body["properties"].clone();
            super::places::remove(&mut properties, &["/timeCreated", "/uniqueId", "/diskSizeBytes", "/tier"]);
            properties["provisioningState"] = entry.state.clone().into();
            whole["properties"] = properties;
        }
        Behaviour::RoleAssignment if created => whole["properties"]["createdBy"] = Json::Null,
        _ => {}
    }
    whole
}

/// Name, id, type, etag and the top-level fields.
fn head(entry: &Entry, provider: &Provider) -> Map<String, Json> {
    let mut whole = Map::new();
    let name = entry.id.rsplit('/').next().unwrap_or_default();
    whole.insert("name".to_owned(), name.into());
    let id = match provider.behaviour {
        // Whatever the path said (176 of 176 recorded).
        Behaviour::Identity => entry.id.replacen("/resourceGroups/", "/resourcegroups/", 1),
        _ => entry.id.clone(),
    };
    whole.insert("id".to_owned(), id.into());
    if provider.etag {
        whole.insert("etag".to_owned(), etag(entry).into());
    }
    whole.insert("type".to_owned(), entry.resource_type.clone().into());
    for (field, value) in entry.body.as_object().into_iter().flatten() {
        if field != "properties" {
            whole.insert(field.clone(), value.clone());
        }
    }
    whole
}

/// The version of an entry as headers and bodies have it.
pub(super) fn etag(entry: &Entry) -> String {
    format!("W/\"{}\"", entry.etag)
}

fn name_child(entry: &Entry, array: &str, child: &mut Json) {
    let Some(name) = text(child, "/name").map(str::to_owned) else { return };
    let Json::Object(fields) = child else { return };
    fields.insert("id".to_owned(), format!("{}/{array}/{name}", entry.id).into());
    fields.insert("etag".to_owned(), etag(entry).into());
    fields.insert("type".to_owned(), format!("{}/{array}", entry.resource_type).into());
    if let Some(Json::Object(properties)) = fields.get_mut("properties") {
        properties.insert("provisioningState".to_owned(), entry.state.clone().into());
    }
}

/// One child of a resource as it is told, such as a subnet; nothing if there is none of that name.
pub(super) fn child(world: &World, entry: &Entry, array: &str, name: &str) -> Option<Json> {
    let whole = read(world, entry);
    items(&whole, &format!("/properties/{array}"))
        .find(|child| text(child, "/name").is_some_and(|other| other.eq_ignore_ascii_case(name)))
        .cloned()
}

/// Who refers to this, of those that are, or are parts that are, of this kind.
fn of_kind<'a>(world: &'a World, id: &str, kind: &str) -> Vec<&'a str> {
    world
        .index
        .referrers(id)
        .filter(|from| {
            let mut segments = from.rsplit('/');
            segments.next();
            segments.next().is_some_and(|segment| segment.eq_ignore_ascii_case(kind))
        })
        .collect()
}

/// The id with the names of group and resource in upper case, as Compute tells members of availability sets.
fn shout(id: &str) -> String {
    match ResourceId::of_text(id) {
        Some(mut id) => {
            if let Some(group) = &id.group {
                id.scope = id.scope.replace(&format!("/{group}"), &format!("/{}", group.to_ascii_uppercase()));
            }
            id.names.iter_mut().for_each(|name| name.make_ascii_uppercase());
            id.text()
        }
        None => id.to_owned(),
    }
}

/// A network card's address out of its GUID, in Azure's range.
fn mac_address(guid: &str) -> String {
    let digits: Vec<char> = guid.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_uppercase()).collect();
    let pair =
        |index: usize| digits.get(index..index + 2).map_or_else(|| "00".to_owned(), |pair| pair.iter().collect());
    format!("00-0D-3A-{}-{}-{}", pair(0), pair(2), pair(4))
}
