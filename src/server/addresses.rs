//! Addresses: networks that fit into each other, and what is given from a subnet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value as Json, json};

use super::exchange::Refusal;
use super::index::is_within;
use super::places::{items, text};
use super::references::subnet_in_use;
use super::resource_id::ResourceId;
use super::world::{Entry, World};
use crate::base::{address_at, network_contains, network_size, parse_network};

fn prefixes(value: &Json) -> impl Iterator<Item = &str> {
    let one = value.get("addressPrefix").and_then(Json::as_str);
    one.into_iter()
        .chain(value.get("addressPrefixes").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str))
}

fn refuse(code: &str, message: String) -> Refusal {
    Refusal::new(400, code, message).details(Vec::new())
}

fn parse(prefix: &str, of: &str) -> Result<IpNet, Refusal> {
    parse_network(prefix).ok_or_else(|| {
        refuse(
            "InvalidAddressPrefixFormat",
            format!("Address prefix {} of resource {of} is not formatted correctly.", prefix.escape_debug()),
        )
    })
}

/// Checks that the subnets of a network lie in it and beside each other, and that none in use goes.
pub(super) fn check_network(world: &World, id: &str, body: &Json, old: Option<&Entry>) -> Result<(), Refusal> {
    let space =
        prefixes(&body["properties"]["addressSpace"]).map(|prefix| parse(prefix, id)).collect::<Result<Vec<_>, _>>()?;
    if space.is_empty() {
        return Err(refuse("InvalidRequestFormat", format!("{id} has no address space.")));
    }
    let mut taken: Vec<(IpNet, String)> = Vec::new();
    for subnet in items(body, "/properties/subnets") {
        let name = text(subnet, "/name").unwrap_or_default();
        for prefix in prefixes(&subnet["properties"]) {
            let network = parse(prefix, &format!("{id}/subnets/{name}"))?;
            if !space.iter().any(|whole| network_contains(*whole, network)) {
                return Err(refuse(
                    "NetcfgSubnetRangeOutsideVnet",
                    format!(
                        "Subnet '{name}' is not valid because its IP address range is outside the IP address range of virtual network."
                    ),
                ));
            }
            let overlaps = |other: &IpNet| network_contains(*other, network) || network_contains(network, *other);
            if let Some((_, other)) = taken.iter().find(|(taken, _)| overlaps(taken)) {
                return Err(refuse(
                    "NetcfgSubnetRangesOverlap",
                    format!(
                        "Subnet '{name}' is not valid because its IP address range overlaps with that of an existing subnet '{other}' in virtual network."
                    ),
                ));
            }
            taken.push((network, name.to_owned()));
        }
    }
    for subnet in old.iter().flat_map(|old| items(&old.body, "/properties/subnets")) {
        let name = text(subnet, "/name").unwrap_or_default();
        let Some(user) = world.index.referrers(&format!("{id}/subnets/{name}")).next() else { continue };
        let now = items(body, "/properties/subnets")
            .find(|other| text(other, "/name").is_some_and(|other| other.eq_ignore_ascii_case(name)));
        let Some(now) = now else { return Err(subnet_in_use(name, user)) };
        if !prefixes(&subnet["properties"]).eq(prefixes(&now["properties"])) {
            return Err(refuse(
                "InUsePrefixCannotBeDeleted",
                format!("IpPrefix of subnet {name} cannot be changed because it is in use by {user}."),
            ));
        }
    }
    Ok(())
}

