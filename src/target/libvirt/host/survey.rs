//! What is there on a host, as plain values: looked at once, judged elsewhere. Nothing is changed.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;

use super::facts::{HostFacts, host_facts};
use super::hypervisor::{HostHypervisor, Node, StoragePool, Versions};
use super::local::LocalHost;
use crate::contract::Fault;
use crate::target::libvirt::hypervisor::{Answer, DomainState, ErrorKind, HypervisorError, Volume};
use crate::target::libvirt::names::is_of_group;
use crate::target::libvirt::xml::{Read, read};

/// How many machines are asked at most whether they answer: each that does not takes seconds.
const MOST_ASKED: usize = 3;

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
    /// Whether its guest agent answers: then its kernel does. Only some of those are asked that KVM runs from the pool.
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

fn unreadable(what: &str) -> HypervisorError {
    HypervisorError::new(ErrorKind::Failed, format!("the host's answer about {what} cannot be read"))
}

fn offer(hypervisor: &dyn HostHypervisor) -> Answer<Offer> {
    let capabilities = read(&hypervisor.capabilities()?).ok_or_else(|| unreadable("its capabilities"))?;
    let architectures = capabilities.all("guest").filter_map(|guest| guest.at(&["arch"]));
    let own = architectures.filter(|architecture| architecture.attribute("name") == Some("x86_64"));
    let types: Vec<&str> =
        own.flat_map(|architecture| architecture.all("domain")).filter_map(|domain| domain.attribute("type")).collect();
    let kvm = types.contains(&"kvm");
    let mut offer = Offer { kvm, ..Offer::default() };
    if types.is_empty() {
        return Ok(offer);
    }
    let domain = read(&hypervisor.domain_capabilities(kvm)?).ok_or_else(|| unreadable("what domains can have"))?;
    offer.uefi = values(domain.at(&["os"]), "firmware").map(|values| values.contains(&"efi"));
    offer.channel = domain.at(&["devices", "channel"]).and_then(|channel| {
        let is_supported = channel.attribute("supported") == Some("yes");
        let types = values(Some(channel), "type");
        types.map(|types| is_supported && types.contains(&"unix"))
    });
    offer.most_processors = domain.at(&["vcpu"]).and_then(|vcpu| vcpu.attribute("max")?.parse().ok());
    Ok(offer)
}

/// The values of an enumeration in an element, if it has it.
fn values<'a>(element: Option<&'a Read>, name: &str) -> Option<Vec<&'a str>> {
    let found = element?.all("enum").find(|it| it.attribute("name") == Some(name))?;
    Some(found.all("value").map(|value| value.text.trim()).collect())
}

fn domains(hypervisor: &dyn HostHypervisor, scope: SurveyScope<'_>) -> Answer<Vec<HostDomain>> {
    let mut found = Vec::new();
    let (mut asked, mut answered) = (0, false);
    for name in hypervisor.domains()? {
        // It may be gone by now.
        let Some(domain) = hypervisor.domain(&name)? else { continue };
        let about = read(&domain.xml).ok_or_else(|| unreadable(&format!("the domain {name}")))?;
        let kvm = about.attribute("type") == Some("kvm");
        let is_running = domain.state == DomainState::Running;
        let disks = about.at(&["devices"]).into_iter().flat_map(|devices| devices.all("disk"));
        let is_of_pool =
            disks.filter_map(|disk| disk.at(&["source"])?.attribute("pool")).any(|pool| pool == scope.pool);
        let mut answers = None;
        if kvm && is_running && is_of_pool && !answered && asked < MOST_ASKED {
            asked += 1;
            answered = hypervisor.ask_agent(&name, "{\"execute\":\"guest-ping\"}").is_ok();
            answers = Some(answered);
        }
        found.push(HostDomain {
            is_own: !scope.group.is_empty() && is_of_group(&name, scope.group),
            is_running,
            kvm,
            processors: about.text_at(&["vcpu"]).and_then(|text| text.parse().ok()).unwrap_or(1),
            memory_mib: about.at(&["memory"]).and_then(memory).unwrap_or_default() >> 20,
            answers,
            name,
        });
    }
    Ok(found)
}

