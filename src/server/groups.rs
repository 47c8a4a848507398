//! Resource groups, and the lists of what is in them.

use serde_json::{Map, Value as Json, json};

use super::exchange::{Refusal, Request, Response};
use super::filter::Filter;
use super::operations::{self, Start};
use super::places::text;
use super::provider;
use super::provider_other::{LOCATIONS, check_api_version, location};
use super::render;
use super::resources::{merge_patch, not_allowed, page};
use super::world::{Entry, Verb, World};
use crate::graph::GROUP_TYPE;

fn id_of(world: &World, name: &str) -> String {
    format!("{}/resourceGroups/{name}", world.subscription())
}

/// The group, or 404.
pub(super) fn find(world: &World, name: &str) -> Result<Entry, Refusal> {
    world.entry(&id_of(world, name)).ok_or_else(|| {
        Refusal::new(404, "ResourceGroupNotFound", format!("Resource group '{name}' could not be found.")).by_gateway()
    })
}

/// 409 for a write into a group that goes.
pub(super) fn being_deleted(name: &str) -> Refusal {
    Refusal::new(
        409,
        "ResourceGroupBeingDeleted",
        format!("The resource group '{name}' is in deprovisioning state and cannot perform this operation."),
    )
    .by_gateway()
}

/// Answers a request for one group.
pub(super) fn answer(world: &mut World, request: &Request, name: &str) -> Result<Response, Refusal> {
    let version = check_api_version(request.query("api-version"), GROUP_TYPE)?.to_owned();
    match request.method.as_str() {
        "GET" => Ok(Response::json(200, tell(&find(world, name)?))),
        "HEAD" => Ok(Response::empty(if find(world, name).is_ok() { 204 } else { 404 })),
        "PUT" => put(world, name, &request.json()?),
        "PATCH" => {
            let mut body = find(world, name)?.body;
            merge_patch(&mut body, &request.json()?);
            put(world, name, &body)
        }
        "DELETE" => delete(world, name, &version),
        _ => Err(not_allowed(request)),
    }
}

fn tell(entry: &Entry) -> Json {
    let mut whole = json!({
        "id": entry.id, "name": entry.id.rsplit('/').next(), "type": GROUP_TYPE, "location": entry.body["location"],
    });
    for field in ["tags", "managedBy"] {
        if let Some(value) = entry.body.get(field) {
            whole[field] = value.clone();
        }
    }
    whole["properties"] = json!({ "provisioningState": entry.state });
    whole
}

fn put(world: &mut World, name: &str, body: &Json) -> Result<Response, Refusal> {
    let is_odd = |c: char| !(c.is_alphanumeric() || "-_.()".contains(c));
    if name.is_empty() || name.chars().count() > 90 || name.ends_with('.') || name.chars().any(is_odd) {
        return Err(Refusal::new(
            400,
            "InvalidResourceGroup",
            format!(
                "The provided resource group name '{}' has invalid characters or an invalid length. The name can only be a \
                 letter, digit, '-', '.', '(', ')' or '_', has at most 90 of them, and does not end in '.'.",
                name.escape_debug()
            ),
        )
        .by_gateway());
    }
    let Some(wanted) = text(body, "/location") else {
        return Err(Refusal::new(400, "LocationRequired", "The location property is required for this definition.")
            .by_gateway());
    };
    let Some(location) = location(wanted) else {
        let known = LOCATIONS.map(|(name, _)| name).join(",");
        return Err(Refusal::new(
            400,
            "LocationNotAvailableForResourceGroup",
            format!(
                "The provided location '{}' is not available for resource group. List of available regions is '{known}'.",
                wanted.escape_debug()
            ),
        )
        .by_gateway());
    };
    let old = world.entry(&id_of(world, name));
    if let Some(old) = &old {
        if old.state == "Deleting" {
            return Err(being_deleted(name));
        }
        if text(&old.body, "/location") != Some(location) {
            return Err(Refusal::new(
                409,
                "InvalidResourceGroupLocation",
                format!(
                    "Invalid resource group location '{location}'. The Resource group already exists in location '{}'.",
                    text(&old.body, "/location").unwrap_or_default()
                ),
            )
            .by_gateway());
        }
    }
    let mut kept = json!({ "location": location });
    for field in ["tags", "managedBy"] {
        match body.get(field) {
            None | Some(Json::Null) => {}
            Some(Json::Object(tags)) if field == "tags" && tags.values().all(Json::is_string) => {
                kept[field] = body[field].clone()
            }
            Some(Json::String(_)) if field == "managedBy" => kept[field] = body[field].clone(),
            Some(_) => {
                return Err(Refusal::new(
                    400,
                    "InvalidRequestContent",
                    format!("The request content was invalid and could not be deserialized: '{field} is of the wrong kind.'."),
                )
                .by_gateway());
            }
        }
    }
    let status = if old.is_some() { 200 } else { 201 };
    let entry = Entry {
        id: old.as_ref().map_or_else(|| id_of(world, name), |old| old.id.clone()),
        resource_type: GROUP_TYPE.to_owned(),
        body: kept,
        state: "Succeeded".to_owned(),
        etag: world.uuid(),
        guid: old.map_or_else(|| world.uuid(), |old| old.guid),
        operation: None,
        hidden: Map::new(),
    };
    world.put_entry(&entry);
    Ok(Response::json(status, tell(&entry)))
}

