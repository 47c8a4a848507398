//! Locks: what must not be deleted, and what must not be changed.
//!
//! Sources, in stored copies read 2026-11-28: Microsoft Learn, "Lock your resources to protect your infrastructure"; what users
//! quote of the refusal (Azure/apiops#606, Azure/azure-sdk-for-java#2560). What is said of a lock that is malformed or not there is
//! the simulator's own.

use serde_json::Value as Json;

use super::exchange::{Refusal, Request, Response};
use super::index::is_within;
use super::places::text;
use super::provider_other::check_api_version;
use super::resource_id::ResourceId;
use super::resources::page;
use super::world::{Entry, World};
use super::{groups, render};

const TYPE: &str = "Microsoft.Authorization/locks";

/// The scope that an id is in: all before the last `/providers/`.
pub(super) fn scope_of(id: &str) -> String {
    ResourceId::of_text(id).map(|id| id.scope).unwrap_or_default()
}

/// All entries of a type that rules over others.
pub(super) fn all(world: &World, resource_type: &str) -> Vec<Entry> {
    let kind = resource_type.rsplit('/').next().unwrap_or_default();
    world.index.rules(kind).filter_map(|id| world.entry(id)).collect()
}

/// What a body must be.
pub(super) fn check_body(body: &Json) -> Result<(), Refusal> {
    match text(body, "/properties/level") {
        Some("CanNotDelete" | "ReadOnly") => Ok(()),
        other => Err(Refusal::new(
            400,
            "LockLevelInvalid",
            format!("The lock level '{}' is not valid.", other.unwrap_or_default().escape_debug()),
        )),
    }
}

/// The list of the locks of a scope and of what is in it; with `$filter=atScope()` those of what it is in, too, instead.
/// Nothing if something else is asked for.
pub(super) fn list(world: &World, request: &Request) -> Result<Option<Response>, Refusal> {
    let Some(scope) = listed_scope(request, TYPE) else { return Ok(None) };
    check_api_version(request.query("api-version"), TYPE)?;
    check_scope(world, &scope)?;
    let is_at = request.query("$filter").is_some_and(|filter| filter.eq_ignore_ascii_case("atScope()"));
    let locks = all(world, TYPE).into_iter().filter(|lock| {
        let of = scope_of(&lock.id);
        if is_at { is_within(&scope, &of) } else { is_within(&of, &scope) }
    });
    Ok(Some(page(world, request, locks.map(|lock| render::read(world, &lock)).collect())))
}

/// The scope whose things of a type are listed by a request.
pub(super) fn listed_scope(request: &Request, resource_type: &str) -> Option<String> {
    let id = ResourceId::of_segments(&request.segments)?;
    let is_list = request.method == "GET" && id.is_collection() && id.full_type().eq_ignore_ascii_case(resource_type);
    is_list.then_some(id.scope)
}

/// The group that a scope is or is in has to be there.
pub(super) fn check_scope(world: &World, scope: &str) -> Result<(), Refusal> {
    let segments: Vec<&str> = scope.split('/').skip(1).collect();
    match segments.as_slice() {
        [_, _, _, group, ..] => groups::find(world, group).map(|_| ()),
        _ => Ok(()),
    }
}

/// Refuses a request that a lock forbids.
pub(super) fn check(world: &World, request: &Request) -> Result<(), Refusal> {
    if matches!(request.method.as_str(), "GET" | "HEAD") {
        return Ok(());
    }
    let locks = all(world, TYPE);
    if locks.is_empty() {
        return Ok(());
    }
    let mut target = request.segments.iter().fold(String::new(), |text, segment| text + "/" + segment);
    if let Some(id) = ResourceId::of_segments(&request.segments) {
        // Locks can be changed and taken away, whatever they are on.
        if id.full_type().eq_ignore_ascii_case(TYPE) {
            return Ok(());
        }
        // A POST names its resource before the action.
        if id.is_collection() {
            target = id.parent().map_or(target, |parent| parent.text());
        }
    }
    let is_deletion = request.method == "DELETE";
    let forbidding: Vec<String> = locks
        .iter()
        .filter(|lock| {
            let of = scope_of(&lock.id);
            let is_read_only = text(&lock.body, "/properties/level") == Some("ReadOnly");
            // What is deleted takes what is in it along.
            (is_deletion || is_read_only) && (is_within(&target, &of) || is_deletion && is_within(&of, &target))
        })
        .map(|lock| format!("'{}'", scope_of(&lock.id)))
        .collect();
    if forbidding.is_empty() {
        return Ok(());
    }
    let verb = if is_deletion { "delete" } else { "write" };
    Err(Refusal::new(
        409,
        "ScopeLocked",
        format!(
            "The scope '{target}' cannot perform {verb} operation because following scope(s) are locked: {}. Please remove \
             the lock and try again.",
            forbidding.join(",")
        ),
    )
    .by_gateway())
}
