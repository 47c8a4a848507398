//! Whether the numbers fit: machines into sets, addresses into subnets, nodes into the pods' range, routes into their
//! table.
//!
//! Limits are Azure's own where nothing else is said: "Azure subscription and service limits, quotas, and constraints",
//! read 2026-11-22. A quota that a subscription can have raised is not among them.

use ipnet::IpNet;

use crate::base::{Diagnostic, network_contains, network_size};

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::network::NetworkPlugin;
use super::super::pointers::{MASTER, pool};
use super::super::pool::{Availability, Image, OperatingSystem, Pool};
use super::addresses::{kubernetes, vnet_is_known};

const AVAILABILITY_SET_MACHINES: u32 = 200;
const PLACEMENT_GROUP_MACHINES: u32 = 100;
/// A scale set whose machines start from a managed image; others have up to 1000.
const MANAGED_IMAGE_MACHINES: u32 = 600;
const ROUTES: u32 = 400;
const VNET_ADDRESSES: u128 = 65_536;
const INTERFACE_ADDRESSES: u32 = 256;
/// Addresses of each subnet that Azure keeps: the first four and the last.
const KEPT: u128 = 5;
/// Each node's share of the pods' range is a /24, unless kube-controller-manager's flag says otherwise.
const NODE_RANGE: u8 = 24;
const NODE_RANGE_FLAG: &str = "--node-cidr-mask-size";
/// A node's share has two ends and the bridge's own address, which are no pod's.
const NO_PODS: u32 = 3;
/// What Kubernetes is tested with ("Considerations for large clusters", Kubernetes 1.36).
const NODES: u32 = 5000;

pub(super) fn judge(cluster: &Cluster, findings: &mut Findings) {
    for pool in &cluster.pools {
        machines(pool, findings);
    }
    interfaces(cluster, findings);
    subnets(cluster, findings);
    pod_ranges(cluster, findings);
    schedule(cluster, findings);
}

/// The prefix length of a node's share of the pods' range.
fn node_range(cluster: &Cluster) -> u8 {
    let flag = cluster.component_flags.controller_manager.get(NODE_RANGE_FLAG);
    flag.and_then(|flag| flag.parse().ok()).filter(|length| (8..=30).contains(length)).unwrap_or(NODE_RANGE)
}

/// The pointers of all that says how many nodes there are.
fn counts(cluster: &Cluster) -> Vec<String> {
    let pools = cluster.pools.iter().map(|pool| self::pool(pool.index, "count"));
    std::iter::once(format!("{MASTER}/count")).chain(pools).collect()
}

/// Adds a fault unless one of the node counts, or of the other values that it rests on, is faulty itself.
fn judge_counted(cluster: &Cluster, others: &[&str], fault: Diagnostic, findings: &mut Findings) {
    let counts = counts(cluster);
    let judged: Vec<&str> = counts.iter().map(String::as_str).chain(others.iter().copied()).collect();
    findings.judge(&judged, fault);
}

/// The pool with most nodes: the one to make smaller.
fn largest(cluster: &Cluster) -> Option<&Pool> {
    cluster.pools.iter().rev().max_by_key(|pool| pool.count)
}

fn machines(pool: &Pool, findings: &mut Findings) {
    let at = |name: &str| self::pool(pool.index, name);
    let profile = at("availabilityProfile");
    let count = pool.count;
    match pool.availability {
        Availability::AvailabilitySet if pool.zones.is_empty() && count > AVAILABILITY_SET_MACHINES => {
            let message = format!("{count} machines do not fit into an availability set, which takes 200");
            let fault = Diagnostic::error("availability-set-size", at("count"), message);
            findings.judge(
                &[&profile, &at("availabilityZones")],
                fault.help(format!(
                    "write 200 or fewer and put the other {} into {} more, or write \"availabilityProfile\": \
                     \"VirtualMachineScaleSets\"",
                    count - AVAILABILITY_SET_MACHINES,
                    if count <= 2 * AVAILABILITY_SET_MACHINES { "one pool" } else { "pools" },
                )),
            );
        }
        Availability::ScaleSet if pool.single_placement_group && count > PLACEMENT_GROUP_MACHINES => {
            let message = format!("{count} machines do not fit into one placement group, which takes 100");
            let fault = Diagnostic::error("placement-group-size", at("count"), message);
            findings.judge(
                &[&profile, &at("singlePlacementGroup")],
                fault.help("write \"singlePlacementGroup\": false, or 100 or fewer"),
            );
        }
        Availability::ScaleSet if matches!(pool.image, Image::Managed { .. }) && count > MANAGED_IMAGE_MACHINES => {
            let message = format!("{count} machines do not fit into a scale set of a managed image, which takes 600");
            let fault = Diagnostic::error("managed-image-size", at("count"), message);
            findings.judge(
                &[&profile, &at("imageReference")],
                fault.help("write 600 or fewer, or name the image's version in a gallery"),
            );
        }
        _ => {}
    }
    let zones = pool.zones.len();
    if zones > usize::try_from(count).unwrap_or(usize::MAX) {
        let message = format!("{zones} zones for {count} machines: some zones get none");
        let warning = Diagnostic::warning("zones-without-machines", at("availabilityZones"), message);
        findings.judge(&[&at("count")], warning.help(format!("write a count of {zones} or more, or name fewer zones")));
    }
}

