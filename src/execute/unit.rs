//! The work on one step: requests within pace and deadline, waits between tries, questions after an operation. What is
//! done to a resource is in `change`, what is done to a member in `act`.
//!
//! A unit decides nothing about others. It tells the dispatcher by a [`Note`], and goes on when that is durable.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::world::World;
use super::{Deadlines, Kind, Pacing, Polling, Retries, Then, expected_seconds};
use crate::base::Entropy;
use crate::contract::{
    Action, Address, Applied, AppliedResources, Fault, FaultClass, Observation, Operation, OperationHandle, Progress,
    Step, Target,
};
use crate::plan::{Plan, Secrets};

/// What all units share.
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) target: Arc<dyn Target>,
    pub(super) actions: Vec<Arc<dyn Action>>,
    pub(super) secrets: Arc<dyn Secrets>,
    pub(super) applied: AppliedResources,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) world: RwLock<World>,
    pub(super) pacing: Mutex<Pacing>,
    pub(super) retries: Retries,
    pub(super) deadlines: Deadlines,
    pub(super) polling: Polling,
    pub(super) notes: mpsc::UnboundedSender<Note>,
}

impl Shared {
    /// What is known. No one panics while writing it, so a poisoned lock holds nothing half done.
    pub(super) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, to be changed.
    pub(super) fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a unit tells the dispatcher.
pub(super) enum Note {
    /// A request is about to be made.
    Intended { step: usize, name: Option<String>, durable: oneshot::Sender<()> },
    /// A request was accepted.
    Accepted { step: usize, operation: OperationHandle, durable: oneshot::Sender<()> },
    /// It is tried again after this time.
    Retried { step: usize, fault: Fault, after: Duration },
}

/// How a unit begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Start {
    /// Nothing of it was ever requested.
    Fresh,
    /// Whether something was requested is unknown.
    Unknown,
    /// It was accepted and may go on by itself.
    Accepted(OperationHandle),
}

/// A step that has ended well.
pub(super) struct Finish {
    /// Where the resource is; nothing for an act.
    pub(super) address: Option<Arc<Address>>,
    /// The resource as read at the end, if it was read.
    pub(super) observation: Option<Observation>,
    /// What is applied now; nothing after a deletion or an act.
    pub(super) applied: Option<Applied>,
}

/// What a question after an operation has led to.
pub(super) enum Answer {
    /// It has ended well.
    Done(Option<Observation>),
    /// Asking is of no use any more: read, compare, then write.
    Look,
}

/// The work on one step.
pub(super) struct Unit {
    pub(super) shared: Arc<Shared>,
    pub(super) step: usize,
    /// How long the step is expected to take.
    expected: Duration,
    allowed: Duration,
    deadline: Instant,
    /// How often each class of fault was met.
    met: BTreeMap<FaultClass, u32>,
    /// Whether the last record of this step says that a request is about to be made.
    is_intended: bool,
}

/// Runs the step to its end.
pub(super) async fn work(shared: Arc<Shared>, step: usize, start: Start) -> Result<Finish, Fault> {
    let plan = shared.plan.clone();
    let Step { operation, .. } = &plan.steps[step];
    let allowed = shared.deadlines.of(operation);
    let unit = Unit {
        shared,
        step,
        expected: Duration::from_secs(u64::from(expected_seconds(operation))),
        allowed,
        deadline: Instant::now() + allowed,
        met: BTreeMap::new(),
        is_intended: start == Start::Unknown,
    };
    match operation {
        Operation::Change(change) => unit.change(change, start).await,
        Operation::Act(act) => Box::pin(unit.act(act, start)).await,
    }
}

impl Unit {
    /// Waits until the pace allows a request of this kind. Waiting for the pace is not the step's fault, so it gets the
    /// time back.
    pub(super) async fn pace(&mut self, kind: Kind) {
        let wait = self.shared.pacing.lock().unwrap_or_else(PoisonError::into_inner).take(kind, Instant::now());
        if !wait.is_zero() {
            self.deadline += wait;
            tokio::time::sleep(wait).await;
        }
    }

    /// The answer to a request, if it comes before the deadline.
    pub(super) async fn within<T>(&self, request: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        tokio::time::timeout_at(self.deadline, request).await.unwrap_or_else(|_| Err(self.timed_out(None)))
    }

