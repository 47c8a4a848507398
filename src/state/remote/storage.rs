//! Looking at the state in a store of objects, and the way to its lock.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::ObjectStore;
use serde::de::DeserializeOwned;

use super::address::Address;
use super::cipher::{Cipher, Key, Opened, Unopened};
use super::hold::RemoteHold;
use super::journal;
use super::objects::{Objects, Version};
use super::record::{BACKUPS, HEAD, Head, KEY, LOCK, LockRecord, of_run};
use crate::base::{Clock as _, Environment, Files, SystemClock, SystemEntropy, digest};
use crate::state::sealed;
use crate::state::storage::{Hold, RunFiles, Storage};
use crate::state::{Holder, Snapshot, StateError};

/// How often something is tried that somebody else may come in between of.
pub(super) const ATTEMPTS: usize = 5;

/// How to reach a state in a store of objects.
#[derive(Debug, Clone)]
pub struct RemoteSettings {
    /// Where it is.
    pub address: Address,
    /// What opens it.
    pub key: Key,
    /// Where credentials and endpoints come from.
    pub environment: Environment,
    /// Root certificates besides the system's, in PEM.
    pub certificates: Vec<String>,
    /// After how long without a sign of life the lock may be taken over. The sign is given four times in that.
    pub expiry: Duration,
}

impl RemoteSettings {
    /// How long a lock outlives its holder, if nothing else is said.
    pub const EXPIRY: Duration = Duration::from_secs(60);
}

/// The state in a store of objects.
#[derive(Debug, Clone)]
pub struct RemoteStorage {
    pub(super) objects: Objects,
    pub(super) expiry: Duration,
    pub(super) entropy: SystemEntropy,
    pub(super) clock: SystemClock,
    address: String,
    key: Key,
    cipher: Arc<Mutex<Option<Arc<Cipher>>>>,
    /// Gives no sign of life, like a process that was stopped.
    #[cfg(test)]
    pub(super) is_silent: bool,
}

impl RemoteStorage {
    /// The state there. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// A key that cannot be one; settings from which no client can be made.
    pub fn new(settings: RemoteSettings) -> Result<Self, StateError> {
        settings.key.check()?;
        let store = settings.address.connect(&settings.environment, &settings.certificates)?;
        Self::over(store, &settings)
    }

    /// The state in a store that is connected already.
    pub(super) fn over(store: Arc<dyn ObjectStore>, settings: &RemoteSettings) -> Result<Self, StateError> {
        let address = settings.address.to_string();
        Ok(Self {
            objects: Objects::new(store, &settings.address.prefix, address.clone())?,
            expiry: settings.expiry,
            entropy: SystemEntropy,
            clock: SystemClock,
            address,
            key: settings.key.clone(),
            cipher: Arc::default(),
            #[cfg(test)]
            is_silent: false,
        })
    }

    /// What encrypts the objects; nothing if the store was never begun.
    pub(super) async fn cipher(&self) -> Result<Option<Arc<Cipher>>, StateError> {
        if let Some(cipher) = self.known_cipher() {
            return Ok(Some(cipher));
        }
        let Some((bytes, _)) = self.objects.read(KEY).await? else { return Ok(None) };
        let (key, name) = (self.key.clone(), KEY);
        let opened = tokio::task::spawn_blocking(move || Cipher::open_store(&key, &bytes)).await;
        let cipher = match opened.unwrap_or_else(|error| Err(Unopened::Damaged(error.to_string()))) {
            Ok(cipher) => cipher.ok_or_else(|| StateError::WrongKey(self.address.clone().into()))?,
            Err(unopened) => return Err(self.unopened(name, unopened)),
        };
        Ok(Some(self.remember(cipher)))
    }

