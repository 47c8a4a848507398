//! The lock as its holder knows it: alive, lost, or given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::Mutex;

use super::cipher::Cipher;
use super::objects::Version;
use super::record::{LOCK, LockRecord};
use super::storage::{RemoteStorage, to_json};
use crate::base::Clock as _;
use crate::state::{Holder, StateError};

/// The lock as it is held: what every write needs.
#[derive(Debug)]
pub(super) struct Held {
    pub storage: RemoteStorage,
    pub cipher: Arc<Cipher>,
    pub holder: Holder,
    pub generation: u64,
    /// The lock's object, and when it was written last.
    lock: Mutex<(Version, Instant)>,
    is_lost: AtomicBool,
}

impl Held {
    /// A lock that was taken in this moment.
    pub fn new(storage: RemoteStorage, cipher: Arc<Cipher>, holder: Holder, generation: u64, version: Version) -> Self {
        let lock = Mutex::new((version, Instant::now()));
        Self { storage, cipher, holder, generation, lock, is_lost: AtomicBool::new(false) }
    }

    /// Whether it is known to be lost.
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// Somebody else was found to have written: from now on nothing is written any more.
    pub async fn lost(&self) -> StateError {
        self.is_lost.store(true, Ordering::Relaxed);
        let holder = self.storage.read::<LockRecord>(&self.cipher, LOCK).await.ok().flatten();
        let holder = holder.and_then(|(lock, ..)| lock.holder).filter(|holder| holder.id != self.holder.id);
        StateError::Lost { place: self.storage.objects.place().into(), holder: holder.map(Box::new) }
    }

    /// Gives a sign of life.
    pub async fn beat(&self) -> Result<(), StateError> {
        let mut known = self.lock.lock().await;
        let record = LockRecord {
            holder: Some(self.holder.clone()),
            beat: self.storage.clock.now(),
            expires_after: self.storage.expiry.as_secs_f64(),
        };
        let object = self.storage.seal(&self.cipher, LOCK, self.generation, &to_json(&record))?;
        match self.storage.objects.swap(LOCK, object, &known.0).await? {
            Some(version) => {
                *known = (version, Instant::now());
                Ok(())
            }
            None => Err(self.lost().await),
        }
    }

    /// Refuses if the lock is lost. Where the last sign of life is so old that it may be, one is given first.
    pub async fn check(&self) -> Result<(), StateError> {
        if self.is_lost() {
            return Err(self.lost().await);
        }
        let age = self.lock.lock().await.1.elapsed();
        if age > self.storage.expiry / 2 { self.beat().await } else { Ok(()) }
    }

    /// Creates an object that nobody but the holder of the lock can have created.
    pub async fn create(&self, name: &str, content: &[u8]) -> Result<Version, StateError> {
        self.check().await?;
        let object = self.storage.seal(&self.cipher, name, self.generation, content)?;
        match self.storage.objects.create(name, object).await? {
            Some(version) => Ok(version),
            None => Err(self.lost().await),
        }
    }

    /// Gives the lock back.
    pub async fn release(&self) -> Result<(), StateError> {
        let known = self.lock.lock().await;
        let record = LockRecord { holder: None, beat: self.storage.clock.now(), expires_after: 0.0 };
        let object = self.storage.seal(&self.cipher, LOCK, self.generation, &to_json(&record))?;
        self.storage.objects.swap(LOCK, object, &known.0).await.map(|_| ())
    }
}
