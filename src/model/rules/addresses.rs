//! Ranges and addresses.

use ipnet::IpNet;

use crate::base::{Diagnostic, address_at, network_contains, networks_overlap};
use crate::catalog::Cloud;

use super::super::cluster::{AUDIT_POLICY, Addon, Cluster};
use super::super::findings::Findings;
use super::super::input::ApiModel;
use super::super::network::{LoadBalancerSku, NetworkPlugin, NetworkPolicy};
use super::super::pointers::{ACCESS, KUBERNETES, MASTER, pool};
use super::super::pool::Availability;
use super::control_plane_addresses;

/// Azure CNI needs this many host bits for a subnet (aks-engine).
const LEAST_HOST_BITS: u8 = 9;

pub(super) fn judge(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    let given = |name: &str| {
        // Whether the model gives a property of kubernetesConfig itself.
        let kubernetes = model
            .properties
            .as_ref()
            .and_then(|properties| properties.orchestrator_profile.as_ref())
            .and_then(|orchestrator| orchestrator.kubernetes_config.as_ref());
        kubernetes.is_some_and(|kubernetes| match name {
            "serviceCidr" => kubernetes.service_cidr.is_some(),
            "dnsServiceIP" => kubernetes.dns_service_ip.is_some(),
            _ => kubernetes.load_balancer_outbound_ips.is_some(),
        })
    };
    services(cluster, given("serviceCidr"), given("dnsServiceIP"), findings);
    plugin(cluster, findings);
    overlaps(cluster, findings);
    reserved_ranges(cluster, findings);
    custom_vnet(cluster, model, findings);
    control_plane_addresses::judge(cluster, findings);
    let balancer = &cluster.network.load_balancer;
    if given("loadBalancerOutboundIPs") && balancer.sku == LoadBalancerSku::Basic {
        let fault = Diagnostic::error(
            "outbound-addresses",
            kubernetes("loadBalancerOutboundIPs"),
            "a Basic load balancer has no outbound addresses",
        );
        findings.judge(&[&kubernetes("loadBalancerSku")], fault.help("leave it out"));
    }
    exposure(cluster, findings);
}

pub(super) fn kubernetes(name: &str) -> String {
    format!("{KUBERNETES}/{name}")
}

fn services(cluster: &Cluster, range_given: bool, address_given: bool, findings: &mut Findings) {
    let range_pointer = kubernetes("serviceCidr");
    let address_pointer = kubernetes("dnsServiceIP");
    let range = cluster.network.service_cidr;
    let address = cluster.network.dns_service_ip;
    let tenth = address_at(range, 10).map(|tenth| tenth.to_string());
    let propose = || {
        tenth.clone().map_or_else(|| "choose a larger serviceCidr".to_owned(), |tenth| format!("for example {tenth}"))
    };
    if address_given && !range_given {
        let fault =
            Diagnostic::error("service-range-pair", &range_pointer, "dnsServiceIP is given, but not serviceCidr");
        findings.judge(&[&address_pointer], fault.help("give both, or neither"));
    }
    if range_given && !address_given {
        let fault =
            Diagnostic::error("service-range-pair", &address_pointer, "serviceCidr is given, but not dnsServiceIP");
        findings.judge(&[&range_pointer], fault.help(propose()));
    }
    let judged = [range_pointer.as_str()];
    if !range.contains(&address) {
        let fault = Diagnostic::error(
            "dns-service-ip-outside",
            &address_pointer,
            format!("{address} does not lie in serviceCidr {range}"),
        );
        findings.judge(&judged, fault.help(propose()));
    } else if Some(address) == address_at(range, 1) || address == range.network() || address == range.broadcast() {
        let fault = Diagnostic::error(
            "dns-service-ip-reserved",
            &address_pointer,
            format!("{address} is kept by {range}: its first address is the API server's, its ends are nobody's"),
        );
        findings.judge(&judged, fault.help(propose()));
    }
}

