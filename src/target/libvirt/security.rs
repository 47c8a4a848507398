//! Network security groups as packet filters.
//!
//! Source: learn.microsoft.com, "Network security groups" (evaluation, default rules) and "Virtual network service tags",
//! from memory. Tags of Azure's services stand for no address: the services are not here.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use serde_json::Value as Json;

use super::body::{invalid, items, number, text, texts};
use super::xml::{Direction, FilterRule, METADATA_ADDRESS, PortRange, RuleProtocol, WIRE_SERVER_ADDRESS};
use crate::base::parse_network;
use crate::contract::Fault;

/// What tags stand for in a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The network's address space.
    pub space: Vec<Ipv4Net>,
    /// The host's addresses in it, where names are resolved.
    pub hosts: Vec<Ipv4Addr>,
    /// The gateway's addresses in it, from which balancers probe.
    pub gateways: Vec<Ipv4Addr>,
    /// What the gateway leads in: connections from these front ends to these ports. It has looked who comes ([`sources`]), for the
    /// machine no longer sees that.
    pub led: Vec<(Ipv4Addr, u16)>,
}

/// The filter's rules of a security group in a network, the first that fits decides.
///
/// # Errors
/// A rule that cannot be a filter's.
pub fn rules(group: &Json, surroundings: &Surroundings) -> Result<Vec<FilterRule>, Fault> {
    let mut own: Vec<&Json> = items(group, "/properties/securityRules").collect();
    own.sort_by_key(|rule| number(rule, "/properties/priority"));
    let mut rules = platform(surroundings);
    for rule in own {
        expand(rule, surroundings, &mut rules)?;
    }
    rules.extend(defaults(surroundings));
    if rules.len() > super::xml::MOST_RULES {
        let message = format!("the security group becomes {} filter rules, and libvirt takes 1800", rules.len());
        return Err(invalid(message, "join its rules, prefixes and ports"));
    }
    Ok(rules)
}

/// What no rule can forbid: DHCP, names, the fabric's own addresses.
fn platform(surroundings: &Surroundings) -> Vec<FilterRule> {
    let single = |address: Ipv4Addr| Some(IpNet::from(IpAddr::V4(address)));
    let mut rules = vec![
        FilterRule {
            protocol: RuleProtocol::Udp,
            source_ports: Some((68, 68)),
            destination_ports: Some((67, 67)),
            ..FilterRule::all(true, Direction::Out)
        },
        FilterRule {
            protocol: RuleProtocol::Udp,
            source_ports: Some((67, 67)),
            destination_ports: Some((68, 68)),
            ..FilterRule::all(true, Direction::In)
        },
    ];
    for address in [WIRE_SERVER_ADDRESS, METADATA_ADDRESS] {
        rules.push(FilterRule { destination: single(address), ..FilterRule::all(true, Direction::Out) });
    }
    for host in &surroundings.hosts {
        for protocol in [RuleProtocol::Udp, RuleProtocol::Tcp] {
            rules.push(FilterRule {
                protocol,
                destination: single(*host),
                destination_ports: Some((53, 53)),
                ..FilterRule::all(true, Direction::Out)
            });
        }
    }
    for (front, port) in &surroundings.led {
        rules.push(FilterRule {
            protocol: RuleProtocol::Tcp,
            source: single(*front),
            destination_ports: Some((*port, *port)),
            ..FilterRule::all(true, Direction::In)
        });
    }
    rules
}

