//! A state in a store of objects: Azure Blob, S3, Google Cloud Storage.
//!
//! Below the address lie
//! - `key.json`: the key of all the others, encrypted by the user's key or passphrase ([`cipher`]); the only object that is
//!   not encrypted as a whole;
//! - `head`: the snapshot, which run there is, which files are kept. It changes by compare-and-swap only;
//! - `lock`: who holds it, and the holder's last sign of life;
//! - `runs/<run>/`: plan, secrets and milestones of a run; `runs/<run>/journal/<number>`: its records, one object for those
//!   that are committed together. A number is given once (conditional create);
//! - `files/<id>`: the cluster's own files; `backups/`: former snapshots.
//!
//! **Fencing.** Each holder of the lock has a generation, one more than the one before, and it is in each object that is
//! written. Who takes the lock writes the head anew and, if there is a run, the next number of its journal. One that held the
//! lock before and does not know yet that it lost it (it was stopped, or the network was away) can therefore write neither:
//! the head is not the one that it knows, and the number is taken. The object that takes the number stays when the run is put
//! away. Since an intent is durable before its request is made, nothing new is requested by it either.
//!
//! Deliberately absent: leases of Azure Blob, which the others do not have.

mod address;
mod cipher;
mod held;
mod hold;
mod journal;
mod objects;
mod record;
mod storage;

pub use address::{Address, Provider};
pub use cipher::Key;
pub use storage::{RemoteSettings, RemoteStorage};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]
mod tests;