    fn known_cipher(&self) -> Option<Arc<Cipher>> {
        self.cipher.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, cipher: Cipher) -> Arc<Cipher> {
        let cipher = Arc::new(cipher);
        *self.cipher.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&cipher));
        cipher
    }

    /// What encrypts the objects; the store is begun if it never was.
    pub(super) async fn begin(&self) -> Result<Arc<Cipher>, StateError> {
        if let Some(cipher) = self.cipher().await? {
            return Ok(cipher);
        }
        let (key, entropy) = (self.key.clone(), self.entropy);
        let made = tokio::task::spawn_blocking(move || Cipher::begin(&key, &entropy)).await;
        let (cipher, object) = made.unwrap_or_else(|error| Err(error.to_string())).map_err(StateError::Key)?;
        match self.objects.create(KEY, object).await? {
            Some(_) => Ok(self.remember(cipher)),
            // Somebody else has begun it in this moment.
            None => self.cipher().await?.ok_or_else(|| StateError::Absent(self.address.clone().into())),
        }
    }

    fn unopened(&self, name: &str, unopened: Unopened) -> StateError {
        let path = self.objects.place_of(name);
        match unopened {
            Unopened::Damaged(cause) => sealed::damaged(&path, cause),
            Unopened::Newer(format) => StateError::NewerFormat { path, format, known: super::cipher::FORMAT },
            Unopened::Key(problem) => StateError::Key(problem),
        }
    }

    pub(super) fn open(&self, cipher: &Cipher, name: &str, bytes: &[u8]) -> Result<Opened, StateError> {
        cipher.open(name, bytes).map_err(|unopened| self.unopened(name, unopened))
    }

    pub(super) fn seal(
        &self,
        cipher: &Cipher,
        name: &str,
        generation: u64,
        content: &[u8],
    ) -> Result<Vec<u8>, StateError> {
        cipher.seal(name, generation, content, &self.entropy).map_err(|cause| StateError::Remote {
            place: self.objects.place_of(name),
            cause,
            refused: false,
        })
    }

    fn value<T: DeserializeOwned>(&self, name: &str, content: &[u8]) -> Result<T, StateError> {
        serde_json::from_slice(content).map_err(|error| {
            sealed::damaged(&self.objects.place_of(name), format!("its content cannot be read: {error}"))
        })
    }

    /// An object's value, the generation of its writer, and its version.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        cipher: &Cipher,
        name: &str,
    ) -> Result<Option<(T, u64, Version)>, StateError> {
        let Some((bytes, version)) = self.objects.read(name).await? else { return Ok(None) };
        let opened = self.open(cipher, name, &bytes)?;
        Ok(Some((self.value(name, &opened.content)?, opened.generation, version)))
    }

    async fn head(&self) -> Result<Option<Head>, StateError> {
        let Some(cipher) = self.cipher().await? else { return Ok(None) };
        let head = self.read::<Head>(&cipher, HEAD).await.map(|read| read.map(|(head, ..)| head));
        match head {
            Err(StateError::Damaged { path, cause, .. }) => {
                let backup =
                    self.newest_backup(&cipher).await.ok().flatten().map(|(name, _)| self.objects.place_of(&name));
                Err(StateError::Damaged { path, cause, backup })
            }
            head => head,
        }
    }

    async fn newest_backup(&self, cipher: &Cipher) -> Result<Option<(String, Snapshot)>, StateError> {
        for name in self.objects.list(BACKUPS).await?.into_iter().rev() {
            if let Ok(Some((snapshot, ..))) = self.read::<Snapshot>(cipher, &name).await {
                return Ok(Some((name, snapshot)));
            }
        }
        Ok(None)
    }

    async fn of_run<T: DeserializeOwned>(&self, cipher: &Cipher, run: &str, part: &str) -> Result<T, StateError> {
        let name = of_run(run, part);
        let read = self.read(cipher, &name).await?;
        read.map(|(value, ..)| value)
            .ok_or_else(|| sealed::damaged(&self.objects.place_of(&name), "it is missing although its run is there"))
    }

    async fn read_run(&self) -> Result<Option<RunFiles>, StateError> {
        let (Some(cipher), Some(run)) = (self.cipher().await?, self.head().await?.and_then(|head| head.run)) else {
            return Ok(None);
        };
        let name = of_run(&run, "plan");
        let path = self.objects.place_of(&name);
        let Some((bytes, _)) = self.objects.read(&name).await? else {
            return Err(sealed::damaged(&path, "it is missing although its run is there"));
        };
        let content = self.open(&cipher, &name, &bytes)?.content;
        let content = String::from_utf8(content).map_err(|_| sealed::damaged(&path, "it is not text"))?;
        let plan = sealed::Opened { run: Some(run.clone()), checksum: digest(content.as_bytes()), content };
        let milestones = self.of_run(&cipher, &run, "facts").await?;
        let records = journal::read(self, &cipher, &run).await?.records;
        let records = Box::new(records.into_iter().map(Ok));
        Ok(Some(RunFiles { run, path, plan, milestones, records }))
    }

    async fn read_holder(&self) -> Result<Option<Holder>, StateError> {
        let Some(cipher) = self.cipher().await? else { return Ok(None) };
        let Some((lock, ..)) = self.read::<LockRecord>(&cipher, LOCK).await? else { return Ok(None) };
        let is_alive = !self.is_expired(&lock);
        Ok(lock.holder.filter(|_| is_alive))
    }

    /// Whether the last sign of life is so old, by this machine's clock, that the lock may be taken over.
    pub(super) fn is_expired(&self, lock: &LockRecord) -> bool {
        self.clock.now().duration_since(lock.beat).as_secs_f64() > lock.expires_after
    }

    async fn take_away(&self, id: &str) -> Result<Holder, StateError> {
        let nobody = || StateError::NotLocked(self.address.clone().into());
        let cipher = self.cipher().await?.ok_or_else(nobody)?;
        // It may give a sign of life between the reading and the writing.
        for _ in 0..ATTEMPTS {
            let (mut lock, generation, version) = self.read::<LockRecord>(&cipher, LOCK).await?.ok_or_else(nobody)?;
            let holder = lock.holder.take().ok_or_else(nobody)?;
            if holder.id != id {
                return Err(StateError::OtherLock { asked: id.to_owned(), holder: Box::new(holder) });
            }
            let object = self.seal(&cipher, LOCK, generation, &to_json(&lock))?;
            if self.objects.swap(LOCK, object, &version).await?.is_some() {
                return Ok(holder);
            }
        }
        Err(StateError::Remote {
            place: self.objects.place_of(LOCK),
            cause: "it changes all the time".to_owned(),
            refused: false,
        })
    }

    async fn read_files(&self) -> Result<Option<Files>, StateError> {
        let (Some(cipher), Some(name)) = (self.cipher().await?, self.head().await?.and_then(|head| head.files)) else {
            return Ok(None);
        };
        let read = self.read::<BTreeMap<PathBuf, String>>(&cipher, &name).await?;
        let path = self.objects.place_of(&name);
        let (kept, ..) = read.ok_or_else(|| sealed::damaged(&path, "it is missing although the head names it"))?;
        let mut files = Files::default();
        for (name, content) in kept {
            let content = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, content)
                .map_err(|_| sealed::damaged(&path, "a file in it is not base64"))?;
            files.private(name, content);
        }
        Ok(Some(files))
    }

    fn wait<T, W>(&self, work: impl FnOnce(Self) -> W) -> Result<T, StateError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, StateError>> + Send + 'static,
    {
        self.objects.wait(work(self.clone()))
    }
}