/// Who may connect to a port of a machine by TCP, after these rules: as few networks as it takes.
pub fn sources(rules: &[FilterRule], machine: Ipv4Addr, port: u16) -> Vec<Ipv4Net> {
    fn split(network: Ipv4Net, rules: &[(Ipv4Net, bool)], found: &mut Vec<Ipv4Net>) {
        let first = rules.iter().find(|(source, _)| source.contains(&network) || network.contains(source));
        match first {
            Some((source, accept)) if source.contains(&network) => found.extend(accept.then_some(network)),
            Some(_) => {
                for half in network.subnets(network.prefix_len() + 1).into_iter().flatten() {
                    split(half, rules, found);
                }
            }
            None => found.push(network),
        }
    }
    let is_for = |rule: &&FilterRule| {
        rule.direction == Direction::In
            && matches!(rule.protocol, RuleProtocol::All | RuleProtocol::Tcp)
            && rule.destination.is_none_or(|network| network.contains(&IpAddr::V4(machine)))
            && rule.source_ports.is_none()
            && rule.destination_ports.is_none_or(|(first, last)| (first..=last).contains(&port))
    };
    let four = |rule: &FilterRule| match rule.source {
        None => Some((Ipv4Net::default(), rule.accept)),
        Some(IpNet::V4(source)) => Some((source, rule.accept)),
        Some(IpNet::V6(_)) => None,
    };
    let rules: Vec<(Ipv4Net, bool)> = rules.iter().filter(is_for).filter_map(four).collect();
    let mut found = Vec::new();
    split(Ipv4Net::default(), &rules, &mut found);
    Ipv4Net::aggregate(&found)
}

/// The addresses that are in both.
pub fn common(some: &[Ipv4Net], others: &[Ipv4Net]) -> Vec<Ipv4Net> {
    let inner = |one: Ipv4Net, other: Ipv4Net| {
        if one.contains(&other) { Some(other) } else { other.contains(&one).then_some(one) }
    };
    some.iter().flat_map(|one| others.iter().filter_map(move |other| inner(*one, *other))).collect()
}

/// Azure's rules of priorities 65000 to 65500. (That all may go to the Internet is the last of them.)
fn defaults(surroundings: &Surroundings) -> Vec<FilterRule> {
    let mut rules = Vec::new();
    for network in &surroundings.space {
        rules.push(FilterRule { source: Some((*network).into()), ..FilterRule::all(true, Direction::In) });
    }
    for gateway in &surroundings.gateways {
        rules.push(FilterRule {
            source: Some(IpNet::from(IpAddr::V4(*gateway))),
            ..FilterRule::all(true, Direction::In)
        });
    }
    rules.push(FilterRule::all(true, Direction::Out));
    // Last, because it drops whatever comes as far as this, whichever way it goes.
    rules.push(FilterRule::all(false, Direction::In));
    rules
}

fn expand(rule: &Json, surroundings: &Surroundings, rules: &mut Vec<FilterRule>) -> Result<(), Fault> {
    let name = text(rule, "/name").unwrap_or_default();
    let wrong =
        |what: &str| invalid(format!("security rule {name}: {what}"), "see docs/on-prem.md for what rules can say");
    let properties = &rule["properties"];
    for groups in ["sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups"] {
        if items(properties, &format!("/{groups}")).next().is_some() {
            return Err(wrong("application security groups cannot be filtered by"));
        }
    }
    let direction = if text(rule, "/properties/direction").is_some_and(|word| word.eq_ignore_ascii_case("Outbound")) {
        Direction::Out
    } else {
        Direction::In
    };
    let accept = text(rule, "/properties/access").is_some_and(|word| word.eq_ignore_ascii_case("Allow"));
    let protocol = match text(rule, "/properties/protocol").unwrap_or("*").to_ascii_lowercase().as_str() {
        "*" => RuleProtocol::All,
        "tcp" => RuleProtocol::Tcp,
        "udp" => RuleProtocol::Udp,
        "icmp" => RuleProtocol::Icmp,
        "esp" => RuleProtocol::Esp,
        "ah" => RuleProtocol::Ah,
        other => return Err(wrong(&format!("the protocol {other} is not known"))),
    };
    let prefixes = |one: &str, several: &str| {
        let mut networks = Vec::new();
        for prefix in texts(properties, one, several) {
            networks.extend(addresses(prefix, surroundings).ok_or_else(|| wrong(&format!("{prefix} is no address")))?);
        }
        Ok::<_, Fault>(networks)
    };
    let ports = |one: &str, several: &str| {
        let mut ranges = Vec::new();
        for range in texts(properties, one, several) {
            ranges.push(port_range(range).ok_or_else(|| wrong(&format!("{range} is no range of ports")))?);
        }
        // A rule that says nothing of ports is for all.
        Ok::<_, Fault>(if ranges.is_empty() { vec![None] } else { ranges })
    };
    let sources = prefixes("sourceAddressPrefix", "sourceAddressPrefixes")?;
    let destinations = prefixes("destinationAddressPrefix", "destinationAddressPrefixes")?;
    let source_ports = ports("sourcePortRange", "sourcePortRanges")?;
    let destination_ports = ports("destinationPortRange", "destinationPortRanges")?;
    let has_ports = source_ports.iter().chain(&destination_ports).any(Option::is_some);
    let protocols = match protocol {
        RuleProtocol::All if has_ports => vec![RuleProtocol::Tcp, RuleProtocol::Udp],
        protocol => vec![protocol],
    };
    for protocol in protocols {
        for source in &sources {
            for destination in &destinations {
                for source_ports in &source_ports {
                    for destination_ports in &destination_ports {
                        let with_ports = matches!(protocol, RuleProtocol::Tcp | RuleProtocol::Udp);
                        rules.push(FilterRule {
                            accept,
                            only_new: !accept,
                            direction,
                            protocol,
                            source: *source,
                            destination: *destination,
                            source_ports: source_ports.filter(|_| with_ports),
                            destination_ports: destination_ports.filter(|_| with_ports),
                        });
                    }
                }
            }
        }
    }
    Ok(())
}

