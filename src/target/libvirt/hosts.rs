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

/// A host of the model's that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentHost {
    /// Its name in the model.
    pub name: String,
    /// Why.
    pub fault: Fault,
}

/// The code of the fault that tells of hosts which cannot be asked.
pub const HOST_ABSENT: &str = "HostAbsent";

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

    /// The same beside others that cannot be asked. What is on those that can may be looked at; nothing can be changed.
    #[must_use]
    pub fn without(mut self, absent: Vec<AbsentHost>) -> Self {
        self.absent = absent;
        self
    }

    /// Refuses what needs all hosts while some cannot be asked.
    ///
    /// # Errors
    /// It is so. Nobody will ask them again in this process, so the fault is none that passes.
    pub fn require_all(&self) -> Result<(), Fault> {
        let Some(first) = self.absent.first() else { return Ok(()) };
        let why = |host: &AbsentHost| format!("{} cannot be asked: {}", host.name, host.fault.message);
        let message = self.absent.iter().map(why).collect::<Vec<_>>().join("; ");
        let class = if first.fault.class.is_retryable() { FaultClass::Failed } else { first.fault.class };
        let help = "`engine doctor` tells how it is with each host";
        let help = first.fault.help.as_ref().map_or_else(|| help.to_owned(), |own| format!("{own}; {help}"));
        Err(Fault::new(class, HOST_ABSENT, message).help(help))
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
