//! Acts on the members of a cluster, through its API server.
//!
//! - [`KubernetesClient`]: nodes, versions, pods and evictions, over the engine's own HTTP.
//! - [`MemberActions`]: the acts of [`contract`](crate::contract) that Kubernetes performs.
//! - [`ServiceAddresses`]: what a control-plane machine on-prem does for services of type LoadBalancer.
//!
//! Deliberately absent: etcd and commands on a node, which need a way into the machine.

mod client;
mod drain;
mod members;
mod node;
mod services;
#[cfg(test)]
mod trials;

pub use client::{KubernetesClient, KubernetesCredentials, KubernetesSettings};
pub use members::{MemberActions, MemberSettings, is_starting};
pub use node::NodeStatus;
pub use services::{LOAD_BALANCER_CLASS, Looked, ServiceAddresses};
