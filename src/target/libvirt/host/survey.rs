//! What is there on a host, as plain values: looked at once, judged elsewhere. Nothing is changed.

use ipnet::Ipv4Net;

use super::facts::{HostFacts, host_facts};
use super::hypervisor::{HostHypervisor, Node, StoragePool, Versions};
use super::local::LocalHost;
use super::reading::{domains, image, networks, offer};
use crate::contract::Fault;
use crate::target::libvirt::hypervisor::{Answer, Volume};

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct SurveyScope<'a> {
    /// The storage pool.
    pub pool: &'a str,
    /// The image's volume.
    pub image: &'a str,
    /// The resource group whose networks and machines are the cluster's own; empty for none.
    pub group: &'a str,
}

/// What a host told. Each answer may be missing by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The hypervisor's word for itself.
    pub driver: Answer<String>,
    /// What runs there.
    pub versions: Answer<Versions>,
    /// What the machine has.
    pub node: Answer<Node>,
    /// What domains can have.
    pub offer: Answer<Offer>,
    /// The machines on it.
    pub domains: Answer<Vec<HostDomain>>,
    /// The storage pool, and what other pools there are.
    pub pool: Answer<(Option<StoragePool>, Vec<String>)>,
    /// The image; nothing if there is no pool that runs.
    pub image: Answer<Option<ImageVolumes>>,
    /// The networks on it.
    pub networks: Answer<Vec<HostNetwork>>,
    /// How many packet filters there are.
    pub filters: Answer<usize>,
    /// What the host was prepared with; nothing if it was not, or if there is no pool that runs.
    pub facts: Result<Option<HostFacts>, Fault>,
    /// What it tells besides, if it is this machine.
    pub local: Option<LocalHost>,
}

/// What domains of the kind that the engine makes can have. What is not told is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// Whether the processor runs them.
    pub kvm: bool,
    /// Whether there is a firmware for UEFI.
    pub uefi: Option<bool>,
    /// Whether there is a channel for the guest agent.
    pub channel: Option<bool>,
    /// The most processors of one machine.
    pub most_processors: Option<u32>,
}

/// A machine on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostDomain {
    /// Its name.
    pub name: String,
    /// Whether it is one of the cluster's own.
    pub is_own: bool,
    /// Whether it runs.
    pub is_running: bool,
    /// Whether the processor runs it.
    pub kvm: bool,
    /// Its processors.
    pub processors: u32,
    /// Its memory in MiB.
    pub memory_mib: u64,
    /// Whether its guest agent answers: then its kernel does. Only some of those are asked that are an engine's and run by KVM.
    pub answers: Option<bool>,
}

/// A network on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostNetwork {
    /// Its name.
    pub name: String,
    /// Whether it is one of the cluster's own.
    pub is_own: bool,
    /// Whether it runs.
    pub is_active: bool,
    /// Its bridge, if it has one.
    pub bridge: Option<String>,
    /// Its ranges of IPv4.
    pub ranges: Vec<Ipv4Net>,
    /// Whether it gives machines their addresses.
    pub serves_addresses: bool,
}

/// The image's volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageVolumes {
    /// The disk, if it is there.
    pub disk: Option<Volume>,
    /// Whether a kernel lies beside it, with which it boots without a firmware.
    pub has_kernel: bool,
}

