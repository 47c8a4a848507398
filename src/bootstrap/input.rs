//! What the machines are told: the only data that templates are rendered from. Every field is always present, so that
//! no template can meet a missing value.
//!
//! Deliberately absent: the API model. Whoever expands it fills these structs.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::addons::AddOns;
use super::audit::AuditPolicy;
use super::encryption::Encryption;
use super::host::HostSettings;
use crate::base::Secret;
use crate::catalog::{docker_archive, kubernetes_archive};
use crate::contract::Platform;
use crate::pki::{CertifiedKey, KeyMaterial, ServiceAccountKey};

/// Whether the first control-plane machine may start a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The machine whose host name ends in index 0 starts the cluster, the others join it. Only until the state records
    /// the cluster's identity.
    Init,
    /// Every machine joins, index 0 too. It never falls back to starting a cluster.
    Join,
}

/// What all machines of a cluster know.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// The cluster's name (`dnsPrefix`); the cloud controller names load balancers after it.
    pub name: String,
    /// The exact Kubernetes version, such as `1.35.9`.
    pub kubernetes_version: String,
    /// The name under which machines and people reach the API server, such as
    /// `mycluster.westus2.cloudapp.azure.com`. In every API server's certificate.
    pub endpoint_name: String,
    /// The port of the API server: on the balancers' front ends and on the machines alike (443 as aks-engine, or 6443).
    pub api_server_port: u16,
    /// The port to which the internal balancer sends on the machines (4443 as aks-engine). Where it differs from
    /// `api_server_port`, the machines redirect it.
    pub internal_balancer_port: u16,
    /// Where `endpoint_name` leads inside the network: the internal balancer's front end, or the only control-plane
    /// machine.
    pub internal_address: IpAddr,
    /// The static addresses of the control-plane machines by index. Empty if they have none; peers are then found
    /// through `internal_address`.
    pub control_plane_addresses: Vec<IpAddr>,
    /// Names and addresses in the API server's certificate besides `endpoint_name`, `internal_address` and
    /// `control_plane_addresses`, which need not be named again.
    pub subject_alternative_names: Vec<String>,
    /// The range of all pods.
    pub pod_subnet: IpNet,
    /// The prefix length of one node's share of `pod_subnet` (24); of no meaning with Azure CNI.
    pub node_pod_prefix_length: u8,
    /// The range of services.
    pub service_subnet: IpNet,
    /// The IPv6 half of a cluster of two address families.
    pub ipv6: Option<Ipv6Ranges>,
    /// The address of CoreDNS, inside `service_subnet`.
    pub dns_service_address: IpAddr,
    /// The DNS domain of services (`cluster.local`).
    pub dns_domain: String,
    /// How pods get addresses.
    pub network: Network,
    /// Whether some of the cluster's nodes run Windows, and need add-ons of their own.
    pub windows_nodes: bool,
    /// How kube-proxy programs services.
    pub proxy_mode: ProxyMode,
    /// The certificate of the cluster's CA (PEM).
    pub certificate_authority: String,
    /// The bootstrap token with which machines join, such as `abcdef.0123456789abcdef`.
    pub bootstrap_token: Secret,
    /// Where software comes from.
    pub software: Software,
    /// The images of the parts that are not installed as packages.
    pub images: Images,
    /// What the machines are made for. On-prem nothing of `cloud` is told to them but its identity's place in customData.
    pub platform: Platform,
    /// Whether everything gets more time, because processors are emulated.
    pub slow_host: bool,
    /// Whether services of type LoadBalancer get addresses of the site, which control-plane machines see to.
    pub balances_services: bool,
    /// The cloud that the machines run in.
    pub cloud: AzureCloud,
    /// Kernel parameters besides those that Kubernetes needs.
    pub kernel_parameters: BTreeMap<String, String>,
    /// Arguments of the kubelet besides those that the bootstrap needs, without leading dashes. These win.
    pub kubelet_arguments: BTreeMap<String, String>,
    /// After so many minutes a machine that is not part of the cluster gives up.
    pub deadline_minutes: u32,
}

/// The IPv6 ranges of a cluster of two address families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Ranges {
    /// The range of all pods; a node's share is a /64.
    pub pod_subnet: IpNet,
    /// The range of services.
    pub service_subnet: IpNet,
}

