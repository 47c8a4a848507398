//! What a run that is not taken up again may have applied: writes that were requested and of which nobody saw the end.

use super::compare::{Wanted, applied as applied_by};
use super::world::World;
use super::{Reached, Replay};
use crate::contract::{Applied, AppliedResources, ChangeKind, Operation};
use crate::plan::{Plan, Secrets, union};
use serde_json::Value as Json;

/// The resources that a run has requested to be written, without its journal telling that it ended well: killed in between, or
/// failed. The write may have had its effect, or may come to have it, or never will; so the body of each has what was `applied`
/// before and what the run wanted ([`union`]), and is not what is there but what the engine takes for its own of it.
pub fn attempted(plan: &Plan, applied: &AppliedResources, replay: &Replay, secrets: &dyn Secrets) -> AppliedResources {
    let is_open = |reached: &Reached| matches!(reached, Reached::Intended { .. } | Reached::Accepted { .. });
    if !replay.steps.values().any(is_open) {
        return AppliedResources::new();
    }
    let world = World::new(plan, applied, replay);
    let mut attempted = AppliedResources::new();
    for (place, step) in plan.steps.iter().enumerate() {
        let Operation::Change(change) = &step.operation else { continue };
        if change.kind == ChangeKind::Delete || !replay.steps.get(&step.id).is_some_and(is_open) {
            continue;
        }
        // One whose name was not known was not requested.
        let Ok(address) = world.address_of(place, change) else { continue };
        let prior = applied.get(&change.key).map(|applied| &applied.body);
        let now = match world.resolve_roughly(&change.body, change.index, secrets) {
            Ok(digested) => applied_by(change, Wanted { address, digested }, prior),
            Err(_) => Applied { address, body: Json::Null, after: change.after.clone() },
        };
        let body = match prior {
            Some(prior) if now.body.is_null() => prior.clone(),
            Some(prior) => union(prior, &now.body),
            None => now.body,
        };
        attempted.insert(change.key.clone(), Applied { body, ..now });
    }
    attempted
}
