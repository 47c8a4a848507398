//! The host of the hypervisor in memory: a machine with KVM on which a pool runs, until a test says otherwise.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use semver::Version;

use super::hypervisor::{HostHypervisor, Node, StoragePool, Versions, Watched};
use crate::target::libvirt::double::Double;
use crate::target::libvirt::hypervisor::{Answer, ErrorKind, HypervisorError};

/// What the host tells of itself.
#[derive(Debug, Clone)]
pub struct HostTold {
    pub driver: String,
    pub versions: Answer<Versions>,
    pub node: Answer<Node>,
    pub capabilities: Answer<String>,
    pub domain_capabilities: Answer<String>,
    pub watched: Answer<Watched>,
}

/// What libvirt 11.3 tells of a machine with KVM, shortened.
pub const CAPABILITIES: &str = "<capabilities><host><cpu><arch>x86_64</arch></cpu></host>\
    <guest><os_type>hvm</os_type><arch name='i686'><domain type='qemu'/><domain type='kvm'/></arch></guest>\
    <guest><os_type>hvm</os_type><arch name='x86_64'><wordsize>64</wordsize><domain type='qemu'/>\
    <domain type='kvm'/></arch></guest></capabilities>";

/// The same of what domains can have.
pub const DOMAIN_CAPABILITIES: &str = "<domainCapabilities><path>/usr/bin/qemu-system-x86_64</path>\
    <domain>kvm</domain><machine>pc-q35-10.0</machine><arch>x86_64</arch><vcpu max='4096'/>\
    <os supported='yes'><enum name='firmware'><value>bios</value><value>efi</value></enum>\
    <loader supported='yes'><enum name='type'><value>rom</value></enum></loader></os>\
    <devices><channel supported='yes'><enum name='type'><value>pty</value><value>unix</value></enum></channel>\
    </devices></domainCapabilities>";

impl Default for HostTold {
    fn default() -> Self {
        let versions = Versions { libvirt: Version::new(11, 3, 0), emulator: Version::new(10, 0, 2) };
        Self {
            driver: "QEMU".into(),
            versions: Ok(versions),
            node: Ok(Node { processors: 8, memory_mib: 32_768 }),
            capabilities: Ok(CAPABILITIES.into()),
            domain_capabilities: Ok(DOMAIN_CAPABILITIES.into()),
            watched: Ok(Watched::Seen(Duration::from_secs(4))),
        }
    }
}

/// The pools of a host that was prepared.
pub fn prepared_pools() -> BTreeMap<String, StoragePool> {
    let pool = StoragePool {
        kind: "dir".into(),
        path: Some("/pool".into()),
        is_active: true,
        starts_with_host: true,
        capacity: 500 << 30,
        available: 200 << 30,
    };
    [("engine".to_owned(), pool)].into()
}

impl Double {
    pub fn pools(&self) -> MutexGuard<'_, BTreeMap<String, StoragePool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn told(&self) -> MutexGuard<'_, HostTold> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_pool(&self, what: String, name: &str, change: impl FnOnce(&mut StoragePool)) -> Answer<()> {
        drop(self.change(what)?);
        match self.pools().get_mut(name) {
            Some(pool) => change(pool),
            None => return Err(HypervisorError::new(ErrorKind::Missing, "no such storage pool")),
        }
        Ok(())
    }
}

impl HostHypervisor for Double {
    fn driver(&self) -> Answer<String> {
        Ok(self.told().driver.clone())
    }

    fn versions(&self) -> Answer<Versions> {
        self.told().versions.clone()
    }

    fn node(&self) -> Answer<Node> {
        self.told().node.clone()
    }

    fn capabilities(&self) -> Answer<String> {
        self.told().capabilities.clone()
    }

    fn domain_capabilities(&self, _: bool) -> Answer<String> {
        self.told().domain_capabilities.clone()
    }

    fn storage_pools(&self) -> Answer<Vec<String>> {
        Ok(self.pools().keys().cloned().collect())
    }

    fn storage_pool(&self, name: &str) -> Answer<Option<StoragePool>> {
        Ok(self.pools().get(name).cloned())
    }

    fn define_pool(&self, xml: &str) -> Answer<()> {
        let between = |start: &str, end: &str| {
            let rest = xml.split_once(start).map(|(_, rest)| rest).unwrap_or_default();
            rest.split(end).next().unwrap_or_default().to_owned()
        };
        let name = between("<name>", "</name>");
        drop(self.change(format!("define pool {name}"))?);
        let pool = StoragePool {
            kind: between("<pool type='", "'"),
            path: Some(between("<path>", "</path>")),
            is_active: false,
            starts_with_host: false,
            capacity: 0,
            available: 0,
        };
        self.pools().insert(name, pool);
        Ok(())
    }

    fn build_pool(&self, name: &str) -> Answer<()> {
        // Its folder is its capacity here: one that was not built cannot be started.
        self.change_pool(format!("build pool {name}"), name, |pool| pool.capacity = 500 << 30)
    }

    fn start_pool(&self, name: &str) -> Answer<()> {
        if self.pools().get(name).is_some_and(|pool| pool.capacity == 0) {
            return Err(HypervisorError::new(ErrorKind::Failed, "cannot open directory"));
        }
        self.change_pool(format!("start pool {name}"), name, |pool| {
            (pool.is_active, pool.available) = (true, 200 << 30);
        })
    }

    fn autostart_pool(&self, name: &str) -> Answer<()> {
        self.change_pool(format!("autostart pool {name}"), name, |pool| pool.starts_with_host = true)
    }

    fn watch(&self, xml: &str, _: &str, _: Duration) -> Answer<Watched> {
        drop(self.change(format!("watch {xml}"))?);
        self.told().watched.clone()
    }
}