/// How pods get addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// A bridge per node with the node's share of the pod range; the cloud controller keeps the routes.
    Kubenet,
    /// Azure CNI: pods have addresses of the virtual network.
    Azure {
        /// The archive with `azure-vnet` and `azure-vnet-ipam`.
        plugin_url: String,
        /// Its SHA-256 in hexadecimal; empty: not checked.
        plugin_sha256: String,
    },
    /// An add-on makes the interfaces of pods (Cilium, Calico), or the user brings one. Each node has its share of the pod
    /// range; its network is configured once the add-on runs on it.
    AddOn {
        /// Whether the cloud controller keeps a route to each node's share. Otherwise there is a tunnel.
        routes: bool,
    },
}

/// How kube-proxy programs services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyMode {
    /// iptables.
    Iptables,
    /// IP virtual servers (deprecated by Kubernetes 1.35).
    Ipvs,
    /// nftables (general since Kubernetes 1.33).
    Nftables,
}

/// Where software comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a cluster has one of it")]
pub enum Software {
    /// Packages of the distribution, of Kubernetes and of containerd, or of a mirror of them.
    Packages(Packages),
    /// The machine's image holds containerd, kubelet, kubeadm and kubectl in the right version.
    PreparedImage,
}

/// Debian packages and where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packages {
    /// Package sources besides the distribution's own.
    pub sources: Vec<PackageSource>,
    /// The package of containerd: `containerd.io` (Docker's source) or `containerd` (Ubuntu's).
    pub containerd_package: String,
    /// The version to install, as apt understands it (`2.2.*`); empty: the newest of the source.
    pub containerd_version: String,
    /// What signs kubelets in to Azure's container registries.
    pub registry_provider: RegistryProvider,
}

/// The package of the program that signs kubelets in to Azure's container registries, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryProvider {
    /// Its source, which the machine asks for nothing else.
    pub source: PackageSource,
    /// Its version without what the distribution adds: `1.35.8`.
    pub version: String,
}

/// One package source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSource {
    /// The name of its files (`kubernetes`).
    pub name: String,
    /// Its address.
    pub url: String,
    /// The suite; a flat repository is `/`.
    pub suite: String,
    /// The components, empty for a flat repository.
    pub components: String,
    /// Where its signing key (armored) lies.
    pub key_url: String,
}

impl PackageSource {
    /// The Kubernetes project's packages of a minor version (`1.35`).
    ///
    /// Source: <https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/>, read 2026-11-22.
    pub fn kubernetes(minor: &str) -> Self {
        let url = kubernetes_archive(minor);
        Self {
            name: "kubernetes".to_owned(),
            key_url: format!("{url}Release.key"),
            url,
            suite: "/".to_owned(),
            components: String::new(),
        }
    }

    /// Docker's packages, of which only `containerd.io` is used, for an Ubuntu release by its code name (`noble`).
    ///
    /// Source: <https://docs.docker.com/engine/install/ubuntu/>, read 2026-11-22.
    pub fn docker(ubuntu: &str) -> Self {
        Self {
            name: "docker".to_owned(),
            key_url: format!("{}/gpg", docker_archive("ubuntu")),
            url: docker_archive("ubuntu"),
            suite: ubuntu.to_owned(),
            components: "stable".to_owned(),
        }
    }

    /// Microsoft's packages for an Ubuntu release, by its number and code name (`24.04`, `noble`).
    ///
    /// Source: <https://learn.microsoft.com/linux/packages> and Azure/AgentBaker 06836ee,
    /// `parts/linux/cloud-init/artifacts/ubuntu/cse_install_ubuntu.sh`, read 2026-11-28.
    pub fn microsoft(release: &str, ubuntu: &str) -> Self {
        Self {
            name: "microsoft".to_owned(),
            url: format!("https://packages.microsoft.com/ubuntu/{release}/prod"),
            suite: ubuntu.to_owned(),
            components: "main".to_owned(),
            key_url: "https://packages.microsoft.com/keys/microsoft.asc".to_owned(),
        }
    }
}

