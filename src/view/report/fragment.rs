//! What a page shows of a run: where it stands, what went wrong, the timeline, the slowest chain, the plan, what to do
//! next.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::gantt::gantt;
use super::record::{RunRecord, StepState, between};
use super::sections::{failures, next_commands, plan_section, retries, slowest_chain};
use crate::view::markup::escape;
use crate::view::progress::seconds;

/// The content of a page, as it is at `now`.
pub fn fragment(run: &RunRecord, now: Timestamp) -> String {
    let mut text = head(run, now);
    text.push_str(&failures(run));
    text.push_str(&next_commands(run));
    let timeline = gantt(run, now);
    if !timeline.is_empty() {
        let _ = write!(text, "<section><h2>Timeline</h2>\n{LEGEND}{timeline}</section>\n");
    }
    text.push_str(&slowest_chain(run, now));
    text.push_str(&retries(run));
    text.push_str(&plan_section(run));
    text
}

const LEGEND: &str = "<p class=\"legend\"><span class=\"key succeeded\">done</span><span class=\"key running\">under way</span>\
    <span class=\"key failed\">failed</span><span class=\"key left\">not started, or left</span>\
    <span class=\"key retry\">tried again</span><span class=\"key slowest\">slowest chain</span></p>\n";

/// Where the run stands, in words of its own: class and text.
fn standing(run: &RunRecord) -> (&'static str, &'static str) {
    let failed = run.failures().next().is_some();
    match (run.started, run.ended) {
        (None, _) => ("waiting", "not begun"),
        (Some(_), None) if run.stopping => ("left", "stopping"),
        (Some(_), None) if failed => ("failed", "under way, with failures"),
        (Some(_), None) => ("running", "under way"),
        (Some(_), Some(_)) if run.is_complete() => ("succeeded", "done"),
        (Some(_), Some(_)) if failed => ("failed", "not finished"),
        (Some(_), Some(_)) => ("left", "interrupted"),
    }
}

fn head(run: &RunRecord, now: Timestamp) -> String {
    let (class, word) = standing(run);
    let head = &run.head;
    let simulated = if head.simulated { "<span class=\"badge simulated\">SIMULATED</span>" } else { "" };
    let took = run.started.map(|started| seconds(between(started, run.ended.unwrap_or(now)))).unwrap_or_default();
    let total = run.steps.len();
    let counts = [
        ("done", run.done()),
        ("under way", run.count(|state| *state == StepState::Running)),
        ("failed", run.failures().count()),
        ("not started, or left", run.count(|state| matches!(state, StepState::Blocked(_) | StepState::Cancelled))),
    ];
    let counts: Vec<String> = counts
        .iter()
        .enumerate()
        .filter(|(index, (_, count))| *index == 0 || *count > 0)
        .map(|(_, (what, count))| format!("<span><b>{count}</b> {what}</span>"))
        .collect();
    let when = run.started.map(|started| format!("{started:.0}")).unwrap_or_default();
    format!(
        "<header><h1>{} <span class=\"name\">{}</span></h1><span class=\"badge {class}\">{word}</span>{simulated}\n\
         <p class=\"faint\">{} in {}{}{when}</p>\n\
         <progress max=\"{}\" value=\"{}\" aria-label=\"steps done\"></progress>\n\
         <p class=\"counts\"><span><b>{total}</b> steps</span>{}<span><b>{took}</b></span></p></header>\n",
        escape(&head.verb),
        escape(&head.resource_group),
        escape(&head.target),
        escape(&head.location),
        if when.is_empty() { "" } else { ", " },
        total.max(1),
        run.done().min(total.max(1)),
        counts.concat(),
    )
}
