//! What became of a run, and what there is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::progress::seconds;
use super::report::RunRecord;
use super::style::brief;
use super::{Style, harmless};
use crate::contract::{AppliedResources, Summary};

/// What became of a run: the sum, and each cause of a failure once, with its remedy.
pub fn render_summary(verb: &str, summary: &Summary, style: Style) -> String {
    let mut text = String::new();
    let sum = format!("{} steps in {}", summary.succeeded, seconds(summary.took));
    if summary.is_complete() {
        let _ = writeln!(text, "{} {verb}: {sum}", style.good("Done."));
        return text;
    }
    let _ = writeln!(
        text,
        "{} {verb}: {sum}; {} failed, {} left",
        style.bad("Not finished."),
        summary.failed.len(),
        summary.blocked + summary.cancelled
    );
    for (step, fault) in &summary.failed {
        let _ =
            writeln!(text, "\n{} {}\n  {}", style.bad("error:"), harmless(step.as_str()), harmless(&fault.to_string()));
        if let Some(help) = &fault.help {
            let _ = writeln!(text, "  {} {}", style.strong("help:"), harmless(help));
        }
        if let Some(request) = &fault.request_id {
            let _ = writeln!(text, "  {}", style.faint(&format!("request {}", harmless(request))));
        }
    }
    text
}

/// The most steps of a chain that are shown; the longest ones.
const LINKS: usize = 6;

/// Which steps made the run take as long as it took; nothing for a run of one step.
pub fn render_chain(run: &RunRecord, style: Style) -> String {
    let Some(ended) = run.ended else { return String::new() };
    let chain = run.slowest_chain();
    if chain.len() < 2 {
        return String::new();
    }
    let took = |position: &usize| run.steps[*position].took(ended).unwrap_or_default();
    let mut longest = chain.clone();
    longest.sort_by_key(|position| std::cmp::Reverse(took(position)));
    longest.truncate(LINKS);
    let mut text = format!("\n{}\n", style.strong("The slowest chain:"));
    for position in chain.iter().filter(|position| longest.contains(position)) {
        let _ = writeln!(
            text,
            "  {}  {}",
            style.faint(&format!("{:>12}", seconds(took(position)))),
            brief(&run.steps[*position].id)
        );
    }
    if let Some(rest) = chain.len().checked_sub(LINKS).filter(|rest| *rest > 0) {
        let _ = writeln!(text, "  {}", style.faint(&format!("and {rest} shorter steps")));
    }
    text
}

/// What became of a run, as data.
pub fn summary_as_json(verb: &str, summary: &Summary) -> Json {
    json!({
        "format": 1,
        "verb": verb,
        "complete": summary.is_complete(),
        "succeeded": summary.succeeded,
        "failed": summary.failed.iter().map(|(step, fault)| json!({ "step": step, "fault": fault })).collect::<Vec<_>>(),
        "blocked": summary.blocked,
        "cancelled": summary.cancelled,
        "seconds": summary.took.as_secs_f64(),
    })
}

/// The resources that the engine made, by type.
pub fn render_resources(applied: &AppliedResources, style: Style) -> String {
    let mut by_type: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for resource in applied.values() {
        by_type.entry(&resource.address.resource_type).or_default().push(&resource.address.name);
    }
    let mut text = String::new();
    for (resource_type, mut names) in by_type {
        const SHOWN: usize = 8;
        names.sort_unstable_by_key(|name| natural_order(name));
        let _ = writeln!(text, "  {} {}", style.strong(resource_type), style.faint(&format!("({})", names.len())));
        for name in names.iter().take(SHOWN) {
            let _ = writeln!(text, "    {}", harmless(name));
        }
        if let Some(rest) = names.len().checked_sub(SHOWN).filter(|rest| *rest > 0) {
            let _ = writeln!(text, "    and {rest} more");
        }
    }
    text
}

/// Machine 10 comes after machine 9: digits at the end count as a number.
fn natural_order(name: &str) -> (String, u64) {
    let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    (stem.to_owned(), name[stem.len()..].parse().unwrap_or_default())
}
