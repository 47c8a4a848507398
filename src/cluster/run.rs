//! A plan that is ready to run, and its run: the part that all verbs share.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::definition::has_machines;
use super::{Basis, ClusterError, Demand, Session, durations, fact};
use crate::base::{Files, Secret};
use crate::contract::{Act, AppliedResources, EventSink, Operation, Summary};
use crate::execute::{Cancel, ExecuteError, Replay, Run, Settings, execute};
use crate::graph::ResourceKey;
use crate::plan::Plan;
use crate::state::{Identity, Locked, Milestone, RunJournal, Snapshot, Store};

/// A plan, with all that is needed to carry it out. While it lives, it holds the state's lock if it is to run.
pub struct Prepared {
    /// The plan, as it is shown.
    pub plan: Plan,
    /// The run that was interrupted before and will be given up, as the verb that began it. Where this holds no lock,
    /// somebody else may be at work on it: see [`Self::is_under_way`].
    pub gives_up: Option<String>,
    /// What the plan was made from.
    pub(super) basis: Basis,
    pub(super) identity: Identity,
    pub(super) store: Store,
    pub(super) secrets: BTreeMap<String, Secret>,
    /// Written before the run begins.
    pub(super) files: Files,
    /// Resources that are as they should be and that the state does not know yet.
    pub(super) adopted: AppliedResources,
    /// What the state knows, nobody wants, and is not there any more: to be forgotten.
    pub(super) gone: Vec<ResourceKey>,
    /// What was applied before.
    pub(super) applied: AppliedResources,
    /// The hash of the cluster's CA, for the fact that it has started.
    pub(super) authority_hash: Option<String>,
    pub(super) locked: Option<Locked>,
    /// What its steps need of the subscription.
    pub(super) demand: Demand,
}

/// What became of a run.
#[derive(Debug)]
pub struct Finished {
    /// Each step's end, summed up.
    pub summary: Summary,
    /// The state afterwards.
    pub snapshot: Snapshot,
}

impl Prepared {
    /// Whether the run that would be given up is not interrupted at all: another process is at work on it.
    pub fn is_under_way(&self) -> bool {
        self.gives_up.is_some() && self.locked.is_none() && self.store.is_locked()
    }

    /// Carries the plan out. What it finishes is in the state, however it ends.
    ///
    /// # Errors
    /// What keeps the run from beginning or going on. What goes wrong with single steps is in the summary.
    pub async fn run(
        mut self,
        session: &Session,
        events: Arc<dyn EventSink>,
        cancel: Cancel,
    ) -> Result<Finished, ClusterError> {
        let locked = match self.locked.take() {
            Some(locked) => locked,
            None => self.store.lock(&self.plan.verb, session.clock.as_ref(), &session.environment)?,
        };
        let snapshot = locked.establish(&self.identity, session.entropy.as_ref())?;
        if !has_machines(&snapshot.applied) && snapshot.facts.contains_key(fact::STARTED) {
            // Left behind by a destruction that was killed at its very end: no cluster has started yet.
            locked.amend(|snapshot| _ = snapshot.facts.remove(fact::STARTED))?;
        }
        self.files.write(self.store.folder())?;
        locked.keep_files(&self.files)?;
        Self::forget_saved(self.store.folder());
        if !self.adopted.is_empty() {
            let adopted = std::mem::take(&mut self.adopted);
            locked.amend(|snapshot| snapshot.applied.extend(adopted))?;
        }
        if !self.gone.is_empty() {
            // The run that is given up is folded first, since what it has made may be among it.
            locked.finish()?;
            let gone: HashSet<ResourceKey> = std::mem::take(&mut self.gone).into_iter().collect();
            locked.amend(|snapshot| snapshot.applied.retain(|key, _| !gone.contains(key)))?;
        }
        let milestones: Vec<Milestone> =
            self.authority_hash.iter().flat_map(|hash| start_milestones(&self.plan, hash)).collect();
        let journal = locked.begin(&self.plan, &self.secrets, &milestones, session.entropy.as_ref())?;
        let work =
            Work { plan: self.plan, secrets: self.secrets, applied: self.applied, replay: Replay::default(), journal };
        work.carry_out(session, &locked, events, cancel).await
    }
}

/// A plan whose journal is open.
pub(super) struct Work {
    pub plan: Plan,
    pub secrets: BTreeMap<String, Secret>,
    /// What was applied before the plan began.
    pub applied: AppliedResources,
    /// How far an earlier process has come with it.
    pub replay: Replay,
    pub journal: RunJournal,
}

impl Work {
    /// Runs the plan, and puts the run away if it is complete.
    pub async fn carry_out(
        self,
        session: &Session,
        locked: &Locked,
        events: Arc<dyn EventSink>,
        cancel: Cancel,
    ) -> Result<Finished, ClusterError> {
        let Self { plan, secrets, applied, replay, journal } = self;
        #[cfg(debug_assertions)]
        let journal = {
            let records = session.environment.get("ENGINE_JOURNAL_HOLD_AFTER").and_then(|records| records.parse().ok());
            journal.hold_after(records)
        };
        session.target.conceal(secrets.values().cloned().collect());
        // What takes no time, or only as much as a simulator likes, teaches nothing; the run itself sees to that.
        let learnt = Arc::new(durations::read(&locked.folder().join("state")));
        let settings = Settings { durations: Arc::clone(&learnt), ..session.settings.clone() };
        let result = execute(Run {
            digest: journal.plan().to_owned(),
            plan: Arc::new(plan),
            target: Arc::clone(&session.target),
            actions: session.actions.clone(),
            secrets: Arc::new(secrets),
            applied,
            replay,
            journal: Box::new(journal),
            events,
            clock: Arc::clone(&session.clock),
            timer: Arc::clone(&session.timer),
            entropy: Arc::clone(&session.entropy),
            settings,
            cancel,
        })
        .await;
        durations::keep(&locked.folder().join("state"), &learnt);
        let summary = result.map_err(|error| match error {
            // A journal that cannot be written any more may be somebody else's by now.
            ExecuteError::Journal(_) => locked.check().err().map_or(error.into(), ClusterError::State),
            error => error.into(),
        })?;
        let snapshot = if summary.is_complete() {
            let snapshot = locked.finish()?;
            if !has_machines(&snapshot.applied) && snapshot.facts.contains_key(fact::STARTED) {
                // Nothing is left of the cluster: the next first machine starts another one.
                locked.amend(|snapshot| _ = snapshot.facts.remove(fact::STARTED))?
            } else {
                snapshot
            }
        } else {
            // The run stays, to be resumed; what it finished counts already.
            locked.snapshot()?.ok_or_else(|| ClusterError::NoCluster { folder: locked.place() })?
        };
        Ok(Finished { summary, snapshot })
    }
}

/// With the first node that becomes Ready there is a cluster, and no machine may begin another one: remembered from the
/// journal's record on, even if the process is killed in the next moment.
fn start_milestones<'a>(plan: &'a Plan, authority_hash: &'a str) -> impl Iterator<Item = Milestone> + 'a {
    let is_readiness = |operation: &Operation| matches!(operation, Operation::Act(Act::WaitUntilReady { .. }));
    plan.steps.iter().filter(move |step| is_readiness(&step.operation)).map(|step| Milestone {
        step: step.id.clone(),
        fact: fact::STARTED.to_owned(),
        value: authority_hash.to_owned(),
    })
}
