//! Hosts on-prem: that they can be reached, that their addresses are the cluster's alone, that machines carry what runs on
//! them.

use ipnet::IpNet;

use crate::base::{Diagnostic, network_contains, networks_overlap};
use crate::contract::TargetName;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::on_prem::{AddressRange, NetworkMode, OnPrem, OnPremSize, UNKNOWN_SIZE};
use super::super::pointers::{KUBERNETES, MASTER, ON_PREM, POOLS};
use super::super::pool::Image;

/// What kubeadm asks of a control-plane machine before it starts: processors, and memory in MB.
///
/// Source: kubernetes/kubernetes v1.36.4, `cmd/kubeadm/app/constants/constants.go`, read 2026-11-28.
const CONTROL_PLANE: (u32, u64) = (2, 1700);

/// The parameters of a URI that the engine hands on: those that name files and nothing that would be run.
///
/// Source: <https://libvirt.org/uri.html>, from memory.
const PARAMETERS: [&str; 5] = ["keyfile", "known_hosts", "known_hosts_verify", "pkipath", "socket"];

pub(super) fn judge(cluster: &Cluster, findings: &mut Findings) {
    let unsaid = OnPrem::default();
    let on_prem = match (&cluster.on_prem, cluster.target) {
        (Some(on_prem), _) => on_prem,
        // A model that goes there without a word of hosts means this.
        (None, Some(TargetName::Libvirt)) => &unsaid,
        (None, _) => return,
    };
    if let Some(target @ (TargetName::Azure | TargetName::Stack)) = cluster.target {
        let message = format!("onPremProfile has no effect: the target is {}", target.word());
        let warning = Diagnostic::warning("no-effect", ON_PREM, message);
        findings.judge(&[], warning.help("write \"target\": \"libvirt\", or leave one of both out"));
    }
    hosts(on_prem, findings);
    bridge(on_prem, findings);
    names(on_prem, findings);
    router(on_prem, findings);
    bridged(cluster, on_prem, findings);
    addresses(cluster, on_prem, findings);
    sizes(cluster, on_prem, findings);
    if !matches!(cluster.target, Some(TargetName::Azure | TargetName::Stack)) {
        spread(cluster, on_prem, findings);
    }
    if matches!(cluster.target, None | Some(TargetName::Libvirt)) {
        of_azure(cluster, on_prem, findings);
    }
}

fn hosts(on_prem: &OnPrem, findings: &mut Findings) {
    for (index, host) in on_prem.hosts.iter().enumerate() {
        let before = &on_prem.hosts[..index];
        let named = (1..=63).contains(&host.name.len())
            && host.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !host.name.starts_with('-');
        let same_name = before.iter().any(|other| other.name.eq_ignore_ascii_case(&host.name));
        if !named || same_name {
            let what = if same_name { "stands here a second time" } else { "is no host's name" };
            let message = format!("\"{}\" {what}", host.name);
            let fault = Diagnostic::error("on-prem-host", format!("{ON_PREM}/hosts/{index}/name"), message);
            findings.judge(&[], fault.help("write letters, digits and hyphens, another name for each host"));
        }
        let pointer = format!("{ON_PREM}/hosts/{index}/uri");
        if before.iter().any(|other| other.uri == host.uri) {
            let fault = Diagnostic::error("on-prem-host", pointer, format!("\"{}\" is another host's, too", host.uri));
            findings.judge(&[], fault.help("name each host once"));
        } else if !is_libvirt(&host.uri) {
            let fault =
                Diagnostic::error("on-prem-host", pointer, "this is no libvirt that the engine can reach or would ask");
            let help = format!(
                "write qemu:///system, qemu+ssh://user@host/system or qemu+tls://host/system, without a password; of \
                 parameters, {} may follow a question mark",
                PARAMETERS.join(", ")
            );
            findings.judge(&[], fault.help(help));
        }
    }
}

