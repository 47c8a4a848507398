//! What runs inside a machine: customData, kubeadm's configuration, scripts and add-ons, rendered from `templates/`.
//!
//! Deliberately absent: the API model (whoever expands it fills the input structs), resources, and any input or output.

mod addons;
mod audit;
mod cloud;
mod containers;
mod custom_data;
mod encryption;
mod error;
mod host;
mod input;
mod kubelet;
mod machine;
mod parse;
mod patience;
mod templates;
mod view;
mod windows;

pub use addons::{
    AddOns, ClusterAutoscaler, Download, FileDriverImages, Flannel, GivenManifest, LocalPath, PolicyEngine, ScaledPool,
    SecretsStoreImages, StorageClass,
};
pub use audit::AuditPolicy;
pub use containers::Container;
pub use custom_data::{CustomData, LIMIT, LONGEST_APPENDED, Packer};
pub use encryption::{Encryption, KeyVault};
pub use error::BootstrapError;
pub use host::{Extension, HostSettings, Proxy};
pub use input::{
    AzureCloud, CloudIdentity, ClusterSettings, ControlPlaneKeys, ControlPlaneMachine, CustomFile, DiskDriverImages,
    Images, Ipv6Ranges, MachineType, Network, NodeSettings, PackageSource, Packages, PrincipalSecret, ProxyMode,
    RegistryProvider, Software, Start, WorkerMachine,
};
pub use machine::{control_plane, wait_command, worker};
pub use templates::prepare;
pub use windows::{WindowsFiles, WindowsMachine, WindowsSoftware, windows_wait_command, windows_worker};
