//! What a run tells while it goes on. Events are for showing; the truth is in the journal.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fault, StepId};

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// Well.
    Succeeded,
    /// Badly.
    Failed {
        /// Why.
        fault: Fault,
    },
    /// It was never started, because something it waits for failed.
    Blocked {
        /// The step whose failure is the cause.
        by: StepId,
    },
    /// The run was cancelled before it ended. If it had been started, it goes on at the target.
    Cancelled,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// When.
        at: Timestamp,
        /// All steps of the plan.
        total: usize,
        /// Those that ended well in an earlier run.
        already_done: usize,
    },
    /// A step starts.
    StepStarted {
        /// When.
        at: Timestamp,
        /// Which.
        step: StepId,
    },
    /// A step will be tried again.
    StepRetried {
        /// When.
        at: Timestamp,
        /// Which.
        step: StepId,
        /// Why.
        fault: Fault,
        /// After this time.
        after: Duration,
    },
    /// A step is over.
    StepEnded {
        /// When.
        at: Timestamp,
        /// Which.
        step: StepId,
        /// How.
        outcome: Outcome,
        /// How long it took, waiting between retries included.
        took: Duration,
    },
    /// The run was asked to stop.
    RunStopping {
        /// When.
        at: Timestamp,
        /// How many steps are under way.
        running: usize,
        /// Whether they are left as they are rather than finished.
        at_once: bool,
    },
    /// The run is over.
    RunEnded {
        /// When.
        at: Timestamp,
        /// What became of it.
        summary: Summary,
    },
}

/// What became of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Steps that ended well, those of earlier runs of the same plan included.
    pub succeeded: usize,
    /// Steps that failed, with why, in the order in which they did.
    pub failed: Vec<(StepId, Fault)>,
    /// Steps that were not started because of those.
    pub blocked: usize,
    /// Steps that had not ended when the run was cancelled, started or not.
    pub cancelled: usize,
    /// How long it took.
    pub took: Duration,
}

impl Summary {
    /// Whether every step ended well.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.blocked == 0 && self.cancelled == 0
    }
}

/// Where events go. It must not block: a slow terminal is no reason to wait.
pub trait EventSink: Send + Sync {
    /// Takes an event.
    fn event(&self, event: &Event);
}

/// Whatever happens is of no interest.
impl EventSink for () {
    fn event(&self, _: &Event) {}
}