/// What is kept always has a form in JSON; writing it to memory cannot fail.
pub(super) fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

impl Storage for RemoteStorage {
    fn place(&self) -> PathBuf {
        self.address.clone().into()
    }

    fn address(&self) -> Option<String> {
        Some(self.address.clone())
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StateError> {
        self.wait(|this| async move { Ok(this.head().await?.and_then(|head| head.snapshot)) })
    }

    fn backup(&self) -> Result<Option<Snapshot>, StateError> {
        self.wait(|this| async move {
            let Some(cipher) = this.cipher().await? else { return Ok(None) };
            Ok(this.newest_backup(&cipher).await?.map(|(_, snapshot)| snapshot))
        })
    }

    fn run(&self) -> Result<Option<RunFiles>, StateError> {
        self.wait(|this| async move { this.read_run().await })
    }

    fn has_run(&self) -> bool {
        // Where the head cannot be read, what is told of it is better than nothing.
        self.wait(|this| async move { Ok(this.head().await?.is_some_and(|head| head.run.is_some())) }).unwrap_or(true)
    }

    fn secrets(&self, run: &str) -> Result<BTreeMap<String, String>, StateError> {
        let run = run.to_owned();
        self.wait(|this| async move {
            let cipher = this.cipher().await?.ok_or_else(|| StateError::Absent(this.address.clone().into()))?;
            this.of_run(&cipher, &run, "secrets").await
        })
    }

    fn files(&self) -> Result<Option<Files>, StateError> {
        self.wait(|this| async move { this.read_files().await })
    }

    fn holder(&self) -> Result<Option<Holder>, StateError> {
        self.wait(|this| async move { this.read_holder().await })
    }

    fn lock(&self, holder: Holder, repair: bool) -> Result<Box<dyn Hold>, StateError> {
        let hold = self.wait(move |this| async move { RemoteHold::take(this, holder, repair).await })?;
        Ok(Box::new(hold))
    }

    fn unlock(&self, id: &str) -> Result<Holder, StateError> {
        let id = id.to_owned();
        self.wait(|this| async move { this.take_away(&id).await })
    }
}
