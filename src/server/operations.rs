//! Operations that take time: their URLs, how they are told, and what happens when they end.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value as Json, json};

use super::exchange::{Refusal, Request, Response};
use super::faults::Fate;
use super::provider::{self, Provider, Style};
use super::world::{Entry, Operation, Verb, World, timestamp};
use super::{finish, groups, render};

/// What an operation is started with.
pub(super) struct Start<'a> {
    pub(super) verb: Verb,
    pub(super) resource: &'a str,
    pub(super) resource_type: &'a str,
    pub(super) location: &'a str,
    pub(super) api_version: &'a str,
    /// How long it takes, in real seconds.
    pub(super) seconds: f64,
    pub(super) arguments: Json,
}

/// Starts an operation of a provider.
pub(super) fn start(world: &mut World, start: Start<'_>) -> Operation {
    let provider = provider::of_type_or_plain(start.resource_type);
    let id = world.uuid();
    let namespace = start.resource_type.split('/').next().unwrap_or_default();
    let place = format!("{}/providers/{namespace}/locations/{}", world.subscription(), start.location);
    let version = start.api_version;
    let (status_target, result_target) = match provider.style {
        Style::Network => (
            format!("{place}/operations/{id}?api-version={version}"),
            format!("{place}/operationResults/{id}?api-version={version}"),
        ),
        Style::Storage => {
            let target = format!("{place}/asyncoperations/{id}?monitor=true&api-version={version}");
            (target.clone(), target)
        }
        Style::Compute | Style::Disk => {
            let kind = if provider.style == Style::Disk { "DiskOperations" } else { "operations" };
            let partition = world.uuid();
            (
                format!("{place}/{kind}/{id}?p={partition}&api-version={version}"),
                format!("{place}/{kind}/{id}?p={partition}&monitor=true&api-version={version}"),
            )
        }
    };
    begin(world, start, id, status_target, result_target)
}

/// Starts the deletion of a group, which is told by `Location` only.
pub(super) fn start_group_deletion(world: &mut World, start: Start<'_>) -> Operation {
    let job = json!({
        "jobId": format!("RESOURCEGROUPDELETIONJOB-{}-{}", world.uuid(), start.location).to_ascii_uppercase(),
        "jobLocation": start.location,
    });
    let id = URL_SAFE_NO_PAD.encode(job.to_string());
    let target = format!("{}/operationresults/{id}?api-version={}", world.subscription(), start.api_version);
    begin(world, start, id, target.clone(), target)
}

fn begin(world: &mut World, start: Start<'_>, id: String, status_target: String, result_target: String) -> Operation {
    let mut operation = Operation {
        id,
        verb: start.verb,
        resource: start.resource.to_owned(),
        resource_type: start.resource_type.to_owned(),
        start: world.now,
        end: world.now.saturating_add(world.milliseconds(start.seconds)),
        status: "InProgress".to_owned(),
        error: None,
        status_target,
        result_target,
        arguments: start.arguments,
        fate: None,
    };
    if let Some(mut fate) = world.fate.take() {
        fate.begin(world, &mut operation);
        operation.fate = Some(fate);
    }
    world.put_operation(&operation);
    operation
}

/// An operation that is over as it begins: a write that changes nothing.
pub(super) fn over(world: &mut World, begin: Start<'_>) -> Operation {
    let mut operation = start(world, Start { seconds: 0.0, ..begin });
    operation.status = "Succeeded".to_owned();
    world.put_operation(&operation);
    operation
}

/// The URL for a target, signed. The signature is some two thousand characters long, as Azure's is, and has escapes that a
/// client must not touch.
pub(super) fn signed_url(world: &World, operation: &Operation, target: &str) -> String {
    format!("{}{}", world.url, signed(world, operation, target))
}

fn signed(world: &World, operation: &Operation, target: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, world.identity.signing_key.expose().as_bytes());
    let ticks = operation.start.saturating_add(62_135_596_800_000).saturating_mul(10_000);
    let signature = hmac::sign(&key, format!("{target}&t={ticks}").as_bytes());
    let mut certificate = Vec::new();
    for block in 0..46_u32 {
        certificate.extend_from_slice(hmac::sign(&key, format!("{} {block}", operation.id).as_bytes()).as_ref());
    }
    let hash = hmac::sign(&key, operation.id.as_bytes());
    let escape = |text: String| text.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D");
    format!(
        "{target}&t={ticks}&c=MII{}&s={}&h={}",
        URL_SAFE_NO_PAD.encode(certificate),
        escape(STANDARD.encode(signature)),
        URL_SAFE_NO_PAD.encode(hash),
    )
}

/// `Retry-After` in whole seconds, rounded up, and `retry-after-ms` to the millisecond.
pub(super) fn retry_after(world: &World, response: Response, seconds: u32) -> Response {
    if seconds == 0 {
        return response;
    }
    let milliseconds = world.milliseconds(f64::from(seconds));
    response
        .header(
            "retry-after",
            milliseconds.div_euclid(1000).saturating_add(i64::from(milliseconds % 1000 > 0)).to_string(),
        )
        .header("retry-after-ms", milliseconds.to_string())
}

/// Answers a question for an operation. `id` is the last segment of the path.
pub(super) fn tell(world: &World, request: &Request, id: &str) -> Result<Response, Refusal> {
    let Some(operation) = world.operation(id).filter(|operation| operation.fate != Some(Fate::Forgotten)) else {
        return Err(Refusal::new(404, "NotFound", format!("The operation '{}' was not found.", id.escape_debug())));
    };
    let target = upper_escapes(&request.target);
    let is_asked = |wanted: &str| target == upper_escapes(&signed(world, &operation, wanted));
    if is_asked(&operation.result_target) {
        return Ok(tell_result(world, &operation));
    }
    if is_asked(&operation.status_target) {
        return Ok(tell_status(world, &operation));
    }
    Err(Refusal::new(403, "AuthorizationFailed", "The signature of the operation's URL does not match the URL."))
}

