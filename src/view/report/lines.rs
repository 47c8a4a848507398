//! Events as lines of JSON, for other programs: what they mean is in `schemas/events.json`.

use jiff::Timestamp;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use super::record::RunRecord;
use crate::contract::{Event, Fault, Outcome};
use crate::view::style::harmless;

/// The version of the lines that this engine writes.
const FORMAT: u32 = 1;

/// One line of the file that `--events` names. The first line is `planned`, the last one `concluded`; a file without
/// that one belongs to a run that was killed or still goes on. Moments are in UTC (RFC 3339), durations in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum EventLine {
    /// What is to be done.
    Planned {
        /// The version of this format.
        format: u32,
        /// When.
        at: String,
        /// The verb.
        verb: String,
        /// The resource group.
        resource_group: String,
        /// The location.
        location: String,
        /// The target: azure, stack, libvirt or simulator.
        target: String,
        /// Whether nothing real happens.
        simulated: bool,
        /// The steps, each after those that it waits for.
        steps: Vec<PlannedStep>,
    },
    /// The run begins.
    RunStarted {
        /// When.
        at: String,
        /// All steps of the plan.
        total: usize,
        /// Those that ended well in an earlier run.
        already_done: usize,
    },
    /// A step starts.
    StepStarted {
        /// When.
        at: String,
        /// Which.
        step: String,
    },
    /// A step will be tried again.
    StepRetried {
        /// When.
        at: String,
        /// Which.
        step: String,
        /// Why.
        fault: FaultLine,
        /// After so many seconds.
        after: f64,
    },
    /// A step is over.
    StepEnded {
        /// When.
        at: String,
        /// Which.
        step: String,
        /// How.
        outcome: OutcomeWord,
        /// Why it failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        fault: Option<FaultLine>,
        /// The step whose failure kept it from being started.
        #[serde(skip_serializing_if = "Option::is_none")]
        blocked_by: Option<String>,
        /// How long it took, waiting between retries included.
        seconds: f64,
    },
    /// The run was asked to stop.
    RunStopping {
        /// When.
        at: String,
        /// How many steps are under way.
        running: usize,
        /// Whether they are left as they are rather than finished.
        at_once: bool,
    },
    /// The run is over.
    RunEnded {
        /// When.
        at: String,
        /// Steps that ended well, those of earlier runs included.
        succeeded: usize,
        /// Steps that failed.
        failed: usize,
        /// Steps that were not started because of those.
        blocked: usize,
        /// Steps that had not ended when the run was cancelled.
        cancelled: usize,
        /// How long it took.
        seconds: f64,
    },
    /// The program ends.
    Concluded {
        /// When.
        at: String,
        /// Its exit code.
        exit_code: u8,
        /// Whether every step ended well.
        complete: bool,
        /// The steps that made the run take as long as it took, in the order in which they ran.
        slowest_chain: Vec<ChainLink>,
    },
}

/// A step of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// What identifies it, in every run of the plan.
    pub step: String,
    /// create, update or delete; nothing for an act on a member of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The steps that it waits for.
    pub after: Vec<String>,
}

/// A step of the slowest chain.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ChainLink {
    /// Which.
    pub step: String,
    /// How long it took.
    pub seconds: f64,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OutcomeWord {
    /// Well.
    Succeeded,
    /// Badly.
    Failed,
    /// It was never started, because something it waits for failed.
    Blocked,
    /// The run was cancelled before it ended.
    Cancelled,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FaultLine {
    /// The kind of fault, such as `throttled` or `quota`.
    pub class: String,
    /// The target's own code; empty if it gave none.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The id by which the target's support finds the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl From<&Fault> for FaultLine {
    fn from(fault: &Fault) -> Self {
        let class = serde_json::to_value(fault.class).ok();
        Self {
            class: class.as_ref().and_then(|class| class.as_str()).unwrap_or_default().to_owned(),
            code: harmless(&fault.code),
            message: harmless(&fault.message),
            help: fault.help.as_deref().map(harmless),
            request_id: fault.request_id.as_deref().map(harmless),
        }
    }
}

impl EventLine {
    /// The first line.
    pub fn planned(run: &RunRecord, now: Timestamp) -> Self {
        let steps = run.steps.iter().map(|step| PlannedStep {
            step: step.id.to_string(),
            change: step.change.map(|change| change.word().to_owned()),
            after: step.after.iter().map(|position| run.steps[*position].id.to_string()).collect(),
        });
        Self::Planned {
            format: FORMAT,
            at: now.to_string(),
            verb: run.head.verb.clone(),
            resource_group: run.head.resource_group.clone(),
            location: run.head.location.clone(),
            target: run.head.target.clone(),
            simulated: run.head.simulated,
            steps: steps.collect(),
        }
    }

    /// The last line.
    pub fn concluded(run: &RunRecord, exit_code: u8, now: Timestamp) -> Self {
        Self::Concluded { at: now.to_string(), exit_code, complete: run.is_complete(), slowest_chain: links(run, now) }
    }

    /// The line as it stands in the file, with its newline.
    pub fn text(&self) -> String {
        // It is made of strings, numbers and lists; writing it to memory cannot fail.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

impl From<&Event> for EventLine {
    fn from(event: &Event) -> Self {
        match event {
            Event::RunStarted { at, total, already_done } => {
                Self::RunStarted { at: at.to_string(), total: *total, already_done: *already_done }
            }
            Event::StepStarted { at, step } => Self::StepStarted { at: at.to_string(), step: step.to_string() },
            Event::StepRetried { at, step, fault, after } => Self::StepRetried {
                at: at.to_string(),
                step: step.to_string(),
                fault: fault.into(),
                after: after.as_secs_f64(),
            },
            Event::StepEnded { at, step, outcome, took } => {
                let (word, fault, blocked_by) = match outcome {
                    Outcome::Succeeded => (OutcomeWord::Succeeded, None, None),
                    Outcome::Failed { fault } => (OutcomeWord::Failed, Some(fault.into()), None),
                    Outcome::Blocked { by } => (OutcomeWord::Blocked, None, Some(by.to_string())),
                    Outcome::Cancelled => (OutcomeWord::Cancelled, None, None),
                };
                Self::StepEnded {
                    at: at.to_string(),
                    step: step.to_string(),
                    outcome: word,
                    fault,
                    blocked_by,
                    seconds: took.as_secs_f64(),
                }
            }
            Event::RunStopping { at, running, at_once } => {
                Self::RunStopping { at: at.to_string(), running: *running, at_once: *at_once }
            }
            Event::RunEnded { at, summary } => Self::RunEnded {
                at: at.to_string(),
                succeeded: summary.succeeded,
                failed: summary.failed.len(),
                blocked: summary.blocked,
                cancelled: summary.cancelled,
                seconds: summary.took.as_secs_f64(),
            },
        }
    }
}

fn links(run: &RunRecord, now: Timestamp) -> Vec<ChainLink> {
    let link = |position: usize| ChainLink {
        step: run.steps[position].id.to_string(),
        seconds: run.steps[position].took(now).unwrap_or_default().as_secs_f64(),
    };
    run.slowest_chain().into_iter().map(link).collect()
}

/// The slowest chain of a run that is over, as data.
pub fn chain_as_json(run: &RunRecord) -> serde_json::Value {
    run.ended.and_then(|ended| serde_json::to_value(links(run, ended)).ok()).unwrap_or_default()
}

/// The JSON Schema of a line, as in `schemas/events.json`.
pub fn events_schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<EventLine>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), "A line of the events of a run".into());
    }
    schema
}
