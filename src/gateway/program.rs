//! A program that works by a file of the gateway's: started, told a signal, ended, and looked after when a gateway before this one
//! has left it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::GatewayError;
use crate::base::{read_own_text, write_private};

/// How long a program may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// One that has ended is started again after so many looks at it at most.
const LOOKS: u32 = 64;

/// How a program takes its configuration, whose file stands behind the words of a command.
pub(super) struct Manner {
    /// What it works with, as this process's child.
    pub(super) works: Vec<String>,
    /// What it only judges with.
    pub(super) judges: Vec<String>,
    /// The signal at which it reads its configuration anew; one that has none is ended and started.
    pub(super) rereads: Option<&'static str>,
    /// Files in which it writes down that it runs. One that was left by a power cut would keep it from starting.
    pub(super) marks: Vec<PathBuf>,
}

/// The words of a command.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// A program, and the process of it that runs.
pub(super) struct Program {
    program: PathBuf,
    /// Its configuration, a word of its command line.
    file: PathBuf,
    /// One that it has not judged yet.
    candidate: PathBuf,
    manner: Manner,
    /// Whether it has something to do.
    wanted: bool,
    child: Option<Child>,
    /// Looks until it is started again, and how many there will be the next time.
    pause: (u32, u32),
}

impl Program {
    /// A program with its configuration in a file of a folder. It runs once it has one.
    pub(super) fn new(program: PathBuf, folder: &Path, file: &str, manner: Manner) -> Self {
        let (file, candidate) = (folder.join(file), folder.join(format!("{file}.new")));
        Self { program, file, candidate, manner, wanted: false, child: None, pause: (0, 1) }
    }

    /// Has it judge a configuration, and if it is well, work by it; without one it ends. What it refuses changes nothing.
    pub(super) async fn take(&mut self, text: Option<&str>) -> Result<(), GatewayError> {
        let Some(text) = text else {
            self.wanted = false;
            self.stop().await;
            return Ok(());
        };
        // To read the same anew would end what has been there for long, such as connections.
        if self.wanted && self.running().is_some() && read_own_text(&self.file).is_ok_and(|known| known == text) {
            return Ok(());
        }
        write_private(&self.candidate, text.as_bytes())?;
        self.judge().await?;
        write_private(&self.file, text.as_bytes())?;
        self.wanted = true;
        match (self.running(), self.manner.rereads) {
            (Some(id), Some(name)) => signal(name, id).await,
            (Some(_), None) => {
                self.stop().await;
                self.start()
            }
            (None, _) => self.start(),
        }
    }

    /// Ends what an earlier gateway of this folder has left running because it was killed: two would share the addresses,
    /// one of them by an old configuration.
    pub(super) async fn end_left_over(&self) {
        let file = self.file.as_os_str().as_encoded_bytes();
        let mut left: Vec<u32> = Vec::new();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // One that ends meanwhile has no command any more.
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let mut arguments = command.split(|byte| *byte == 0);
            let own = self.program.file_name().unwrap_or_default().as_encoded_bytes();
            let is_it = arguments.next().is_some_and(|program| program.ends_with(own));
            if is_it && arguments.any(|argument| argument == file) {
                left.push(id);
            }
        }
        for id in &left {
            // A worker ends with its master, perhaps before it is told to.
            _ = signal("-TERM", *id).await;
        }
        let end = tokio::time::Instant::now() + PATIENCE;
        for id in left {
            let command = Path::new("/proc").join(id.to_string()).join("cmdline");
            // One of whose end nobody has heard is still there, without a command.
            while std::fs::read(&command).is_ok_and(|command| !command.is_empty()) {
                if tokio::time::Instant::now() > end {
                    _ = signal("-KILL", id).await;
                    break;
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    fn failed(&self, cause: String) -> GatewayError {
        GatewayError::Program { program: self.program.clone(), cause }
    }

    async fn judge(&self) -> Result<(), GatewayError> {
        let mut command = Command::new(&self.program);
        command.args(&self.manner.judges).arg(&self.candidate).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.map_err(|cause| self.failed(cause.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(self.failed(format!("it refuses its configuration: {}", said.trim())));
        }
        Ok(())
    }

    /// The process's id, if it runs.
    fn running(&mut self) -> Option<u32> {
        let child = self.child.as_mut()?;
        if !matches!(child.try_wait(), Ok(None)) {
            self.child = None;
            return None;
        }
        child.id()
    }

    fn start(&mut self) -> Result<(), GatewayError> {
        for mark in &self.manner.marks {
            // There is none if it ended by itself; one that stays is what it will complain of.
            _ = std::fs::remove_file(mark);
        }
        let mut command = Command::new(&self.program);
        command.args(&self.manner.works).arg(&self.file).stdin(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().map_err(|cause| self.failed(cause.to_string()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Starts it again where it has ended: at once, and where that does not help, less and less often. Gives whether it did.
    pub(super) fn keep(&mut self) -> Result<bool, GatewayError> {
        if !self.wanted {
            return Ok(false);
        }
        if self.pause.0 > 0 {
            self.pause.0 -= 1;
            return Ok(false);
        }
        if self.running().is_some() {
            self.pause = (0, self.pause.1.max(2) / 2);
            return Ok(false);
        }
        self.pause = (self.pause.1, (self.pause.1 * 2).min(LOOKS));
        self.start()?;
        Ok(true)
    }

    /// Ends it, with whatever it has started.
    pub(super) async fn stop(&mut self) {
        let Some(id) = self.running() else { return };
        let ended = match (signal("-TERM", id).await, self.child.as_mut()) {
            (Ok(()), Some(child)) => tokio::time::timeout(PATIENCE, child.wait()).await.is_ok(),
            _ => false,
        };
        if !ended && let Some(child) = &mut self.child {
            _ = child.kill().await;
        }
        self.child = None;
    }
}

/// Sends a process a signal.
async fn signal(name: &str, id: u32) -> Result<(), GatewayError> {
    let failed = |cause: String| GatewayError::Program { program: PathBuf::from("kill"), cause };
    let status = Command::new("kill")
        .args([name, &id.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
        .map_err(|cause| failed(cause.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(format!("{name} {id}: {status}"))) }
}
