//! One request at work: the hypervisor, the ledger, and what all families of resources do with them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::MutexGuard;

use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::body::{self, invalid};
use super::gateways::Gateways;
use super::hosts::Hosts;
use super::hypervisor::{Answer, Hypervisor};
use super::ledger::{Ledger, Record};
use super::settings::Settings;
use super::told;
use super::xml::{FilterPlan, filter};
use crate::contract::{Address, Fault, FaultClass, Observation, OperationHandle, Progress};

/// The types of resources that are looked for by others.
pub mod types {
    /// Resource groups.
    pub const GROUP: &str = crate::graph::GROUP_TYPE;
    /// Virtual networks.
    pub const NETWORK: &str = "Microsoft.Network/virtualNetworks";
    /// Security groups.
    pub const SECURITY_GROUP: &str = "Microsoft.Network/networkSecurityGroups";
    /// Public addresses.
    pub const PUBLIC_ADDRESS: &str = "Microsoft.Network/publicIPAddresses";
    /// Load balancers.
    pub const BALANCER: &str = "Microsoft.Network/loadBalancers";
    /// Interfaces.
    pub const INTERFACE: &str = "Microsoft.Network/networkInterfaces";
    /// Machines.
    pub const MACHINE: &str = "Microsoft.Compute/virtualMachines";
    /// Extensions of machines.
    pub const EXTENSION: &str = "Microsoft.Compute/virtualMachines/extensions";
    /// Disks.
    pub const DISK: &str = "Microsoft.Compute/disks";
}

/// A request at work. No other is meanwhile: what is allotted is recorded before the next one looks.
pub struct Work<'a> {
    /// All hosts.
    pub hosts: &'a Hosts,
    /// The hypervisor of the first host: what is not on one of several or on each of them is there.
    pub hypervisor: &'a dyn Hypervisor,
    /// The gateways, if there are any.
    pub gateways: Option<&'a dyn Gateways>,
    /// The settings.
    pub settings: &'a Settings,
    /// What time it is.
    pub now: Timestamp,
    /// The ledger.
    pub ledger: MutexGuard<'a, Ledger>,
}

/// A resource as it is read back.
pub fn observation(record: &Record) -> Observation {
    Observation { body: record.body.clone(), etag: Some(record.etag()) }
}

impl<'a> Work<'a> {
    /// The pool's name.
    pub fn pool(&self) -> &str {
        &self.settings.storage_pool
    }

    /// The hypervisors of all hosts.
    pub fn hypervisors(&self) -> impl Iterator<Item = &'a dyn Hypervisor> + use<'a> {
        self.hosts.all().map(|host| &*host.hypervisor)
    }

    /// Makes a packet filter on every host, or changes it.
    ///
    /// # Errors
    /// A host does not take it.
    pub fn define_filter(&self, plan: &FilterPlan) -> Answer<()> {
        let text = filter(plan).render();
        self.hypervisors().try_for_each(|hypervisor| hypervisor.define_filter(&text))
    }

    /// Removes a packet filter from every host.
    ///
    /// # Errors
    /// A host does not let it go.
    pub fn remove_filter(&self, name: &str) -> Answer<()> {
        self.hypervisors().try_for_each(|hypervisor| hypervisor.remove_filter(name))
    }

    /// Removes a volume from whichever host has it.
    ///
    /// # Errors
    /// A host does not let it go.
    pub fn remove_volume(&self, name: &str) -> Answer<()> {
        self.hypervisors().try_for_each(|hypervisor| hypervisor.remove_volume(self.pool(), name))
    }

    /// Reads what was not read before.
    ///
    /// # Errors
    /// The pool cannot be read.
    pub fn refresh(&mut self) -> Result<(), Fault> {
        Ok(self.ledger.refresh(self.hypervisor, &self.settings.storage_pool)?)
    }

    /// A record, read anew.
    ///
    /// # Errors
    /// The pool cannot be read.
    pub fn read(&mut self, id: &str) -> Result<Option<Record>, Fault> {
        Ok(self.ledger.read(self.hypervisor, &self.settings.storage_pool, id)?.cloned())
    }

    /// Writes a record.
    ///
    /// # Errors
    /// The pool cannot be written.
    pub fn put(&mut self, address: &Address, body: Json, local: Json) -> Result<Record, Fault> {
        Ok(self.ledger.put(self.hypervisor, &self.settings.storage_pool, address, body, local)?.clone())
    }

    /// Removes a record.
    ///
    /// # Errors
    /// The pool cannot be written.
    pub fn remove(&mut self, id: &str) -> Result<(), Fault> {
        Ok(self.ledger.remove(self.hypervisor, &self.settings.storage_pool, id)?)
    }

