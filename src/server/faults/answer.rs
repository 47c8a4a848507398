//! Requests that meet a fault, and the address by which faults are given to a simulator that runs.

use super::fate::{Fate, size_in};
use super::format::{FaultPlan, Mishap, Subject, Told};
use super::{Asked, Faults, Met, Spoil, read};
use crate::server::exchange::{Refusal, Request, Response};
use crate::server::places::text;
use crate::server::resource_id::ResourceId;
use crate::server::world::World;
use crate::server::{operations, router};

/// An answer, what becomes of it on its way, and the rule that wants it so.
pub(in crate::server) struct Answered {
    pub(in crate::server) response: Response,
    pub(in crate::server) spoil: Spoil,
    pub(in crate::server) rule: Option<String>,
}

/// Answers a request, by the rules or as it should be.
pub(in crate::server) fn answer(world: &mut World, request: &Request) -> Answered {
    let met = if world.faults.is_empty() {
        None
    } else {
        world.catch_up();
        asked(world, request).and_then(|asked| world.faults.meet(&asked))
    };
    let Some(met) = met else {
        return Answered { response: router::answer(world, request), spoil: Spoil::Nothing, rule: None };
    };
    let rule = Some(met.name.clone());
    if let Some((response, spoil)) = before(world, request, &met.fault) {
        let response = response.header("x-ms-request-id", world.uuid());
        return Answered { response, spoil, rule };
    }
    let body = request.json().unwrap_or_default();
    world.fate = Fate::of(&met.fault, &body);
    let is_of_operation = world.fate.is_some();
    let mut response = router::answer(world, request);
    if is_of_operation && world.fate.take().is_some() {
        world.faults.give_back(&met);
        return Answered { response, spoil: Spoil::Nothing, rule: None };
    }
    if met.fault == (Mishap::Unaddressed {}) && !hide_operation(&mut response) {
        world.faults.give_back(&met);
        return Answered { response, spoil: Spoil::Nothing, rule: None };
    }
    Answered { response, spoil: after(&met), rule }
}

