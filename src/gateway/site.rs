//! The gateway's way into the network around the host: the addresses that it holds there, and the way back to whoever asks.
//!
//! Answers leave by the interface at which they were asked, whatever the gateway's own way out is: packets from an address of the
//! site follow a table of their own. Everything near comes before it, for haproxy goes on to machines from these addresses, too.
//! Nobody is told that the interface has the addresses of the other one, and the other way round. Nothing that comes from the site
//! goes anywhere but to those addresses: the gateway routes for nobody there, although machines of its image do.
//!
//! Sources: ip-rule(8), ip-route(8), iproute2 6.15; Linux, `Documentation/networking/ip-sysctl.rst` (`rp_filter`, `arp_ignore`,
//! `arp_announce`), from memory; tried 2026-11-29.

use std::path::Path;

use ipnet::IpNet;
use serde_json::Value as Json;

use super::GatewayError;
use super::addresses::{HELD_IN_SITE, hold, ip};
use super::askers::apply;
use super::configuration::Site;
use super::program::words;
use crate::base::FileError;

/// The table of routes for what comes from an address of the site, and where in the order of rules it is looked at. Nobody else
/// has rules in a gateway.
const TABLE: &str = "4242";
const FIRST_NEAR: u64 = 4241;
const THEN_SITE: u64 = 4242;

/// How an interface into a foreign network behaves: who comes by it has to be reached by it; who is asked for
/// is answered by the interface that has it; who asks tells an address of that network; there is no IPv6.
const BEHAVIOUR: [(&str, &str, &str); 4] = [
    ("ipv4", "rp_filter", "1"),
    ("ipv4", "arp_ignore", "1"),
    ("ipv4", "arp_announce", "2"),
    ("ipv6", "disable_ipv6", "1"),
];

/// The name of the interface into the site.
pub(super) async fn interface_into(site: &Site) -> Result<String, GatewayError> {
    let links = ip(&["-json", "link", "show"]).await?;
    interface(&links, &site.mac).ok_or_else(|| GatewayError::NoInterface(site.mac.clone()))
}

/// Sees to it that the interface holds the addresses, unless keepalived does, and that answers leave by it. `routes`: whether what
/// machines have asked for comes back by it; else it routes nothing.
pub(super) async fn hold_site(
    folder: &Path,
    interface: &str,
    site: &Site,
    holds: bool,
    routes: bool,
) -> Result<(), GatewayError> {
    behave(interface, &BEHAVIOUR)?;
    behave(interface, &[("ipv4", "forwarding", if routes { "1" } else { "0" })])?;
    apply(&packets(interface, &site.addresses)).await?;
    ip(&["link", "set", interface, "up"]).await?;
    let held: &[IpNet] = if holds { &site.addresses } else { &[] };
    hold(&folder.join(HELD_IN_SITE), interface, held).await?;
    for route in self::routes(interface, site) {
        let route: Vec<&str> = route.iter().map(String::as_str).collect();
        ip(&route).await?;
    }
    let rules = ip(&["-json", "rule", "show"]).await?;
    for change in rule_changes(&rules, &site.addresses) {
        let change: Vec<&str> = change.iter().map(String::as_str).collect();
        ip(&change).await?;
    }
    Ok(())
}

/// Has an interface behave in this way: the family, the name of a setting, its value.
pub(super) fn behave(interface: &str, settings: &[(&str, &str, &str)]) -> Result<(), GatewayError> {
    for (family, name, value) in settings {
        let path = Path::new("/proc/sys/net").join(family).join("conf").join(interface).join(name);
        match std::fs::write(&path, value) {
            // A kernel without IPv6 has none to be turned off.
            Err(cause) if *family == "ipv6" && cause.kind() == std::io::ErrorKind::NotFound => {}
            written => written.map_err(|cause| FileError { action: "write", path, cause })?,
        }
    }
    Ok(())
}

/// Has the kernel behave in this way on all interfaces of IPv4.
pub(super) fn behave_all(name: &str, value: &str) -> Result<(), GatewayError> {
    let path = Path::new("/proc/sys/net/ipv4").join(name);
    Ok(std::fs::write(&path, value).map_err(|cause| FileError { action: "write", path, cause })?)
}

/// The name of the interface with a hardware address, in what `ip -json link show` prints.
fn interface(printed: &str, mac: &str) -> Option<String> {
    let links: Vec<Json> = serde_json::from_str(printed).unwrap_or_default();
    let is_it = |link: &&Json| {
        link["address"].as_str().is_some_and(|address| address.replace(':', "").eq_ignore_ascii_case(mac))
    };
    let name = links.iter().find(is_it)?["ifname"].as_str()?;
    // It becomes a part of a path.
    let plain =
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte)) && !name.starts_with('.');
    plain.then(|| name.to_owned())
}

/// What may come in by the interface: what is for the addresses that it holds. All rules anew: nft takes all of them or none.
fn packets(interface: &str, addresses: &[IpNet]) -> String {
    let addresses: Vec<String> = addresses.iter().map(|address| address.addr().to_string()).collect();
    let held = match addresses.as_slice() {
        [] => String::new(),
        held => format!("    ip daddr {{ {} }} accept\n", held.join(", ")),
    };
    // ARP is none of this table's.
    let chain = format!(
        "  chain from_site {{\n    type filter hook prerouting priority -150; policy accept;\n    iifname != \"{interface}\" \
         accept\n{held}    drop\n  }}\n"
    );
    table("inet", "engine_site", &chain)
}