fn interfaces(cluster: &Cluster, findings: &mut Findings) {
    let plane = &cluster.control_plane;
    let own = std::iter::once((MASTER.to_owned(), plane.addresses_per_node, plane.max_pods));
    let pools = cluster.pools.iter().map(|pool| {
        (self::pool(pool.index, "").trim_end_matches('/').to_owned(), pool.addresses_per_node, pool.max_pods)
    });
    let max_pods = kubernetes("maxPods");
    for (root, addresses, pods) in own.chain(pools) {
        let count_pointer = format!("{root}/ipAddressCount");
        if addresses > INTERFACE_ADDRESSES {
            // Unless a number of its own is given, it follows from the pods.
            let pointer = if addresses == pods.saturating_add(1) { &max_pods } else { &count_pointer };
            let message = format!("an interface cannot have {addresses} addresses: Azure gives it 256 at most");
            let fault = Diagnostic::error("interface-addresses", pointer, message);
            findings.judge(
                &[&max_pods, &count_pointer],
                fault.help("with Azure CNI write \"maxPods\": 250 or fewer: one more address is the node's own"),
            );
        }
        let length = node_range(cluster);
        let room = (1_u32 << (32 - length)).saturating_sub(NO_PODS);
        if cluster.network.plugin == NetworkPlugin::Kubenet && pods > room && !findings.told(&max_pods) {
            let message = format!("{pods} pods on a node, but its range (/{length}) has {room} addresses for pods");
            let warning = Diagnostic::warning("pods-over-node-range", &max_pods, message);
            findings
                .judge(&[&kubernetes("networkPlugin")], warning.help(format!("write \"maxPods\": {room} or fewer")));
        }
    }
}

/// Addresses that machines take of the subnet that the control plane stands in, and of the workers' own if they have one.
fn needs(cluster: &Cluster) -> (u128, u128) {
    let plane = &cluster.control_plane;
    let network = &cluster.network;
    let jumpbox = network.private_cluster.as_ref().is_some_and(|private| private.jumpbox.is_some());
    let own = u128::from(plane.count) * u128::from(plane.addresses_per_node)
        + u128::from(plane.has_internal_balancer())
        + u128::from(jumpbox);
    let workers = cluster
        .pools
        .iter()
        .map(|pool| u128::from(pool.count) * u128::from(pool.addresses_per_node))
        .fold(0_u128, u128::saturating_add);
    if network.agent_subnet.is_some() { (own, workers) } else { (own.saturating_add(workers), 0) }
}

fn subnets(cluster: &Cluster, findings: &mut Findings) {
    let network = &cluster.network;
    let (own, workers) = needs(cluster);
    let max_pods = kubernetes("maxPods");
    let vnet_pointer = format!("{MASTER}/vnetCidr");
    let custom = cluster.control_plane.subnet_id.is_some();
    let in_subnet = network.plugin == NetworkPlugin::Azure;
    let node_pointer = if in_subnet && !custom { kubernetes("clusterSubnet") } else { vnet_pointer.clone() };
    // The subnets of somebody else's vnet are not known, but all of them together are no larger than it.
    if !custom || vnet_is_known(cluster) {
        let what = if custom { "the vnet" } else { "the nodes' subnet" };
        too_small(cluster, &node_pointer, what, network.node_subnet, own, findings);
    }
    if let Some(agents) = network.agent_subnet {
        too_small(cluster, &format!("{MASTER}/agentSubnet"), "agentSubnet", agents, workers, findings);
    }
    let all = own.saturating_add(workers);
    if all > VNET_ADDRESSES {
        let nodes = u128::from(cluster.node_count());
        // One address of each node is its own.
        let fitting = (VNET_ADDRESSES / nodes.max(1)).saturating_sub(2);
        let message = format!("{nodes} nodes and their pods take {all} addresses; Azure gives a vnet 65536 at most");
        let fault = Diagnostic::error("vnet-addresses", &max_pods, message);
        let help = if fitting >= 5 {
            format!("write \"maxPods\": {fitting} or fewer, or \"networkPlugin\": \"kubenet\"")
        } else {
            "write \"networkPlugin\": \"kubenet\", whose pods have a range of their own".to_owned()
        };
        judge_counted(cluster, &[&node_pointer, &kubernetes("networkPlugin")], fault.help(help), findings);
    }
}

