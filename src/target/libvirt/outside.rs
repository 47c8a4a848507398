//! What a network has of the site around its host. It is settled when the network is made, and kept in its record: the clusters
//! of a host have models of their own, and machines are told the way when they start.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{Ipv4Net, Ipv4Subnets};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::ledger::Record;
use super::settings::{NetworkMode, Settings, Site};
use crate::base::networks_overlap;
use crate::model::AddressRange;

/// The entry in a network's record.
pub const OUTSIDE: &str = "outside";

/// A network's part of the site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outside {
    /// Public addresses, as networks; without any, front ends are reached from the host alone.
    pub addresses: Vec<Ipv4Net>,
    /// Addresses for the cluster's own services.
    pub service_addresses: Vec<Ipv4Net>,
    /// The way into the site; without one, the host leads to the addresses.
    pub site: Option<Site>,
    /// How machines reach it; a network that was made before this was kept has it of the cluster's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<NetworkMode>,
    /// Whom the gateway asks for names that are not the cluster's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub name_servers: Vec<Ipv4Addr>,
}

impl Outside {
    /// As the cluster's model says, and what its host was prepared with.
    pub fn of_settings(settings: &Settings) -> Self {
        let router = settings.site.as_ref().and_then(|site| site.router).map(|router| router.addr());
        let name_servers = match settings.name_servers.as_slice() {
            _ if settings.network_mode != NetworkMode::Bridged => Vec::new(),
            [] => router.into_iter().collect(),
            named => named.to_vec(),
        };
        Self {
            addresses: networks(&settings.addresses),
            service_addresses: networks(&settings.service_addresses),
            site: settings.site.clone(),
            mode: Some(settings.network_mode),
            name_servers,
        }
    }

    /// As it was settled for a network. One that an engine made which knew of no site has nothing of it.
    pub fn of(network: &Record) -> Self {
        serde_json::from_value(network.local[OUTSIDE].clone()).unwrap_or_default()
    }

    /// For the record.
    pub fn to_json(&self) -> Json {
        json!(self)
    }

    /// All addresses that the gateway may hold for the outside.
    pub fn networks(&self) -> Vec<Ipv4Net> {
        self.addresses.iter().chain(&self.service_addresses).copied().collect()
    }

    /// Whether an address is held where the site is reached.
    pub fn is_held_in_site(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else { return false };
        self.site.is_some() && self.addresses.iter().any(|network| network.contains(&address))
    }

    /// The bridge into the site, where machines stand on it themselves: then the gateway is their router, and tells them of
    /// themselves.
    pub fn machines_bridge(&self) -> Option<&str> {
        let bridged = self.mode == Some(NetworkMode::Bridged);
        self.site.as_ref().filter(|_| bridged).map(|site| site.bridge.as_str())
    }

    /// Whether the host leads to some address for both.
    pub fn collides_on_host(&self, other: &Self) -> Option<Ipv4Addr> {
        if self.site.is_some() || other.site.is_some() {
            return None;
        }
        let others = other.networks();
        let networks = self.networks();
        let meets = |one: &&Ipv4Net| others.iter().any(|other| networks_overlap(**one, *other));
        networks.iter().find(meets).map(Ipv4Net::network)
    }
}

/// The fewest networks that are just these addresses.
fn networks(ranges: &[AddressRange]) -> Vec<Ipv4Net> {
    ranges.iter().flat_map(|range| Ipv4Subnets::new(range.first, range.last, 0)).collect()
}
