//! The cluster's entries in somebody's kubeconfig: put in, found to be another cluster's, taken out again.
//!
//! A kubeconfig belongs to people, and to other tools. So what is not this cluster's stays as it is, with its order and its
//! unknown fields (comments go where something changes: no reader of YAML keeps them). It is locked as kubectl locks it,
//! written whole or not at all for its owner only, and the one before is kept beside it as `<name>.engine-backup`.
//!
//! Which files have the entries is remembered in the cluster's folder, `kubeconfig/merged.json`, for `destroy`.

mod document;
mod error;
mod file;
mod lock;
mod merge;
mod record;

use std::path::{Path, PathBuf};

pub use error::KubeconfigError;
pub use file::kubeconfig_file;
pub use merge::KubeconfigEntry;

use merge::authority_digest;
use record::{Merged, Record};

/// What became of a cluster's entries in one file.
#[derive(Debug)]
pub struct Unmerged {
    /// The kubeconfig.
    pub file: PathBuf,
    /// The name of the entries.
    pub name: String,
    /// Whether they were there and are gone now; they may have gone before, or be another cluster's by now.
    pub outcome: Result<bool, KubeconfigError>,
}

/// Refuses a kubeconfig in which `name` is another cluster's. `authority` is the certificate (PEM) of the cluster that is to
/// have the name, if there is one already. A file that is not there has nothing.
///
/// # Errors
/// The name is taken; a file that cannot be read, or is no kubeconfig.
pub fn refuse_other_cluster(file: &Path, name: &str, authority: Option<&str>) -> Result<(), KubeconfigError> {
    file::look(file)?.refuse_other(file, name, authority)
}

/// Puts a cluster's entries into a kubeconfig, or brings them up to date, and makes them the current ones. `folder` is the
/// cluster's.
///
/// # Errors
/// The name is another cluster's there; somebody else holds the file; it cannot be read or written, or is no kubeconfig.
pub fn merge_kubeconfig(folder: &Path, file: &Path, entry: &KubeconfigEntry) -> Result<(), KubeconfigError> {
    file::change(file, |document| {
        document.refuse_other(file, &entry.name, Some(&entry.authority))?;
        // Before the file: of entries that are not there yet there is nothing to be taken out, but none is forgotten.
        Record::read(folder)?.remember(
            folder,
            Merged {
                file: file.to_owned(),
                name: entry.name.clone(),
                authority: authority_digest(&entry.authority),
                previous_context: document.current_context().map(str::to_owned),
            },
        )?;
        document.merge(entry);
        Ok(())
    })
}

/// Takes a cluster's entries out of every kubeconfig that they were put into, where they are still this cluster's, and makes
/// the context current that was before. `folder` is the cluster's.
///
/// # Errors
/// What was remembered cannot be read. What goes wrong with a file is told with it, and is tried again the next time.
pub fn unmerge_kubeconfigs(folder: &Path) -> Result<Vec<Unmerged>, KubeconfigError> {
    let record = Record::read(folder)?;
    let mut left = Record::default();
    let mut told = Vec::new();
    for merged in record.merged {
        let outcome = if merged.file.exists() {
            file::change(&merged.file, |document| Ok(document.remove(&merged)))
        } else {
            Ok(false)
        };
        let (file, name) = (merged.file.clone(), merged.name.clone());
        if outcome.is_err() {
            left.merged.push(merged);
        }
        told.push(Unmerged { file, name, outcome });
    }
    left.keep(folder)?;
    Ok(told)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]
mod tests;
