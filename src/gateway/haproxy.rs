//! haproxy at work: started, told to read its configuration anew, started again when it ends.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::GatewayError;
use crate::base::{read_own_text, write_private};

/// The configuration below a gateway's folder.
pub(super) const FILE: &str = "haproxy.cfg";
/// One that haproxy has not judged yet.
const CANDIDATE: &str = "haproxy.cfg.new";
/// How long haproxy may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// haproxy with the configuration that it last took.
pub(super) struct Haproxy {
    program: PathBuf,
    folder: PathBuf,
    /// Whether there is anything to balance.
    wanted: bool,
    child: Option<Child>,
}

impl Haproxy {
    pub(super) fn new(program: PathBuf, folder: &Path) -> Self {
        Self { program, folder: folder.to_owned(), wanted: false, child: None }
    }

    /// Ends what an earlier gateway of this folder has left running because it was killed: two would share the addresses,
    /// one of them by an old configuration.
    pub(super) async fn end_left_over(&self) {
        let file = self.folder.join(FILE);
        let file = file.as_os_str().as_encoded_bytes();
        let mut left: Vec<u32> = Vec::new();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // One that ends meanwhile has no command any more.
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let mut arguments = command.split(|byte| *byte == 0);
            let own = self.program.file_name().unwrap_or_default().as_encoded_bytes();
            let is_haproxy = arguments.next().is_some_and(|program| program.ends_with(own));
            if is_haproxy && arguments.any(|argument| argument == file) {
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

    /// Has haproxy judge a configuration, and if it is well, work by it. One that it refuses changes nothing.
    pub(super) async fn take(&mut self, text: Option<&str>) -> Result<(), GatewayError> {
        let file = self.folder.join(FILE);
        let Some(text) = text else {
            self.wanted = false;
            self.stop().await;
            return Ok(write_private(&file, b"# There is nothing to balance.\n")?);
        };
        // To read the same anew would end connections that have been there for long.
        if self.wanted && self.running().is_some() && read_own_text(&file).is_ok_and(|known| known == text) {
            return Ok(());
        }
        let candidate = self.folder.join(CANDIDATE);
        write_private(&candidate, text.as_bytes())?;
        let mut command = Command::new(&self.program);
        command.arg("-c").arg("-f").arg(&candidate).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.map_err(|cause| self.failed(cause.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(self.failed(format!("it refuses its configuration: {}", said.trim())));
        }
        write_private(&file, text.as_bytes())?;
        self.wanted = true;
        match self.running() {
            Some(id) => signal("-USR2", id).await,
            None => self.start(),
        }
    }

    /// Starts haproxy again if it has ended. Gives whether it had.
    pub(super) fn keep(&mut self) -> Result<bool, GatewayError> {
        if !self.wanted || self.running().is_some() {
            return Ok(false);
        }
        self.start()?;
        Ok(true)
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

    fn start(&mut self) -> Result<(), GatewayError> {
        // A master whose workers are exchanged when it reads its configuration anew: connections stay. Quiet, since its log
        // says the same.
        let mut command = Command::new(&self.program);
        command.args(["-W", "-db", "-q", "-f"]).arg(self.folder.join(FILE)).stdin(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().map_err(|cause| self.failed(cause.to_string()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Ends haproxy, with its workers.
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
