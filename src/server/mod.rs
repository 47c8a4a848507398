//! The protocol of Azure Resource Manager over a socket. Over [`crate::target::memory`] it is the simulator: an Azure
//! and a Kubernetes of its own for one machine, in which a cluster can be planned, made, changed and destroyed.
//!
//! It shares no behaviour with the rest of the engine: what a provider answers is data taken from recorded traffic of the
//! real one, not what the engine's own rooms believe.
//!
//! Deliberately absent: machines that really run (that is `target/libvirt`), template deployments.

mod actions;
mod addresses;
mod children;
mod directory;
mod error;
mod exchange;
mod faults;
mod filter;
mod find;
mod finish;
mod flexible;
mod follow;
mod groups;
mod http;
mod identities;
mod identity;
mod index;
mod kubernetes;
mod kubernetes_table;
mod kubeconfig;
mod limits;
mod load;
mod listener;
mod locks;
mod machines;
mod members;
mod oauth;
mod operations;
mod permissions;
mod places;
mod play;
mod policies;
mod policy_rule;
mod prepare;
mod provider;
mod provider_compute;
mod provider_network;
mod provider_other;
mod quotas;
mod readings;
mod references;
mod render;
mod resource_id;
mod resources;
mod router;
mod scale_sets;
mod security_rules;
mod settings;
mod simulator;
mod storage;
mod subscription;
mod token_key;
mod vaults;
mod versions;
mod virtual_clock;
mod world;
mod writes;

pub use error::ServerError;
pub use faults::{
    Allocation, Always, FaultPlan, Method, Mishap, Rule, Subject, Times, Told, faults_schema, read_faults,
};
pub use find::find_running;
pub use follow::{SimulatedTime, follow, simulated_time};
pub use identity::Credentials;
pub use limits::Limiting;
pub use load::Loaded;
pub use settings::{DEFAULT_TIME_SCALE, SimulatorSettings};
pub use simulator::{RunningSimulator, Simulator};
