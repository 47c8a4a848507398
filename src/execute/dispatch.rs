//! The dispatcher: one task that owns the truth of a run. It starts what is ready, writes the journal, and tells what
//! happened, in this order: durable first, then told.
//!
//! What comes in while the journal is being written is written together afterwards, so that many steps share the wait
//! for the disk.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::gate::Gate;
use super::harvest::Harvest;
use super::kinds::Kinds;
use super::slot::Slot;
use super::under_way::UnderWay;
use super::unit::{Finish, Note, Shared, Start, work};
use super::world::World;
use super::{Cancel, CancelLevel, ExecuteError, Node, Queue, Reached, Replay, Run};
use crate::base::Clock;
use crate::contract::{
    Event, EventSink, Fault, FaultClass, Journal, JournalError, Operation, Outcome, Record, StepId, Summary,
};

/// Carries the plan out: all of it, or what does not depend on a step that fails, or what was begun when it was
/// cancelled.
///
/// # Errors
/// Only what keeps the whole run from going on; what goes wrong with single steps is in the summary.
pub async fn execute(run: Run) -> Result<Summary, ExecuteError> {
    let digest = run.digest.clone();
    if let Some(journal) = run.replay.plan.as_ref().filter(|plan| **plan != digest) {
        return Err(ExecuteError::OtherPlan { journal: journal.clone(), plan: digest });
    }
    let mut dispatcher = Dispatcher::new(run)?;
    let mut keepers = dispatcher.keepers();
    dispatcher.begin(digest).await?;
    tokio::select! {
        biased;
        worked = dispatcher.work() => worked?,
        // Nobody would be let through any more.
        _ = keepers.join_next() => return Err(ExecuteError::Stopped),
    }
    keepers.abort_all();
    dispatcher.end().await
}

type Ended = Result<(Id, (usize, Result<Option<Finish>, Fault>)), JoinError>;

/// So long what is to be written waits for answers that are on their way. One that goes to another place and back takes
/// longer, and no step takes so short that anybody noticed.
const PATIENCE: Duration = Duration::from_millis(20);

/// From so many steps on a run is a large one: those of a few hundred machines.
pub const MANY_STEPS: usize = 1_000;

struct Dispatcher {
    shared: Arc<Shared>,
    queue: Queue,
    replay: Replay,
    concurrency: usize,
    journal: Option<Box<dyn Journal>>,
    events: Arc<dyn EventSink>,
    clock: Arc<dyn Clock>,
    cancel: Cancel,
    notes: mpsc::UnboundedReceiver<Note>,
    units: JoinSet<(usize, Result<Option<Finish>, Fault>)>,
    /// For each step under way the task that works on it, and the moment in which it started.
    running: Vec<Option<(Id, Instant)>>,
    /// How many ends were dealt with whose units still count as at work.
    ended: usize,
    obeys: CancelLevel,
    summary: Summary,
}

/// What came in and is written together.
struct Batch {
    records: Vec<Record>,
    /// Who waits for its record to be durable.
    waiting: Vec<usize>,
    ended: Vec<(usize, Result<Option<Finish>, Fault>)>,
}

