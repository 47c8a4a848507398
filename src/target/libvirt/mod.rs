//! KVM/QEMU through libvirt: the graph's resources as networks, packet filters, volumes and domains of a host.
//!
//! What ARM knows and libvirt does not is kept in a [`ledger`] beside the volumes. All that is made carries the ARM id in
//! its description and a name that begins with `engine-<group>-`, so that nothing of it is lost or taken for another's.
//! Deliberately absent: the gateway's own work (`crate::gateway`).

mod agent;
mod balancer;
mod body;
#[cfg(feature = "libvirt")]
mod connection;
#[cfg(all(test, feature = "libvirt"))]
mod connection_trials;
#[cfg(test)]
mod double;
mod disk;
mod extension;
mod gateway_machine;
mod gateway_pair;
mod gateways;
mod group;
pub mod host;
mod hosts;
mod hypervisor;
mod image;
mod interface;
mod iso;
mod ledger;
mod machine;
mod machine_plan;
mod names;
mod network;
mod nothing;
mod outside;
mod ovf;
mod placement;
mod public_address;
mod security;
mod settings;
mod told;
mod target;
#[cfg(test)]
mod trials;
mod work;
mod xml;

#[cfg(feature = "libvirt")]
pub use connection::LibvirtConnection;
pub use gateway_machine::{MachineGateways, Member};
pub use gateway_pair::GatewayPairs;
pub use gateways::{FolderGateways, Gateways};
pub use hosts::{AbsentHost, Host, Hosts};
pub use hypervisor::{
    Answer, Domain, DomainState, ErrorKind, Hypervisor, HypervisorError, Network, NetworkChange, Pool, Volume,
};
pub use image::ImageFiles;
pub use machine_plan::domain_name;
pub use settings::{DEFAULT_IMAGE, DEFAULT_POOL, DEFAULT_URI, NetworkMode, Settings, Site};
pub use target::{LibvirtTarget, pool_id};
