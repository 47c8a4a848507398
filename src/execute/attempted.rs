//! What a run that is not taken up again may have applied: writes that were requested and of which nobody saw the end.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::compare::{Wanted, applied as applied_by};
use super::world::World;
use super::{Reached, Replay};
use crate::contract::{Applied, AppliedResources, ChangeKind, FaultClass, Operation, Record, StepId};
use crate::plan::{Plan, Secrets, union};

/// The resources that a run has requested to be written, without its records telling that it ended well: killed in between, or
/// failed. The write may have had its effect, or may come to have it, or never will. So the body of what was changed has what was
/// `applied` before and what the run wanted ([`union`]): it is not what is there, but what the engine takes for its own of it. What
/// was made has the run's body alone, since the run saw that nothing was there.
///
/// What the target has refused to make is not among them: if it is there, somebody else has made it.
pub fn attempted(
    plan: &Plan,
    applied: &AppliedResources,
    records: &[Record],
    secrets: &dyn Secrets,
) -> AppliedResources {
    let replay = Replay::of(records);
    let is_open = |reached: &Reached| matches!(reached, Reached::Intended { .. } | Reached::Accepted { .. });
    let mut attempted = AppliedResources::new();
    if !replay.steps.values().any(is_open) {
        return attempted;
    }
    let refused = refused(records);
    let world = World::new(plan, applied, &replay);
    for (place, step) in plan.steps.iter().enumerate() {
        let Operation::Change(change) = &step.operation else { continue };
        let is_new = change.kind == ChangeKind::Create;
        if change.kind == ChangeKind::Delete
            || !replay.steps.get(&step.id).is_some_and(is_open)
            || (is_new && refused.contains(&step.id))
        {
            continue;
        }
        // One whose name was not known was not requested.
        let Ok(address) = world.address_of(place, change) else { continue };
        let prior = applied.get(&change.key).map(|applied| &applied.body).filter(|_| !is_new);
        let now = match world.resolve_roughly(&change.body, change.index, secrets) {
            Ok(digested) => applied_by(change, Wanted { address, digested }, prior),
            Err(_) => Applied { address, body: Json::Null, after: change.after.clone() },
        };
        let body = if is_new { now.body } else { union(prior.unwrap_or(&Json::Null), &now.body) };
        attempted.insert(change.key.clone(), Applied { body, ..now });
    }
    attempted
}

/// The steps whose requests were refused and never accepted.
fn refused(records: &[Record]) -> HashSet<&StepId> {
    let mut refused = HashSet::new();
    for record in records {
        if let Record::Failed { step, fault, .. } = record
            && matches!(fault.class, FaultClass::Invalid | FaultClass::Forbidden)
        {
            refused.insert(step);
        }
    }
    for record in records {
        if let Record::Accepted { step, .. } = record {
            refused.remove(step);
        }
    }
    refused
}
