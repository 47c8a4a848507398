//! From a [`Cluster`](crate::model::Cluster) to the graph of its resources: an ordered list of builders, one file per
//! concern. Names, numbers and tags are those of aks-engine.
//!
//! Secrets stand in the graph by handle. The handles are a convention, and [`secret_handles`] lists those of a graph:
//! `<pool>/customData` ([`custom_data_handle`]; the control plane's pool is [`CONTROL_PLANE_POOL`]),
//! [`WINDOWS_PASSWORD_HANDLE`], and what lies in key vaults ([`MachinePayloads::in_key_vaults`]).
//!
//! Deliberately absent: what runs inside the machines (`bootstrap`), templates (`arm`), what is already there (`plan`).

mod add_ons;
mod application_gateway;
mod balancer;
mod build;
mod context;
mod control_plane;
mod control_plane_scale_set;
mod error;
mod group;
mod host_settings;
mod identity;
mod instructions;
mod jumpbox;
mod key_vault;
mod machine;
mod machine_settings;
mod names;
mod nat_gateway;
mod network;
mod on_prem;
mod outputs;
mod pool;
mod protection;
mod scale_set;
mod security;
#[cfg(test)]
mod trials;
mod windows_image;
mod windows_settings;

pub use build::{expand, secret_handles};
pub use context::{
    API_SERVER_PORT, CONTROL_PLANE_POOL, INTERNAL_BALANCER_PORT, PRINCIPAL_SECRET_HANDLE, Payloads,
    WINDOWS_PASSWORD_HANDLE, control_plane_machine, custom_data, custom_data_handle,
};
pub use error::ExpandError;
pub use instructions::{Instruction, instructions};
pub use machine_settings::{MachinePayloads, machine_payloads, secrets_in_key_vaults};
pub use names::Names;
pub use on_prem::{api_server_host, api_server_url, endpoint_name};
pub use outputs::outputs;
