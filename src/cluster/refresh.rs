//! `refresh`: reads all that the state knows once more, and brings the state up to date with it. Changes nothing else.

use std::collections::BTreeMap;

use super::{ClusterError, Session, observe, place};
use crate::base::Secret;
use crate::contract::FieldDifference;
use crate::graph::ResourceKey;
use crate::plan::{Plan, difference, reread, settled};
use crate::state::{Snapshot, StateError, Store};

/// What has moved since it was applied or read last.
#[derive(Debug)]
pub struct Refreshed {
    /// What is not there any more; the state has forgotten it.
    pub gone: Vec<ResourceKey>,
    /// What is there with other values in the fields that the engine applied: as it was known, and as it is.
    pub changed: Vec<(ResourceKey, Vec<FieldDifference>)>,
    /// How many resources were looked at.
    pub looked_at: usize,
    /// The state afterwards. It has another serial only if something has moved.
    pub snapshot: Snapshot,
}

/// Looks at everything that the state knows.
///
/// # Errors
/// A place without a state, a lock that somebody holds, an interrupted run, a target that does not answer.
pub async fn refresh(session: &Session, store: &Store) -> Result<Refreshed, ClusterError> {
    let nothing = || ClusterError::NoCluster { folder: store.place() };
    if store.snapshot()?.is_none() {
        return Err(nothing());
    }
    let locked = store.lock("refresh", session.clock.as_ref(), &session.environment)?;
    let mut snapshot = locked.snapshot()?.ok_or_else(nothing)?;
    place::of_state(session, &snapshot)?;
    if locked.unfinished::<Plan>()?.is_some() {
        return Err(StateError::RunThere(store.place()).into());
    }
    let no_secrets: BTreeMap<String, Secret> = BTreeMap::new();
    let observed = observe(&session.target, &session.scope, None, &no_secrets, &snapshot.applied).await?;

    let (mut gone, mut changed) = (Vec::new(), Vec::new());
    let mut now = snapshot.applied.clone();
    for (key, seen) in &observed {
        let Some(own) = now.get_mut(key) else { continue };
        let Some(observation) = &seen.observation else {
            now.remove(key);
            gone.push(key.clone());
            continue;
        };
        let known = session.target.normalise(&own.address, own.body.clone());
        let there = session.target.normalise(&own.address, observation.body.clone());
        let stays = settled(&own.address.resource_type, &[]);
        let fields = difference(&known, Some(&known), &there, &stays);
        if !fields.is_empty() {
            own.body = reread(&known, &there, &stays);
            changed.push((key.clone(), fields));
        }
    }
    if now != snapshot.applied {
        snapshot = locked.amend(|snapshot| snapshot.applied = now)?;
    }
    Ok(Refreshed { gone, changed, looked_at: observed.len(), snapshot })
}
