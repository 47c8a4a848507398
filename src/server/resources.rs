//! Requests for resources of every type: which is for what, reading, and lists.

use serde_json::{Map, Value as Json, json};

use super::exchange::{Refusal, Request, Response};
use super::prepare::has_child;
use super::provider::{self, Absence, Behaviour, parent_with_child};
use super::provider_other::check_api_version;
use super::resource_id::ResourceId;
use super::world::{Entry, World};
use super::writes::{delete, put};
use super::{actions, children, groups, machines, render, scale_sets};

/// What scale sets consist of.
const INSTANCES: &str = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines";

/// Answers a request for a resource or a collection.
pub(super) fn answer(world: &mut World, request: &Request, mut id: ResourceId) -> Result<Response, Refusal> {
    let version = check_api_version(request.query("api-version"), &id.full_type())?.to_owned();
    id.check_names()?;
    let mut name_of_group = id.group.clone();
    if let Some(name) = &mut name_of_group {
        let group = groups::find(world, name)?;
        // The group's name is written as at its creation.
        let written = group.id.rsplit('/').next().unwrap_or_default().to_owned();
        let at = format!("{}/resourceGroups/{written}", world.subscription());
        id.scope = at.clone() + id.scope.get(at.len()..).unwrap_or_default();
        id.group = Some(written);
        if request.method != "GET"
            && request.method != "HEAD"
            && group.state == "Deleting"
            && request.method != "DELETE"
        {
            return Err(groups::being_deleted(name));
        }
    }
    if request.method == "POST" {
        return post(world, request, &id, &version);
    }
    if id.is_collection() {
        return match request.method.as_str() {
            "GET" => list(world, request, &id),
            _ => Err(not_allowed(request)),
        };
    }
    if id.full_type().eq_ignore_ascii_case("Microsoft.Compute/virtualMachines/instanceView") {
        return Err(not_allowed(request));
    }
    if parent_with_child(&id.full_type()).is_some() {
        return children::answer(world, request, &id, &version);
    }
    spell_type(&mut id);
    match request.method.as_str() {
        "GET" | "HEAD" => get(world, request, &id),
        "PUT" => {
            let body = request.json()?;
            put(world, request, &id, body, &version)
        }
        "PATCH" => {
            let entry = find(world, &id)?;
            let patch = request.json()?;
            let mut body = entry.body.clone();
            merge_patch(&mut body, &patch);
            let mut response = put(world, request, &id, body, &version)?;
            response.status = 200;
            Ok(response)
        }
        "DELETE" => match set_of_instance(world, &id)? {
            Some(mut set) => actions::act(world, &mut set, Some(id.name()), "delete", &Json::Null, &version),
            None => delete(world, request, &id, &version),
        },
        _ => Err(not_allowed(request)),
    }
}

/// Writes the type as Azure does; that of a type unknown here stays as asked.
fn spell_type(id: &mut ResourceId) {
    if let Some(known) = provider::of_type(&id.full_type()) {
        let mut segments = known.resource_type.split('/').map(str::to_owned);
        id.namespace = segments.next().unwrap_or_default();
        id.types = segments.collect();
    }
}

/// 405 in ARM's words.
pub(super) fn not_allowed(request: &Request) -> Refusal {
    Refusal::new(
        405,
        "MethodNotAllowed",
        format!("The requested resource does not support http method '{}'.", request.method.escape_debug()),
    )
}

/// The resource, or why it is not there.
pub(super) fn find(world: &World, id: &ResourceId) -> Result<Entry, Refusal> {
    if let Some(entry) = world.entry(&id.text()) {
        return Ok(entry);
    }
    if let Some(parent) = id.parent().filter(|parent| world.entry(&parent.text()).is_none())
        && provider::of_type(&parent.full_type()).is_some()
    {
        return Err(parent_not_found(id, &parent, "read"));
    }
    let known = provider::of_type_or_plain(&id.full_type());
    Err(match known.absence {
        Absence::Provider(code, message) => Refusal::new(404, code, message.replace("{}", id.name())),
        Absence::Gateway => not_found(id),
    })
}

