//! What the engine knows of a cluster between two commands, kept in the cluster's own folder or in a store of objects.
//!
//! A [`Store`] says what is kept and in which order it changes; a `Storage` says how that is done in one place: `local` or
//! [`remote`].
//!
//! `<folder>/state/`, for its owner only (0700), holds
//! - `state.json`, the [`Snapshot`]: what was applied, with lineage and serial; `state.json.backup`, the one before;
//! - while a run is under way or was interrupted: `plan.json`, the plan that runs; `journal.jsonl`, what it did, one
//!   record a line; `secrets.json`, the secrets that it needs, so that resuming needs nothing else; `facts.json`, what is
//!   to be remembered once certain steps have ended ([`Milestone`]);
//! - `lock`, held while a verb changes anything. It dies with its process;
//! - or, instead of all that, `remote.json`, which tells in which store of objects the state is kept ([`Link`]).
//!
//! A run's end is folded into the snapshot and its files are removed. At any moment a power cut leaves either the old or
//! the new snapshot, and a journal that is folded already is recognised by the run's id.
//!
//! Deliberately absent: what a plan is (any value that serialises, of which only the `steps` are read here), and how a
//! journal is replayed (`execute`).

mod error;
mod fold;
mod journal;
mod link;
mod local;
mod lock;
mod push;
pub mod remote;
mod run_journal;
mod sealed;
mod snapshot;
mod storage;
mod store;

pub use error::StateError;
pub use fold::Milestone;
pub use link::Link;
pub use lock::Holder;
pub use run_journal::RunJournal;
pub use sealed::{is_sealed, read_sealed, write_sealed};
pub use snapshot::{Identity, Snapshot};
pub use store::{Locked, Store, UnfinishedRun};

/// The folder of a state below a cluster's folder.
const FOLDER: &str = "state";

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]
mod tests;