/// QEMU's system instance here, by SSH or by TLS. Nothing in it may be run: neither by ssh nor by libvirt's own parameters.
pub(in super::super) fn is_libvirt(uri: &str) -> bool {
    let (address, parameters) = uri.split_once('?').map_or((uri, None), |(address, rest)| (address, Some(rest)));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte));
    let known = parameters.into_iter().flat_map(|parameters| parameters.split('&')).all(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| PARAMETERS.contains(&name) && plain(value))
    });
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    let Some(authority) = rest.strip_suffix("/system") else { return false };
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let name = |text: &str| {
        text.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, port)) => {
            if inner.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            ("six", port.strip_prefix(':').or_else(|| port.is_empty().then_some("22")).unwrap_or("none"))
        }
        None => host.split_once(':').unwrap_or((host, "22")),
    };
    let reached = match scheme {
        "qemu" | "qemu+unix" => authority.is_empty(),
        "qemu+ssh" => name(host) && user.is_none_or(name),
        "qemu+tls" => name(host) && user.is_none(),
        _ => false,
    };
    known && reached && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn bridge(on_prem: &OnPrem, findings: &mut Findings) {
    let pointer = format!("{ON_PREM}/bridge");
    match &on_prem.bridge {
        Some(name) => {
            // As Linux names interfaces.
            let fits =
                name.len() < 16 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
            if !fits || name.starts_with('.') {
                let fault = Diagnostic::error("on-prem-bridge", pointer, format!("\"{name}\" is no bridge's name"));
                findings.judge(&[], fault.help("write a name of up to 15 letters and digits, such as br0"));
            }
        }
        None if on_prem.hosts.len() > 1 => {
            let message = format!("{} hosts have no network in common", on_prem.hosts.len());
            let fault = Diagnostic::error("on-prem-bridge", pointer, message);
            findings.judge(&[], fault.help("name the bridge that each of them has into the same network, such as br0"));
        }
        None if on_prem.network_mode == NetworkMode::Bridged => {
            let fault = Diagnostic::error("on-prem-bridge", pointer, "networkMode \"bridged\" needs a bridge");
            findings.judge(&[], fault.help("name the host's bridge, such as br0"));
        }
        None => {}
    }
    if on_prem.hosts.len() > 1 && on_prem.network_mode != NetworkMode::Bridged {
        let message = format!("networkMode \"{}\" ends at one host", on_prem.network_mode.word());
        let fault = Diagnostic::error("on-prem-bridge", format!("{ON_PREM}/networkMode"), message);
        findings.judge(&[], fault.help("write \"bridged\", or leave it out"));
    }
}

/// A router leads to the addresses of its own network.
fn router(on_prem: &OnPrem, findings: &mut Findings) {
    let Some(router) = on_prem.router else { return };
    let keys = [("addresses", &on_prem.addresses), ("serviceAddresses", &on_prem.service_addresses)];
    for (key, ranges) in keys {
        for (index, range) in ranges.iter().enumerate() {
            let pointer = format!("{ON_PREM}/{key}/{index}");
            let at_router = range.first <= router.addr() && router.addr() <= range.last;
            if at_router || !router.contains(&range.first) || !router.contains(&range.last) {
                let message = if at_router {
                    format!("{range} has the router's own address {}", router.addr())
                } else {
                    format!("{range} is outside of {}, the network of the router {}", router.trunc(), router.addr())
                };
                let fault = Diagnostic::error("on-prem-addresses", pointer, message);
                findings.judge(&[&format!("{ON_PREM}/router")], fault.help(HELP));
            }
        }
    }
}