/// 404 `ResourceNotFound` of the gateway.
pub(super) fn not_found(id: &ResourceId) -> Refusal {
    Refusal::new(
        404,
        "ResourceNotFound",
        format!(
            "The Resource '{}/{}' under resource group '{}' was not found. For more details please go to \
             https://aka.ms/ARMResourceNotFoundFix",
            id.full_type(),
            id.names.join("/"),
            id.group.as_deref().unwrap_or("<null>")
        ),
    )
    .by_gateway()
}

/// 404 `ParentResourceNotFound`.
pub(super) fn parent_not_found(id: &ResourceId, parent: &ResourceId, verb: &str) -> Refusal {
    Refusal::new(
        404,
        "ParentResourceNotFound",
        format!(
            "Failed to perform '{verb}' on resource(s) of type '{}', because the parent resource '{}' could not be found.",
            id.types.join("/"),
            parent.text()
        ),
    )
    .by_gateway()
}

fn get(world: &mut World, request: &Request, id: &ResourceId) -> Result<Response, Refusal> {
    if let Some(response) = get_part(world, request, id)? {
        return Ok(response);
    }
    let entry = find(world, id)?;
    let provider = provider::of_type_or_plain(&entry.resource_type);
    if request.method == "HEAD" {
        return Ok(Response::empty(204));
    }
    let wants_view = request.query("$expand").is_some_and(|expand| expand.eq_ignore_ascii_case("instanceView"));
    let body = if wants_view && provider.behaviour == Behaviour::Machine {
        machines::read_with_view(world, &entry)
    } else {
        render::read(world, &entry)
    };
    let response = Response::json(200, body);
    Ok(if provider.etag { response.header("etag", render::etag(&entry)) } else { response })
}

/// An instance of a scale set, if it is one that is asked for.
fn get_part(world: &World, request: &Request, id: &ResourceId) -> Result<Option<Response>, Refusal> {
    let Some(set) = set_of_instance(world, id)? else { return Ok(None) };
    let wants_view = request.query("$expand").is_some_and(|expand| expand.eq_ignore_ascii_case("instanceView"));
    let found = if wants_view {
        scale_sets::read_with_view(&set, id.name())
    } else {
        scale_sets::instances(&set)
            .into_iter()
            .find(|(instance, _)| instance == id.name())
            .map(|(_, instance)| instance)
    };
    found.map(|instance| Some(Response::json(200, instance))).ok_or_else(|| actions::no_instance(&set, id.name()))
}

/// The scale set whose instance an id names; nothing if it is the id of something else.
fn set_of_instance(world: &World, id: &ResourceId) -> Result<Option<Entry>, Refusal> {
    if !id.full_type().eq_ignore_ascii_case(INSTANCES) {
        return Ok(None);
    }
    id.parent().map(|parent| find(world, &parent)).transpose()
}

/// The instance view of a machine, a scale set, or an instance of one.
fn instance_view(world: &World, of: &ResourceId) -> Result<Json, Refusal> {
    if let Some(set) = set_of_instance(world, of)? {
        return scale_sets::instance_view(&set, of.name()).ok_or_else(|| actions::no_instance(&set, of.name()));
    }
    let entry = find(world, of)?;
    match provider::of_type_or_plain(&entry.resource_type).behaviour {
        Behaviour::ScaleSet => Ok(scale_sets::view(&entry)),
        Behaviour::Machine => Ok(machines::view(world, &entry)),
        _ => Err(not_found(of)),
    }
}

