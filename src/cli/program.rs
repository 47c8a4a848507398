//! Another program in this one's place: its streams, its terminal and its exit code are that one's.

use std::ffi::OsString;

use super::{CliError, Exit};

/// A program to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its name, looked for as a shell looks for it.
    pub name: &'static str,
    /// Its arguments. Other processes see them: no secret is among them.
    pub arguments: Vec<OsString>,
    /// What to do where it is not there.
    pub help: &'static str,
}

impl Program {
    /// The command in words, for data.
    pub fn words(&self) -> Vec<String> {
        let arguments = self.arguments.iter().map(|word| word.to_string_lossy().into_owned());
        std::iter::once(self.name.to_owned()).chain(arguments).collect()
    }

    /// Becomes it. Comes back only if that cannot be.
    ///
    /// # Errors
    /// It is not there, or may not be run.
    #[cfg(unix)]
    pub fn replace_this(&self) -> Result<Exit, CliError> {
        use std::os::unix::process::CommandExt as _;
        Err(self.failed(&self.command().exec()))
    }

    /// Runs it, where no process can become another, and says whether it ended well.
    ///
    /// # Errors
    /// It is not there, or may not be run.
    #[cfg(not(unix))]
    pub fn replace_this(&self) -> Result<Exit, CliError> {
        let status = self.command().status().map_err(|cause| self.failed(&cause))?;
        Ok(if status.success() { Exit::Success } else { Exit::Failure })
    }

    fn command(&self) -> std::process::Command {
        let mut command = std::process::Command::new(self.name);
        command.args(&self.arguments);
        command
    }

    fn failed(&self, cause: &std::io::Error) -> CliError {
        if cause.kind() == std::io::ErrorKind::NotFound {
            return CliError::new(Exit::Environment, format!("there is no program {} here", self.name)).help(self.help);
        }
        CliError::new(Exit::Environment, format!("{} cannot be run: {cause}", self.name))
    }
}
