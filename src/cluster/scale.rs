//! `scale`: another number of machines in a pool. Machines that go are drained first.

use serde_json::Value as Json;

use super::deploy::prepare;
use super::{ClusterError, Definition, Prepared, Session};
use crate::contract::{ChangeKind, Operation};
use crate::expand::Names;
use crate::model::{Availability, Cluster};
use crate::plan::{Removal, facts};

/// Which pool, and how many machines it shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// The pool's name; may be left out if there is only one.
    pub pool: Option<String>,
    /// The new number of machines.
    pub count: u32,
}

/// The API model with the new number in it.
///
/// # Errors
/// A pool that does not exist, a pool that has to be named, a number that no pool may have.
pub fn scaled_model(mut model: Json, cluster: &Cluster, scale: &Scale) -> Result<Json, ClusterError> {
    let names = || cluster.pools.iter().map(|pool| pool.name.as_str()).collect::<Vec<_>>().join(", ");
    let refuse = |problem: String, help: String| ClusterError::Scale { problem, help };
    let pool = match &scale.pool {
        Some(name) => cluster
            .pools
            .iter()
            .find(|pool| pool.name == *name)
            .ok_or_else(|| refuse(format!("there is no pool `{name}`"), format!("the pools are: {}", names())))?,
        None => match cluster.pools.as_slice() {
            [only] => only,
            _ => {
                return Err(refuse(
                    "the cluster has several pools".to_owned(),
                    format!("name one by --node-pool: {}", names()),
                ));
            }
        },
    };
    if scale.count == 0 {
        let help = "1 machine is the least".to_owned();
        return Err(refuse(format!("the pool `{}` cannot be scaled to nothing", pool.name), help));
    }
    if pool.availability == Availability::ScaleSet && scale.count < pool.count {
        return Err(refuse(
            format!(
                "`{}` is a scale set, and Azure would choose the machines that go without draining them",
                pool.name
            ),
            "only growing scale sets is supported; shrink pools in availability sets".to_owned(),
        ));
    }
    let profile = model
        .pointer_mut("/properties/agentPoolProfiles")
        .and_then(Json::as_array_mut)
        .and_then(|profiles| profiles.iter_mut().find(|profile| profile["name"] == pool.name.as_str()));
    let Some(profile) = profile else {
        return Err(refuse(
            format!("the model has no profile of the pool `{}`", pool.name),
            "write it anew by `engine generate`".to_owned(),
        ));
    };
    profile["count"] = scale.count.into();
    Ok(model)
}

/// Observes and plans. `definition` holds the new number already. The lock is held by what is returned.
///
/// # Errors
/// Whatever keeps a plan from being made, and a plan that would delete machines of another pool.
pub async fn prepare_scale(session: &Session, definition: Definition, pool: &str) -> Result<Prepared, ClusterError> {
    let names = Names::of(&definition.cluster);
    let prefix = definition
        .cluster
        .pools
        .iter()
        .find(|candidate| candidate.name == pool)
        .map(|pool| names.pool_prefix(pool))
        .unwrap_or_default();
    let prepared = prepare(session, definition, "scale", Removal::DrainAndDelete, true).await?;
    let others: Vec<&str> = prepared
        .plan
        .steps
        .iter()
        .filter_map(|step| match &step.operation {
            Operation::Change(change) if change.kind == ChangeKind::Delete => Some(change),
            _ => None,
        })
        .filter(|change| facts(&change.resource_type).is_machine && !change.key.name().starts_with(&prefix))
        .map(|change| change.key.name())
        .collect();
    if !others.is_empty() {
        return Err(ClusterError::Scale {
            problem: format!("this would also delete {}, which are not of the pool `{pool}`", others.join(", ")),
            help: "the model was changed since the last deployment: run `engine plan` to see how".to_owned(),
        });
    }
    Ok(prepared)
}
