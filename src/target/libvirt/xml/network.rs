//! A virtual network: one bridge for all of its subnets, so that the host routes between them; DHCP by reservations only,
//! with the routes that Azure's DHCP server gives too; DNS for the machines' names. Or no more than a bridge of the host's own,
//! and somebody else does all of this.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;

use super::{Element, element, owner};

/// Where the instance metadata service answers.
pub const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Where the wire server answers.
pub const WIRE_SERVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// A network as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkPlan {
    /// The ARM id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The UUID.
    pub uuid: String,
    /// The bridge's device.
    pub bridge: String,
    /// How the outside is reached.
    pub forward: Forward,
    /// The domain of the machines' names.
    pub domain: String,
    /// The subnets; DHCP is served in all of them.
    pub subnets: Vec<SubnetPlan>,
    /// Addresses for front ends that only the host reaches, where there are no others: the host holds the first.
    pub fronts: Option<Ipv4Net>,
    /// Addresses for the outside, which the gateway holds: machines know the way to them.
    pub outer: Vec<Ipv4Net>,
    /// Whether the host is to know it, too: nobody else leads there.
    pub host_leads: bool,
    /// The gateway's own reservation, in the first subnet. There is always one, or libvirt serves no DHCP.
    pub gateway: Reservation,
}

/// How a network reaches the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forward {
    /// By the host's own address.
    Nat,
    /// By the host, with the machines' own addresses.
    Route,
    /// It is this bridge of the host: libvirt itself serves nothing there.
    Bridge(String),
}

/// A subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetPlan {
    /// Its addresses.
    pub network: Ipv4Net,
    /// The host's address in it.
    pub host: Ipv4Addr,
    /// The gateway's address in it.
    pub gateway: Ipv4Addr,
}

/// An address that DHCP gives to an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The hardware address.
    pub mac: String,
    /// The machine's name.
    pub name: String,
    /// The address.
    pub address: IpAddr,
}

/// The network's description.
pub fn network(plan: &NetworkPlan) -> Element {
    let named = |mode: &str| {
        element("network")
            .set("xmlns:dnsmasq", "http://libvirt.org/schemas/network/dnsmasq/1.0")
            .with(element("name").text(&plan.name))
            .with(element("uuid").text(&plan.uuid))
            .with(owner(&plan.id))
            .with(element("forward").set("mode", mode))
    };
    let named = match &plan.forward {
        Forward::Nat => named("nat"),
        Forward::Route => named("route"),
        Forward::Bridge(bridge) => return named("bridge").with(element("bridge").set("name", bridge)),
    };
    let addresses = plan.subnets.iter().enumerate().map(|(index, subnet)| {
        let ip =
            element("ip").set("family", "ipv4").set("address", subnet.host).set("prefix", subnet.network.prefix_len());
        // libvirt serves DHCP on one address; the options below make it all of them.
        if index == 0 { ip.with(element("dhcp").with(reserved(&plan.gateway))) } else { ip }
    });
    let fronts = plan.fronts.and_then(|fronts| {
        let host = fronts.hosts().next()?;
        Some(element("ip").set("family", "ipv4").set("address", host).set("prefix", fronts.prefix_len()))
    });
    named
        .with(element("bridge").set("name", &plan.bridge).set("stp", "off").set("delay", "0"))
        .with(element("domain").set("name", &plan.domain).set("localOnly", "yes"))
        .with_all(addresses)
        .with_all(fronts)
        .with_all(plan.outer.iter().filter(|_| plan.host_leads).map(|network| {
            element("route")
                .set("family", "ipv4")
                .set("address", network.network())
                .set("prefix", network.prefix_len())
                .set("gateway", plan.gateway.address)
        }))
        .with(
            element("dnsmasq:options")
                .with_all(options(plan).map(|value| element("dnsmasq:option").set("value", value))),
        )
}

/// What dnsmasq is told besides. A client that takes option 121 ignores the default router, so that it has the default
/// route too. For the first subnet libvirt itself has written the range, which has no tag.
fn options(plan: &NetworkPlan) -> impl Iterator<Item = String> + '_ {
    plan.subnets.iter().enumerate().flat_map(|(index, subnet)| {
        let tag = if index == 0 { String::new() } else { format!("tag:subnet{index},") };
        let SubnetPlan { network, host, gateway } = subnet;
        let range = (index > 0)
            .then(|| format!("dhcp-range=set:subnet{index},{},static,{}", network.network(), network.netmask()));
        let outer: String = plan.outer.iter().map(|network| format!(",{network},{gateway}")).collect();
        let routes = format!(
            "dhcp-option={tag}121,0.0.0.0/0,{host},{WIRE_SERVER_ADDRESS}/32,{gateway},{METADATA_ADDRESS}/32,{gateway}{outer}"
        );
        range.into_iter().chain([routes])
    })
}

fn reserved(reservation: &Reservation) -> Element {
    element("host").set("mac", &reservation.mac).set("name", &reservation.name).set("ip", reservation.address)
}

/// A reservation to be added to a network that runs.
pub fn reservation(reservation: &Reservation) -> String {
    reserved(reservation).render()
}

/// The reservation of a hardware address, to be removed.
pub fn removed_reservation(mac: &str) -> String {
    element("host").set("mac", mac).render()
}

