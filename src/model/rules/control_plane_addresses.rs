//! The addresses of the control-plane nodes and of their internal load balancer.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::{Diagnostic, address_at, network_size};

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::network::NetworkPlugin;
use super::super::pointers::MASTER;
use super::super::pool::Availability;
use super::addresses::{kubernetes, vnet_is_known};

/// Azure keeps a subnet's first four addresses and its last.
const KEPT_AT_START: u128 = 4;

pub(super) fn judge(cluster: &Cluster, findings: &mut Findings) {
    static_addresses(cluster, findings);
    shadowed_addresses(cluster, findings);
}

fn static_addresses(cluster: &Cluster, findings: &mut Findings) {
    let plane = &cluster.control_plane;
    let pointer = format!("{MASTER}/firstConsecutiveStaticIP");
    let subnet = cluster.network.node_subnet;
    let (subnet_pointer, custom) = (format!("{MASTER}/vnetCidr"), plane.subnet_id.is_some());
    let judged = [
        subnet_pointer.as_str(),
        &kubernetes("clusterSubnet"),
        &format!("{MASTER}/count"),
        &format!("{MASTER}/availabilityProfile"),
    ];
    let mut addresses = plane.addresses();
    if plane.has_internal_balancer() {
        addresses.push(plane.internal_balancer_address());
    }
    if let Some(outside) = addresses.iter().find(|address| !subnet.contains(*address)) {
        let message = match plane.has_internal_balancer() && *outside == plane.internal_balancer_address() {
            true => format!("the internal load balancer's address {outside} would not lie in {subnet}"),
            false => format!("the address {outside} does not lie in {subnet}"),
        };
        let fault = Diagnostic::error("static-ip-outside-subnet", &pointer, message);
        let help = if custom {
            "give the vnet's range as vnetCidr, or another address"
        } else {
            "leave it out, or choose an address of that range with ten more behind it"
        };
        findings.judge(&judged, fault.help(help));
    } else if (!custom || vnet_is_known(cluster)) && addresses.iter().any(|address| is_kept(subnet, *address)) {
        let fault = Diagnostic::error(
            "static-ip-reserved",
            &pointer,
            format!("Azure keeps the first four addresses of {subnet} and its last"),
        );
        findings.judge(&judged, fault.help("choose an address between them"));
    }
}

fn is_kept(subnet: IpNet, address: IpAddr) -> bool {
    let ends = (0..KEPT_AT_START).chain([network_size(subnet) - 1]);
    let mut kept = ends.filter_map(|offset| address_at(subnet, offset));
    kept.any(|kept| kept == address)
}

/// Control-plane addresses that a service, a pod or the balancer has, too. (In a vnet that exists already nothing else
/// would show it: its subnets' ranges are not known.)
fn shadowed_addresses(cluster: &Cluster, findings: &mut Findings) {
    let plane = &cluster.control_plane;
    let network = &cluster.network;
    let pointer = format!("{MASTER}/firstConsecutiveStaticIP");
    let count = format!("{MASTER}/count");
    if plane.subnet_id.is_some() && plane.availability == Availability::AvailabilitySet {
        let pods = (network.plugin != NetworkPlugin::Azure).then_some(("clusterSubnet", network.cluster_subnet));
        for (name, range) in [("serviceCidr", network.service_cidr)].into_iter().chain(pods) {
            let mut addresses = plane.addresses();
            addresses.push(plane.api_server_address());
            if let Some(hidden) = addresses.iter().find(|address| range.contains(*address)) {
                let message = format!("the control plane's address {hidden} lies in {name} {range}, which hides it");
                let fault = Diagnostic::error("static-ip-hidden", &pointer, message);
                let free =
                    if range.contains(&IpAddr::from([172, 16, 0, 0])) { "192.168.0.0/16" } else { "172.16.0.0/16" };
                findings.judge(
                    &[&kubernetes(name), &count, &format!("{MASTER}/vnetCidr")],
                    fault.help(format!("write another {name}, such as {free}, or take a subnet outside {range}")),
                );
            }
        }
    }
    if plane.availability == Availability::ScaleSet && plane.subnet_id.is_none() {
        // Members take addresses one behind the other, each for itself and its pods.
        let taken = u128::from(plane.count) * u128::from(plane.addresses_per_node);
        let balancer = plane.internal_balancer_address();
        let offset = match (plane.first_consecutive_static_ip, balancer) {
            (IpAddr::V4(first), IpAddr::V4(balancer)) => {
                balancer.to_bits().checked_sub(first.to_bits()).map(u128::from)
            }
            _ => None,
        };
        if offset.is_some_and(|offset| offset < taken) {
            let message = format!(
                "the control-plane nodes take {taken} addresses, the internal load balancer's {balancer} among them"
            );
            let fault = Diagnostic::error("static-ip-balancer", &pointer, message);
            findings.judge(
                &[&count, &kubernetes("clusterSubnet"), &kubernetes("maxPods"), &format!("{MASTER}/vnetCidr")],
                fault.help("leave it out, or choose an address at the start of a /16 or larger"),
            );
        }
    }
}
