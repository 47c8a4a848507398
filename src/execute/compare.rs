//! A resource as it is wanted against the resource as it is: is it done, what has to be sent, what is then applied.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::contract::{Address, Applied, Change, ChangeKind, Observation, Target};
use crate::plan::{carry, covered, difference, facts, settled};

/// A resource as it is wanted, with nothing deferred any more.
pub(super) struct Wanted {
    /// Where it is.
    pub(super) address: Arc<Address>,
    /// The body, secrets by digest.
    pub(super) digested: Json,
}

/// Whether there is nothing left to do: the target is not at work on the resource, it did not fail, and what the
/// engine wants of it is so. `prior` is what was applied before this step.
pub(super) fn is_settled(
    target: &dyn Target,
    change: &Change,
    wanted: &Wanted,
    prior: Option<&Json>,
    observation: &Observation,
) -> bool {
    if observation.provisioning_state().is_some_and(|state| state != "Succeeded") {
        return false;
    }
    let normalise = |body: &Json| target.normalise(&wanted.address, body.clone());
    let (digested, observed) = (normalise(&wanted.digested), normalise(&observation.body));
    let differences = if change.kind == ChangeKind::Create {
        // Before there was nothing, so what is there now came from the body that is wanted, and with it what a read does
        // not return. Others may have changed meanwhile what is theirs once the resource exists.
        let is_others = |pointer: &str| covered(pointer, &change.initial);
        difference(&digested, Some(&digested), &observed, &is_others)
    } else {
        let stays = settled(&change.resource_type, &change.initial);
        difference(&digested, prior.map(normalise).as_ref(), &observed, &stays)
    };
    differences.is_empty()
}

/// The body to send: what is wanted, secrets in clear, and with it what others own there now.
pub(super) fn body_to_send(change: &Change, wanted: Json, prior: Option<&Json>, there: Option<&Observation>) -> Json {
    let Some(there) = there else { return wanted };
    let stays = settled(&change.resource_type, &change.initial);
    // What a creation left behind that did not succeed is no reason to change what is wanted.
    carry(&wanted, prior, &there.body, &|pointer| change.kind == ChangeKind::Update && stays(pointer))
}

/// What the state keeps once the step has ended well. What concerns new resources only stays as it was applied when this
/// one was new.
pub(super) fn applied(change: &Change, wanted: Wanted, prior: Option<&Json>) -> Applied {
    let mut body = wanted.digested;
    if let (ChangeKind::Update, Some(prior)) = (change.kind, prior) {
        for pattern in facts(&change.resource_type).new_only {
            let segments: Vec<&str> = pattern.split('/').skip(1).collect();
            keep(&mut body, prior, &segments);
        }
    }
    Applied { address: wanted.address, body, after: change.after.clone() }
}

/// Puts what `prior` has at a place into `body`, if both have it; the segment `*` is any item of an array, which is
/// known by its name or else by its place.
fn keep(body: &mut Json, prior: &Json, segments: &[&str]) {
    match (segments, body, prior) {
        ([], body, prior) => body.clone_from(prior),
        (["*", rest @ ..], Json::Array(items), Json::Array(prior)) => {
            for (place, item) in items.iter_mut().enumerate() {
                let before = match item.get("name") {
                    Some(name) => prior.iter().find(|before| before.get("name") == Some(name)),
                    None => prior.get(place),
                };
                if let Some(before) = before {
                    keep(item, before, rest);
                }
            }
        }
        ([segment, rest @ ..], Json::Object(body), Json::Object(prior)) => {
            if let (Some(body), Some(prior)) = (body.get_mut(*segment), prior.get(*segment)) {
                keep(body, prior, rest);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_concerns_new_resources_only_is_remembered_as_it_was_applied() {
        let prior =
            json!({"osProfile": {"customData": 1}, "disks": [{"name": "a", "size": 1}, {"name": "b", "size": 2}]});
        let mut body =
            json!({"osProfile": {"customData": 9}, "disks": [{"name": "b", "size": 9}, {"name": "c", "size": 9}]});
        keep(&mut body, &prior, &["osProfile"]);
        keep(&mut body, &prior, &["disks", "*", "size"]);
        keep(&mut body, &prior, &["nothing", "*", "there"]);
        assert_eq!(
            body,
            json!({"osProfile": {"customData": 1}, "disks": [{"name": "b", "size": 2}, {"name": "c", "size": 9}]})
        );
    }
}