/// A size in bytes, by its unit; without one it is KiB.
///
/// Source: libvirt.org, "Domain XML format", memory, from memory.
fn memory(element: &Read) -> Option<u64> {
    let number: u64 = element.text.trim().parse().ok()?;
    let unit = element.attribute("unit").unwrap_or("KiB");
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "b" | "bytes" => 1,
        "kb" => 1000,
        "k" | "kib" => 1 << 10,
        "mb" => 1_000_000,
        "m" | "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "g" | "gib" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

fn networks(hypervisor: &dyn HostHypervisor, scope: SurveyScope<'_>) -> Answer<Vec<HostNetwork>> {
    let mut found = Vec::new();
    for name in hypervisor.networks()? {
        let Some(network) = hypervisor.network(&name)? else { continue };
        let about = read(&network.xml).ok_or_else(|| unreadable(&format!("the network {name}")))?;
        found.push(HostNetwork {
            is_own: !scope.group.is_empty() && is_of_group(&name, scope.group),
            is_active: network.is_active,
            bridge: about.at(&["bridge"]).and_then(|bridge| bridge.attribute("name")).map(str::to_owned),
            ranges: about.all("ip").filter_map(range).collect(),
            serves_addresses: about.all("ip").any(|ip| ip.at(&["dhcp"]).is_some()),
            name,
        });
    }
    Ok(found)
}

/// The range of an `<ip>` of IPv4: by its prefix, by its mask, or by its class, as libvirt has it.
fn range(ip: &Read) -> Option<Ipv4Net> {
    let address: Ipv4Addr = match ip.attribute("address")?.parse().ok()? {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => return None,
    };
    let network = match (ip.attribute("prefix"), ip.attribute("netmask")) {
        (Some(prefix), _) => Ipv4Net::new(address, prefix.parse().ok()?).ok()?,
        (None, Some(mask)) => Ipv4Net::with_netmask(address, mask.parse().ok()?).ok()?,
        (None, None) => {
            let class = match address.octets() {
                [0..128, ..] => 8,
                [128..192, ..] => 16,
                _ => 24,
            };
            Ipv4Net::new(address, class).ok()?
        }
    };
    Some(network.trunc())
}

fn image(hypervisor: &dyn HostHypervisor, scope: SurveyScope<'_>) -> Answer<ImageVolumes> {
    let disk = hypervisor.volume(scope.pool, scope.image)?;
    let has_kernel = hypervisor.volume(scope.pool, &format!("{}.kernel", scope.image))?.is_some();
    Ok(ImageVolumes { disk, has_kernel })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::target::libvirt::double::Double;
    use crate::target::libvirt::hypervisor::{Domain, Network};

    const SCOPE: SurveyScope<'static> = SurveyScope { pool: "engine", image: "engine-image", group: "rg" };

    fn put_domain(host: &Double, name: &str, kind: &str, state: DomainState, pool: &str) {
        let xml = format!(
            "<domain type='{kind}'><name>{name}</name><memory unit='KiB'>2097152</memory><vcpu placement='static'>3</vcpu>\
             <devices><disk type='volume'><source pool='{pool}' volume='a'/></disk></devices></domain>"
        );
        host.things().domains.insert(name.to_owned(), Domain { uuid: String::new(), state, xml });
    }

    #[test]
    fn a_host_is_looked_at_and_nothing_is_changed() {
        let host = Double::new();
        put_domain(&host, "engine-rg-vm", "kvm", DomainState::Running, "engine");
        put_domain(&host, "other", "qemu", DomainState::Off, "default");
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
            put_domain(&host, &format!("vm-{number}"), "kvm", DomainState::Running, "engine");
        }
        put_domain(&host, "a-elsewhere", "kvm", DomainState::Running, "default");
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

    #[test]
    fn sizes_and_ranges_are_read_as_libvirt_writes_them() {
        let size = |text: &str| memory(&read(text).unwrap());
        assert_eq!(size("<memory>4</memory>"), Some(4096));
        assert_eq!(size("<memory unit='MB'>2</memory>"), Some(2_000_000));
        assert_eq!(size("<memory unit='GiB'>99999999999</memory>"), None);
        assert_eq!(size("<memory unit='acre'>1</memory>"), None);
        let text = |text: &str| range(&read(text).unwrap()).map(|range| range.to_string());
        assert_eq!(text("<ip address='172.20.1.1'/>").as_deref(), Some("172.20.0.0/16"));
        assert_eq!(text("<ip address='10.1.1.1' prefix='33'/>"), None);
        assert_eq!(text("<ip address='10.1.1.1' netmask='255.0.255.0'/>"), None);
    }
}