/// What a prefix or tag stands for; `None` within is any address. Nothing if it is neither.
fn addresses(prefix: &str, surroundings: &Surroundings) -> Option<Vec<Option<IpNet>>> {
    let some = |networks: Vec<Ipv4Net>| Some(networks.into_iter().map(|network| Some(network.into())).collect());
    let single =
        |addresses: &[Ipv4Addr]| some(addresses.iter().filter_map(|address| Ipv4Net::new(*address, 32).ok()).collect());
    match prefix.to_ascii_lowercase().as_str() {
        "*" | "any" => return Some(vec![None]),
        "virtualnetwork" => return some(surroundings.space.clone()),
        "azureloadbalancer" => return single(&surroundings.gateways),
        "internet" => return some(outside(&surroundings.space)),
        _ => {}
    }
    if let Some(network) = parse_network(prefix).or_else(|| Some(IpNet::from(prefix.parse::<IpAddr>().ok()?))) {
        return Some(vec![Some(network)]);
    }
    // A tag of one of Azure's services, possibly with a region: `Storage.WestUS2`.
    let is_tag = prefix.starts_with(|first: char| first.is_ascii_alphabetic())
        && prefix.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '.');
    is_tag.then(Vec::new)
}

/// All addresses that lie in none of these networks.
fn outside(space: &[Ipv4Net]) -> Vec<Ipv4Net> {
    fn split(network: Ipv4Net, space: &[Ipv4Net], outside: &mut Vec<Ipv4Net>) {
        if space.iter().any(|inner| inner.contains(&network)) {
            return;
        }
        if !space.iter().any(|inner| network.contains(inner)) {
            outside.push(network);
            return;
        }
        for half in network.subnets(network.prefix_len() + 1).into_iter().flatten() {
            split(half, space, outside);
        }
    }
    let mut found = Vec::new();
    split(Ipv4Net::default(), space, &mut found);
    found
}

