//! Files that come onto the disk's file system last: what differs in them from one build to the next then moves no other file.

use std::path::{Path, PathBuf};

use super::command::CommandLine;
use super::disk::Disk;
use super::{ImageError, digest};
use crate::base::{FileError, write_public};

/// The commands for debugfs.
const COMMANDS: &str = "late.debugfs";

/// Files that were taken away from the others.
pub(super) struct LateFiles {
    work: PathBuf,
    /// How many there are; each has a number for its name.
    count: usize,
}

fn taken(number: usize) -> String {
    format!("late-{number}")
}

/// The same file as it is read back from the file system.
fn read_back(number: usize) -> String {
    format!("late-{number}.there")
}

impl LateFiles {
    /// Takes those of the files away from the others that are there. Their paths are plain: debugfs takes blanks apart.
    pub fn take(work: &Path, root: &Path, paths: &[&str]) -> Result<Self, ImageError> {
        let mut commands = String::new();
        let there = paths.iter().filter(|path| root.join(path).is_file());
        let mut count = 0;
        for path in there {
            let (from, to) = (root.join(path), work.join(taken(count)));
            std::fs::rename(&from, to).map_err(|cause| FileError { action: "rename", path: from, cause })?;
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let (file, copy) = (taken(count), read_back(count));
            commands.push_str(&format!("cd /{folder}\nwrite {file} {name}\ndump {name} {copy}\n"));
            count += 1;
        }
        write_public(&work.join(COMMANDS), commands.as_bytes())?;
        Ok(Self { work: work.to_owned(), count })
    }

    /// Puts them into the file system.
    pub fn command(&self) -> Option<CommandLine> {
        (self.count > 0).then(|| Disk::add_files(COMMANDS))
    }

    /// Whether they are there as they were: debugfs ends well also when a command of its failed.
    pub fn check(&self) -> Result<(), String> {
        for number in 0..self.count {
            let digest = |name: String| digest::of_file(&self.work.join(name)).map_err(|error| error.to_string());
            if digest(taken(number))? != digest(read_back(number))? {
                return Err("debugfs has not added a file as it is".to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn files_are_taken_away_and_it_is_seen_whether_they_came_back() {
        let work = tempfile::tempdir().unwrap();
        let root = work.path().join("root");
        std::fs::create_dir_all(root.join("var/a")).unwrap();
        std::fs::write(root.join("var/a/meta.db"), "database").unwrap();
        let late = LateFiles::take(work.path(), &root, &["var/a/meta.db", "var/b/none.db"]).unwrap();
        assert!(!root.join("var/a/meta.db").exists());
        let commands = std::fs::read_to_string(work.path().join(COMMANDS)).unwrap();
        assert_eq!(commands, "cd /var/a\nwrite late-0 meta.db\ndump meta.db late-0.there\n");
        let line = late.command().unwrap().shown();
        assert_eq!(line, "debugfs -w -f late.debugfs 'disk.raw?offset=135266304'");
        assert!(late.check().is_err());
        std::fs::write(work.path().join("late-0.there"), "databasf").unwrap();
        assert!(late.check().is_err());
        std::fs::write(work.path().join("late-0.there"), "database").unwrap();
        late.check().unwrap();
    }

    #[test]
    fn without_such_files_nothing_is_added() {
        let work = tempfile::tempdir().unwrap();
        let late = LateFiles::take(work.path(), work.path(), &["var/none.db"]).unwrap();
        assert_eq!(late.command(), None);
        late.check().unwrap();
    }
}