/// Images by their full references (`registry.k8s.io/pause:3.10.1`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// The repository of kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy and etcd
    /// (`registry.k8s.io`).
    pub repository: String,
    /// The sandbox image.
    pub pause: String,
    /// kube-proxy.
    pub kube_proxy: String,
    /// CoreDNS.
    pub coredns: String,
    /// The cloud controller manager.
    pub cloud_controller_manager: String,
    /// The cloud node manager.
    pub cloud_node_manager: String,
    /// The disk driver and its sidecars; `None` leaves the driver and the default storage class out.
    pub disk_driver: Option<DiskDriverImages>,
}

/// The images of the disk driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskDriverImages {
    /// The driver itself (azuredisk-csi).
    pub driver: String,
    /// csi-provisioner.
    pub provisioner: String,
    /// csi-attacher.
    pub attacher: String,
    /// csi-resizer.
    pub resizer: String,
    /// livenessprobe.
    pub liveness_probe: String,
    /// csi-node-driver-registrar.
    pub registrar: String,
}

/// The cloud as the controllers in the cluster see it (`azure.json`). Where a field says so, empty text means that the
/// machine asks its metadata service.
#[derive(Debug, Clone)]
pub struct AzureCloud {
    /// `AzurePublicCloud`, `AzureChinaCloud`, `AzureUSGovernmentCloud`, `AzureStackCloud`.
    pub cloud_name: String,
    /// The tenant; empty: asked on the machine.
    pub tenant_id: String,
    /// The subscription; empty: asked on the machine.
    pub subscription_id: String,
    /// The resource group of the machines; empty: asked on the machine.
    pub resource_group: String,
    /// The region; empty: asked on the machine.
    pub location: String,
    /// Whether workers are machines of their own (`standard`) or of scale sets (`vmss`).
    pub machine_type: MachineType,
    /// Whether some of the scale sets' instances are machines of their own (orchestration mode Flexible), which the
    /// controllers look for only if told.
    pub flexible_nodes: bool,
    /// The virtual network's name.
    pub virtual_network: String,
    /// The virtual network's resource group; empty: that of the machines.
    pub virtual_network_resource_group: String,
    /// The workers' subnet.
    pub subnet: String,
    /// The workers' network security group.
    pub security_group: String,
    /// The route table; empty without one.
    pub route_table: String,
    /// The first pool's availability set; empty with scale sets.
    pub primary_availability_set: String,
    /// The first pool's scale set; empty with availability sets.
    pub primary_scale_set: String,
    /// `Standard` or `Basic`.
    pub load_balancer_sku: String,
    /// Rules per load balancer (250).
    pub maximum_load_balancer_rules: u32,
    /// Whether the cloud has a metadata service (Azure Stack has none).
    pub instance_metadata: bool,
    /// Who the controllers are.
    pub identity: CloudIdentity,
    /// The environment file of a custom cloud (Azure Stack), `azurestackcloud.json`; empty elsewhere.
    pub environment: String,
    /// What follows a container registry's name (`azurecr.io`).
    pub registry_suffix: String,
}

/// Machines of their own or of scale sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineType {
    /// Machines of their own, in availability sets or zones.
    Standard,
    /// Instances of scale sets.
    ScaleSet,
}

/// Who the controllers in the cluster are towards the cloud.
#[derive(Debug, Clone)]
pub enum CloudIdentity {
    /// The machine's own identity.
    System,
    /// An identity made by itself and given to the machines.
    User {
        /// Its client id.
        client_id: String,
    },
    /// A service principal.
    ServicePrincipal {
        /// Its application id.
        client_id: String,
        /// Its password.
        secret: PrincipalSecret,
    },
}

/// Where a machine has a service principal's password from.
#[derive(Debug, Clone)]
pub enum PrincipalSecret {
    /// It is told with all the rest.
    Told(Secret),
    /// The cloud puts it behind customData, encoded twice in base64: what is rendered ends where it has to stand, and has
    /// a length that divides by three, so that the two texts in base64 are one. It has
    /// [`LONGEST_APPENDED`](super::LONGEST_APPENDED) bytes at most.
    Appended,
}

impl CloudIdentity {
    /// Whether the cloud puts something behind customData.
    pub(super) fn is_appended(&self) -> bool {
        matches!(self, Self::ServicePrincipal { secret: PrincipalSecret::Appended, .. })
    }
}