    fn timed_out(&self, last: Option<&Fault>) -> Fault {
        let allowed = self.allowed.as_secs().div_ceil(60);
        let message = match last {
            None => format!("it has not ended within {allowed} minutes"),
            Some(fault) => format!("it has not ended within {allowed} minutes, the last hindrance being: {fault}"),
        };
        Fault::new(FaultClass::TimedOut, last.map_or("", |fault| &fault.code), message)
            .help("it may still go on at the target: `engine resume` looks at it again")
    }

    /// Makes durable that a request is about to be made, with the name if that was deferred. Does not return if that
    /// cannot be: then nothing may be requested any more, and the dispatcher ends the run.
    pub(super) async fn intend(&mut self, name: Option<String>) {
        if !self.is_intended {
            let (durable, told) = oneshot::channel();
            self.tell(Note::Intended { step: self.step, name, durable }, told).await;
            self.is_intended = true;
        }
    }

    /// Makes durable where to ask for the operation, before anybody asks.
    async fn accept(&mut self, operation: &OperationHandle) {
        let (durable, told) = oneshot::channel();
        self.tell(Note::Accepted { step: self.step, operation: operation.clone(), durable }, told).await;
        self.is_intended = false;
    }

    async fn tell(&self, note: Note, told: oneshot::Receiver<()>) {
        let is_gone = self.shared.notes.send(note).is_err();
        if is_gone || told.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What comes after a fault: waits as long as its class says, and tells how to go on; or gives the fault back if the
    /// step fails by it.
    pub(super) async fn after(&mut self, fault: Fault) -> Result<Then, Fault> {
        let Some(retry) = self.shared.retries.of(fault.class) else { return Err(fault) };
        let times = self.met.entry(fault.class).or_default();
        *times += 1;
        if *times > retry.limit {
            return Err(fault);
        }
        let after = retry.wait(*times, &fault, &*self.shared.entropy);
        if Instant::now() + after > self.deadline {
            return Err(self.timed_out(Some(&fault)));
        }
        // Nobody listens only when the run is over.
        let _ = self.shared.notes.send(Note::Retried { step: self.step, fault, after });
        tokio::time::sleep(after).await;
        Ok(retry.then)
    }

    /// Waits before the resource or operation is looked at again.
    pub(super) async fn idle(&self, times: u32, told: Option<Duration>) -> Result<(), Fault> {
        let wait = self.shared.polling.wait(times, told, self.expected);
        if Instant::now() + wait > self.deadline {
            return Err(self.timed_out(None));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Reads a resource, however often it takes.
    pub(super) async fn observe(&mut self, address: &Address) -> Result<Option<Observation>, Fault> {
        let target = self.shared.target.clone();
        loop {
            self.pace(Kind::Read).await;
            match self.within(target.observe(address)).await {
                Ok(observation) => return Ok(observation),
                Err(fault) if fault.class == FaultClass::NotFound => return Ok(None),
                Err(fault) => _ = self.after(fault).await?,
            }
        }
    }

    /// Asks for an operation until it has ended. `poll` makes one question.
    pub(super) async fn ask<'a, F>(
        &mut self,
        kind: Kind,
        operation: OperationHandle,
        told: Option<Duration>,
        is_recorded: bool,
        poll: impl Fn(OperationHandle) -> F,
    ) -> Result<Answer, Fault>
    where
        F: Future<Output = Result<Progress, Fault>> + Send + 'a,
    {
        /// A question that fails says nothing about the operation, so it is asked again; not for ever.
        const QUESTIONS_THAT_MAY_FAIL: u32 = 4;
        let (mut operation, mut told) = (operation, told);
        if !is_recorded {
            self.accept(&operation).await;
        }
        let (mut times, mut failures) = (0, 0);
        loop {
            self.idle(times, told).await?;
            self.pace(kind).await;
            match self.within(poll(operation.clone())).await {
                Ok(Progress::Done(observation)) => return Ok(Answer::Done(observation)),
                Ok(Progress::Running(next, again)) => {
                    if next != operation {
                        self.accept(&next).await;
                        operation = next;
                    }
                    told = again;
                    times += 1;
                    failures = 0;
                }
                Err(fault) => {
                    let is_about_question = match fault.class {
                        FaultClass::Throttled => true,
                        FaultClass::Transient | FaultClass::Unavailable => {
                            failures += 1;
                            failures <= QUESTIONS_THAT_MAY_FAIL
                        }
                        _ => false,
                    };
                    self.after(fault).await?;
                    if !is_about_question {
                        return Ok(Answer::Look);
                    }
                    told = Some(Duration::ZERO);
                }
            }
        }
    }
}
