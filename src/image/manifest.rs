//! What an image says of itself: `manifest.json` in its folder.

use std::collections::BTreeSet;
use std::path::Path;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::ImageError;
use crate::base::read_text;

/// The name of the file.
pub const MANIFEST: &str = "manifest.json";

/// The form that this engine writes, and the newest that it reads.
pub const FORMAT: u64 = 1;

/// What an image is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form of the file.
    pub format: u64,
    /// The image's name, which is also that of its folder when it is built.
    pub name: String,
    /// The version of Kubernetes, without a leading `v`.
    pub kubernetes: Version,
    /// The version of the engine that built it.
    pub engine: String,
    /// The processors it runs on, as Debian calls them: `amd64`.
    pub architecture: String,
    /// The distribution by the name of its suite: `trixie`.
    pub suite: String,
    /// Where its packages came from.
    pub archives: Vec<String>,
    /// No file of the disk is newer: seconds since 1970.
    pub source_date: i64,
    /// The size of the disk as a machine sees it, in bytes.
    pub disk_bytes: u64,
    /// What the kernel is told.
    pub command_line: String,
    /// The ways in which it boots.
    pub boots_by: Vec<BootMethod>,
    /// The distribution's packages on the disk, sorted by name.
    pub packages: Vec<Package>,
    /// Programs on the disk that are in no package.
    pub programs: Vec<Program>,
    /// Container images on the disk, sorted by name.
    pub container_images: Vec<ContainerImage>,
    /// The files of the folder, without the manifest.
    pub files: Vec<FileRecord>,
}

/// A way to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BootMethod {
    /// The firmware finds a boot loader on the disk. Secure Boot has to be off: nobody has signed it.
    Uefi,
    /// The host gives the machine the kernel and the initial disk of the folder.
    Kernel,
}

/// A package of the distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A program that was put onto the disk as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Where it lies on the disk.
    pub path: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// A container image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContainerImage {
    /// Its reference.
    pub name: String,
    /// The digest of its manifest or index, as containerd tells it.
    pub digest: String,
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its name, without folders.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// What is read first: whether the rest can be understood.
#[derive(Deserialize)]
struct Form {
    format: u64,
}

/// Whether a text can name an image: it names a folder, and volumes of a storage pool with `.kernel` and `.initrd` behind it.
pub fn is_name(text: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    text.len() <= 64
        && text.bytes().all(usual)
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && ![".kernel", ".initrd", ".log"].iter().any(|end| text.ends_with(end))
}

/// Whether a text names a file within a folder, and nothing else.
fn is_file_name(text: &str) -> bool {
    let mut parts = Path::new(text).components();
    matches!((parts.next(), parts.next()), (Some(std::path::Component::Normal(_)), None)) && !text.contains('\0')
}

impl Manifest {
    /// The text of the file.
    pub fn text(&self) -> String {
        // All of it has a form in JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads the manifest of a folder, and looks whether it makes sense. The files beside it are not looked at.
    ///
    /// # Errors
    /// There is none, it cannot be understood, or it is of a newer engine.
    pub fn read(folder: &Path) -> Result<Self, ImageError> {
        let path = folder.join(MANIFEST);
        if !path.is_file() {
            return Err(ImageError::NotAnImage {
                folder: folder.to_owned(),
                cause: format!("there is no {MANIFEST} in it"),
            });
        }
        let text = read_text(&path)?;
        let damaged = |cause: String| ImageError::Damaged { folder: folder.to_owned(), cause };
        let unclear = |error: serde_json::Error| damaged(format!("{MANIFEST}: {error}"));
        let form: Form = serde_json::from_str(&text).map_err(unclear)?;
        if form.format > FORMAT {
            return Err(ImageError::Newer { folder: folder.to_owned(), format: form.format });
        }
        let manifest: Self = serde_json::from_str(&text).map_err(unclear)?;
        manifest.check().map_err(|cause| damaged(format!("{MANIFEST}: {cause}")))?;
        Ok(manifest)
    }

    /// What makes no sense although it can be read. A manifest may come from anywhere.
    fn check(&self) -> Result<(), String> {
        if self.format == 0 {
            return Err("format 0 does not exist".to_owned());
        }
        if !is_name(&self.name) {
            return Err(format!("`{}` is no name of an image", self.name));
        }
        let mut seen = BTreeSet::new();
        for file in &self.files {
            if !is_file_name(&file.name) || file.name == MANIFEST {
                return Err(format!("`{}` is no file of the folder", file.name));
            }
            if !seen.insert(file.name.as_str()) {
                return Err(format!("{} is there twice", file.name));
            }
        }
        let mut wanted = vec![super::DISK];
        if self.boots_by.contains(&BootMethod::Kernel) {
            wanted.extend([super::KERNEL, super::INITIAL_DISK]);
        }
        match wanted.iter().find(|name| !seen.contains(**name)) {
            Some(name) => Err(format!("it has no {name}")),
            None => Ok(()),
        }
    }
}
