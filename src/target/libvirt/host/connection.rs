//! The host behind a libvirt connection.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use virt::domain::Domain as VirtDomain;
use virt::storage_pool::StoragePool as VirtPool;
use virt::stream::Stream;
use virt::sys;

use super::hypervisor::{HostHypervisor, Node, StoragePool, Versions, Watched};
use crate::target::libvirt::connection::{LibvirtConnection, found, told};
use crate::target::libvirt::hypervisor::{Answer, ErrorKind, HypervisorError};
use crate::target::libvirt::xml::read;

/// How much of a console is kept: its last bytes.
const KEPT: usize = 4096;

impl LibvirtConnection {
    fn must_find_pool(&self, name: &str) -> Answer<VirtPool> {
        self.connect.lookup_storage_pool_by_name(name).map_err(told)
    }

    /// Lets a domain that is paused run on, with somebody at its console from the first byte on.
    fn watch_console(&self, domain: &VirtDomain, text: &str, patience: Duration) -> Answer<Watched> {
        let stream = Stream::new(&self.connect, 0).map_err(told)?;
        domain.open_console(None, &stream, 0).map_err(told)?;
        domain.resume().map_err(told)?;
        let (sender, receiver) = channel();
        // Reading blocks until there is something to read. It ends when the domain does, or with this process.
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1024];
            while let Ok(read) = stream.recv(&mut buffer) {
                let read = usize::try_from(read).unwrap_or_default();
                let part = buffer.get(..read).unwrap_or_default();
                if part.is_empty() || sender.send(part.to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(wait_for(&receiver, text, patience))
    }
}

/// Waits until what comes holds a text.
fn wait_for(parts: &Receiver<Vec<u8>>, text: &str, patience: Duration) -> Watched {
    let begun = Instant::now();
    let mut shown: Vec<u8> = Vec::new();
    loop {
        match parts.recv_timeout(patience.saturating_sub(begun.elapsed())) {
            Ok(part) => shown.extend(part),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Watched::Unseen(String::from_utf8_lossy(&shown).into_owned());
            }
        }
        if shown.windows(text.len().max(1)).any(|window| window == text.as_bytes()) {
            return Watched::Seen(begun.elapsed());
        }
        let surplus = shown.len().saturating_sub(KEPT);
        shown.drain(..surplus);
    }
}

impl HostHypervisor for LibvirtConnection {
    fn driver(&self) -> Answer<String> {
        self.connect.driver_type().map_err(told)
    }

    fn versions(&self) -> Answer<Versions> {
        let libvirt = self.connect.lib_version().map_err(told)?;
        let emulator = self.connect.hyp_version().map_err(told)?;
        Ok(Versions { libvirt: Versions::of_number(libvirt), emulator: Versions::of_number(emulator) })
    }

    fn node(&self) -> Answer<Node> {
        let node = self.connect.node_info().map_err(told)?;
        Ok(Node { processors: node.cpus, memory_mib: node.memory / 1024 })
    }

    fn capabilities(&self) -> Answer<String> {
        self.connect.capabilities().map_err(told)
    }

    fn domain_capabilities(&self, kvm: bool) -> Answer<String> {
        let kind = if kvm { "kvm" } else { "qemu" };
        self.connect.domain_capabilities(None, Some("x86_64"), Some("q35"), Some(kind), 0).map_err(told)
    }

    fn storage_pools(&self) -> Answer<Vec<String>> {
        let all = self.connect.list_all_storage_pools(0).map_err(told)?;
        all.iter().map(|pool| pool.name().map_err(told)).collect()
    }

    fn storage_pool(&self, name: &str) -> Answer<Option<StoragePool>> {
        let Some(pool) = found(self.connect.lookup_storage_pool_by_name(name))? else { return Ok(None) };
        let unreadable =
            || HypervisorError::new(ErrorKind::Failed, format!("the description of the pool {name} cannot be read"));
        let about = read(&pool.xml_desc(0).map_err(told)?).ok_or_else(unreadable)?;
        let info = pool.info().map_err(told)?;
        Ok(Some(StoragePool {
            kind: about.attribute("type").unwrap_or_default().to_owned(),
            path: about.text_at(&["target", "path"]).map(str::to_owned),
            is_active: pool.is_active().map_err(told)?,
            starts_with_host: pool.autostart().map_err(told)?,
            capacity: info.capacity,
            available: info.available,
        }))
    }

    fn define_pool(&self, xml: &str) -> Answer<()> {
        self.connect.define_storage_pool_xml(xml, 0).map(drop).map_err(told)
    }

