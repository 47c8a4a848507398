//! haproxy at work: started, told to read its configuration anew, started again when it ends.

use std::path::{Path, PathBuf};

use super::GatewayError;
use super::program::{Program, signal};
use crate::base::{read_own_text, write_private};

/// The configuration below a gateway's folder.
pub(super) const FILE: &str = "haproxy.cfg";
/// One that haproxy has not judged yet.
const CANDIDATE: &str = "haproxy.cfg.new";

/// A master whose workers are exchanged when it reads its configuration anew: connections stay. Quiet, since its log says the
/// same.
const ARGUMENTS: [&str; 4] = ["-W", "-db", "-q", "-f"];

/// haproxy with the configuration that it last took.
pub(super) struct Haproxy {
    program: Program,
    candidate: PathBuf,
    /// Whether there is anything to balance.
    wanted: bool,
}

impl Haproxy {
    pub(super) fn new(program: PathBuf, folder: &Path) -> Self {
        let program = Program::new(program, folder.join(FILE));
        Self { program, candidate: folder.join(CANDIDATE), wanted: false }
    }

    /// Ends what an earlier gateway of this folder has left running.
    pub(super) async fn end_left_over(&self) {
        self.program.end_left_over().await;
    }

    /// Has haproxy judge a configuration, and if it is well, work by it. One that it refuses changes nothing.
    pub(super) async fn take(&mut self, text: Option<&str>) -> Result<(), GatewayError> {
        let file = self.program.file().to_owned();
        let Some(text) = text else {
            self.wanted = false;
            self.program.stop().await;
            return Ok(write_private(&file, b"# There is nothing to balance.\n")?);
        };
        // To read the same anew would end connections that have been there for long.
        if self.wanted && self.program.running().is_some() && read_own_text(&file).is_ok_and(|known| known == text) {
            return Ok(());
        }
        write_private(&self.candidate, text.as_bytes())?;
        self.program.judge(&["-c", "-f"], &self.candidate).await?;
        write_private(&file, text.as_bytes())?;
        self.wanted = true;
        match self.program.running() {
            Some(id) => signal("-USR2", id).await,
            None => self.program.start(&ARGUMENTS),
        }
    }

    /// Starts haproxy again if it has ended, sooner or later. Gives whether it did.
    pub(super) fn keep(&mut self) -> Result<bool, GatewayError> {
        if self.wanted { self.program.keep(&ARGUMENTS) } else { Ok(false) }
    }

    /// Ends haproxy, with its workers.
    pub(super) async fn stop(&mut self) {
        self.program.stop().await;
    }
}
