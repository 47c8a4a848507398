//! A cluster's folder on a machine, while the cluster's state is kept in a store of objects: where that is, and which of
//! the cluster's own files came from there.
//!
//! A file that somebody changed here is left alone; one that was changed there takes the place of what was fetched before;
//! one that was changed in both places is told, and nothing is done.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{FOLDER, Locked, StateError, Store, read_sealed, write_sealed};
use crate::base::{FileError, Files, create_private_directory, digest};

/// Where the state of a folder's cluster is kept, if not in the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The address of the store.
    pub address: String,
    /// The digest of each file as it is kept there.
    #[serde(default)]
    files: BTreeMap<PathBuf, String>,
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FOLDER).join("remote.json")
}

impl Link {
    /// The link of a cluster's folder, if it has one.
    ///
    /// # Errors
    /// A damaged file, or one of a newer engine.
    pub fn read(folder: &Path) -> Result<Option<Self>, StateError> {
        read_sealed(&path(folder))
    }

    fn write(&self, folder: &Path) -> Result<(), StateError> {
        create_private_directory(&folder.join(FOLDER))?;
        write_sealed(&path(folder), self)
    }
}

/// Whether a file is kept beside the state: all but what can be made from the others at any time, and what a run left to read.
fn is_kept(name: &Path) -> bool {
    !name.to_string_lossy().starts_with("azuredeploy") && name != Path::new("report.html")
}

/// A name that leads nowhere but below the folder.
fn is_below(name: &Path) -> bool {
    name.components().all(|component| matches!(component, Component::Normal(_)))
}

impl Store {
    /// Brings the cluster's folder up to date with the files that are kept beside the state. Gives those that were written.
    /// A place that keeps none changes nothing.
    ///
    /// # Errors
    /// [`StateError::BothChanged`], and what cannot be read or written; nothing is written then.
    pub fn fetch_files(&self) -> Result<Vec<PathBuf>, StateError> {
        let (Some(address), Some(kept)) = (self.address(), self.kept_files()?) else { return Ok(Vec::new()) };
        let folder = self.folder();
        let before = Link::read(folder)?.filter(|link| link.address == address).unwrap_or_default();
        let mut link = Link { address, files: BTreeMap::new() };
        let mut wanted = Files::default();
        for name in kept.paths().filter(|name| is_below(name)) {
            let content = kept.content(name).unwrap_or_default();
            let kept = digest(content);
            let own = folder.join(name);
            let here = match std::fs::read(&own) {
                Ok(bytes) => Some(digest(&bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(cause) => return Err(FileError { action: "read", path: own, cause }.into()),
            };
            let fetched = before.files.get(name);
            match &here {
                Some(here) if *here == kept || fetched == Some(&kept) => {}
                Some(here) if fetched != Some(here) => return Err(StateError::BothChanged(own)),
                _ => wanted.private(name, content),
            }
            link.files.insert(name.to_owned(), kept);
        }
        wanted.write(folder)?;
        if link != before {
            link.write(folder)?;
        }
        Ok(wanted.paths().map(Path::to_owned).collect())
    }
}

impl Locked {
    /// Keeps the cluster's own files beside the state, and notes in the folder where that is. In the folder itself they are
    /// already.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn keep_files(&self, files: &Files) -> Result<(), StateError> {
        let Some(address) = self.address() else { return Ok(()) };
        let mut kept = Files::default();
        let mut link = Link { address, files: BTreeMap::new() };
        for name in files.paths().filter(|name| is_kept(name)) {
            let content = files.content(name).unwrap_or_default();
            link.files.insert(name.to_owned(), digest(content));
            kept.private(name, content);
        }
        if link.files.is_empty() {
            return Ok(());
        }
        self.write_kept_files(&kept)?;
        link.write(self.folder())
    }

    /// Puts the folder's own state aside, once it is kept elsewhere: what nobody writes any more must not be taken for
    /// what is.
    ///
    /// # Errors
    /// A file that cannot be renamed.
    pub fn leave_folder_state(&self) -> Result<(), StateError> {
        let path = self.folder().join(FOLDER).join("state.json");
        let mut moved = path.clone().into_os_string();
        moved.push(".moved");
        match std::fs::rename(&path, moved) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(FileError { action: "rename", path, cause }.into()),
        }
    }
}