/// Gives an address to every configuration of a network card or balancer that stands in a subnet, the one it had before if
/// it can. `array` is where the configurations lie.
pub(super) fn assign(
    world: &World,
    id: &str,
    body: &mut Json,
    array: &str,
    old: Option<&Entry>,
) -> Result<(), Refusal> {
    let pointer = format!("/properties/{array}");
    let Some(configurations) = body.pointer_mut(&pointer).and_then(Json::as_array_mut) else { return Ok(()) };
    let mut given: Vec<(String, IpAddr)> = Vec::new();
    // Who has thirty configurations in a subnet of thousands of addresses searches it once.
    let mut searches: BTreeMap<(String, IpNet), Box<dyn Iterator<Item = IpAddr> + '_>> = BTreeMap::new();
    let is_balancer = array == "frontendIPConfigurations";
    let only_one = configurations.len() == 1;
    for configuration in configurations {
        let name = text(configuration, "/name").unwrap_or_default().to_owned();
        let properties = &mut configuration["properties"];
        let Some(subnet) = text(properties, "/subnet/id").map(str::to_owned) else { continue };
        let before = old
            .into_iter()
            .flat_map(|old| items(&old.body, &pointer))
            .find(|other| text(other, "/name") == Some(name.as_str()))
            .filter(|other| {
                text(other, "/properties/subnet/id").is_some_and(|other| other.eq_ignore_ascii_case(&subnet))
            })
            .and_then(|other| text(other, "/properties/privateIPAddress")?.parse::<IpAddr>().ok());
        let wants_six =
            text(properties, "/privateIPAddressVersion").is_some_and(|version| version.eq_ignore_ascii_case("IPv6"));
        let Some(network) = network_of(world, &subnet, wants_six) else {
            return Err(refuse(
                "SubnetDoesNotHaveMatchingAddressPrefix",
                format!("Subnet {subnet} has no address prefix for configuration {name} of resource {id}."),
            ));
        };
        let is_free = |address: &IpAddr| {
            (before == Some(*address) || !world.index.is_taken(&subnet, *address))
                && !given.contains(&(subnet.to_ascii_lowercase(), *address))
        };
        let is_static = text(properties, "/privateIPAllocationMethod") == Some("Static");
        let address = if is_static {
            let Some(wanted) = text(properties, "/privateIPAddress").and_then(|text| text.parse::<IpAddr>().ok())
            else {
                return Err(refuse(
                    "InvalidRequestFormat",
                    format!("Configuration {name} of resource {id} is static and has no valid private IP address."),
                ));
            };
            check_static(network, wanted, &subnet)?;
            if !is_free(&wanted) {
                return Err(refuse(
                    "PrivateIPAddressInUse",
                    format!(
                        "IP configuration {id}/{array}/{name} is using the private IP address {wanted} which is already allocated to another resource."
                    ),
                ));
            }
            wanted
        } else {
            let search = searches.entry((subnet.to_ascii_lowercase(), network)).or_insert_with(|| {
                // Azure keeps the network's own address, three for itself, and the last one.
                let last = network_size(network).saturating_sub(1);
                Box::new(world.index.free_of(&subnet, (4..last).filter_map(move |offset| address_at(network, offset))))
            });
            before
                .filter(|address| network.contains(address))
                .or_else(|| search.find(|address| !given.contains(&(subnet.to_ascii_lowercase(), *address))))
                .ok_or_else(|| {
                    refuse(
                        "SubnetIsFull",
                        format!(
                            "Subnet {} with address prefix {network} does not have enough capacity for 1 IP addresses.",
                            subnet.rsplit('/').next().unwrap_or_default()
                        ),
                    )
                })?
        };
        given.push((subnet.to_ascii_lowercase(), address));
        properties["privateIPAddress"] = address.to_string().into();
        if is_balancer {
            if properties.get("privateIPAddressVersion").is_none() {
                properties["privateIPAddressVersion"] = "IPv4".into();
            }
        } else if only_one && properties.get("primary").is_none() {
            properties["primary"] = json!(true);
        }
    }
    Ok(())
}

fn check_static(network: IpNet, wanted: IpAddr, subnet: &str) -> Result<(), Refusal> {
    if !network.contains(&wanted) {
        return Err(refuse(
            "PrivateIPAddressNotInSubnet",
            format!(
                "Private static IP address {wanted} does not belong to the range of subnet prefix {network} of {subnet}."
            ),
        ));
    }
    let is_reserved = (0..4).any(|offset| address_at(network, offset) == Some(wanted))
        || address_at(network, network_size(network) - 1) == Some(wanted);
    if is_reserved {
        return Err(refuse(
            "PrivateIPAddressInReservedRange",
            format!("Private static IP address {wanted} falls within reserved IP range of subnet prefix {network}."),
        ));
    }
    Ok(())
}

fn network_of(world: &World, subnet: &str, wants_six: bool) -> Option<IpNet> {
    let id = ResourceId::of_text(subnet)?;
    let parent = id.parent()?;
    let entry = world.entry(&parent.text())?;
    debug_assert!(is_within(subnet, &entry.id));
    let subnet = items(&entry.body, "/properties/subnets")
        .find(|other| text(other, "/name").is_some_and(|other| other.eq_ignore_ascii_case(id.name())))?;
    prefixes(&subnet["properties"])
        .filter_map(parse_network)
        .find(|network| matches!(network, IpNet::V6(_)) == wants_six)
}

/// A public address that no other has: out of 20.64.0.0/10, by a number.
pub(super) fn public_address(number: u32) -> String {
    let base = u32::from_be_bytes([20, 64, 0, 0]);
    IpAddr::from((base + number % (1 << 22)).to_be_bytes()).to_string()
}
