//! `destroy`: deletes all that the engine made, in the reversed order of its making. Needs no model, and no API server.

use std::collections::BTreeMap;
use std::path::Path;

use super::{ClusterError, Prepared, Session, observe};
use crate::base::{Files, Secret};
use crate::contract::AppliedResources;
use crate::plan::{Plan, plan_destroy};
use crate::state::Store;

/// Observes and plans. The lock is held by what is returned.
///
/// # Errors
/// A folder without a state, a lock that somebody holds, a target that does not answer.
pub async fn prepare_destroy(session: &Session, folder: &Path) -> Result<Prepared, ClusterError> {
    let store = Store::open(folder);
    if store.snapshot()?.is_none() {
        return Err(ClusterError::NoCluster { folder: folder.to_owned() });
    }
    let locked = store.lock("destroy", session.clock.as_ref(), &session.environment)?;
    let snapshot = locked.snapshot()?.ok_or_else(|| ClusterError::NoCluster { folder: folder.to_owned() })?;
    let gives_up = store.unfinished::<Plan>()?.map(|run| run.plan.verb);
    let no_secrets: BTreeMap<String, Secret> = BTreeMap::new();
    let observed = observe(&session.target, &session.scope, None, &no_secrets, &snapshot.applied).await?;
    let plan = plan_destroy(&session.scope, &observed, &snapshot.applied);
    // What is gone already is forgotten together with the rest.
    let gone = |applied: &AppliedResources| -> Vec<_> {
        applied.keys().filter(|key| observed.get(*key).is_none_or(|seen| seen.observation.is_none())).cloned().collect()
    };
    let gone = gone(&snapshot.applied);
    if !gone.is_empty() && gives_up.is_none() {
        locked.amend(|snapshot| snapshot.applied.retain(|key, _| !gone.contains(key)))?;
    }
    Ok(Prepared {
        plan,
        gives_up,
        identity: snapshot.identity,
        folder: folder.to_owned(),
        secrets: no_secrets,
        files: Files::default(),
        adopted: AppliedResources::new(),
        applied: snapshot.applied,
        authority_hash: None,
        locked: Some(locked),
    })
}
