//! Networks: ranges that are somebody's already, packet filters, and the site's addresses.

use ipnet::{IpNet, Ipv4Net};

use super::{Finding, HostView, Verdict, listed, untold};
use crate::base::networks_overlap;
use crate::cluster::{HostOfUri, host_of_uri};
use crate::model::{AddressRange, NetworkMode};
use crate::target::libvirt::host::{HostNetwork, LocalHost};
use crate::target::libvirt::{ErrorKind, HypervisorError};

/// Whether the ranges of the cluster's network are free.
pub(super) fn ranges(view: &HostView<'_>) -> Vec<Finding> {
    const ABOUT: &str = "network";
    let networks = match &view.survey.networks {
        Ok(networks) => networks,
        Err(error) => return vec![driver(ABOUT, "networks", "libvirt-daemon-driver-network", error)],
    };
    let Some(demand) = view.demand else {
        let names = listed(networks.iter().map(|network| &network.name));
        return vec![Finding::new(
            ABOUT,
            Verdict::Good,
            format!("the driver of networks answers; there are: {names}"),
            "",
        )];
    };
    let mut findings = Vec::new();
    for subnet in &demand.subnets {
        for network in networks.iter().filter(|network| !network.is_own) {
            if let Some(range) = network.ranges.iter().find(|range| networks_overlap(*subnet, **range)) {
                let (verdict, state) =
                    if network.is_active { (Verdict::Bad, "") } else { (Verdict::Note, ", which does not run") };
                let message = format!("{subnet} overlaps {range} of the network {}{state}", network.name);
                findings.push(Finding::new(ABOUT, verdict, message, &remedy(network)));
            }
        }
        if let Some(local) = &view.survey.local {
            findings.extend(routes(ABOUT, *subnet, networks, local));
        }
    }
    if findings.is_empty() {
        let subnets = listed(demand.subnets.iter().map(ToString::to_string));
        let routes = view.survey.local.as_ref().map(|local| format!(" and none of {} routes", local.routes.len()));
        let message = format!("{subnets} overlaps none of {} networks{}", networks.len(), routes.unwrap_or_default());
        findings.push(Finding::new(ABOUT, Verdict::Good, message, ""));
    }
    findings
}

const OTHER_RANGE: &str =
    "Give the model another range: `masterProfile.vnetCidr` and `firstConsecutiveStaticIP`, such as 10.77.0.0/16.";

fn remedy(network: &HostNetwork) -> String {
    let name = &network.name;
    format!("{OTHER_RANGE} Or remove the other one: `virsh net-destroy {name}; virsh net-undefine {name}`.")
}

/// Routes of the host into a range, but for those of libvirt's own bridges, which are told as networks.
fn routes(about: &str, subnet: Ipv4Net, networks: &[HostNetwork], local: &LocalHost) -> Vec<Finding> {
    // One without ranges is a bridge of the host's own.
    let is_known = |interface: &str| {
        networks.iter().any(|network| network.bridge.as_deref() == Some(interface) && !network.ranges.is_empty())
    };
    let others =
        local.routes.iter().filter(|route| !is_known(&route.interface) && networks_overlap(subnet, route.network));
    others
        .map(|route| {
            let kind = if local.bridges.contains(&route.interface) { "bridge" } else { "interface" };
            let message =
                format!("{subnet} overlaps the host's route to {} by the {kind} {}", route.network, route.interface);
            Finding::new(about, Verdict::Bad, message, OTHER_RANGE)
        })
        .collect()
}

/// A driver of libvirt's that does not answer.
fn driver(about: &str, what: &str, package: &str, error: &HypervisorError) -> Finding {
    if error.kind == ErrorKind::Forbidden {
        return untold(about, error);
    }
    let message = format!("libvirt's driver of {what} does not answer: {error}");
    let help = format!("Install it (Debian: {package}), and start libvirt anew: `systemctl restart libvirtd`.");
    Finding::new(about, Verdict::Bad, message, &help)
}

/// Whether security groups can be packet filters that see everything.
pub(super) fn filters(view: &HostView<'_>) -> Vec<Finding> {
    const ABOUT: &str = "packet filters";
    let count = match &view.survey.filters {
        Ok(count) => count,
        Err(error) => return vec![driver(ABOUT, "packet filters", "libvirt-daemon-driver-nwfilter", error)],
    };
    let mut findings = vec![Finding::new(ABOUT, Verdict::Good, format!("the driver answers; there are {count}"), "")];
    // libvirt itself only warns of it (its driver of packet filters, 11.3).
    let help = "`modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1`; to keep it, write the one into \
                /etc/modules-load.d/engine.conf and the other into /etc/sysctl.d/engine.conf.";
    let verdict = match view.survey.local.as_ref().map(|local| local.filters_bridges) {
        None => return findings,
        Some(Some(true)) => (Verdict::Good, "packets within a bridge pass them"),
        Some(Some(false)) => {
            (Verdict::Bad, "packets within a bridge pass by them: net.bridge.bridge-nf-call-iptables is 0")
        }
        Some(None) => {
            (Verdict::Bad, "packets within a bridge pass by them: the kernel's module br_netfilter is not there")
        }
    };
    findings.push(Finding::new("bridge filters", verdict.0, verdict.1, help));
    findings
}

