//! Public addresses: one of the site's, where it has some, or one that only the host reaches.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value as Json, json};

use super::body::{self, invalid};
use super::group::fronts;
use super::work::{Work, types};
use crate::contract::{Address, Fault, Progress};

impl Work<'_> {
    /// Allots an address.
    pub(super) fn apply_public_address(&mut self, address: &Address, body: Json) -> Result<Progress, Fault> {
        if body::text(&body, "/properties/publicIPAddressVersion")
            .is_some_and(|version| version.eq_ignore_ascii_case("IPv6"))
        {
            return Err(invalid("on-prem there are public addresses of IPv4 alone", "leave out the second family"));
        }
        let before = self.ledger.get(&address.id);
        let kept = before.and_then(|record| body::address(&record.body, "/properties/ipAddress"));
        let given = match kept {
            Some(given) => given,
            None => IpAddr::V4(self.free_public_address(address)?),
        };
        let mut body = body::completed(address, body, "Succeeded");
        body["properties"]["ipAddress"] = json!(given);
        body["properties"]["publicIPAddressVersion"] = json!("IPv4");
        // A domain that is nobody's: ICANN keeps `internal` for private use (from memory).
        if let Some(label) = body::text(&body, "/properties/dnsSettings/domainNameLabel").map(str::to_owned) {
            let location = body::text(&body, "/location").unwrap_or("local").to_ascii_lowercase().replace(' ', "");
            body["properties"]["dnsSettings"]["fqdn"] = json!(format!("{label}.{location}.internal"));
        }
        let progress = self.done(address, body, Json::Null)?;
        self.sync_networks(body::group(&address.id))?;
        self.sync_gateways()?;
        Ok(progress)
    }

    fn free_public_address(&self, address: &Address) -> Result<Ipv4Addr, Fault> {
        let taken: BTreeSet<IpAddr> = self
            .ledger
            .of_type(types::PUBLIC_ADDRESS)
            .filter_map(|record| body::address(&record.body, "/properties/ipAddress"))
            .collect();
        if self.settings.addresses.is_empty() {
            let group = body::parent(&address.id, "/providers/").unwrap_or_default();
            let group = self.referred(group)?;
            let range = fronts(&group.local)
                .ok_or_else(|| invalid("the resource group has no range for front ends", "apply the group again"))?;
            return self.allot(range, &taken, None, &address.name);
        }
        let mut all = self.settings.addresses.iter().flat_map(|range| range.addresses());
        all.find(|address| !taken.contains(&IpAddr::V4(*address)))
            .ok_or_else(|| invalid("no public address is free", "give the on-prem profile more `addresses`"))
    }

    /// Gives an address back.
    pub(super) fn delete_public_address(&mut self, address: &Address) -> Result<Progress, Fault> {
        self.remove(&address.id)?;
        self.sync_networks(body::group(&address.id))?;
        self.sync_gateways_of_less()?;
        Ok(Progress::Done(None))
    }
}