impl Dispatcher {
    fn new(run: Run) -> Result<Self, ExecuteError> {
        let Run { plan, target, actions, secrets, applied, replay, journal, events, clock, timer, .. } = run;
        let (entropy, settings, cancel) = (run.entropy, run.settings, run.cancel);
        let kinds = Kinds::new(&plan.steps, &settings.durations, settings.deadlines);
        let nodes: Vec<Node<'_>> = plan
            .steps
            .iter()
            .enumerate()
            .map(|(place, step)| Node {
                id: &step.id,
                after: &step.after,
                seconds: u32::try_from(kinds.of(place).expected.as_millis().div_ceil(1000)).unwrap_or(u32::MAX),
                is_finished: matches!(replay.steps.get(&step.id), Some(Reached::Finished { .. })),
            })
            .collect();
        let queue = Queue::new(&nodes)?;
        let running = vec![None; nodes.len()];
        let succeeded = nodes.iter().filter(|node| node.is_finished).count();
        let (sender, notes) = mpsc::unbounded_channel();
        let slots = nodes.iter().map(|_| Slot::default()).collect();
        let started = timer.now();
        let gate = Arc::new(Gate::new(&target.budgets(), settings.polling, Arc::clone(&timer)));
        let harvest = Harvest::new(Arc::clone(&target), Arc::clone(&gate), settings.polling, Arc::clone(&timer));
        let shared = Shared {
            world: RwLock::new(World::new(&plan, &applied, &replay)),
            plan,
            target,
            actions,
            secrets,
            applied,
            entropy,
            timer,
            started,
            gate,
            harvest: Arc::new(harvest),
            retries: settings.retries,
            kinds,
            polling: settings.polling,
            durations: settings.durations,
            notes: sender,
            cancel: cancel.clone(),
            requests: UnderWay::default(),
            slots,
        };
        Ok(Self {
            shared: Arc::new(shared),
            queue,
            replay,
            concurrency: settings.concurrency.max(1),
            journal: Some(journal),
            events,
            clock,
            cancel,
            notes,
            units: JoinSet::new(),
            running,
            ended: 0,
            obeys: CancelLevel::None,
            summary: Summary { succeeded, ..Summary::default() },
        })
    }

    /// The tasks that let requests through and read lists, as long as the run goes on.
    fn keepers(&self) -> JoinSet<()> {
        let mut keepers = JoinSet::new();
        let Shared { gate, harvest, timer, .. } = &*self.shared;
        let (gate, harvest) = (Arc::clone(gate), Arc::clone(harvest));
        timer.begin_work();
        keepers.spawn(async move { gate.keep().await });
        timer.begin_work();
        keepers.spawn(async move { harvest.keep().await });
        keepers
    }

    async fn begin(&mut self, plan: String) -> Result<(), ExecuteError> {
        let at = self.clock.now();
        self.append(vec![Record::Began { at, verb: self.shared.plan.verb.clone(), plan }]).await?;
        let (total, already_done) = (self.shared.plan.steps.len(), self.summary.succeeded);
        self.events.event(&Event::RunStarted { at, total, already_done });
        Ok(())
    }

    async fn work(&mut self) -> Result<(), ExecuteError> {
        loop {
            if self.obeys == CancelLevel::None {
                self.obey(self.cancel.level().min(CancelLevel::Finish));
            }
            if self.obeys == CancelLevel::None {
                self.start_ready();
            }
            // Only now is everything at work that follows from these.
            for _ in 0..std::mem::take(&mut self.ended) {
                self.shared.timer.end_work();
            }
            if self.units.is_empty() {
                return Ok(());
            }
            let more_urgent = if self.obeys == CancelLevel::None { CancelLevel::Finish } else { CancelLevel::Now };
            let (mut notes, mut ended) = (Vec::new(), Vec::new());
            tokio::select! {
                biased;
                () = self.cancel.reached(more_urgent) => {
                    self.obey(more_urgent);
                    if more_urgent == CancelLevel::Now {
                        // What has been answered by now is kept: where to ask for an operation, above all.
                        self.take_what_came(&mut notes, &mut ended);
                        let batch = self.gather(notes, ended);
                        self.commit(batch).await?;
                        self.units.abort_all();
                        return Ok(());
                    }
                    continue;
                }
                Some(note) = self.notes.recv() => notes.push(note),
                Some(end) = self.units.join_next_with_id() => ended.push(end),
            }
            self.wait_for_others(&mut notes, &mut ended).await;
            let batch = self.gather(notes, ended);
            self.commit(batch).await?;
        }
    }

