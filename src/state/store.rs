//! The state of a cluster and the order in which it changes, wherever it is kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::local::LocalStorage;
use super::remote::{RemoteSettings, RemoteStorage};
use super::storage::{Hold, RunTexts, Storage};
use super::{Holder, Identity, Milestone, RunJournal, Snapshot, StateError};
use crate::base::{Clock, Entropy, Environment, Files, Secret};
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

/// The state of a cluster, together with the cluster's folder. Looking at it needs no lock.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    storage: Arc<dyn Storage>,
}

impl Store {
    /// The state that is kept in the cluster's folder `folder`. Nothing is read or created yet.
    pub fn open(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), storage: Arc::new(LocalStorage::new(folder.join(super::FOLDER))) }
    }

    /// The state that is kept in an object store, of the cluster whose folder on this machine is `folder`. Nothing is read
    /// or created yet.
    ///
    /// # Errors
    /// Settings with which no store can be reached.
    pub fn remote(folder: &Path, settings: RemoteSettings) -> Result<Self, StateError> {
        Ok(Self { folder: folder.to_owned(), storage: Arc::new(RemoteStorage::new(settings)?) })
    }

    /// The state in this place.
    #[cfg(test)]
    pub(super) fn over(folder: &Path, storage: Arc<dyn Storage>) -> Self {
        Self { folder: folder.to_owned(), storage }
    }

    /// The same state with another folder of the cluster on this machine.
    #[must_use]
    pub fn in_folder(self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..self }
    }

    /// The cluster's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the state is kept: a folder or an address.
    pub fn place(&self) -> PathBuf {
        self.storage.place()
    }

    /// The address by which other machines find the state, if they can.
    pub fn address(&self) -> Option<String> {
        self.storage.address()
    }

    /// What is known now: the snapshot, brought up to date with what a run under way or interrupted has done so far.
    /// Nothing if there is no state.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, StateError> {
        // The run first: should it end between the two readings, the snapshot has it already.
        let run = self.storage.run();
        let Some(mut snapshot) = self.storage.snapshot()? else { return Ok(None) };
        match run.and_then(|run| run.map(|run| run.fold_into(&mut snapshot)).transpose()) {
            Ok(_) => Ok(Some(snapshot)),
            // The journal goes after the plan: a run that ended between the two readings is no damage.
            Err(_) if !self.storage.has_run() => self.storage.snapshot(),
            Err(error) => Err(error),
        }
    }

    /// The newest snapshot before the present one that is whole.
    ///
    /// # Errors
    /// None that is whole can be read.
    pub fn backup(&self) -> Result<Option<Snapshot>, StateError> {
        self.storage.backup()
    }

    /// The run that is under way or was interrupted, if there is one. Tell the two apart by the lock.
    pub fn unfinished<P: DeserializeOwned>(&self) -> Result<Option<UnfinishedRun<P>>, StateError> {
        match self.read_unfinished() {
            // It ended while it was read.
            Err(_) if !self.storage.has_run() => Ok(None),
            result => result,
        }
    }

    fn read_unfinished<P: DeserializeOwned>(&self) -> Result<Option<UnfinishedRun<P>>, StateError> {
        let Some(run) = self.storage.run()? else { return Ok(None) };
        if self.storage.snapshot()?.is_some_and(|snapshot| snapshot.folded.as_ref() == Some(&run.run)) {
            return Ok(None);
        }
        let secrets = self.storage.secrets(&run.run)?;
        Ok(Some(UnfinishedRun {
            digest: run.plan.checksum.clone(),
            plan: run.plan.value(&run.path)?,
            secrets: secrets.into_iter().map(|(handle, text)| (handle, Secret::new(text))).collect(),
            records: run.records.collect::<Result<_, _>>()?,
        }))
    }

    /// Who holds the lock at this moment, if somebody does.
    ///
    /// # Errors
    /// A place that does not answer.
    pub fn holder(&self) -> Result<Option<Holder>, StateError> {
        self.storage.holder()
    }

    /// Whether somebody is known to hold the lock at this moment.
    pub fn is_locked(&self) -> bool {
        matches!(self.holder(), Ok(Some(_)))
    }

    /// Takes the lock for a verb. A run that has ended but was not put away (the power was cut in between) is put away.
    ///
    /// # Errors
    /// [`StateError::Held`] if somebody else has the lock.
    pub fn lock(&self, verb: &str, clock: &dyn Clock, environment: &Environment) -> Result<Locked, StateError> {
        let hold = self.storage.lock(Holder::of_process(verb, clock, environment), false)?;
        let locked = Locked { store: self.clone(), hold };
        locked.tidy()?;
        Ok(locked)
    }

    /// Takes the lock of a state that may be damaged, to put another in its place. What cannot be read may be lost by that.
    ///
    /// # Errors
    /// [`StateError::Held`] if somebody else has the lock.
    pub fn lock_to_repair(
        &self,
        verb: &str,
        clock: &dyn Clock,
        environment: &Environment,
    ) -> Result<Locked, StateError> {
        let hold = self.storage.lock(Holder::of_process(verb, clock, environment), true)?;
        Ok(Locked { store: self.clone(), hold })
    }

    /// Whether a run is under way or was interrupted, whole or damaged.
    pub(super) fn has_run(&self) -> bool {
        self.storage.has_run()
    }

    /// Takes the lock with this id away from whoever holds it, who can write nothing more from then on. Gives who that was.
    ///
    /// # Errors
    /// [`StateError::NotLocked`], or [`StateError::OtherLock`] if the lock has another id.
    pub fn unlock(&self, id: &str) -> Result<Holder, StateError> {
        self.storage.unlock(id)
    }

    /// The cluster's own files (model, keys), where the place keeps them beside the state.
    ///
    /// # Errors
    /// A place that does not answer, or that is damaged.
    pub fn kept_files(&self) -> Result<Option<Files>, StateError> {
        self.storage.files()
    }
}