/// `80`, `1000-2000` or `*`, which is `None` within.
fn port_range(range: &str) -> Option<Option<PortRange>> {
    if range == "*" {
        return Some(None);
    }
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let range = (first.trim().parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?);
    (range.0 <= range.1).then_some((range != (0, u16::MAX)).then_some(range))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn surroundings() -> Surroundings {
        Surroundings {
            space: vec!["10.0.0.0/8".parse().unwrap()],
            hosts: vec!["10.240.0.1".parse().unwrap()],
            gateways: vec!["10.240.0.2".parse().unwrap()],
            led: Vec::new(),
        }
    }

    #[test]
    fn who_may_connect_follows_from_the_rules() {
        let may = |security_rules: Json, port: u16| -> Vec<String> {
            let group = json!({ "properties": { "securityRules": security_rules } });
            let rules = rules(&group, &surroundings()).unwrap();
            let found = sources(&rules, "10.240.255.5".parse().unwrap(), port);
            found.iter().map(ToString::to_string).collect()
        };
        assert_eq!(may(json!([rule("all", 100, json!({}))]), 443), ["0.0.0.0/0"]);
        assert_eq!(may(json!([rule("all", 100, json!({}))]), 22), ["10.0.0.0/8"], "the network itself, as everywhere");
        let some = json!({ "sourceAddressPrefix": null, "sourceAddressPrefixes": ["192.0.2.0/25", "192.0.2.128/25"] });
        assert_eq!(may(json!([rule("some", 100, some)]), 443), ["10.0.0.0/8", "192.0.2.0/24"]);
        let but = json!([
            rule("not", 100, json!({ "access": "Deny", "sourceAddressPrefix": "192.0.2.128/25" })),
            rule("some", 110, json!({ "sourceAddressPrefix": "192.0.2.0/24" })),
            rule("none", 120, json!({ "access": "Deny" })),
        ]);
        assert_eq!(may(but, 443), ["192.0.2.0/25"]);
        let elsewhere = json!({ "destinationAddressPrefix": "10.240.0.9" });
        assert_eq!(may(json!([rule("elsewhere", 100, elsewhere)]), 443), ["10.0.0.0/8"]);
    }

    #[test]
    fn what_the_gateway_leads_in_passes_whatever_rules_say_of_its_address() {
        let led = vec![("198.18.7.4".parse().unwrap(), 6443)];
        let group = json!({ "properties": { "securityRules": [rule("none", 100, json!({ "access": "Deny",
            "protocol": "*", "destinationPortRange": "*" }))] } });
        let rules = rules(&group, &Surroundings { led, ..surroundings() }).unwrap();
        let from = |source: &str, port| passes(&rules, Direction::In, source, "10.240.255.5", port);
        assert!(from("198.18.7.4", 6443));
        assert!(!from("198.18.7.4", 22) && !from("198.18.7.5", 6443) && !from("10.240.0.9", 6443));
    }

    fn rule(name: &str, priority: u32, change: Json) -> Json {
        let mut properties = json!({
            "access": "Allow", "direction": "Inbound", "priority": priority, "protocol": "Tcp", "sourcePortRange": "*",
            "sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "destinationPortRange": "443"
        });
        properties.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({ "name": name, "properties": properties })
    }

    /// What libvirt's rules do with a new TCP connection to the machine or from it. What drops without a state does so in
    /// both directions (libvirt 11.3, looked at by `iptables-save`).
    fn passes(rules: &[FilterRule], direction: Direction, source: &str, destination: &str, port: u16) -> bool {
        let (source, destination): (IpAddr, IpAddr) = (source.parse().unwrap(), destination.parse().unwrap());
        let fits = |rule: &&FilterRule| {
            (rule.direction == direction || (!rule.accept && !rule.only_new))
                && matches!(rule.protocol, RuleProtocol::All | RuleProtocol::Tcp)
                && rule.source.is_none_or(|network| network.contains(&source))
                && rule.destination.is_none_or(|network| network.contains(&destination))
                && rule.source_ports.is_none()
                && rule.destination_ports.is_none_or(|(first, last)| (first..=last).contains(&port))
        };
        rules.iter().find(fits).is_none_or(|rule| rule.accept)
    }

    #[test]
    fn priorities_decide_and_the_rest_is_denied_from_outside() {
        let group = json!({ "properties": { "securityRules": [
            rule("late", 200, json!({ "access": "Deny", "destinationPortRange": "400-500" })),
            rule("early", 100, json!({ "sourceAddressPrefix": "Internet" })),
        ] } });
        let rules = rules(&group, &surroundings()).unwrap();
        let to = |source: &str, port| passes(&rules, Direction::In, source, "10.240.255.5", port);
        assert!(to("198.18.7.4", 443), "the rule of priority 100");
        assert!(!to("10.240.0.9", 443), "not from the Internet, so that the rule of priority 200 holds");
        assert!(!to("198.18.7.4", 450) && !to("198.18.7.4", 22), "denied, and denied by default");
        assert!(to("10.240.0.9", 22), "from the same network");
        assert!(passes(&rules, Direction::Out, "10.240.255.5", "93.184.216.34", 80));
    }

    #[test]
    fn what_is_denied_one_way_passes_the_other() {
        let deny = |direction: &str| {
            let all = json!({ "direction": direction, "access": "Deny", "protocol": "*", "destinationPortRange": "*" });
            rules(&json!({ "properties": { "securityRules": [rule("all", 4000, all)] } }), &surroundings()).unwrap()
        };
        let (no_in, no_out) = (deny("Inbound"), deny("Outbound"));
        let reaches = |rules: &[FilterRule]| passes(rules, Direction::In, "10.240.0.9", "10.240.255.5", 6443);
        let calls = |rules: &[FilterRule]| passes(rules, Direction::Out, "10.240.255.5", "93.184.216.34", 443);
        assert_eq!((reaches(&no_in), calls(&no_in)), (false, true));
        assert_eq!((reaches(&no_out), calls(&no_out)), (true, false));
    }

    #[test]
    fn tags_ports_and_protocols_are_spelled_out() {
        let group = json!({ "properties": { "securityRules": [
            rule("a", 100, json!({ "protocol": "*", "destinationPortRange": null,
                "destinationPortRanges": ["80", "8080-8081"], "sourceAddressPrefix": null,
                "sourceAddressPrefixes": ["192.0.2.0/24", "VirtualNetwork"] })),
            rule("b", 110, json!({ "sourceAddressPrefix": "AzureLoadBalancer", "protocol": "Icmp" })),
            rule("c", 120, json!({ "sourceAddressPrefix": "Storage.WestUS2" })),
        ] } });
        let all = rules(&group, &surroundings()).unwrap();
        let own = &all[platform(&surroundings()).len()..all.len() - defaults(&surroundings()).len()];
        assert_eq!(own.len(), 2 * 2 * 2 + 1, "{own:?}");
        assert!(own[8].protocol == RuleProtocol::Icmp && own[8].destination_ports.is_none());
        for (what, wrong) in [
            ("no address", json!({ "sourceAddressPrefix": "10.0.0.0/99" })),
            ("no range", json!({ "destinationPortRange": "9-1" })),
            ("not known", json!({ "protocol": "sctp" })),
            ("application security", json!({ "sourceApplicationSecurityGroups": [{ "id": "/x" }] })),
        ] {
            let group = json!({ "properties": { "securityRules": [rule("r", 100, wrong)] } });
            let fault = rules(&group, &surroundings()).unwrap_err();
            assert!(fault.message.contains("security rule r") && fault.message.contains(what), "{fault}");
        }
    }

    #[test]
    fn the_internet_is_what_the_network_is_not() {
        let outside = outside(&["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(outside.len(), 8);
        let inside =
            |address: &str| outside.iter().any(|network| network.contains(&address.parse::<Ipv4Addr>().unwrap()));
        assert!(inside("9.255.255.255") && inside("11.0.0.0") && !inside("10.0.0.0") && !inside("10.255.255.255"));
    }

    #[test]
    fn what_the_machine_needs_to_start_cannot_be_denied() {
        let deny = rule(
            "deny",
            100,
            json!({ "access": "Deny", "direction": "Outbound", "protocol": "*",
            "destinationPortRange": "*" }),
        );
        let rules = rules(&json!({ "properties": { "securityRules": [deny] } }), &surroundings()).unwrap();
        let from = |destination: &str, port| passes(&rules, Direction::Out, "10.240.255.5", destination, port);
        assert!(from("169.254.169.254", 80) && from("168.63.129.16", 80) && from("10.240.0.1", 53));
        assert!(!from("10.240.0.1", 80) && !from("10.240.0.9", 53));
    }
}
