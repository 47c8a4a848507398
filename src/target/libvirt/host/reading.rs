//! What a hypervisor tells of its host, read into values.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;

use super::hypervisor::HostHypervisor;
use super::survey::{HostDomain, HostNetwork, ImageVolumes, Offer, SurveyScope};
use crate::target::libvirt::hypervisor::{Answer, DomainState, ErrorKind, HypervisorError};
use crate::target::libvirt::names::is_of_group;
use crate::target::libvirt::xml::{Read, is_of_a_resource, read};

/// How many machines are asked at most whether they answer: each that does not takes seconds.
pub(super) const MOST_ASKED: usize = 3;

fn unreadable(what: &str) -> HypervisorError {
    HypervisorError::new(ErrorKind::Failed, format!("the host's answer about {what} cannot be read"))
}

/// What domains of the kind that the engine makes can have.
pub(super) fn offer(hypervisor: &dyn HostHypervisor) -> Answer<Offer> {
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

/// The machines on a host.
pub(super) fn domains(hypervisor: &dyn HostHypervisor, scope: SurveyScope<'_>) -> Answer<Vec<HostDomain>> {
    let mut found = Vec::new();
    let (mut asked, mut answered) = (0, false);
    for name in hypervisor.domains()? {
        // It may be gone by now.
        let Some(domain) = hypervisor.domain(&name)? else { continue };
        let about = read(&domain.xml).ok_or_else(|| unreadable(&format!("the domain {name}")))?;
        let kvm = about.attribute("type") == Some("kvm");
        let is_running = domain.state == DomainState::Running;
        let mut answers = None;
        if kvm && is_running && is_of_a_resource(&domain.xml) && !answered && asked < MOST_ASKED {
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

/// The networks on a host.
pub(super) fn networks(hypervisor: &dyn HostHypervisor, scope: SurveyScope<'_>) -> Answer<Vec<HostNetwork>> {
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

/// The image in the pool.
pub(super) fn image(hypervisor: &dyn HostHypervisor, scope: SurveyScope<'_>) -> Answer<ImageVolumes> {
    let disk = hypervisor.volume(scope.pool, scope.image)?;
    let has_kernel = hypervisor.volume(scope.pool, &format!("{}.kernel", scope.image))?.is_some();
    Ok(ImageVolumes { disk, has_kernel })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

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