/// Escapes in upper case: some clients write them so whatever they were given (urllib3), as RFC 3986, 6.2.2.1 lets them.
fn upper_escapes(target: &str) -> String {
    let mut parts = target.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (escape, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        text + "%" + &escape.to_ascii_uppercase() + rest
    })
}

fn tell_status(world: &World, operation: &Operation) -> Response {
    let provider = provider::of_type_or_plain(&operation.resource_type);
    let running = operation.status == "InProgress";
    let mut body = json!({});
    if provider.style != Style::Network {
        body["startTime"] = timestamp(operation.start).into();
        if !running {
            body["endTime"] = timestamp(operation.end).into();
        }
    }
    body["status"] = operation.status.clone().into();
    if let Some(error) = &operation.error {
        body["error"] = error.clone();
    }
    if provider.style != Style::Network {
        if provider.style == Style::Disk
            && operation.verb == Verb::Put
            && operation.status == "Succeeded"
            && let Some(entry) = world.entry(&operation.resource)
        {
            body["properties"] = json!({ "output": render::read(world, &entry) });
        }
        body["name"] = operation.id.clone().into();
    }
    let response = Response::json(200, body);
    if running { retry_after(world, response, poll_after(world, provider, operation)) } else { response }
}

/// When to ask again: what the type says, but not long after it will have ended.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and what the type says")]
fn poll_after(world: &World, provider: &Provider, operation: &Operation) -> u32 {
    if world.time_scale <= 0.0 {
        return provider.retry_after.1;
    }
    let remaining = (operation.end - world.now) as f64 / 1000.0 / world.time_scale;
    remaining.ceil().clamp(1.0, f64::from(provider.retry_after.1.max(1))) as u32
}

fn tell_result(world: &World, operation: &Operation) -> Response {
    let provider = provider::of_type_or_plain(&operation.resource_type);
    match (operation.status.as_str(), operation.verb) {
        ("InProgress", verb) => {
            let seconds = if verb == Verb::DeleteGroup { 15 } else { poll_after(world, provider, operation) };
            let url = signed_url(world, operation, &operation.result_target);
            retry_after(world, Response::empty(202).header("location", url), seconds)
        }
        ("Succeeded", Verb::Put) => match world.entry(&operation.resource) {
            Some(entry) => Response::json(200, render::read(world, &entry)),
            None => Response::empty(204),
        },
        ("Succeeded", Verb::Delete) if provider.style == Style::Network => Response::empty(204),
        ("Succeeded", _) => Response::empty(200),
        _ => Response::json(
            409,
            json!({ "error": operation.error.clone().unwrap_or_else(|| json!({ "code": operation.status })) }),
        ),
    }
}

/// What happens when an operation's time has come.
pub(super) fn finish(world: &mut World, operation: &mut Operation) {
    if let Some(fate) = operation.fate.clone()
        && fate.end(world, operation)
    {
        return;
    }
    operation.status = "Succeeded".to_owned();
    match operation.verb {
        Verb::Nothing => {}
        Verb::DeleteGroup => groups::finish_deletion(world, &operation.resource),
        Verb::DeleteInstances => finish::delete_instances(world, operation),
        Verb::Put | Verb::Delete => {
            let entry = world.entry(&operation.resource);
            match entry.filter(|entry| entry.operation.as_deref() == Some(operation.id.as_str())) {
                Some(entry) if operation.verb == Verb::Put => finish::put(world, entry, operation.end),
                Some(entry) => finish::delete(world, &entry),
                // A later request took its place, or the group went away under it.
                None if operation.verb == Verb::Put => {
                    operation.status = "Canceled".to_owned();
                    operation.error = Some(json!({
                        "code": "OperationPreempted",
                        "message": "The operation execution has been preempted by a more recent operation.",
                    }));
                }
                None => {}
            }
        }
    }
}

/// Why a resource that something works on takes no other write now.
pub(super) fn busy(world: &World, entry: &Entry, provider: &Provider) -> Option<Refusal> {
    let operation =
        world.operation(entry.operation.as_deref()?).filter(|operation| operation.status == "InProgress")?;
    if entry.state == "Succeeded"
        && operation.verb == Verb::Put
        && provider.states.is_some_and(|(state, _)| state == "Succeeded")
    {
        // Such a type takes the next write although the operation's end was not told yet.
        return None;
    }
    Some(match provider.style {
        Style::Network => {
            let verb = if operation.verb == Verb::Delete { "Delete" } else { "Put" };
            let kind = provider.resource_type.rsplit('/').next().unwrap_or_default();
            let refusal = Refusal::new(429, "RetryableError", "A retryable error occurred.").details(vec![json!({
                "code": "RetryableErrorDueToAnotherOperation",
                "message": format!(
                    "Operation {verb}{kind}Operation ({}) is updating resource {}. The call can be retried in 12 seconds.",
                    operation.id, entry.id
                ),
            })]);
            let wait = retry_after(world, Response::empty(429), 12);
            wait.headers.into_iter().fold(refusal, |refusal, (name, value)| refusal.header(name, value))
        }
        Style::Compute | Style::Disk | Style::Storage => Refusal::new(
            409,
            "Conflict",
            "The request failed due to conflict with a concurrent request. To resolve it, please refer to \
             https://aka.ms/activitylog to get more details on the conflicting requests.",
        ),
    })
}
