//! The virtual network with its subnets, and the route table of pods' ranges. A network that the model gives is used
//! and never written: interfaces then carry the security group themselves.

use ipnet::IpNet;

use super::ExpandError;
use super::context::{Context, symbol};
use super::security::named;
use crate::graph::{Resource, Value};
use crate::model::OutboundType;

pub(super) fn build(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let mut resources = Vec::new();
    let network = &context.cluster.network;
    if network.needs_route_table() {
        // Its routes are the cloud controller's, one per node.
        let table =
            context.resource(symbol::ROUTE_TABLE, "Microsoft.Network/routeTables", context.names.route_table())?;
        resources.push(table.properties(Value::object([])));
    }
    if context.has_given_network() {
        return Ok(resources);
    }
    let names = context.names;
    let mut subnets = vec![named(
        names.control_plane_subnet(),
        subnet(context, network.node_subnet, network.ipv6.map(|ipv6| ipv6.node_subnet)),
    )];
    if let Some(range) = network.agent_subnet {
        subnets.push(named(names.worker_subnet(), subnet(context, range, network.ipv6.map(|ipv6| ipv6.agent_subnet))));
    }
    if let Some(gateway) = context.cluster.application_gateway() {
        // Neither the nodes' rules nor their routes are for gateways: Azure talks to them from outside.
        let range = Value::object([("addressPrefix", gateway.subnet.to_string().into())]);
        subnets.push(named(super::application_gateway::SUBNET, range));
    }
    let prefixes = ranges([network.vnet_cidr].into_iter().chain(network.ipv6.map(|ipv6| ipv6.vnet)));
    let virtual_network = context
        .resource(symbol::VIRTUAL_NETWORK, "Microsoft.Network/virtualNetworks", context.names.virtual_network())?
        .properties(Value::object([
            ("addressSpace", Value::object([("addressPrefixes", prefixes)])),
            ("subnets", Value::array(subnets)),
        ]));
    resources.push(virtual_network);
    Ok(resources)
}

fn ranges(ranges: impl IntoIterator<Item = IpNet>) -> Value {
    Value::array(ranges.into_iter().map(|range| range.to_string().into()))
}

/// A subnet of nodes.
fn subnet(context: &Context<'_>, range: IpNet, second: Option<IpNet>) -> Value {
    let mut subnet = match second {
        None => Value::object([("addressPrefix", range.to_string().into())]),
        Some(second) => Value::object([("addressPrefixes", ranges([range, second]))]),
    };
    subnet.insert("networkSecurityGroup", Value::sub_resource(Value::id_of(symbol::SECURITY_GROUP)));
    if context.cluster.network.needs_route_table() {
        subnet.insert("routeTable", Value::sub_resource(Value::id_of(symbol::ROUTE_TABLE)));
    }
    if context.cluster.network.outbound == OutboundType::NatGateway {
        subnet.insert("natGateway", Value::sub_resource(Value::id_of(symbol::NAT_GATEWAY)));
    }
    if context.is_azure() {
        // The way out is the load balancers' or the NAT gateway's; Azure's own, for those without one, has been retired.
        subnet.insert("defaultOutboundAccess", false.into());
    }
    subnet
}