    /// Those that are about to tell something, too, are written with the rest: who is ready to run, and who has an answer
    /// on its way that comes soon.
    async fn wait_for_others(&mut self, notes: &mut Vec<Note>, ended: &mut Vec<Ended>) {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut gathered = 0;
            while gathered < notes.len() + ended.len() {
                gathered = notes.len() + ended.len();
                tokio::task::yield_now().await;
                self.take_what_came(notes, ended);
            }
            if !self.shared.requests.any() {
                return;
            }
            tokio::select! {
                biased;
                Some(note) = self.notes.recv() => notes.push(note),
                Some(end) = self.units.join_next_with_id() => ended.push(end),
                () = tokio::time::sleep_until(until) => return,
            }
        }
    }

    fn take_what_came(&mut self, notes: &mut Vec<Note>, ended: &mut Vec<Ended>) {
        while let Some(end) = self.units.try_join_next_with_id() {
            ended.push(end);
        }
        // Asked after the ends, so that what a unit said before its end is here too.
        while let Ok(note) = self.notes.try_recv() {
            notes.push(note);
        }
    }

    fn obey(&mut self, level: CancelLevel) {
        self.obeys = level;
        if level != CancelLevel::None {
            let (at, running) = (self.clock.now(), self.units.len());
            self.events.event(&Event::RunStopping { at, running, at_once: level == CancelLevel::Now });
        }
    }

    fn start_ready(&mut self) {
        while self.units.len() < self.concurrency {
            let Some(step) = self.queue.start() else { return };
            let id = self.id(step);
            let start = match self.replay.steps.get(&id) {
                None => Start::Fresh,
                Some(Reached::Accepted { operation, .. }) => Start::Accepted(operation.clone()),
                // One that failed before its first request lacks the name, if that was not known before the run.
                Some(Reached::Intended { name }) => {
                    Start::Unknown { is_intended: name.is_some() || !self.is_named_late(step) }
                }
                Some(Reached::Finished { .. }) => Start::Unknown { is_intended: true },
            };
            self.events.event(&Event::StepStarted { at: self.clock.now(), step: id });
            let (shared, started) = (Arc::clone(&self.shared), self.shared.timer.now());
            self.shared.timer.begin_work();
            // What nothing depends on keeps nobody waiting; among many it is made durable with others, not by itself.
            let is_unhurried = self.queue.is_last(step) && self.running.len() >= MANY_STEPS;
            // In a box, because what is spawned is moved several times.
            let unit = Box::pin(work(shared, step, (self.queue.weight(step), is_unhurried), start));
            let task = self.units.spawn(async move { (step, unit.await) });
            self.running[step] = Some((task.id(), started));
        }
    }

    /// Whether a resource's name is known only while the run goes on.
    fn is_named_late(&self, step: usize) -> bool {
        match &self.shared.plan.steps[step].operation {
            Operation::Change(change) => change.name.as_str().is_none(),
            Operation::Act(_) => false,
        }
    }

    fn id(&self, step: usize) -> StepId {
        self.shared.plan.steps[step].id.clone()
    }

    fn gather(&mut self, notes: Vec<Note>, ended: Vec<Ended>) -> Batch {
        let at = self.clock.now();
        let mut batch = Batch {
            records: Vec::with_capacity(notes.len() + ended.len()),
            waiting: Vec::with_capacity(notes.len()),
            ended: Vec::with_capacity(ended.len()),
        };
        for note in notes {
            match note {
                Note::Intended { step, name } => {
                    batch.records.push(Record::Intended { at, step: self.id(step), name });
                    batch.waiting.push(step);
                }
                Note::Accepted { step, operation } => {
                    batch.records.push(Record::Accepted { at, step: self.id(step), operation });
                    batch.waiting.push(step);
                }
                Note::Retried { step, fault, after } => {
                    self.events.event(&Event::StepRetried { at, step: self.id(step), fault, after });
                }
            }
        }
        for end in ended {
            let (step, mut result) = match end {
                Ok((_, ended)) => ended,
                Err(error) => {
                    // A task that ended without saying of which step it was: rare enough to search for it.
                    let is_its = |running: &Option<(Id, Instant)>| running.is_some_and(|(id, _)| id == error.id());
                    let Some(step) = self.running.iter().position(is_its) else { continue };
                    let fault = Fault::new(FaultClass::Failed, "EngineFault", "the engine itself failed at this step")
                        .help("run `engine resume`; if it happens again, report it");
                    (step, Err(fault))
                }
            };
            let id = self.id(step);
            match &mut result {
                Ok(Some(finish)) => {
                    batch.records.push(Record::Finished { at, step: id, applied: finish.applied.take() });
                }
                // It never began.
                Ok(None) => {}
                Err(fault) => batch.records.push(Record::Failed { at, step: id, fault: fault.clone() }),
            }
            batch.ended.push((step, result));
        }
        batch
    }

    /// Makes a batch durable, then lets those go on who wait for it, then tells.
    async fn commit(&mut self, batch: Batch) -> Result<(), ExecuteError> {
        if !batch.records.is_empty() {
            self.append(batch.records).await?;
        }
        for step in batch.waiting {
            self.shared.slots[step].is_durable();
        }
        self.ended += batch.ended.len();
        for (step, result) in batch.ended {
            match result {
                Ok(Some(finish)) => self.finish(step, finish),
                // It counts among those that are left in the end.
                Ok(None) => {}
                Err(fault) => self.fail(step, fault),
            }
        }
        Ok(())
    }

    fn finish(&mut self, step: usize, finish: Finish) {
        let Finish { address, observation, .. } = finish;
        if let (Some(address), Operation::Change(change)) = (address, &self.shared.plan.steps[step].operation) {
            self.shared.world_mut().settle(step, change, address, observation);
        }
        self.queue.finish(step);
        self.summary.succeeded += 1;
        self.tell_end(step, Outcome::Succeeded);
    }

    fn fail(&mut self, step: usize, fault: Fault) {
        let by = self.id(step);
        self.summary.failed.push((by.clone(), fault.clone()));
        self.tell_end(step, Outcome::Failed { fault });
        for blocked in self.queue.fail(step) {
            self.summary.blocked += 1;
            self.tell_end(blocked, Outcome::Blocked { by: by.clone() });
        }
    }

    fn tell_end(&mut self, step: usize, outcome: Outcome) {
        let took = self.running[step]
            .take()
            .map_or(Duration::ZERO, |(_, started)| self.shared.timer.now().duration_since(started));
        self.events.event(&Event::StepEnded { at: self.clock.now(), step: self.id(step), outcome, took });
    }

    /// Makes records durable. The journal waits for the disk, so it does that on a thread that may wait.
    async fn append(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        let lost = || JournalError("its writer has stopped".to_owned());
        let mut journal = self.journal.take().ok_or_else(lost)?;
        let written = tokio::task::spawn_blocking(move || {
            let result = journal.append(records);
            (journal, result)
        });
        let (journal, result) = written.await.map_err(|_| lost())?;
        self.journal = Some(journal);
        result
    }

    async fn end(mut self) -> Result<Summary, ExecuteError> {
        let mut left: Vec<usize> = (0..self.running.len()).filter(|step| self.running[*step].is_some()).collect();
        left.extend(self.queue.unstarted());
        for step in left {
            self.summary.cancelled += 1;
            self.tell_end(step, Outcome::Cancelled);
        }
        let at = self.clock.now();
        // After a stop at once something may still be under way, which is just what the record would deny.
        if self.obeys != CancelLevel::Now {
            self.append(vec![Record::Ended { at, complete: self.summary.is_complete() }]).await?;
        }
        self.summary.took = self.shared.timer.now().duration_since(self.shared.started);
        self.events.event(&Event::RunEnded { at, summary: self.summary.clone() });
        Ok(self.summary)
    }
}
