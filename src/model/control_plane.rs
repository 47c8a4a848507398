//! The control-plane nodes, their etcd, and their addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::extension::PreProvisionScript;
use super::pool::{Availability, Caching, Image, OsDisk};
use crate::base::Secret;

/// The internal load balancer's address lies this far behind the first control-plane node's (aks-engine).
const INTERNAL_BALANCER_OFFSET: u32 = 10;

/// The control-plane nodes: equal machines with a stacked etcd.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlPlane {
    /// 1, 3 or 5.
    pub count: u32,
    /// The size, such as `Standard_D2s_v5`.
    pub vm_size: String,
    /// What they start from.
    pub image: Image,
    /// The system disk.
    pub os_disk: OsDisk,
    /// The size of each node's etcd disk in GiB.
    pub etcd_disk_size_gib: u32,
    /// The limit of etcd's database in GiB.
    pub etcd_storage_limit_gib: u32,
    /// Caching of the etcd disk.
    pub etcd_disk_caching: Caching,
    /// How the machines are kept apart.
    pub availability: Availability,
    /// Availability zones; node N stands in zone N modulo their number. Empty: none.
    pub zones: Vec<String>,
    /// Fault domains of the availability set.
    pub fault_domain_count: u32,
    /// Update domains of the availability set.
    pub update_domain_count: u32,
    /// Whether a scale set is limited to 100 machines close together.
    pub single_placement_group: bool,
    /// The address of the first node; the others follow without a gap.
    pub first_consecutive_static_ip: IpAddr,
    /// Addresses on each node's interface, its own included (more than one with Azure CNI: one for each pod).
    pub addresses_per_node: u32,
    /// Kernel parameters, over the engine's own.
    pub kernel_parameters: BTreeMap<String, String>,
    /// Whether the audit daemon runs.
    pub audit: bool,
    /// The most pods on a control-plane node.
    pub max_pods: u32,
    /// The subnet of a vnet that exists already (its resource id); `None`: the engine makes the vnet.
    pub subnet_id: Option<String>,
    /// The workers' subnet of such a vnet, for control-plane nodes in a scale set.
    pub agent_subnet_id: Option<String>,
    /// Names and addresses that the API server's certificate shall hold beside its own.
    pub subject_alternative_names: Vec<String>,
    /// Whether the interfaces bypass the host's switch.
    pub accelerated_networking: bool,
    /// Whether the host encrypts disks and caches.
    pub encryption_at_host: bool,
    /// The proximity placement group's resource id.
    pub proximity_placement_group_id: Option<String>,
    /// Flags for the kubelet on these nodes, over the cluster's.
    pub kubelet_flags: BTreeMap<String, String>,
    /// Tags for these machines.
    pub tags: BTreeMap<String, String>,
    /// A script that each machine runs before it becomes a node.
    pub pre_provision: Option<PreProvisionScript>,
    /// Files that the user puts on these machines.
    pub custom_files: Vec<CustomFile>,
}

/// A file that the user puts on machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomFile {
    /// Where it goes (absolute).
    pub dest: String,
    /// What is in it.
    pub content: Secret,
}

impl CustomFile {
    /// Where a cluster's folder keeps the file of an index, relative to the `apimodel.json` that names it.
    pub fn kept_as(index: usize) -> String {
        format!("custom-files/{index}")
    }
}

impl ControlPlane {
    /// The address of node `index` (from 0).
    pub fn address(&self, index: u32) -> IpAddr {
        offset(self.first_consecutive_static_ip, index)
    }

    /// The addresses of all nodes.
    pub fn addresses(&self) -> Vec<IpAddr> {
        (0..self.count).map(|index| self.address(index)).collect()
    }

    /// Whether the machines are instances of a scale set, without lasting names and addresses.
    pub fn is_scale_set(&self) -> bool {
        self.availability == Availability::ScaleSet
    }

    /// Whether there is a load balancer inside the vnet in front of the API servers.
    pub fn has_internal_balancer(&self) -> bool {
        self.count > 1 || self.is_scale_set()
    }

    /// The internal load balancer's address, whether there is one or not. In front of a scale set, whose members take
    /// addresses from the start of the subnet, it is `a.b.255.10`.
    pub fn internal_balancer_address(&self) -> IpAddr {
        match (self.availability, self.first_consecutive_static_ip) {
            (Availability::ScaleSet, IpAddr::V4(first)) => {
                let [a, b, ..] = first.octets();
                IpAddr::V4(Ipv4Addr::new(a, b, 255, 10))
            }
            (_, first) => offset(first, INTERNAL_BALANCER_OFFSET),
        }
    }

    /// Where nodes find the API server: the internal load balancer, or the only node.
    pub fn api_server_address(&self) -> IpAddr {
        if self.has_internal_balancer() { self.internal_balancer_address() } else { self.first_consecutive_static_ip }
    }
}

fn offset(address: IpAddr, by: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits().wrapping_add(by))),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits().wrapping_add(u128::from(by)))),
    }
}
