//! Children that live inside their parent's body: subnets, security rules, routes, the parts of balancers. Writing one
//! writes the parent.

use serde_json::{Value as Json, json};

use super::exchange::{Refusal, Request, Response};
use super::places::text;
use super::provider::{self, parent_with_child};
use super::references::subnet_in_use;
use super::resource_id::ResourceId;
use super::resources::{child_exists, find, not_allowed, not_found};
use super::world::World;
use super::writes::{accepted, put};
use super::{operations, render};

/// Answers a request for a child.
pub(super) fn answer(
    world: &mut World,
    request: &Request,
    id: &ResourceId,
    api_version: &str,
) -> Result<Response, Refusal> {
    let (Some((of, array)), Some(mut parent)) = (parent_with_child(&id.full_type()), id.parent()) else {
        return Err(not_allowed(request));
    };
    let mut segments = of.resource_type.split('/').map(str::to_owned);
    parent.namespace = segments.next().unwrap_or_default();
    parent.types = segments.collect();
    let entry = find(world, &parent)?;
    let exists = child_exists(&entry, array, id.name()) || array == "defaultSecurityRules";
    match request.method.as_str() {
        "GET" | "HEAD" => {
            let child = render::child(world, &entry, array, id.name()).ok_or_else(|| not_found(id))?;
            Ok(Response::json(200, child).header("etag", render::etag(&entry)))
        }
        "PUT" if array != "defaultSecurityRules" => {
            let mut child = request.json()?;
            child["name"] = id.name().into();
            let mut body = entry.body.clone();
            let Some(children) = children_of(&mut body, array) else { return Err(not_allowed(request)) };
            match children.iter_mut().find(|other| is_named(other, id.name())) {
                Some(there) => *there = child,
                None => children.push(child),
            }
            let mut response = put(world, request, &parent, body, api_version)?;
            response.status = if exists { 200 } else { 201 };
            let entry = find(world, &parent)?;
            response.body = render::child(world, &entry, array, id.name());
            Ok(response)
        }
        "DELETE" if array != "defaultSecurityRules" => {
            if !exists {
                return Ok(Response::empty(204));
            }
            if let Some(user) = world.index.referrers(&format!("{}/{array}/{}", entry.id, id.name())).next() {
                return Err(subnet_in_use(id.name(), user));
            }
            let mut body = entry.body.clone();
            if let Some(children) = children_of(&mut body, array) {
                children.retain(|other| !is_named(other, id.name()));
            }
            put(world, request, &parent, body, api_version)?;
            let entry = find(world, &parent)?;
            let operation = entry.operation.as_deref().and_then(|id| world.operation(id));
            Ok(match operation {
                Some(operation) => accepted(world, provider::of_type_or_plain(&entry.resource_type), &operation),
                None => operations::retry_after(world, Response::json(200, json!({})), 0),
            })
        }
        _ => Err(not_allowed(request)),
    }
}

fn children_of<'a>(body: &'a mut Json, array: &str) -> Option<&'a mut Vec<Json>> {
    body.get_mut("properties")?.as_object_mut()?.entry(array).or_insert_with(|| json!([])).as_array_mut()
}

fn is_named(child: &Json, name: &str) -> bool {
    text(child, "/name").is_some_and(|other| other.eq_ignore_ascii_case(name))
}