/// On one wire with the site, the machines' addresses must not be the site's, and only there somebody asks for names.
fn bridged(cluster: &Cluster, on_prem: &OnPrem, findings: &mut Findings) {
    if on_prem.network_mode != NetworkMode::Bridged {
        if !on_prem.name_servers.is_empty() {
            let message = format!(
                "nameServers has no effect: networkMode is \"{}\", and the host answers for names",
                on_prem.network_mode.word()
            );
            let warning = Diagnostic::warning("no-effect", format!("{ON_PREM}/nameServers"), message);
            findings.judge(&[&format!("{ON_PREM}/networkMode")], warning.help("leave it out"));
        }
        return;
    }
    let Some(site) = on_prem.router.map(|router| IpNet::V4(router.trunc())) else { return };
    let network = &cluster.network;
    for subnet in std::iter::once(network.node_subnet).chain(network.agent_subnet) {
        if networks_overlap(site, subnet) {
            let message = format!("the site's network {site} and the machines' {subnet} have addresses in common");
            let fault = Diagnostic::error("on-prem-addresses", format!("{ON_PREM}/router"), message);
            let help = "give the machines another range: masterProfile.vnetCidr and firstConsecutiveStaticIP";
            findings.judge(&[&format!("{MASTER}/vnetCidr")], fault.help(help));
        }
    }
}

fn names(on_prem: &OnPrem, findings: &mut Findings) {
    use super::super::on_prem::OnPremImage::Volume;
    let volume = match &on_prem.image {
        Some(Volume(name)) => Some((name, "image")),
        _ => None,
    };
    for (name, key) in std::iter::once((&on_prem.storage_pool, "storagePool")).chain(volume) {
        let fits = (1..=128).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+".contains(&byte))
            && !name.starts_with(['.', '-']);
        if !fits {
            let message = format!("\"{name}\" is no name that libvirt's storage has");
            let fault = Diagnostic::error("on-prem-storage", format!("{ON_PREM}/{key}"), message);
            findings.judge(&[], fault.help("write letters, digits, `-`, `.`, `_` and `+`; a folder has a slash in it"));
        }
    }
}

fn addresses(cluster: &Cluster, on_prem: &OnPrem, findings: &mut Findings) {
    let own = on_prem.addresses.iter().map(|range| ("addresses", *range));
    let services = on_prem.service_addresses.iter().map(|range| ("serviceAddresses", *range));
    let mut before: Vec<(String, AddressRange)> = Vec::new();
    let mut numbers = std::collections::BTreeMap::new();
    let network = &cluster.network;
    // The vnet is a wide range of which subnets are made; those are what machines stand in.
    let mut taken = vec![
        (format!("{MASTER}/vnetCidr"), "the nodes' subnet", network.node_subnet),
        (format!("{KUBERNETES}/serviceCidr"), "serviceCidr", network.service_cidr),
    ];
    if !network_contains(network.node_subnet, network.cluster_subnet) {
        taken.push((format!("{KUBERNETES}/clusterSubnet"), "clusterSubnet", network.cluster_subnet));
    }
    for (key, range) in own.chain(services) {
        let number = numbers.entry(key).or_insert(0_usize);
        let pointer = format!("{ON_PREM}/{key}/{number}");
        *number += 1;
        let other = before.iter().find(|(_, other)| range.overlaps(*other));
        let cluster_range = taken
            .iter()
            .find(|(_, _, taken)| AddressRange::of_network(*taken).is_some_and(|taken| range.overlaps(taken)));
        if let Some((_, other)) = other {
            let message = format!("{range} overlaps {other}, which stands here too");
            findings.judge(&[], Diagnostic::error("on-prem-addresses", &pointer, message).help(HELP));
        } else if let Some((where_it_is, what, taken)) = cluster_range {
            let message = format!("{range} overlaps {what} {taken}, which is the cluster's own");
            findings.judge(&[where_it_is], Diagnostic::error("on-prem-addresses", &pointer, message).help(HELP));
        }
        before.push((pointer, range));
    }
}

const HELP: &str = "choose addresses of the hosts' network that nobody else has";

