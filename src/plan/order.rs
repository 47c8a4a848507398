//! The order in which the steps of a plan stand.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::contract::{Step, StepId};

/// The steps so that each stands after those it waits for, otherwise as they were. What it waits for is kept only where
/// it is a step of this plan.
pub(super) fn in_order(mut steps: Vec<Step>) -> Vec<Step> {
    let places: HashMap<StepId, usize> =
        steps.iter().enumerate().map(|(place, step)| (step.id.clone(), place)).collect();
    let mut missing = vec![0_usize; steps.len()];
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (place, step) in steps.iter_mut().enumerate() {
        step.after.retain(|needed| places.contains_key(needed));
        step.after.sort();
        step.after.dedup();
        missing[place] = step.after.len();
        for needed in &step.after {
            dependents[places[needed]].push(place);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..steps.len()).filter(|place| missing[*place] == 0).map(Reverse).collect();
    let mut steps: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(steps.len());
    while let Some(Reverse(place)) = ready.pop() {
        ordered.extend(steps[place].take());
        for &dependent in &dependents[place] {
            missing[dependent] -= 1;
            if missing[dependent] == 0 {
                ready.push(Reverse(dependent));
            }
        }
    }
    // Steps in a circle cannot come from an acyclic graph; the executor refuses them.
    ordered.extend(steps.into_iter().flatten());
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Act, Operation, Reason};

    fn step(node: &str, after: &[&str]) -> Step {
        let act = |node: &str| Act::RemoveNode { node: node.to_owned() };
        Step {
            id: StepId::of_act(&act(node)),
            operation: Operation::Act(act(node)),
            after: after.iter().map(|node| StepId::of_act(&act(node))).collect(),
            reason: Reason::Unwanted,
        }
    }

    fn ordered(steps: Vec<Step>) -> Vec<String> {
        in_order(steps).iter().map(|step| step.id.as_str().replace("remove node ", "")).collect()
    }

    #[test]
    fn a_step_stands_as_early_as_it_stood_and_as_late_as_it_must() {
        assert_eq!(
            ordered(vec![step("a", &["c"]), step("b", &["gone"]), step("c", &[]), step("d", &[])]),
            ["b", "c", "a", "d"]
        );
        assert!(in_order(vec![step("b", &["gone", "gone"])])[0].after.is_empty());
    }

    #[test]
    fn no_step_is_lost_in_a_circle() {
        assert_eq!(ordered(vec![step("a", &["b"]), step("b", &["a"]), step("c", &[])]), ["c", "a", "b"]);
    }
}
