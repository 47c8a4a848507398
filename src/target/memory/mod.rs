//! Resources that exist in memory only, or in memory and a log file: a target that does at once whatever it is told.
//!
//! Deliberately absent: behaviour. Nothing is validated, defaulted or asynchronous here; what Azure does to a body is
//! the room `server`, which keeps its own state in the same [`Store`].

mod store;
mod target;

pub use store::{Store, StoreError};
pub use target::MemoryTarget;
