//! The nodes' way out: that there is one before the first machine boots.
//!
//! Source: learn.microsoft.com, "Customize cluster egress with outbound types in Azure Kubernetes Service (AKS)" and "Azure NAT
//! Gateway resource", in stored copies read 2026-11-28.

use crate::base::Diagnostic;
use crate::catalog::Cloud;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::network::OutboundType;
use super::super::pointers::{KUBERNETES, MASTER};

pub(super) fn judge(cluster: &Cluster, findings: &mut Findings) {
    let network = &cluster.network;
    let outbound = network.outbound;
    if outbound == OutboundType::LoadBalancer {
        return;
    }
    let pointer = format!("{KUBERNETES}/outboundType");
    let given_network = cluster.control_plane.subnet_id.is_some();
    let (plugin, subnet) = (format!("{KUBERNETES}/networkPlugin"), format!("{MASTER}/vnetSubnetID"));
    let mut refuse = |echoes: &[&str], message: &str, help: &str| {
        findings.judge(echoes, Diagnostic::error("outbound-type", &pointer, message).help(help));
    };
    if cluster.cloud == Cloud::Stack {
        refuse(&[], "on Azure Stack Hub the load balancers are the way out", "write \"loadBalancer\", or leave it out");
    } else if outbound == OutboundType::NatGateway && given_network {
        refuse(
            &[&subnet],
            "the engine attaches no NAT gateway to subnets of yours",
            "attach one of your own to them (az network vnet subnet update --nat-gateway), and write \"userDefinedRouting\"",
        );
    } else if outbound == OutboundType::UserDefinedRouting && !given_network {
        refuse(
            &[&subnet],
            "nodes would have no way out: nobody can route in subnets that the engine is about to make",
            "name subnets of your own, with their routes, by vnetSubnetID, or write \"natGateway\"",
        );
    } else if outbound == OutboundType::UserDefinedRouting && network.needs_route_table() {
        refuse(
            &[&plugin],
            "a subnet has one route table, and with kubenet it is the cluster's, which leads nowhere outside",
            "write \"networkPlugin\": \"azure\" or \"cilium\"",
        );
    } else if outbound == OutboundType::UserDefinedRouting {
        routes(cluster, &pointer, findings);
    }
}

/// What somebody else has to see to is said, because without it no machine becomes a node.
fn routes(cluster: &Cluster, pointer: &str, findings: &mut Findings) {
    let facts = cluster.cloud.facts();
    let mut help = format!(
        "before you deploy, let 0.0.0.0/0 of each subnet lead to a firewall, a NAT gateway or a way on premises that lets TCP \
         443 through to {}, to the cloud's sign-in, and to where packages and images come from",
        facts.resource_manager.trim_start_matches("https://").trim_end_matches('/'),
    );
    if cluster.network.private_cluster.is_none() {
        help.push_str(
            "; a firewall drops what the public API server answers, unless it brought the question: make the cluster \
             private, or give the route an exception for who asks",
        );
    }
    let message = "the engine makes no way out for the nodes: the subnets' own routes have to lead there";
    findings.judge(&[], Diagnostic::warning("outbound-routing", pointer, message).help(help));
    if cluster.network.load_balancer.outbound_ip_count > 1 {
        let pointer = format!("{KUBERNETES}/loadBalancerOutboundIPs");
        let message = "loadBalancerOutboundIPs has no effect: the nodes go out by routes of yours";
        let warning = Diagnostic::warning("no-effect", pointer, message);
        findings.judge(&[], warning.help("leave it out to be rid of this warning"));
    }
}
