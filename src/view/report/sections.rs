//! The sections of a page below its head.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::record::{RunRecord, StepRecord};
use crate::contract::{ChangeKind, Fault, Reason};
use crate::view::markup::escape;
use crate::view::progress::seconds;
use crate::view::style::{brief, harmless};

/// The most entries of a list.
const LISTED: usize = 200;

/// Text from outside, as markup.
fn outside(text: &str) -> String {
    escape(&harmless(text))
}

/// Each failure with its remedy.
pub(super) fn failures(run: &RunRecord) -> String {
    let mut text = String::new();
    for (step, fault) in run.failures() {
        let waiting = run.count(|state| matches!(state, super::record::StepState::Blocked(by) if *by == step.id));
        let _ = write!(text, "<li><h3>{}</h3><p>{}</p>", escape(&brief(&step.id)), outside(&fault.to_string()));
        if let Some(help) = &fault.help {
            let _ = write!(text, "<p class=\"help\"><b>What to do:</b> {}</p>", outside(help));
        }
        if waiting > 0 {
            let steps = if waiting == 1 {
                "1 step that waits for it was".to_owned()
            } else {
                format!("{waiting} steps that wait for it were")
            };
            let _ = write!(text, "<p>{steps} not started.</p>");
        }
        if let Some(request) = &fault.request_id {
            let _ = write!(text, "<p class=\"faint\">request {}</p>", outside(request));
        }
        text.push_str("</li>\n");
    }
    section(&text, "Failures", "failures")
}

/// The commands to go on with.
pub(super) fn next_commands(run: &RunRecord) -> String {
    let mut text = String::new();
    for (command, what_for) in &run.next {
        let _ = writeln!(
            text,
            "<li><code>{}</code> <span class=\"faint\">{}</span></li>",
            escape(command),
            escape(what_for)
        );
    }
    section(&text, "Next", "next")
}

fn section(items: &str, title: &str, class: &str) -> String {
    if items.is_empty() {
        return String::new();
    }
    format!("<section class=\"{class}\"><h2>{title}</h2>\n<ul>\n{items}</ul></section>\n")
}

/// The steps that made the run as long as it was.
pub(super) fn slowest_chain(run: &RunRecord, now: Timestamp) -> String {
    let chain = run.slowest_chain();
    if chain.len() < 2 {
        return String::new();
    }
    let mut text = String::from("<section><h2>Slowest chain</h2>\n<ol class=\"chain\">\n");
    for position in chain {
        let step = &run.steps[position];
        let took = step.took(now).map(seconds).unwrap_or_default();
        let _ = writeln!(text, "<li>{} <b>{took}</b></li>", escape(&brief(&step.id)));
    }
    text.push_str("</ol></section>\n");
    text
}

/// What had to be tried again, the same cause once.
pub(super) fn retries(run: &RunRecord) -> String {
    let mut causes: BTreeMap<String, (usize, &StepRecord, &Fault)> = BTreeMap::new();
    for step in &run.steps {
        for (_, fault) in &step.retries {
            let cause = if fault.code.is_empty() { fault.message.clone() } else { fault.code.clone() };
            causes.entry(cause).and_modify(|(count, ..)| *count += 1).or_insert((1, step, fault));
        }
    }
    let mut text = String::new();
    for (count, step, fault) in causes.values().take(LISTED) {
        let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
        let _ = writeln!(
            text,
            "<li>{times}: {} <span class=\"faint\">first at {}</span></li>",
            outside(&fault.to_string()),
            escape(&brief(&step.id))
        );
    }
    section(&text, "Tried again", "retries")
}

/// What was planned, by kind of change and type, with the reason where it says more than that something is missing.
pub(super) fn plan_section(run: &RunRecord) -> String {
    let mut groups: BTreeMap<(u8, &str), Vec<&StepRecord>> = BTreeMap::new();
    for step in &run.steps {
        groups.entry((order(step.change), &step.kind)).or_default().push(step);
    }
    let mut text = String::from("<section><h2>Plan</h2>\n");
    for ((kind, resource_type), steps) in &groups {
        let (sign, word) = SIGNS[usize::from(*kind)];
        let _ = writeln!(
            text,
            "<details class=\"{word}\"><summary><b>{sign}</b> {} {} <span class=\"faint\">{}</span></summary><ul>",
            steps.len(),
            escape(resource_type),
            if word == "act" { "" } else { word }
        );
        for step in steps.iter().take(LISTED) {
            let _ = writeln!(text, "<li>{}{}</li>", outside(&step.name), reason(&step.reason));
        }
        if let Some(rest) = steps.len().checked_sub(LISTED).filter(|rest| *rest > 0) {
            let _ = writeln!(text, "<li class=\"faint\">and {rest} more</li>");
        }
        text.push_str("</ul></details>\n");
    }
    let _ = writeln!(text, "<p class=\"faint\">{} resources stay as they are.</p>", run.unchanged);
    for note in &run.notes {
        let _ = writeln!(text, "<p class=\"note\"><b>note:</b> {}</p>", outside(note));
    }
    text.push_str("</section>\n");
    text
}

const SIGNS: [(&str, &str); 4] = [("+", "create"), ("~", "update"), ("−", "delete"), (">", "act")];

fn order(change: Option<ChangeKind>) -> u8 {
    match change {
        Some(ChangeKind::Create) => 0,
        Some(ChangeKind::Update) => 1,
        Some(ChangeKind::Delete) => 2,
        None => 3,
    }
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Differs { fields } => {
            let mut text = String::from("<ul>");
            for field in fields {
                let value = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), outside);
                let pointer = if field.pointer.is_empty() { "(its content)" } else { &field.pointer };
                let _ = write!(
                    text,
                    "<li><code>{}</code>: <del>{}</del> → <ins>{}</ins></li>",
                    outside(pointer),
                    value(&field.observed),
                    value(&field.wanted)
                );
            }
            text + "</ul>"
        }
        Reason::Unfinished => " <span class=\"faint\">an earlier attempt has not succeeded</span>".to_owned(),
        Reason::Missing | Reason::Unwanted | Reason::Needed { .. } => String::new(),
    }
}
