//! What the engine applied and nobody wants any more: which of it goes, and in which order.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::build::{Removal, Request, act_step};
use super::order::in_order;
use super::world::{ObservedResources, is_there};
use super::{Plan, facts};
use crate::contract::{Act, Address, Applied, AppliedResources, Change, ChangeKind, Operation, Reason, Step, StepId};
use crate::graph::{GROUP_TYPE, ResourceKey, Scope, Value};

/// The steps that remove what is not wanted any more, and what the reader of the plan should know about it.
pub(super) struct Removals {
    pub(super) steps: Vec<Step>,
    pub(super) note: Option<String>,
}

/// A deletion for each resource that the engine applied, that is still there, and that is no longer wanted; machines
/// are drained before, and their nodes removed afterwards.
pub(super) fn removals(request: &Request<'_>) -> Removals {
    let applied = request.applied;
    let waiting = waiting_for(applied);
    // A resource may be wanted under another spelling of its name: what counts is where it is.
    let wanted: HashSet<String> = request
        .graph
        .nodes()
        .filter_map(|node| {
            let name = node.name.as_deref()?;
            Some(request.graph.scope().resource_id(&node.resource.resource_type, name).to_ascii_lowercase())
        })
        .collect();
    let mut unwanted: BTreeSet<&ResourceKey> = applied
        .iter()
        .filter(|(key, own)| {
            request.graph.node(key).is_none() && !wanted.contains(&own.address.id.to_ascii_lowercase())
        })
        // With the group all would go that is in it, whoever made it. Only destroying does that.
        .filter(|(key, _)| !key.resource_type().eq_ignore_ascii_case(GROUP_TYPE))
        .map(|(key, _)| key)
        .filter(|key| is_there(request.observed, key))
        .collect();
    let machines: Vec<&ResourceKey> =
        unwanted.iter().copied().filter(|key| facts(key.resource_type()).is_machine).collect();
    let mut note = None;
    if request.removal == Removal::KeepMachines && !machines.is_empty() {
        let below = |key: &ResourceKey| applied.get(key).map(|own| own.after.iter().collect()).unwrap_or_default();
        let above = |key: &ResourceKey| waiting.get(key).cloned().unwrap_or_default();
        let (stands_on, rests_on) = (closure(&machines, below), closure(&machines, above));
        unwanted.retain(|key| !stands_on.contains(key) && !rests_on.contains(key));
        let is = if machines.len() == 1 { "is" } else { "are" };
        note = Some(format!(
            "{} {is} not in the model any more and {is} left alone: deleting machines is for `engine scale`",
            list(&machines),
        ));
    }
    // A machine that was told nothing at its start, such as a jumpbox, is no node; and a scale set is many, whose names
    // the engine does not give.
    let is_member = |key: &ResourceKey| {
        if !key.resource_type().eq_ignore_ascii_case("Microsoft.Compute/virtualMachines") {
            return false;
        }
        let own = applied.get(key).and_then(|own| own.body.pointer("/properties/osProfile"));
        own.is_none_or(|profile| profile.get("customData").is_some())
    };
    let machines: Vec<&ResourceKey> =
        machines.into_iter().filter(|key| unwanted.contains(key) && is_member(key)).collect();
    let mut steps = Vec::with_capacity(unwanted.len() + 2 * machines.len());
    // What rests on a machine waits for its drain as the machine itself does.
    let mut drains: HashMap<&ResourceKey, Vec<StepId>> = HashMap::new();
    for machine in &machines {
        let act = Act::CordonAndDrain { node: node_name(machine, applied) };
        let drain = act_step(act, Vec::new(), format!("{} will be deleted", machine.name()));
        for key in std::iter::once(machine).chain(waiting.get(machine).into_iter().flatten()) {
            drains.entry(key).or_default().push(drain.id.clone());
        }
        steps.push(drain);
    }
    for key in &unwanted {
        let Some(own) = applied.get(*key) else { continue };
        let mut step = deletion(key, &own.address);
        let waits = awaited(key, applied, &waiting).into_iter().filter(|other| unwanted.contains(other));
        step.after.extend(waits.map(|other| StepId::of_change(ChangeKind::Delete, other)));
        step.after.extend(drains.remove(key).into_iter().flatten());
        steps.push(step);
    }
    for machine in machines {
        let act = Act::RemoveNode { node: node_name(machine, applied) };
        let after = vec![StepId::of_change(ChangeKind::Delete, machine)];
        steps.push(act_step(act, after, format!("the machine {} is gone", machine.name())));
    }
    Removals { steps, note }
}

