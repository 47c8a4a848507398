//! What the target needs of a hypervisor: libvirt's objects by name, by blocking calls.
//!
//! An object that is not there is `None` or, for a removal, no fault. All else that goes wrong is a [`HypervisorError`].

use std::path::Path;

use crate::contract::{Fault, FaultClass};

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// What the call is about is not there.
    Missing,
    /// It is there already, as another object.
    Exists,
    /// It is in use, or another call is at work on it.
    Busy,
    /// The description is wrong, or asks for what this hypervisor cannot do.
    Invalid,
    /// No permission.
    Forbidden,
    /// The guest agent does not answer.
    Agent,
    /// The connection is gone.
    Unreachable,
    /// Anything else.
    Failed,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HypervisorError {
    /// What kind of thing.
    pub kind: ErrorKind,
    /// What the hypervisor said.
    pub message: String,
}

impl HypervisorError {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl From<HypervisorError> for Fault {
    fn from(error: HypervisorError) -> Self {
        let (class, help) = match error.kind {
            ErrorKind::Missing => (FaultClass::NotFound, None),
            ErrorKind::Exists => (FaultClass::Invalid, Some("rename or remove what is in the way: `virsh list --all`")),
            ErrorKind::Busy => (FaultClass::Busy, None),
            ErrorKind::Invalid => (FaultClass::Invalid, None),
            ErrorKind::Forbidden => (
                FaultClass::Forbidden,
                Some("use an account that may manage libvirt: root, or a member of the group `libvirt`"),
            ),
            ErrorKind::Agent => (FaultClass::NotYet, Some("the machine's image needs qemu-guest-agent")),
            ErrorKind::Unreachable => (FaultClass::Unavailable, Some("see that libvirtd runs on the host")),
            ErrorKind::Failed => (FaultClass::Failed, Some("the host's journal has more: `journalctl -u libvirtd`")),
        };
        let fault = Self::new(class, "libvirt", error.message);
        match help {
            Some(help) => fault.help(help),
            None => fault,
        }
    }
}

/// A result of a call.
pub type Answer<T> = Result<T, HypervisorError>;

/// A storage pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its UUID, which stays for the pool's life.
    pub uuid: String,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Where the host has it.
    pub path: String,
    /// What a machine sees of it, in bytes.
    pub capacity: u64,
    /// `raw` or `qcow2`.
    pub format: String,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Whether it runs.
    pub is_active: bool,
    /// Its persistent description.
    pub xml: String,
}

/// A change of a network that takes effect while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkChange {
    /// A `<host mac name ip>` of DHCP is added.
    AddReservation(String),
    /// A `<host mac>` of DHCP goes.
    RemoveReservation(String),
    /// A `<host ip><hostname>` of DNS is added.
    AddName(String),
    /// A `<host ip>` of DNS goes.
    RemoveName(String),
}

/// Whether a domain runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainState {
    /// It runs.
    Running,
    /// It is stopped in the middle.
    Paused,
    /// It is off.
    Off,
    /// Its guest or its emulator crashed.
    Crashed,
}

/// A domain: libvirt's word for a virtual machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its UUID.
    pub uuid: String,
    /// Whether it runs.
    pub state: DomainState,
    /// Its persistent description.
    pub xml: String,
}

/// A hypervisor. Every call blocks.
pub trait Hypervisor: Send + Sync {
    /// Whether machines can run by hardware virtualisation.
    fn has_kvm(&self) -> Answer<bool>;

    /// A storage pool that is active.
    fn pool(&self, pool: &str) -> Answer<Option<Pool>>;
    /// The names of a pool's volumes.
    fn volumes(&self, pool: &str) -> Answer<Vec<String>>;
    /// A volume.
    fn volume(&self, pool: &str, name: &str) -> Answer<Option<Volume>>;
    /// Where the host has a volume that has to be there.
    fn path_of(&self, pool: &str, name: &str) -> Answer<String> {
        let missing = || HypervisorError::new(ErrorKind::Missing, format!("the pool {pool} has no volume {name}"));
        Ok(self.volume(pool, name)?.ok_or_else(missing)?.path)
    }
    /// Makes a volume.
    fn create_volume(&self, pool: &str, xml: &str) -> Answer<()>;
    /// Writes a volume's first bytes.
    fn upload(&self, pool: &str, name: &str, content: &[u8]) -> Answer<()>;
    /// Writes a file's content into a volume, from its first byte on.
    fn upload_file(&self, pool: &str, name: &str, path: &Path) -> Answer<()>;
    /// Reads a small volume; at most 16 MiB.
    fn download(&self, pool: &str, name: &str) -> Answer<Option<Vec<u8>>>;
    /// Removes a volume.
    fn remove_volume(&self, pool: &str, name: &str) -> Answer<()>;

    /// The names of all networks.
    fn networks(&self) -> Answer<Vec<String>>;
    /// A network.
    fn network(&self, name: &str) -> Answer<Option<Network>>;
    /// Makes a network, or changes its persistent description.
    fn define_network(&self, xml: &str) -> Answer<()>;
    /// Starts a network, now and with the host.
    fn start_network(&self, name: &str) -> Answer<()>;
    /// Changes a network that runs, and its persistent description.
    fn change_network(&self, name: &str, change: &NetworkChange) -> Answer<()>;
    /// Stops a network; it stays defined.
    fn stop_network(&self, name: &str) -> Answer<()>;
    /// Stops and removes a network.
    fn remove_network(&self, name: &str) -> Answer<()>;

    /// The names of all packet filters.
    fn filters(&self) -> Answer<Vec<String>>;
    /// A packet filter's description.
    fn filter(&self, name: &str) -> Answer<Option<String>>;
    /// Makes a packet filter, or changes it, at once for the machines that run with it.
    fn define_filter(&self, xml: &str) -> Answer<()>;
    /// Removes a packet filter.
    fn remove_filter(&self, name: &str) -> Answer<()>;

    /// The names of all domains.
    fn domains(&self) -> Answer<Vec<String>>;
    /// A domain.
    fn domain(&self, name: &str) -> Answer<Option<Domain>>;
    /// Makes a domain, or changes its persistent description.
    fn define_domain(&self, xml: &str) -> Answer<()>;
    /// Starts a domain, now and with the host.
    fn start_domain(&self, name: &str) -> Answer<()>;
    /// Stops and removes a domain with what the hypervisor keeps for it.
    fn remove_domain(&self, name: &str) -> Answer<()>;
    /// Takes a device away, for good and as far as the guest lets it go at once.
    fn detach_device(&self, domain: &str, xml: &str) -> Answer<()>;

    /// Sends a command, JSON, to the guest agent, and gives its answer.
    fn ask_agent(&self, domain: &str, command: &str) -> Answer<String>;
}