/// What kubeadm would refuse on the machine.
fn sizes(cluster: &Cluster, on_prem: &OnPrem, findings: &mut Findings) {
    let plane = &cluster.control_plane.vm_size;
    let Some((name, size)) = on_prem.sizes.iter().find(|(name, _)| name.eq_ignore_ascii_case(plane)) else {
        return;
    };
    let (processors, megabytes) = CONTROL_PLANE;
    let key = name.replace('~', "~0").replace('/', "~1");
    let pointer = |number: &str| format!("{ON_PREM}/sizes/{key}/{number}");
    if size.processors < processors {
        let message = format!("control-plane machines need {processors} processors, {name} has {}", size.processors);
        let fault = Diagnostic::error("on-prem-size", pointer("processors"), message);
        findings.judge(&[], fault.help(format!("write {processors} or more")));
    }
    let least = (megabytes * 1_000_000).div_ceil(1 << 20);
    // A machine's kernel keeps a part for itself.
    let least = least + 200;
    if u64::from(size.memory_mib) < least {
        let message = format!("control-plane machines need {least} MiB of memory, {name} has {}", size.memory_mib);
        let fault = Diagnostic::error("on-prem-size", pointer("memoryMiB"), message);
        findings.judge(&[], fault.help(format!("write {least} or more; 3072 leaves room to work")));
    }
}

/// What keeps machines apart, or together, and does not here.
fn spread(cluster: &Cluster, on_prem: &OnPrem, findings: &mut Findings) {
    // Without a name it is the one on which the engine runs.
    let is_one = on_prem.hosts.len() < 2;
    let hosts = format!("{ON_PREM}/hosts");
    let plane = &cluster.control_plane;
    if is_one && plane.count > 1 {
        let message = format!("all {} control-plane machines are on one host, and gone with it", plane.count);
        let warning = Diagnostic::warning("one-host", format!("{MASTER}/count"), message);
        findings.judge(&[&hosts], warning.help("name more hosts: onPremProfile.hosts"));
    }
    let of_plane = (MASTER.to_owned(), &plane.zones, &plane.proximity_placement_group_id);
    let of_pools = cluster
        .pools
        .iter()
        .enumerate()
        .map(|(index, pool)| (format!("{POOLS}/{index}"), &pool.zones, &pool.proximity_placement_group_id));
    for (pointer, zones, proximity) in std::iter::once(of_plane).chain(of_pools) {
        if is_one && !zones.is_empty() {
            let pointer = format!("{pointer}/availabilityZones");
            let warning = Diagnostic::warning("no-effect", pointer, "zones have no effect: there is one host");
            findings.judge(&[&hosts], warning.help("name more hosts: onPremProfile.hosts; or leave it out"));
        }
        if proximity.is_some() {
            let pointer = format!("{pointer}/proximityPlacementGroupID");
            let message = "a proximity placement group has no effect: hosts on-prem have one network in common";
            findings.judge(&[], Diagnostic::warning("no-effect", pointer, message).help("leave it out"));
        }
    }
}

/// What stands for something that is Azure's, and for nothing here.
fn of_azure(cluster: &Cluster, on_prem: &OnPrem, findings: &mut Findings) {
    let plane = (MASTER.to_owned(), &cluster.control_plane.vm_size, &cluster.control_plane.image);
    let of_pools = cluster.pools.iter().enumerate();
    let of_pools = of_pools.map(|(index, pool)| (format!("{POOLS}/{index}"), &pool.vm_size, &pool.image));
    for (pointer, vm_size, image) in std::iter::once(plane).chain(of_pools) {
        if on_prem.size(vm_size).is_none() {
            let OnPremSize { processors, memory_mib } = UNKNOWN_SIZE;
            let message = format!(
                "nobody knows what a {vm_size} has: its machines get {processors} processors and {memory_mib} MiB of memory"
            );
            let warning = Diagnostic::warning("on-prem-size-unknown", format!("{pointer}/vmSize"), message);
            findings.judge(&[], warning.help("write what it has into onPremProfile.sizes"));
        }
        if matches!(image, Image::Managed { .. } | Image::Gallery { .. }) {
            let message = "imageReference has no effect: on-prem machines start from onPremProfile.image";
            let warning = Diagnostic::warning("no-effect", format!("{pointer}/imageReference"), message);
            findings.judge(&[], warning.help("leave it out"));
        }
    }
}
