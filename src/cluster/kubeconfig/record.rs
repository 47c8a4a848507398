//! Which kubeconfigs have a cluster's entries: `kubeconfig/merged.json` in the cluster's folder. There is no secret in it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::KubeconfigError;
use crate::base::{FileError, create_private_directory, read_text, write_private};

/// The form that this engine reads and writes.
const FORMAT: u32 = 1;

/// Entries in one kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Merged {
    /// The kubeconfig.
    pub(super) file: PathBuf,
    /// The name of the entries.
    pub(super) name: String,
    /// By which the cluster is known: the digest of its authority's certificate.
    pub(super) authority: String,
    /// The context that was current before.
    pub(super) previous_context: Option<String>,
}

/// All of them.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    format: u32,
    pub(super) merged: Vec<Merged>,
}

impl Default for Record {
    fn default() -> Self {
        Self { format: FORMAT, merged: Vec::new() }
    }
}

fn path_in(folder: &Path) -> PathBuf {
    folder.join("kubeconfig").join("merged.json")
}

impl Record {
    /// What a cluster's folder remembers.
    pub(super) fn read(folder: &Path) -> Result<Self, KubeconfigError> {
        let path = path_in(folder);
        let text = match read_text(&path) {
            Ok(text) => text,
            Err(error) if error.cause.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        let damaged = |cause: String| {
            let cause = std::io::Error::other(cause);
            FileError { action: "use", path: path.clone(), cause }
        };
        let record: Self = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if record.format != FORMAT {
            return Err(damaged(format!("it has the form {} of another engine", record.format)).into());
        }
        Ok(record)
    }

    /// Remembers entries too. Those that are known keep what was before them.
    pub(super) fn remember(mut self, folder: &Path, mut new: Merged) -> Result<(), KubeconfigError> {
        let is_same = |known: &Merged| known.file == new.file && known.name == new.name;
        if let Some(place) = self.merged.iter().position(is_same) {
            let known = self.merged.remove(place);
            if new.previous_context.as_ref() == Some(&new.name) {
                new.previous_context = known.previous_context;
            }
        }
        new.previous_context = new.previous_context.filter(|before| *before != new.name);
        self.merged.push(new);
        self.keep(folder)
    }

    /// Writes it down; nothing to remember is no file.
    pub(super) fn keep(&self, folder: &Path) -> Result<(), KubeconfigError> {
        let path = path_in(folder);
        if self.merged.is_empty() {
            return match std::fs::remove_file(&path) {
                Err(cause) if cause.kind() != ErrorKind::NotFound => {
                    Err(FileError { action: "remove", path, cause }.into())
                }
                _ => Ok(()),
            };
        }
        create_private_directory(&folder.join("kubeconfig"))?;
        // A path that is no text has no form in JSON.
        let text = serde_json::to_string_pretty(self).map_err(|error| FileError {
            action: "write",
            path: path.clone(),
            cause: std::io::Error::other(error),
        })?;
        Ok(write_private(&path, format!("{text}\n").as_bytes())?)
    }
}
