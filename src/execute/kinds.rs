//! The kinds of steps in a plan: what steps of one kind share is worked out once.

use std::collections::HashMap;
use std::time::Duration;

use super::{Deadlines, Durations};
use crate::contract::{ChangeKind, Operation, Step};

/// One kind of steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kind {
    /// Its name, by which durations are learnt.
    pub(super) name: String,
    /// How long a step is expected to take when the run begins.
    pub(super) expected: Duration,
    /// How long a step may take.
    pub(super) allowed: Duration,
}

/// The kinds of steps in a plan.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kinds {
    kinds: Vec<Kind>,
    /// Which kind each step is of.
    of_step: Vec<u32>,
}

impl Kinds {
    pub(super) fn new(steps: &[Step], durations: &Durations, deadlines: Deadlines) -> Self {
        let mut kinds: Vec<Kind> = Vec::new();
        let mut changes: HashMap<(ChangeKind, &str), u32> = HashMap::new();
        let mut acts: HashMap<std::mem::Discriminant<crate::contract::Act>, u32> = HashMap::new();
        let of_step = steps
            .iter()
            .map(|step| {
                let mut new = || {
                    let name = Durations::name(&step.operation);
                    let expected = durations.of(&name, &step.operation).time;
                    kinds.push(Kind { name, expected, allowed: deadlines.of(expected) });
                    u32::try_from(kinds.len() - 1).unwrap_or(u32::MAX)
                };
                match &step.operation {
                    Operation::Change(change) => {
                        *changes.entry((change.kind, &change.resource_type)).or_insert_with(&mut new)
                    }
                    Operation::Act(act) => *acts.entry(std::mem::discriminant(act)).or_insert_with(&mut new),
                }
            })
            .collect();
        Self { kinds, of_step }
    }

    pub(super) fn of(&self, step: usize) -> &Kind {
        &self.kinds[self.of_step[step] as usize]
    }
}
