//! The hosts of a cluster: one, or several with a bridge into the same network.
//!
//! The first one has the ledger and the gateways, one of the others their seconds. Networks and packet filters are on each, so that a machine may be on any; and a
//! machine is on one, with its volumes and with the image that they start from.

use std::sync::Arc;

use super::hypervisor::Hypervisor;
use crate::contract::{Fault, FaultClass};

/// A host.
#[derive(Clone)]
pub struct Host {
    /// Its name in the model; empty for the only one, which nobody has named.
    pub name: String,
    /// What it is known by, whatever the model calls it: the UUID of its storage pool. Empty where it does not matter, since there
    /// is no other.
    pub id: String,
    /// Its hypervisor.
    pub hypervisor: Arc<dyn Hypervisor>,
}

/// A host of the model's that did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentHost {
    /// Its name in the model.
    pub name: String,
    /// What was told in its place.
    pub why: String,
}

/// The hosts, in the model's order.
#[derive(Clone)]
pub struct Hosts {
    first: Host,
    others: Vec<Host>,
    absent: Vec<AbsentHost>,
}

impl Hosts {
    /// The hosts.
    pub fn new(first: Host, others: Vec<Host>) -> Self {
        Self { first, others, absent: Vec::new() }
    }

    /// The same beside others that do not answer. What is on those that do can be looked at; nothing can be changed.
    #[must_use]
    pub fn without(mut self, absent: Vec<AbsentHost>) -> Self {
        self.absent = absent;
        self
    }

    /// What is to be said of something for which all have to answer; nothing if all do.
    ///
    /// # Errors
    /// Some do not.
    pub fn require_all(&self) -> Result<(), Fault> {
        let Some(first) = self.absent.first() else { return Ok(()) };
        let names: Vec<&str> = self.absent.iter().map(|host| host.name.as_str()).collect();
        let verb = if names.len() == 1 { "does" } else { "do" };
        let message = format!("{} {verb} not answer: {}", names.join(", "), first.why);
        let mut fault = Fault::new(FaultClass::Unavailable, "libvirt", message).help(
            "see that libvirtd runs there, and that its address can be reached: `engine doctor` tells of each host",
        );
        // It was asked when the engine began, and will not be asked again: there is nothing to wait for.
        fault.retry_after = Some(std::time::Duration::ZERO);
        Err(fault)
    }

    /// The one with the ledger and the gateways.
    pub fn first(&self) -> &Host {
        &self.first
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Host> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// The host that is known by this, if it is among them.
    pub fn find(&self, id: &str) -> Option<&Host> {
        self.all().find(|host| host.id == id)
    }
}

impl<H: Hypervisor + 'static> From<Arc<H>> for Hosts {
    fn from(hypervisor: Arc<H>) -> Self {
        Self::new(Host { name: String::new(), id: String::new(), hypervisor }, Vec::new())
    }
}
