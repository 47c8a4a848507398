//! The journal of a run, wherever it is kept.

use crate::contract::{Journal, JournalError, Record};

/// The journal of the run under way. What is appended is durable when the call returns.
pub struct RunJournal {
    plan: String,
    inner: Box<dyn Journal>,
    #[cfg(debug_assertions)]
    hold_after: Option<usize>,
}

impl RunJournal {
    pub(super) fn new(plan: String, inner: Box<dyn Journal>) -> Self {
        Self {
            plan,
            inner,
            #[cfg(debug_assertions)]
            hold_after: None,
        }
    }

    /// The digest of the plan that runs, as it is kept beside the journal.
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// For tests that kill the process at a given record: when `records` more are durable, appending never returns.
    #[cfg(debug_assertions)]
    #[must_use]
    pub fn hold_after(mut self, records: Option<usize>) -> Self {
        self.hold_after = records;
        self
    }
}

impl Journal for RunJournal {
    fn append(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        #[cfg(debug_assertions)]
        if let Some(left) = self.hold_after {
            if left <= records.len() {
                self.inner.append(records[..left].to_vec())?;
                loop {
                    std::thread::park();
                }
            }
            self.hold_after = Some(left - records.len());
        }
        self.inner.append(records)
    }
}
