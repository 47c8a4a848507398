//! The API model: text → spanned JSON → JSON Schema → types → defaults → rules, and the resolved [`Cluster`].

mod cluster;
mod control_plane;
mod identity;
mod input;
mod network;
mod pool;
mod read;

pub use cluster::{Addon, Cluster, ComponentFlags, LinuxSettings, SoftwareSource, TargetKind, WindowsSettings};
pub use control_plane::ControlPlane;
pub use identity::{Certificates, Identity, ServicePrincipalSecret};
pub use network::{
    Jumpbox, LoadBalancer, LoadBalancerSku, Network, NetworkPlugin, NetworkPolicy, PrivateCluster, ProxyMode,
};
pub use pool::{Availability, Caching, Image, OperatingSystem, OsDisk, Pool, Priority, Storage, Taint};
pub use read::{Origin, Origins, ReadOptions, Reading};
