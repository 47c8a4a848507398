//! `destroy`: deletes all that the engine made, in the reversed order of its making. Needs no model, and no API server.

use std::collections::BTreeMap;

use super::leftovers::{begun, sort_out};
use super::{Basis, ClusterError, Prepared, Session, observe, place};
use crate::base::{Files, Secret};
use crate::plan::{Plan, plan_destroy};
use crate::state::Store;

/// Observes and plans. The lock is held by what is returned.
///
/// # Errors
/// A folder without a state, a lock that somebody holds, a target that does not answer.
pub async fn prepare_destroy(session: &Session, store: &Store) -> Result<Prepared, ClusterError> {
    if store.snapshot()?.is_none() {
        return Err(ClusterError::NoCluster { folder: store.place() });
    }
    let locked = store.lock("destroy", session.clock.as_ref(), &session.environment)?;
    let snapshot = locked.snapshot()?.ok_or_else(|| ClusterError::NoCluster { folder: store.place() })?;
    place::of_state(session, &snapshot)?;
    let given_up = store.unfinished::<Plan>()?;
    let mut applied = snapshot.applied.clone();
    for (key, own) in given_up.as_ref().map(begun).unwrap_or_default() {
        applied.entry(key).or_insert(own);
    }
    let no_secrets: BTreeMap<String, Secret> = BTreeMap::new();
    let observed = observe(&session.target, &session.scope, None, &no_secrets, &applied).await?;
    let plan = plan_destroy(&session.scope, &observed, &applied);
    let basis = Basis::new(Some(&snapshot), &Secret::new(""), "", &no_secrets, &observed, &plan);
    let (gone, left) = sort_out(&applied, &observed, |key| snapshot.applied.contains_key(key), |_| false);
    Ok(Prepared {
        plan,
        gives_up: given_up.map(|run| run.plan.verb),
        basis,
        gone,
        identity: snapshot.identity,
        store: store.clone(),
        secrets: no_secrets,
        files: Files::default(),
        adopted: left,
        applied,
        authority_hash: None,
        locked: Some(locked),
    })
}
