//! `masterProfile` and `agentPoolProfiles`: the machines.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EXTENSIONS, LATER, NodeKubernetesConfig, OUTPUT};

/// Distributions that a model may name: today's, and those of aks-engine, which become today's.
const DISTROS: [&str; 17] = [
    "ubuntu-24.04",
    "ubuntu",
    "ubuntu-18.04",
    "ubuntu-18.04-gen2",
    "ubuntu-20.04",
    "ubuntu-22.04",
    "aks-ubuntu-16.04",
    "aks-ubuntu-18.04",
    "aks-ubuntu-18.04-gen2",
    "aks-ubuntu-20.04",
    "aks-ubuntu-22.04",
    "flatcar",
    "coreos",
    "aks",
    "aks-1804",
    "aks-docker-engine",
    "acc-16.04",
];

/// The control-plane nodes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct MasterProfile {
    /// How many: 1, 3 or 5.
    #[schemars(required)]
    pub count: Option<i64>,
    /// The first label of the API server's public name; the cluster's name, too.
    #[schemars(required)]
    pub dns_prefix: Option<String>,
    /// Names and addresses that the API server's certificate shall hold beside its own.
    pub subject_alt_names: Option<Vec<String>>,
    /// The size, such as `Standard_D2s_v5`.
    #[schemars(required)]
    pub vm_size: Option<String>,
    /// The system disk's size; 0: the image's own.
    #[serde(rename = "osDiskSizeGB")]
    #[schemars(range(min = 0, max = 2048))]
    pub os_disk_size_gb: Option<u32>,
    /// Caching of the system disk.
    #[schemars(extend("enum" = ["None", "ReadOnly", "ReadWrite"]))]
    pub os_disk_caching_type: Option<String>,
    /// How the machines are kept apart.
    #[schemars(extend("enum" = ["AvailabilitySet", "VirtualMachineScaleSets"]))]
    pub availability_profile: Option<String>,
    /// Availability zones.
    pub availability_zones: Option<Vec<String>>,
    /// Where disks lie.
    #[schemars(extend("enum" = ["ManagedDisks", "StorageAccount", "Ephemeral"]))]
    pub storage_profile: Option<String>,
    /// The subnet of a vnet that exists already.
    #[serde(rename = "vnetSubnetID")]
    pub vnet_subnet_id: Option<String>,
    /// The workers' subnet of such a vnet, for control-plane nodes in a scale set.
    #[serde(rename = "agentVnetSubnetID")]
    pub agent_vnet_subnet_id: Option<String>,
    /// The vnet's range, in CIDR notation.
    pub vnet_cidr: Option<String>,
    /// The address of the first node.
    #[serde(rename = "firstConsecutiveStaticIP")]
    pub first_consecutive_static_ip: Option<String>,
    /// Addresses on each node's interface.
    #[schemars(range(min = 0, max = 256))]
    pub ip_address_count: Option<u32>,
    /// The workers' subnet, for control-plane nodes in a scale set.
    pub agent_subnet: Option<String>,
    /// The distribution.
    #[schemars(extend("enum" = DISTROS))]
    pub distro: Option<String>,
    /// An image of one's own.
    pub image_reference: Option<ImageReference>,
    /// Settings of Kubernetes for these nodes.
    pub kubernetes_config: Option<NodeKubernetesConfig>,
    /// Files that are put on each control-plane node, readable by root.
    pub custom_files: Option<Vec<CustomFile>>,
    /// An extension whose script each machine fetches and runs, as root, before anything is installed. One that fails keeps
    /// the machine from becoming a node. What it says is in `/var/log/<name>-output.log`.
    pub pre_provision_extension: Option<ExtensionReference>,
    /// Extensions that link to a template.
    #[schemars(extend("x-engine-no-effect" = EXTENSIONS))]
    pub extensions: Option<Vec<ExtensionReference>>,
    /// Who may reach the cluster by HTTP.
    #[serde(rename = "HTTPSourceAddressPrefix")]
    pub http_source_address_prefix: Option<String>,
    /// Sign-in by OAuth (DC/OS).
    #[schemars(extend("x-engine-no-effect" = "it is DC/OS's"))]
    pub oauth_enabled: Option<bool>,
    /// Fault domains of the availability set or scale set.
    #[schemars(range(min = 1, max = 5))]
    pub platform_fault_domain_count: Option<u32>,
    /// Update domains of the availability set.
    #[schemars(range(min = 1, max = 20))]
    #[schemars(extend("default" = 3))]
    pub platform_update_domain_count: Option<u32>,
    /// Whether a scale set is limited to 100 machines close together.
    #[schemars(extend("x-engine-always" = true, "x-engine-no-effect" = "there are never more than five control-plane nodes"))]
    pub single_placement_group: Option<bool>,
    /// The audit daemon.
    #[serde(rename = "auditDEnabled")]
    #[schemars(extend("default" = false))]
    pub audit_d_enabled: Option<bool>,
    /// Whether ultra disks can be attached.
    #[serde(rename = "ultraSSDEnabled")]
    #[schemars(extend("x-engine-always" = false, "x-engine-no-effect" = LATER))]
    pub ultra_ssd_enabled: Option<bool>,
    /// Whether the host encrypts disks and caches.
    #[schemars(extend("default" = false))]
    pub encryption_at_host: Option<bool>,
    /// Tags for these machines.
    #[serde(rename = "customVMTags")]
    pub custom_vm_tags: Option<BTreeMap<String, String>>,
    /// Kernel settings.
    #[serde(rename = "sysctldConfig")]
    pub sysctld_config: Option<BTreeMap<String, String>>,
    /// etcd as a service of Cosmos DB.
    #[schemars(extend("x-engine-always" = false, "x-engine-no-effect" = "Azure no longer offers it; etcd runs on the control-plane nodes"))]
    pub cosmos_etcd: Option<bool>,
    /// The proximity placement group.
    #[serde(rename = "proximityPlacementGroupID")]
    pub proximity_placement_group_id: Option<String>,
    /// The API server's public name.
    #[schemars(extend("x-engine-no-effect" = OUTPUT))]
    pub fqdn: Option<String>,
}

