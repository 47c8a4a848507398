//! `masterProfile` and `agentPoolProfiles`: the machines.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LATER, NodeKubernetesConfig, OUTPUT};

/// Distributions that a model may name: today's, and those of aks-engine, which become today's.
const DISTROS: [&str; 15] = [
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
];

/// The control-plane nodes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct MasterProfile {
    /// How many: 1, 3 or 5.
    #[schemars(required)]
    pub(in crate::model) count: Option<i64>,
    /// The first label of the API server's public name; the cluster's name, too.
    #[schemars(required)]
    pub(in crate::model) dns_prefix: Option<String>,
    /// Names and addresses that the API server's certificate shall hold beside its own.
    pub(in crate::model) subject_alt_names: Option<Vec<String>>,
    /// The size, such as `Standard_D2s_v5`.
    #[schemars(required)]
    pub(in crate::model) vm_size: Option<String>,
    /// The system disk's size; 0: the image's own.
    #[serde(rename = "osDiskSizeGB")]
    #[schemars(range(min = 0, max = 2048))]
    pub(in crate::model) os_disk_size_gb: Option<u32>,
    /// Caching of the system disk.
    #[schemars(extend("enum" = ["None", "ReadOnly", "ReadWrite"]))]
    pub(in crate::model) os_disk_caching_type: Option<String>,
    /// How the machines are kept apart.
    #[schemars(extend("enum" = ["AvailabilitySet", "VirtualMachineScaleSets"]))]
    pub(in crate::model) availability_profile: Option<String>,
    /// Availability zones.
    pub(in crate::model) availability_zones: Option<Vec<String>>,
    /// Where disks lie.
    #[schemars(extend("enum" = ["ManagedDisks", "StorageAccount", "Ephemeral"]))]
    pub(in crate::model) storage_profile: Option<String>,
    /// The subnet of a vnet that exists already.
    #[serde(rename = "vnetSubnetID")]
    pub(in crate::model) vnet_subnet_id: Option<String>,
    /// The workers' subnet of such a vnet, for control-plane nodes in a scale set.
    #[serde(rename = "agentVnetSubnetID")]
    pub(in crate::model) agent_vnet_subnet_id: Option<String>,
    /// The vnet's range, in CIDR notation.
    pub(in crate::model) vnet_cidr: Option<String>,
    /// The address of the first node.
    #[serde(rename = "firstConsecutiveStaticIP")]
    pub(in crate::model) first_consecutive_static_ip: Option<String>,
    /// Addresses on each node's interface.
    #[schemars(range(min = 0, max = 256))]
    pub(in crate::model) ip_address_count: Option<u32>,
    /// The workers' subnet, for control-plane nodes in a scale set.
    pub(in crate::model) agent_subnet: Option<String>,
    /// The distribution.
    #[schemars(extend("enum" = DISTROS))]
    pub(in crate::model) distro: Option<String>,
    /// An image of one's own.
    pub(in crate::model) image_reference: Option<ImageReference>,
    /// Settings of Kubernetes for these nodes.
    pub(in crate::model) kubernetes_config: Option<NodeKubernetesConfig>,
    /// Files that are put on each node.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    custom_files: Option<Vec<CustomFile>>,
    /// An extension that runs before anything else.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    pre_provision_extension: Option<ExtensionReference>,
    /// Extensions.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    extensions: Option<Vec<ExtensionReference>>,
    /// Who may reach the cluster by HTTP.
    #[serde(rename = "HTTPSourceAddressPrefix")]
    pub(in crate::model) http_source_address_prefix: Option<String>,
    /// Sign-in by OAuth (DC/OS).
    #[schemars(extend("x-engine-no-effect" = "it is DC/OS's"))]
    oauth_enabled: Option<bool>,
    /// Fault domains of the availability set.
    #[schemars(range(min = 1, max = 3))]
    pub(in crate::model) platform_fault_domain_count: Option<u32>,
    /// Update domains of the availability set.
    #[schemars(range(min = 1, max = 20))]
    pub(in crate::model) platform_update_domain_count: Option<u32>,
    /// Whether a scale set is limited to 100 machines close together.
    pub(in crate::model) single_placement_group: Option<bool>,
    /// The audit daemon.
    #[serde(rename = "auditDEnabled")]
    #[schemars(extend("x-engine-always" = false, "x-engine-no-effect" = LATER))]
    audit_d_enabled: Option<bool>,
    /// Whether ultra disks can be attached.
    #[serde(rename = "ultraSSDEnabled")]
    #[schemars(extend("x-engine-always" = false, "x-engine-no-effect" = LATER))]
    ultra_ssd_enabled: Option<bool>,
    /// Whether the host encrypts disks and caches.
    pub(in crate::model) encryption_at_host: Option<bool>,
    /// Tags for these machines.
    #[serde(rename = "customVMTags")]
    pub(in crate::model) custom_vm_tags: Option<BTreeMap<String, String>>,
    /// Kernel settings.
    #[serde(rename = "sysctldConfig")]
    #[schemars(extend("x-engine-no-effect" = LATER))]
    sysctld_config: Option<BTreeMap<String, String>>,
    /// etcd as a service of Cosmos DB.
    #[schemars(extend("x-engine-always" = false, "x-engine-no-effect" = "Azure no longer offers it; etcd runs on the control-plane nodes"))]
    cosmos_etcd: Option<bool>,
    /// The proximity placement group.
    #[serde(rename = "proximityPlacementGroupID")]
    pub(in crate::model) proximity_placement_group_id: Option<String>,
    /// The API server's public name.
    #[schemars(extend("x-engine-no-effect" = OUTPUT))]
    fqdn: Option<String>,
}