/// The state while its lock is held. Only through this does it change.
#[derive(Debug)]
pub struct Locked {
    store: Store,
    hold: Box<dyn Hold>,
}

impl std::ops::Deref for Locked {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Locked {
    fn storage(&self) -> &dyn Storage {
        self.store.storage.as_ref()
    }

    fn present(&self) -> Result<Snapshot, StateError> {
        self.storage().snapshot()?.ok_or_else(|| StateError::Absent(self.place()))
    }

    /// Refuses if the lock is lost.
    ///
    /// # Errors
    /// [`StateError::Lost`].
    pub fn check(&self) -> Result<(), StateError> {
        self.hold.check()
    }

    /// Puts away what a power cut has left: what belongs to a run that is folded already or has ended well, and to a run
    /// that never began.
    fn tidy(&self) -> Result<(), StateError> {
        let Some(run) = self.storage().run()? else { return self.hold.end_run(None) };
        let mut last = None;
        for record in run.records {
            last = Some(record?);
        }
        if matches!(last, Some(Record::Ended { complete: true, .. })) {
            return self.finish().map(|_| ());
        }
        match self.storage().snapshot()? {
            Some(snapshot) if snapshot.folded.as_ref() == Some(&run.run) => self.hold.end_run(None),
            _ => Ok(()),
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
        self.hold.write_snapshot(&snapshot)?;
        Ok(snapshot)
    }

    /// Changes the snapshot outside of a run, such as its facts. An interrupted run stays as it is.
    pub fn amend(&self, change: impl FnOnce(&mut Snapshot)) -> Result<Snapshot, StateError> {
        let mut snapshot = self.present()?;
        change(&mut snapshot);
        snapshot.serial += 1;
        self.hold.write_snapshot(&snapshot)?;
        Ok(snapshot)
    }

    /// Puts a snapshot in the place of whatever is there. A run that was interrupted is given up.
    pub(super) fn replace(&self, snapshot: &Snapshot) -> Result<(), StateError> {
        self.hold.end_run(Some(snapshot))
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
    ) -> Result<RunJournal, StateError> {
        self.present()?;
        self.finish()?;
        let run = entropy.uuid().to_string();
        let plan = |writer: &mut dyn std::io::Write| Ok(serde_json::to_writer(writer, plan)?);
        // What secrets and milestones hold always has a form in JSON; writing it to memory cannot fail.
        let secrets: BTreeMap<&str, &str> =
            secrets.iter().map(|(handle, secret)| (handle.as_str(), secret.expose())).collect();
        let secrets = serde_json::to_string(&secrets).unwrap_or_default();
        let milestones = serde_json::to_string(milestones).unwrap_or_default();
        let texts = RunTexts { plan: &plan, secrets: &secrets, milestones: &milestones };
        let (journal, plan) = self.hold.begin_run(&run, &texts)?;
        Ok(RunJournal::new(plan, journal))
    }

    /// Opens the journal of the interrupted run to go on writing it.
    ///
    /// # Errors
    /// [`StateError::NothingToResume`] if there is none.
    pub fn resume(&self) -> Result<RunJournal, StateError> {
        let Some(run) = self.storage().run()? else { return Err(StateError::NothingToResume(self.place())) };
        let journal = self.hold.resume_run(&run.run)?;
        Ok(RunJournal::new(run.plan.checksum, journal))
    }

    /// Folds the run into the snapshot and forgets it, whether it has ended well or not. Gives the snapshot. Without a run
    /// nothing changes. For a run that is to be taken up later this is not called: what it did is seen by
    /// [`Store::snapshot`] all the same, and [`Self::begin`] folds it if another plan takes its place.
    pub fn finish(&self) -> Result<Snapshot, StateError> {
        let mut snapshot = self.present()?;
        let folded = match self.storage().run()? {
            Some(run) => run.fold_into(&mut snapshot)?,
            None => None,
        };
        let is_new = folded.is_some();
        if is_new {
            snapshot.serial += 1;
            snapshot.folded = folded;
        }
        self.hold.end_run(Some(&snapshot).filter(|_| is_new))?;
        Ok(snapshot)
    }

    /// Keeps files beside the state, where the place does that.
    pub(super) fn write_kept_files(&self, files: &Files) -> Result<(), StateError> {
        self.hold.keep_files(files)
    }
}
