//! Addresses, CNI, load balancer, and who may come in.

use std::net::IpAddr;

use ipnet::IpNet;

/// The cluster's network.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Who gives pods their addresses.
    pub plugin: NetworkPlugin,
    /// Who enforces network policies.
    pub policy: NetworkPolicy,
    /// The vnet's range.
    pub vnet_cidr: IpNet,
    /// The range of the subnet that all nodes, or with control-plane nodes in a scale set those, stand in.
    pub node_subnet: IpNet,
    /// The workers' subnet where it is one of its own: with control-plane nodes in a scale set.
    pub agent_subnet: Option<IpNet>,
    /// Where pods' addresses come from: with Azure CNI the nodes' subnet, otherwise a range of its own.
    pub cluster_subnet: IpNet,
    /// Services' addresses.
    pub service_cidr: IpNet,
    /// The IPv6 half of a cluster with two address families.
    pub ipv6: Option<Ipv6Ranges>,
    /// The cluster DNS's address, inside `service_cidr`.
    pub dns_service_ip: IpAddr,
    /// The most pods on a node, where a pool does not say otherwise.
    pub max_pods: u32,
    /// How kube-proxy works.
    pub proxy_mode: ProxyMode,
    /// The load balancers.
    pub load_balancer: LoadBalancer,
    /// How nodes reach what is outside.
    pub outbound: OutboundType,
    /// Present if the API server has no public address.
    pub private_cluster: Option<PrivateCluster>,
    /// Who reaches the API server from outside the vnet; `0.0.0.0/0` is everybody, empty is nobody.
    pub api_server_source_ranges: Vec<IpNet>,
    /// Who reaches SSH from outside the vnet; empty is nobody.
    pub ssh_source_ranges: Vec<IpNet>,
    /// Whether nodes are kept from the Internet by rule.
    pub block_outbound_internet: bool,
}

impl Network {
    /// The first address of the service range: the API server, as pods see it.
    pub fn api_service_ip(&self) -> IpAddr {
        crate::base::address_at(self.service_cidr, 1).unwrap_or(self.service_cidr.network())
    }

    /// Whether each node gets a route to its pods (kubenet's way).
    pub fn needs_route_table(&self) -> bool {
        self.plugin == NetworkPlugin::Kubenet
    }
}

/// The IPv6 ranges of a cluster with two address families, beside those of IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Ranges {
    /// The vnet's, where the engine makes it.
    pub vnet: IpNet,
    /// That of the subnet of all nodes, or of the control plane's.
    pub node_subnet: IpNet,
    /// That of the workers' subnet, where it is one of its own.
    pub agent_subnet: IpNet,
    /// Pods' addresses: a /64 for each node.
    pub cluster_subnet: IpNet,
    /// Services' addresses.
    pub service_cidr: IpNet,
}

/// Who gives pods their addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkPlugin {
    /// Azure CNI: addresses of the vnet.
    Azure,
    /// A range per node and routes in a route table.
    Kubenet,
    /// Cilium.
    Cilium,
    /// Nobody: the user brings one.
    None,
}

impl NetworkPlugin {
    /// The word in the model.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Azure => "azure",
            Self::Kubenet => "kubenet",
            Self::Cilium => "cilium",
            Self::None => "none",
        }
    }
}

/// Who enforces network policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkPolicy {
    /// Nobody.
    None,
    /// Calico.
    Calico,
    /// Cilium.
    Cilium,
}

impl NetworkPolicy {
    /// The word in the model; empty for nobody.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Calico => "calico",
            Self::Cilium => "cilium",
        }
    }
}

/// How kube-proxy works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProxyMode {
    /// iptables.
    Iptables,
    /// nftables.
    Nftables,
    /// IPVS (deprecated in Kubernetes 1.35).
    Ipvs,
}

impl ProxyMode {
    /// The word in the model and in kube-proxy's configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Iptables => "iptables",
            Self::Nftables => "nftables",
            Self::Ipvs => "ipvs",
        }
    }
}

/// The load balancers of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Their kind.
    pub sku: LoadBalancerSku,
    /// Public addresses for outgoing connections, of a Standard one or of the NAT gateway, 1 to 16.
    pub outbound_ip_count: u32,
    /// When an idle outgoing connection is dropped, in minutes, 4 to 120.
    pub outbound_idle_timeout_minutes: u32,
    /// The most rules the cloud controller may put on one.
    pub maximum_rule_count: u32,
}

/// The kind of a load balancer and its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoadBalancerSku {
    /// Retired on public Azure; what Azure Stack Hub has.
    Basic,
    /// Zone-redundant, closed unless a rule opens it.
    Standard,
}

impl LoadBalancerSku {
    /// Azure's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Standard => "Standard",
        }
    }
}

/// The nodes' way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutboundType {
    /// Outbound rules of the Standard load balancers; a Basic one lets out by itself.
    LoadBalancer,
    /// A NAT gateway on the subnets.
    NatGateway,
    /// The user's own routes, on the user's own subnets.
    UserDefinedRouting,
}

impl OutboundType {
    /// The word in the model.
    pub const fn word(self) -> &'static str {
        match self {
            Self::LoadBalancer => "loadBalancer",
            Self::NatGateway => "natGateway",
            Self::UserDefinedRouting => "userDefinedRouting",
        }
    }
}

/// An API server without a public address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateCluster {
    /// A machine in the vnet to reach it from.
    pub jumpbox: Option<Jumpbox>,
}

/// A machine in the vnet, with a public address, to work from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jumpbox {
    /// Its name.
    pub name: String,
    /// Its size.
    pub vm_size: String,
    /// Its system disk in GiB.
    pub os_disk_size_gib: u32,
    /// The account on it.
    pub username: String,
    /// That account's public key.
    pub ssh_public_key: String,
}
