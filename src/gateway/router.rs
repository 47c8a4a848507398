//! The gateway as the machines' router, where they stand on the site's bridge beside it: between their subnets, and outside by an
//! address of the site. Nobody outside gets to them by it.
//!
//! Its two interfaces are on one wire, so that each answers only for the addresses that it has itself.
//! Sources: nft(8), nftables 1.1; ip-route(8), iproute2 6.15; Linux, `Documentation/networking/ip-sysctl.rst`, from memory; tried
//! 2026-11-29.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::GatewayError;
use super::addresses::ip;
use super::askers::{apply, colons, hardware_address};
use super::configuration::{Configuration, Router, Site};
use super::program::words;
use super::site::{behave, table};

/// How the interface beside the machines behaves: it routes; who comes by it has to be one of them; who is asked for is answered by the interface that has it; nobody is
/// told of a shorter way, for packet filters let machines' own hardware addresses through only; there is no IPv6.
const BEHAVIOUR: [(&str, &str, &str); 6] = [
    ("ipv4", "forwarding", "1"),
    ("ipv4", "rp_filter", "1"),
    ("ipv4", "arp_ignore", "1"),
    ("ipv4", "arp_announce", "2"),
    ("ipv4", "send_redirects", "0"),
    ("ipv6", "disable_ipv6", "1"),
];

/// Leads machines from the interface beside them to the one into the site, if it `leads` and does not only stand by.
pub(super) async fn lead(
    leads: bool,
    inner: &str,
    outer: &str,
    router: &Router,
    configuration: &Configuration,
    site: &Site,
) -> Result<(), GatewayError> {
    behave(inner, &BEHAVIOUR)?;
    // One of both is enough to have redirects sent.
    behave("all", &[("ipv4", "send_redirects", "0")])?;
    ip(&["link", "set", inner, "up"]).await?;
    let interfaces = configuration.machines.iter().flat_map(|machine| &machine.interfaces);
    let machines: BTreeSet<String> = interfaces.filter_map(hardware_address).collect();
    let machines: Vec<String> = machines.into_iter().collect();
    let other = configuration.pair.as_ref().and_then(|pair| Some((colons(&pair.other_mac)?, pair.other)));
    apply(&packets(inner, outer, router, &machines, other)).await?;
    // What it would have to answer from are addresses that it has not.
    let Some(source) = router.source.filter(|_| leads) else { return Ok(()) };
    for route in routes(outer, site, source) {
        let route: Vec<&str> = route.iter().map(String::as_str).collect();
        ip(&route).await?;
    }
    Ok(())
}

/// What is taken of whom, and led where. All rules anew: nft takes all of them or none.
fn packets(inner: &str, outer: &str, router: &Router, machines: &[String], other: Option<(String, IpAddr)>) -> String {
    let subnets: Vec<String> = router.subnets.iter().map(|subnet| subnet.trunc().to_string()).collect();
    let subnets = subnets.join(", ");
    // The site is on the same wire. Who asks for an address has none yet, and pods have others than their machines.
    let known = match machines {
        [] => String::new(),
        known => format!("    ether saddr {{ {} }} accept\n", known.join(", ")),
    };
    // The other gateway says that it is there, and nobody else does: a pod could take all addresses away.
    let other = other
        .map(|(mac, address)| {
            format!("    ether saddr {mac} ip saddr {address} ip protocol vrrp accept\n    ip protocol vrrp drop\n")
        })
        .unwrap_or_default();
    let mut rules = format!(
        "  chain from_machines {{\n    type filter hook prerouting priority -150; policy accept;\n    iifname != \"{inner}\" \
         accept\n{other}{known}    drop\n  }}\n  chain forward {{\n    type filter hook forward priority 0; policy drop;\n    ct state \
         established,related accept\n    iifname \"{inner}\" oifname \"{inner}\" accept\n"
    );
    match router.source {
        Some(source) if !subnets.is_empty() => rules.push_str(&format!(
            "    iifname \"{inner}\" oifname \"{outer}\" ip saddr {{ {subnets} }} accept\n  }}\n  chain outside {{\n    type nat \
             hook postrouting priority 100; policy accept;\n    oifname \"{outer}\" ip saddr {{ {subnets} }} snat to \
             {source}\n  }}\n"
        )),
        _ => rules.push_str("  }\n"),
    }
    table("ip", "engine_router", &rules)
}

