//! The work on one step: requests within pace and deadline, waits between tries. What is done to a resource is in `change`,
//! what is done to a member in `act`, what is asked of an operation in `ask`.
//!
//! A unit decides nothing about others. It tells the dispatcher by a [`Note`], and goes on when that is durable.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::gate::Gate;
use super::harvest::Harvest;
use super::kinds::{Kind, Kinds};
use super::slot::Slot;
use super::under_way::UnderWay;
use super::world::World;
use super::{Cancel, CancelLevel, Durations, Polling, Retries, Then};
use crate::base::{Entropy, Timer};
use crate::contract::{
    Action, Address, Applied, AppliedResources, Charges, Fault, FaultClass, Observation, Operation, OperationHandle,
    RequestKind, Step, Target,
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
    pub(super) timer: Arc<dyn Timer>,
    /// When the run began.
    pub(super) started: Instant,
    pub(super) gate: Arc<Gate>,
    pub(super) harvest: Arc<Harvest>,
    pub(super) retries: Retries,
    pub(super) kinds: Kinds,
    pub(super) polling: Polling,
    pub(super) durations: Arc<Durations>,
    pub(super) notes: mpsc::UnboundedSender<Note>,
    pub(super) cancel: Cancel,
    /// How many answers are waited for.
    pub(super) requests: UnderWay,
    /// For each step where its unit waits for its notes to be durable.
    pub(super) slots: Vec<Slot>,
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
    Intended { step: usize, name: Option<String> },
    /// A request was accepted.
    Accepted { step: usize, operation: OperationHandle },
    /// It is tried again after this time.
    Retried { step: usize, fault: Fault, after: Duration },
}

/// How a unit begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Start {
    /// Nothing of it was ever requested.
    Fresh,
    /// Whether something was requested is unknown.
    Unknown {
        /// Whether the journal says that a request is about to be made, with all that has to be known of it.
        is_intended: bool,
    },
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

/// The work on one step.
pub(super) struct Unit {
    pub(super) shared: Arc<Shared>,
    pub(super) step: usize,
    /// How much depends on it.
    pub(super) weight: u64,
    /// Whether nobody minds if it ends a little later.
    is_unhurried: bool,
    pub(super) deadline: Instant,
    /// How often each class of fault was met.
    met: BTreeMap<FaultClass, u32>,
    /// Whether the last record of this step says that a request is about to be made.
    is_intended: bool,
    /// Whether nothing of it was ever requested.
    is_untouched: bool,
    /// Whether the last request was one that waits for its turn.
    is_paced: bool,
}

/// Runs the step to its end. Nothing is what becomes of one that was still waiting to begin when the run was to stop.
pub(super) async fn work(
    shared: Arc<Shared>,
    step: usize,
    (weight, is_unhurried): (u64, bool),
    start: Start,
) -> Result<Option<Finish>, Fault> {
    let plan = Arc::clone(&shared.plan);
    let Step { operation, .. } = &plan.steps[step];
    let deadline = shared.timer.now() + shared.kinds.of(step).allowed;
    let unit = Unit {
        shared,
        step,
        weight,
        is_unhurried,
        deadline,
        met: BTreeMap::new(),
        is_intended: matches!(start, Start::Unknown { is_intended: true }),
        is_untouched: start == Start::Fresh,
        is_paced: false,
    };
    match operation {
        Operation::Change(change) => unit.change(change, start).await,
        Operation::Act(act) => Box::pin(unit.act(act, start)).await,
    }
}

impl Unit {
    pub(super) fn kind(&self) -> &Kind {
        self.shared.kinds.of(self.step)
    }

    /// How long the step is expected to take, as far as it is known by now.
    pub(super) fn expected(&self) -> super::Estimate {
        self.shared.durations.of(&self.kind().name, &self.shared.plan.steps[self.step].operation)
    }

    /// Waits until a request of this kind about a resource of this type may be made. Waiting for one's turn is not the
    /// step's fault, so it gets the time back.
    pub(super) async fn pace(&mut self, kind: RequestKind, resource_type: &str) -> Charges {
        let charges = self.shared.target.charges(kind, resource_type);
        self.is_paced = !charges.is_free();
        if self.is_paced {
            self.deadline += self.shared.gate.pass(charges, self.weight).await;
        }
        charges
    }