/// Looks at a host. Whatever it does not tell is an answer, too.
pub fn survey(hypervisor: &dyn HostHypervisor, scope: SurveyScope<'_>, local: Option<LocalHost>) -> Survey {
    let pool = hypervisor.storage_pool(scope.pool).and_then(|pool| Ok((pool, hypervisor.storage_pools()?)));
    let runs = matches!(&pool, Ok((Some(pool), _)) if pool.is_active);
    Survey {
        driver: hypervisor.driver(),
        versions: hypervisor.versions(),
        node: hypervisor.node(),
        offer: offer(hypervisor),
        domains: domains(hypervisor, scope),
        image: if runs { image(hypervisor, scope).map(Some) } else { Ok(None) },
        facts: if runs { host_facts(hypervisor, scope.pool) } else { Ok(None) },
        pool,
        networks: networks(hypervisor, scope),
        filters: hypervisor.filters().map(|filters| filters.len()),
        local,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::super::reading::MOST_ASKED;
    use super::*;
    use crate::target::libvirt::double::Double;
    use crate::target::libvirt::hypervisor::{Domain, DomainState, Network};

    const SCOPE: SurveyScope<'static> = SurveyScope { pool: "engine", image: "engine-image", group: "rg" };

    fn put_domain(host: &Double, name: &str, kind: &str, state: DomainState, of_engine: bool) {
        let owner = "<metadata><engine:resource xmlns:engine=\"urn:engine:libvirt:1\" id=\"/x\"/></metadata>";
        let owner = if of_engine { owner } else { "" };
        let xml = format!(
            "<domain type='{kind}'><name>{name}</name>{owner}<memory unit='KiB'>2097152</memory>\
             <vcpu placement='static'>3</vcpu></domain>"
        );
        host.things().domains.insert(name.to_owned(), Domain { uuid: String::new(), state, xml });
    }

    #[test]
    fn a_host_is_looked_at_and_nothing_is_changed() {
        let host = Double::new();
        put_domain(&host, "engine-rg-vm", "kvm", DomainState::Running, true);
        put_domain(&host, "other", "qemu", DomainState::Off, false);
        host.agent(|_, command| {
            assert!(command.contains("guest-ping"));
            Ok("{\"return\":{}}".into())
        });
        let xml = "<network><name>default</name><metadata><x:ip xmlns:x='y' address='10.9.9.9'/></metadata>\
                   <bridge name='virbr0'/><ip address='192.168.122.1' netmask='255.255.255.0'><dhcp/></ip>\
                   <ip family='ipv6' address='fd00::1' prefix='64'/><ip address='10.5.0.1' prefix='20'/></network>";
        let network = Network { is_active: true, xml: xml.into() };
        host.things().networks.insert("default".into(), network);
        let seen = survey(&host, SCOPE, None);
        assert_eq!(host.changes(), Vec::<String>::new());
        let offer = Offer { kvm: true, uefi: Some(true), channel: Some(true), most_processors: Some(4096) };
        assert_eq!(seen.offer, Ok(offer));
        let domains = seen.domains.unwrap();
        let own = HostDomain {
            name: "engine-rg-vm".into(),
            is_own: true,
            is_running: true,
            kvm: true,
            processors: 3,
            memory_mib: 2048,
            answers: Some(true),
        };
        assert_eq!(domains[0], own);
        assert_eq!((domains[1].is_own, domains[1].is_running, domains[1].answers), (false, false, None));
        let networks = seen.networks.unwrap();
        let ranges: Vec<String> = networks[0].ranges.iter().map(ToString::to_string).collect();
        assert_eq!(ranges, ["192.168.122.0/24", "10.5.0.0/20"]);
        assert!(networks[0].serves_addresses && networks[0].bridge.as_deref() == Some("virbr0"));
        let image = seen.image.unwrap().unwrap();
        assert!(image.disk.is_some() && !image.has_kernel);
        assert_eq!((seen.filters, seen.facts), (Ok(0), Ok(None)));
        assert!(seen.pool.unwrap().0.unwrap().is_active);
    }

    #[test]
    fn only_some_machines_are_asked_whether_they_answer() {
        let host = Double::new();
        for number in 0..6 {
            put_domain(&host, &format!("vm-{number}"), "kvm", DomainState::Running, true);
        }
        put_domain(&host, "a-elsewhere", "kvm", DomainState::Running, false);
        let asked = survey(&host, SCOPE, None).domains.unwrap();
        assert_eq!(asked.iter().filter(|domain| domain.answers == Some(false)).count(), MOST_ASKED);
        assert_eq!(asked[0].answers, None);
        host.agent(|_, _| Ok(String::new()));
        let asked = survey(&host, SCOPE, None).domains.unwrap();
        assert_eq!(asked.iter().filter(|domain| domain.answers.is_some()).count(), 1, "one that answers is enough");
    }

    #[test]
    fn what_is_not_told_is_told_so() {
        let host = Double::new();
        host.pools().clear();
        host.told().capabilities = Ok("<capabilities>".into());
        host.things().networks.insert("odd".into(), Network { is_active: false, xml: "<network".into() });
        let seen = survey(&host, SCOPE, None);
        assert_eq!((seen.pool, seen.image, seen.facts), (Ok((None, Vec::new())), Ok(None), Ok(None)));
        assert!(seen.offer.unwrap_err().message.contains("capabilities"));
        assert!(seen.networks.unwrap_err().message.contains("odd"));
        // Another architecture, of which nothing is asked.
        host.told().capabilities = Ok("<capabilities><guest><arch name='aarch64'/></guest></capabilities>".into());
        assert_eq!(survey(&host, SCOPE, None).offer, Ok(Offer::default()));
    }
}
