//! Resource groups: a record that holds a range for front ends; deleting one deletes all that is in it.

use ipnet::Ipv4Net;
use serde_json::{Value as Json, json};

use super::body::{self, invalid};
use super::hypervisor::Hypervisor;
use super::ledger::records_of_group;
use super::names::{group_prefix, is_of_group, short_digest};
use super::settings::FRONT_RANGE;
use super::work::{Work, types};
use super::xml::{belongs_to, is_of_a_resource};
use crate::contract::{Address, Fault, Progress};

/// The range that a group's record holds.
pub fn fronts(local: &Json) -> Option<Ipv4Net> {
    local["fronts"].as_str()?.parse().ok()
}

impl Work<'_> {
    /// Records a group.
    pub(super) fn apply_group(&mut self, address: &Address, body: Json) -> Result<Progress, Fault> {
        let before = self.ledger.get(&address.id).and_then(|record| fronts(&record.local));
        let range = match before {
            Some(range) => range,
            None => self.free_fronts(&address.id)?,
        };
        let body = body::completed(address, body, "Succeeded");
        self.done(address, body, json!({ "fronts": range.to_string() }))
    }

    /// A /24 that no other group has; which one is tried first follows from the id.
    fn free_fronts(&self, id: &str) -> Result<Ipv4Net, Fault> {
        let taken: Vec<Ipv4Net> =
            self.ledger.of_type(types::GROUP).filter_map(|record| fronts(&record.local)).collect();
        let all: Vec<Ipv4Net> = FRONT_RANGE.subnets(24).into_iter().flatten().collect();
        let first = usize::from_str_radix(&short_digest(id, 4), 16).unwrap_or_default();
        (0..all.len())
            .filter_map(|step| all.get((first + step) % all.len()))
            .find(|range| !taken.contains(range))
            .copied()
            .ok_or_else(|| invalid("there are 512 groups on this host already", "destroy one that nobody needs"))
    }

    /// Deletes a group with all that is in it, also what no record tells of any more.
    pub(super) fn delete_group(&mut self, address: &Address) -> Result<Progress, Fault> {
        let group = body::last(&address.id).to_owned();
        let below = format!("{}/", address.id);
        for hypervisor in self.hypervisors() {
            self.clear(hypervisor, &group, &below)?;
        }
        let below = below.to_ascii_lowercase();
        let ids: Vec<String> = self
            .ledger
            .all()
            .map(|record| record.address.id.clone())
            .filter(|id| id.to_ascii_lowercase().starts_with(&below))
            .collect();
        for id in ids {
            self.remove(&id)?;
        }
        let records = records_of_group(&address.id);
        let own = format!("{records}{}", short_digest(&address.id, 32));
        let pool = self.pool().to_owned();
        let volumes = self.hypervisor.volumes(&pool)?;
        for name in volumes.iter().filter(|name| name.starts_with(&records) && !name.starts_with(&own)) {
            self.hypervisor.remove_volume(&pool, name)?;
        }
        self.remove(&address.id)?;
        Ok(Progress::Done(None))
    }

    /// Removes from a host whatever belongs to a group, but for its records.
    fn clear(&self, hypervisor: &dyn Hypervisor, group: &str, below: &str) -> Result<(), Fault> {
        let of_group =
            |names: Vec<String>| names.into_iter().filter(|name| is_of_group(name, group)).collect::<Vec<_>>();
        let (mut domains, mut networks) = (Vec::new(), Vec::new());
        for name in of_group(hypervisor.domains()?) {
            domains.extend(hypervisor.domain(&name)?.map(|domain| (name, domain.xml)));
        }
        for name in of_group(hypervisor.networks()?) {
            networks.extend(hypervisor.network(&name)?.map(|network| (name, network.xml)));
        }
        let is_own = |it: &&(String, String)| belongs_to(&it.1, below);
        // Filters and volumes tell no more than the group's name.
        if domains.iter().chain(&networks).any(|it| is_of_a_resource(&it.1) && !is_own(&it)) {
            let message = format!("a host has machines or networks of another group {group}, from another place");
            return Err(invalid(message, "destroy that cluster first, or take the host out of the model"));
        }
        for (name, _) in domains.iter().filter(is_own) {
            hypervisor.remove_domain(name)?;
        }
        for (name, _) in networks.iter().filter(is_own) {
            hypervisor.remove_network(name)?;
            if let Some(gateways) = self.gateways {
                gateways.remove(name)?;
            }
        }
        // Those of interfaces name those of security groups.
        let mut filters: Vec<String> =
            hypervisor.filters()?.into_iter().filter(|name| is_of_group(name, group)).collect();
        filters.sort_by_key(|name| !name.ends_with(".nic"));
        for name in filters {
            hypervisor.remove_filter(&name)?;
        }
        let prefix = group_prefix(group);
        let volumes = hypervisor.volumes(self.pool())?;
        for name in volumes.iter().filter(|name| name.starts_with(&prefix) && is_of_group(name, group)) {
            hypervisor.remove_volume(self.pool(), name)?;
        }
        Ok(())
    }
}
