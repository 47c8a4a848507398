//! Files that are written whole or not at all, and with no more permission than they need.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {cause}", path.display())]
pub struct FileError {
    /// What was tried: `read`, `write`, `create folder`.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    pub cause: std::io::Error,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FileError {
    let path = path.to_owned();
    move |cause| FileError { action, path, cause }
}

/// Reads a whole text file of at most 64 MiB: for what people write, where more can only be a mistake.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    const LIMIT: u64 = 64 << 20;
    let length = std::fs::metadata(path).map_err(failed("read", path))?.len();
    if length > LIMIT {
        let cause = std::io::Error::other(format!("the file has {length} bytes, more than the {LIMIT} that are read"));
        return Err(failed("read", path)(cause));
    }
    read_own_text(path)
}

/// Reads a whole text file of any size: for what the engine wrote itself. The state of 5,000 machines has 100 MB.
pub fn read_own_text(path: &Path) -> Result<String, FileError> {
    std::fs::read_to_string(path).map_err(failed("read", path))
}

/// Creates a folder, and those above it, for the owner only (mode 0700). An existing folder is left as it is.
pub fn create_private_directory(path: &Path) -> Result<(), FileError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(failed("create folder", path))
}

/// Writes a file for the owner only (mode 0600): whole and durable, or not at all.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write(path, content, 0o600)
}

/// The same with a content that `fill` writes, which may be too large to be held at once. It may go back in the file.
pub fn fill_private(
    path: &Path,
    fill: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> Result<(), FileError> {
    let mut stage = stage(path, &[], 0o600)?;
    fill(stage.as_file_mut()).map_err(failed("write", path))?;
    finish(stage, path)
}

/// Writes a file that everybody may read (mode 0644): whole and durable, or not at all.
pub fn write_public(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write(path, content, 0o644)
}

fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    finish(stage(path, content, mode)?, path)
}

/// Waits for the disk and puts a file in its place.
fn finish(stage: tempfile::NamedTempFile, path: &Path) -> Result<(), FileError> {
    stage.as_file().sync_all().map_err(failed("write", path))?;
    stage.persist(path).map_err(|error| failed("write", path)(error.error))?;
    sync_folder(path)
}

/// What the name of a file begins with while it is being written.
pub const UNFINISHED: &str = ".engine-";

/// Puts the content beside its destination, so that only a wait for the disk and a rename remain.
fn stage(path: &Path, content: &[u8], mode: u32) -> Result<tempfile::NamedTempFile, FileError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    let permissions: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
    #[cfg(unix)]
    builder.permissions(permissions);
    let mut stage = builder.tempfile_in(folder_of(path)).map_err(failed("write", path))?;
    stage.write_all(content).map_err(failed("write", path))?;
    Ok(stage)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Waits until all files are on the disk. They are waited for at the same time, so that one turn of the disk does for
/// most.
fn sync_all(stages: &[(tempfile::NamedTempFile, PathBuf)]) -> Result<(), FileError> {
    const AT_ONCE: usize = 16;
    let sync = |part: &[(tempfile::NamedTempFile, PathBuf)]| {
        part.iter().try_for_each(|(stage, path)| stage.as_file().sync_all().map_err(failed("write", path)))
    };
    std::thread::scope(|scope| {
        let parts = stages.chunks(stages.len().div_ceil(AT_ONCE).max(1));
        let waiting: Vec<_> = parts.map(|part| scope.spawn(move || sync(part))).collect();
        waiting.into_iter().try_for_each(|part| {
            // A thread that waits for the disk does not panic; if it did, nothing would be known of its files.
            part.join().unwrap_or_else(|_| {
                let cause = std::io::Error::other("waiting for the disk stopped early");
                Err(failed("write", Path::new("."))(cause))
            })
        })
    })
}

/// A rename is durable once its folder is.
fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = folder_of(path);
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write", path))
}

/// Appends one line to an open file and waits until it is on the disk.
pub fn append_line_durably(file: &mut std::fs::File, path: &Path, line: &str) -> Result<(), FileError> {
    let mut bytes = Vec::with_capacity(line.len() + 1);
    bytes.extend_from_slice(line.as_bytes());
    bytes.push(b'\n');
    file.write_all(&bytes).and_then(|()| file.sync_data()).map_err(failed("write", path))
}

/// A set of files that are written together: all are staged before the first is renamed into place, so that a full
/// disk or a missing permission leaves the folder as it was.
#[derive(Debug, Clone, Default)]
pub struct Files {
    entries: Vec<(PathBuf, Vec<u8>, u32)>,
}

impl Files {
    /// Adds a file for the owner only (mode 0600).
    pub fn private(&mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        self.entries.push((path.into(), content.into(), 0o600));
    }

    /// The paths, in the order they were added.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.entries.iter().map(|(path, _, _)| path.as_path())
    }

    /// The content of a file of the set.
    pub fn content(&self, path: &Path) -> Option<&[u8]> {
        self.entries.iter().find(|(entry, _, _)| entry == path).map(|(_, content, _)| content.as_slice())
    }

    /// Writes all files below `folder`, which is created if it is not there. A folder that this call created is
    /// removed again if a file cannot be staged.
    pub fn write(&self, folder: &Path) -> Result<(), FileError> {
        let existed = folder.exists();
        let result = self.write_into(folder);
        if result.is_err() && !existed {
            let _ = std::fs::remove_dir_all(folder);
        }
        result
    }

    fn write_into(&self, folder: &Path) -> Result<(), FileError> {
        let mut stages = Vec::with_capacity(self.entries.len());
        for (path, content, mode) in &self.entries {
            let path = folder.join(path);
            create_private_directory(folder_of(&path))?;
            stages.push((stage(&path, content, *mode)?, path));
        }
        sync_all(&stages)?;
        let mut folders = std::collections::BTreeSet::new();
        for (stage, path) in stages {
            stage.persist(&path).map_err(|error| failed("write", &path)(error.error))?;
            folders.insert(folder_of(&path).to_owned());
        }
        folders.iter().try_for_each(|folder| sync_folder(&folder.join("x")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_set_is_written_with_private_modes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("out");
        let mut files = Files::default();
        files.private("kubeconfig/a.json", "{}");
        files.write(&root).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&root.join("kubeconfig/a.json")), 0o600);
        assert_eq!(mode(&root.join("kubeconfig")), 0o700);
    }

    #[test]
    fn a_set_that_cannot_be_staged_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("out");
        let mut files = Files::default();
        files.private("a", "1");
        // A file cannot lie below a file.
        files.private("a/b/../../a/c", "2");
        std::fs::write(folder.path().join("blocked"), "").unwrap();
        assert!(files.write(&folder.path().join("blocked/out")).is_err());
        assert!(!root.exists());
    }

    #[test]
    fn a_replaced_file_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(read_text(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
