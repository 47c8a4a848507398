//! On which of several hosts a machine is.
//!
//! It stays where it was made. A new one goes where its data disks are; and else, among the hosts of its zone, to the one with the
//! fewest machines of its availability set, then with the fewest of the cluster, then to the first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::body::{self, invalid, items};
use super::disk::{data_disk_id, disk_volume_name};
use super::hosts::Host;
use super::ledger::Record;
use super::work::{Work, types};
use crate::contract::Fault;

/// Where a record says by what the host is known that has its resource.
const HOST: &str = "host";

/// The zones of a region: the hosts are dealt out to them in turn.
const ZONES: usize = 3;

/// By what the host is known on which a resource is that is on one; `None`: it is on the first, as all were before there were
/// several.
fn recorded(record: &Record) -> Option<&str> {
    record.local[HOST].as_str()
}

/// What of a record's local part says on which host its resource is.
pub fn on(host: &Host, mut local: Json) -> Json {
    // The only one needs none, and records of before have none.
    if !host.id.is_empty() {
        local[HOST] = host.id.as_str().into();
    }
    local
}

impl<'a> Work<'a> {
    /// The host that has what a record describes, if it is among them.
    fn recorded_host(&self, record: &Record) -> Option<&'a Host> {
        let hosts = self.hosts;
        recorded(record).map_or(Some(hosts.first()), |id| hosts.find(id))
    }

    /// The host on which a machine or a disk is. What was made on one that is not among them any more is looked for on the first: it
    /// is not found there, and counts as gone.
    pub fn host_of(&self, id: &str) -> &'a Host {
        let hosts = self.hosts;
        self.ledger.get(id).and_then(|record| self.recorded_host(record)).unwrap_or(hosts.first())
    }

    /// Refuses to tell of what is on none of the hosts that can be asked while others cannot: it may be on those.
    ///
    /// # Errors
    /// It is so.
    pub fn check_absent(&self, record: &Record) -> Result<(), Fault> {
        if self.recorded_host(record).is_some() { Ok(()) } else { self.hosts.require_all() }
    }

    /// The host that has a data disk, if one has it.
    ///
    /// # Errors
    /// A host does not answer.
    pub fn disk_host(&self, id: &str) -> Result<Option<&'a Host>, Fault> {
        if let Some(record) = self.ledger.get(id) {
            return Ok(self.recorded_host(record));
        }
        // Its record may be lost; what is in it must not be.
        let (hosts, name) = (self.hosts, disk_volume_name(id));
        for host in hosts.all() {
            if host.hypervisor.volume(self.pool(), &name)?.is_some() {
                return Ok(Some(host));
            }
        }
        Ok(None)
    }

    /// Reads what was not read before, for work in the group of a resource.
    ///
    /// # Errors
    /// The pool cannot be read; what [`Self::check_hosts`] refuses.
    pub fn refresh_for(&mut self, id: &str) -> Result<(), Fault> {
        self.refresh()?;
        self.check_hosts(id)
    }

    /// Refuses to do anything in the group of a resource that is known to have hosts of which nobody says which they are: what is
    /// there would count as gone.
    ///
    /// # Errors
    /// The group's machines are on several hosts, and the only one that is known has no name.
    fn check_hosts(&self, id: &str) -> Result<(), Fault> {
        // Other groups may have their records on this host, too.
        let is_of_group = |machine: &&Record| body::group(&machine.address.id).eq_ignore_ascii_case(body::group(id));
        let machines = self.ledger.of_type(types::MACHINE).filter(is_of_group);
        let hosts: BTreeSet<&str> = machines.filter_map(recorded).collect();
        if self.hosts.first().name.is_empty() && hosts.len() > 1 {
            let message = format!("machines are on {} hosts, and no model says which these are", hosts.len());
            return Err(invalid(message, "put the cluster's apimodel.json back into its folder, or name the model"));
        }
        Ok(())
    }

    /// The host for a machine that is to be made.
    ///
    /// # Errors
    /// A host does not answer.
    pub fn place(&self, id: &str, machine: &Json) -> Result<&'a Host, Fault> {
        let hosts = self.hosts;
        if let Some(host) = self.ledger.get(id).and_then(|record| self.recorded_host(record)) {
            return Ok(host);
        }
        for disk in items(machine, "/properties/storageProfile/dataDisks") {
            let disk = data_disk_id(id, disk).map(|disk| self.disk_host(&disk)).transpose()?;
            if let Some(host) = disk.flatten() {
                return Ok(host);
            }
        }
        let zone = items(machine, "/zones").next().and_then(Json::as_str).and_then(|zone| zone.parse::<usize>().ok());
        let in_zone = |place: usize| {
            let zones = hosts.count().min(ZONES);
            zone.is_none_or(|zone| place % zones == zone.saturating_sub(1) % zones)
        };
        let set = body::id(machine, "/properties/availabilitySet");
        let candidates = hosts.all().enumerate().filter(|(place, _)| in_zone(*place));
        let best = candidates.max_by_key(|(place, host)| {
            let (of_set, of_all) = self.machines_on(host, set, id);
            (Reverse(of_set), Reverse(of_all), Reverse(*place))
        });
        Ok(best.map_or(hosts.first(), |(_, host)| host))
    }

    /// How many machines of an availability set a host has, and how many of the group; one machine does not count.
    fn machines_on(&self, host: &Host, set: Option<&str>, but: &str) -> (usize, usize) {
        let mut counts = (0, 0);
        let is_other = |machine: &&Record| {
            let id = &machine.address.id;
            !body::same(id, but) && body::group(id).eq_ignore_ascii_case(body::group(but))
        };
        let is_here = |machine: &&Record| self.recorded_host(machine).is_some_and(|own| own.id == host.id);
        for machine in self.ledger.of_type(types::MACHINE).filter(is_other).filter(is_here) {
            let own = body::id(&machine.body, "/properties/availabilitySet");
            counts.0 += usize::from(set.is_some_and(|set| own.is_some_and(|own| body::same(own, set))));
            counts.1 += 1;
        }
        counts
    }
}
