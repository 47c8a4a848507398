//! The rows of the timeline: a step each, or one for all machines of a pool.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::record::{RunRecord, StepRecord, StepState};
use crate::view::style::{brief, harmless};

/// From how many steps on those of a series share a row.
const FOLDED_FROM: usize = 40;
/// How many steps of a kind are a series.
const SERIES_FROM: usize = 4;
/// The most rows of a timeline.
const MOST: usize = 150;

/// How a row is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Waiting,
    Running,
    Succeeded,
    Failed,
    Left,
}

impl Look {
    /// The class of its bar.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }

    fn of(state: &StepState) -> Self {
        match state {
            StepState::Waiting => Self::Waiting,
            StepState::Running => Self::Running,
            StepState::Succeeded => Self::Succeeded,
            StepState::Failed(_) => Self::Failed,
            StepState::Blocked(_) | StepState::Cancelled => Self::Left,
        }
    }
}

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    /// What it shows.
    pub label: String,
    pub look: Look,
    /// When the first of its steps was started.
    pub started: Option<Timestamp>,
    /// When the last of them was over; nothing while one is under way.
    pub ended: Option<Timestamp>,
    /// When something was tried again.
    pub retries: Vec<Timestamp>,
    /// Whether it belongs to the slowest chain.
    pub slowest: bool,
    /// What is said of it beside its bar, such as `180 of 200`.
    pub beside: Option<String>,
    /// Which share of its steps is done, where that is some and not all of them.
    pub done: Option<f64>,
}

/// The rows of a run, in the order in which they began, and how many steps are not among them.
pub(super) fn rows(run: &RunRecord) -> (Vec<Row>, usize) {
    let chain: Vec<usize> = run.slowest_chain();
    let mut series: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    let mut single: Vec<usize> = Vec::new();
    for (position, step) in run.steps.iter().enumerate() {
        let alone = matches!(step.state, StepState::Failed(_)) || !step.in_series || run.steps.len() < FOLDED_FROM;
        if alone {
            single.push(position);
        } else {
            series.entry(kind_of(step)).or_default().push(position);
        }
    }
    let mut found: Vec<(usize, Row)> = Vec::new();
    for ((_, stem), positions) in series {
        if positions.len() < SERIES_FROM {
            single.extend(positions);
        } else if let Some(first) = positions.first() {
            single.extend(positions.iter().filter(|position| chain.contains(position)));
            found.push((*first, folded(run, &positions, &stem)));
        }
    }
    found.extend(single.into_iter().map(|position| (position, row(run, position, chain.contains(&position)))));
    // What has not begun comes last.
    found.sort_by_key(|(position, row)| (row.started.is_none(), row.started, *position));
    let left_out = found.len().saturating_sub(MOST);
    if left_out > 0 {
        let matters = |row: &Row| row.slowest || matches!(row.look, Look::Failed | Look::Running);
        let mut to_drop = left_out;
        found.reverse();
        found.retain(|(_, row)| {
            let stays = matters(row) || to_drop == 0;
            to_drop -= usize::from(!stays);
            stays
        });
        found.reverse();
    }
    (found.into_iter().map(|(_, row)| row).collect(), left_out)
}

/// What the steps of a series have in common: kind of change and type, and the name without its number.
fn kind_of(step: &StepRecord) -> (String, String) {
    let change = step.change.map_or("", crate::contract::ChangeKind::word);
    let brief_type = step.kind.rsplit_once("Microsoft.").map_or(&*step.kind, |(_, rest)| rest);
    let brief_type = brief_type.split_once('/').map_or(brief_type, |(_, rest)| rest);
    let name = if step.change.is_some() { stem(&step.name) } else { String::new() };
    let label = format!("{change} {brief_type} {name}").trim().to_owned();
    (format!("{change} {}", step.kind), harmless(&label))
}

/// A machine's name with a sign in place of its number. A name that is not known yet stands in pointed brackets.
fn stem(name: &str) -> String {
    let owner = name.split('/').next().unwrap_or(name).trim_end_matches('>');
    let bare = owner.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if bare.len() == owner.len() { owner.to_owned() } else { format!("{bare}…") }
}

fn row(run: &RunRecord, position: usize, slowest: bool) -> Row {
    let step = &run.steps[position];
    let beside = match &step.state {
        // The run is complete, and this step had no part in it.
        StepState::Waiting if run.ended.is_some() && run.is_complete() => Some("finished before".to_owned()),
        StepState::Blocked(by) => Some(format!("not started: {} failed", brief(by))),
        StepState::Cancelled if step.started.is_none() => Some("not started".to_owned()),
        StepState::Cancelled => Some("left under way".to_owned()),
        _ => None,
    };
    Row {
        label: brief(&step.id),
        look: Look::of(&step.state),
        started: step.started,
        ended: step.started.and(step.ended),
        retries: step.retries.iter().map(|(at, _)| *at).collect(),
        slowest,
        beside,
        done: None,
    }
}

fn folded(run: &RunRecord, positions: &[usize], stem: &str) -> Row {
    let steps = || positions.iter().map(|position| &run.steps[*position]);
    let count = |look: Look| steps().filter(|step| Look::of(&step.state) == look).count();
    let started: Vec<&StepRecord> = steps().filter(|step| step.started.is_some()).collect();
    let done = count(Look::Succeeded);
    let look = if count(Look::Failed) > 0 {
        Look::Failed
    } else if count(Look::Running) > 0 {
        Look::Running
    } else if done == positions.len() {
        Look::Succeeded
    } else if count(Look::Left) > 0 {
        Look::Left
    } else if done > 0 {
        Look::Running
    } else {
        Look::Waiting
    };
    Row {
        label: format!("{stem} × {}", positions.len()),
        look,
        started: started.iter().filter_map(|step| step.started).min(),
        ended: if look == Look::Running { None } else { started.iter().filter_map(|step| step.ended).max() },
        retries: steps().flat_map(|step| step.retries.iter().map(|(at, _)| *at)).collect(),
        slowest: false,
        beside: (done < positions.len() && look != Look::Waiting).then(|| format!("{done} of {}", positions.len())),
        done: (0 < done && done < positions.len()).then(|| done as f64 / positions.len() as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_a_pool_have_one_stem() {
        let stems = ["k8s-a-1-12", "k8s-a-1-12/cse-agent-12", "<a-role 12>", "k8s-vnet"].map(stem);
        assert_eq!(stems, ["k8s-a-1-…", "k8s-a-1-…", "<a-role …", "k8s-vnet"]);
    }
}