/// A name of an address, to be added to a network that runs.
pub fn name_record(address: IpAddr, name: &str) -> String {
    element("host").set("ip", address).with(element("hostname").text(name)).render()
}

/// The names of an address, to be removed.
pub fn removed_name(address: IpAddr) -> String {
    element("host").set("ip", address).render()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
pub(in super::super) mod tests {
    use super::super::trials::validate;
    use super::*;

    pub(crate) fn plan() -> NetworkPlan {
        let subnet = |network: &str, host: &str, gateway: &str| SubnetPlan {
            network: network.parse().unwrap(),
            host: host.parse().unwrap(),
            gateway: gateway.parse().unwrap(),
        };
        NetworkPlan {
            id: "/subscriptions/s/resourceGroups/RG/providers/Microsoft.Network/virtualNetworks/it's".into(),
            name: "engine-rg-vnet".into(),
            uuid: "6f1c2d5e-7d6f-5b3a-9c1d-111111111111".into(),
            bridge: "eng0123456789".into(),
            forward: Forward::Nat,
            domain: "rg.internal".into(),
            subnets: vec![
                subnet("10.240.0.0/16", "10.240.0.1", "10.240.0.2"),
                subnet("10.241.0.0/16", "10.241.0.1", "10.241.0.2"),
            ],
            fronts: Some("198.18.7.0/24".parse().unwrap()),
            outer: Vec::new(),
            host_leads: false,
            gateway: Reservation {
                mac: "52:54:00:aa:bb:cc".into(),
                name: "gateway".into(),
                address: "10.240.0.2".parse().unwrap(),
            },
        }
    }

    #[test]
    fn a_network_has_one_bridge_for_all_subnets() {
        let text = network(&plan()).render();
        let expected = "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
  <name>engine-rg-vnet</name>
  <uuid>6f1c2d5e-7d6f-5b3a-9c1d-111111111111</uuid>
  <metadata>
    <engine:resource xmlns:engine='urn:engine:libvirt:1' id='/subscriptions/s/resourcegroups/rg/providers/microsoft.network/virtualnetworks/it&apos;s'/>
  </metadata>
  <forward mode='nat'/>
  <bridge name='eng0123456789' stp='off' delay='0'/>
  <domain name='rg.internal' localOnly='yes'/>
  <ip family='ipv4' address='10.240.0.1' prefix='16'>
    <dhcp>
      <host mac='52:54:00:aa:bb:cc' name='gateway' ip='10.240.0.2'/>
    </dhcp>
  </ip>
  <ip family='ipv4' address='10.241.0.1' prefix='16'/>
  <ip family='ipv4' address='198.18.7.1' prefix='24'/>
  <dnsmasq:options>
    <dnsmasq:option value='dhcp-option=121,0.0.0.0/0,10.240.0.1,168.63.129.16/32,10.240.0.2,169.254.169.254/32,10.240.0.2'/>
    <dnsmasq:option value='dhcp-range=set:subnet1,10.241.0.0,static,255.255.0.0'/>
    <dnsmasq:option value='dhcp-option=tag:subnet1,121,0.0.0.0/0,10.241.0.1,168.63.129.16/32,10.241.0.2,169.254.169.254/32,10.241.0.2'/>
  </dnsmasq:options>
</network>
";
        assert_eq!(text, expected);
        assert!(super::super::belongs_to(&text, &plan().id));
        assert!(super::super::belongs_to(&text, "/subscriptions/s/resourceGroups/rg/"));
        assert!(!super::super::belongs_to(&text, "/subscriptions/s/resourceGroups/r"));
        validate("network", &text);
    }

    #[test]
    fn on_a_bridge_of_the_hosts_own_libvirt_serves_nothing() {
        let text = network(&NetworkPlan { forward: Forward::Bridge("br0".into()), ..plan() }).render();
        validate("network", &text);
        assert!(text.contains("<forward mode='bridge'/>\n  <bridge name='br0'/>\n</network>"), "{text}");
        assert!(super::super::belongs_to(&text, &plan().id));
    }

    #[test]
    fn the_gateway_is_the_way_to_addresses_for_the_outside() {
        let outer = vec!["192.0.2.48/28".parse().unwrap(), "192.0.2.70/32".parse().unwrap()];
        let own = NetworkPlan { fronts: None, outer, host_leads: true, ..plan() };
        let text = network(&own).render();
        validate("network", &text);
        let routes = "  <route family='ipv4' address='192.0.2.48' prefix='28' gateway='10.240.0.2'/>\n  <route family='ipv4' \
                      address='192.0.2.70' prefix='32' gateway='10.240.0.2'/>\n";
        assert!(text.contains(routes), "{text}");
        for (tag, gateway) in [("", "10.240.0.2"), ("tag:subnet1,", "10.241.0.2")] {
            let told = format!("169.254.169.254/32,{gateway},192.0.2.48/28,{gateway},192.0.2.70/32,{gateway}'/>");
            assert!(text.contains(&format!("dhcp-option={tag}121,")) && text.contains(&told), "{text}");
        }
        // Where a bridge leads there, the host's own routes stay as they are.
        let text = network(&NetworkPlan { host_leads: false, ..own }).render();
        assert!(!text.contains("<route") && text.contains("192.0.2.70/32"), "{text}");
    }
}
