//! A program that works by a file of the gateway's: started, told a signal, ended, and looked after when a gateway before this one
//! has left it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::GatewayError;

/// How long a program may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// One that has ended is started again after so many looks at it at most.
const LOOKS: u32 = 64;

/// A program, and the process of it that runs.
pub(super) struct Program {
    program: PathBuf,
    /// Its configuration, a word of its command line.
    file: PathBuf,
    child: Option<Child>,
    /// Looks until it is started again, and how many there will be the next time.
    pause: (u32, u32),
}

impl Program {
    pub(super) fn new(program: PathBuf, file: PathBuf) -> Self {
        Self { program, file, child: None, pause: (0, 1) }
    }

    /// Its configuration.
    pub(super) fn file(&self) -> &Path {
        &self.file
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

    /// Has the program judge a configuration.
    pub(super) async fn judge(&self, arguments: &[&str], candidate: &Path) -> Result<(), GatewayError> {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg(candidate).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.map_err(|cause| self.failed(cause.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(self.failed(format!("it refuses its configuration: {}", said.trim())));
        }
        Ok(())
    }

    /// The process's id, if it runs.
    pub(super) fn running(&mut self) -> Option<u32> {
        let child = self.child.as_mut()?;
        if !matches!(child.try_wait(), Ok(None)) {
            self.child = None;
            return None;
        }
        child.id()
    }

    /// Starts it by its configuration, which stands behind the arguments.
    pub(super) fn start(&mut self, arguments: &[&str]) -> Result<(), GatewayError> {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg(&self.file).stdin(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().map_err(|cause| self.failed(cause.to_string()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Starts it again where it has ended: at once, and where that does not help, less and less often. Gives whether it did.
    pub(super) fn keep(&mut self, arguments: &[&str]) -> Result<bool, GatewayError> {
        if self.pause.0 > 0 {
            self.pause.0 -= 1;
            return Ok(false);
        }
        if self.running().is_some() {
            self.pause = (0, self.pause.1.max(2) / 2);
            return Ok(false);
        }
        self.pause = (self.pause.1, (self.pause.1 * 2).min(LOOKS));
        self.start(arguments)?;
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
pub(super) async fn signal(name: &str, id: u32) -> Result<(), GatewayError> {
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