/// The gateway's own way out, which is the machines' too.
fn routes(outer: &str, site: &Site, source: IpAddr) -> Vec<Vec<String>> {
    match site.router {
        Some(router) => vec![
            words(&format!("route replace {} dev {outer} src {source}", router.trunc())),
            words(&format!("route replace default via {} dev {outer} onlink src {source}", router.addr())),
        ],
        None => vec![words(&format!("route replace default dev {outer} src {source}"))],
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn router(source: Option<&str>) -> Router {
        Router {
            domain: "rg.internal".into(),
            subnets: ["10.240.0.1/16", "10.241.0.1/24"].iter().map(|text| text.parse().unwrap()).collect(),
            names: std::collections::BTreeMap::new(),
            name_servers: Vec::new(),
            source: source.map(|text| text.parse().unwrap()),
        }
    }

    #[test]
    fn machines_get_outside_by_the_sites_address_and_nobody_in() {
        let machines = ["52:00:00:00:00:01".to_owned(), "52:00:00:00:00:02".to_owned()];
        let text = packets("eth0", "eth1", &router(Some("192.0.2.48")), &machines, None);
        let taken = "    iifname != \"eth0\" accept\n    ether saddr { 52:00:00:00:00:01, 52:00:00:00:00:02 } accept\n    drop\n";
        assert!(text.contains(taken), "{text}");
        let rules = "policy drop;\n    ct state established,related accept\n    iifname \"eth0\" oifname \"eth0\" \
                     accept\n    iifname \"eth0\" oifname \"eth1\" ip saddr { 10.240.0.0/16, 10.241.0.0/24 } accept\n  }\n";
        assert!(text.contains(rules), "{text}");
        let translated = "oifname \"eth1\" ip saddr { 10.240.0.0/16, 10.241.0.0/24 } snat to 192.0.2.48\n";
        assert!(text.contains(translated), "{text}");
        let other = ("52:00:00:00:00:09".to_owned(), "10.240.0.3".parse().unwrap());
        let text = packets("eth0", "eth1", &router(None), &machines, Some(other));
        // Before machines are let in, whose pods might say to be the other gateway.
        let other = "accept\n    ether saddr 52:00:00:00:00:09 ip saddr 10.240.0.3 ip protocol vrrp accept\n    \
                     ip protocol vrrp drop\n    ether saddr { 52:00:00:00:00:01, ";
        assert!(text.contains(other), "{text}");
        assert!(!text.contains("snat") && !text.contains("eth1") && text.contains("policy drop"), "{text}");
    }

    #[test]
    fn the_way_out_is_the_sites_router() {
        let site = |router: Option<&str>| Site {
            bridge: "br0".into(),
            mac: "525400A1B2C4".into(),
            addresses: Vec::new(),
            router: router.map(|text| text.parse().unwrap()),
        };
        let told = |router| -> Vec<String> {
            let source = "192.0.2.48".parse().unwrap();
            routes("eth1", &site(router), source).iter().map(|words| words.join(" ")).collect()
        };
        assert_eq!(
            told(Some("192.0.2.1/24")),
            [
                "route replace 192.0.2.0/24 dev eth1 src 192.0.2.48",
                "route replace default via 192.0.2.1 dev eth1 onlink src 192.0.2.48",
            ]
        );
        assert_eq!(told(None), ["route replace default dev eth1 src 192.0.2.48"]);
    }
}
