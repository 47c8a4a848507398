//! `destroy`: deletes all that the engine made, in the reversed order of its making. Needs no model, and no API server.

use std::collections::BTreeMap;

use super::leftovers::{begun, sort_out};
use super::{Basis, ClusterError, Demand, Prepared, Session, made, observe, place};
use crate::base::{Files, Secret};
use crate::graph::ResourceKey;
use crate::plan::{Plan, plan_destroy};
use crate::state::Store;
use crate::target::azure::ArmClient;

/// How what the cluster itself has made is found, and how much of it goes.
#[derive(Clone, Copy)]
pub struct Beyond<'a> {
    /// Lists what lies in the resource group.
    pub arm: &'a ArmClient,
    /// Whether the disks of volumes go too.
    pub delete_volumes: bool,
}

/// Observes and plans: what the engine made, and by `beyond` also what the cluster made. The lock is held by what is returned.
///
/// # Errors
/// A folder without a state, a lock that somebody holds, a target that does not answer.
pub async fn prepare_destroy(
    session: &Session,
    store: &Store,
    beyond: Option<Beyond<'_>>,
) -> Result<Prepared, ClusterError> {
    if store.snapshot()?.is_none() {
        return Err(ClusterError::NoCluster { folder: store.place() });
    }
    let locked = store.lock("destroy", session.clock.as_ref(), &session.environment)?;
    let snapshot = locked.snapshot()?.ok_or_else(|| ClusterError::NoCluster { folder: store.place() })?;
    place::of_state(session, &snapshot)?;
    let given_up = store.unfinished::<Plan>()?;
    let mut applied = snapshot.applied.clone();
    for (key, own) in given_up.as_ref().map(|run| begun(run, &snapshot.applied)).unwrap_or_default() {
        // A resource whose name was deferred may have another one by now: then there are two.
        let is_another = applied.get(&key).is_some_and(|known| known.address.id != own.address.id);
        let key = if is_another { ResourceKey::named(&own.address.resource_type, &own.address.name) } else { key };
        applied.entry(key).or_insert(own);
    }
    let mut notes = Vec::new();
    let mut planned = applied.clone();
    if let Some(beyond) = beyond {
        let others = made::look(session, beyond.arm, &applied).await?;
        notes = made::take(others, &mut planned, beyond.delete_volumes);
        // The state learns of what is to go too, so that a run that is interrupted can be taken up.
        applied.extend(planned.iter().map(|(key, own)| (key.clone(), own.clone())));
    }
    let no_secrets: BTreeMap<String, Secret> = BTreeMap::new();
    let observed = observe(&session.target, &session.scope, None, &no_secrets, &applied).await?;
    let mut plan = plan_destroy(&session.scope, &observed, &planned);
    plan.notes = notes;
    let basis = Basis::new(Some(&snapshot), &Secret::new(""), "", &no_secrets, &observed, &plan);
    let (gone, left) = sort_out(&applied, &observed, |key| snapshot.applied.contains_key(key), |_| false);
    Ok(Prepared {
        demand: Demand::of_plan(&plan, None),
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
