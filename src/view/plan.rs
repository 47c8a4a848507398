//! A plan as people read it before they consent, and as data.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::{Style, harmless};
use crate::contract::{Change, ChangeKind, Operation, Reason, Step};
use crate::plan::Plan;

/// The most resources of one kind and change that are listed by name.
const LISTED: usize = 12;

/// The plan: what is created, changed and deleted, by type, what is done to members, and the sum.
/// `target` is what people are told about where, such as `simulator (SIMULATED)`.
pub fn render_plan(plan: &Plan, target: &str, style: Style) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} {} in resource group {} ({}) on {target}",
        style.strong("Plan:"),
        plan.verb,
        style.strong(&plan.scope.resource_group),
        plan.scope.location
    );
    if plan.is_empty() {
        let _ = writeln!(text, "\nNothing to do: all {} resources are as they should be.", plan.unchanged.len());
    }
    for (kind, sign) in [(ChangeKind::Create, "+"), (ChangeKind::Update, "~"), (ChangeKind::Delete, "-")] {
        let mut by_type: BTreeMap<&str, Vec<(&Step, &Change)>> = BTreeMap::new();
        for step in &plan.steps {
            if let Operation::Change(change) = &step.operation
                && change.kind == kind
            {
                by_type.entry(&change.resource_type).or_default().push((step, change));
            }
        }
        for (resource_type, changes) in by_type {
            let paint = |text: &str| match kind {
                ChangeKind::Create => style.good(text),
                ChangeKind::Update => style.warn(text),
                ChangeKind::Delete => style.bad(text),
            };
            let _ = writeln!(text, "\n  {}", style.faint(resource_type));
            for (step, change) in changes.iter().take(LISTED) {
                let _ = writeln!(text, "  {} {}", paint(sign), paint(&harmless(&shown_name(change))));
                describe_reason(&mut text, &step.reason, style);
            }
            if let Some(rest) = changes.len().checked_sub(LISTED).filter(|rest| *rest > 0) {
                let _ = writeln!(text, "  {} and {rest} more", paint(sign));
            }
        }
    }
    let acts: Vec<&Step> = plan.steps.iter().filter(|step| matches!(step.operation, Operation::Act(_))).collect();
    if !acts.is_empty() {
        let _ = writeln!(text, "\n  {}", style.faint("members of the cluster"));
        for step in acts.iter().take(LISTED) {
            let _ = writeln!(text, "  > {}", harmless(step.id.as_str()));
        }
        if let Some(rest) = acts.len().checked_sub(LISTED).filter(|rest| *rest > 0) {
            let _ = writeln!(text, "  > and {rest} more");
        }
    }
    for note in &plan.notes {
        let _ = writeln!(text, "\n{} {}", style.warn("note:"), harmless(note));
    }
    if !plan.is_empty() {
        let _ = writeln!(
            text,
            "\n{} {} to create, {} to change, {} to delete, {} unchanged.",
            style.strong("Sum:"),
            plan.count(ChangeKind::Create),
            plan.count(ChangeKind::Update),
            plan.count(ChangeKind::Delete),
            plan.unchanged.len()
        );
    }
    text
}

/// A resource's name, or what stands for it while it is not known.
fn shown_name(change: &Change) -> String {
    if change.name.as_str().is_some() {
        change.key.name().to_owned()
    } else {
        format!("{} (named once what it depends on exists)", change.key.name())
    }
}

fn describe_reason(text: &mut String, reason: &Reason, style: Style) {
    match reason {
        Reason::Differs { fields } => {
            for field in fields {
                let value = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), harmless);
                let _ = writeln!(
                    text,
                    "      {}: {} → {}",
                    if field.pointer.is_empty() { "(its content)" } else { &field.pointer },
                    style.bad(&value(&field.observed)),
                    style.good(&value(&field.wanted))
                );
            }
        }
        Reason::Unfinished => {
            let _ = writeln!(text, "      {}", style.faint("an earlier attempt has not succeeded"));
        }
        Reason::Missing | Reason::Unwanted | Reason::Needed { .. } => {}
    }
}

/// The plan as data: the sum, and each step with what it waits for and its reason. No secret, no body.
pub fn plan_as_json(plan: &Plan, target: &str) -> Json {
    let steps: Vec<Json> = plan
        .steps
        .iter()
        .map(|step| {
            let mut shown = match &step.operation {
                Operation::Change(change) => json!({
                    "id": step.id, "change": change.kind, "type": &*change.resource_type, "name": change.key.name(),
                }),
                Operation::Act(act) => json!({ "id": step.id, "act": act }),
            };
            shown["after"] = json!(step.after);
            shown["reason"] = json!(step.reason);
            shown
        })
        .collect();
    json!({
        "format": 1,
        "verb": plan.verb,
        "target": target,
        "resourceGroup": plan.scope.resource_group,
        "location": plan.scope.location,
        "digest": plan.digest(),
        "create": plan.count(ChangeKind::Create),
        "update": plan.count(ChangeKind::Update),
        "delete": plan.count(ChangeKind::Delete),
        "unchanged": plan.unchanged.len(),
        "steps": steps,
        "notes": plan.notes,
    })
}