fn plugin(cluster: &Cluster, findings: &mut Findings) {
    let network = &cluster.network;
    let plugin_pointer = kubernetes("networkPlugin");
    let fits = match network.policy {
        NetworkPolicy::None => true,
        NetworkPolicy::Calico => matches!(network.plugin, NetworkPlugin::Azure | NetworkPlugin::Kubenet),
        NetworkPolicy::Cilium => network.plugin == NetworkPlugin::Cilium,
    };
    if !fits {
        let message = format!("policy {} does not work with plugin {}", network.policy.word(), network.plugin.word());
        let fault = Diagnostic::error("network-policy-plugin", kubernetes("networkPolicy"), message);
        findings.judge(&[&plugin_pointer], fault.help("calico goes with azure or kubenet, cilium with cilium"));
    }
    // No node becomes Ready without, so that a deployment would wait until its time is over.
    let brings = |addon: &Addon| addon.manifest.is_some() && addon.enabled != Some(false) && addon.name != AUDIT_POLICY;
    if network.plugin == NetworkPlugin::None && !cluster.addons.iter().any(brings) {
        let message = "nobody would make the interfaces of pods, and no node would become Ready";
        let fault = Diagnostic::error("network-plugin-missing", &plugin_pointer, message);
        let help =
            "give your plugin's manifest as data (base64) of an add-on, or write \"azure\", \"kubenet\" or \"cilium\"";
        findings.judge(&[&kubernetes("addons")], fault.help(help));
    }
    if cluster.cloud == Cloud::Stack && !matches!(network.plugin, NetworkPlugin::Azure | NetworkPlugin::Kubenet) {
        let fault = Diagnostic::error(
            "stack-network-plugin",
            &plugin_pointer,
            format!("plugin {} does not work on Azure Stack Hub", network.plugin.word()),
        );
        findings.judge(&[], fault.help("write \"kubenet\" or \"azure\""));
    }
    let subnet = network.cluster_subnet;
    // In a vnet of one's own the subnets are what they are.
    let own = cluster.control_plane.subnet_id.is_none();
    if own && network.plugin == NetworkPlugin::Azure && subnet.max_prefix_len() - subnet.prefix_len() < LEAST_HOST_BITS
    {
        let fault = Diagnostic::error(
            "cluster-subnet-size",
            kubernetes("clusterSubnet"),
            format!("{subnet} is too small for Azure CNI: each pod takes an address"),
        );
        findings.judge(&[], fault.help("write a /23 or larger, such as 10.240.0.0/12"));
    }
}

fn overlaps(cluster: &Cluster, findings: &mut Findings) {
    let network = &cluster.network;
    let services = (kubernetes("serviceCidr"), "serviceCidr", network.service_cidr);
    let pods = (kubernetes("clusterSubnet"), "clusterSubnet", network.cluster_subnet);
    let vnet_pointer = format!("{MASTER}/vnetCidr");
    let pods_in_vnet = network.plugin == NetworkPlugin::Azure;
    if cluster.control_plane.subnet_id.is_some() {
        // The subnets are somebody else's; only the vnet's own range is known.
        if vnet_is_known(cluster) {
            if networks_overlap(network.vnet_cidr, services.2) {
                let message = format!("serviceCidr {} overlaps the vnet's {}", services.2, network.vnet_cidr);
                let warning = Diagnostic::warning("service-range-in-vnet", &services.0, message);
                findings.judge(
                    &[&vnet_pointer],
                    warning.help("services hide machines of the same addresses; choose a range outside the vnet"),
                );
            }
            if !pods_in_vnet {
                disjoint(&pods, &(vnet_pointer, "the vnet", network.vnet_cidr), findings);
            }
        }
    } else {
        let nodes =
            if pods_in_vnet { pods.clone() } else { (vnet_pointer.clone(), "the nodes' subnet", network.node_subnet) };
        if !network_contains(network.vnet_cidr, network.node_subnet) {
            let fault = Diagnostic::error(
                "subnet-outside-vnet",
                &nodes.0,
                format!("{} {} does not lie in the vnet's {}", nodes.1, network.node_subnet, network.vnet_cidr),
            );
            findings.judge(
                &[&vnet_pointer],
                fault.help(format!("choose a range inside {}, or give masterProfile.vnetCidr", network.vnet_cidr)),
            );
        }
        disjoint(&services, &nodes, findings);
        if !pods_in_vnet {
            disjoint(&pods, &nodes, findings);
        }
        if let Some(agents) = network.agent_subnet {
            let agents = (format!("{MASTER}/agentSubnet"), "agentSubnet", agents);
            if !network_contains(network.vnet_cidr, agents.2) {
                let fault = Diagnostic::error(
                    "subnet-outside-vnet",
                    &agents.0,
                    format!("agentSubnet {} does not lie in the vnet's {}", agents.2, network.vnet_cidr),
                );
                findings.judge(&[&vnet_pointer], fault.help("choose a range inside it"));
            }
            disjoint(&agents, &services, findings);
            disjoint(&agents, &(nodes.0.clone(), nodes.1, network.node_subnet), findings);
            if !pods_in_vnet {
                disjoint(&agents, &pods, findings);
            }
        }
    }
    if !pods_in_vnet {
        disjoint(&services, &pods, findings);
    }
}