    fn build_pool(&self, name: &str) -> Answer<()> {
        self.must_find_pool(name)?.build(0).map_err(told)
    }

    fn start_pool(&self, name: &str) -> Answer<()> {
        let pool = self.must_find_pool(name)?;
        if pool.is_active().map_err(told)? {
            return Ok(());
        }
        pool.create(0).map_err(told)
    }

    fn autostart_pool(&self, name: &str) -> Answer<()> {
        self.must_find_pool(name)?.set_autostart(true).map_err(told)
    }

    fn watch(&self, xml: &str, text: &str, patience: Duration) -> Answer<Watched> {
        let flags = sys::VIR_DOMAIN_START_PAUSED | sys::VIR_DOMAIN_START_AUTODESTROY;
        let domain = self.connect.create_domain_xml(xml, flags).map_err(told)?;
        let watched = self.watch_console(&domain, text, patience);
        match found(domain.destroy()) {
            // It has ended by itself.
            Err(error) if error.kind == ErrorKind::Busy => {}
            ended => drop(ended?),
        }
        watched
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::target::libvirt::host::{HostWish, SurveyScope, plan_host, prepare_host, survey};
    use crate::target::libvirt::hypervisor::Hypervisor as _;

    #[test]
    fn a_text_is_found_across_parts_and_a_console_that_ends_is_not_waited_for() {
        let (sender, receiver) = channel();
        for part in ["Kernel pa", "nic: Unable to mo", "unt root fs"] {
            sender.send(part.as_bytes().to_vec()).unwrap();
        }
        assert!(matches!(wait_for(&receiver, "Unable to mount", Duration::from_secs(9)), Watched::Seen(_)));
        sender.send(vec![b'a'; 9000]).unwrap();
        sender.send(b"\xffend".to_vec()).unwrap();
        drop(sender);
        let Watched::Unseen(last) = wait_for(&receiver, "Unable", Duration::from_secs(9)) else { unreachable!() };
        assert!(last.ends_with("a\u{fffd}end") && last.len() < 9000, "{}", last.len());
        let (_sender, receiver) = channel();
        assert_eq!(wait_for(&receiver, "x", Duration::from_millis(1)), Watched::Unseen(String::new()));
    }

    #[test]
    fn a_pool_is_made_started_and_found_again() {
        // All connections of a process share the one driver, and other tests look for the usual pool.
        const POOL: &str = "made-here";
        let host = LibvirtConnection::open("test:///default").unwrap();
        let wish = HostWish { pool: POOL.into(), storage: Some("/srv/engine".into()), addresses: None, bridge: None };
        assert_eq!(host.storage_pool(POOL), Ok(None));
        let plan = plan_host(&host, &wish).unwrap();
        // The test driver keeps no contents of volumes, so that the last step ends badly.
        let mut done = 0;
        prepare_host(&host, &plan, &mut |_| done += 1).unwrap_err();
        assert_eq!(done, 4);
        let pool = host.storage_pool(POOL).unwrap().unwrap();
        assert!(pool.is_active && pool.starts_with_host, "{pool:?}");
        assert_eq!((pool.kind.as_str(), pool.path.as_deref()), ("dir", Some("/srv/engine")));
        assert!(pool.capacity > 0 && pool.available > 0);
        assert!(host.storage_pools().unwrap().contains(&POOL.to_owned()));
        host.start_pool(POOL).unwrap();
        assert_eq!(host.start_pool("absent").unwrap_err().kind, ErrorKind::Missing);
        assert!(host.pool(POOL).unwrap().is_some());
    }

    #[test]
    fn the_test_driver_tells_of_itself_what_it_can() {
        let host = LibvirtConnection::open("test:///default").unwrap();
        let scope = SurveyScope { pool: "default-pool", image: "engine-image", group: "" };
        let seen = survey(&host, scope, None);
        assert_eq!(seen.driver.unwrap().to_ascii_lowercase(), "test");
        let node = seen.node.unwrap();
        assert!(node.processors > 0 && node.memory_mib > 0, "{node:?}");
        assert!(seen.versions.unwrap().libvirt.major >= 7);
        assert!(seen.pool.unwrap().0.unwrap().is_active);
        let networks = seen.networks.unwrap();
        assert!(networks.iter().any(|network| network.name == "default" && !network.ranges.is_empty()), "{networks:?}");
        assert_eq!(seen.domains.unwrap()[0].name, "test");
        assert!(seen.filters.is_err(), "it has none");
        // A domain is not made by what it cannot do.
        assert!(host.watch("<domain type='kvm'/>", "x", Duration::from_millis(1)).is_err());
    }
}
