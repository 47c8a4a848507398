//! The hosts of a cluster: one, or several with a bridge into the same network.
//!
//! The first one has the ledger and the gateways, one of the others their seconds. Networks and packet filters are on each, so that a machine may be on any; and a
//! machine is on one, with its volumes and with the image that they start from.

use std::sync::Arc;

use super::hypervisor::Hypervisor;

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

/// The hosts, in the model's order.
#[derive(Clone)]
pub struct Hosts {
    first: Host,
    others: Vec<Host>,
}

impl Hosts {
    /// The hosts.
    pub fn new(first: Host, others: Vec<Host>) -> Self {
        Self { first, others }
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
