//! The hosts on-prem.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::base::Diagnostic;

use super::super::input::{OnPremProfile, OnPremSizeInput};
use super::super::on_prem::{
    AddressRange, DataSource, GATEWAY, NetworkMode, OnPrem, OnPremHost, OnPremImage, OnPremSize, STORAGE_POOL,
};
use super::super::pointers::ON_PREM;
use super::Resolver;

impl Resolver<'_> {
    pub(super) fn on_prem(&mut self, given: Option<&OnPremProfile>) -> Option<OnPrem> {
        let profile = given?.clone();
        let at = |name: &str| format!("{ON_PREM}/{name}");
        let bridge = profile.bridge.filter(|bridge| !bridge.is_empty());
        let mode = profile.network_mode.as_deref().map(|word| match word {
            "routed" => NetworkMode::Routed,
            "bridged" => NetworkMode::Bridged,
            _ => NetworkMode::Nat,
        });
        let data_source = profile.data_source.as_deref().map(|word| match word {
            "NoCloud" => DataSource::NoCloud,
            _ => DataSource::Azure,
        });
        // Several hosts have nothing in common but their bridge.
        let several = profile.hosts.as_ref().is_some_and(|hosts| hosts.len() > 1);
        let (default_mode, reason) = if several {
            (NetworkMode::Bridged, "several hosts share their bridge only")
        } else {
            (NetworkMode::Nat, "needs nothing of the network around the host")
        };
        Some(OnPrem {
            hosts: profile
                .hosts
                .unwrap_or_default()
                .into_iter()
                .map(|host| OnPremHost { name: host.name.unwrap_or_default(), uri: host.uri.unwrap_or_default() })
                .collect(),
            storage_pool: self.or(
                profile.storage_pool,
                &at("storagePool"),
                "`engine host init` makes it",
                STORAGE_POOL.to_owned(),
            ),
            image: profile.image.filter(|image| !image.is_empty()).map(|image| {
                if image.contains('/') {
                    let folder = self.folder.join(image);
                    OnPremImage::Folder(std::path::absolute(&folder).unwrap_or(folder))
                } else {
                    OnPremImage::Volume(image)
                }
            }),
            data_source: self.or(
                data_source,
                &at("dataSource"),
                "images that the engine makes are provisioned as Azure's",
                DataSource::Azure,
            ),
            addresses: self.on_prem_ranges(profile.addresses, &at("addresses")),
            service_addresses: self.on_prem_ranges(profile.service_addresses, &at("serviceAddresses")),
            bridge,
            router: profile.router.filter(|text| !text.is_empty()).and_then(|text| self.on_prem_router(&text)),
            network_mode: self.or(mode, &at("networkMode"), reason, default_mode),
            name_servers: self.on_prem_name_servers(profile.name_servers, &at("nameServers")),
            sizes: profile.sizes.unwrap_or_default().into_iter().map(|(name, given)| (name, size(&given))).collect(),
            gateway: self.or(
                profile.gateway.as_ref().map(size),
                &at("gateway"),
                "it passes packets on and answers small questions",
                GATEWAY,
            ),
            slow_host: self.or(
                profile.slow_host,
                &at("slowHost"),
                "where hosts do not emulate processors, failures are to be noticed soon",
                false,
            ),
        })
    }

    fn on_prem_router(&mut self, text: &str) -> Option<Ipv4Net> {
        let router = text.parse::<Ipv4Net>().ok().filter(|router| router.prefix_len() < 31);
        let is_one = |router: &Ipv4Net| ![router.network(), router.broadcast()].contains(&router.addr());
        let router = router.filter(is_one);
        if router.is_none() {
            let message = format!("\"{text}\" is no router with its network's prefix");
            let fault = Diagnostic::error("on-prem-addresses", format!("{ON_PREM}/router"), message);
            self.findings.judge(&[], fault.help("write its address and the network's prefix, such as 192.168.1.1/24"));
        }
        router
    }

    fn on_prem_name_servers(&mut self, texts: Option<Vec<String>>, pointer: &str) -> Vec<Ipv4Addr> {
        let mut servers = Vec::new();
        for (index, text) in texts.unwrap_or_default().iter().enumerate() {
            match text.parse::<Ipv4Addr>() {
                Ok(server) if !server.is_unspecified() && !server.is_loopback() && !server.is_multicast() => {
                    servers.push(server);
                }
                _ => {
                    let message = format!("\"{text}\" is no address of a name server");
                    let fault = Diagnostic::error("on-prem-addresses", format!("{pointer}/{index}"), message);
                    self.findings.judge(&[], fault.help("write an address of IPv4, such as 192.168.1.1"));
                }
            }
        }
        servers
    }

    fn on_prem_ranges(&mut self, texts: Option<Vec<String>>, pointer: &str) -> Vec<AddressRange> {
        let mut ranges = Vec::new();
        for (index, text) in texts.unwrap_or_default().iter().enumerate() {
            match AddressRange::parse(text) {
                Some(range) => ranges.push(range),
                None => {
                    let message = format!("\"{text}\" is no range of IPv4 addresses");
                    let fault = Diagnostic::error("on-prem-addresses", format!("{pointer}/{index}"), message);
                    let help = "write 192.168.1.40-192.168.1.49, 192.168.1.48/28 or 192.168.1.40";
                    self.findings.judge(&[], fault.help(help));
                }
            }
        }
        ranges
    }
}

/// The schema asks for both numbers.
fn size(given: &OnPremSizeInput) -> OnPremSize {
    OnPremSize { processors: given.processors.unwrap_or(1), memory_mib: given.memory_mib.unwrap_or(256) }
}
