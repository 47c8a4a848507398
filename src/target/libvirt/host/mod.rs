//! The host itself: what it has, what it was prepared with, and how it is prepared.
//!
//! [`survey`] looks and changes nothing; [`plan_host`] tells what is missing, and [`prepare_host`] does it. Judging what was
//! seen is the room `cluster`'s.

#[cfg(feature = "libvirt")]
mod connection;
#[cfg(test)]
pub(super) mod double;
mod facts;
mod hypervisor;
mod local;
mod prepare;
#[cfg(test)]
mod prepare_trials;
mod probe;
mod reading;
mod survey;

pub use facts::{FACTS_VOLUME, HostFacts, host_facts};
pub use hypervisor::{HostHypervisor, Node, StoragePool, Versions, Watched};
pub use local::{HOST_PROGRAMS, HostProgram, LocalHost, Route};
pub use prepare::{HostPlan, HostStep, HostWish, plan_host, prepare_host};
pub use probe::{Probe, probe};
pub use survey::{HostDomain, HostNetwork, ImageVolumes, Offer, Survey, SurveyScope, survey};
