//! Address arithmetic on IPv4 and IPv6 networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Reads a network in CIDR notation; bits beyond the prefix are cut off.
pub fn parse_network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().map(|network| network.trunc())
}

/// How many addresses a network holds, its own and the broadcast address included (saturating).
pub fn network_size(network: IpNet) -> u128 {
    let host_bits = network.max_prefix_len() - network.prefix_len();
    if host_bits >= 128 { u128::MAX } else { 1 << host_bits }
}

/// The address at `offset` from the start of `network`; `None` if that lies outside.
pub fn address_at(network: IpNet, offset: u128) -> Option<IpAddr> {
    if offset >= network_size(network) {
        return None;
    }
    Some(match network.network() {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() + u32::try_from(offset).ok()?)),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() + offset)),
    })
}

/// Whether the whole of `inner` lies in `outer`.
pub fn network_contains(outer: IpNet, inner: IpNet) -> bool {
    outer.contains(&inner)
}

/// Whether two networks have addresses in common: then the one holds the other.
pub fn networks_overlap(one: impl Into<IpNet>, other: impl Into<IpNet>) -> bool {
    let (one, other) = (one.into(), other.into());
    one.contains(&other) || other.contains(&one)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn networks_overlap_where_one_holds_the_other() {
        let net = |text: &str| parse_network(text).unwrap();
        assert!(
            networks_overlap(net("10.0.0.0/8"), net("10.1.0.0/16"))
                && networks_overlap(net("fd00::/64"), net("fd00::/8"))
        );
        assert!(
            !networks_overlap(net("10.0.0.0/16"), net("10.1.0.0/16"))
                && !networks_overlap(net("0.0.0.0/0"), net("::/0"))
        );
    }

    #[test]
    fn counts_from_the_start_of_the_network() {
        let network = parse_network("10.0.0.17/16").unwrap();
        assert_eq!(network.to_string(), "10.0.0.0/16");
        assert_eq!(address_at(network, 10).unwrap().to_string(), "10.0.0.10");
        assert_eq!(address_at(network, 65535).unwrap().to_string(), "10.0.255.255");
        assert_eq!(address_at(network, 65536), None);
        assert_eq!(network_size(network), 65536);
    }
}
