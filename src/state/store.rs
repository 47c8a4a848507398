//! The local store: the files of a state and the order in which they change.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fold::{Steps, fold};
use super::{Identity, JournalFile, Milestone, Snapshot, StateError, lock, sealed};
use crate::base::{Clock, Entropy, Environment, FileError, Secret, create_private_directory, write_private};
use crate::contract::Record;

/// A run that was interrupted, with all that is needed to take it up.
#[derive(Debug)]
pub struct UnfinishedRun<P> {
    /// The plan.
    pub plan: P,
    /// The plan's digest.
    pub digest: String,
    /// The secrets that it names.
    pub secrets: BTreeMap<String, Secret>,
    /// What its journal says.
    pub records: Vec<Record>,
}

/// The state of the cluster in a folder. Looking at it needs no lock.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// A run's plan file and journal as they are on the disk.
struct RunFiles {
    run: String,
    plan: sealed::Opened,
    milestones: Vec<Milestone>,
    records: Vec<Record>,
}

impl RunFiles {
    /// Brings a snapshot up to date with what the run has done, unless it is already.
    fn fold_into(&self, snapshot: &mut Snapshot, plan_path: &Path) -> Result<bool, StateError> {
        if snapshot.folded.as_ref() == Some(&self.run) {
            return Ok(false);
        }
        fold(snapshot, &self.plan.value::<Steps>(plan_path)?, &self.milestones, &self.records);
        Ok(true)
    }
}

impl Store {
    /// The state in the cluster's folder `folder`. Nothing is read or created yet.
    pub fn open(folder: &Path) -> Self {
        Self { folder: folder.join("state") }
    }

    /// The folder of the state's own files.
    pub fn folder(&self) -> &Path {
        &self.folder
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

    /// What is known now: the snapshot, brought up to date with what a run under way or interrupted has done so far.
    /// Nothing if there is no state.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, StateError> {
        // The run first: should it end between the two readings, the snapshot has it already.
        let run = self.run_files();
        let Some(mut snapshot) = Snapshot::read(&self.snapshot_path())? else { return Ok(None) };
        match run {
            Ok(Some(run)) => _ = run.fold_into(&mut snapshot, &self.plan_path())?,
            Ok(None) => {}
            // The journal goes after the plan: a run that ended between the two readings is no damage.
            Err(_) if !self.plan_path().exists() => {}
            Err(error) => return Err(error),
        }
        Ok(Some(snapshot))
    }

    fn run_files(&self) -> Result<Option<RunFiles>, StateError> {
        let path = self.plan_path();
        let Some(plan) = sealed::open(&path)? else { return Ok(None) };
        let run = plan.run.clone().ok_or_else(|| sealed::damaged(&path, "it does not say which run it is of"))?;
        let records = JournalFile::records(&self.journal_path(), &run)?;
        let milestones = self.of_run(&self.facts_path(), &run)?;
        Ok(Some(RunFiles { run, plan, milestones, records }))
    }

    /// The content of a file that belongs to a run.
    fn of_run<T: DeserializeOwned>(&self, path: &Path, run: &str) -> Result<T, StateError> {
        let opened =
            sealed::open(path)?.ok_or_else(|| sealed::damaged(path, "it is missing although its plan is there"))?;
        if opened.run.as_deref() != Some(run) {
            return Err(sealed::damaged(path, "it is of another run than the plan"));
        }
        opened.value(path)
    }

    /// The run that is under way or was interrupted, if there is one. Tell the two apart by the lock.
    pub fn unfinished<P: DeserializeOwned>(&self) -> Result<Option<UnfinishedRun<P>>, StateError> {
        match self.read_unfinished() {
            // It ended while it was read.
            Err(_) if !self.plan_path().exists() => Ok(None),
            result => result,
        }
    }

    fn read_unfinished<P: DeserializeOwned>(&self) -> Result<Option<UnfinishedRun<P>>, StateError> {
        let Some(RunFiles { run, plan, records, .. }) = self.run_files()? else { return Ok(None) };
        if Snapshot::read(&self.snapshot_path())?.is_some_and(|snapshot| snapshot.folded.as_ref() == Some(&run)) {
            return Ok(None);
        }
        let secrets: BTreeMap<String, String> = self.of_run(&self.secrets_path(), &run)?;
        Ok(Some(UnfinishedRun {
            digest: plan.checksum.clone(),
            plan: plan.value(&self.plan_path())?,
            secrets: secrets.into_iter().map(|(handle, text)| (handle, Secret::new(text))).collect(),
            records,
        }))
    }

    /// Whether somebody holds the lock at this moment.
    pub fn is_locked(&self) -> bool {
        lock::is_held(&self.path("lock"))
    }

    /// Takes the lock for a verb. A run that has ended but was not put away (the power was cut in between) is put away.
    ///
    /// # Errors
    /// [`StateError::Held`] if somebody else has the lock.
    pub fn lock(&self, verb: &str, clock: &dyn Clock, environment: &Environment) -> Result<Locked, StateError> {
        create_private_directory(&self.folder)?;
        let lock = lock::take(&self.path("lock"), verb, clock, environment)?;
        let locked = Locked { store: self.clone(), _lock: lock };
        locked.tidy()?;
        Ok(locked)
    }
}

