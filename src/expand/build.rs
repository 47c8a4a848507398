//! The ordered list of builders, and the graph of what they declare.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::context::Context;
use super::{ExpandError, Names, Payloads, balancer, control_plane, group, identity, jumpbox, network, pool, security};
use crate::graph::{Resource, ResourceGraph, Scope, Value};
use crate::model::{Availability, Cluster, OperatingSystem, Storage};

/// Declares the resources of one concern.
type Builder = fn(&Context<'_>) -> Result<Vec<Resource>, ExpandError>;

/// The builders. The order is that of a reader who goes from the outside to the inside, and of the emitted template; which
/// resource is made first follows from references alone.
const BUILDERS: [(&str, Builder); 8] = [
    // First, because all others lie in it.
    ("group", group::build),
    // Before the machines, which carry it.
    ("identity", identity::build),
    // Before the network, whose subnet holds it.
    ("security", security::build),
    // Before balancers and interfaces, which take addresses from its subnet.
    ("network", network::build),
    // Before the interfaces, which stand in the balancers' pools.
    ("balancer", balancer::build),
    // Before the workers, as they join it.
    ("control plane", control_plane::build),
    // After everything they share.
    ("pools", pool::build),
    // Last, as nothing needs it.
    ("jumpbox", jumpbox::build),
];

/// Expands a cluster into the graph of its resources in `scope`. The resource group is the first of them.
///
/// # Errors
/// What no builder makes, by name; and what does not make a graph.
pub fn expand(cluster: &Cluster, scope: &Scope, payloads: &Payloads) -> Result<ResourceGraph, ExpandError> {
    refuse_unsupported(cluster, payloads)?;
    let api = cluster.cloud.api_profile();
    let context = Context { cluster, scope, payloads, names: Names::of(cluster), api };
    let mut resources = Vec::new();
    for (_, build) in BUILDERS {
        resources.extend(build(&context)?);
    }
    Ok(ResourceGraph::build(scope.clone(), resources)?)
}

fn refuse_unsupported(cluster: &Cluster, payloads: &Payloads) -> Result<(), ExpandError> {
    let unsupported = |what: String, instead| Err(ExpandError::Unsupported { what, instead });
    if cluster.control_plane.availability == Availability::ScaleSet {
        return unsupported(
            "control-plane machines in a scale set have no lasting names and addresses for etcd".to_owned(),
            "set masterProfile.availabilityProfile to AvailabilitySet",
        );
    }
    let windows = cluster.pools.iter().find(|pool| pool.operating_system == OperatingSystem::Windows);
    if let Some(pool) = windows.filter(|_| payloads.windows_wait_command.is_empty()) {
        return unsupported(
            format!("the machines of `{}` would run Windows, for which there is nothing to run yet", pool.name),
            "set its osType to Linux",
        );
    }
    let disks = cluster.pools.iter().map(|pool| (pool.name.as_str(), &pool.os_disk));
    for (name, disk) in [("master", &cluster.control_plane.os_disk)].into_iter().chain(disks) {
        if disk.storage == Storage::StorageAccount {
            return unsupported(
                format!("the disks of `{name}` would be blobs in storage accounts"),
                "set its storageProfile to ManagedDisks",
            );
        }
    }
    Ok(())
}

/// The handles of all secrets that the resources of a graph hold, sorted.
pub fn secret_handles(graph: &ResourceGraph) -> BTreeSet<Arc<str>> {
    let mut handles = BTreeSet::new();
    for resource in graph.declarations() {
        for value in [&resource.name, &resource.fields, &resource.properties] {
            value.walk(&mut |value| {
                if let Value::Secret(handle) = value {
                    handles.insert(Arc::clone(handle));
                }
            });
        }
    }
    handles
}
