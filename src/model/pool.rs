//! A pool of workers: equal machines that grow and shrink together.

use std::collections::BTreeMap;

use super::extension::PreProvisionScript;

/// Workers of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// The position among the model's pools, from 0 (aks-engine's names of Windows machines and storage accounts hold it).
    pub index: usize,
    /// `^[a-z][a-z0-9]{0,11}$`, unique.
    pub name: String,
    /// 1 to 1000.
    pub count: u32,
    /// The size, such as `Standard_D2s_v5`.
    pub vm_size: String,
    /// Linux or Windows.
    pub operating_system: OperatingSystem,
    /// What the machines start from.
    pub image: Image,
    /// The system disk.
    pub os_disk: OsDisk,
    /// Sizes of empty data disks in GiB, in order of their LUNs.
    pub data_disk_sizes_gib: Vec<u32>,
    /// Caching of the data disks.
    pub data_disk_caching: Caching,
    /// Availability set or scale set.
    pub availability: Availability,
    /// How a scale set makes its machines; an availability set has machines of the engine's own making.
    pub orchestration: Orchestration,
    /// Availability zones; machine N stands in zone N modulo their number. Empty: none.
    pub zones: Vec<String>,
    /// Fault domains.
    pub fault_domain_count: u32,
    /// Update domains of an availability set.
    pub update_domain_count: u32,
    /// Whether a scale set is limited to 100 machines close together.
    pub single_placement_group: bool,
    /// Whether a scale set makes more machines than asked for and deletes the slowest.
    pub overprovision: bool,
    /// Paid in full, or evicted when Azure needs the room.
    pub priority: Priority,
    /// The subnet of a vnet that exists already (its resource id).
    pub subnet_id: Option<String>,
    /// Addresses on each machine's interface, its own included (more than one with Azure CNI: one for each pod).
    pub addresses_per_node: u32,
    /// The most pods on a node.
    pub max_pods: u32,
    /// Whether the interfaces bypass the host's switch.
    pub accelerated_networking: bool,
    /// Whether each machine of a scale set has a public address of its own.
    pub public_ip_per_node: bool,
    /// Labels of the nodes, beside the engine's own.
    pub labels: BTreeMap<String, String>,
    /// Taints of the nodes, in the order of the model.
    pub taints: Vec<Taint>,
    /// Tags for these machines.
    pub tags: BTreeMap<String, String>,
    /// Flags for the kubelet on these nodes, over the cluster's.
    pub kubelet_flags: BTreeMap<String, String>,
    /// Kernel parameters, over the engine's own.
    pub kernel_parameters: BTreeMap<String, String>,
    /// A script that each machine runs before it becomes a node.
    pub pre_provision: Option<PreProvisionScript>,
    /// Whether the audit daemon runs.
    pub audit: bool,
    /// Whether ultra disks can be attached.
    pub ultra_ssd: bool,
    /// Whether the host encrypts disks and caches.
    pub encryption_at_host: bool,
    /// The disk encryption set's resource id.
    pub disk_encryption_set_id: Option<String>,
    /// The proximity placement group's resource id.
    pub proximity_placement_group_id: Option<String>,
}

/// A node's taint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taint {
    /// Such as `nvidia.com/gpu`.
    pub key: String,
    /// May be empty.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

impl std::fmt::Display for Taint {
    /// `key=value:Effect`, or `key:Effect`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.value.is_empty() {
            write!(formatter, "{}:{}", self.key, self.effect)
        } else {
            write!(formatter, "{}={}:{}", self.key, self.value, self.effect)
        }
    }
}

/// How machines are kept apart, and who makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Availability {
    /// Machines of their own in an availability set.
    AvailabilitySet,
    /// A virtual machine scale set.
    ScaleSet,
}

/// How a scale set makes its machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Orchestration {
    /// As equal instances, which are parts of the set.
    Uniform,
    /// As machines of their own, which belong to the set.
    Flexible,
}

impl Orchestration {
    /// Azure's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Uniform => "Uniform",
            Self::Flexible => "Flexible",
        }
    }
}

/// What runs on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperatingSystem {
    /// Linux.
    Linux,
    /// Windows Server.
    Windows,
}

/// What a machine starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// A marketplace image.
    Marketplace {
        /// Such as `Canonical`.
        publisher: String,
        /// Such as `ubuntu-24_04-lts`.
        offer: String,
        /// Such as `server`.
        sku: String,
        /// `latest`, or one version.
        version: String,
    },
    /// A managed image of the user's own.
    Managed {
        /// The resource group it lies in.
        resource_group: String,
        /// Its name.
        name: String,
    },
    /// A disk of Windows in a blob, of which an image is made.
    Disk {
        /// The blob's address.
        url: String,
    },
    /// A version in a shared image gallery.
    Gallery {
        /// The subscription the gallery lies in.
        subscription_id: String,
        /// The resource group the gallery lies in.
        resource_group: String,
        /// The gallery.
        gallery: String,
        /// The image definition.
        name: String,
        /// Its version.
        version: String,
    },
}

/// A machine's system disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OsDisk {
    /// Its size in GiB; `None`: the image's own.
    pub size_gib: Option<u32>,
    /// What the host caches.
    pub caching: Caching,
    /// Where it lies.
    pub storage: Storage,
}

/// Where a system disk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Storage {
    /// A managed disk.
    ManagedDisks,
    /// The host's own disk; gone with the machine.
    Ephemeral,
}

/// What a host caches of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caching {
    /// Nothing.
    None,
    /// Reads.
    ReadOnly,
    /// Reads and writes.
    ReadWrite,
}

impl Caching {
    /// Azure's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::ReadOnly => "ReadOnly",
            Self::ReadWrite => "ReadWrite",
        }
    }
}

/// How a machine is paid for.
#[derive(Debug, Clone, PartialEq)]
pub enum Priority {
    /// In full.
    Regular,
    /// At a discount; Azure may take it away.
    Spot {
        /// Whether an evicted machine is deallocated instead of deleted.
        deallocate: bool,
        /// The most to pay per hour in US dollars; -1: up to the full price.
        max_price: f64,
    },
}
