//! `orchestratorProfile`: Kubernetes, its version and settings.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LATER, LATER_FLAGS, MapOrText, NumberOrText, PINNED, SecretText};

const IMAGES: &str = "images come from their own registries, or through softwareProfile.mirror";
const CLOUD_PROVIDER: &str = "the cloud controller keeps its own pace";
const WINDOWS_FILES: &str = "the files follow from the version of Kubernetes, or come through softwareProfile.mirror";

/// Kubernetes: its version and settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct OrchestratorProfile {
    /// `Kubernetes`, the only one.
    pub orchestrator_type: Option<String>,
    /// The minor version, such as `1.35`; the newest patch of it is taken.
    #[schemars(extend("pattern" = r"^[0-9]+\.[0-9]+$"))]
    pub orchestrator_release: Option<String>,
    /// The exact version, such as `1.35.9`.
    #[schemars(extend("pattern" = r"^[0-9]+\.[0-9]+\.[0-9]+$"))]
    pub orchestrator_version: Option<String>,
    /// Settings of Kubernetes.
    pub kubernetes_config: Option<KubernetesConfig>,
}

/// Settings of Kubernetes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct KubernetesConfig {
    /// Who gives pods their addresses.
    #[schemars(extend("enum" = ["azure", "kubenet", "cilium", "none", "flannel"]))]
    pub network_plugin: Option<String>,
    /// Who enforces network policies.
    #[schemars(extend("enum" = ["none", "azure", "calico", "cilium"]))]
    pub network_policy: Option<String>,
    /// How Azure CNI connects pods.
    #[schemars(extend("enum" = ["transparent", "bridge"], "x-engine-always" = "transparent", "x-engine-no-effect" = "pods are always connected transparently"))]
    pub network_mode: Option<String>,
    /// Where pods' addresses come from, in CIDR notation; with two address families an IPv4 range, a comma, an IPv6 range.
    pub cluster_subnet: Option<String>,
    /// Services' addresses, in CIDR notation.
    pub service_cidr: Option<String>,
    /// The cluster DNS's address.
    #[serde(rename = "dnsServiceIP")]
    pub dns_service_ip: Option<String>,
    /// Docker's bridge.
    #[schemars(extend("x-engine-no-effect" = "there is no Docker on the nodes"))]
    pub docker_bridge_subnet: Option<String>,
    /// Addresses that are not masqueraded.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    pub non_masquerade_cidr: Option<String>,
    /// The most pods on a node.
    #[schemars(range(min = 5, max = 1000))]
    pub max_pods: Option<u32>,
    /// What runs containers.
    #[schemars(extend("enum" = ["containerd", "docker", "clear-containers", "kata-containers"]))]
    pub container_runtime: Option<String>,
    /// Settings of what runs containers.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    pub container_runtime_config: Option<BTreeMap<String, String>>,
    /// The version of Moby.
    #[schemars(extend("x-engine-no-effect" = "there is no Docker on the nodes"))]
    pub moby_version: Option<String>,
    /// The version of containerd.
    #[schemars(extend("x-engine-no-effect" = PINNED))]
    pub containerd_version: Option<String>,
    /// Whether machines have identities of their own.
    pub use_managed_identity: Option<bool>,
    /// A user-assigned identity: its resource id, or a name for one that the engine makes.
    #[serde(rename = "userAssignedID")]
    pub user_assigned_id: Option<String>,
    /// Its client id.
    #[serde(rename = "userAssignedClientID")]
    pub user_assigned_client_id: Option<String>,
    /// Role-based access control.
    #[schemars(extend("x-engine-always" = true, "x-engine-no-effect" = "role-based access control is always on"))]
    pub enable_rbac: Option<bool>,
    /// Kubelets that authenticate.
    #[schemars(extend("x-engine-always" = true, "x-engine-no-effect" = "kubelets always authenticate and authorize"))]
    pub enable_secure_kubelet: Option<bool>,
    /// API aggregation.
    #[serde(rename = "enableAggregatedAPIs")]
    #[schemars(extend("x-engine-always" = true, "x-engine-no-effect" = "the aggregation layer is always on"))]
    pub enable_aggregated_apis: Option<bool>,
    /// Pod security policies.
    #[schemars(extend("x-engine-always" = false, "x-engine-no-effect" = "Kubernetes 1.25 removed it; Pod Security Admission takes its place"))]
    pub enable_pod_security_policy: Option<bool>,
    /// Pod security policies.
    #[schemars(extend("x-engine-no-effect" = "Kubernetes 1.25 removed it; Pod Security Admission takes its place"))]
    pub pod_security_policy_config: Option<MapOrText>,
    /// An API server without a public address.
    pub private_cluster: Option<PrivateClusterInput>,
    /// The kind of load balancers.
    #[schemars(extend("enum" = ["Basic", "Standard"]))]
    pub load_balancer_sku: Option<String>,
    /// Whether control-plane nodes stay out of the workers' load balancer.
    #[serde(rename = "excludeMasterFromStandardLB")]
    #[schemars(extend("x-engine-always" = true, "x-engine-no-effect" = "control-plane nodes always stay out of the workers' load balancer"))]
    pub exclude_master_from_standard_lb: Option<bool>,
    /// The nodes' way out: outbound rules of the load balancers; `natGateway`, a NAT gateway on the subnets that the engine
    /// makes; `userDefinedRouting`, routes of your own on subnets of your own, for which the engine makes nothing. AKS
    /// calls the second `managedNATGateway`.
    #[schemars(extend("default" = "loadBalancer", "enum" = ["loadBalancer", "natGateway", "userDefinedRouting"]))]
    pub outbound_type: Option<String>,
    /// Public addresses for outgoing connections, of the load balancer or of the NAT gateway.
    #[serde(rename = "loadBalancerOutboundIPs")]
    #[schemars(range(min = 1, max = 16))]
    pub load_balancer_outbound_ips: Option<u32>,
    /// When an idle outgoing connection is dropped.
    #[schemars(range(min = 4, max = 120))]
    #[schemars(extend("default" = 30))]
    pub outbound_rule_idle_timeout_in_minutes: Option<u32>,
    /// The most rules on a load balancer.
    #[schemars(range(min = 0, max = 1500))]
    #[schemars(extend("default" = 250))]
    pub maximum_load_balancer_rule_count: Option<u32>,
    /// A load balancer per pool.
    #[schemars(extend("x-engine-always" = false, "x-engine-no-effect" = LATER))]
    pub enable_multiple_standard_load_balancers: Option<bool>,
    /// How kube-proxy works.
    #[schemars(extend("default" = "iptables", "enum" = ["iptables", "nftables", "ipvs"]))]
    pub kube_proxy_mode: Option<String>,
    /// The version of etcd.
    #[schemars(extend("x-engine-no-effect" = PINNED))]
    pub etcd_version: Option<String>,
    /// The size of each etcd disk.
    #[serde(rename = "etcdDiskSizeGB")]
    pub etcd_disk_size_gb: Option<NumberOrText>,
    /// The limit of etcd's database.
    #[serde(rename = "etcdStorageLimitGB")]
    #[schemars(range(min = 0, max = 64))]
    #[schemars(extend("default" = 2))]
    pub etcd_storage_limit_gb: Option<u32>,
    /// The key that encrypts secrets in etcd, base64 of 32 bytes.
    pub etcd_encryption_key: Option<SecretText>,
    /// Whether secrets are encrypted in etcd, by a key on the control-plane nodes.
    #[schemars(extend("default" = false))]
    pub enable_data_encryption_at_rest: Option<bool>,
    /// Whether a key vault encrypts secrets in etcd, over the key on the nodes if there is one.
    #[schemars(extend("default" = false))]
    pub enable_encryption_with_external_kms: Option<bool>,
    /// The kind of that key vault.
    #[schemars(extend("enum" = ["standard", "premium"]))]
    pub key_vault_sku: Option<String>,
    /// How full a disk is when images are cleaned up, in percent.
    #[serde(rename = "gchighthreshold")]
    #[schemars(range(min = 0, max = 100))]
    pub gc_high_threshold: Option<u32>,
    /// How full it may stay, in percent.
    #[serde(rename = "gclowthreshold")]
    #[schemars(range(min = 0, max = 100))]
    pub gc_low_threshold: Option<u32>,
    /// Whether the cloud controller waits longer after each failure.
    #[schemars(extend("x-engine-always" = true, "x-engine-no-effect" = CLOUD_PROVIDER))]
    pub cloud_provider_backoff: Option<bool>,
    /// How it waits.
    #[schemars(extend("x-engine-always" = "v2", "x-engine-no-effect" = CLOUD_PROVIDER))]
    pub cloud_provider_backoff_mode: Option<String>,
    /// How often it tries.
    #[schemars(extend("x-engine-no-effect" = CLOUD_PROVIDER))]
    pub cloud_provider_backoff_retries: Option<u32>,
    /// How irregularly.
    #[schemars(extend("x-engine-no-effect" = CLOUD_PROVIDER))]
    pub cloud_provider_backoff_jitter: Option<f64>,
    /// How long at first.
    #[schemars(extend("x-engine-no-effect" = CLOUD_PROVIDER))]
    pub cloud_provider_backoff_duration: Option<u32>,
    /// By what factor longer each time.
    #[schemars(extend("x-engine-no-effect" = CLOUD_PROVIDER))]
    pub cloud_provider_backoff_exponent: Option<f64>,
    /// Whether the cloud controller limits its requests.
    #[schemars(extend("x-engine-always" = true, "x-engine-no-effect" = CLOUD_PROVIDER))]
    pub cloud_provider_rate_limit: Option<bool>,
    /// Reads per second.
    #[serde(rename = "cloudProviderRateLimitQPS")]
    #[schemars(extend("x-engine-no-effect" = CLOUD_PROVIDER))]
    pub cloud_provider_rate_limit_qps: Option<f64>,
    /// Writes per second.
    #[serde(rename = "cloudProviderRateLimitQPSWrite")]
    #[schemars(extend("x-engine-no-effect" = CLOUD_PROVIDER))]
    pub cloud_provider_rate_limit_qps_write: Option<f64>,
    /// Reads at once.
    #[schemars(extend("x-engine-no-effect" = CLOUD_PROVIDER))]
    pub cloud_provider_rate_limit_bucket: Option<u32>,
    /// Writes at once.
    #[schemars(extend("x-engine-no-effect" = CLOUD_PROVIDER))]
    pub cloud_provider_rate_limit_bucket_write: Option<u32>,
    /// Whether the cloud controller's rules give no way out.
    #[serde(rename = "cloudProviderDisableOutboundSNAT")]
    #[schemars(extend("x-engine-no-effect" = "outgoing connections have an outbound rule of their own"))]
    pub cloud_provider_disable_outbound_snat: Option<bool>,
    /// Whether the cloud provider asks the metadata service.
    #[schemars(extend("x-engine-always" = true, "x-engine-no-effect" = "the metadata service is asked wherever there is one"))]
    pub use_instance_metadata: Option<bool>,
    /// The cloud controller as a program of its own.
    #[schemars(extend("x-engine-always" = true, "x-engine-no-effect" = "the cloud controller is always a program of its own"))]
    pub use_cloud_controller_manager: Option<bool>,
    /// Tags that the cloud controller puts on what it makes.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    pub tags: Option<String>,
    /// Add-ons.
    pub addons: Option<Vec<AddonInput>>,
    /// Control-plane components.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    pub components: Option<Vec<AddonInput>>,
    /// Flags of the kubelet.
    pub kubelet_config: Option<BTreeMap<String, String>>,
    /// Flags of kube-apiserver.
    pub api_server_config: Option<BTreeMap<String, String>>,
    /// Flags of kube-controller-manager.
    pub controller_manager_config: Option<BTreeMap<String, String>>,
    /// Flags of cloud-controller-manager.
    #[schemars(extend("x-engine-no-effect" = LATER_FLAGS))]
    pub cloud_controller_manager_config: Option<BTreeMap<String, String>>,
    /// Flags of kube-scheduler.
    pub scheduler_config: Option<BTreeMap<String, String>>,
    /// The control group of Kubernetes' own programs.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    pub kube_reserved_cgroup: Option<String>,
    /// An image of one's own.
    #[schemars(extend("x-engine-no-effect" = "there is no hyperkube since Kubernetes 1.19"))]
    pub custom_hyperkube_image: Option<String>,
    /// An image of one's own.
    #[serde(rename = "customKubeAPIServerImage")]
    #[schemars(extend("x-engine-no-effect" = IMAGES))]
    pub custom_kube_api_server_image: Option<String>,
    /// An image of one's own.
    #[schemars(extend("x-engine-no-effect" = IMAGES))]
    pub custom_kube_controller_manager_image: Option<String>,
    /// An image of one's own.
    #[schemars(extend("x-engine-no-effect" = IMAGES))]
    pub custom_kube_proxy_image: Option<String>,
    /// An image of one's own.
    #[schemars(extend("x-engine-no-effect" = IMAGES))]
    pub custom_kube_scheduler_image: Option<String>,
    /// An image of one's own.
    #[schemars(extend("x-engine-no-effect" = IMAGES))]
    pub custom_ccm_image: Option<String>,
    /// Binaries of one's own.
    #[serde(rename = "customKubeBinaryURL")]
    #[schemars(extend("x-engine-no-effect" = IMAGES))]
    pub custom_kube_binary_url: Option<String>,
    /// Binaries of one's own.
    #[serde(rename = "customWindowsPackageURL")]
    #[schemars(extend("x-engine-no-effect" = WINDOWS_FILES))]
    pub custom_windows_package_url: Option<String>,
    /// Where Windows' binaries come from.
    #[serde(rename = "windowsNodeBinariesURL")]
    #[schemars(extend("x-engine-no-effect" = WINDOWS_FILES))]
    pub windows_node_binaries_url: Option<String>,
    /// Where Windows' containerd comes from.
    #[serde(rename = "windowsContainerdURL")]
    #[schemars(extend("x-engine-no-effect" = WINDOWS_FILES))]
    pub windows_containerd_url: Option<String>,
    /// Where Windows' network plugin comes from.
    #[serde(rename = "windowsSdnPluginURL")]
    #[schemars(extend("x-engine-no-effect" = WINDOWS_FILES))]
    pub windows_sdn_plugin_url: Option<String>,
    /// The version of Azure CNI.
    #[serde(rename = "azureCNIVersion")]
    #[schemars(extend("x-engine-no-effect" = PINNED))]
    pub azure_cni_version: Option<String>,
    /// Where Azure CNI comes from.
    #[serde(rename = "azureCNIURLLinux")]
    #[schemars(extend("x-engine-no-effect" = PINNED))]
    pub azure_cni_url_linux: Option<String>,
    /// Where Azure CNI comes from.
    #[serde(rename = "azureCNIURLWindows")]
    #[schemars(extend("x-engine-no-effect" = PINNED))]
    pub azure_cni_url_windows: Option<String>,
    /// A registry of one's own.
    #[schemars(extend("x-engine-no-effect" = IMAGES))]
    pub private_azure_registry_server: Option<String>,
    /// Where Microsoft's packages come from.
    #[serde(rename = "microsoftAptRepositoryURL")]
    #[schemars(extend("x-engine-no-effect" = "packages come from softwareProfile"))]
    pub microsoft_apt_repository_url: Option<String>,
    /// Where containerd comes from.
    #[serde(rename = "linuxContainerdURL")]
    #[schemars(extend("x-engine-no-effect" = "packages come from softwareProfile"))]
    pub linux_containerd_url: Option<String>,
    /// Where runc comes from.
    #[serde(rename = "linuxRuncURL")]
    #[schemars(extend("x-engine-no-effect" = "packages come from softwareProfile"))]
    pub linux_runc_url: Option<String>,
    /// Where Moby comes from.
    #[serde(rename = "linuxMobyURL")]
    #[schemars(extend("x-engine-no-effect" = "there is no Docker on the nodes"))]
    pub linux_moby_url: Option<String>,
    /// Where images come from.
    #[schemars(extend("x-engine-no-effect" = IMAGES))]
    pub kubernetes_image_base: Option<String>,
    /// What kind of registry that is.
    #[schemars(extend("x-engine-no-effect" = IMAGES))]
    pub kubernetes_image_base_type: Option<String>,
    /// Where Microsoft's images come from.
    #[schemars(extend("x-engine-no-effect" = IMAGES))]
    pub mcr_kubernetes_image_base: Option<String>,
}

