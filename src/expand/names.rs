//! The names of a cluster's resources, bit for bit aks-engine's, so that its clusters can be adopted and its users'
//! scripts go on working.
//!
//! Source: aks-engine f634f52, `pkg/engine/armvariables.go`, `pkg/api/types.go`; read 2026-11-21. The corpus test holds
//! them against what aks-engine itself made.

use crate::model::{Cluster, OperatingSystem, Pool};

/// Names of resources, from the cluster's id and DNS prefix.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    suffix: &'a str,
    dns_prefix: &'a str,
    control_plane_is_scale_set: bool,
}

impl<'a> Names<'a> {
    /// The names of a cluster.
    pub fn of(cluster: &'a Cluster) -> Self {
        Self {
            suffix: &cluster.name_suffix,
            dns_prefix: &cluster.dns_prefix,
            control_plane_is_scale_set: cluster.control_plane.is_scale_set(),
        }
    }

    /// What control-plane machines' names begin with; the index follows.
    pub fn control_plane_prefix(self) -> String {
        format!("k8s-master-{}-", self.suffix)
    }

    /// The control plane's availability set.
    pub fn control_plane_availability_set(self) -> String {
        format!("master-availabilityset-{}", self.suffix)
    }

    /// The virtual network, where the engine makes it.
    pub fn virtual_network(self) -> String {
        format!("k8s-vnet-{}", self.suffix)
    }

    /// The subnet of the control plane: that of all nodes, unless the control plane is a scale set.
    pub fn control_plane_subnet(self) -> &'static str {
        if self.control_plane_is_scale_set { "subnetmaster" } else { "k8s-subnet" }
    }

    /// The workers' subnet, which may be the control plane's.
    pub fn worker_subnet(self) -> &'static str {
        if self.control_plane_is_scale_set { "subnetagent" } else { "k8s-subnet" }
    }

    /// The control plane's scale set.
    pub fn control_plane_scale_set(self) -> String {
        format!("{}vmss", self.control_plane_prefix())
    }

    /// The network security group.
    pub fn security_group(self) -> String {
        format!("k8s-master-{}-nsg", self.suffix)
    }

    /// The route table.
    pub fn route_table(self) -> String {
        format!("k8s-master-{}-routetable", self.suffix)
    }

    /// The control plane's public load balancer.
    pub fn public_balancer(self) -> String {
        format!("k8s-master-lb-{}", self.suffix)
    }

    /// Its front end.
    pub fn public_front_end(self) -> String {
        format!("k8s-master-lbFrontEnd-{}", self.suffix)
    }

    /// The control plane's public address.
    pub fn public_address(self) -> String {
        format!("k8s-master-ip-{}-{}", self.dns_prefix, self.suffix)
    }

    /// The control plane's internal load balancer.
    pub fn internal_balancer(self) -> String {
        format!("k8s-master-internal-lb-{}", self.suffix)
    }

    /// Its front end.
    pub fn internal_front_end(self) -> String {
        format!("k8s-master-internal-lbFrontEnd-{}", self.suffix)
    }

    /// The pool of control-plane machines on either load balancer.
    pub fn control_plane_backend(self) -> String {
        format!("k8s-master-pool-{}", self.suffix)
    }

    /// The workers' load balancer and its pool: the cloud controller looks for the cluster's name.
    pub fn worker_balancer(self) -> &'a str {
        self.dns_prefix
    }

    /// The workers' public address for outgoing connections; `number` counts from 1, and the first has none in its name.
    pub fn outbound_address(self, number: u32) -> String {
        numbered("k8s-agent-ip-outbound", number)
    }

    /// The front end of that address.
    pub fn outbound_front_end(self, number: u32) -> String {
        numbered("k8s-agent-outbound", number)
    }

    /// The NAT gateway.
    pub fn nat_gateway(self) -> String {
        format!("k8s-natgw-{}", self.suffix)
    }

    /// The NAT gateway's public address; `number` counts from 1, and the first has none in its name.
    pub fn nat_address(self, number: u32) -> String {
        numbered(&format!("k8s-natgw-ip-{}", self.suffix), number)
    }

    /// The application gateway, and the policy of its firewall.
    pub fn gateway(self) -> String {
        format!("k8s-appgw-{}", self.suffix)
    }

    /// The application gateway's public address.
    pub fn gateway_address(self) -> String {
        format!("k8s-appgw-ip-{}", self.suffix)
    }

    /// The identity of the application gateway's ingress controller.
    pub fn gateway_identity(self) -> String {
        format!("k8s-appgw-ic-identity-{}", self.suffix)
    }

    /// What the names of a pool's machines begin with; the index follows. Windows allows a machine 15 characters.
    pub fn pool_prefix(self, pool: &Pool) -> String {
        match pool.operating_system {
            OperatingSystem::Linux => format!("k8s-{}-{}-", pool.name, self.suffix),
            OperatingSystem::Windows => format!("{}k8s{:02}", self.start_of_suffix(4), pool.index),
        }
    }

    /// A pool's availability set.
    pub fn availability_set(self, pool: &Pool) -> String {
        format!("{}-availabilitySet-{}", pool.name, self.suffix)
    }

    /// A pool's scale set. For Windows its name is also what its machines' names begin with.
    pub fn scale_set(self, pool: &Pool) -> String {
        match pool.operating_system {
            OperatingSystem::Linux => format!("{}vmss", self.pool_prefix(pool)),
            OperatingSystem::Windows => self.pool_prefix(pool),
        }
    }

    /// The value of the tag `resourceNameSuffix`: of Windows machines only five characters, one more than their names
    /// hold, as aks-engine's readers expect.
    pub fn suffix_tag(self, operating_system: OperatingSystem) -> &'a str {
        match operating_system {
            OperatingSystem::Linux => self.suffix,
            OperatingSystem::Windows => self.start_of_suffix(5),
        }
    }

    /// An availability set's name for the cloud controller: the first pool's; empty with scale sets.
    pub fn primary_availability_set(self, cluster: &Cluster) -> String {
        match cluster.pools.first() {
            Some(pool) if pool.availability == crate::model::Availability::AvailabilitySet => {
                self.availability_set(pool)
            }
            _ => String::new(),
        }
    }

    /// A scale set's name for the cloud controller: the first pool's; empty with availability sets.
    pub fn primary_scale_set(self, cluster: &Cluster) -> String {
        match cluster.pools.first() {
            Some(pool) if pool.availability == crate::model::Availability::ScaleSet => self.scale_set(pool),
            _ => String::new(),
        }
    }

    fn start_of_suffix(self, length: usize) -> &'a str {
        self.suffix.get(..length).unwrap_or(self.suffix)
    }
}

fn numbered(name: &str, number: u32) -> String {
    match number {
        1 => name.to_owned(),
        // A number after a number would be read as one.
        _ if name.ends_with(|letter: char| letter.is_ascii_digit()) => format!("{name}-{number}"),
        _ => format!("{name}{number}"),
    }
}
