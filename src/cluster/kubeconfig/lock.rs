//! The lock that kubectl takes while it changes a kubeconfig: a file beside it that must not be there yet.
//!
//! Source: kubernetes/client-go, `tools/clientcmd/config.go` (`lockFile`, `lockName`), from memory.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::KubeconfigError;
use crate::base::FileError;

/// How often it is tried, and how long is waited in between: kubectl is done in much less.
const ATTEMPTS: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);
/// What the engine's own locks say, before the number of the process. kubectl's are empty.
const OWN: &str = "engine ";

/// The lock. It is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of a kubeconfig, or waits a few seconds for it. One that a process of the engine has left behind when
    /// it was killed is taken over.
    pub(super) fn take(file: &Path) -> Result<Self, KubeconfigError> {
        let mut name = file.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        for attempt in 0..ATTEMPTS {
            match options.open(&path) {
                Ok(mut lock) => {
                    let this = Self { path };
                    let told = writeln!(lock, "{OWN}{}", std::process::id());
                    told.map_err(|cause| FileError { action: "write", path: this.path.clone(), cause })?;
                    return Ok(this);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(FileError { action: "write", path, cause }.into()),
            }
            if is_left_behind(&path) {
                // Whoever comes first removes it; the next attempt tells who has it.
                let _ = std::fs::remove_file(&path);
            } else if attempt + 1 < ATTEMPTS {
                std::thread::sleep(PAUSE);
            }
        }
        Err(KubeconfigError::Locked { path: file.to_owned(), lock: path })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // What cannot be removed is told to the next one, with a remedy.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether a lock is of a process of the engine that is no more. Only where processes can be looked up.
fn is_left_behind(path: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let Some(process) = text.strip_prefix(OWN).and_then(|number| number.trim().parse::<u32>().ok()) else {
        return false;
    };
    let processes = Path::new("/proc");
    processes.join("self").exists() && !processes.join(process.to_string()).exists()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_what_a_killed_process_left_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let lock = folder.path().join("config.lock");
        let held = Lock::take(&file).unwrap();
        assert!(lock.exists() && !is_left_behind(&lock), "this process lives");
        drop(held);
        assert!(!lock.exists());

        // kubectl's own tells nobody.
        std::fs::write(&lock, "").unwrap();
        let refused = Lock::take(&file).unwrap_err();
        assert!(refused.help().contains("config.lock"), "{}", refused.help());
        assert!(lock.exists(), "it stays kubectl's");

        // No process has a number as large as this (the most is 2^22, proc(5)).
        std::fs::write(&lock, "engine 4200000000\n").unwrap();
        drop(Lock::take(&file).unwrap());
        assert!(!lock.exists());
    }
}