/// The site's addresses and bridge: the model's, else those that the host was prepared with.
pub(super) fn addresses(view: &HostView<'_>) -> Vec<Finding> {
    const ABOUT: &str = "site addresses";
    let facts = match &view.survey.facts {
        Ok(facts) => facts.clone().unwrap_or_default(),
        Err(fault) => {
            let help = fault.help.clone().unwrap_or_default();
            return vec![Finding::new(ABOUT, Verdict::Bad, fault.message.clone(), &help)];
        }
    };
    let own = view.demand.map(|demand| demand.addresses.clone()).filter(|addresses| !addresses.is_empty());
    // What was read of the host was looked through then.
    let ranges = own.unwrap_or_else(|| facts.ranges().unwrap_or_default());
    let bridge = view.demand.and_then(|demand| demand.bridge.clone()).or(facts.bridge);
    let mut findings: Vec<Finding> = bridge
        .as_ref()
        .zip(view.survey.local.as_ref())
        .into_iter()
        .map(|(bridge, local)| judge_bridge(bridge, local))
        .collect();
    let elsewhere = view.demand.filter(|_| host_of_uri(view.uri) != HostOfUri::Here);
    // Others know the way to a network that is routed.
    let elsewhere = elsewhere.filter(|it| !(it.is_private && it.network_mode == NetworkMode::Routed));
    if ranges.is_empty() {
        let help = "`engine host init --addresses RANGE --bridge NAME` gives the host some of its site's, such as 192.168.1.48/28.";
        let bridged = view.demand.is_some_and(|demand| demand.network_mode == NetworkMode::Bridged);
        let (verdict, message) = if bridged {
            (Verdict::Bad, "none are known, and a cluster whose machines are on the bridge needs some")
        } else if elsewhere.is_some() {
            (
                Verdict::Bad,
                "none are known: the cluster would be reached from its host alone, and the engine is elsewhere",
            )
        } else {
            (Verdict::Note, "none are known: clusters are reached from this host alone")
        };
        findings.push(Finding::new(ABOUT, verdict, message, help));
        return findings;
    }
    let shown = listed(ranges.iter().map(ToString::to_string));
    if bridge.is_none() && elsewhere.is_some_and(|it| it.network_mode == NetworkMode::Nat) {
        let message =
            format!("{shown}: without a bridge into the site the host alone reaches them, and the engine is elsewhere");
        let help = "Name the host's bridge: `engine host init --bridge NAME`, or `onPremProfile.bridge`.";
        findings.push(Finding::new(ABOUT, Verdict::Bad, message, help));
        return findings;
    }
    let none = Vec::new();
    let networks = view.survey.networks.as_ref().unwrap_or(&none);
    let taken = ranges.iter().find_map(|range| Some((range, taken(*range, networks, view.survey.local.as_ref())?)));
    let (verdict, message, help) = match (taken, view.survey.local.as_ref()) {
        (Some((range, by)), _) => (
            Verdict::Bad,
            format!("{range} overlaps {by}"),
            "Name addresses that nobody has: `engine host init --addresses RANGE`, or `onPremProfile.addresses`.",
        ),
        (None, Some(local)) if !ranges.iter().all(|range| is_near(*range, local)) => (
            Verdict::Note,
            format!("{shown}: none of the host's interfaces is in their network"),
            "Others reach them only if their router sends them here.",
        ),
        (None, _) => (Verdict::Good, shown, ""),
    };
    findings.push(Finding::new(ABOUT, verdict, message, help));
    findings
}

fn judge_bridge(bridge: &str, local: &LocalHost) -> Finding {
    const ABOUT: &str = "bridge";
    if local.bridges.iter().any(|there| there == bridge) {
        return Finding::new(ABOUT, Verdict::Good, format!("{bridge} is there"), "");
    }
    let message = format!("there is no bridge {bridge}; there are: {}", listed(&local.bridges));
    let help =
        format!("Make it (`ip link add {bridge} type bridge`, or the host's network settings), or name another.");
    Finding::new(ABOUT, Verdict::Bad, message, &help)
}

/// Who has some of these addresses already.
fn taken(range: AddressRange, networks: &[HostNetwork], local: Option<&LocalHost>) -> Option<String> {
    let own = local
        .and_then(|local| local.addresses.iter().find(|address| range.first <= **address && **address <= range.last));
    if let Some(address) = own {
        return Some(format!("the host's own address {address}"));
    }
    let overlaps = |network: &Ipv4Net| {
        AddressRange::of_network(IpNet::V4(*network)).is_some_and(|network| range.overlaps(network))
    };
    let all = networks.iter().flat_map(|network| network.ranges.iter().map(move |range| (range, network)));
    let (taken, network) = all.into_iter().find(|(range, _)| overlaps(range))?;
    Some(format!("{taken} of the network {}", network.name))
}

/// Whether an interface of the host is in the addresses' network.
fn is_near(range: AddressRange, local: &LocalHost) -> bool {
    local
        .routes
        .iter()
        .filter(|route| route.is_direct)
        .any(|route| route.network.contains(&range.first) && route.network.contains(&range.last))
}
