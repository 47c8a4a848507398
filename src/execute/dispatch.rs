//! The dispatcher.

use super::{ExecuteError, Node, Queue, Reached, Run, expected_seconds};
use crate::contract::Summary;

/// Carries the plan out.
///
/// # Errors
/// Only what keeps the whole run from going on; what goes wrong with single steps is in the summary.
pub async fn execute(run: Run) -> Result<Summary, ExecuteError> {
    let digest = run.plan.digest();
    if let Some(journal) = run.replay.plan.as_ref().filter(|plan| **plan != digest) {
        return Err(ExecuteError::OtherPlan { journal: journal.clone(), plan: digest });
    }
    let nodes: Vec<Node<'_>> = run
        .plan
        .steps
        .iter()
        .map(|step| Node {
            id: &step.id,
            after: &step.after,
            seconds: expected_seconds(&step.operation),
            is_finished: matches!(run.replay.steps.get(&step.id), Some(Reached::Finished { .. })),
        })
        .collect();
    let queue = Queue::new(&nodes)?;
    Ok(Summary { cancelled: queue.unstarted().len(), succeeded: run.replay.finished(), ..Summary::default() })
}
