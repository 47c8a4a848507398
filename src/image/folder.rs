//! Images as they are kept: a folder for each, below the folder of images.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use super::manifest::{MANIFEST, Manifest};
use super::{ImageError, digest};
use crate::base::{Environment, FileError};

/// Where images are, unless somebody says otherwise.
const OF_ROOT: &str = "/var/lib/engine/images";

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFolder {
    /// Its folder.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

impl ImageFolder {
    /// The path of one of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// The folder of images: what is said, else `ENGINE_IMAGES`, else `/var/lib/engine/images` for root and
/// `$XDG_DATA_HOME/engine/images` (`~/.local/share/engine/images`) for everybody else.
pub fn images_folder(said: Option<&Path>, environment: &Environment) -> PathBuf {
    if let Some(said) = said {
        return said.to_owned();
    }
    if let Some(set) = environment.get("ENGINE_IMAGES") {
        return PathBuf::from(set);
    }
    if environment.superuser {
        return PathBuf::from(OF_ROOT);
    }
    let data = match (environment.get("XDG_DATA_HOME"), environment.get("HOME")) {
        // The specification lets a relative path count for nothing.
        (Some(data), _) if Path::new(data).is_absolute() => PathBuf::from(data),
        (_, Some(home)) => Path::new(home).join(".local/share"),
        (_, None) => return PathBuf::from(OF_ROOT),
    };
    data.join("engine/images")
}

/// The image of a folder. Its manifest is looked at; the files beside it are not.
///
/// # Errors
/// It is no image, its manifest is damaged, or of a newer engine.
pub fn open(folder: &Path) -> Result<ImageFolder, ImageError> {
    Ok(ImageFolder { path: folder.to_owned(), manifest: Manifest::read(folder)? })
}

/// A folder, and its image or what is wrong with it.
pub type Scanned = (PathBuf, Result<ImageFolder, ImageError>);

/// Every folder of images that holds a manifest, with what can be said of it: the images first, in the order of
/// [`list`], then what is damaged, by path. Folders whose name begins with a dot are builds under way.
///
/// # Errors
/// The folder cannot be read. One that is not there has no images.
pub fn scan(images: &Path) -> Result<Vec<Scanned>, ImageError> {
    let failed = |cause| FileError { action: "read", path: images.to_owned(), cause };
    let entries = match std::fs::read_dir(images) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(failed(cause).into()),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && path.join(MANIFEST).is_file() {
            let image = open(&path);
            found.push((path, image));
        }
    }
    found.sort_by_cached_key(|(path, image)| {
        let image = image.as_ref().ok().map(|image| {
            let manifest = &image.manifest;
            (Reverse(manifest.kubernetes.clone()), Reverse(manifest.source_date), Reverse(written(&image.path)))
        });
        (image.is_none(), image, path.clone())
    });
    Ok(found)
}

/// When a manifest was written: images of the same packages have the same date otherwise.
fn written(folder: &Path) -> Option<std::time::SystemTime> {
    std::fs::metadata(folder.join(MANIFEST)).and_then(|manifest| manifest.modified()).ok()
}

/// The images of a folder: the newest version of Kubernetes first, of one version the newest packages, of the same packages
/// the one that was built last.
///
/// # Errors
/// The folder cannot be read, or one of the images is damaged or of a newer engine; [`scan`] gives the others all the same.
pub fn list(images: &Path) -> Result<Vec<ImageFolder>, ImageError> {
    scan(images)?.into_iter().map(|(_, image)| image).collect()
}

/// The newest image for just this version of Kubernetes (`1.36.4`, also with a leading `v`).
///
/// # Errors
/// The folder cannot be read, or there is none, but a damaged one that may have been it.
pub fn find(images: &Path, kubernetes_version: &str) -> Result<Option<ImageFolder>, ImageError> {
    let wanted = kubernetes_version.strip_prefix('v').unwrap_or(kubernetes_version);
    let mut unclear = None;
    for (_, image) in scan(images)? {
        match image {
            Ok(image) if image.manifest.kubernetes.to_string() == wanted => return Ok(Some(image)),
            Ok(_) => {}
            Err(error) => unclear = unclear.or(Some(error)),
        }
    }
    unclear.map_or(Ok(None), Err)
}

/// Looks at every file of an image: whether it is there, and has the size and the digest that the manifest tells. Reads all
/// of it, which takes seconds.
///
/// # Errors
/// A file is missing, shorter or longer, or has another content; or it cannot be read.
pub fn verify(folder: &ImageFolder) -> Result<(), ImageError> {
    let damaged = |cause: String| ImageError::Damaged { folder: folder.path.clone(), cause };
    for record in &folder.manifest.files {
        let path = folder.file(&record.name);
        let size = match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Err(damaged(format!("{} is no file", record.name))),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Err(damaged(format!("{} is not there", record.name)));
            }
            Err(cause) => return Err(FileError { action: "read", path, cause }.into()),
        };
        if size != record.size {
            return Err(damaged(format!("{} has {size} bytes, not {}", record.name, record.size)));
        }
        let (_, digest) = digest::of_file(&path)?;
        if digest != record.digest {
            return Err(damaged(format!("{} has the digest {digest}, not {}", record.name, record.digest)));
        }
    }
    Ok(())
}