/// The state while its lock is held. Only through this does it change.
#[derive(Debug)]
pub struct Locked {
    store: Store,
    _lock: File,
}

impl std::ops::Deref for Locked {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Locked {
    /// Puts away what a power cut has left: the files of a run that is folded already or has ended well, and files of a
    /// run that never began.
    fn tidy(&self) -> Result<(), StateError> {
        match self.run_files()? {
            None => self.remove_run(),
            Some(run) if matches!(run.records.last(), Some(Record::Ended { complete: true, .. })) => {
                self.finish().map(|_| ())
            }
            Some(run) => match Snapshot::read(&self.snapshot_path())? {
                Some(snapshot) if snapshot.folded.as_ref() == Some(&run.run) => self.remove_run(),
                _ => Ok(()),
            },
        }
    }

    /// Makes sure that the state is of this cluster, and begins one if there is none. A state without resources may be
    /// given to another cluster, with a lineage of its own.
    ///
    /// # Errors
    /// [`StateError::Elsewhere`] if the state knows resources in another place.
    pub fn establish(&self, identity: &Identity, entropy: &dyn Entropy) -> Result<Snapshot, StateError> {
        if let Some(known) = self.snapshot()? {
            if known.identity.is_same_place(identity) {
                return Ok(known);
            }
            if !known.applied.is_empty() {
                return Err(StateError::Elsewhere { known: known.identity.describe(), asked: identity.describe() });
            }
        }
        let snapshot = Snapshot {
            lineage: entropy.uuid().to_string(),
            serial: 0,
            identity: identity.clone(),
            applied: BTreeMap::new(),
            facts: BTreeMap::new(),
            folded: None,
        };
        snapshot.write(&self.snapshot_path())?;
        Ok(snapshot)
    }

    /// Changes the snapshot outside of a run, such as its facts. An interrupted run stays as it is.
    pub fn amend(&self, change: impl FnOnce(&mut Snapshot)) -> Result<Snapshot, StateError> {
        let path = self.snapshot_path();
        let mut snapshot = Snapshot::read(&path)?.ok_or_else(|| StateError::Absent(self.folder.clone()))?;
        change(&mut snapshot);
        snapshot.serial += 1;
        snapshot.write(&path)?;
        Ok(snapshot)
    }

    /// Begins a run of a plan: any value that serialises and has `steps`. `secrets` are those that it names,
    /// `milestones` what is to be remembered once certain steps have ended well. A run that was interrupted before is
    /// folded and given up.
    pub fn begin<P: Serialize>(
        &self,
        plan: &P,
        secrets: &BTreeMap<String, Secret>,
        milestones: &[Milestone],
        entropy: &dyn Entropy,
    ) -> Result<JournalFile, StateError> {
        if Snapshot::read(&self.snapshot_path())?.is_none() {
            return Err(StateError::Absent(self.folder.clone()));
        }
        self.finish()?;
        let run = entropy.uuid().to_string();
        // What a plan and its secrets hold always has a form in JSON; writing it to memory cannot fail.
        let plan = serde_json::to_string(plan).unwrap_or_default();
        let texts: BTreeMap<&str, &str> =
            secrets.iter().map(|(handle, secret)| (handle.as_str(), secret.expose())).collect();
        let texts = serde_json::to_string(&texts).unwrap_or_default();
        write_private(&self.secrets_path(), sealed::seal(Some(&run), &texts).as_bytes())?;
        let milestones = serde_json::to_string(milestones).unwrap_or_default();
        write_private(&self.facts_path(), sealed::seal(Some(&run), &milestones).as_bytes())?;
        let journal = JournalFile::begin(&self.journal_path(), &run)?;
        // The plan last: with it the run exists.
        write_private(&self.plan_path(), sealed::seal(Some(&run), &plan).as_bytes())?;
        Ok(journal)
    }

    /// Opens the journal of the interrupted run to go on writing it.
    ///
    /// # Errors
    /// [`StateError::NothingToResume`] if there is none.
    pub fn resume(&self) -> Result<JournalFile, StateError> {
        let Some(run) = self.run_files()? else { return Err(StateError::NothingToResume(self.folder.clone())) };
        JournalFile::resume(&self.journal_path(), &run.run)
    }

    /// Folds the run into the snapshot and removes its files, whether it has ended well or not. Gives the snapshot.
    /// Without a run nothing changes. For a run that is to be taken up later this is not called: what it did is seen by
    /// [`Store::snapshot`] all the same, and [`Self::begin`] folds it if another plan takes its place.
    pub fn finish(&self) -> Result<Snapshot, StateError> {
        let path = self.snapshot_path();
        let mut snapshot = Snapshot::read(&path)?.ok_or_else(|| StateError::Absent(self.folder.clone()))?;
        if let Some(run) = self.run_files()?
            && run.fold_into(&mut snapshot, &self.plan_path())?
        {
            snapshot.serial += 1;
            snapshot.folded = Some(run.run);
            snapshot.write(&path)?;
        }
        self.remove_run()?;
        Ok(snapshot)
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

// The lock file itself is never removed: a process that has it open could then hold a lock that nobody else sees.
