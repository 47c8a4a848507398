//! From a journal to what is applied now.

use std::collections::HashMap;

use serde::Deserialize;

use crate::contract::{AppliedResources, ChangeKind, Operation, Record, Step, StepId};
use crate::graph::ResourceKey;

/// What is read here of a plan: its steps.
#[derive(Deserialize)]
pub(super) struct Steps {
    steps: Vec<Step>,
}

/// Brings `applied` up to date with the steps that ended well. Doing it twice is the same as doing it once.
pub(super) fn fold(applied: &mut AppliedResources, plan: &Steps, records: &[Record]) {
    let changes: HashMap<&StepId, (ChangeKind, &ResourceKey)> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.operation {
            Operation::Change(change) => Some((&step.id, (change.kind, &change.key))),
            Operation::Act(_) => None,
        })
        .collect();
    for record in records {
        let Record::Finished { step, applied: now, .. } = record else { continue };
        match (changes.get(step), now) {
            (Some((ChangeKind::Delete, key)), _) => _ = applied.remove(*key),
            (Some((_, key)), Some(now)) => _ = applied.insert((*key).clone(), now.clone()),
            _ => {}
        }
    }
}
