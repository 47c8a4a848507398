//! What is asked of a hypervisor to prepare and to check its host, beside what the target needs.

use std::time::Duration;

use semver::Version;

use crate::target::libvirt::hypervisor::{Answer, Hypervisor};

/// The versions of what runs on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// libvirt's, that of the host's daemon.
    pub libvirt: Version,
    /// QEMU's.
    pub emulator: Version,
}

impl Versions {
    /// A version as libvirt counts: a million for each major version, a thousand for each minor one.
    ///
    /// Source: libvirt.org, `virConnectGetLibVersion`, read 2026-11-28.
    pub fn of_number(number: u32) -> Version {
        let number = u64::from(number);
        Version::new(number / 1_000_000, number / 1000 % 1000, number % 1000)
    }
}

/// What a host's machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Processors that are switched on.
    pub processors: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// A storage pool, whether it runs or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoragePool {
    /// What it is made of: `dir`, `logical`, `rbd` and so on.
    pub kind: String,
    /// Where the host has it, if that is a path.
    pub path: Option<String>,
    /// Whether it runs.
    pub is_active: bool,
    /// Whether it starts with the host.
    pub starts_with_host: bool,
    /// Its size in bytes; 0 if it does not run.
    pub capacity: u64,
    /// What is free of it in bytes; 0 if it does not run.
    pub available: u64,
}

/// What came of watching a machine's console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// The text that was waited for was there after this time.
    Seen(Duration),
    /// It was not there in time. What the console showed last is here; it comes from a machine and may hold anything.
    Unseen(String),
    /// The machine could not even be started, for this reason.
    NotStarted(String),
}

/// A hypervisor's host. Every call blocks.
pub trait HostHypervisor: Hypervisor {
    /// The hypervisor's own word for itself: `QEMU`.
    fn driver(&self) -> Answer<String>;
    /// What runs there.
    fn versions(&self) -> Answer<Versions>;
    /// What the machine has.
    fn node(&self) -> Answer<Node>;
    /// The host's capabilities, as XML.
    fn capabilities(&self) -> Answer<String>;
    /// What domains can have, as XML: those that the processor runs, or those that software runs.
    fn domain_capabilities(&self, kvm: bool) -> Answer<String>;

    /// The names of all storage pools.
    fn storage_pools(&self) -> Answer<Vec<String>>;
    /// A storage pool.
    fn storage_pool(&self, name: &str) -> Answer<Option<StoragePool>>;
    /// Makes a storage pool; it does not run.
    fn define_pool(&self, xml: &str) -> Answer<()>;
    /// Makes what a storage pool lies in: its folder.
    fn build_pool(&self, name: &str) -> Answer<()>;
    /// Starts a storage pool.
    fn start_pool(&self, name: &str) -> Answer<()>;
    /// Has a storage pool start with the host.
    fn autostart_pool(&self, name: &str) -> Answer<()>;

    /// Starts a machine that is defined nowhere, waits until its serial console shows a text, and ends it. It ends with this
    /// connection, too: nothing of it is left, whatever happens.
    fn watch(&self, xml: &str, text: &str, patience: Duration) -> Answer<Watched>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_counted_as_libvirt_counts_them() {
        assert_eq!(Versions::of_number(11_003_000), Version::new(11, 3, 0));
        assert_eq!(Versions::of_number(9_007_012), Version::new(9, 7, 12));
    }
}
