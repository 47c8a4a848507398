//! Programs that a build runs: their command lines as values, so that they can be looked at without being run.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How many lines of a log are told when a program fails.
const TOLD_LINES: usize = 15;
/// Where programs for administrators are, which not every user's path names.
const ADMINISTRATORS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A program and what it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandLine {
    pub program: &'static str,
    pub arguments: Vec<OsString>,
    /// Variables besides those that every program gets.
    pub variables: Vec<(&'static str, OsString)>,
    /// What it reads.
    pub input: Option<String>,
}

impl CommandLine {
    pub fn new<A: AsRef<OsStr>>(program: &'static str, arguments: impl IntoIterator<Item = A>) -> Self {
        let arguments = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        Self { program, arguments, variables: Vec::new(), input: None }
    }

    pub fn and<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    pub fn variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    pub fn input(mut self, text: String) -> Self {
        self.input = Some(text);
        self
    }

    /// As one would type it.
    pub fn shown(&self) -> String {
        let arguments = self.arguments.iter().map(|argument| quoted(&argument.to_string_lossy()));
        std::iter::once(self.program.to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
    }
}

/// A word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,@+%^".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Runs programs.
pub(super) trait Runner {
    /// Runs a program in the work folder until it has ended well, and gives what it wrote to its standard output.
    ///
    /// # Errors
    /// It is not there or ended badly: what happened.
    fn run(&mut self, command: &CommandLine) -> Result<String, String>;
}

/// Runs programs on this machine. What they say goes into a log.
pub(super) struct Programs<'a> {
    pub log: File,
    pub work: &'a Path,
    pub path: OsString,
    pub source_date: i64,
}

impl Runner for Programs<'_> {
    fn run(&mut self, command: &CommandLine) -> Result<String, String> {
        let failed = |cause: std::io::Error| format!("{}: {cause}", command.program);
        writeln!(self.log, "+ {}", command.shown()).map_err(failed)?;
        let program = found(command.program, &self.path).ok_or_else(|| format!("there is no {}", command.program))?;
        let mut process = Command::new(program);
        process
            .args(&command.arguments)
            .current_dir(self.work)
            // The same words and the same order of names everywhere.
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("PATH", &self.path)
            .env("SOURCE_DATE_EPOCH", self.source_date.to_string())
            .env_remove("TMPDIR")
            .envs(command.variables.iter().map(|(name, value)| (name, value)))
            .stdin(if command.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(self.log.try_clone().map_err(failed)?);
        let mut child = process.spawn().map_err(failed)?;
        if let (Some(text), Some(mut stream)) = (&command.input, child.stdin.take()) {
            // One that does not read it says by its end what is wrong.
            let _ = stream.write_all(text.as_bytes());
        }
        let output = child.wait_with_output().map_err(failed)?;
        self.log.write_all(&output.stdout).map_err(failed)?;
        if !output.status.success() {
            return Err(format!("{} ended with {}", command.program, output.status));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A program's file in a search path, or nothing.
pub(super) fn found(program: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(program)).find(|file| is_program(file))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// A search path with the folders of administrators' programs behind it.
pub(super) fn with_administrators(path: &OsStr) -> OsString {
    let folders = std::env::split_paths(path).chain(ADMINISTRATORS.iter().map(PathBuf::from));
    // A folder whose name cannot stand in a path came from none.
    std::env::join_paths(folders).unwrap_or_else(|_| path.to_owned())
}

/// The last lines of a log.
pub(super) fn last_lines(log: &Path) -> String {
    const MOST: u64 = 16 << 10;
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(MOST)))?;
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(TOLD_LINES)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(CommandLine::new("a", ["--b=c", "d e", "it's", ""]).shown(), r"a --b=c 'd e' 'it'\''s' ''");
    }

    #[test]
    fn what_a_program_says_is_in_the_log_and_its_output_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let path = OsString::from("/usr/bin:/bin");
        let mut programs =
            Programs { log: File::create(&log).unwrap(), work: folder.path(), path, source_date: 86_400 };
        let script = "echo $SOURCE_DATE_EPOCH $OWN; cat; echo aside >&2";
        let command = CommandLine::new("sh", ["-c", script]).variable("OWN", "x").input("read".to_owned());
        assert_eq!(programs.run(&command).unwrap(), "86400 x\nread");
        let error = programs.run(&CommandLine::new("sh", ["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert!(error.contains("sh ended with") && error.contains('3'), "{error}");
        assert!(programs.run(&CommandLine::new("no-such-program", [""; 0])).unwrap_err().contains("no-such-program"));
        let told = last_lines(&log);
        assert!(told.contains("aside") && told.contains("why") && told.contains("+ sh -c"), "{told}");
        assert_eq!(last_lines(&folder.path().join("none")), "");
    }

    #[test]
    fn only_the_end_of_a_log_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let lines: Vec<String> = (0..5000).map(|number| format!("line {number}")).collect();
        std::fs::write(&log, lines.join("\n")).unwrap();
        let told = last_lines(&log);
        assert_eq!(told.lines().count(), TOLD_LINES);
        assert!(told.ends_with("line 4999"), "{told}");
    }
}
