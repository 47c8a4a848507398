//! Managed disks: volumes that a machine is given by LUN.

use serde_json::{Value as Json, json};

use super::body::{self, invalid};
use super::hosts::Host;
use super::names::object;
use super::placement::on;
use super::work::{Work, types};
use super::xml::disk_volume;
use crate::contract::{Address, Fault, Progress};

/// A GiB.
pub const GIB: u64 = 1 << 30;

/// How many GiB a disk has of which nothing is said.
pub const DEFAULT_DISK: u64 = 32;

/// The name of a disk's volume.
pub fn disk_volume_name(id: &str) -> String {
    format!("{}.disk", object(body::group(id), body::last(id)))
}

/// The id of a machine's data disk: its own, or the one that its name makes. None if it has neither.
pub fn data_disk_id(machine: &str, disk: &Json) -> Option<String> {
    match body::text(disk, "/managedDisk/id") {
        Some(id) => Some(id.to_owned()),
        None => {
            let group = body::parent(machine, "/providers/").unwrap_or_default();
            Some(format!("{group}/providers/{}/{}", types::DISK, body::text(disk, "/name")?))
        }
    }
}

impl Work<'_> {
    /// Makes a disk.
    pub(super) fn apply_disk(&mut self, address: &Address, body: Json) -> Result<Progress, Fault> {
        let option = body::text(&body, "/properties/creationData/createOption").unwrap_or("Empty");
        if !option.eq_ignore_ascii_case("Empty") {
            return Err(invalid(format!("a disk made by `{option}` is not built on-prem"), "make an empty one"));
        }
        let size = body::number(&body, "/properties/diskSizeGB").unwrap_or(DEFAULT_DISK);
        let mut body = body::completed(address, body, "Succeeded");
        if let Some(owner) = self.ledger.get(&address.id).and_then(|record| record.text("/managedBy")) {
            body["managedBy"] = json!(owner);
        }
        let host = self.host_of(&address.id);
        let progress = self.done(address, body, on(host, Json::Null))?;
        self.ensure_disk(host, &address.id, size)?;
        Ok(progress)
    }

    /// Sees to it that a disk's volume is there.
    fn ensure_disk(&self, host: &Host, id: &str, gibibytes: u64) -> Result<(), Fault> {
        let name = disk_volume_name(id);
        if host.hypervisor.volume(self.pool(), &name)?.is_none() {
            let volume = disk_volume(&name, gibibytes.saturating_mul(GIB));
            host.hypervisor.create_volume(self.pool(), &volume.render())?;
        }
        Ok(())
    }

    /// Sees to it that a disk of a machine is there, on the machine's host and recorded as the machine's, and gives its id.
    pub(super) fn ensure_machine_disk(&mut self, host: &Host, machine: &Address, disk: &Json) -> Result<String, Fault> {
        let id = data_disk_id(&machine.id, disk)
            .ok_or_else(|| invalid("a data disk has neither a name nor an id", "name it"))?;
        let size = body::number(disk, "/diskSizeGB").unwrap_or(DEFAULT_DISK);
        let address = Address {
            resource_type: types::DISK.to_owned(),
            api_version: machine.api_version.clone(),
            name: body::last(&id).to_owned(),
            id: id.clone(),
        };
        // One that was on a host that is no more is made anew on the machine's.
        let there = self.disk_host(&id)?;
        if let Some(there) = there.filter(|there| there.id != host.id) {
            let message =
                format!("the disk {} is on {}, and {} on {}", address.name, there.name, machine.name, host.name);
            return Err(invalid(message, "a machine's disks are all on its host: give it others"));
        }
        let known = self.ledger.get(&id);
        let mut body = known.map(|record| record.body.clone()).unwrap_or_else(|| {
            let body = json!({ "properties": { "creationData": { "createOption": "Empty" }, "diskSizeGB": size } });
            body::completed(&address, body, "Succeeded")
        });
        if let Some(owner) = body::text(&body, "/managedBy").filter(|owner| !body::same(owner, &machine.id)) {
            return Err(invalid(format!("the disk {} is attached to {owner}", address.name), "detach it there first"));
        }
        if there.is_none() || body::text(&body, "/managedBy").is_none() {
            body["managedBy"] = json!(machine.id);
            self.put(&address, body, on(host, Json::Null))?;
        }
        self.ensure_disk(host, &id, size)?;
        Ok(id)
    }

    /// Lets a machine's disk go; it stays.
    pub(super) fn release_disk(&mut self, id: &str) -> Result<(), Fault> {
        let Some(record) = self.ledger.get(id).cloned() else { return Ok(()) };
        let mut body = record.body;
        if let Some(fields) = body.as_object_mut() {
            fields.remove("managedBy");
        }
        self.put(&record.address, body, record.local)?;
        Ok(())
    }

    /// Deletes a disk.
    pub(super) fn delete_disk(&mut self, address: &Address) -> Result<Progress, Fault> {
        let owner = self.ledger.get(&address.id).and_then(|record| record.text("/managedBy"));
        if let Some(owner) = owner.and_then(|owner| self.ledger.get(owner)).map(|owner| owner.address.clone()) {
            if !self.is_gone(&owner)? {
                let message = format!("the disk {} is attached to {}", address.name, owner.name);
                return Err(invalid(message, "delete the machine first"));
            }
            self.delete_machine(&owner)?;
        }
        self.remove_volume(&disk_volume_name(&address.id))?;
        self.remove(&address.id)?;
        Ok(Progress::Done(None))
    }
}
