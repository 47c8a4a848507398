//! The lock of a state in a store of objects: taken, kept alive, lost, given back; and all that is written under it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::cipher::Cipher;
use super::held::Held;
use super::journal::{RemoteJournal, fence};
use super::objects::Version;
use super::record::{BACKUPS, FILES, HEAD, Head, LOCK, LockRecord, RUNS, of_run};
use super::storage::{ATTEMPTS, RemoteStorage, to_json};
use crate::base::{Clock as _, Entropy as _, Files, digest};
use crate::contract::Journal;
use crate::state::storage::{Hold, RunTexts};
use crate::state::{Holder, Snapshot, StateError};

/// How many former snapshots are kept.
const KEPT_BACKUPS: usize = 10;
/// How many numbers that were taken from former holders stay taken.
const KEPT_FENCES: usize = 100;

/// The state, while its lock is held.
#[derive(Debug)]
pub(super) struct RemoteHold {
    held: Arc<Held>,
    /// The head as it was written last.
    head: Arc<Mutex<(Head, Version)>>,
    beats: Option<JoinHandle<()>>,
}

/// An object's value, the generation of its writer and its version. To repair, what cannot be read counts as nothing that
/// can be overwritten.
async fn read<T: DeserializeOwned>(
    storage: &RemoteStorage,
    cipher: &Cipher,
    name: &str,
    repair: bool,
) -> Result<Option<(Option<T>, u64, Version)>, StateError> {
    match storage.read::<T>(cipher, name).await {
        Err(StateError::Damaged { .. } | StateError::NewerFormat { .. }) if repair => {
            Ok(storage.objects.read(name).await?.map(|(_, version)| (None, 0, version)))
        }
        read => Ok(read?.map(|(value, generation, version)| (Some(value), generation, version))),
    }
}

/// Takes the lock's object; gives the new generation and the object's version.
async fn take_lock(
    storage: &RemoteStorage,
    cipher: &Cipher,
    holder: &Holder,
    repair: bool,
) -> Result<(u64, Version), StateError> {
    let held = |holder| StateError::Held { holder: Box::new(holder) };
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let generation_of_head = read::<Head>(storage, cipher, HEAD, repair)
            .await?
            .map_or(0, |(head, ..)| head.map_or(0, |head| head.generation));
        let there = read::<LockRecord>(storage, cipher, LOCK, repair).await?;
        if let Some((Some(LockRecord { holder: Some(present), expires_after, .. }), _, version)) = &there {
            let lock = there.as_ref().and_then(|(lock, ..)| lock.as_ref());
            if !lock.is_some_and(|lock| storage.is_expired(lock)) {
                return Err(held(present.clone()));
            }
            // Clocks differ: one that is alive gives a sign of life meanwhile.
            tokio::time::sleep(Duration::from_secs_f64(expires_after.clamp(0.0, 600.0) / 2.0)).await;
            let again = storage.objects.read(LOCK).await?;
            if again.is_none_or(|(_, now)| now != *version) {
                last = Some(present.clone());
                continue;
            }
        }
        let generation = there.as_ref().map_or(0, |(_, generation, _)| *generation).max(generation_of_head) + 1;
        let record = LockRecord {
            holder: Some(holder.clone()),
            beat: storage.clock.now(),
            expires_after: storage.expiry.as_secs_f64(),
        };
        let object = storage.seal(cipher, LOCK, generation, &to_json(&record))?;
        let taken = match &there {
            None => storage.objects.create(LOCK, object).await?,
            Some((.., version)) => storage.objects.swap(LOCK, object, version).await?,
        };
        if let Some(version) = taken {
            return Ok((generation, version));
        }
    }
    let present = storage.read::<LockRecord>(cipher, LOCK).await?.and_then(|(lock, ..)| lock.holder).or(last);
    Err(present.map_or_else(|| StateError::NotLocked(storage.objects.place().into()), held))
}