/// A table of nft's with these chains and nothing else.
pub(super) fn table(family: &str, name: &str, chains: &str) -> String {
    // Said twice, so that the table is there to be deleted.
    format!("table {family} {name}\ndelete table {family} {name}\ntable {family} {name} {{\n{chains}}}\n")
}

/// The table's routes. Without a router everybody is taken to be near.
fn routes(interface: &str, site: &Site) -> Vec<Vec<String>> {
    match site.router {
        Some(router) => vec![
            words(&format!("route replace {} dev {interface} table {TABLE}", router.trunc())),
            words(&format!("route replace default via {} dev {interface} onlink table {TABLE}", router.addr())),
        ],
        None => vec![words(&format!("route replace default dev {interface} table {TABLE}"))],
    }
}

/// What is to be changed of the rules that `ip -json rule show` prints.
fn rule_changes(printed: &str, addresses: &[IpNet]) -> Vec<Vec<String>> {
    let rules: Vec<Json> = serde_json::from_str(printed).unwrap_or_default();
    let mut changes = Vec::new();
    if !rules.iter().any(|rule| rule["priority"].as_u64() == Some(FIRST_NEAR)) {
        changes.push(words(&format!("rule add priority {FIRST_NEAR} lookup main suppress_prefixlength 0")));
    }
    let own = rules.iter().filter(|rule| rule["priority"].as_u64() == Some(THEN_SITE));
    let present: Vec<&str> = own.filter_map(|rule| rule["src"].as_str()).collect();
    let wanted: Vec<String> = addresses.iter().map(|address| address.addr().to_string()).collect();
    for address in wanted.iter().filter(|address| !present.contains(&address.as_str())) {
        changes.push(words(&format!("rule add priority {THEN_SITE} from {address} lookup {TABLE}")));
    }
    for address in present.iter().filter(|address| !wanted.iter().any(|wanted| wanted == *address)) {
        changes.push(words(&format!("rule delete priority {THEN_SITE} from {address} lookup {TABLE}")));
    }
    changes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn site(router: Option<&str>) -> Site {
        Site {
            bridge: "br0".into(),
            mac: "525400A1B2C4".into(),
            addresses: Vec::new(),
            router: router.map(|text| text.parse().unwrap()),
        }
    }

    #[test]
    fn the_interface_is_known_by_its_hardware_address() {
        let printed = r#"[{"ifname":"lo","address":"00:00:00:00:00:00"},{"ifname":"eth0","address":"52:54:00:a1:b2:c3"},
            {"ifname":"eth1","address":"52:54:00:a1:b2:c4"},{"ifname":"../eth2","address":"52:54:00:a1:b2:c5"}]"#;
        assert_eq!(interface(printed, "525400A1B2C4").as_deref(), Some("eth1"));
        assert_eq!(interface(printed, "525400A1B2C5"), None);
        assert_eq!(interface(printed, "525400A1B2C9"), None);
        assert_eq!(interface("", "525400A1B2C4"), None);
    }

    #[test]
    fn only_what_is_for_the_addresses_comes_in() {
        let addresses: Vec<IpNet> =
            ["192.0.2.48/32", "192.0.2.49/32"].iter().map(|text| text.parse().unwrap()).collect();
        let text = packets("eth1", &addresses);
        let rules = "    iifname != \"eth1\" accept\n    ip daddr { 192.0.2.48, 192.0.2.49 } accept\n    drop\n";
        assert!(text.contains(rules), "{text}");
        assert!(packets("eth1", &[]).contains("accept\n    drop\n"));
    }

    #[test]
    fn answers_go_by_the_router_or_to_whoever_is_near() {
        let told =
            |router| -> Vec<String> { routes("eth1", &site(router)).iter().map(|words| words.join(" ")).collect() };
        assert_eq!(told(None), ["route replace default dev eth1 table 4242"]);
        assert_eq!(
            told(Some("192.0.2.1/24")),
            [
                "route replace 192.0.2.0/24 dev eth1 table 4242",
                "route replace default via 192.0.2.1 dev eth1 onlink table 4242",
            ]
        );
    }

    #[test]
    fn rules_are_added_and_taken_away() {
        let wanted: Vec<IpNet> = ["192.0.2.48/32", "192.0.2.49/32"].iter().map(|text| text.parse().unwrap()).collect();
        let told = |printed: &str| -> Vec<String> {
            rule_changes(printed, &wanted).iter().map(|words| words.join(" ")).collect()
        };
        assert_eq!(
            told(r#"[{"priority":0,"src":"all","table":"local"},{"priority":32766,"src":"all","table":"main"}]"#),
            [
                "rule add priority 4241 lookup main suppress_prefixlength 0",
                "rule add priority 4242 from 192.0.2.48 lookup 4242",
                "rule add priority 4242 from 192.0.2.49 lookup 4242",
            ]
        );
        let later = r#"[{"priority":4241,"src":"all","table":"main"},{"priority":4242,"src":"192.0.2.49","table":"4242"},
            {"priority":4242,"src":"192.0.2.50","table":"4242"}]"#;
        assert_eq!(
            told(later),
            [
                "rule add priority 4242 from 192.0.2.48 lookup 4242",
                "rule delete priority 4242 from 192.0.2.50 lookup 4242",
            ]
        );
    }
}