    /// Waits until the resource may be written. Nothing if the run is to stop before anything of the step was requested:
    /// behind a thousand others it would begin minutes after that.
    pub(super) async fn pace_to_write(&mut self, kind: RequestKind, resource_type: &str) -> Option<Charges> {
        if self.gives_up() {
            return None;
        }
        if !self.is_untouched {
            return Some(self.pace(kind, resource_type).await);
        }
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            biased;
            charges = self.pace(kind, resource_type) => Some(charges),
            () = shared.cancel.reached(CancelLevel::Finish) => {
                // Who waits for its turn does not count as at work.
                shared.timer.begin_work();
                None
            }
        }
    }

    /// Whether the run is to stop, and nothing of the step was ever requested.
    pub(super) fn gives_up(&self) -> bool {
        self.is_untouched && self.shared.cancel.level() >= CancelLevel::Finish
    }

    /// The answer to a request that was let through, if it comes before the deadline.
    pub(super) async fn paced<T>(
        &self,
        charges: Charges,
        request: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let answer = self.within(request).await;
        if self.is_paced {
            let refused = answer.as_ref().err().filter(|fault| fault.class == FaultClass::Throttled);
            let refused = refused.map(|fault| fault.retry_after.unwrap_or(self.shared.retries.throttled.first));
            self.shared.gate.answered(charges, refused, &self.shared.target.remaining());
        }
        answer
    }

    /// The answer to a request, if it comes before the deadline.
    pub(super) async fn within<T>(&self, request: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let mut request = pin!(request);
        // What is answered at once needs no watch over its time.
        let at_once = std::future::poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await;
        if let Poll::Ready(answer) = at_once {
            return answer;
        }
        let _under_way = self.shared.requests.begin();
        let left = self.deadline.saturating_duration_since(self.shared.timer.now());
        Box::pin(tokio::time::timeout(left, request)).await.unwrap_or_else(|_| Err(self.timed_out(None)))
    }

    fn timed_out(&self, last: Option<&Fault>) -> Fault {
        let allowed = self.kind().allowed.as_secs().div_ceil(60);
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
            self.tell(Note::Intended { step: self.step, name }).await;
            self.is_intended = true;
        }
    }

    /// Makes durable where to ask for the operation, before anybody asks.
    pub(super) async fn accept(&mut self, operation: &OperationHandle) {
        self.tell(Note::Accepted { step: self.step, operation: operation.clone() }).await;
        self.is_intended = false;
    }

    async fn tell(&mut self, note: Note) {
        self.is_untouched = false;
        if self.shared.notes.send(note).is_err() {
            std::future::pending::<()>().await;
        }
        self.shared.slots[self.step].durable().await;
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
        // Where requests wait for their turn, that is when the next one is made: not all who were refused come at once.
        let by_turn = fault.class == FaultClass::Throttled && self.is_paced;
        let moment = self.shared.timer.now() + after;
        if moment > self.deadline && !by_turn {
            return Err(self.timed_out(Some(&fault)));
        }
        // Nobody listens only when the run is over.
        let _ = self.shared.notes.send(Note::Retried { step: self.step, fault, after });
        if !by_turn {
            self.shared.timer.sleep_until(moment).await;
        }
        Ok(retry.then)
    }

    /// Waits before a resource that is on its way is looked at once more.
    pub(super) async fn idle(&self, times: u32) -> Result<(), Fault> {
        let moment = self.in_time(self.shared.polling.again(times, None, self.expected()))?;
        self.shared.timer.sleep_until(moment).await;
        Ok(())
    }

    /// The moment after this wait, if it is before the deadline.
    pub(super) fn in_time(&self, wait: Duration) -> Result<Instant, Fault> {
        let now = self.shared.timer.now();
        let moment = now + wait;
        if moment > self.deadline {
            return Err(self.timed_out(None));
        }
        let is_unhurried = self.is_unhurried || self.shared.gate.is_behind();
        Ok(self.shared.polling.on_beat(self.shared.started, now, moment, is_unhurried))
    }

    /// Reads a resource, however often it takes.
    pub(super) async fn observe(&mut self, address: &Address) -> Result<Option<Observation>, Fault> {
        let target = Arc::clone(&self.shared.target);
        loop {
            let charges = self.pace(RequestKind::Read, &address.resource_type).await;
            match self.paced(charges, target.observe(address)).await {
                Ok(observation) => return Ok(observation),
                Err(fault) if fault.class == FaultClass::NotFound => return Ok(None),
                Err(fault) => _ = self.after(fault).await?,
            }
        }
    }
}
