//! Writing and deleting one resource.

use serde_json::Value as Json;

use super::exchange::{Refusal, Request, Response};
use super::operations::{self, Start};
use super::places::text;
use super::prepare::{check_immutable, prepare};
use super::provider::{self, Behaviour, Deletion, Provider, Signal};
use super::resource_id::ResourceId;
use super::resources::{find, parent_not_found};
use super::world::{Entry, Operation, Verb, World};
use super::{addresses, finish, flexible, identities, machines, quotas, references, render};

/// Creates or replaces a resource.
pub(super) fn put(
    world: &mut World,
    request: &Request,
    id: &ResourceId,
    mut body: Json,
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
    if provider.behaviour == Behaviour::ScaleSet {
        flexible::begin(&mut body)?;
    }
    let mut body = prepare(body, provider, old.as_ref(), &full_id)?;
    if let Some(old) = &old {
        check_immutable(&body, old, provider)?;
    }
    references::check(world, &full_id, &body)?;
    quotas::check(world, &full_id, &body, old.as_ref().map(|old| &old.body))?;
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
    let is_at_once = match provider.signal {
        Signal::None | Signal::OwnPath => true,
        Signal::LocationOnly => !created,
        Signal::Operation | Signal::OperationMostly | Signal::OperationAndLocation => false,
    };
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
    if let (Some(operation), Signal::LocationOnly) = (&operation, provider.signal) {
        let url = operations::signed_url(world, operation, &operation.result_target);
        response = Response::empty(status).header("location", url);
        return Ok(operations::retry_after(world, response, provider.retry_after.0));
    }
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
        if let (Some(there), Some(of)) = (there, parent_type)
            && there.state != "Succeeded"
            && provider.behaviour == Behaviour::Extension
            && let Some(refusal) = operations::busy(world, &there, of)
        {
            return Err(refusal);
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
            flexible::settle(body);
            if text(body, "/properties/timeCreated").is_none() {
                super::places::set(body, "/properties/timeCreated", world.timestamp().into());
                super::places::set(body, "/properties/uniqueId", guid.into());
            }
        }
        Behaviour::Identity => identities::begin(world, body),
        Behaviour::StorageAccount => super::storage::complete(world, full_id, body)?,
        Behaviour::Lock => super::locks::check_body(body)?,
        Behaviour::PolicyDefinition => super::policies::check_definition(body)?,
        Behaviour::PolicyAssignment => super::policies::complete_assignment(world, &id.scope, body)?,
        Behaviour::RoleAssignment => identities::complete_assignment(world, full_id, &id.scope, body, old)?,
        _ => {}
    }
    identities::complete_block(world, body, old);
    Ok(())
}

/// Deletes a resource, or begins to.
pub(super) fn delete(
    world: &mut World,
    request: &Request,
    id: &ResourceId,
    api_version: &str,
) -> Result<Response, Refusal> {
    let provider = provider::of_type_or_plain(&id.full_type());
    let Some(mut entry) = world.entry(&id.text()) else { return Ok(Response::empty(204)) };
    check_versions(request, provider, Some(&entry))?;
    if let Some(operation) = entry.operation.as_deref().and_then(|id| world.operation(id))
        && operation.verb == Verb::Delete
        && operation.status == "InProgress"
    {
        return Ok(accepted(world, provider, &operation));
    }
    if provider.etag
        && let Some(refusal) = operations::busy(world, &entry, provider)
    {
        return Err(refusal);
    }
    if let Some(refusal) = references::in_use(world, &entry.id, provider) {
        return Err(refusal);
    }
    match provider.deletion {
        Deletion::Never => {
            Err(Refusal::new(405, "MethodNotAllowed", "The requested resource does not support http method 'DELETE'."))
        }
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
pub(super) fn accepted(world: &World, provider: &Provider, operation: &Operation) -> Response {
    let response = Response::empty(202)
        .header("azure-asyncoperation", operations::signed_url(world, operation, &operation.status_target))
        .header("location", operations::signed_url(world, operation, &operation.result_target))
        .header("azure-asyncnotification", "Enabled");
    operations::retry_after(world, response, provider.retry_after.0.max(if provider.etag { 10 } else { 0 }))
}
