//! One verb at a time changes a cluster. The lock is the operating system's, so it ends with its process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StateError;
use crate::base::{Clock, Environment, FileError};

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
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
        let Self { verb, who, host, pid, since } = self;
        write!(formatter, "`engine {verb}` of {who} on {host} (process {pid}) since {since:.0}")
    }
}

impl Holder {
    fn of_process(verb: &str, clock: &dyn Clock, environment: &Environment) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| environment.get(name)).map(str::to_owned);
        // The environment seldom tells the machine's name; Linux always does.
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
        let unknown = || "unknown".to_owned();
        Self {
            verb: verb.to_owned(),
            who: first(&["USER", "LOGNAME", "USERNAME"]).unwrap_or_else(unknown),
            host: kernel.or_else(|| first(&["HOSTNAME", "COMPUTERNAME"])).unwrap_or_else(unknown),
            pid: std::process::id(),
            since: clock.now(),
        }
    }
}

/// Takes the lock, or tells who holds it. It is held until the file given is dropped.
pub(super) fn take(path: &Path, verb: &str, clock: &dyn Clock, environment: &Environment) -> Result<File, StateError> {
    let failed = |cause| FileError { action: "lock", path: path.to_owned(), cause };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // Between taking the lock and saying so there is a moment without a name.
            let _ = file.read_to_string(&mut text);
            let holder = serde_json::from_str(&text).unwrap_or_else(|_| Holder {
                verb: "(unknown)".to_owned(),
                who: "somebody".to_owned(),
                host: "this machine".to_owned(),
                pid: 0,
                since: clock.now(),
            });
            return Err(StateError::Held { holder: Box::new(holder) });
        }
        Err(TryLockError::Error(cause)) => return Err(failed(cause).into()),
    }
    // A holder is texts and numbers; writing it to memory cannot fail.
    let text = serde_json::to_string(&Holder::of_process(verb, clock, environment)).unwrap_or_default();
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
    Ok(file)
}

/// Whether somebody holds the lock. One that cannot be opened for writing is looked at all the same.
pub(super) fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
