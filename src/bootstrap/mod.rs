//! What runs inside a machine: customData, kubeadm's configuration, scripts and add-ons, rendered from `templates/`.
//!
//! Deliberately absent: the API model (whoever expands it fills the input structs), resources, and any input or output.

mod input;

pub use input::{
    AzureCloud, CloudIdentity, ClusterSettings, ControlPlaneKeys, ControlPlaneMachine, CustomFile, DiskDriverImages,
    Images, MachineType, Network, NodeSettings, PackageSource, Packages, ProxyMode, Software, Start, WorkerMachine,
};
