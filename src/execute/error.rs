//! Why a run cannot begin or go on at all. What goes wrong with a single step is in the summary instead.

use super::QueueError;
use crate::contract::JournalError;

/// Why a run ended without a summary.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The journal cannot be written. Nothing was requested after that; what was under way may go on at the target.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The plan's steps cannot be put in an order.
    #[error("the plan cannot be carried out: {0}")]
    Plan(#[from] QueueError),
    /// The engine's own task that lets requests through has failed.
    #[error("the engine itself failed: nothing lets requests through any more")]
    Stopped,
    /// The journal that is to be taken up belongs to another plan.
    #[error("the journal was written for the plan {journal}, and this is the plan {plan}")]
    OtherPlan {
        /// The digest in the journal.
        journal: String,
        /// The digest of the plan given.
        plan: String,
    },
}

impl ExecuteError {
    /// What to do about it.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Journal(_) => "make room or mend the permissions of the state folder, then run `engine resume`",
            Self::Plan(_) => "the plan file was changed by hand or is damaged: make the plan anew",
            Self::Stopped => "run `engine resume`; if it happens again, report it",
            Self::OtherPlan { .. } => "run `engine resume` without a plan: it takes the one that was interrupted",
        }
    }
}
