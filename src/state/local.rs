//! The local place: the files below the cluster's folder and the order in which they change.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::journal::{JournalFile, JournalReader};
use super::lock::LockFile;
use super::storage::{Hold, RunFiles, RunTexts, Storage};
use super::{Holder, Snapshot, StateError, lock, sealed, snapshot};
use crate::base::{FileError, UNFINISHED, create_private_directory, write_private};
use crate::contract::Journal;

/// The files in a folder.
#[derive(Debug, Clone)]
pub(super) struct LocalStorage {
    folder: PathBuf,
}

impl LocalStorage {
    /// The state in this folder. Nothing is read or created yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn snapshot_path(&self) -> PathBuf {
        self.path("state.json")
    }

    fn plan_path(&self) -> PathBuf {
        self.path("plan.json")
    }

    fn journal_path(&self) -> PathBuf {
        self.path("journal.jsonl")
    }

    fn secrets_path(&self) -> PathBuf {
        self.path("secrets.json")
    }

    fn facts_path(&self) -> PathBuf {
        self.path("facts.json")
    }

    fn lock_path(&self) -> PathBuf {
        self.path("lock")
    }

    /// The content of a file that belongs to a run.
    fn of_run<T: DeserializeOwned>(path: &Path, run: &str) -> Result<T, StateError> {
        let opened =
            sealed::open(path)?.ok_or_else(|| sealed::damaged(path, "it is missing although its plan is there"))?;
        if opened.run.as_deref() != Some(run) {
            return Err(sealed::damaged(path, "it is of another run than the plan"));
        }
        opened.value(path)
    }

    /// Removes files that were written beside their place and never renamed into it: the power was cut in between. One that
    /// cannot be removed does no harm.
    fn remove_unfinished_files(&self) {
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// The plan first: without it the others mean nothing.
    fn remove_run(&self) -> Result<(), StateError> {
        for path in [self.plan_path(), self.secrets_path(), self.facts_path(), self.journal_path()] {
            match std::fs::remove_file(&path) {
                Ok(()) => File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(|cause| FileError {
                    action: "write",
                    path: self.folder.clone(),
                    cause,
                })?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(cause) => return Err(FileError { action: "remove", path, cause }.into()),
            }
        }
        Ok(())
    }
}

impl Storage for LocalStorage {
    fn place(&self) -> PathBuf {
        self.folder.clone()
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StateError> {
        Snapshot::read(&self.snapshot_path())
    }

    fn backup(&self) -> Result<Option<Snapshot>, StateError> {
        let path = snapshot::backup_of(&self.snapshot_path());
        sealed::open(&path)?.map(|opened| opened.value(&path)).transpose()
    }

    fn run(&self) -> Result<Option<RunFiles>, StateError> {
        let path = self.plan_path();
        let Some(plan) = sealed::open(&path)? else { return Ok(None) };
        let run = plan.run.clone().ok_or_else(|| sealed::damaged(&path, "it does not say which run it is of"))?;
        let records = JournalReader::open(&self.journal_path(), &run)?;
        let milestones = Self::of_run(&self.facts_path(), &run)?;
        Ok(Some(RunFiles { run, path, plan, milestones, records: Box::new(records) }))
    }

    fn has_run(&self) -> bool {
        self.plan_path().exists()
    }

    fn secrets(&self, run: &str) -> Result<BTreeMap<String, String>, StateError> {
        Self::of_run(&self.secrets_path(), run)
    }

    fn holder(&self) -> Result<Option<Holder>, StateError> {
        Ok(lock::holder(&self.lock_path()))
    }

    fn lock(&self, holder: Holder, _repair: bool) -> Result<Box<dyn Hold>, StateError> {
        create_private_directory(&self.folder)?;
        let lock = lock::take(&self.lock_path(), &holder)?;
        self.remove_unfinished_files();
        Ok(Box::new(LocalHold { storage: self.clone(), lock: Arc::new(lock) }))
    }

    fn unlock(&self, id: &str) -> Result<Holder, StateError> {
        lock::take_away(&self.lock_path(), id)
    }
}

/// The files, while their lock is held.
#[derive(Debug)]
struct LocalHold {
    storage: LocalStorage,
    lock: Arc<LockFile>,
}

impl Hold for LocalHold {
    fn check(&self) -> Result<(), StateError> {
        self.lock.check()
    }

    fn write_snapshot(&self, snapshot: &Snapshot) -> Result<(), StateError> {
        self.check()?;
        snapshot.write(&self.storage.snapshot_path())
    }

    fn begin_run(&self, run: &str, texts: &RunTexts<'_>) -> Result<(Box<dyn Journal>, String), StateError> {
        self.check()?;
        let storage = &self.storage;
        write_private(&storage.secrets_path(), sealed::seal(Some(run), texts.secrets).as_bytes())?;
        write_private(&storage.facts_path(), sealed::seal(Some(run), texts.milestones).as_bytes())?;
        let journal = JournalFile::begin(&storage.journal_path(), run)?;
        // The plan last: with it the run exists.
        let plan = sealed::write(&storage.plan_path(), Some(run), |content| (texts.plan)(content))?;
        Ok((Box::new(journal.under(Arc::clone(&self.lock))), plan))
    }

    fn resume_run(&self, run: &str) -> Result<Box<dyn Journal>, StateError> {
        self.check()?;
        Ok(Box::new(JournalFile::resume(&self.storage.journal_path(), run)?.under(Arc::clone(&self.lock))))
    }

    fn end_run(&self, folded: Option<&Snapshot>) -> Result<(), StateError> {
        self.check()?;
        if let Some(snapshot) = folded {
            snapshot.write(&self.storage.snapshot_path())?;
        }
        self.storage.remove_run()
    }
}
