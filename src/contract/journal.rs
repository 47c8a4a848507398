//! The journal: what was intended, accepted and ended, written so that a killed run can be taken up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Applied, Fault, OperationHandle, StepId};

/// One entry. Intent is durable before the request, the operation's URL before it is polled, the end before anyone
/// is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Record {
    /// A run of a plan begins, or goes on after an interruption.
    Began {
        /// When.
        at: Timestamp,
        /// The verb as typed, such as `deploy`.
        verb: String,
        /// The digest of the plan that runs.
        plan: String,
    },
    /// A request is about to be made.
    Intended {
        /// When.
        at: Timestamp,
        /// Which step.
        step: StepId,
        /// The resource's name, if it was deferred and is known now.
        name: Option<String>,
    },
    /// The request was accepted and goes on by itself.
    Accepted {
        /// When.
        at: Timestamp,
        /// Which step.
        step: StepId,
        /// Where to ask for it.
        operation: OperationHandle,
    },
    /// The step ended well.
    Finished {
        /// When.
        at: Timestamp,
        /// Which step.
        step: StepId,
        /// What is applied now; nothing after a deletion or an act.
        applied: Option<Applied>,
    },
    /// The step ended badly, after its retries.
    Failed {
        /// When.
        at: Timestamp,
        /// Which step.
        step: StepId,
        /// Why.
        fault: Fault,
    },
    /// The run is over; nothing of it is under way.
    Ended {
        /// When.
        at: Timestamp,
        /// Whether every step ended well.
        complete: bool,
    },
}

/// The journal could not be written. Nothing may be requested after that.
#[derive(Debug, thiserror::Error)]
#[error("the journal cannot be written: {0}")]
pub struct JournalError(pub String);

/// Where records go. When a call returns, all its records are durable.
pub trait Journal: Send {
    /// Appends records, together.
    fn append(&mut self, records: Vec<Record>) -> Result<(), JournalError>;
}

/// A journal in memory, for rehearsals and tests.
impl Journal for Vec<Record> {
    fn append(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        self.extend(records);
        Ok(())
    }
}