impl RemoteHold {
    /// Takes the lock, and sees to it that whoever held it before can write nothing any more.
    pub async fn take(storage: RemoteStorage, holder: Holder, repair: bool) -> Result<Self, StateError> {
        let cipher = storage.begin().await?;
        let (generation, version) = take_lock(&storage, &cipher, &holder, repair).await?;
        let held = Arc::new(Held::new(storage.clone(), Arc::clone(&cipher), holder, generation, version));
        let taken = Self::fence(&held, repair).await;
        if taken.is_err() {
            // What went wrong is told; that the lock stays for a while too is the lesser evil.
            let _ = held.release().await;
        }
        let head = taken?;
        let beating = Arc::clone(&held);
        let beats = storage.objects.spawn(async move {
            let interval = beating.storage.expiry / 4;
            loop {
                tokio::time::sleep(interval).await;
                #[cfg(test)]
                if beating.storage.is_silent {
                    continue;
                }
                // A network that is away for a moment is no loss; one that stays away is noticed by the next write.
                if let Err(StateError::Lost { .. }) = beating.beat().await {
                    return;
                }
            }
        });
        Ok(Self { held, head: Arc::new(Mutex::new(head)), beats })
    }

    async fn fence(held: &Held, repair: bool) -> Result<(Head, Version), StateError> {
        let (storage, cipher, generation) = (&held.storage, &*held.cipher, held.generation);
        for _ in 0..ATTEMPTS {
            let there = read::<Head>(storage, cipher, HEAD, repair).await?;
            let (mut head, known) = match there {
                None => (Head::default(), None),
                Some((head, _, version)) => (head.unwrap_or_default(), Some(version)),
            };
            if head.generation > generation {
                return Err(held.lost().await);
            }
            head.generation = generation;
            let object = storage.seal(cipher, HEAD, generation, &to_json(&head))?;
            let written = match &known {
                None => storage.objects.create(HEAD, object).await?,
                Some(known) => storage.objects.swap(HEAD, object, known).await?,
            };
            let Some(mut version) = written else { continue };
            if let Some(run) = head.run.clone() {
                let name = fence(storage, cipher, &run, generation).await?;
                head.fences.push(name);
                let old = head.fences.len().saturating_sub(KEPT_FENCES);
                let old: Vec<String> = head.fences.drain(..old).collect();
                let object = storage.seal(cipher, HEAD, generation, &to_json(&head))?;
                version = match storage.objects.swap(HEAD, object, &version).await? {
                    Some(version) => version,
                    None => return Err(held.lost().await),
                };
                for name in old {
                    storage.objects.remove(&name).await?;
                }
            }
            return Ok((head, version));
        }
        Err(held.lost().await)
    }

    fn wait<T: Send + 'static, W>(&self, work: impl FnOnce(Writer) -> W) -> Result<T, StateError>
    where
        W: Future<Output = Result<T, StateError>> + Send + 'static,
    {
        let writer = Writer { held: Arc::clone(&self.held), head: Arc::clone(&self.head) };
        self.held.storage.objects.wait(work(writer))
    }
}

impl Drop for RemoteHold {
    fn drop(&mut self) {
        if let Some(beats) = self.beats.take() {
            beats.abort();
        }
        if !self.held.is_lost() {
            let held = Arc::clone(&self.held);
            // If it cannot be given back now, it expires.
            let _ = self.held.storage.objects.wait(async move { held.release().await });
        }
    }
}

/// What writes, on the thread of the requests.
struct Writer {
    held: Arc<Held>,
    head: Arc<Mutex<(Head, Version)>>,
}

impl Writer {
    /// Changes the head; gives what it was.
    async fn change(&self, change: impl FnOnce(&mut Head)) -> Result<Head, StateError> {
        self.held.check().await?;
        let mut known = self.head.lock().await;
        let mut head = known.0.clone();
        change(&mut head);
        let storage = &self.held.storage;
        let object = storage.seal(&self.held.cipher, HEAD, self.held.generation, &to_json(&head))?;
        match storage.objects.swap(HEAD, object, &known.1).await? {
            Some(version) => Ok(std::mem::replace(&mut *known, (head, version)).0),
            None => Err(self.held.lost().await),
        }
    }

