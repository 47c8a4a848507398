//! What a place that keeps a state can do. [`Store`](super::Store) and [`Locked`](super::Locked) say in which order it is
//! done, and are the same for every place.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::fold::{Steps, fold};
use super::sealed::Opened;
use super::{Holder, Milestone, Snapshot, StateError};
use crate::base::Files;
use crate::contract::{Journal, Record};

/// A run's plan and journal as they are kept.
pub(super) struct RunFiles {
    pub run: String,
    /// Where the plan is, for messages.
    pub path: PathBuf,
    pub plan: Opened,
    pub milestones: Vec<Milestone>,
    /// What the journal says, in order, each read when it is asked for: those of 1,000 machines have 20 MB.
    pub records: Records,
}

/// Records, one after another, up to the first that cannot be read.
pub(super) type Records = Box<dyn Iterator<Item = Result<Record, StateError>> + Send>;

impl RunFiles {
    /// Brings a snapshot up to date with what the run has done, and gives the run's id; nothing if it is already.
    pub fn fold_into(self, snapshot: &mut Snapshot) -> Result<Option<String>, StateError> {
        if snapshot.folded.as_ref() == Some(&self.run) {
            return Ok(None);
        }
        let Self { run, path, plan, milestones, records } = self;
        let steps = plan.value::<Steps>(&path)?;
        // The text of the plan is not needed beside what is made of the records.
        drop(plan);
        fold(snapshot, &steps, &milestones, records)?;
        Ok(Some(run))
    }
}

/// What a run needs, as texts: the plan, the secrets, the milestones.
pub(super) struct RunTexts<'a> {
    /// Writes the plan, which may be large.
    pub plan: &'a dyn Fn(&mut dyn std::io::Write) -> std::io::Result<()>,
    pub secrets: &'a str,
    pub milestones: &'a str,
}

/// A place that keeps the state of one cluster. Looking needs no lock.
pub(super) trait Storage: std::fmt::Debug + Send + Sync {
    /// Where it is, as people are told.
    fn place(&self) -> PathBuf;

    /// The address by which others find it, if it can be reached from other machines.
    fn address(&self) -> Option<String> {
        None
    }

    /// The snapshot without the run under way.
    fn snapshot(&self) -> Result<Option<Snapshot>, StateError>;

    /// The newest snapshot before the present one that is whole.
    fn backup(&self) -> Result<Option<Snapshot>, StateError>;

    /// The run that is under way or was interrupted.
    fn run(&self) -> Result<Option<RunFiles>, StateError>;

    /// Whether there is a run, whole or not.
    fn has_run(&self) -> bool;

    /// The secrets of a run, by handle.
    fn secrets(&self, run: &str) -> Result<BTreeMap<String, String>, StateError>;

    /// The cluster's own files, where the place keeps them beside the state.
    fn files(&self) -> Result<Option<Files>, StateError> {
        Ok(None)
    }

    /// Who holds the lock at this moment.
    fn holder(&self) -> Result<Option<Holder>, StateError>;

    /// Takes the lock. To repair, a state that cannot be read is no hindrance.
    fn lock(&self, holder: Holder, repair: bool) -> Result<Box<dyn Hold>, StateError>;

    /// Takes the lock with this id away from whoever holds it. That one can write nothing more.
    fn unlock(&self, id: &str) -> Result<Holder, StateError>;
}

/// The lock, while it is held. It ends when this is dropped. Each write is refused with [`StateError::Lost`] once somebody
/// else has the lock.
pub(super) trait Hold: std::fmt::Debug + Send + Sync {
    /// Refuses if the lock is lost.
    fn check(&self) -> Result<(), StateError>;

    /// Writes the snapshot and keeps the one before.
    fn write_snapshot(&self, snapshot: &Snapshot) -> Result<(), StateError>;

    /// Begins a run: from the end of this call on it exists. Gives its journal, and the checksum of its plan.
    fn begin_run(&self, run: &str, texts: &RunTexts<'_>) -> Result<(Box<dyn Journal>, String), StateError>;

    /// Opens the journal of the run to go on writing it.
    fn resume_run(&self, run: &str) -> Result<Box<dyn Journal>, StateError>;

    /// Writes the snapshot into which the run is folded, if one is given, and forgets the run. A power cut in between leaves
    /// a run that the snapshot knows to be folded.
    fn end_run(&self, folded: Option<&Snapshot>) -> Result<(), StateError>;

    /// Keeps the cluster's own files, where the place does that.
    fn keep_files(&self, files: &Files) -> Result<(), StateError> {
        let _ = files;
        Ok(())
    }
}