/// The answer to a request that does not arrive.
fn before(world: &World, request: &Request, fault: &Mishap) -> Option<(Response, Spoil)> {
    let response = match fault {
        Mishap::Throttled { seconds, told } => {
            let message = "Number of requests for the subscription exceeded the limit. Refer to \
                           https://aka.ms/arm-throttling for additional information.";
            let refusal = Refusal::new(429, "SubscriptionRequestsThrottled", message);
            let response = Response::from(refusal.by_gateway());
            match told {
                Told::Seconds => operations::retry_after(world, response, *seconds),
                Told::Date => {
                    let at = world.now.saturating_add(world.milliseconds(f64::from(*seconds)));
                    let date = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
                    response.header("retry-after", date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
                }
                Told::Nothing => response,
            }
        }
        Mishap::Refused { status, code, message } => {
            let (usual, sentence) = usual(*status);
            Refusal::new(*status, code.as_deref().unwrap_or(usual), message.as_deref().unwrap_or(sentence)).into()
        }
        Mishap::Allocation { code } if code.is_at_once() => {
            let body = request.json().unwrap_or_default();
            let (code, message) = code.words(size_in(&body), text(&body, "/location").unwrap_or_default());
            Refusal::new(409, code, message).into()
        }
        Mishap::Reset { effect: false } => return Some((Response::empty(500), Spoil::Reset)),
        Mishap::Page { status, content_type, text } => {
            const PAGE: &str = "<!DOCTYPE html><html><head><title>Access blocked</title></head><body><h1>Access \
                                blocked</h1><p>The proxy does not let this request through.</p></body></html>";
            let text = text.as_deref().unwrap_or(PAGE).to_owned();
            let page = Spoil::Page { status: *status, content_type: content_type.clone(), text };
            return Some((Response::empty(*status), page));
        }
        Mishap::Huge { mebibytes } => {
            return Some((Response::empty(200), Spoil::Huge((*mebibytes as usize) << 20)));
        }
        _ => return None,
    };
    Some((response, Spoil::Nothing))
}

/// Code and message that go with a status.
const fn usual(status: u16) -> (&'static str, &'static str) {
    match status {
        401 => ("InvalidAuthenticationToken", "The access token is invalid."),
        403 => ("AuthorizationFailed", "The client does not have authorization to perform the action."),
        404 => ("NotFound", "The resource was not found."),
        408 => ("RequestTimeout", "The request timed out."),
        409 => ("Conflict", "The request failed due to conflict with a concurrent request."),
        412 => ("PreconditionFailed", "One or more conditions specified in the headers are not satisfied."),
        429 => ("TooManyRequests", "Too many requests."),
        500 => ("InternalServerError", "Encountered internal server error."),
        502 => ("BadGateway", "The gateway did not receive a response from the resource provider."),
        503 => ("ServiceUnavailable", "The service is unavailable now."),
        504 => ("GatewayTimeout", "The gateway did not receive a response from the resource provider in time."),
        _ => ("BadRequest", "The request is refused, as a rule of the simulator wants it."),
    }
}

/// What becomes of an answer that was given as it should be.
fn after(met: &Met) -> Spoil {
    match met.fault {
        Mishap::Reset { .. } => Spoil::Reset,
        Mishap::Slow { bytes_per_second } => Spoil::Slow(bytes_per_second),
        Mishap::Truncated { bytes } => Spoil::Truncated(bytes),
        _ => Spoil::Nothing,
    }
}

/// Takes away where to ask for an operation. Tells whether there was one.
fn hide_operation(response: &mut Response) -> bool {
    let before = response.headers.len();
    response.headers.retain(|(name, _)| !["azure-asyncoperation", "location"].contains(name));
    if response.headers.len() == before {
        return false;
    }
    response.status = 202;
    true
}

impl From<Response> for Answered {
    fn from(response: Response) -> Self {
        Self { response, spoil: Spoil::Nothing, rule: None }
    }
}

impl From<Refusal> for Answered {
    fn from(refusal: Refusal) -> Self {
        Response::from(refusal).into()
    }
}

/// What a request is for. Nothing is for the control addresses.
fn asked(world: &World, request: &Request) -> Option<Asked> {
    let segments = request.lower_segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let asked = |on, resource_type: &str, name: &str| {
        Some(Asked {
            on,
            method: request.method.clone(),
            resource_type: resource_type.to_owned(),
            name: name.rsplit('/').next().unwrap_or_default().to_owned(),
            key: segments.join("/"),
        })
    };
    let last = request.segments.last().map_or("", String::as_str);
    match parts.as_slice() {
        ["simulator", ..] => None,
        [.., "oauth2", "v2.0", "token"] | [_, "oauth2", "token"] => asked(Subject::Token, "", ""),
        ["kubernetes", ..] => asked(Subject::Kubernetes, "", last),
        ["subscriptions", _, "operationresults", _]
        | [
            "subscriptions",
            _,
            "providers",
            _,
            "locations",
            _,
            "operations" | "operationresults" | "diskoperations",
            _,
        ] => {
            let operation = world.operation(last)?;
            asked(Subject::Poll, &operation.resource_type, &operation.resource)
        }
        ["subscriptions", _, "resourcegroups", name] => {
            asked(Subject::Resource, "Microsoft.Resources/resourceGroups", name)
        }
        ["subscriptions", _, "resourcegroups"] | ["subscriptions", .., "resources"] => asked(Subject::List, "", ""),
        ["subscriptions", ..] => match ResourceId::of_segments(&request.segments) {
            Some(id) if !id.is_collection() => asked(Subject::Resource, &id.full_type(), id.name()),
            Some(id) if request.method == "POST" => {
                // The path of an action ends where the next type would stand.
                let target = id.parent()?;
                asked(Subject::Resource, &target.full_type(), target.name())
            }
            Some(id) => asked(Subject::List, &id.full_type(), ""),
            None => asked(Subject::Other, "", last),
        },
        _ => asked(Subject::Other, "", last),
    }
}

/// Answers a request for `/simulator/faults`: GET tells the rules and how often each came to pass, PUT puts others in
/// their place, DELETE takes them away.
pub(in crate::server) fn control(world: &mut World, request: &Request) -> Result<Response, Refusal> {
    match request.method.as_str() {
        "GET" => {}
        "PUT" => {
            let plan = read::of_json(request.json()?).map_err(|problem| Refusal::new(400, "InvalidFaults", problem))?;
            world.faults = Faults::new(plan);
        }
        "DELETE" => world.faults = Faults::new(FaultPlan { format: FaultPlan::FORMAT, ..FaultPlan::default() }),
        _ => return Err(crate::server::resources::not_allowed(request)),
    }
    Ok(Response::json(200, world.faults.tell()))
}
