//! Files of kubeconfigs: which one, how it is read, and how it changes.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::KubeconfigError;
use super::document::Document;
use super::lock::Lock;
use crate::base::{Environment, FileError, create_private_directory, read_text, write_private};

/// What is put behind the name of the one before.
const BACKUP: &str = ".engine-backup";

/// The kubeconfig that is meant: the one that is said, else the first that `KUBECONFIG` names, else `~/.kube/config`.
///
/// # Errors
/// Neither is known.
pub fn kubeconfig_file(said: Option<&Path>, environment: &Environment) -> Result<PathBuf, KubeconfigError> {
    let named = || {
        let list = environment.get("KUBECONFIG")?;
        std::env::split_paths(list).find(|path| !path.as_os_str().is_empty())
    };
    let usual = || Some(Path::new(environment.get("HOME")?).join(".kube/config"));
    let path = said.map(Path::to_owned).or_else(named).or_else(usual).ok_or(KubeconfigError::NoPlace)?;
    // It is remembered, and the next command may be given elsewhere.
    Ok(match &environment.working_folder {
        Some(folder) => folder.join(path),
        None => path,
    })
}

/// What a kubeconfig holds now. One that is not there holds nothing.
pub(super) fn look(path: &Path) -> Result<Document, KubeconfigError> {
    Document::read(read(path)?.as_deref().unwrap_or_default(), path)
}

/// Changes a kubeconfig while nobody else does. What comes out as it was is not written.
pub(super) fn change<T>(
    path: &Path,
    change: impl FnOnce(&mut Document) -> Result<T, KubeconfigError>,
) -> Result<T, KubeconfigError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create_private_directory(folder)?;
    }
    let _lock = Lock::take(path)?;
    // A link stays a link: people keep such files elsewhere.
    let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let before = read(&place)?;
    let mut document = Document::read(before.as_deref().unwrap_or_default(), path)?;
    let root = document.root.clone();
    let told = change(&mut document)?;
    if before.is_some() && document.root == root {
        return Ok(told);
    }
    let text = document.text(path)?;
    let owner = Owner::of(&place);
    if let Some(before) = before {
        let mut name = place.as_os_str().to_owned();
        name.push(BACKUP);
        let backup = PathBuf::from(name);
        write_private(&backup, before.as_bytes())?;
        owner.keep(&backup)?;
    }
    write_private(&place, text.expose().as_bytes())?;
    owner.keep(&place)?;
    Ok(told)
}

fn read(path: &Path) -> Result<Option<String>, KubeconfigError> {
    match read_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whose a file is: root writes the file of somebody else too, who has to be able to read it afterwards.
struct Owner(#[cfg(unix)] Option<(u32, u32)>);

impl Owner {
    #[cfg(unix)]
    fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(std::fs::metadata(path).ok().map(|known| (known.uid(), known.gid())))
    }

    #[cfg(unix)]
    fn keep(&self, path: &Path) -> Result<(), KubeconfigError> {
        match (self.0, Self::of(path).0) {
            (Some((user, group)), Some((now, _))) if now != user => {
                std::os::unix::fs::chown(path, Some(user), Some(group))
                    .map_err(|cause| FileError { action: "write", path: path.to_owned(), cause }.into())
            }
            _ => Ok(()),
        }
    }

    #[cfg(not(unix))]
    fn of(_: &Path) -> Self {
        Self()
    }

    #[cfg(not(unix))]
    fn keep(&self, _: &Path) -> Result<(), KubeconfigError> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_comes_first_then_the_variable_then_the_home() {
        let both = Environment::of([("KUBECONFIG", ":/a/first:/b"), ("HOME", "/home/me")]);
        let home = Environment::of([("HOME", "/home/me")]);
        let file = |said: Option<&str>, environment| kubeconfig_file(said.map(Path::new), environment).unwrap();
        assert_eq!(file(Some("/said"), &both), Path::new("/said"));
        assert_eq!(file(None, &both), Path::new("/a/first"));
        assert_eq!(file(None, &home), Path::new("/home/me/.kube/config"));
        assert!(kubeconfig_file(None, &Environment::default()).is_err());
        let mut there = both.clone();
        there.working_folder = Some("/work".into());
        assert_eq!(file(Some("own/config"), &there), Path::new("/work/own/config"));
        assert_eq!(file(None, &there), Path::new("/a/first"));
    }
}
