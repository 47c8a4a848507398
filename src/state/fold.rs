//! From a journal to what is applied now.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::storage::Records;
use super::{Snapshot, StateError};
use crate::contract::{ChangeKind, Record, StepId};
use crate::graph::ResourceKey;

/// What is read here of a plan: which resources its steps change. The bodies of thousands of machines, which the plan has
/// besides, are not taken into memory.
#[derive(Deserialize)]
pub(super) struct Steps {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    id: StepId,
    operation: Operation,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Operation {
    Change(Change),
    Act(IgnoredAny),
}

#[derive(Deserialize)]
struct Change {
    kind: ChangeKind,
    key: ResourceKey,
}

/// A fact that is to be remembered as soon as a step has ended well, however the run ends: it is true from the moment
/// in which the journal has that record, even if the process is killed in the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    /// The step.
    pub step: StepId,
    /// The fact's name in [`Snapshot::facts`]. One that is there already stays as it is.
    pub fact: String,
    /// What is remembered.
    pub value: String,
}

/// Brings the snapshot up to date with the steps that ended well. Doing it twice is the same as doing it once.
///
/// # Errors
/// A record that cannot be read; the snapshot is half done then.
pub(super) fn fold(
    snapshot: &mut Snapshot,
    plan: &Steps,
    milestones: &[Milestone],
    records: Records,
) -> Result<(), StateError> {
    let Snapshot { applied, facts, .. } = snapshot;
    let changes: HashMap<&StepId, (ChangeKind, &ResourceKey)> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.operation {
            Operation::Change(change) => Some((&step.id, (change.kind, &change.key))),
            Operation::Act(_) => None,
        })
        .collect();
    let mut reached: HashMap<&StepId, Vec<&Milestone>> = HashMap::new();
    for milestone in milestones {
        reached.entry(&milestone.step).or_default().push(milestone);
    }
    for record in records {
        let Record::Finished { step, applied: now, .. } = record? else { continue };
        for Milestone { fact, value, .. } in reached.get(&step).into_iter().flatten() {
            facts.entry(fact.clone()).or_insert_with(|| value.clone());
        }
        match (changes.get(&step), now) {
            (Some((ChangeKind::Delete, key)), _) => _ = applied.remove(*key),
            (Some((_, key)), Some(now)) => _ = applied.insert((*key).clone(), now),
            _ => {}
        }
    }
    Ok(())
}