/// Settings of Kubernetes for the nodes of one pool.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct NodeKubernetesConfig {
    /// Flags of the kubelet.
    pub kubelet_config: Option<BTreeMap<String, String>>,
    /// What runs containers.
    #[schemars(extend("enum" = ["containerd", "docker"], "x-engine-always" = "containerd", "x-engine-no-effect" = "nodes run containerd"))]
    pub container_runtime: Option<String>,
    /// Settings of what runs containers.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    pub container_runtime_config: Option<BTreeMap<String, String>>,
}

/// An API server without a public address.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct PrivateClusterInput {
    /// Whether it is one.
    pub enabled: Option<bool>,
    /// Whether a program on the nodes keeps the API server's name up to date.
    #[schemars(extend("x-engine-always" = false, "x-engine-no-effect" = LATER))]
    pub enable_hosts_config_agent: Option<bool>,
    /// A machine in the vnet to reach it from.
    pub jumpbox_profile: Option<JumpboxInput>,
}

/// A machine in the vnet to work from.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct JumpboxInput {
    /// Its name.
    pub name: Option<String>,
    /// Its size.
    pub vm_size: Option<String>,
    /// Its system disk.
    #[serde(rename = "osDiskSizeGB")]
    #[schemars(range(min = 30, max = 2048))]
    pub os_disk_size_gb: Option<u32>,
    /// The account on it.
    pub username: Option<String>,
    /// That account's public key.
    pub public_key: Option<String>,
    /// Where its disk lies.
    #[schemars(extend("x-engine-always" = "ManagedDisks", "x-engine-no-effect" = "its disk is always a managed one"))]
    pub storage_profile: Option<String>,
}

