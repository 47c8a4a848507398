//! The application gateway of the add-on `appgw-ingress`: whom its identity serves, and where it stands.
//!
//! Source: aks-engine's validation of the add-on; learn.microsoft.com, "Application Gateway infrastructure configuration"
//! (the subnet holds gateways only, each instance takes an address, a private front end one more), in a stored copy read
//! 2026-11-28.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::{Diagnostic, address_at, network_contains};
use crate::catalog::Cloud;

use super::super::application_gateway::{PRIVATE_ADDRESS, SKU, SKUS, SUBNET};
use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::identity::Identity;
use super::super::network::NetworkPlugin;
use super::super::pointers::{KUBERNETES, MASTER, SERVICE_PRINCIPAL};

/// Azure keeps the first four addresses and the last; the gateway's two instances take one each, and its own one more.
const LONGEST_PREFIX: u8 = 28;

pub(super) fn judge(cluster: &Cluster, findings: &mut Findings) {
    let Some((index, addon)) = cluster.application_gateway_add_on() else { return };
    let root = format!("{KUBERNETES}/addons/{index}");
    let at = |name: &str| format!("{root}/config/{name}");
    let setting = |name: &str| addon.config.get(name).map(String::as_str);
    identity(cluster, findings);
    place(cluster, &root, findings);
    if let Some(sku) = setting(SKU).filter(|sku| !SKUS.contains(sku)) {
        let fault = Diagnostic::error("application-gateway-sku", at(SKU), format!("\"{sku}\" is no kind of gateway"));
        findings.judge(&[], fault.help(format!("write {}", SKUS.map(|sku| format!("\"{sku}\"")).join(" or "))));
    }
    let text = setting(SUBNET).unwrap_or_default();
    let range = match text.parse::<IpNet>() {
        Ok(range @ IpNet::V4(_)) if range == range.trunc() && range.prefix_len() <= LONGEST_PREFIX => range,
        _ => {
            let message = format!("\"{text}\" is no range of IPv4 of /{LONGEST_PREFIX} or larger for the gateway");
            let fault = Diagnostic::error("application-gateway-subnet", at(SUBNET), message);
            findings.judge(&[], fault.help("write a range of the vnet that nobody uses, such as 10.1.0.0/24"));
            return;
        }
    };
    subnet(cluster, &at(SUBNET), range, findings);
    let Some(text) = setting(PRIVATE_ADDRESS) else { return };
    // Azure keeps the first four addresses of a subnet and its last.
    let kept = |address: IpAddr| {
        address == range.broadcast() || (0..4).any(|number| address_at(range, number) == Some(address))
    };
    if !text.parse::<IpAddr>().is_ok_and(|address| range.contains(&address) && !kept(address)) {
        let message = format!("\"{text}\" is no address that the gateway can have in {range}");
        let fault = Diagnostic::error("application-gateway-address", at(PRIVATE_ADDRESS), message);
        let proposal = address_at(range, 10).map(|address| format!("for example {address}, or leave it out"));
        findings.judge(&[&at(SUBNET)], fault.help(proposal.unwrap_or_else(|| "leave it out".to_owned())));
    }
}

/// Who the cluster is has to be known by its principal, to be let use the gateway's identity.
fn identity(cluster: &Cluster, findings: &mut Findings) {
    let Identity::ServicePrincipal { object_id, .. } = &cluster.identity else { return };
    if object_id.as_deref().is_some_and(|id| uuid::Uuid::parse_str(id).is_ok()) {
        return;
    }
    let message = "the gateway's identity has to know the service principal by its object id, which is a GUID";
    let fault = Diagnostic::error("application-gateway-identity", format!("{SERVICE_PRINCIPAL}/objectId"), message);
    findings.judge(&[], fault.help("add objectId: az ad sp show --id <clientId> --query id"));
}

fn place(cluster: &Cluster, root: &str, findings: &mut Findings) {
    let plugin = cluster.network.plugin;
    let (pointer, message, help) = if cluster.cloud == Cloud::Stack {
        (format!("{root}/enabled"), "Azure Stack Hub has no application gateways".to_owned(), "leave the add-on out")
    } else if plugin != NetworkPlugin::Azure {
        let message = format!("an application gateway sends to pods' own addresses, which {} hides", plugin.word());
        (format!("{KUBERNETES}/networkPlugin"), message, "write \"azure\", or leave the add-on out")
    } else if cluster.control_plane.subnet_id.is_some() {
        let message = "the gateway's subnet would be made in a network that the engine does not write".to_owned();
        (format!("{MASTER}/vnetSubnetID"), message, "leave the add-on out, and make a gateway in your own network")
    } else {
        return;
    };
    findings.judge(&[], Diagnostic::error("application-gateway-network", pointer, message).help(help));
}

fn subnet(cluster: &Cluster, pointer: &str, range: IpNet, findings: &mut Findings) {
    let network = &cluster.network;
    if cluster.control_plane.subnet_id.is_some() {
        return;
    }
    let vnet = network.vnet_cidr;
    let message = if network_contains(vnet, range) {
        let used = [
            ("the nodes' subnet", Some(network.node_subnet)),
            ("agentSubnet", network.agent_subnet),
            ("serviceCidr", Some(network.service_cidr)),
        ];
        let overlapped = used.into_iter().filter_map(|(name, used)| Some((name, used?)));
        let overlapped = overlapped.into_iter().find(|(_, used)| used.contains(&range) || range.contains(used));
        match overlapped {
            None => return,
            Some((name, used)) => format!("the gateway's subnet {range} overlaps {name} {used}"),
        }
    } else {
        format!("the gateway's subnet {range} does not lie in the vnet's {vnet}")
    };
    let fault = Diagnostic::error("application-gateway-subnet", pointer, message);
    findings.judge(
        &[&format!("{MASTER}/vnetCidr")],
        fault.help(format!("choose a range of {vnet} that nobody uses, such as 10.1.0.0/24")),
    );
}
