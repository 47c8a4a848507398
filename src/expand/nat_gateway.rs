//! The NAT gateway as the nodes' way out, with its public addresses. It goes before any other way out of a subnet.
//!
//! Source: learn.microsoft.com, "Azure NAT Gateway resource", "NAT gateway and availability zones" and "Source Network Address
//! Translation (SNAT) with Azure NAT Gateway", in stored copies read 2026-11-28: of the kind Standard it stands in one zone,
//! with addresses of that zone, or in none (then Azure chooses); it has up to 16 addresses of IPv4, none of the kind Basic, and
//! 64,512 ports of each; a TCP connection may be idle for 4 to 120 minutes.

use super::ExpandError;
use super::context::{Context, symbol};
use crate::graph::{Resource, Value};
use crate::model::OutboundType;

pub(super) fn build(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let network = &context.cluster.network;
    if network.outbound != OutboundType::NatGateway {
        return Ok(Vec::new());
    }
    let zones = zone(context).map(|zone| Value::array([zone.into()]));
    let sku = || Value::object([("name", "Standard".into())]);
    let (mut resources, mut addresses) = (Vec::new(), Vec::new());
    for number in 1..=network.load_balancer.outbound_ip_count.max(1) {
        let name = context.names.nat_address(number);
        addresses.push(Value::sub_resource(Value::id_of(&name)));
        let mut address = context
            .resource(&name, "Microsoft.Network/publicIPAddresses", name.as_str())?
            .field("sku", sku())
            .properties(Value::object([("publicIPAllocationMethod", "Static".into())]));
        if let Some(zones) = &zones {
            address = address.field("zones", zones.clone());
        }
        resources.push(address);
    }
    let mut gateway = context
        .resource(symbol::NAT_GATEWAY, "Microsoft.Network/natGateways", context.names.nat_gateway())?
        .field("sku", sku())
        .properties(Value::object([
            ("idleTimeoutInMinutes", network.load_balancer.outbound_idle_timeout_minutes.into()),
            ("publicIpAddresses", Value::array(addresses)),
        ]));
    if let Some(zones) = zones {
        gateway = gateway.field("zones", zones);
    }
    resources.push(gateway);
    Ok(resources)
}

/// The zone of all machines, if there is one: then the gateway shares its fate, and no other's.
fn zone<'a>(context: &Context<'a>) -> Option<&'a str> {
    let cluster = context.cluster;
    let [zone] = cluster.control_plane.zones.as_slice() else { return None };
    cluster.pools.iter().all(|pool| pool.zones == cluster.control_plane.zones).then_some(zone)
}
