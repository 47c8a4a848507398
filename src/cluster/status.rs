//! `status`: what the state says, and whether it is still so.

use super::{ClusterError, Interrupted, Session, observe_applied, place};
use crate::contract::{Fault, Observation};
use crate::graph::ResourceKey;
use crate::kubernetes::NodeStatus;
use crate::state::{Snapshot, Store};

/// How a cluster is.
#[derive(Debug)]
pub struct Status {
    /// What the state says.
    pub snapshot: Snapshot,
    /// What was applied and is not there any more.
    pub missing: Vec<ResourceKey>,
    /// What is there and has not succeeded, with its provisioning state.
    pub unfinished: Vec<(ResourceKey, String)>,
    /// What could not be looked at, with the fault that was in the way.
    pub unknown: Vec<(ResourceKey, Fault)>,
    /// The run that was interrupted, if there is one.
    pub interrupted: Option<Interrupted>,
    /// The nodes, if the API server answers.
    pub nodes: Option<Vec<NodeStatus>>,
}

/// Looks at a cluster. Changes nothing, and needs no lock.
///
/// # Errors
/// A folder without a state, a target that does not answer, or not for a single resource.
pub async fn status(session: &Session, store: &Store) -> Result<Status, ClusterError> {
    let snapshot = store.snapshot()?.ok_or_else(|| ClusterError::NoCluster { folder: store.place() })?;
    place::of_state(session, &snapshot)?;
    let (observed, unknown) = observe_applied(&session.target, &snapshot.applied).await?;
    let missing = observed.iter().filter(|(_, seen)| seen.observation.is_none()).map(|(key, _)| key.clone()).collect();
    let unfinished = observed
        .iter()
        .filter_map(|(key, seen)| {
            let state = seen.observation.as_ref().and_then(Observation::provisioning_state)?;
            (state != "Succeeded").then(|| (key.clone(), state.to_owned()))
        })
        .collect();
    let interrupted = match Interrupted::find(store) {
        Ok(run) => Some(run),
        Err(ClusterError::NothingToResume) => None,
        Err(error) => return Err(error),
    };
    let nodes = match &session.kubernetes {
        Some(client) if !snapshot.applied.is_empty() => client.nodes().await.ok(),
        _ => None,
    };
    Ok(Status { snapshot, missing, unfinished, unknown, interrupted, nodes })
}
