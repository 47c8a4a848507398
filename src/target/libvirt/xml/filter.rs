//! Packet filters (nwfilter): rules in the order of their evaluation, the first that fits decides, connections are known.

use ipnet::IpNet;

use super::{Element, element};

/// A filter as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterPlan {
    /// The name.
    pub name: String,
    /// The UUID.
    pub uuid: String,
    /// Other filters whose rules are taken in; libvirt sorts all rules of a machine by their priorities.
    pub includes: Vec<String>,
    /// The rules, the first one first.
    pub rules: Vec<FilterRule>,
    /// Whether it stands for a machine's interface: then frames that say to be of another one, and those of IPv6, are dropped.
    /// No network here has addresses of IPv6, and by those that machines give themselves they would reach each other past all
    /// rules.
    pub of_interface: bool,
    /// Whose answers of DHCP get there.
    pub address_givers: AddressGivers,
}

/// Who may give a machine its address. On a bridge into a site there may be a server of the site's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressGivers {
    /// Whoever answers.
    All,
    /// Those with these hardware addresses.
    Only(Vec<String>),
    /// Nobody.
    None,
}

/// Which way a packet goes, as the machine sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the machine.
    In,
    /// From the machine.
    Out,
}

/// Which packets a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleProtocol {
    /// All of them.
    All,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
    /// Encapsulated security payload.
    Esp,
    /// Authentication header.
    Ah,
}

/// Ports, both ends included.
pub type PortRange = (u16, u16);

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterRule {
    /// Whether packets pass.
    pub accept: bool,
    /// Whether it is for packets that begin a connection. libvirt lets what is accepted through with its answers, but makes
    /// of what is dropped a rule that knows neither connection nor direction, unless this is said.
    pub only_new: bool,
    /// Which way they go.
    pub direction: Direction,
    /// What they are.
    pub protocol: RuleProtocol,
    /// Where they come from; from anywhere if nothing is said.
    pub source: Option<IpNet>,
    /// Where they go; anywhere if nothing is said.
    pub destination: Option<IpNet>,
    /// The ports they come from.
    pub source_ports: Option<PortRange>,
    /// The ports they go to.
    pub destination_ports: Option<PortRange>,
}

impl FilterRule {
    /// A rule for all packets of a direction.
    pub const fn all(accept: bool, direction: Direction) -> Self {
        Self {
            accept,
            only_new: false,
            direction,
            protocol: RuleProtocol::All,
            source: None,
            destination: None,
            source_ports: None,
            destination_ports: None,
        }
    }
}

/// libvirt's priorities go from -1000 to 1000; the first rule gets this one, and each later one the next.
const FIRST_PRIORITY: i32 = -900;

/// The most rules of a filter.
pub const MOST_RULES: usize = 1800;

/// The filter's description.
pub fn filter(plan: &FilterPlan) -> Element {
    let rules = plan.rules.iter().zip(FIRST_PRIORITY..).map(|(filter_rule, priority)| rule(filter_rule, priority));
    let frames = || {
        let strangers = element("mac").set("match", "no").set("srcmacaddr", "$MAC");
        let six = element("mac").set("protocolid", "ipv6");
        [("out", -1000, strangers), ("inout", -999, six)].map(|(direction, priority, frames)| {
            element("rule").set("action", "drop").set("direction", direction).set("priority", priority).with(frames)
        })
    };
    let frames = plan.of_interface.then(frames).into_iter().flatten();
    let answers = || element("ip").set("protocol", "udp").set("srcportstart", "67").set("dstportstart", "68");
    let answer = |action: &str, priority: i32, frames: Element| {
        element("rule").set("action", action).set("direction", "in").set("priority", priority).with(frames)
    };
    let mut givers = Vec::new();
    if let AddressGivers::Only(macs) = &plan.address_givers {
        givers.extend(macs.iter().map(|mac| answer("accept", -998, answers().set("srcmacaddr", mac))));
        // And a machine gives nobody an address: the wire is the site's, too.
        let give = element("rule").set("action", "drop").set("direction", "out").set("priority", -996);
        givers.push(give.with(answers()));
    }
    if plan.address_givers != AddressGivers::All {
        givers.push(answer("drop", -997, answers()));
    }
    let includes = plan.includes.iter().map(|name| element("filterref").set("filter", name));
    element("filter")
        .set("name", &plan.name)
        .set("chain", "root")
        .with(element("uuid").text(&plan.uuid))
        .with_all(frames)
        .with_all(givers)
        .with_all(rules)
        .with_all(includes)
}

