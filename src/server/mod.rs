//! The protocol of Azure Resource Manager over a socket. Over [`crate::target::memory`] it is the simulator: an Azure
//! and a Kubernetes of its own for one machine, in which a cluster can be planned, made, changed and destroyed.
//!
//! It shares no behaviour with the rest of the engine: what a provider answers is data taken from recorded traffic of the
//! real one, not what the engine's own rooms believe.
//!
//! Deliberately absent: machines that really run (that is `target/libvirt`), template deployments, faults on demand.

mod error;
mod find;
mod identity;
mod settings;
mod simulator;

pub use error::ServerError;
pub use find::find_running;
pub use identity::Credentials;
pub use settings::{DEFAULT_TIME_SCALE, SimulatorSettings};
pub use simulator::{RunningSimulator, Simulator};