    /// Writes a record of a resource of which more is to be done: until [`Self::finish`] it counts as failed, so that whoever is
    /// killed meanwhile, or does not get to one of the hosts, does it again.
    ///
    /// # Errors
    /// The pool cannot be written.
    pub fn begin(&mut self, address: &Address, mut body: Json, local: Json) -> Result<Record, Fault> {
        body["properties"]["provisioningState"] = "Failed".into();
        self.put(address, body, local)
    }

    /// Writes that all is done of a resource, and gives it as it is read back.
    ///
    /// # Errors
    /// The pool cannot be written.
    pub fn finish(&mut self, record: Record) -> Result<Progress, Fault> {
        let mut body = record.body;
        body["properties"]["provisioningState"] = "Succeeded".into();
        self.done(&record.address, body, record.local)
    }

    /// Writes a record of a resource that is done with it, and gives it as it is read back.
    ///
    /// # Errors
    /// The pool cannot be written.
    pub fn done(&mut self, address: &Address, body: Json, local: Json) -> Result<Progress, Fault> {
        let record = self.put(address, body, local)?;
        Ok(Progress::Done(Some(observation(&record))))
    }

    /// What goes on with a resource, and is asked about again after a while.
    pub fn running(&self, kind: &str, url: String, address: &Address) -> Progress {
        let operation =
            OperationHandle { url, kind: kind.to_owned(), result: Some(address.clone()), reads_as_made: false };
        Progress::Running(operation, Some(self.settings.ask_again()))
    }

    /// A record that another resource refers to.
    ///
    /// # Errors
    /// It is not there.
    pub fn referred(&self, id: &str) -> Result<Record, Fault> {
        self.ledger.get(id).cloned().ok_or_else(|| {
            Fault::new(FaultClass::NotFound, "", format!("{id}, to which this refers, is not there"))
                .help("run `engine plan` to see what is missing")
        })
    }

    /// A subnet with its network's record.
    ///
    /// # Errors
    /// It is not there.
    pub fn subnet(&self, id: &str) -> Result<(Record, told::Subnet), Fault> {
        let network = body::parent(id, "/subnets/").unwrap_or(id);
        let record = self.referred(network)?;
        let name = body::last(id);
        let found = told::subnets(&record)?.into_iter().find(|subnet| subnet.name.eq_ignore_ascii_case(name));
        let found =
            found.ok_or_else(|| Fault::new(FaultClass::NotFound, "", format!("{network} has no subnet {name}")))?;
        Ok((record, found))
    }

    /// The address that is wanted of a subnet, or its first free one. Azure keeps the first four and the last.
    ///
    /// # Errors
    /// An address that is another's, or that the subnet does not have; a subnet that is full.
    pub fn allot(
        &self,
        network: Ipv4Net,
        taken: &BTreeSet<IpAddr>,
        wanted: Option<IpAddr>,
        what: &str,
    ) -> Result<Ipv4Addr, Fault> {
        let last = network.broadcast().to_bits() - network.network().to_bits();
        if let Some(wanted) = wanted {
            let inside = match wanted {
                IpAddr::V4(address) if network.contains(&address) => {
                    let offset = address.to_bits() - network.network().to_bits();
                    ((4..last).contains(&offset)).then_some(address)
                }
                _ => None,
            };
            let help = "give it another address, or none";
            let address = inside.ok_or_else(|| invalid(format!("{what}: {network} cannot give {wanted}"), help))?;
            if taken.contains(&wanted) {
                return Err(invalid(format!("{what}: {wanted} is another's"), help));
            }
            return Ok(address);
        }
        (4..last)
            .map(|offset| body::ipv4_at(network, offset))
            .find(|address| !taken.contains(&IpAddr::V4(*address)))
            .ok_or_else(|| invalid(format!("{what}: {network} has no free address"), "make the range larger"))
    }

    /// The private addresses that all resources but one hold in a subnet.
    pub fn taken(&self, subnet: &str, but: &str) -> BTreeSet<IpAddr> {
        let holders = [
            (types::INTERFACE, "/properties/ipConfigurations"),
            (types::BALANCER, "/properties/frontendIPConfigurations"),
        ];
        let mut taken = BTreeSet::new();
        for (resource_type, pointer) in holders {
            for record in self.ledger.of_type(resource_type).filter(|record| !body::same(&record.address.id, but)) {
                let inside = body::items(&record.body, pointer).filter(|configuration| {
                    body::id(configuration, "/properties/subnet").is_some_and(|id| body::same(id, subnet))
                });
                taken.extend(inside.filter_map(|it| body::address(it, "/properties/privateIPAddress")));
            }
        }
        taken
    }

    /// The interfaces with an address in a network.
    pub fn interfaces_of<'b>(&'b self, network: &'b str) -> impl Iterator<Item = &'b Record> + use<'a, 'b> {
        self.ledger
            .of_type(types::INTERFACE)
            .filter(move |record| told::network_of_interface(record).is_some_and(|own| body::same(own, network)))
    }
}