fn rule(rule: &FilterRule, priority: i32) -> Element {
    let six = [rule.source, rule.destination].iter().flatten().any(|network| matches!(network, IpNet::V6(_)));
    let name = match (rule.protocol, six) {
        (RuleProtocol::All, false) => "all",
        (RuleProtocol::All, true) => "all-ipv6",
        (RuleProtocol::Tcp, false) => "tcp",
        (RuleProtocol::Tcp, true) => "tcp-ipv6",
        (RuleProtocol::Udp, false) => "udp",
        (RuleProtocol::Udp, true) => "udp-ipv6",
        (RuleProtocol::Icmp, false) => "icmp",
        (RuleProtocol::Icmp, true) => "icmpv6",
        (RuleProtocol::Esp, false) => "esp",
        (RuleProtocol::Esp, true) => "esp-ipv6",
        (RuleProtocol::Ah, false) => "ah",
        (RuleProtocol::Ah, true) => "ah-ipv6",
    };
    // All of the addresses is no condition, and a prefix of 0 libvirt does not take.
    let some = |network: Option<IpNet>| network.filter(|network| network.prefix_len() > 0);
    let (source, destination) = (some(rule.source), some(rule.destination));
    let packets = element(name)
        .set_some("state", rule.only_new.then_some("NEW"))
        .set_some("srcipaddr", source.map(|network| network.network()))
        .set_some("srcipmask", source.map(|network| network.prefix_len()))
        .set_some("dstipaddr", destination.map(|network| network.network()))
        .set_some("dstipmask", destination.map(|network| network.prefix_len()))
        .set_some("srcportstart", rule.source_ports.map(|ports| ports.0))
        .set_some("srcportend", rule.source_ports.map(|ports| ports.1))
        .set_some("dstportstart", rule.destination_ports.map(|ports| ports.0))
        .set_some("dstportend", rule.destination_ports.map(|ports| ports.1));
    element("rule")
        .set("action", if rule.accept { "accept" } else { "drop" })
        .set("direction", if rule.direction == Direction::In { "in" } else { "out" })
        .set("priority", priority)
        .with(packets)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::super::trials::validate;
    use super::*;

    #[test]
    fn rules_stand_in_their_order() {
        let plan = FilterPlan {
            name: "engine-rg-nsg.vnet".into(),
            uuid: "6f1c2d5e-7d6f-5b3a-9c1d-222222222222".into(),
            includes: vec!["engine-rg-base".into()],
            rules: vec![
                FilterRule {
                    protocol: RuleProtocol::Tcp,
                    source: Some("10.0.0.0/8".parse().unwrap()),
                    destination: Some("0.0.0.0/0".parse().unwrap()),
                    destination_ports: Some((443, 443)),
                    ..FilterRule::all(true, Direction::In)
                },
                FilterRule {
                    protocol: RuleProtocol::Icmp,
                    source: Some("fd00::/8".parse().unwrap()),
                    ..FilterRule::all(true, Direction::In)
                },
                FilterRule::all(false, Direction::Out),
            ],
            of_interface: true,
            address_givers: AddressGivers::All,
        };
        let text = filter(&plan).render();
        let expected = "<filter name='engine-rg-nsg.vnet' chain='root'>
  <uuid>6f1c2d5e-7d6f-5b3a-9c1d-222222222222</uuid>
  <rule action='drop' direction='out' priority='-1000'>
    <mac match='no' srcmacaddr='$MAC'/>
  </rule>
  <rule action='drop' direction='inout' priority='-999'>
    <mac protocolid='ipv6'/>
  </rule>
  <rule action='accept' direction='in' priority='-900'>
    <tcp srcipaddr='10.0.0.0' srcipmask='8' dstportstart='443' dstportend='443'/>
  </rule>
  <rule action='accept' direction='in' priority='-899'>
    <icmpv6 srcipaddr='fd00::' srcipmask='8'/>
  </rule>
  <rule action='drop' direction='out' priority='-898'>
    <all/>
  </rule>
  <filterref filter='engine-rg-base'/>
</filter>
";
        assert_eq!(text, expected);
        validate("nwfilter", &text);
        let drop = "  <rule action='drop' direction='in' priority='-997'>\n    <ip protocol='udp' srcportstart='67' \
                    dstportstart='68'/>\n  </rule>\n";
        let accept = "  <rule action='accept' direction='in' priority='-998'>\n    <ip protocol='udp' srcportstart='67' \
                      dstportstart='68' srcmacaddr='52:00:00:00:00:01'/>\n  </rule>\n";
        let give = drop.replace("'in' priority='-997'", "'out' priority='-996'");
        for (givers, rules) in [
            (AddressGivers::None, drop.to_owned()),
            (AddressGivers::Only(vec!["52:00:00:00:00:01".into()]), format!("{accept}{give}{drop}")),
        ] {
            let text = filter(&FilterPlan { address_givers: givers, ..plan.clone() }).render();
            assert!(
                text.contains(&format!("priority='-999'>\n    <mac protocolid='ipv6'/>\n  </rule>\n{rules}")),
                "{text}"
            );
            validate("nwfilter", &text);
        }
    }
}
