//! Questions after an operation, until it has ended: when they are asked, and of whom.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::harvest::{Found, ROUND, Wish};
use super::unit::Unit;
use crate::contract::{Address, Charges, Fault, FaultClass, Observation, OperationHandle, Progress, RequestKind};

/// What a question after an operation has led to.
pub(super) enum Answer {
    /// It has ended well.
    Done(Option<Observation>),
    /// Asking is of no use any more: read, compare, then write.
    Look,
}

/// What an operation was begun for.
#[derive(Clone, Copy)]
pub(super) struct Aim<'a> {
    /// The resource; nothing for an act.
    pub(super) resource: Option<&'a Address>,
    /// Whether it is to be gone in the end.
    pub(super) goes: bool,
    /// Whether it was not there before: what is read of it is what the operation has come to.
    pub(super) is_new: bool,
}

impl Unit {
    /// Asks for an operation until it has ended. `poll` makes one question.
    pub(super) async fn ask<'a, F>(
        &mut self,
        aim: Aim<'_>,
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
        let aim = Aim { is_new: aim.is_new && !operation.reads_as_made, ..aim };
        let began = self.shared.timer.now();
        if !is_recorded {
            self.accept(&operation).await;
        }
        // When one was accepted that another run began is not known, so nothing is learnt of it.
        let is_lesson = !is_recorded;
        let (mut times, mut failures, mut running) = (0, 0, None);
        loop {
            // One that reads as made has ended perhaps, so the first of its kind is asked at once; it teaches how long the
            // others take.
            let is_first = times == 0 && is_lesson && (told != Some(Duration::ZERO) || operation.reads_as_made);
            let found = self.wait_until_likely(aim, is_first.then_some(began), times, told).await?;
            if let Found::Done(seen) = found {
                let seen = seen.map(|seen| seen.saturating_duration_since(began));
                self.learn(is_lesson, running.max(seen), began);
                return Ok(Answer::Done(None));
            }
            let asked = self.shared.timer.now();
            // Of so many questions the last one is to the operation.
            let looks = aim.is_new && found == Found::Ask && times % ROUND < ROUND - 1;
            match self.question(aim, &operation, looks, told, &poll).await {
                Ok(Progress::Done(observation)) => {
                    self.learn(is_lesson, running, began);
                    return Ok(Answer::Done(observation));
                }
                Ok(Progress::Running(next, again)) => {
                    if next != operation {
                        self.accept(&next).await;
                        operation = next;
                    }
                    running = Some(asked.saturating_duration_since(began));
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

    /// One question. How a new resource is tells at once what its operation would say and what would be read after that,
    /// so it is looked at instead. Its operation is asked when that does not tell, to hear why, and now and then all the
    /// same: an operation may have failed without a trace in the resource.
    async fn question<'a, F>(
        &mut self,
        aim: Aim<'_>,
        operation: &OperationHandle,
        looks: bool,
        told: Option<Duration>,
        poll: &impl Fn(OperationHandle) -> F,
    ) -> Result<Progress, Fault>
    where
        F: Future<Output = Result<Progress, Fault>> + Send + 'a,
    {
        let target = Arc::clone(&self.shared.target);
        if let Some(address) = aim.resource.filter(|_| looks && target.tells_by_reading()) {
            let charges = self.pace(RequestKind::Read, &address.resource_type).await;
            match self.paced(charges, target.observe(address)).await {
                Ok(Some(there)) if there.has_succeeded() => return Ok(Progress::Done(Some(there))),
                Ok(Some(there)) if there.is_in_progress() => {
                    // How long to wait is told with operations only: what was told last still holds.
                    return Ok(Progress::Running(operation.clone(), told.filter(|told| !told.is_zero())));
                }
                Err(fault) if is_passing(fault.class) => return Err(fault),
                Ok(_) | Err(_) => {}
            }
        }
        let charges = match aim.resource {
            Some(address) => self.pace(RequestKind::Poll, &address.resource_type).await,
            None => Charges::FREE,
        };
        self.paced(charges, poll(operation.clone())).await
    }

    /// Waits until it is time to ask, or until it is known without asking. `first` is when that began which nobody has
    /// asked for yet: what others have taught since the wait began counts, too.
    async fn wait_until_likely(
        &self,
        aim: Aim<'_>,
        first: Option<Instant>,
        times: u32,
        told: Option<Duration>,
    ) -> Result<Found, Fault> {
        let polling = self.shared.polling;
        loop {
            let (expected, now) = (self.expected(), self.shared.timer.now());
            let wait = match first {
                Some(began) => (began + polling.first(told, expected)).saturating_duration_since(now),
                None => {
                    let wait = polling.again(times, told, expected);
                    // What this one lets begin would wait for its turn.
                    let is_behind = self.shared.gate.is_behind();
                    if is_behind { wait.max(polling.patient(expected.time)) } else { wait }
                }
            };
            let moment = self.in_time(wait)?;
            let found = self.wait_for(aim, moment, expected.time).await;
            let learnt = first.map(|began| began + polling.first(told, self.expected()));
            let is_later = learnt.is_some_and(|likely| likely > moment + polling.shortest);
            if found != Found::Ask || !is_later || self.shared.timer.now() < moment {
                return Ok(found);
            }
        }
    }

    /// Waits until it is time to ask, or until it is known without asking.
    async fn wait_for(&self, aim: Aim<'_>, moment: Instant, expected: Duration) -> Found {
        match aim.resource.filter(|_| self.shared.target.can_list()) {
            Some(address) => {
                let (weight, deadline) = (self.weight, self.deadline);
                let Aim { goes, is_new, .. } = aim;
                let wish = Wish { address, goes, is_new, weight, due: moment, deadline, expected };
                self.shared.harvest.wait(wish).await
            }
            None => {
                self.shared.timer.sleep_until(moment).await;
                Found::Ask
            }
        }
    }

    /// Remembers how long the step took.
    fn learn(&self, is_lesson: bool, running: Option<Duration>, began: Instant) {
        let share = self.shared.polling.share;
        if is_lesson && share > 0.0 {
            let own = |time: Duration| time.div_f64(share);
            let over = self.shared.timer.now().saturating_duration_since(began);
            self.shared.durations.learn(&self.kind().name, running.map(own), own(over));
        }
    }
}

/// Whether a fault of this class says that nothing could be asked, and nothing of what was asked for.
const fn is_passing(class: FaultClass) -> bool {
    matches!(class, FaultClass::Throttled | FaultClass::Transient | FaultClass::Unavailable)
}