/// An add-on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct AddonInput {
    /// Its name.
    pub name: Option<String>,
    /// Whether it is wanted.
    pub enabled: Option<bool>,
    /// Its settings.
    pub config: Option<BTreeMap<String, String>>,
    /// How it is kept as it is.
    #[schemars(extend("enum" = ["EnsureExists", "Reconcile"], "x-engine-no-effect" = "add-ons are applied by the engine, by server-side apply"))]
    pub mode: Option<String>,
    /// Other images and resources for its containers, by their names.
    pub containers: Option<Vec<AddonContainerInput>>,
    /// Its settings for each pool: the autoscaler's `min-nodes` and `max-nodes`.
    pub pools: Option<Vec<AddonPoolInput>>,
    /// A manifest of your own for it, base64: applied when the cluster starts.
    pub data: Option<String>,
}

/// A container of an add-on. Who says what it asks for or may use of the processor, or of the memory, says both.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct AddonContainerInput {
    /// Its name.
    pub name: Option<String>,
    /// Its image, as nodes are to ask for it: a mirror does not change it.
    pub image: Option<String>,
    /// The processor time that it asks for, such as `100m`.
    pub cpu_requests: Option<String>,
    /// The memory that it asks for, such as `128Mi`.
    pub memory_requests: Option<String>,
    /// The most processor time that it may use.
    pub cpu_limits: Option<String>,
    /// The most memory that it may use.
    pub memory_limits: Option<String>,
}

/// An add-on's settings for one pool.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct AddonPoolInput {
    /// The pool.
    pub name: Option<String>,
    /// Its settings.
    pub config: Option<BTreeMap<String, String>>,
}
