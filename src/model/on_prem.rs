//! Machines of one's own: hosts, what the cluster has of them, and what a size is there.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use crate::catalog::machine_size;

/// The hosts on-prem and what the cluster has of them. [`OnPrem::default`] is what a model means that says nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnPrem {
    /// The hosts; none: the connection that the command line or the environment names.
    pub hosts: Vec<OnPremHost>,
    /// The storage pool that disks are made in.
    pub storage_pool: String,
    /// What machines start from; `None`: the image that the engine makes for the version of Kubernetes.
    pub image: Option<OnPremImage>,
    /// How machines find what they are to become.
    pub data_source: DataSource,
    /// Public addresses; none: those that the host was prepared with.
    pub addresses: Vec<AddressRange>,
    /// Addresses for services of type LoadBalancer.
    pub service_addresses: Vec<AddressRange>,
    /// The hosts' bridge into their network.
    pub bridge: Option<String>,
    /// The router of that network, with its prefix.
    pub router: Option<Ipv4Net>,
    /// How machines reach what is outside.
    pub network_mode: NetworkMode,
    /// Who is asked for names that are not the cluster's, where machines are on the bridge; none: the router.
    pub name_servers: Vec<Ipv4Addr>,
    /// What machines of a size have, by the size's name as the model writes it.
    pub sizes: BTreeMap<String, OnPremSize>,
    /// What the gateway machine has.
    pub gateway: OnPremSize,
    /// Whether everything gets more time.
    pub slow_host: bool,
}

/// The storage pool of a model that names none.
pub(super) const STORAGE_POOL: &str = "engine";
/// What a machine gets whose size neither the model nor Azure's table knows.
pub(crate) const UNKNOWN_SIZE: OnPremSize = OnPremSize { processors: 2, memory_mib: 4096 };
/// The gateway machine of a model that does not size it.
pub(crate) const GATEWAY: OnPremSize = OnPremSize { processors: 1, memory_mib: 512 };

impl Default for OnPrem {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            storage_pool: STORAGE_POOL.to_owned(),
            image: None,
            data_source: DataSource::Azure,
            addresses: Vec::new(),
            service_addresses: Vec::new(),
            bridge: None,
            router: None,
            network_mode: NetworkMode::Nat,
            name_servers: Vec::new(),
            sizes: BTreeMap::new(),
            gateway: GATEWAY,
            slow_host: false,
        }
    }
}

impl OnPrem {
    /// What a machine of a size has: as the model says, else as Azure's machine; `None` for a size that neither knows.
    pub fn size(&self, vm_size: &str) -> Option<OnPremSize> {
        size_among(&self.sizes, vm_size)
    }
}

/// What a machine of a size has by a model's table, else as Azure's machine; `None` for a size that neither knows.
pub(crate) fn size_among(sizes: &BTreeMap<String, OnPremSize>, vm_size: &str) -> Option<OnPremSize> {
    let said = sizes.iter().find(|(name, _)| name.eq_ignore_ascii_case(vm_size)).map(|(_, size)| *size);
    said.or_else(|| {
        let azure = machine_size(vm_size)?;
        // Whole MiB below 2^32, from a table that a test looks through.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the table's values fit")]
        let memory_mib = (azure.memory_gib * 1024.0) as u32;
        Some(OnPremSize { processors: azure.cpus, memory_mib })
    })
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnPremHost {
    /// Its name in plans and messages.
    pub name: String,
    /// Where its libvirt is.
    pub uri: String,
}

/// What machines start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnPremImage {
    /// A volume of the storage pool.
    Volume(String),
    /// A folder of this machine, with an image and its manifest.
    Folder(std::path::PathBuf),
}

/// How a machine finds what it is to become, in cloud-init's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataSource {
    /// As on Azure: a medium with `ovf-env.xml`, the metadata service and the wire server, to which it says that it is ready.
    Azure,
    /// A medium of cloud-init's own. It is ready when its guest agent answers.
    NoCloud,
}

impl DataSource {
    /// The model's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Azure => "Azure",
            Self::NoCloud => "NoCloud",
        }
    }
}

/// How machines reach what is outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkMode {
    /// Behind the host's address.
    Nat,
    /// The host is their router; others have to know the way.
    Routed,
    /// On the host's bridge, with the gateway machine as their router.
    Bridged,
}

impl NetworkMode {
    /// The model's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nat => "nat",
            Self::Routed => "routed",
            Self::Bridged => "bridged",
        }
    }
}

/// Processors and memory of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnPremSize {
    /// Virtual processors.
    pub processors: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
}

/// Addresses from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressRange {
    /// The first.
    pub first: Ipv4Addr,
    /// The last, not before the first.
    pub last: Ipv4Addr,
}

impl AddressRange {
    /// Reads `192.168.1.40-192.168.1.49`, `192.168.1.48/28` or `192.168.1.40`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((first, last)) = text.split_once('-') {
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            return (first <= last).then_some(Self { first, last });
        }
        match text.parse::<Ipv4Net>() {
            Ok(network) => Some(Self { first: network.network(), last: network.broadcast() }),
            Err(_) => text.parse().ok().map(|address| Self { first: address, last: address }),
        }
    }

    /// All of them, in order.
    pub fn addresses(self) -> impl Iterator<Item = Ipv4Addr> {
        (self.first.to_bits()..=self.last.to_bits()).map(Ipv4Addr::from_bits)
    }

    /// Whether some address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// The addresses of a network of IPv4.
    pub fn of_network(network: IpNet) -> Option<Self> {
        match network {
            IpNet::V4(network) => Some(Self { first: network.network(), last: network.broadcast() }),
            IpNet::V6(_) => None,
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return write!(formatter, "{}", self.first);
        }
        write!(formatter, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_in_each_form() {
        let read = |text| AddressRange::parse(text).map(|range| range.to_string());
        assert_eq!(read("192.168.1.40-192.168.1.49").as_deref(), Some("192.168.1.40-192.168.1.49"));
        assert_eq!(read("192.168.1.55/28").as_deref(), Some("192.168.1.48-192.168.1.63"));
        assert_eq!(read("192.168.1.40").as_deref(), Some("192.168.1.40"));
        for wrong in ["", "-", "192.168.1.9-192.168.1.8", "192.168.1.0/33", "fd00::1", "192.168.1.1-"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let range = AddressRange::parse("10.0.0.254-10.0.1.1").unwrap();
        assert_eq!(range.addresses().count(), 4);
        assert!(range.overlaps(AddressRange::parse("10.0.1.0/24").unwrap()));
        assert!(!range.overlaps(AddressRange::parse("10.0.1.2").unwrap()));
        // The last address there is.
        assert_eq!(AddressRange::parse("255.255.255.255").unwrap().addresses().count(), 1);
    }

    #[test]
    fn a_size_is_what_the_model_says_or_what_azure_gives() {
        let mut on_prem = OnPrem::default();
        let (small, azure) =
            (OnPremSize { processors: 2, memory_mib: 3072 }, OnPremSize { processors: 2, memory_mib: 8192 });
        assert_eq!(on_prem.size("Standard_D2s_v5"), Some(azure));
        on_prem.sizes.insert("standard_d2S_v5".to_owned(), small);
        assert_eq!(on_prem.size("Standard_D2s_v5"), Some(small));
        assert_eq!(on_prem.size("Standard_Unknown"), None);
        for (name, size) in crate::catalog::machine_sizes() {
            let memory = on_prem.size(&name).unwrap().memory_mib;
            assert!(name == "standard_d2s_v5" || f64::from(memory) == size.memory_gib * 1024.0, "{name}");
        }
    }
}