/// Tells a subnet that has fewer addresses than machines and their pods take, with one that would do.
fn too_small(cluster: &Cluster, pointer: &str, what: &str, subnet: IpNet, need: u128, findings: &mut Findings) {
    let usable = network_size(subnet).saturating_sub(KEPT);
    if need <= usable {
        return;
    }
    let network = &cluster.network;
    let plane = &cluster.control_plane;
    let pods = if network.plugin == NetworkPlugin::Azure {
        format!(", one for each and one for each of its pods (such as {} on a control-plane node)", plane.max_pods)
    } else {
        String::new()
    };
    let message = format!(
        "{what} {subnet} has {usable} addresses to give (Azure keeps five), but {} nodes take {need}{pods}",
        cluster.node_count()
    );
    let fault = Diagnostic::error("subnet-size", pointer, message);
    let wanted = prefix_for(subnet, need.saturating_add(KEPT));
    let custom = plane.subnet_id.is_some();
    let mut taken = vec![network.service_cidr];
    taken.extend((network.plugin != NetworkPlugin::Azure).then_some(network.cluster_subnet));
    taken.extend(network.agent_subnet.filter(|agents| *agents != subnet));
    let proposal = if custom || pointer.ends_with("vnetCidr") {
        free_range(subnet, wanted, &private_ranges(), &taken)
    } else {
        free_range(subnet, wanted, &[network.vnet_cidr], &taken)
    };
    let fewer = "or fewer nodes, or a smaller maxPods";
    let help = match proposal {
        Some(range) if custom => format!("choose subnets of a vnet as large as {range}, {fewer}"),
        Some(range) => format!("write a range such as {range}, {fewer}"),
        None => format!("the vnet {} has no room for a /{wanted}: give a larger vnetCidr, {fewer}", network.vnet_cidr),
    };
    judge_counted(
        cluster,
        &[
            &format!("{MASTER}/vnetCidr"),
            &kubernetes("clusterSubnet"),
            &kubernetes("maxPods"),
            &kubernetes("networkPlugin"),
        ],
        fault.help(help),
        findings,
    );
}

/// The longest prefix of a range that holds so many addresses.
fn prefix_for(like: IpNet, addresses: u128) -> u8 {
    let host_bits = u128::BITS - addresses.saturating_sub(1).leading_zeros();
    like.max_prefix_len().saturating_sub(u8::try_from(host_bits).unwrap_or(u8::MAX))
}

/// The ranges that nobody routes on the Internet (RFC 1918).
fn private_ranges() -> Vec<IpNet> {
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].iter().filter_map(|range| range.parse().ok()).collect()
}

/// A range of this length inside one of `within` that has no address in common with any of `taken`: around `near` if
/// that is possible, otherwise the first there is.
fn free_range(near: IpNet, prefix: u8, within: &[IpNet], taken: &[IpNet]) -> Option<IpNet> {
    let free = |range: &IpNet| {
        within.iter().any(|outer| network_contains(*outer, *range))
            && !taken.iter().any(|taken| taken.contains(range) || range.contains(taken))
    };
    let around = IpNet::new(near.network(), prefix).ok().map(|range| range.trunc()).filter(free);
    around.or_else(|| {
        let mut candidates = within.iter().filter_map(|outer| outer.subnets(prefix).ok()).flatten();
        candidates.find(free)
    })
}

