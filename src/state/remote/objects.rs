//! The objects of one store: read, created once, compared and swapped. Whoever asks waits for the answer; the requests run
//! on a thread of their own, so that it does not matter on what kind of thread somebody waits.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion};
use tokio::runtime::{Builder, Runtime};

use crate::state::StateError;

/// Reads under way at once.
const CONCURRENCY: usize = 16;

/// Which version of an object was read or written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Version(UpdateVersion);

/// The objects below an address.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The address, for messages.
    place: String,
    worker: Arc<Worker>,
}

/// Where requests run.
#[derive(Debug)]
struct Worker(Option<Runtime>);

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting for it would not be allowed on every thread.
            runtime.shutdown_background();
        }
    }
}

impl Objects {
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str, place: String) -> Result<Self, StateError> {
        let failed = |cause: String| StateError::Remote { place: place.clone().into(), cause, refused: false };
        let prefix = Path::parse(prefix).map_err(|error| failed(error.to_string()))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("state")
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { store, prefix, place, worker: Arc::new(Worker(Some(runtime))) })
    }

    /// The address of an object, for messages.
    pub fn place_of(&self, name: &str) -> std::path::PathBuf {
        format!("{}/{name}", self.place).into()
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// Waits for something that runs on the thread of the requests.
    pub fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StateError>> + Send + 'static,
    ) -> Result<T, StateError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.spawn(async move {
            // Nobody waits any more only if the thread is gone.
            let _ = sender.send(work.await);
        });
        receiver.recv().unwrap_or_else(|_| Err(self.failed("the request was abandoned".to_owned())))
    }

    /// Lets something run beside everything else.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Option<tokio::task::JoinHandle<()>> {
        self.worker.0.as_ref().map(|runtime| runtime.spawn(work))
    }

    fn failed(&self, cause: String) -> StateError {
        StateError::Remote { place: self.place.clone().into(), cause, refused: false }
    }

    fn fault(&self, error: &Error) -> StateError {
        let refused = matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. });
        // The chain of causes, where each says something that the one before does not.
        let mut cause = error.to_string();
        let mut inner = std::error::Error::source(error);
        while let Some(error) = inner {
            let text = error.to_string();
            if !cause.contains(&text) {
                cause = format!("{cause}: {text}");
            }
            inner = error.source();
        }
        StateError::Remote { place: self.place.clone().into(), cause: first_lines(&cause), refused }
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// An object and its version; nothing if it is not there.
    pub async fn read(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, StateError> {
        let result = match self.store.get(&self.path(name)).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            result => result.map_err(|error| self.fault(&error))?,
        };
        let version = UpdateVersion { e_tag: result.meta.e_tag.clone(), version: result.meta.version.clone() };
        let bytes = result.bytes().await.map_err(|error| self.fault(&error))?;
        Ok(Some((bytes.to_vec(), Version(version))))
    }

    /// Creates an object. Nothing if there is another one of that name.
    pub async fn create(&self, name: &str, bytes: Vec<u8>) -> Result<Option<Version>, StateError> {
        self.put(name, bytes, PutMode::Create).await
    }

    /// Puts an object in the place of the version that is known. Nothing if there is another version by now.
    pub async fn swap(&self, name: &str, bytes: Vec<u8>, known: &Version) -> Result<Option<Version>, StateError> {
        self.put(name, bytes, PutMode::Update(known.0.clone())).await
    }

    async fn put(&self, name: &str, bytes: Vec<u8>, mode: PutMode) -> Result<Option<Version>, StateError> {
        let payload = PutPayload::from(bytes.clone());
        let creates = matches!(mode, PutMode::Create);
        match self.store.put_opts(&self.path(name), payload, PutOptions::from(mode)).await {
            Ok(result) => Ok(Some(Version(UpdateVersion { e_tag: result.e_tag, version: result.version }))),
            // The request may have been repeated after an answer was lost: then what is there is ours. Each object has a
            // nonce of its own, so nobody else has written the same bytes.
            Err(Error::NotFound { .. }) if creates => {
                Err(self.failed("there is no such container or bucket; create it first".to_owned()))
            }
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }) => {
                let there = self.read(name).await?;
                Ok(there.filter(|(there, _)| *there == bytes).map(|(_, version)| version))
            }
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// The names below a name, in order, relative to the address.
    pub async fn list(&self, below: &str) -> Result<Vec<String>, StateError> {
        let own = self.path(below);
        let found: Vec<_> =
            self.store.list(Some(&own)).try_collect().await.map_err(|error: Error| self.fault(&error))?;
        let mut names: Vec<String> = found
            .into_iter()
            .filter_map(|object| {
                let rest: Vec<String> =
                    object.location.prefix_match(&self.prefix)?.map(|part| part.as_ref().to_owned()).collect();
                Some(rest.join("/"))
            })
            .collect();
        names.sort();
        Ok(names)
    }

    /// Many objects, in the order of their names. One that is gone is left out.
    pub async fn read_all(&self, names: Vec<String>) -> Result<Vec<(String, Vec<u8>)>, StateError> {
        let reads = names.into_iter().map(|name| async move {
            let read = self.read(&name).await?;
            Ok::<_, StateError>(read.map(|(bytes, _)| (name, bytes)))
        });
        let read: Vec<Option<(String, Vec<u8>)>> =
            futures_util::stream::iter(reads).buffered(CONCURRENCY).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// Removes an object, if it is there.
    pub async fn remove(&self, name: &str) -> Result<(), StateError> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.fault(&error)),
        }
    }
}

/// What a store says can have pages of XML behind it.
fn first_lines(text: &str) -> String {
    let line = text.lines().take(2).collect::<Vec<_>>().join(" ");
    line.chars().take(400).collect()
}
