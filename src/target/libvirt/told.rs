//! What records tell: subnets, interfaces, machines, as values.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use serde_json::Value as Json;

use super::body::{self, invalid, items, text};
use super::ledger::Record;
use super::outside::Outside;
use super::security::Surroundings;
use super::xml::SubnetPlan;
use crate::contract::Fault;

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its name.
    pub name: String,
    /// Its addresses, and those of the host and the gateway in it: the second and third, which Azure keeps for itself too.
    /// Where the gateway is the router, it has the second.
    pub plan: SubnetPlan,
    /// The id of its security group.
    pub security_group: Option<String>,
}

/// The subnets of a network.
///
/// # Errors
/// A subnet without IPv4 addresses, or with too few.
pub fn subnets(network: &Record) -> Result<Vec<Subnet>, Fault> {
    let bridged = Outside::of(network).machines_bridge().is_some();
    items(&network.body, "/properties/subnets").map(|body| subnet(body, bridged)).collect()
}

fn subnet(body: &Json, bridged: bool) -> Result<Subnet, Fault> {
    let name = text(body, "/name").unwrap_or_default().to_owned();
    let prefixes = body::networks(&body["properties"], "addressPrefix", "addressPrefixes");
    let [IpNet::V4(network)] = prefixes.as_slice() else {
        return Err(invalid(format!("subnet {name} needs one IPv4 range"), "on-prem there are networks of IPv4 alone"));
    };
    if network.prefix_len() > 29 {
        return Err(invalid(format!("subnet {name} has too few addresses"), "give it a prefix of at most 29"));
    }
    let network = network.trunc();
    let gateway = body::ipv4_at(network, if bridged { 1 } else { 2 });
    let plan = SubnetPlan { network, host: body::ipv4_at(network, 1), gateway };
    let security_group = body::id(body, "/properties/networkSecurityGroup").map(str::to_owned);
    Ok(Subnet { name, plan, security_group })
}

/// The entry in a network's record that says whether it has two gateways. Once it has, it keeps both, whichever hosts are named: one
/// that was left alone would take the addresses when its host comes back.
pub const PAIRED: &str = "paired";

/// The own addresses of a network's two gateways, if it has two: the third and the fourth of its first subnet, which Azure keeps for
/// itself as well.
pub fn pair(network: &Record, subnets: &[Subnet]) -> Option<[Ipv4Net; 2]> {
    let subnet = subnets.first().filter(|_| is_paired(network))?.plan.network;
    let at = |index| Ipv4Net::new(body::ipv4_at(subnet, index), subnet.prefix_len()).ok();
    Some([at(2)?, at(3)?])
}

/// Whether a network has two gateways.
pub fn is_paired(network: &Record) -> bool {
    network.local[PAIRED].as_bool() == Some(true)
}

/// The address space of a network.
pub fn space(network: &Record) -> Vec<Ipv4Net> {
    let prefixes = body::networks(&network.body["properties"]["addressSpace"], "addressPrefix", "addressPrefixes");
    let four = |prefix| match prefix {
        IpNet::V4(network) => Some(network),
        IpNet::V6(_) => None,
    };
    prefixes.into_iter().filter_map(four).collect()
}

/// What packet filters in a network need to know of it.
///
/// # Errors
/// A subnet that cannot be made.
pub fn surroundings(network: &Record) -> Result<Surroundings, Fault> {
    let subnets = subnets(network)?;
    Ok(Surroundings {
        space: space(network),
        hosts: subnets.iter().map(|subnet| subnet.plan.host).collect(),
        gateways: subnets
            .iter()
            .map(|subnet| subnet.plan.gateway)
            .chain(pair(network, &subnets).into_iter().flatten().map(|own| own.addr()))
            .collect(),
        led: Vec::new(),
    })
}

/// The primary configuration of an interface.
pub fn primary_configuration(interface: &Record) -> Option<&Json> {
    let all = || items(&interface.body, "/properties/ipConfigurations");
    all().find(|it| it["properties"]["primary"].as_bool() == Some(true)).or_else(|| all().next())
}

/// The id of the network in which an interface is.
pub fn network_of_interface(interface: &Record) -> Option<&str> {
    let subnet = body::id(primary_configuration(interface)?, "/properties/subnet")?;
    body::parent(subnet, "/subnets/")
}

/// The primary address of an interface.
pub fn address_of_interface(interface: &Record) -> Option<IpAddr> {
    body::address(primary_configuration(interface)?, "/properties/privateIPAddress")
}

/// All addresses of an interface.
pub fn addresses_of_interface(interface: &Record) -> impl Iterator<Item = IpAddr> {
    let all = items(&interface.body, "/properties/ipConfigurations");
    all.filter_map(|configuration| body::address(configuration, "/properties/privateIPAddress"))
}

/// The ids of a machine's interfaces, the primary one first.
pub fn interfaces_of_machine(machine: &Json) -> Vec<&str> {
    let mut all: Vec<&Json> = items(machine, "/properties/networkProfile/networkInterfaces").collect();
    all.sort_by_key(|it| it["properties"]["primary"].as_bool() != Some(true));
    all.into_iter().filter_map(|it| it["id"].as_str()).collect()
}
