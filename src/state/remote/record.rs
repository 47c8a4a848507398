//! What the objects of a store say.

use serde::{Deserialize, Serialize};

use crate::state::{Holder, Snapshot};

/// The object that changes by compare-and-swap, and with it everything else.
pub(super) const HEAD: &str = "head";
/// The object that says who holds the lock.
pub(super) const LOCK: &str = "lock";
/// The object with the key of all others.
pub(super) const KEY: &str = "key.json";
/// Below this lie the snapshots before the present one.
pub(super) const BACKUPS: &str = "backups";
/// Below this lie runs.
pub(super) const RUNS: &str = "runs";
/// Below this lie the cluster's own files.
pub(super) const FILES: &str = "files";

/// The content of `head`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The generation of the holder that wrote it.
    pub generation: u64,
    pub snapshot: Option<Snapshot>,
    /// The run that is under way or was interrupted.
    pub run: Option<String>,
    /// The object with the cluster's own files.
    pub files: Option<String>,
    /// Objects of journals whose numbers were taken from former holders. They stay, so that the numbers stay taken.
    #[serde(default)]
    pub fences: Vec<String>,
}

/// The content of `lock`. Without a holder nobody holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LockRecord {
    pub holder: Option<Holder>,
    /// The holder's last sign of life, by its clock.
    pub beat: jiff::Timestamp,
    /// After how many seconds without a sign of life the lock may be taken over.
    pub expires_after: f64,
}

/// The parts of a run.
pub(super) fn of_run(run: &str, part: &str) -> String {
    format!("{RUNS}/{run}/{part}")
}

/// Below this lie the records of a run.
pub(super) fn journal_of(run: &str) -> String {
    of_run(run, "journal")
}

/// An object of a journal. Numbers begin with 1; in the order of names they are in the order of numbers.
pub(super) fn segment(run: &str, number: u64) -> String {
    format!("{}/{number:010}", journal_of(run))
}
