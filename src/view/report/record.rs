//! What is known of a run: the plan's steps, and how each of them goes.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::contract::{ChangeKind, Event, Fault, Operation, Outcome, Reason, Step, StepId};
use crate::plan::Plan;

/// What a run is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunHead {
    /// The verb, such as `deploy`.
    pub verb: String,
    /// The resource group.
    pub resource_group: String,
    /// The location.
    pub location: String,
    /// The target's word.
    pub target: String,
    /// Whether nothing real happens.
    pub simulated: bool,
}

/// How a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// It has not been started in this run.
    Waiting,
    /// It is under way.
    Running,
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed(Fault),
    /// It was not started because of this one.
    Blocked(StepId),
    /// The run was cancelled before it ended.
    Cancelled,
}

/// A step of the plan, and how it goes.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// Which.
    pub id: StepId,
    /// How it changes a resource; nothing for an act on a member.
    pub change: Option<ChangeKind>,
    /// What it is about: the resource's type, or what is done to a member.
    pub kind: String,
    /// The resource's name, or what stands for it.
    pub name: String,
    /// Whether the resource is one of a series of machines.
    pub in_series: bool,
    /// Why it is in the plan.
    pub reason: Reason,
    /// Those that it waits for, as positions in [`RunRecord::steps`].
    pub after: Vec<usize>,
    /// How it stands.
    pub state: StepState,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// When it had to be tried again, and why.
    pub retries: Vec<(Timestamp, Fault)>,
}

impl StepRecord {
    fn new(step: &Step, positions: &HashMap<&StepId, usize>) -> Self {
        let (change, kind, name, in_series) = match &step.operation {
            Operation::Change(change) => (
                Some(change.kind),
                change.resource_type.to_string(),
                change.key.name().to_owned(),
                change.index.is_some(),
            ),
            Operation::Act(act) => (None, act_kind(&act.describe()).to_owned(), act.describe(), true),
        };
        Self {
            id: step.id.clone(),
            change,
            kind,
            name,
            in_series,
            reason: step.reason.clone(),
            after: step.after.iter().filter_map(|id| positions.get(id).copied()).collect(),
            state: StepState::Waiting,
            started: None,
            ended: None,
            retries: Vec::new(),
        }
    }

    /// How long it took, or has taken until `now`.
    pub fn took(&self, now: Timestamp) -> Option<Duration> {
        let started = self.started?;
        Some(between(started, self.ended.unwrap_or(now)))
    }
}

/// What acts of a kind have in common, however many members they are done to.
fn act_kind(description: &str) -> &str {
    const KINDS: [(&str, &str); 4] = [
        ("wait for", "wait for nodes to be Ready"),
        ("cordon and drain", "cordon and drain nodes"),
        ("remove node", "remove nodes"),
        ("remove the etcd member", "remove etcd members"),
    ];
    KINDS.into_iter().find(|(begin, _)| description.starts_with(begin)).map_or(description, |(_, kind)| kind)
}

/// The time from one moment to another; none if the clock was set back meanwhile.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// A run.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// What it is about.
    pub head: RunHead,
    /// The steps, in the plan's order.
    pub steps: Vec<StepRecord>,
    /// What the reader of the plan should know.
    pub notes: Vec<String>,
    /// How many resources are left as they are.
    pub unchanged: usize,
    /// How many steps were finished in an earlier run of the same plan.
    pub already_done: usize,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Whether it was asked to stop.
    pub stopping: bool,
    /// Commands to go on with once it is over, each with what it is for.
    pub next: Vec<(String, String)>,
    positions: HashMap<StepId, usize>,
}

impl RunRecord {
    /// A run of a plan that has not begun.
    pub fn new(plan: &Plan, target: &str, simulated: bool) -> Self {
        let positions: HashMap<&StepId, usize> =
            plan.steps.iter().enumerate().map(|(position, step)| (&step.id, position)).collect();
        Self {
            head: RunHead {
                verb: plan.verb.clone(),
                resource_group: plan.scope.resource_group.clone(),
                location: plan.scope.location.clone(),
                target: target.to_owned(),
                simulated,
            },
            steps: plan.steps.iter().map(|step| StepRecord::new(step, &positions)).collect(),
            notes: plan.notes.clone(),
            unchanged: plan.unchanged.len(),
            already_done: 0,
            started: None,
            ended: None,
            stopping: false,
            next: Vec::new(),
            positions: positions.into_iter().map(|(id, position)| (id.clone(), position)).collect(),
        }
    }

    /// Takes in what has happened. An event of a step that the plan does not have changes nothing.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted { at, already_done, .. } => {
                self.started = Some(*at);
                self.already_done = *already_done;
            }
            Event::StepStarted { at, step } => {
                if let Some(step) = self.step(step) {
                    step.started.get_or_insert(*at);
                    step.state = StepState::Running;
                }
            }
            Event::StepRetried { at, step, fault, .. } => {
                if let Some(step) = self.step(step) {
                    step.retries.push((*at, fault.clone()));
                }
            }
            Event::StepEnded { at, step, outcome, .. } => {
                if let Some(step) = self.step(step) {
                    step.ended = Some(*at);
                    step.state = match outcome {
                        Outcome::Succeeded => StepState::Succeeded,
                        Outcome::Failed { fault } => StepState::Failed(fault.clone()),
                        Outcome::Blocked { by } => StepState::Blocked(by.clone()),
                        Outcome::Cancelled => StepState::Cancelled,
                    };
                }
            }
            Event::RunStopping { .. } => self.stopping = true,
            Event::RunEnded { at, .. } => self.ended = Some(*at),
        }
    }

    fn step(&mut self, id: &StepId) -> Option<&mut StepRecord> {
        let position = *self.positions.get(id)?;
        self.steps.get_mut(position)
    }

    /// The steps that failed, with why.
    pub fn failures(&self) -> impl Iterator<Item = (&StepRecord, &Fault)> {
        self.steps.iter().filter_map(|step| match &step.state {
            StepState::Failed(fault) => Some((step, fault)),
            _ => None,
        })
    }

    /// How many steps stand so.
    pub fn count(&self, is_meant: impl Fn(&StepState) -> bool) -> usize {
        self.steps.iter().filter(|step| is_meant(&step.state)).count()
    }

    /// How many steps ended well, those of an earlier run included.
    pub fn done(&self) -> usize {
        self.count(|state| *state == StepState::Succeeded) + self.already_done
    }

    /// Whether all of it is done.
    pub fn is_complete(&self) -> bool {
        self.done() >= self.steps.len()
    }
}