fn delete(world: &mut World, name: &str, api_version: &str) -> Result<Response, Refusal> {
    let mut entry = find(world, name)?;
    let under_way = entry.operation.as_deref().and_then(|id| world.operation(id));
    let operation = match under_way {
        Some(operation) => operation,
        None => {
            let count = world.entries(&format!("{}/", entry.id)).len();
            let location = text(&entry.body, "/location").unwrap_or_default().to_owned();
            let operation = operations::start_group_deletion(
                world,
                Start {
                    verb: Verb::DeleteGroup,
                    resource: &entry.id,
                    resource_type: GROUP_TYPE,
                    location: &location,
                    api_version,
                    // An empty one is gone in seconds, one with machines in minutes.
                    seconds: if count == 0 { 10.0 } else { 60.0 },
                    arguments: Json::Null,
                },
            );
            entry.state = "Deleting".to_owned();
            entry.operation = Some(operation.id.clone());
            world.put_entry(&entry);
            operation
        }
    };
    let url = operations::signed_url(world, &operation, &operation.result_target);
    Ok(operations::retry_after(world, Response::empty(202).header("location", url), 15))
}

/// A group goes with all that is in it, in whatever order.
pub(super) fn finish_deletion(world: &mut World, id: &str) {
    let below = format!("{id}/");
    for entry in world.entries(&below) {
        for place in ["/properties/principalId", "/identity/principalId"] {
            if let Some(principal) = text(&entry.body, place).filter(|_| !entry.resource_type.contains("Authorization"))
            {
                world.store.remove(&format!("principal/{principal}"));
            }
        }
        world.remove_entry(&entry.id);
    }
    let name = id.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    super::members::cluster_gone(world, &name);
    world.remove_entry(id);
}

/// The groups of the subscription. `$filter` knows tags.
pub(super) fn list(world: &World, request: &Request) -> Result<Response, Refusal> {
    check_api_version(request.query("api-version"), GROUP_TYPE)?;
    let filter = Filter::of(request)?;
    let all = world
        .entries(&format!("{}/resourceGroups/", world.subscription()))
        .iter()
        .filter(|entry| entry.resource_type == GROUP_TYPE)
        .map(tell)
        .filter(|group| filter.lets_pass(group))
        .collect();
    Ok(page(world, request, all))
}

/// The resources of a group, or of the whole subscription, without their properties.
pub(super) fn list_resources(world: &World, request: &Request, group: Option<&str>) -> Result<Response, Refusal> {
    check_api_version(request.query("api-version"), "Microsoft.Resources/resources")?;
    let prefix = match group {
        Some(name) => format!("{}/", find(world, name)?.id),
        None => format!("{}/resourceGroups/", world.subscription()),
    };
    let filter = Filter::of(request)?;
    let all = world
        .entries(&prefix)
        .iter()
        .filter(|entry| entry.resource_type != GROUP_TYPE && provider::of_type_or_plain(&entry.resource_type).listed)
        .map(|entry| {
            let whole = render::read(world, entry);
            let mut short = Map::new();
            for field in ["id", "name", "type", "location", "tags", "sku", "zones", "identity", "kind", "managedBy"] {
                if let Some(value) = whole.get(field) {
                    short.insert(field.to_owned(), value.clone());
                }
            }
            // A child is listed with its parent's name before its own.
            if let Some(id) = super::resource_id::ResourceId::of_text(&entry.id) {
                short.insert("name".to_owned(), id.names.join("/").into());
            }
            let expand = request.query("$expand").unwrap_or_default();
            if expand.contains("provisioningState") && !entry.state.is_empty() {
                short.insert("provisioningState".to_owned(), entry.state.clone().into());
            }
            Json::Object(short)
        })
        .filter(|resource| filter.lets_pass(resource))
        .collect();
    Ok(page(world, request, all))
}