/// Whether the range of a vnet that exists already is known: 10.0.0.0/8 is what stands in for one that the model does
/// not give.
pub(super) fn vnet_is_known(cluster: &Cluster) -> bool {
    cluster.network.vnet_cidr.to_string() != "10.0.0.0/8"
}

/// Two ranges, each with its pointer and name, have no address in common.
fn disjoint(left: &(String, &str, IpNet), right: &(String, &str, IpNet), findings: &mut Findings) {
    if networks_overlap(left.2, right.2) {
        let message = format!("{} {} overlaps {} {}", left.1, left.2, right.1, right.2);
        let fault = Diagnostic::error("ranges-overlap", &left.0, message);
        findings.judge(
            &[&right.0],
            fault.help("choose ranges that have no address in common, such as 10.0.0.0/16 and 10.244.0.0/16"),
        );
    }
}

fn custom_vnet(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    let plane = &cluster.control_plane;
    let own_pointer = format!("{MASTER}/vnetSubnetID");
    let mut subnets = vec![(own_pointer.clone(), plane.subnet_id.as_deref())];
    subnets
        .extend(cluster.pools.iter().map(|pool| (self::pool(pool.index, "vnetSubnetID"), pool.subnet_id.as_deref())));
    if subnets.iter().all(|(_, id)| id.is_none()) {
        return;
    }
    if plane.agent_subnet_id.is_some() {
        subnets.push((format!("{MASTER}/agentVnetSubnetID"), plane.agent_subnet_id.as_deref()));
    }
    let scale_set = plane.availability == Availability::ScaleSet;
    let mut vnets: Vec<(&str, String)> = Vec::new();
    for (pointer, id) in &subnets {
        match id {
            None if scale_set && *pointer != own_pointer => {}
            None => {
                let fault = Diagnostic::error(
                    "custom-vnet-partial",
                    pointer,
                    "other machines name a subnet of a vnet that exists already, but not these",
                );
                findings.judge(&[], fault.help("give every pool and the control plane a vnetSubnetID, or none"));
            }
            Some(id) => match vnet_of(id) {
                Some(vnet) => vnets.push((pointer, vnet)),
                None => {
                    let fault =
                        Diagnostic::error("subnet-id-form", pointer, format!("\"{id}\" is not a subnet's resource id"));
                    findings.judge(&[], fault.help("write /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/virtualNetworks/…/subnets/…"));
                }
            },
        }
    }
    if let Some(((first, vnet), rest)) = vnets.split_first() {
        for (pointer, _) in rest.iter().filter(|(_, other)| !other.eq_ignore_ascii_case(vnet)) {
            let fault =
                Diagnostic::error("custom-vnet-mixed", *pointer, "this subnet is of another vnet than the first");
            findings.judge(&[first], fault.help(format!("choose a subnet of {vnet}")));
        }
    }
    let address_pointer = format!("{MASTER}/firstConsecutiveStaticIP");
    let master = model.properties.as_ref().and_then(|properties| properties.master_profile.as_ref());
    let address_given = master.is_some_and(|master| master.first_consecutive_static_ip.is_some());
    if plane.subnet_id.is_some() && scale_set == address_given {
        let (message, help) = if scale_set {
            ("in a vnet that exists already, Azure gives a scale set its addresses", "leave it out")
        } else {
            (
                "in a vnet that exists already, the first node's address has to be chosen",
                "add an address of the subnet that is free, with as many behind it as there are nodes",
            )
        };
        findings
            .judge(&[&own_pointer], Diagnostic::error("custom-vnet-static-ip", &address_pointer, message).help(help));
    }
    if plane.subnet_id.is_some() && scale_set && plane.agent_subnet_id.is_none() {
        let fault = Diagnostic::error(
            "custom-vnet-agent-subnet",
            format!("{MASTER}/agentVnetSubnetID"),
            "control-plane nodes in a scale set need to know the workers' subnet",
        );
        findings.judge(&[&own_pointer], fault.help("add its resource id"));
    }
}

