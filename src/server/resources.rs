//! Requests for resources: PUT, PATCH, GET, HEAD, DELETE, POST and lists, for every type.

use serde_json::{Map, Value as Json, json};

use super::exchange::{Refusal, Request, Response};
use super::operations::{self, Start};
use super::places::text;
use super::prepare::{check_immutable, has_child, prepare};
use super::provider::{self, Absence, Behaviour, Deletion, Provider, Signal, parent_with_child};
use super::provider_other::check_api_version;
use super::resource_id::ResourceId;
use super::world::{Entry, Verb, World};
use super::{addresses, children, finish, groups, identities, machines, references, render};

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
        "DELETE" => delete(world, request, &id, &version),
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
    if let Some(parent) = id.parent().filter(|parent| world.entry(&parent.text()).is_none()) {
        if provider::of_type(&parent.full_type()).is_some() {
            return Err(parent_not_found(id, &parent, "read"));
        }
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

fn parent_not_found(id: &ResourceId, parent: &ResourceId, verb: &str) -> Refusal {
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
    if let Some(response) = get_part(world, id)? {
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

/// Instances of scale sets.
fn get_part(world: &World, id: &ResourceId) -> Result<Option<Response>, Refusal> {
    if !id.full_type().eq_ignore_ascii_case("Microsoft.Compute/virtualMachineScaleSets/virtualMachines") {
        return Ok(None);
    }
    let Some(parent) = id.parent() else { return Ok(None) };
    let set = find(world, &parent)?;
    let found = machines::instances(&set).into_iter().find(|(instance, _)| instance == id.name());
    match found {
        Some((_, instance)) => Ok(Some(Response::json(200, instance))),
        None => Err(Refusal::new(
            404,
            "InvalidResource",
            format!("The entity was not found: instance {} of {}.", id.name().escape_debug(), parent.name()),
        )),
    }
}

fn list(world: &mut World, request: &Request, id: &ResourceId) -> Result<Response, Refusal> {
    let wanted = id.full_type();
    if wanted.eq_ignore_ascii_case("Microsoft.Compute/virtualMachineScaleSets/virtualMachines") {
        let set = find(world, &id.parent().unwrap_or_else(|| id.clone()))?;
        let all = machines::instances(&set).into_iter().map(|(_, instance)| instance).collect();
        return Ok(page(world, request, all));
    }
    if id.types.len() > 1 && id.types.last().is_some_and(|last| last.eq_ignore_ascii_case("instanceView")) {
        let machine = find(world, &id.parent().unwrap_or_else(|| id.clone()))?;
        return Ok(Response::json(200, machines::view(world, &machine)));
    }
    if let (Some((_, array)), Some(mut parent)) = (parent_with_child(&wanted), id.parent()) {
        spell_type(&mut parent);
        let whole = render::read(world, &find(world, &parent)?);
        let all = super::places::items(&whole, &format!("/properties/{array}")).cloned().collect();
        return Ok(page(world, request, all));
    }
    let prefix = match id.parent() {
        Some(parent) => format!("{}/", find(world, &parent)?.id),
        None => format!("{}/", id.scope),
    };
    let all = world
        .entries(&prefix)
        .iter()
        .filter(|entry| entry.resource_type.eq_ignore_ascii_case(&wanted))
        .map(|entry| render::read(world, entry))
        .collect();
    Ok(page(world, request, all))
}

/// One page of a list, with the absolute URL of the next one.
pub(super) fn page(world: &World, request: &Request, all: Vec<Json>) -> Response {
    const SIZE: usize = 200;
    let start = request.query("$skiptoken").and_then(|token| token.parse::<usize>().ok()).unwrap_or(0).min(all.len());
    let end = start.saturating_add(SIZE).min(all.len());
    let mut body = json!({ "value": all[start..end] });
    if end < all.len() {
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

/// Creates or replaces a resource.
pub(super) fn put(
    world: &mut World,
    request: &Request,
    id: &ResourceId,
    body: Json,
    api_version: &str,
) -> Result<Response, Refusal> {
    let old = world.entry(&id.text());
    let full_id = old.as_ref().map_or_else(|| id.text(), |old| old.id.clone());
    let provider = provider::of_type_or_plain(&id.full_type());
    check_surroundings(world, id, provider)?;
    check_versions(request, provider, old.as_ref())?;
    if let Some(refusal) = old.as_ref().and_then(|old| operations::busy(world, old, provider)) {
        return Err(refusal);
    }
    let mut hidden = old.as_ref().map(|old| old.hidden.clone()).unwrap_or_default();
    if provider.behaviour == Behaviour::Machine {
        machines::check_custom_data(&body, old.as_ref(), &mut hidden)?;
    }
    let mut body = prepare(body, provider, old.as_ref(), &full_id)?;
    if let Some(old) = &old {
        check_immutable(&body, old, provider)?;
    }
    references::check(world, &full_id, &body)?;
    let guid = old.as_ref().map_or_else(|| world.uuid(), |old| old.guid.clone());
    complete(world, provider, id, &full_id, &mut body, old.as_ref(), &guid)?;

    // Where only tags differ, or nothing does, there is nothing to carry out.
    let is_same = provider.etag && old.as_ref().is_some_and(|old| old.body == body);
    let is_light =
        is_same || provider.etag && old.as_ref().is_some_and(|old| without_tags(&old.body) == without_tags(&body));
    let created = old.is_none();
    let states = provider.states.map(|(creating, updating)| if created { creating } else { updating });
    let location = location_of(world, &body, id);
    let start = |verb, seconds| Start {
        verb,
        resource: &full_id,
        resource_type: if provider.resource_type.is_empty() { "" } else { provider.resource_type },
        location: &location,
        api_version,
        seconds,
        arguments: Json::Null,
    };
    let is_at_once = matches!(provider.signal, Signal::None | Signal::OwnPath);
    let operation = match (is_at_once, is_light) {
        (true, _) => None,
        (false, true) => Some(operations::over(world, start(Verb::Put, 0.0))),
        (false, false) => {
            let seconds = if created { provider.seconds.0 } else { provider.seconds.1 };
            Some(operations::start(world, start(Verb::Put, seconds)))
        }
    };
    let before = world.index.links_of(&full_id).to_vec();
    let entry = match old {
        Some(old) if is_same => Entry { state: "Succeeded".to_owned(), ..old },
        old => Entry {
            id: full_id.clone(),
            resource_type: if provider.resource_type.is_empty() {
                old.map_or_else(|| id.full_type(), |old| old.resource_type)
            } else {
                provider.resource_type.to_owned()
            },
            body,
            state: if is_light { "Succeeded" } else { states.unwrap_or_default() }.to_owned(),
            etag: world.uuid(),
            guid,
            operation: operation.as_ref().map(|operation| operation.id.clone()),
            hidden,
        },
    };
    world.put_entry(&entry);
    world.touch_referred(&full_id, &before);
    if is_at_once {
        finish::put(world, entry.clone(), world.now);
    }
    let status = if created { provider.status.0 } else { provider.status.1 };
    let entry = if is_at_once { world.entry(&full_id).unwrap_or(entry) } else { entry };
    let mut response = Response::json(status, render::written(world, &entry, created));
    if let Some(operation) = operation {
        let is_silent = provider.signal == Signal::OperationMostly && entry.guid.starts_with('7');
        if !is_silent {
            let url = operations::signed_url(world, &operation, &operation.status_target);
            response = response.header("azure-asyncoperation", url).header("azure-asyncnotification", "Enabled");
        }
        if provider.signal == Signal::OperationAndLocation {
            response = response.header("location", operations::signed_url(world, &operation, &operation.result_target));
        }
        if operation.status == "InProgress" {
            response = operations::retry_after(world, response, provider.retry_after.0);
        }
    } else if provider.signal == Signal::OwnPath && created {
        response = response.header("location", full_id.replacen("/resourceGroups/", "/resourcegroups/", 1));
    }
    Ok(response)
}

fn without_tags(body: &Json) -> Json {
    let mut body = body.clone();
    super::places::remove(&mut body, &["/tags"]);
    body
}

fn location_of(world: &World, body: &Json, id: &ResourceId) -> String {
    text(body, "/location")
        .map(str::to_owned)
        .or_else(|| text(&world.entry(&id.parent()?.text())?.body, "/location").map(str::to_owned))
        .unwrap_or_else(|| "westus2".to_owned())
}

/// What a resource stands in has to be there.
fn check_surroundings(world: &World, id: &ResourceId, provider: &Provider) -> Result<(), Refusal> {
    if let Some(parent) = id.parent() {
        let parent_type = provider::of_type(&parent.full_type());
        let there = world.entry(&parent.text());
        if parent_type.is_some() && there.is_none() {
            return Err(parent_not_found(id, &parent, "write"));
        }
        if let (Some(there), Some(of)) = (there, parent_type) {
            if there.state != "Succeeded" && provider.behaviour == Behaviour::Extension {
                if let Some(refusal) = operations::busy(world, &there, of) {
                    return Err(refusal);
                }
            }
        }
    }
    // An extension resource on another resource.
    if let Some(scope) = ResourceId::of_text(&id.scope) {
        find(world, &scope)?;
    }
    Ok(())
}

fn check_versions(request: &Request, provider: &Provider, old: Option<&Entry>) -> Result<(), Refusal> {
    if !provider.etag {
        return Ok(());
    }
    let current = old.map(render::etag);
    let is_met = |wanted: &str| match &current {
        None => false,
        Some(current) => wanted.split(',').any(|one| one.trim() == "*" || one.trim() == current),
    };
    let fails = request.header("if-match").is_some_and(|wanted| !is_met(wanted))
        || request.header("if-none-match").is_some_and(is_met);
    if fails {
        return Err(Refusal::new(
            412,
            "PreconditionFailed",
            "One or more conditions specified in the headers are not satisfied.",
        )
        .details(Vec::new()));
    }
    Ok(())
}

/// What a type adds that depends on other resources, and what it refuses.
fn complete(
    world: &mut World,
    provider: &Provider,
    id: &ResourceId,
    full_id: &str,
    body: &mut Json,
    old: Option<&Entry>,
    guid: &str,
) -> Result<(), Refusal> {
    match provider.behaviour {
        Behaviour::VirtualNetwork => addresses::check_network(world, full_id, body, old)?,
        Behaviour::NetworkInterface => {
            addresses::assign(world, full_id, body, "ipConfigurations", old)?;
            if text(body, "/properties/dnsSettings/internalDomainNameSuffix").is_none() {
                let letters: String = guid.chars().filter(char::is_ascii_alphanumeric).take(26).collect();
                let suffix = format!("{letters}.xx.internal.cloudapp.net");
                super::places::set(body, "/properties/dnsSettings/internalDomainNameSuffix", suffix.into());
            }
        }
        Behaviour::LoadBalancer => addresses::assign(world, full_id, body, "frontendIPConfigurations", old)?,
        Behaviour::Machine => {
            machines::check(body)?;
            machines::begin(world, body, guid);
        }
        Behaviour::ScaleSet => {
            if text(body, "/properties/timeCreated").is_none() {
                super::places::set(body, "/properties/timeCreated", world.timestamp().into());
                super::places::set(body, "/properties/uniqueId", guid.into());
            }
        }
        Behaviour::Identity => identities::begin(world, body),
        Behaviour::RoleAssignment => identities::complete_assignment(world, full_id, &id.scope, body, old)?,
        _ => {}
    }
    identities::complete_block(world, body, old);
    Ok(())
}

fn delete(world: &mut World, request: &Request, id: &ResourceId, api_version: &str) -> Result<Response, Refusal> {
    let provider = provider::of_type_or_plain(&id.full_type());
    let Some(mut entry) = world.entry(&id.text()) else { return Ok(Response::empty(204)) };
    check_versions(request, provider, Some(&entry))?;
    if let Some(operation) = entry.operation.as_deref().and_then(|id| world.operation(id)) {
        if operation.verb == Verb::Delete && operation.status == "InProgress" {
            return Ok(accepted(world, provider, &operation));
        }
    }
    if provider.etag {
        if let Some(refusal) = operations::busy(world, &entry, provider) {
            return Err(refusal);
        }
    }
    if let Some(refusal) = references::in_use(world, &entry.id, provider) {
        return Err(refusal);
    }
    match provider.deletion {
        Deletion::AtOnce => {
            finish::delete(world, &entry);
            Ok(Response::empty(200))
        }
        Deletion::AtOnceWithBody => {
            let body = render::read(world, &entry);
            finish::delete(world, &entry);
            Ok(Response::json(200, body))
        }
        Deletion::Later => {
            let location = location_of(world, &entry.body, id);
            let operation = operations::start(
                world,
                Start {
                    verb: Verb::Delete,
                    resource: &entry.id,
                    resource_type: provider.resource_type,
                    location: &location,
                    api_version,
                    seconds: provider.seconds.2,
                    arguments: Json::Null,
                },
            );
            entry.state = "Deleting".to_owned();
            entry.operation = Some(operation.id.clone());
            entry.etag = world.uuid();
            world.put_entry(&entry);
            Ok(accepted(world, provider, &operation))
        }
    }
}

/// 202 for a deletion.
pub(super) fn accepted(world: &World, provider: &Provider, operation: &super::world::Operation) -> Response {
    let response = Response::empty(202)
        .header("azure-asyncoperation", operations::signed_url(world, operation, &operation.status_target))
        .header("location", operations::signed_url(world, operation, &operation.result_target))
        .header("azure-asyncnotification", "Enabled");
    operations::retry_after(world, response, provider.retry_after.0.max(if provider.etag { 10 } else { 0 }))
}

fn post(world: &mut World, request: &Request, id: &ResourceId, api_version: &str) -> Result<Response, Refusal> {
    // A POST's path ends in the action, where the next type would stand.
    let Some(mut target) = id.is_collection().then(|| id.parent()).flatten() else { return Err(not_allowed(request)) };
    spell_type(&mut target);
    let action = id.types.last().cloned().unwrap_or_default();
    let mut entry = find(world, &target)?;
    let behaviour = provider::of_type_or_plain(&entry.resource_type).behaviour;
    if matches!(behaviour, Behaviour::Machine | Behaviour::ScaleSet) {
        return machines::act(world, &mut entry, &action, &request.json()?, api_version);
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
