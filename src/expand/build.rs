//! The ordered list of builders, and the graph of what they declare.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::context::Context;
use super::{
    ExpandError, Names, Payloads, application_gateway, balancer, control_plane, group, identity, jumpbox, key_vault,
    nat_gateway, network, pool, security,
};
use crate::graph::{Resource, ResourceGraph, Scope, Value};
use crate::model::Cluster;

/// Declares the resources of one concern.
type Builder = fn(&Context<'_>) -> Result<Vec<Resource>, ExpandError>;

/// The builders. The order is that of a reader who goes from the outside to the inside, and of the emitted template; which
/// resource is made first follows from references alone.
const BUILDERS: [(&str, Builder); 11] = [
    // First, because all others lie in it.
    ("group", group::build),
    // Before the machines, which carry it.
    ("identity", identity::build),
    // Before the network, whose subnet holds it.
    ("security", security::build),
    // Before the network, whose subnets go out by it.
    ("NAT gateway", nat_gateway::build),
    // Before balancers and interfaces, which take addresses from its subnet.
    ("network", network::build),
    // Before the interfaces, which stand in the balancers' pools.
    ("balancer", balancer::build),
    // Before the workers, as they join it.
    ("control plane", control_plane::build),
    // After the machines that may use its key.
    ("key vault", key_vault::build),
    // After everything they share.
    ("pools", pool::build),
    // After the network, in which it has a subnet.
    ("application gateway", application_gateway::build),
    // Last, as nothing needs it.
    ("jumpbox", jumpbox::build),
];

/// Expands a cluster into the graph of its resources in `scope`. The resource group is the first of them.
///
/// # Errors
/// What does not make a graph.
pub fn expand(cluster: &Cluster, scope: &Scope, payloads: &Payloads) -> Result<ResourceGraph, ExpandError> {
    let api = cluster.cloud.api_profile();
    let context = Context { cluster, scope, payloads, names: Names::of(cluster), api };
    let mut resources = Vec::new();
    for (_, build) in BUILDERS {
        resources.extend(build(&context)?);
    }
    Ok(ResourceGraph::build(scope.clone(), resources)?)
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
