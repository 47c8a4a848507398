//! The API model: text → spanned JSON → JSON Schema → types → defaults → rules, and the resolved [`Cluster`].

mod application_gateway;
mod cluster;
mod conforms;
mod control_plane;
mod document;
mod explain;
mod extension;
mod findings;
mod flags;
mod identity;
mod input;
mod network;
mod normalise;
mod on_prem;
mod overrides;
mod pointers;
mod pool;
mod read;
mod resolve;
mod rules;
mod schema;
mod versions;
mod starter;
mod write;
mod write_on_prem;
mod write_windows;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail by a panic, and says what it saw")]
mod tests;

pub use application_gateway::ApplicationGateway;
pub use cluster::{
    AUDIT_POLICY, Addon, AddonContainer, AddonPool, Cluster, ComponentFlags, HttpProxy, KeyVaultSku, LinuxSettings,
    SoftwareSource, StackSettings, WindowsSettings,
};
pub use control_plane::{ControlPlane, CustomFile};
pub use explain::{Explained, explain};
pub use extension::PreProvisionScript;
pub use identity::{Certificates, Identity, ServicePrincipalSecret, SignIn, VaultCertificate, VaultSecrets};
pub use network::{
    Ipv6Ranges, Jumpbox, LoadBalancer, LoadBalancerSku, Network, NetworkPlugin, NetworkPolicy, OutboundType,
    PrivateCluster, ProxyMode,
};
pub use on_prem::{AddressRange, DataSource, NetworkMode, OnPrem, OnPremHost, OnPremImage, OnPremSize};
pub(crate) use on_prem::{GATEWAY, UNKNOWN_SIZE, size_among};
pub use pool::{Availability, Caching, Image, OperatingSystem, Orchestration, OsDisk, Pool, Priority, Storage, Taint};
pub use read::{Origin, Origins, ReadOptions, Reading, read};
pub use rules::{RULES, Rule};
pub use schema::schema;
pub use starter::{Starter, StarterOnPrem};