fn list(world: &mut World, request: &Request, id: &ResourceId) -> Result<Response, Refusal> {
    let wanted = id.full_type();
    if wanted.eq_ignore_ascii_case(INSTANCES) {
        let set = find(world, &id.parent().unwrap_or_else(|| id.clone()))?;
        let all = scale_sets::instances(&set).into_iter().map(|(_, instance)| instance).collect();
        return Ok(page(world, request, all));
    }
    if id.types.len() > 1 && id.types.last().is_some_and(|last| last.eq_ignore_ascii_case("instanceView")) {
        let of = id.parent().unwrap_or_else(|| id.clone());
        return Ok(Response::json(200, instance_view(world, &of)?));
    }
    if let (Some((_, array)), Some(mut parent)) = (parent_with_child(&wanted), id.parent()) {
        spell_type(&mut parent);
        let whole = render::read(world, &find(world, &parent)?);
        let all = super::places::items(&whole, &format!("/properties/{array}")).cloned().collect();
        return Ok(page(world, request, all));
    }
    let last = id.types.last().map_or("", String::as_str);
    let prefix = match id.parent() {
        Some(parent) => format!("{}/{last}/", find(world, &parent)?.id),
        // Of the whole subscription: of all its groups.
        None if id.group.is_none() => format!("{}/", id.scope),
        None => format!("{}/providers/{wanted}/", id.scope),
    };
    let is_wanted = |document: &Json| {
        document.get("resourceType").and_then(Json::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case(&wanted))
    };
    let keys = world.store.range(&prefix).filter(|(_, document)| is_wanted(document)).map(|(key, _)| key);
    // Only those on the page are told in full.
    let keys: Vec<&str> = keys.collect();
    Ok(page_of(world, request, keys.len(), |place| {
        let entry = world.entry(keys[place]);
        entry.map_or(Json::Null, |entry| render::listed(world, &entry))
    }))
}

/// One page of a list, with the absolute URL of the next one.
pub(super) fn page(world: &World, request: &Request, all: Vec<Json>) -> Response {
    page_of(world, request, all.len(), |place| all[place].clone())
}

/// The same of a list of which only the items on the page are worked out.
fn page_of(world: &World, request: &Request, count: usize, item: impl Fn(usize) -> Json) -> Response {
    const SIZE: usize = 200;
    let start = request.query("$skiptoken").and_then(|token| token.parse::<usize>().ok()).unwrap_or(0).min(count);
    let end = start.saturating_add(SIZE).min(count);
    let mut body = json!({ "value": (start..end).map(item).collect::<Vec<Json>>() });
    if end < count {
        let path = request.target.split('?').next().unwrap_or_default();
        let version = request.query("api-version").unwrap_or_default();
        // A filter holds over all pages.
        let filter = request.query("$filter").map_or_else(String::new, |text| {
            let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            format!("&%24filter={escaped}")
        });
        body["nextLink"] = format!("{}{path}?api-version={version}{filter}&%24skiptoken={end}", world.url).into();
    }
    Response::json(200, body)
}

fn post(world: &mut World, request: &Request, id: &ResourceId, api_version: &str) -> Result<Response, Refusal> {
    // A POST's path ends in the action, where the next type would stand.
    let Some(mut target) = id.is_collection().then(|| id.parent()).flatten() else { return Err(not_allowed(request)) };
    let action = id.types.last().cloned().unwrap_or_default();
    if let Some(mut set) = set_of_instance(world, &target)? {
        let (instance, body) = (Some(target.name()), request.json()?);
        return actions::act(world, &mut set, instance, &action, &body, api_version);
    }
    spell_type(&mut target);
    let mut entry = find(world, &target)?;
    let behaviour = provider::of_type_or_plain(&entry.resource_type).behaviour;
    if matches!(behaviour, Behaviour::Machine | Behaviour::ScaleSet) {
        return actions::act(world, &mut entry, None, &action, &request.json()?, api_version);
    }
    if behaviour == Behaviour::StorageAccount && action.eq_ignore_ascii_case("listKeys") {
        return Ok(super::storage::keys(world, &entry));
    }
    Err(not_allowed(request))
}

/// JSON merge patch (RFC 7396).
pub(super) fn merge_patch(body: &mut Json, patch: &Json) {
    let Json::Object(patch) = patch else {
        *body = patch.clone();
        return;
    };
    if !body.is_object() {
        *body = Json::Object(Map::new());
    }
    let Json::Object(entries) = body else { return };
    for (name, value) in patch {
        if value.is_null() {
            entries.shift_remove(name);
        } else {
            merge_patch(entries.entry(name).or_insert(Json::Null), value);
        }
    }
}

/// Whether an array of a resource has a child of that name.
pub(super) fn child_exists(entry: &Entry, array: &str, name: &str) -> bool {
    has_child(&entry.body, array, name)
}