/// A pool of workers.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct AgentPoolProfile {
    /// A name: a small letter, then up to eleven small letters and digits.
    #[schemars(required)]
    pub name: Option<String>,
    /// How many: 1 to 1000.
    #[schemars(required)]
    pub count: Option<i64>,
    /// The size, such as `Standard_D2s_v5`.
    #[schemars(required)]
    pub vm_size: Option<String>,
    /// What runs on the machines.
    #[schemars(extend("default" = "Linux", "enum" = ["Linux", "Windows"]))]
    pub os_type: Option<String>,
    /// How the machines are kept apart.
    #[schemars(extend("enum" = ["AvailabilitySet", "VirtualMachineScaleSets"]))]
    pub availability_profile: Option<String>,
    /// How a scale set makes its machines: `Uniform`, as equal instances; `Flexible`, as machines of their own that belong
    /// to the set. The word is Azure Resource Manager's own for it.
    #[schemars(extend("enum" = ["Uniform", "Flexible"]))]
    pub orchestration_mode: Option<String>,
    /// Availability zones.
    pub availability_zones: Option<Vec<String>>,
    /// The system disk's size; 0: the image's own.
    #[serde(rename = "osDiskSizeGB")]
    #[schemars(range(min = 0, max = 2048))]
    pub os_disk_size_gb: Option<u32>,
    /// Caching of the system disk.
    #[schemars(extend("enum" = ["None", "ReadOnly", "ReadWrite"]))]
    pub os_disk_caching_type: Option<String>,
    /// Where disks lie.
    #[schemars(extend("enum" = ["ManagedDisks", "StorageAccount", "Ephemeral"]))]
    pub storage_profile: Option<String>,
    /// Sizes of empty data disks, at most four.
    #[serde(rename = "diskSizesGB")]
    #[schemars(length(max = 4), inner(range(min = 1, max = 32767)))]
    pub disk_sizes_gb: Option<Vec<u32>>,
    /// Caching of the data disks.
    #[schemars(extend("default" = "ReadOnly", "enum" = ["None", "ReadOnly", "ReadWrite"]))]
    pub data_disk_caching_type: Option<String>,
    /// The subnet of a vnet that exists already.
    #[serde(rename = "vnetSubnetID")]
    pub vnet_subnet_id: Option<String>,
    /// Addresses on each machine's interface.
    #[schemars(range(min = 0, max = 256))]
    pub ip_address_count: Option<u32>,
    /// The distribution.
    #[schemars(extend("enum" = DISTROS))]
    pub distro: Option<String>,
    /// An image of one's own.
    pub image_reference: Option<ImageReference>,
    /// Settings of Kubernetes for these nodes.
    pub kubernetes_config: Option<NodeKubernetesConfig>,
    /// A role (OpenShift).
    pub role: Option<String>,
    /// Whether interfaces bypass the host's switch.
    pub accelerated_networking_enabled: Option<bool>,
    /// The same for Windows.
    pub accelerated_networking_enabled_windows: Option<bool>,
    /// Whether a scale set makes more machines than asked for and deletes the slowest.
    #[schemars(extend("default" = false))]
    pub vmss_over_provisioning_enabled: Option<bool>,
    /// How machines are paid for.
    #[schemars(extend("default" = "Regular", "enum" = ["Regular", "Low", "Spot"]))]
    pub scale_set_priority: Option<String>,
    /// What becomes of an evicted machine.
    #[schemars(extend("enum" = ["Delete", "Deallocate"]))]
    pub scale_set_eviction_policy: Option<String>,
    /// The most to pay per hour in US dollars; -1: up to the full price.
    #[schemars(range(min = -1.0))]
    pub spot_max_price: Option<f64>,
    /// Whether a scale set is limited to 100 machines close together.
    pub single_placement_group: Option<bool>,
    /// Whether each machine has a public address of its own.
    #[serde(rename = "enableVMSSNodePublicIP")]
    #[schemars(extend("default" = false))]
    pub enable_vmss_node_public_ip: Option<bool>,
    /// Further backend pools that the machines join.
    #[serde(rename = "loadBalancerBackendAddressPoolIDs")]
    #[schemars(extend("x-engine-no-effect" = LATER))]
    pub load_balancer_backend_address_pool_ids: Option<Vec<String>>,
    /// The disk encryption set.
    #[serde(rename = "diskEncryptionSetID")]
    pub disk_encryption_set_id: Option<String>,
    /// Whether ultra disks can be attached.
    #[serde(rename = "ultraSSDEnabled")]
    #[schemars(extend("default" = false))]
    pub ultra_ssd_enabled: Option<bool>,
    /// Whether the host encrypts disks and caches.
    #[schemars(extend("default" = false))]
    pub encryption_at_host: Option<bool>,
    /// The audit daemon.
    #[serde(rename = "auditDEnabled")]
    #[schemars(extend("default" = false))]
    pub audit_d_enabled: Option<bool>,
    /// Labels of the nodes.
    pub custom_node_labels: Option<BTreeMap<String, String>>,
    /// Taints of the nodes, each `key=value:Effect`.
    pub node_taints: Option<Vec<String>>,
    /// Tags for these machines.
    #[serde(rename = "customVMTags")]
    pub custom_vm_tags: Option<BTreeMap<String, String>>,
    /// An extension whose script each machine fetches and runs, as root, before anything is installed. One that fails keeps
    /// the machine from becoming a node. What it says is in `/var/log/<name>-output.log`.
    pub pre_provision_extension: Option<ExtensionReference>,
    /// Extensions that link to a template.
    #[schemars(extend("x-engine-no-effect" = EXTENSIONS))]
    pub extensions: Option<Vec<ExtensionReference>>,
    /// Fault domains.
    #[schemars(range(min = 1, max = 5))]
    pub platform_fault_domain_count: Option<u32>,
    /// Update domains of an availability set.
    #[schemars(range(min = 1, max = 20))]
    #[schemars(extend("default" = 3))]
    pub platform_update_domain_count: Option<u32>,
    /// Kernel settings.
    #[serde(rename = "sysctldConfig")]
    pub sysctld_config: Option<BTreeMap<String, String>>,
    /// The proximity placement group.
    #[serde(rename = "proximityPlacementGroupID")]
    pub proximity_placement_group_id: Option<String>,
    /// The scale set's name.
    #[schemars(extend("x-engine-no-effect" = OUTPUT))]
    pub vmss_name: Option<String>,
    /// A public name (Swarm, DC/OS).
    pub dns_prefix: Option<String>,
    /// Public ports (Swarm, DC/OS).
    pub ports: Option<Vec<u16>>,
}

/// An image of one's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct ImageReference {
    /// The image, or in a gallery its definition.
    pub name: Option<String>,
    /// Its resource group.
    pub resource_group: Option<String>,
    /// The gallery's subscription.
    #[serde(rename = "subscriptionID")]
    pub subscription_id: Option<String>,
    /// The gallery.
    pub gallery: Option<String>,
    /// The version in the gallery.
    pub version: Option<String>,
}

/// A file that is put on each node.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct CustomFile {
    /// The file here, relative to the model's folder: text of at most 256 KiB.
    pub source: Option<String>,
    /// The file there, an absolute path. What lies below `/etc/kubernetes` the API server sees, too.
    pub dest: Option<String>,
}

/// An extension by name.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct ExtensionReference {
    /// Its name among `extensionProfiles`.
    pub name: Option<String>,
    /// Whether it runs on one machine or on all.
    #[schemars(extend("x-engine-always" = "All", "x-engine-no-effect" = "each machine runs it"))]
    pub single_or_all: Option<String>,
    /// Its template.
    #[schemars(extend("x-engine-no-effect" = EXTENSIONS))]
    pub template: Option<String>,
}
