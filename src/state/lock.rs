//! One verb at a time changes a cluster. Who that is says the [`Holder`]; how others are kept out is the place's. Here: the
//! lock of a folder, which is the operating system's, so that it ends with its process.
//!
//! The file stays when the lock is released. It goes when the lock is taken away by its id: then the process that holds it
//! notices before its next write that the file is another one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StateError;
use crate::base::{Clock, Entropy as _, Environment, FileError, SystemEntropy};

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// What identifies this holding of the lock. Empty in locks of engines that gave none.
    #[serde(default)]
    pub id: String,
    /// The verb, such as `deploy`.
    pub verb: String,
    /// The user.
    pub who: String,
    /// The machine.
    pub host: String,
    /// The process on it.
    pub pid: u32,
    /// Since when.
    pub since: Timestamp,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, verb, who, host, pid, since } = self;
        write!(formatter, "`engine {verb}` of {who} on {host} (process {pid}) since {since:.0}")?;
        if id.is_empty() { Ok(()) } else { write!(formatter, ", lock {id}") }
    }
}

impl Holder {
    pub(super) fn of_process(verb: &str, clock: &dyn Clock, environment: &Environment) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| environment.get(name)).map(str::to_owned);
        // The environment seldom tells the machine's name; Linux always does.
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
        let unknown = || "unknown".to_owned();
        Self {
            id: SystemEntropy.uuid().to_string(),
            verb: verb.to_owned(),
            who: first(&["USER", "LOGNAME", "USERNAME"]).unwrap_or_else(unknown),
            host: kernel.or_else(|| first(&["HOSTNAME", "COMPUTERNAME"])).unwrap_or_else(unknown),
            pid: std::process::id(),
            since: clock.now(),
        }
    }
}

/// The lock's file while this process holds it.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// Refuses if the lock was taken away.
    pub fn check(&self) -> Result<(), StateError> {
        if is_at(&self.file, &self.path) {
            return Ok(());
        }
        Err(StateError::Lost { place: self.path.clone(), holder: holder(&self.path).map(Box::new) })
    }
}

/// Whether the open file is still the one of that name.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        match (file.metadata(), std::fs::metadata(path)) {
            (Ok(own), Ok(there)) => (own.dev(), own.ino()) == (there.dev(), there.ino()),
            _ => false,
        }
    }
    #[cfg(not(unix))]
    {
        // A file that is open cannot be removed there.
        let _ = file;
        path.exists()
    }
}

/// Takes the lock, or tells who holds it. It is held until what is given is dropped.
pub(super) fn take(path: &Path, holder: &Holder) -> Result<LockFile, StateError> {
    let failed = |cause| FileError { action: "lock", path: path.to_owned(), cause };
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = told(&mut file).unwrap_or_else(|| nameless(holder.since));
                return Err(StateError::Held { holder: Box::new(holder) });
            }
            Err(TryLockError::Error(cause)) => return Err(failed(cause).into()),
        }
        if !is_at(&file, path) {
            // Taken away between opening and locking.
            continue;
        }
        // A holder is texts and numbers; writing it to memory cannot fail.
        let text = serde_json::to_string(holder).unwrap_or_default();
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
        return Ok(LockFile { file, path: path.to_owned() });
    }
}

/// Who holds the lock of a file, if somebody does. One that cannot be opened for writing is looked at all the same.
pub(super) fn holder(path: &Path) -> Option<Holder> {
    let mut file = File::open(path).ok()?;
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    Some(told(&mut file).unwrap_or_else(|| nameless(Timestamp::UNIX_EPOCH)))
}

/// Takes the lock away from whoever holds it, if it is the lock with this id.
pub(super) fn take_away(path: &Path, id: &str) -> Result<Holder, StateError> {
    let holder = holder(path).ok_or_else(|| StateError::NotLocked(folder_of(path)))?;
    if holder.id.is_empty() || holder.id != id {
        return Err(StateError::OtherLock { asked: id.to_owned(), holder: Box::new(holder) });
    }
    std::fs::remove_file(path).map_err(|cause| FileError { action: "remove", path: path.to_owned(), cause })?;
    Ok(holder)
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

fn told(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Between taking the lock and saying so there is a moment without a name.
fn nameless(since: Timestamp) -> Holder {
    Holder {
        id: String::new(),
        verb: "(unknown)".to_owned(),
        who: "somebody".to_owned(),
        host: "this machine".to_owned(),
        pid: 0,
        since,
    }
}
