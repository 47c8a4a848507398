//! The gateway of an on-prem virtual network: the small machine that stands for what Azure's fabric does beside a network.
//! It answers the instance metadata service and the wire server, and balances load.
//!
//! Here is what crosses between it and the target that makes machines: [`Configuration`], which the target writes as
//! `gateway.json`, and [`MachineStatus`], which the gateway records as `status/<name>.json`.
//! Deliberately absent: making machines or networks, and outbound translation, which is the host's.

mod configuration;
mod status;

pub use configuration::{
    Administrator, Backend, Balancer, CONFIGURATION_FILE, Configuration, ConfigurationError, FORMAT, Frontend, Image,
    Interface, Machine, MachineAddress, Probe, ProbeProtocol, Rule, SystemKind, TransportProtocol,
};
pub use status::{MachineState, MachineStatus, STATUS_FOLDER, status_file};
