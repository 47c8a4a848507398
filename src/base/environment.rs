//! The process environment, read once and handed down. Nothing else reads it.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Environment variables and what kind of streams the process has.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// The working folder, if it can be told.
    pub working_folder: Option<PathBuf>,
    /// Whether questions can be asked: standard input and standard error are terminals.
    pub interactive: bool,
    /// Whether standard output is a terminal.
    pub output_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub error_is_terminal: bool,
    /// The file of the program that runs, if it can be told.
    pub program: Option<PathBuf>,
    /// Whether the process may do everything on this machine: it runs as root.
    pub superuser: bool,
}

impl Environment {
    /// What this process was started with.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let error_is_terminal = std::io::stderr().is_terminal();
        Self {
            variables,
            working_folder: std::env::current_dir().ok(),
            interactive: std::io::stdin().is_terminal() && error_is_terminal,
            output_is_terminal: std::io::stdout().is_terminal(),
            error_is_terminal,
            program: std::env::current_exe().ok(),
            superuser: is_superuser(),
        }
    }

    /// An environment made of just these variables, without terminals.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self {
            variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Self::default()
        }
    }

    /// The value of `name`, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The names of the variables that begin so and are not empty, in order.
    pub fn names_beginning_with<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.variables.iter().filter(move |(name, value)| name.starts_with(beginning) && !value.is_empty());
        named.map(|(name, _)| name.as_str())
    }

    /// Whether colours are wanted on a stream (<https://no-color.org>, and `TERM=dumb`).
    pub fn colour(&self, stream_is_terminal: bool) -> bool {
        stream_is_terminal && self.get("NO_COLOR").is_none() && self.get("TERM") != Some("dumb")
    }
}

#[cfg(target_os = "linux")]
fn is_superuser() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(target_os = "linux"))]
fn is_superuser() -> bool {
    false
}
