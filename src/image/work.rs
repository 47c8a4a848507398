//! The folder that a build happens in: beside the image to be, held by one process, gone when it ends.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::ImageError;
use super::command::last_lines;
use crate::base::FileError;

/// A build under way.
#[derive(Debug)]
pub(super) struct Work {
    /// The folder, which nobody else works in.
    pub folder: PathBuf,
    /// Where the image will be.
    pub image: PathBuf,
    /// What the programs say; it stays when the build fails.
    pub log: PathBuf,
    /// Held as long as this lives; the system lets it go when the process is killed.
    _lock: File,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FileError {
    let path = path.to_owned();
    move |cause| FileError { action, path, cause }
}

impl Work {
    /// Begins a build of the image `name` in the folder of images, and clears away what a killed one has left.
    ///
    /// # Errors
    /// Somebody else builds it; something is mounted in what was left; the folders cannot be made.
    pub fn begin(images: &Path, name: &str) -> Result<Self, ImageError> {
        let folder = images.join(format!(".{name}.building"));
        let image = images.join(name);
        let log = images.join(format!("{name}.log"));
        let busy = || ImageError::Busy { folder: image.clone() };
        std::fs::create_dir_all(&folder).map_err(failed("create folder", &folder))?;
        let lock = File::open(&folder).map_err(failed("open", &folder))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(busy()),
            Err(std::fs::TryLockError::Error(cause)) => return Err(failed("lock", &folder)(cause).into()),
        }
        // Another build may have ended meanwhile, and taken the folder away with it.
        if !is_same(&lock, &folder) {
            return Err(busy());
        }
        no_mounts(&folder)?;
        for entry in std::fs::read_dir(&folder).map_err(failed("read", &folder))? {
            remove(&entry.map_err(failed("read", &folder))?.path())?;
        }
        Ok(Self { folder, image, log, _lock: lock })
    }

    /// Removes what is not needed any more, to make room.
    ///
    /// # Errors
    /// Something is mounted in it, or it cannot be removed.
    pub fn clear(&self, name: &str) -> Result<(), ImageError> {
        no_mounts(&self.folder)?;
        Ok(remove(&self.folder.join(name))?)
    }

    /// Puts a finished folder in the image's place.
    ///
    /// # Errors
    /// There is an image of that name and `replace` does not say that it goes; a file cannot be renamed.
    pub fn finish(&self, made: &Path, replace: bool) -> Result<(), ImageError> {
        sync(made)?;
        let old = self.folder.join("old");
        let replaced = self.image.exists();
        if replaced && !replace {
            return Err(ImageError::Exists { folder: self.image.clone() });
        }
        if replaced {
            std::fs::rename(&self.image, &old).map_err(failed("rename", &self.image))?;
        }
        if let Err(cause) = std::fs::rename(made, &self.image) {
            if replaced {
                // The old one is better than none.
                let _ = std::fs::rename(&old, &self.image);
            }
            return Err(failed("rename", made)(cause).into());
        }
        if let Some(images) = self.image.parent() {
            sync(images)?;
        }
        let _ = std::fs::remove_file(&self.log);
        Ok(())
    }

    /// The error of a step, with the end of the log.
    pub fn step_failed(&self, step: &str, cause: &str, help: Option<String>) -> ImageError {
        let cause = format!("{cause}\n{}", last_lines(&self.log)).trim_end().to_owned();
        ImageError::Step { step: step.to_owned(), cause, log: self.log.clone(), help }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What cannot be removed now is by the next build of that name.
        if no_mounts(&self.folder).is_ok() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Removes a file, or a folder with all in it. Links are not followed.
fn remove(path: &Path) -> Result<(), FileError> {
    let is_folder = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_folder { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed.map_err(failed("remove", path))
}

/// Waits until all files of a folder are on the disk, and their names.
fn sync(folder: &Path) -> Result<(), FileError> {
    let open = |path: &Path| File::open(path).and_then(|file| file.sync_all()).map_err(failed("write", path));
    for entry in std::fs::read_dir(folder).map_err(failed("read", folder))? {
        let path = entry.map_err(failed("read", folder))?.path();
        if path.is_file() {
            open(&path)?;
        }
    }
    open(folder)
}

#[cfg(unix)]
fn is_same(lock: &File, folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (lock.metadata(), std::fs::metadata(folder)) {
        (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same(_: &File, folder: &Path) -> bool {
    folder.is_dir()
}

/// Refuses a folder that something is mounted in: to delete it would delete what is mounted, the machine's own devices for
/// instance.
fn no_mounts(folder: &Path) -> Result<(), ImageError> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // A mount's place has no links in it.
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    match mounted_below(&mounts, &folder) {
        Some(mount) => Err(ImageError::Mounted { mount }),
        None => Ok(()),
    }
}

/// The first mount in a folder. Source: proc_pid_mountinfo(5): the fifth word is the place, with octal numbers for blanks.
fn mounted_below(mounts: &str, folder: &Path) -> Option<PathBuf> {
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    places.map(|place| PathBuf::from(place.replace(r"\040", " "))).find(|place| place.starts_with(folder))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn one_process_builds_an_image_and_what_a_killed_one_left_is_cleared_away() {
        let images = tempfile::tempdir().unwrap();
        let left = images.path().join(".a.building");
        std::fs::create_dir_all(left.join("root/etc")).unwrap();
        std::os::unix::fs::symlink("/", left.join("root/link")).unwrap();
        std::fs::write(left.join("disk.raw"), "half").unwrap();
        let work = Work::begin(images.path(), "a").unwrap();
        assert_eq!(std::fs::read_dir(&work.folder).unwrap().count(), 0);
        assert!(matches!(Work::begin(images.path(), "a"), Err(ImageError::Busy { .. })));
        // Another image is another matter.
        drop(Work::begin(images.path(), "b").unwrap());
        let folder = work.folder.clone();
        drop(work);
        assert!(!folder.exists());
        Work::begin(images.path(), "a").unwrap();
    }

    #[test]
    fn a_finished_image_takes_its_place_and_an_old_one_only_if_that_is_said() {
        let images = tempfile::tempdir().unwrap();
        let make = |content: &str, replace| {
            let work = Work::begin(images.path(), "a")?;
            let made = work.folder.join("image");
            std::fs::create_dir(&made).unwrap();
            std::fs::write(made.join("disk"), content).unwrap();
            std::fs::write(&work.log, "said").unwrap();
            work.finish(&made, replace)
        };
        let there = || std::fs::read_to_string(images.path().join("a/disk")).unwrap();
        make("one", false).unwrap();
        assert!(matches!(make("two", false), Err(ImageError::Exists { .. })));
        assert_eq!(there(), "one");
        make("two", true).unwrap();
        assert_eq!(there(), "two");
        let names: Vec<_> = std::fs::read_dir(images.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["a"], "the log goes with success");
    }

    #[test]
    fn a_mount_in_the_folder_is_seen_and_others_are_not() {
        let line = |place: &str| format!("36 35 98:0 / {place} rw,noatime shared:1 - ext4 /dev/root rw\n");
        let mounts = format!("{}{}", line("/"), line(r"/images/.a.building/root/dev\040x"));
        assert_eq!(
            mounted_below(&mounts, Path::new("/images/.a.building")),
            Some(PathBuf::from("/images/.a.building/root/dev x"))
        );
        assert_eq!(mounted_below(&mounts, Path::new("/images/.b.building")), None);
        assert!(no_mounts(Path::new("/proc/self")).is_ok());
    }
}