/// The vnet that a subnet's resource id names.
fn vnet_of(subnet: &str) -> Option<String> {
    let parts: Vec<&str> = subnet.strip_prefix('/')?.split('/').collect();
    let fits = parts.len() == 10
        && parts.iter().all(|part| !part.is_empty())
        && [
            (0, "subscriptions"),
            (2, "resourceGroups"),
            (4, "providers"),
            (5, "Microsoft.Network"),
            (6, "virtualNetworks"),
            (8, "subnets"),
        ]
        .iter()
        .all(|(index, word)| parts[*index].eq_ignore_ascii_case(word));
    fits.then(|| format!("/{}", parts[..8].join("/")))
}

/// Ranges that no network may hold: this host, link-local (the metadata service), Azure's own servers, multicast.
fn reserved_ranges(cluster: &Cluster, findings: &mut Findings) {
    const KEPT_RANGES: [(&str, &str); 5] = [
        ("127.0.0.0/8", "each machine's own"),
        ("169.254.0.0/16", "link-local, where the metadata service is"),
        ("168.63.129.16/32", "Azure's own DNS and health probes"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
    ];
    let network = &cluster.network;
    for (pointer, name, range, proposal) in [
        (format!("{MASTER}/vnetCidr"), "vnetCidr", network.vnet_cidr, "10.0.0.0/8"),
        (kubernetes("clusterSubnet"), "clusterSubnet", network.cluster_subnet, "10.244.0.0/16"),
        (kubernetes("serviceCidr"), "serviceCidr", network.service_cidr, "10.0.0.0/16"),
    ] {
        let kept =
            KEPT_RANGES.iter().find(|(kept, _)| kept.parse::<IpNet>().is_ok_and(|kept| networks_overlap(kept, range)));
        if let Some((kept, whose)) = kept {
            let message = format!("{name} {range} holds addresses of {kept}, which are {whose}");
            let fault = Diagnostic::error("range-reserved", &pointer, message);
            findings.judge(&[], fault.help(format!("choose a private range, such as {proposal}")));
        }
    }
}

fn exposure(cluster: &Cluster, findings: &mut Findings) {
    for (ranges, name, code, what) in [
        (&cluster.network.ssh_source_ranges, "sshSourceRanges", "ssh-open", "SSH"),
        (&cluster.network.api_server_source_ranges, "apiServerSourceRanges", "api-server-open", "the API server"),
    ] {
        let pointer = format!("{ACCESS}/{name}");
        for (index, range) in ranges.iter().enumerate().filter(|(_, range)| range.prefix_len() == 0) {
            // Without ranges in the model, the default has told it already.
            let pointer = if findings.told(&pointer) { continue } else { format!("{pointer}/{index}") };
            let warning = Diagnostic::warning(code, pointer, format!("{what} can be reached from everywhere: {range}"));
            findings.judge(&[], warning.help("name the ranges you work from"));
        }
    }
}