/// A pool of workers.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct AgentPoolProfile {
    /// A name: a small letter, then up to eleven small letters and digits.
    #[schemars(required)]
    pub(in crate::model) name: Option<String>,
    /// How many: 1 to 1000.
    #[schemars(required)]
    pub(in crate::model) count: Option<i64>,
    /// The size, such as `Standard_D2s_v5`.
    #[schemars(required)]
    pub(in crate::model) vm_size: Option<String>,
    /// What runs on the machines.
    #[schemars(extend("enum" = ["Linux", "Windows"]))]
    pub(in crate::model) os_type: Option<String>,
    /// How the machines are kept apart.
    #[schemars(extend("enum" = ["AvailabilitySet", "VirtualMachineScaleSets"]))]
    pub(in crate::model) availability_profile: Option<String>,
    /// Availability zones.
    pub(in crate::model) availability_zones: Option<Vec<String>>,
    /// The system disk's size; 0: the image's own.
    #[serde(rename = "osDiskSizeGB")]
    #[schemars(range(min = 0, max = 2048))]
    pub(in crate::model) os_disk_size_gb: Option<u32>,
    /// Caching of the system disk.
    #[schemars(extend("enum" = ["None", "ReadOnly", "ReadWrite"]))]
    pub(in crate::model) os_disk_caching_type: Option<String>,
    /// Where disks lie.
    #[schemars(extend("enum" = ["ManagedDisks", "StorageAccount", "Ephemeral"]))]
    pub(in crate::model) storage_profile: Option<String>,
    /// Sizes of empty data disks, at most four.
    #[serde(rename = "diskSizesGB")]
    #[schemars(length(max = 4), inner(range(min = 1, max = 32767)))]
    pub(in crate::model) disk_sizes_gb: Option<Vec<u32>>,
    /// Caching of the data disks.
    #[schemars(extend("enum" = ["None", "ReadOnly", "ReadWrite"]))]
    pub(in crate::model) data_disk_caching_type: Option<String>,
    /// The subnet of a vnet that exists already.
    #[serde(rename = "vnetSubnetID")]
    pub(in crate::model) vnet_subnet_id: Option<String>,
    /// Addresses on each machine's interface.
    #[schemars(range(min = 0, max = 256))]
    pub(in crate::model) ip_address_count: Option<u32>,
    /// The distribution.
    #[schemars(extend("enum" = DISTROS))]
    pub(in crate::model) distro: Option<String>,
    /// An image of one's own.
    pub(in crate::model) image_reference: Option<ImageReference>,
    /// Settings of Kubernetes for these nodes.
    pub(in crate::model) kubernetes_config: Option<NodeKubernetesConfig>,
    /// A role (OpenShift).
    pub(in crate::model) role: Option<String>,
    /// Whether interfaces bypass the host's switch.
    pub(in crate::model) accelerated_networking_enabled: Option<bool>,
    /// The same for Windows.
    pub(in crate::model) accelerated_networking_enabled_windows: Option<bool>,
    /// Whether a scale set makes more machines than asked for and deletes the slowest.
    pub(in crate::model) vmss_over_provisioning_enabled: Option<bool>,
    /// How machines are paid for.
    #[schemars(extend("enum" = ["Regular", "Low", "Spot"]))]
    pub(in crate::model) scale_set_priority: Option<String>,
    /// What becomes of an evicted machine.
    #[schemars(extend("enum" = ["Delete", "Deallocate"]))]
    pub(in crate::model) scale_set_eviction_policy: Option<String>,
    /// The most to pay per hour in US dollars; -1: up to the full price.
    #[schemars(range(min = -1.0))]
    pub(in crate::model) spot_max_price: Option<f64>,
    /// Whether a scale set is limited to 100 machines close together.
    pub(in crate::model) single_placement_group: Option<bool>,
    /// Whether each machine has a public address of its own.
    #[serde(rename = "enableVMSSNodePublicIP")]
    pub(in crate::model) enable_vmss_node_public_ip: Option<bool>,
    /// Further backend pools that the machines join.
    #[serde(rename = "loadBalancerBackendAddressPoolIDs")]
    #[schemars(extend("x-engine-no-effect" = LATER))]
    load_balancer_backend_address_pool_ids: Option<Vec<String>>,
    /// The disk encryption set.
    #[serde(rename = "diskEncryptionSetID")]
    pub(in crate::model) disk_encryption_set_id: Option<String>,
    /// Whether ultra disks can be attached.
    #[serde(rename = "ultraSSDEnabled")]
    pub(in crate::model) ultra_ssd_enabled: Option<bool>,
    /// Whether the host encrypts disks and caches.
    pub(in crate::model) encryption_at_host: Option<bool>,
    /// The audit daemon.
    #[serde(rename = "auditDEnabled")]
    #[schemars(extend("x-engine-always" = false, "x-engine-no-effect" = LATER))]
    audit_d_enabled: Option<bool>,
    /// Labels of the nodes.
    pub(in crate::model) custom_node_labels: Option<BTreeMap<String, String>>,
    /// Taints of the nodes, each `key=value:Effect`.
    pub(in crate::model) node_taints: Option<Vec<String>>,
    /// Tags for these machines.
    #[serde(rename = "customVMTags")]
    pub(in crate::model) custom_vm_tags: Option<BTreeMap<String, String>>,
    /// An extension that runs before anything else.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    pre_provision_extension: Option<ExtensionReference>,
    /// Extensions.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    extensions: Option<Vec<ExtensionReference>>,
    /// Fault domains.
    #[schemars(range(min = 1, max = 5))]
    pub(in crate::model) platform_fault_domain_count: Option<u32>,
    /// Update domains of an availability set.
    #[schemars(range(min = 1, max = 20))]
    pub(in crate::model) platform_update_domain_count: Option<u32>,
    /// Kernel settings.
    #[serde(rename = "sysctldConfig")]
    #[schemars(extend("x-engine-no-effect" = LATER))]
    sysctld_config: Option<BTreeMap<String, String>>,
    /// The proximity placement group.
    #[serde(rename = "proximityPlacementGroupID")]
    pub(in crate::model) proximity_placement_group_id: Option<String>,
    /// The scale set's name.
    #[schemars(extend("x-engine-no-effect" = OUTPUT))]
    vmss_name: Option<String>,
    /// A public name (Swarm, DC/OS).
    pub(in crate::model) dns_prefix: Option<String>,
    /// Public ports (Swarm, DC/OS).
    pub(in crate::model) ports: Option<Vec<u16>>,
}

/// An image of one's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct ImageReference {
    /// The image, or in a gallery its definition.
    pub(in crate::model) name: Option<String>,
    /// Its resource group.
    pub(in crate::model) resource_group: Option<String>,
    /// The gallery's subscription.
    #[serde(rename = "subscriptionID")]
    pub(in crate::model) subscription_id: Option<String>,
    /// The gallery.
    pub(in crate::model) gallery: Option<String>,
    /// The version in the gallery.
    pub(in crate::model) version: Option<String>,
}

/// A file that is put on each node.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct CustomFile {
    /// The file here.
    source: Option<String>,
    /// The file there.
    dest: Option<String>,
}

/// An extension by name.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct ExtensionReference {
    /// Its name among `extensionProfiles`.
    name: Option<String>,
    /// Whether it runs on one machine or on all.
    single_or_all: Option<String>,
    /// Its template.
    template: Option<String>,
}
