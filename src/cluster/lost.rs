//! Machines that a deployment has made and that somebody else has taken away: what is missing, what making them anew means,
//! and when it would come to nothing.

use super::{ClusterError, Definition};
use crate::contract::AppliedResources;
use crate::expand::control_plane_machine;
use crate::graph::{Node, ResourceGraph};
use crate::plan::{ObservedResources, becomes_node};

/// What the plan has to say of machines that were applied, are wanted, and are not there.
///
/// # Errors
/// [`ClusterError::ControlPlaneLost`] where nobody is left whom a new control-plane machine could join.
pub(super) fn lost(
    definition: &Definition,
    graph: &ResourceGraph,
    applied: &AppliedResources,
    observed: &ObservedResources,
) -> Result<Vec<String>, ClusterError> {
    // As long as no cluster has started, there is nobody to be missed by.
    if !definition.has_started() {
        return Ok(Vec::new());
    }
    let made = graph.nodes().filter(|node| becomes_node(node) && applied.contains_key(&node.key));
    let (plane, workers): (Vec<&Node>, Vec<&Node>) =
        made.partition(|node| *node.resource.symbol == *control_plane_machine());
    let names = |nodes: &[&Node]| -> Vec<String> {
        let gone = nodes.iter().filter(|node| observed.get(&node.key).is_some_and(|seen| seen.observation.is_none()));
        gone.map(|node| node.key.name().to_owned()).collect()
    };
    let (of, gone) = (plane.len(), names(&plane));
    let left = of - gone.len();
    if !gone.is_empty() && left == 0 {
        return Err(ClusterError::ControlPlaneLost { gone });
    }
    let mut notes = Vec::new();
    if !gone.is_empty() {
        // etcd takes no new member without the consent of more than half of those that it has. Which it has is for etcd alone to
        // say: some of those that are gone may never have joined, or have been taken out.
        let majority = if left * 2 > of {
            "more than half of etcd's members have to run for that"
        } else {
            "with half of etcd's members gone it takes no new one: then first bring back machines with their disks from a backup, \
             or begin etcd anew from the data of one that is left (`--force-new-cluster`)"
        };
        notes.push(format!(
            "{} of the control plane {} made and {} not there any more; {left} of {of} are left. This plan makes anew what is \
             missing, disks and all: a new machine takes its former self out of etcd, joins, and gets etcd's data from the others; \
             {majority}. Until all are Ready, do without no other",
            listed(&gone),
            was(&gone),
            is(&gone),
        ));
    }
    let gone = names(&workers);
    if !gone.is_empty() {
        notes.push(format!(
            "{} {} made and {} not there any more. This plan makes anew what is missing; what pods kept on its disks is lost",
            listed(&gone),
            was(&gone),
            is(&gone),
        ));
    }
    Ok(notes)
}

fn was(names: &[String]) -> &'static str {
    if names.len() == 1 { "was" } else { "were" }
}

fn is(names: &[String]) -> &'static str {
    if names.len() == 1 { "is" } else { "are" }
}

/// The names; of many the first ten.
fn listed(names: &[String]) -> String {
    match names.get(..10).filter(|_| names.len() > 11) {
        Some(first) => format!("{} and {} others", first.join(", "), names.len() - first.len()),
        None => names.join(", "),
    }
}
