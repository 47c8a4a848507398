//! Looks at what is there: every resource that is wanted or was applied.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ClusterError;
use crate::contract::{Address, AppliedResources, Fault, FaultClass, Observation, Target};
use crate::graph::{GROUP_TYPE, ResourceGraph, ResourceKey, Scope};
use crate::plan::{Observed, ObservedResources, PlanError, Secrets, World};

/// Reads under way at once.
const CONCURRENCY: usize = 16;
/// Reads of one resource before a fault that may pass is taken for one that does not.
const ATTEMPTS: u32 = 6;
/// The same where the target only asks for patience.
const ATTEMPTS_WHEN_THROTTLED: u32 = 12;

/// Observes all resources of `graph` and of `applied`. If the resource group is not there, nothing is, and nothing
/// more is asked. A name that waits for other resources is worked out from what they turn out to be.
///
/// # Errors
/// The first fault that does not pass.
pub async fn observe(
    target: &Arc<dyn Target>,
    scope: &Scope,
    graph: Option<&ResourceGraph>,
    secrets: &dyn Secrets,
    applied: &AppliedResources,
) -> Result<ObservedResources, ClusterError> {
    let mut observed = ObservedResources::new();
    let mut wanted = addresses(applied);
    if let Some(graph) = graph {
        for node in graph.nodes().filter(|node| !applied.contains_key(&node.key)) {
            if let Some(name) = &node.name {
                let resource = &node.resource;
                let address = Address::new(scope, &resource.resource_type, &resource.api_version, name);
                wanted.push((node.key.clone(), address));
            }
        }
    }
    if !read_group(target, &mut wanted, &mut observed).await? {
        return Ok(observed);
    }
    read_all(target, wanted, &mut observed).await?;

    // Deferred names, until no more of them become known.
    while let Some(graph) = graph {
        let world = World { graph, observed: &observed, secrets };
        let mut named = Vec::new();
        for node in graph.nodes().filter(|node| !node.unexpanded && !observed.contains_key(&node.key)) {
            let address = world.address(node).map_err(|cause| PlanError::Value { key: node.key.clone(), cause })?;
            named.extend(address.map(|address| (node.key.clone(), address)));
        }
        if named.is_empty() {
            break;
        }
        read_all(target, named, &mut observed).await?;
    }
    Ok(observed)
}

/// Observes what was applied, as far as it can be observed; and what cannot be, with the fault that is in the way, by key.
///
/// # Errors
/// The resource group cannot be observed, or nothing in it can; or the target does not answer.
pub async fn observe_applied(
    target: &Arc<dyn Target>,
    applied: &AppliedResources,
) -> Result<(ObservedResources, Vec<(ResourceKey, Fault)>), ClusterError> {
    let mut observed = ObservedResources::new();
    let mut wanted = addresses(applied);
    if !read_group(target, &mut wanted, &mut observed).await? {
        return Ok((observed, Vec::new()));
    }
    let (all, mut unknown) = (wanted.len(), Vec::new());
    read_each(target, wanted, |key, address, observation| {
        match observation {
            Ok(observation) => _ = observed.insert(key, Observed { address, observation }),
            // It has been asked again for long enough: whoever does not answer now does not answer for the others either.
            Err(fault) if fault.class.is_retryable() => return Err(fault),
            Err(fault) => unknown.push((key, fault)),
        }
        Ok(())
    })
    .await?;
    if unknown.len() == all && !unknown.is_empty() {
        return Err(unknown.swap_remove(0).1.into());
    }
    unknown.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok((observed, unknown))
}

fn addresses(applied: &AppliedResources) -> Vec<(ResourceKey, Address)> {
    applied.iter().map(|(key, resource)| (key.clone(), Address::clone(&resource.address))).collect()
}

/// Reads the resource group, if it is among those that are wanted. Tells whether the others are to be read: without it none
/// of them is there.
async fn read_group(
    target: &Arc<dyn Target>,
    wanted: &mut Vec<(ResourceKey, Address)>,
    observed: &mut ObservedResources,
) -> Result<bool, Fault> {
    let group = wanted.iter().position(|(key, _)| key.resource_type().eq_ignore_ascii_case(GROUP_TYPE));
    let Some((key, address)) = group.map(|place| wanted.swap_remove(place)) else { return Ok(true) };
    let observation = read(target.as_ref(), &address).await?;
    let there = observation.is_some();
    observed.insert(key, Observed { address, observation });
    if !there {
        let absent = wanted.drain(..).map(|(key, address)| (key, Observed { address, observation: None }));
        observed.extend(absent);
    }
    Ok(there)
}

/// Reads many resources, some at a time. The first fault ends it.
pub(super) async fn read_all(
    target: &Arc<dyn Target>,
    wanted: Vec<(ResourceKey, Address)>,
    observed: &mut ObservedResources,
) -> Result<(), Fault> {
    read_each(target, wanted, |key, address, observation| {
        observed.insert(key, Observed { address, observation: observation? });
        Ok(())
    })
    .await
}

/// Reads many resources, some at a time, and hands each over as it comes.
async fn read_each(
    target: &Arc<dyn Target>,
    wanted: Vec<(ResourceKey, Address)>,
    mut each: impl FnMut(ResourceKey, Address, Result<Option<Observation>, Fault>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let places = Arc::new(Semaphore::new(CONCURRENCY));
    let mut reads = JoinSet::new();
    for (key, address) in wanted {
        let (target, places) = (Arc::clone(target), Arc::clone(&places));
        reads.spawn(async move {
            let _place = places.acquire_owned().await;
            let observation = read(target.as_ref(), &address).await;
            (key, address, observation)
        });
    }
    while let Some(read) = reads.join_next().await {
        let (key, address, observation) =
            read.map_err(|error| Fault::new(FaultClass::Unavailable, "", format!("a read was abandoned: {error}")))?;
        each(key, address, observation)?;
    }
    Ok(())
}

/// Reads one resource, again if the fault may pass.
pub(super) async fn read(target: &dyn Target, address: &Address) -> Result<Option<Observation>, Fault> {
    let mut attempt = 0;
    loop {
        match target.observe(address).await {
            Err(fault) if fault.class.is_retryable() && attempt + 1 < attempts(fault.class) => {
                let wait =
                    fault.retry_after.unwrap_or(Duration::from_millis(250 << attempt)).min(Duration::from_secs(60));
                tokio::time::sleep(wait).await;
                attempt += 1;
            }
            result => return result,
        }
    }
}

const fn attempts(class: FaultClass) -> u32 {
    match class {
        FaultClass::Throttled => ATTEMPTS_WHEN_THROTTLED,
        _ => ATTEMPTS,
    }
}
