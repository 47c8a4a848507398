//! What the journal of an interrupted run says about each step.

use std::collections::BTreeMap;

use crate::contract::{Applied, OperationHandle, Record, StepId};

/// How far a step has come according to the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Reached {
    /// A request was about to be made, or failed: whether it had an effect is unknown. Read, compare, then write.
    Intended {
        /// The resource's name, if it was deferred and became known.
        name: Option<String>,
    },
    /// A request was accepted and may go on by itself.
    Accepted {
        /// The resource's name, if it was deferred and became known.
        name: Option<String>,
        /// Where to ask for it.
        operation: OperationHandle,
    },
    /// It ended well and is not requested again.
    Finished {
        /// What is applied; nothing after a deletion or an act.
        applied: Option<Applied>,
    },
}

/// What the journal says about each step. The default is a run that begins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Replay {
    /// The digest of the plan for which the journal was begun.
    pub plan: Option<String>,
    /// How far each step has come; one that is not here was never begun.
    pub steps: BTreeMap<StepId, Reached>,
}

impl Replay {
    /// Reads the records in the order in which they were written. What comes later counts, but an end stays an end.
    pub fn of(records: &[Record]) -> Self {
        let mut replay = Self::default();
        for record in records {
            match record {
                Record::Began { plan, .. } => {
                    replay.plan.get_or_insert_with(|| plan.clone());
                }
                Record::Intended { step, name, .. } => {
                    let name = name.clone().or_else(|| replay.name(step));
                    replay.advance(step, Reached::Intended { name });
                }
                Record::Accepted { step, operation, .. } => {
                    let name = replay.name(step);
                    replay.advance(step, Reached::Accepted { name, operation: operation.clone() });
                }
                Record::Finished { step, applied, .. } => {
                    replay.advance(step, Reached::Finished { applied: applied.clone() });
                }
                Record::Failed { step, .. } if replay.steps.contains_key(step) => {
                    let name = replay.name(step);
                    replay.advance(step, Reached::Intended { name });
                }
                // What failed before its first request was never begun.
                Record::Failed { .. } | Record::Ended { .. } => {}
            }
        }
        replay
    }

    /// How many steps have ended well.
    pub fn finished(&self) -> usize {
        self.steps.values().filter(|reached| matches!(reached, Reached::Finished { .. })).count()
    }

    fn name(&self, step: &StepId) -> Option<String> {
        match self.steps.get(step)? {
            Reached::Intended { name } | Reached::Accepted { name, .. } => name.clone(),
            Reached::Finished { .. } => None,
        }
    }

    fn advance(&mut self, step: &StepId, reached: Reached) {
        if !matches!(self.steps.get(step), Some(Reached::Finished { .. })) {
            self.steps.insert(step.clone(), reached);
        }
    }
}