/// Plans how to delete all that the engine applied and that is still there, in the reversed order of its making.
pub fn plan_destroy(scope: &Scope, observed: &ObservedResources, applied: &AppliedResources) -> Plan {
    let waiting = waiting_for(applied);
    let steps = applied
        .iter()
        .filter(|(key, _)| is_there(observed, key))
        .map(|(key, own)| {
            let waits = awaited(key, applied, &waiting).into_iter();
            let after = waits.map(|other| StepId::of_change(ChangeKind::Delete, other)).collect();
            Step { after, ..deletion(key, &own.address) }
        })
        .collect();
    Plan {
        format: Plan::FORMAT,
        verb: "destroy".to_owned(),
        scope: scope.clone(),
        steps: in_order(steps),
        unchanged: Vec::new(),
        known: Vec::new(),
        notes: Vec::new(),
    }
}

fn node_name(machine: &ResourceKey, applied: &AppliedResources) -> String {
    let told = |own: &Applied| {
        let name = own.body.pointer("/properties/osProfile/computerName").and_then(Json::as_str);
        name.unwrap_or(&own.address.name).to_owned()
    };
    applied.get(machine).map_or_else(|| machine.name().to_owned(), told)
}

fn deletion(key: &ResourceKey, address: &Address) -> Step {
    let change = Change {
        kind: ChangeKind::Delete,
        key: key.clone(),
        symbol: key.as_str().into(),
        index: None,
        resource_type: address.resource_type.as_str().into(),
        api_version: address.api_version.as_str().into(),
        name: address.name.as_str().into(),
        body: Arc::new(Value::Null),
        initial: Vec::new(),
        after: Vec::new(),
    };
    Step {
        id: StepId::of_change(ChangeKind::Delete, key),
        operation: Operation::Change(change),
        after: Vec::new(),
        reason: Reason::Unwanted,
    }
}

/// Whose deletions a deletion waits for: of all that needs the resource. What can only go with its parent is seen to be
/// gone after it.
fn awaited<'a>(
    key: &ResourceKey,
    applied: &'a AppliedResources,
    waiting: &HashMap<&ResourceKey, Vec<&'a ResourceKey>>,
) -> Vec<&'a ResourceKey> {
    let goes_with_parent = |key: &ResourceKey| facts(key.resource_type()).goes_with_parent;
    let is_parent = |parent: &ResourceKey, part: &ResourceKey| {
        part.resource_type().rsplit_once('/').is_some_and(|(kind, _)| parent.resource_type().eq_ignore_ascii_case(kind))
    };
    let needing = waiting.get(key).into_iter().flatten().copied();
    let mut awaited: Vec<&ResourceKey> =
        needing.filter(|other| !(goes_with_parent(other) && is_parent(key, other))).collect();
    if goes_with_parent(key) {
        let needed = applied.get(key).into_iter().flat_map(|own| &own.after);
        awaited.extend(needed.filter(|needed| is_parent(needed, key)));
    }
    awaited
}

/// For each resource those that directly wait for it.
fn waiting_for(applied: &AppliedResources) -> HashMap<&ResourceKey, Vec<&ResourceKey>> {
    let mut waiting: HashMap<&ResourceKey, Vec<&ResourceKey>> = HashMap::new();
    for (key, own) in applied {
        for needed in &own.after {
            waiting.entry(needed).or_default().push(key);
        }
    }
    waiting
}

/// Those of `start` and all that can be reached from them.
fn closure<'a>(
    start: &[&'a ResourceKey],
    next: impl Fn(&ResourceKey) -> Vec<&'a ResourceKey>,
) -> HashSet<&'a ResourceKey> {
    let mut reached: HashSet<&ResourceKey> = start.iter().copied().collect();
    let mut open = start.to_vec();
    while let Some(key) = open.pop() {
        open.extend(next(key).into_iter().filter(|key| reached.insert(key)));
    }
    reached
}

fn list(keys: &[&ResourceKey]) -> String {
    const SHOWN: usize = 3;
    let names: Vec<&str> = keys.iter().take(SHOWN).map(|key| key.name()).collect();
    match keys.len().checked_sub(SHOWN).filter(|rest| *rest > 0) {
        Some(rest) => format!("{} and {rest} more", names.join(", ")),
        None => names.join(", "),
    }
}
