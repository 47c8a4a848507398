//! From a request to its response. What is under way is brought up to the present first, what was changed is durable before
//! the answer goes out.

use super::exchange::{Refusal, Request, Response};
use super::oauth::Dialect;
use super::resource_id::ResourceId;
use super::resources::not_allowed;
use super::world::World;
use super::{
    directory, faults, groups, kubeconfig, kubernetes, locks, oauth, operations, permissions, play, policies, readings,
    resources, subscription, vaults,
};

/// Answers a request.
pub(super) fn answer(world: &mut World, request: &Request) -> Response {
    world.catch_up();
    let segments = request.lower_segments();
    let (verdict, told) = if segments.first().is_some_and(|first| first == "subscriptions") {
        let (now, time_scale) = (world.now, world.time_scale);
        world.limits.take(&request.method, &segments, now, time_scale)
    } else {
        (Ok(()), Vec::new())
    };
    let routed = verdict.and_then(|()| route(world, request, &segments));
    let mut response = routed.unwrap_or_else(Response::from);
    for (name, value) in told {
        response = response.header(name, value);
    }
    if let Err(error) = world.commit() {
        return Refusal::new(500, "InternalServerError", error.to_string()).into();
    }
    let id = world.uuid();
    let correlation = request.header("x-ms-correlation-request-id").map_or_else(|| id.clone(), str::to_owned);
    if request.header("x-ms-return-client-request-id").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        && let Some(client) = request.header("x-ms-client-request-id")
    {
        response = response.header("x-ms-client-request-id", client);
    }
    response
        .header("x-ms-routing-request-id", format!("LOCAL:{}:{id}", super::world::timestamp_short(world.now)))
        .header("x-ms-request-id", id)
        .header("x-ms-correlation-request-id", correlation)
}

fn route(world: &mut World, request: &Request, segments: &[String]) -> Result<Response, Refusal> {
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let original = |index: usize| request.segments.get(index).map_or("", String::as_str);
    match parts.as_slice() {
        ["metadata", "endpoints"] => directory::metadata(world, request),
        ["adfs", "oauth2", "token"] => Ok(oauth::give_token(world, request, "adfs", Dialect::Adfs)),
        [_, "oauth2", "v2.0", "token"] => Ok(oauth::give_token(world, request, original(0), Dialect::Second)),
        [_, "oauth2", "token"] => Ok(oauth::give_token(world, request, original(0), Dialect::First)),
        [.., ".well-known", "openid-configuration"] | [_, "discovery", ..] => {
            directory::answer(world, request, &parts, original(0))
        }
        ["simulator", "kubeconfig"] => {
            oauth::check_bearer(world, request)?;
            kubeconfig::answer(world, request)
        }
        ["simulator", "faults"] => {
            oauth::check_bearer(world, request)?;
            faults::control(world, request)
        }
        ["simulator", ..] => play::answer(world, request, &parts),
        ["vaults", rest @ ..] => vaults::answer(world, request, rest),
        ["kubernetes", group, rest @ ..] => Ok(kubernetes::answer(world, request, group, rest)),
        ["subscriptions", ..] => {
            oauth::check_bearer(world, request)?;
            subscriptions(world, request, &parts)
        }
        ["tenants"] if request.method == "GET" => {
            oauth::check_bearer(world, request)?;
            any_version(request)?;
            Ok(Response::json(200, subscription::tenants(world)))
        }
        ["providers"] if request.method == "GET" => {
            oauth::check_bearer(world, request)?;
            subscription::providers(world, request, None)
        }
        ["providers", namespace] if request.method == "GET" => {
            oauth::check_bearer(world, request)?;
            subscription::providers(world, request, Some(namespace))
        }
        ["providers", ..] => {
            oauth::check_bearer(world, request)?;
            Err(not_allowed(request))
        }
        _ => Err(Refusal::new(404, "NotFound", "Nothing is served at this address.").by_gateway()),
    }
}

/// Some lists are served in whatever version.
fn any_version(request: &Request) -> Result<&str, Refusal> {
    super::provider_other::check_api_version(request.query("api-version"), "Microsoft.Anything/any")
}

fn subscriptions(world: &mut World, request: &Request, parts: &[&str]) -> Result<Response, Refusal> {
    let original = |index: usize| request.segments.get(index).map_or("", String::as_str);
    let is_get = request.method == "GET";
    if let Some(subscription) = parts.get(1)
        && !subscription.eq_ignore_ascii_case(&world.identity.credentials.subscription_id)
    {
        return Err(Refusal::new(
            404,
            "SubscriptionNotFound",
            format!("The subscription '{}' could not be found.", original(1).escape_debug()),
        )
        .by_gateway());
    }
    permissions::check(world, request)?;
    if let Some(list) = locks::list(world, request)? {
        return Ok(list);
    }
    if let Some(list) = policies::list(world, request)? {
        return Ok(list);
    }
    if let Some(restrictions) = policies::restrictions(world, request)? {
        return Ok(restrictions);
    }
    locks::check(world, request)?;
    policies::check(world, request)?;
    if let Some(reading) = readings::answer(world, request, parts) {
        any_version(request)?;
        return Ok(reading);
    }
    match parts {
        ["subscriptions"] if is_get => {
            any_version(request)?;
            Ok(Response::json(
                200,
                serde_json::json!({
                    "value": [subscription::tell(world)], "count": { "type": "Total", "value": 1 },
                }),
            ))
        }
        ["subscriptions", _] if is_get => {
            any_version(request)?;
            Ok(Response::json(200, subscription::tell(world)))
        }
        ["subscriptions", _, "locations"] if is_get => {
            any_version(request)?;
            Ok(Response::json(200, subscription::locations(world)))
        }
        ["subscriptions", _, "providers"] if is_get => subscription::providers(world, request, None),
        ["subscriptions", _, "providers", _] if is_get => subscription::providers(world, request, Some(original(3))),
        ["subscriptions", _, "providers", _, "register" | "unregister"] if request.method == "POST" => {
            subscription::providers(world, request, Some(original(3)))
        }
        ["subscriptions", _, "resources"] if is_get => groups::list_resources(world, request, None),
        ["subscriptions", _, "resourcegroups"] if is_get => groups::list(world, request),
        ["subscriptions", _, "resourcegroups", _] => groups::answer(world, request, original(3)),
        ["subscriptions", _, "resourcegroups", _, "resources"] if is_get => {
            groups::list_resources(world, request, Some(original(3)))
        }
        ["subscriptions", _, "operationresults", _] if is_get => operations::tell(world, request, original(3)),
        [
            "subscriptions",
            _,
            "providers",
            _,
            "locations",
            _,
            "operations" | "operationresults" | "diskoperations" | "asyncoperations",
            _,
        ] if is_get => operations::tell(world, request, original(7)),
        _ => match ResourceId::of_segments(&request.segments) {
            Some(id) => resources::answer(world, request, id),
            None => Err(Refusal::new(
                404,
                "InvalidResourceType",
                "The path names neither a resource nor a collection of resources.",
            )
            .by_gateway()),
        },
    }
}