    /// Keeps the present snapshot as a former one.
    async fn keep_backup(&self) -> Result<(), StateError> {
        let Some(snapshot) = self.head.lock().await.0.snapshot.clone() else { return Ok(()) };
        let objects = &self.held.storage.objects;
        let id = self.held.storage.entropy.uuid();
        let name = format!("{BACKUPS}/{:010}-{:010}-{id}", self.held.generation, snapshot.serial);
        self.held.create(&name, &to_json(&snapshot)).await?;
        let names = objects.list(BACKUPS).await?;
        for name in names.iter().take(names.len().saturating_sub(KEPT_BACKUPS)) {
            objects.remove(name).await?;
        }
        Ok(())
    }

    /// Removes what is left of a run that is put away, but for the numbers that were taken from former holders.
    async fn remove_run(&self, run: &str) -> Result<(), StateError> {
        let fences = self.head.lock().await.0.fences.clone();
        for name in self.held.storage.objects.list(&format!("{RUNS}/{run}")).await? {
            if !fences.contains(&name) {
                self.held.storage.objects.remove(&name).await?;
            }
        }
        Ok(())
    }
}

impl Hold for RemoteHold {
    fn check(&self) -> Result<(), StateError> {
        self.wait(|writer| async move { writer.held.check().await })
    }

    fn write_snapshot(&self, snapshot: &Snapshot) -> Result<(), StateError> {
        let snapshot = snapshot.clone();
        self.wait(|writer| async move {
            writer.keep_backup().await?;
            writer.change(|head| head.snapshot = Some(snapshot)).await.map(|_| ())
        })
    }

    fn begin_run(&self, run: &str, texts: &RunTexts<'_>) -> Result<(Box<dyn Journal>, String), StateError> {
        let run = run.to_owned();
        let mut plan = Vec::new();
        // What a plan holds always has a form in JSON; writing it to memory cannot fail.
        let _ = (texts.plan)(&mut plan);
        let checksum = digest(&plan);
        let text = |text: &str| text.as_bytes().to_vec();
        let parts = [("secrets", text(texts.secrets)), ("facts", text(texts.milestones)), ("plan", plan)];
        let parts = parts.map(|(name, content)| (of_run(&run, name), content));
        let journal = self.wait(|writer| async move {
            for (name, content) in parts {
                writer.held.create(&name, &content).await?;
            }
            let journal = RemoteJournal::begin(Arc::clone(&writer.held), &run).await?;
            // The head last: with it the run exists.
            writer.change(|head| head.run = Some(run)).await?;
            Ok(journal)
        })?;
        Ok((Box::new(journal), checksum))
    }

    fn resume_run(&self, run: &str) -> Result<Box<dyn Journal>, StateError> {
        let run = run.to_owned();
        let journal = self.wait(|writer| async move { RemoteJournal::resume(writer.held, &run).await })?;
        Ok(Box::new(journal))
    }

    fn end_run(&self, folded: Option<&Snapshot>) -> Result<(), StateError> {
        let folded = folded.cloned();
        self.wait(|writer| async move {
            if folded.is_none() && writer.head.lock().await.0.run.is_none() {
                return Ok(());
            }
            if folded.is_some() {
                writer.keep_backup().await?;
            }
            let before = writer
                .change(|head| {
                    head.run = None;
                    head.snapshot = folded.or_else(|| head.snapshot.take());
                })
                .await?;
            match before.run {
                Some(run) => writer.remove_run(&run).await,
                None => Ok(()),
            }
        })
    }

    fn keep_files(&self, files: &Files) -> Result<(), StateError> {
        let contents =
            files.paths().map(|path| (path.to_owned(), STANDARD.encode(files.content(path).unwrap_or_default())));
        let contents: BTreeMap<PathBuf, String> = contents.collect();
        self.wait(|writer| async move {
            let name = format!("{FILES}/{}", writer.held.storage.entropy.uuid());
            writer.held.create(&name, &to_json(&contents)).await?;
            let before = writer.change(|head| head.files = Some(name)).await?;
            match before.files {
                Some(old) => writer.held.storage.objects.remove(&old).await,
                None => Ok(()),
            }
        })
    }
}
