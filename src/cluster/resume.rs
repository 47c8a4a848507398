//! `resume`: takes an interrupted run up where its journal ends. The plan is the one that was consented to.

use std::sync::Arc;

use super::run::Work;
use super::{ClusterError, Finished, Session, place};
use crate::contract::{EventSink, Summary};
use crate::execute::{Cancel, Replay};
use crate::plan::Plan;
use crate::state::{Identity, Store};

/// A run that was interrupted.
#[derive(Debug)]
pub struct Interrupted {
    /// What was being done.
    pub plan: Plan,
    /// Where.
    pub identity: Identity,
    /// How many of its steps are finished.
    pub finished: usize,
    /// Whether it is not interrupted at all: another process is at work on it.
    pub is_under_way: bool,
}

impl Interrupted {
    /// The interrupted run of a state.
    ///
    /// # Errors
    /// A place without a state, or without an interrupted run.
    pub fn find(store: &Store) -> Result<Self, ClusterError> {
        let snapshot = store.snapshot()?.ok_or_else(|| ClusterError::NoCluster { folder: store.place() })?;
        let run = store.unfinished::<Plan>()?.ok_or(ClusterError::NothingToResume)?;
        let finished = Replay::of(&run.records).finished();
        Ok(Self { plan: run.plan, identity: snapshot.identity, finished, is_under_way: store.is_locked() })
    }
}

/// Goes on with the interrupted run of a state.
///
/// # Errors
/// As for any run, and [`ClusterError::NothingToResume`].
pub async fn resume(
    session: &Session,
    store: &Store,
    events: Arc<dyn EventSink>,
    cancel: Cancel,
) -> Result<Finished, ClusterError> {
    if store.snapshot()?.is_none() {
        return Err(ClusterError::NoCluster { folder: store.place() });
    }
    let before = store.unfinished::<Plan>()?.ok_or(ClusterError::NothingToResume)?;
    let locked = store.lock("resume", session.clock.as_ref(), &session.environment)?;
    let snapshot = locked.snapshot()?.ok_or_else(|| ClusterError::NoCluster { folder: store.place() })?;
    place::of_state(session, &snapshot)?;
    let Some(run) = locked.unfinished::<Plan>()? else {
        // It had ended and was only not put away: taking the lock has done that. If it had not, somebody else has ended
        // it or given it up in this moment.
        let succeeded = Replay::of(&before.records).finished();
        if succeeded < before.plan.steps.len() {
            return Err(ClusterError::NothingToResume);
        }
        return Ok(Finished { summary: Summary { succeeded, ..Summary::default() }, snapshot });
    };
    let journal = locked.resume()?;
    let replay = Replay::of(&run.records);
    let work = Work { plan: run.plan, secrets: run.secrets, applied: snapshot.applied, replay, journal };
    work.carry_out(session, &locked, events, cancel).await
}
