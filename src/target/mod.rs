//! The places where resources can be made, one folder each. What they have in common is [`crate::contract::Target`].
//!
//! [`http`] is the one way in which the engine speaks HTTP; the Kubernetes client uses it too.
//! Deliberately absent: order, pacing, retries and memory, which are the executor's.

pub mod azure;
pub mod http;
pub mod libvirt;
pub mod memory;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod trials;