fn pod_ranges(cluster: &Cluster, findings: &mut Findings) {
    let network = &cluster.network;
    let nodes = cluster.node_count();
    if network.plugin == NetworkPlugin::Azure {
        return;
    }
    let (range_pointer, plugin_pointer) = (kubernetes("clusterSubnet"), kubernetes("networkPlugin"));
    let range = network.cluster_subnet;
    let length = node_range(cluster);
    if let IpNet::V4(pods) = range {
        let shares = length.checked_sub(pods.prefix_len()).map_or(0, |bits| 1_u32 << bits);
        if nodes > shares {
            let wanted = prefix_for(range, u128::from(nodes) << (32 - length));
            let nodes_range =
                if cluster.control_plane.subnet_id.is_some() { network.vnet_cidr } else { network.node_subnet };
            let mut taken = vec![network.service_cidr, nodes_range];
            taken.extend(network.agent_subnet);
            let message = format!(
                "clusterSubnet {range} has {shares} ranges of a /{length}, one for each node; there are {nodes} nodes"
            );
            let fault = Diagnostic::error("pod-range-size", &range_pointer, message);
            let help = match free_range(range, wanted, &private_ranges(), &taken) {
                Some(proposal) => format!("write a range such as {proposal}"),
                None => format!("write a /{wanted} that is free, or fewer nodes"),
            };
            judge_counted(cluster, &[&plugin_pointer], fault.help(help), findings);
        }
    }
    // A route for each of a node's ranges.
    let families = if network.ipv6.is_some() { 2 } else { 1 };
    let fitting_nodes = ROUTES / families;
    if network.needs_route_table()
        && nodes > fitting_nodes
        && let Some(pool) = largest(cluster)
    {
        let message = format!("{nodes} nodes need {} routes to their pods; a route table takes 400", nodes * families);
        let fault = Diagnostic::error("route-table-size", self::pool(pool.index, "count"), message);
        let fitting = pool.count.saturating_sub(nodes - fitting_nodes);
        let less = if fitting > 0 { format!("write {fitting} or fewer, or ") } else { String::new() };
        let help = format!("{less}write \"networkPlugin\": \"azure\", which needs no routes");
        judge_counted(cluster, &[&plugin_pointer], fault.help(help), findings);
    }
}

fn schedule(cluster: &Cluster, findings: &mut Findings) {
    let nodes = cluster.node_count();
    if nodes > NODES
        && let Some(pool) = largest(cluster)
    {
        let message = format!("{nodes} nodes are more than the 5000 that Kubernetes is tested with");
        let warning = Diagnostic::warning("cluster-size", self::pool(pool.index, "count"), message);
        judge_counted(cluster, &[], warning.help("make several clusters of them"), findings);
    }
    let closes = |effect: &str| effect == "NoSchedule" || effect == "NoExecute";
    let linux: Vec<&Pool> =
        cluster.pools.iter().filter(|pool| pool.operating_system == OperatingSystem::Linux).collect();
    let tainted = |pool: &Pool| pool.taints.iter().any(|taint| closes(&taint.effect));
    let pools = "/properties/agentPoolProfiles";
    let (pointer, message) = match (linux.first(), linux.iter().all(|pool| tainted(pool))) {
        (None, _) if cluster.pools.is_empty() => (pools.to_owned(), "there is no pool of workers"),
        (None, _) => (pools.to_owned(), "no pool runs Linux"),
        (Some(first), true) => {
            (self::pool(first.index, "nodeTaints"), "every Linux pool has a taint that keeps pods away")
        }
        (Some(_), false) => return,
    };
    let message = format!("{message}: pods without tolerations, add-ons among them, have nowhere to run");
    let warning = Diagnostic::warning("nowhere-to-schedule", &pointer, message);
    findings.judge(&[], warning.help("add a Linux pool without such taints, even if a small one"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_holds_what_it_was_asked_for() {
        let like: IpNet = "10.0.0.0/16".parse().unwrap();
        for (addresses, prefix) in [(1, 32), (2, 31), (256, 24), (257, 23), (65_536, 16), (1 << 40, 0)] {
            assert_eq!(prefix_for(like, addresses), prefix, "{addresses}");
        }
    }

    #[test]
    fn a_proposed_range_is_near_and_free() {
        let range = |text: &str| text.parse::<IpNet>().unwrap();
        let within = [range("10.0.0.0/8")];
        let near = range("10.244.0.0/24");
        assert_eq!(free_range(near, 16, &within, &[]), Some(range("10.244.0.0/16")));
        assert_eq!(free_range(near, 14, &within, &[range("10.245.3.0/24")]), Some(range("10.0.0.0/14")));
        assert_eq!(free_range(near, 7, &within, &[]), None);
    }
}