/// The keys that only control-plane machines hold. All PEM.
#[derive(Debug, Clone)]
pub struct ControlPlaneKeys {
    /// The key of the cluster's CA.
    pub ca_key: Secret,
    /// The certificate of etcd's CA.
    pub etcd_ca_certificate: String,
    /// The key of etcd's CA.
    pub etcd_ca_key: Secret,
    /// The certificate of the aggregation layer's CA.
    pub front_proxy_ca_certificate: String,
    /// The key of the aggregation layer's CA.
    pub front_proxy_ca_key: Secret,
    /// The key that signs service-account tokens.
    pub service_account: ServiceAccountKey,
    /// What the API server shows to those who ask for one of its names, besides the certificate that kubeadm makes it.
    pub api_server: Option<CertifiedKey>,
    /// What the API server shows to kubelets, in place of the certificate that kubeadm would make it.
    pub kubelet_client: Option<CertifiedKey>,
}

impl From<&KeyMaterial> for ControlPlaneKeys {
    fn from(material: &KeyMaterial) -> Self {
        Self {
            ca_key: material.cluster_ca.key.clone(),
            etcd_ca_certificate: material.etcd_ca.certificate.clone(),
            etcd_ca_key: material.etcd_ca.key.clone(),
            front_proxy_ca_certificate: material.front_proxy_ca.certificate.clone(),
            front_proxy_ca_key: material.front_proxy_ca.key.clone(),
            service_account: material.service_account.clone(),
            api_server: material.api_server.clone(),
            kubelet_client: material.kubelet_client.clone(),
        }
    }
}

/// A file that the user adds to machines.
#[derive(Debug, Clone)]
pub struct CustomFile {
    /// Where it goes (absolute).
    pub path: String,
    /// What is in it.
    pub content: Secret,
}

/// What the machines of one pool are told besides the cluster's settings.
#[derive(Debug, Clone)]
pub struct NodeSettings {
    /// Labels of the nodes.
    pub labels: BTreeMap<String, String>,
    /// Taints as `key=value:effect` or `key:effect`. On control-plane machines these come besides kubeadm's own.
    pub taints: Vec<String>,
    /// Pods per node.
    pub maximum_pods: u32,
    /// Files that the user adds.
    pub custom_files: Vec<CustomFile>,
    /// The machine below Kubernetes.
    pub host: HostSettings,
}

/// All that the control-plane machines are told; the same for each of them.
#[derive(Debug, Clone)]
pub struct ControlPlaneMachine {
    /// The cluster.
    pub cluster: ClusterSettings,
    /// The nodes.
    pub node: NodeSettings,
    /// What is installed into the cluster.
    pub add_ons: AddOns,
    /// Whether index 0 starts the cluster.
    pub start: Start,
    /// The keys.
    pub keys: ControlPlaneKeys,
    /// How the secrets in etcd are encrypted.
    pub encryption: Encryption,
    /// What the API server writes into its audit log.
    pub audit_policy: AuditPolicy,
    /// The group of the identity provider whose members administer the cluster; empty: none.
    pub administrators: String,
    /// How long the bootstrap token lives after the cluster has started, in hours.
    pub token_hours: u32,
    /// Whether the token is kept alive on the machines, for pools that an autoscaler grows.
    pub keeps_token: bool,
    /// etcd's backend quota in bytes (2 GiB as aks-engine).
    pub etcd_quota_bytes: u64,
    /// Arguments of kube-apiserver besides the bootstrap's, without leading dashes. These win.
    pub api_server_arguments: BTreeMap<String, String>,
    /// Arguments of kube-controller-manager besides the bootstrap's, without leading dashes. These win.
    pub controller_manager_arguments: BTreeMap<String, String>,
    /// Arguments of kube-scheduler besides the bootstrap's, without leading dashes. These win.
    pub scheduler_arguments: BTreeMap<String, String>,
}

/// All that the machines of one worker pool are told; the same for each of them.
#[derive(Debug, Clone)]
pub struct WorkerMachine {
    /// The cluster.
    pub cluster: ClusterSettings,
    /// The nodes.
    pub node: NodeSettings,
}
