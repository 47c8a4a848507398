//! Whether an image can be built here: everything is looked at before anything is made, and all that is missing is told at
//! once.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use semver::Version;

use super::command::found;
use super::error::Lack;
use super::plan::distribution_of;
use super::programs::{lacks_of_folder, packages_of_engine};
use super::version::told_by_kubeadm;
use super::{BuildRequest, ImageError};

/// Programs that every build runs, and the packages of Debian that have them.
const PROGRAMS: [(&str, &str); 13] = [
    ("mmdebstrap", "mmdebstrap"),
    ("apt-get", "apt"),
    ("dpkg", "dpkg"),
    ("tar", "tar"),
    ("unshare", "util-linux"),
    ("chroot", "coreutils"),
    ("mkfs.ext4", "e2fsprogs"),
    ("debugfs", "e2fsprogs"),
    ("sfdisk", "fdisk"),
    ("mformat", "mtools"),
    ("mmd", "mtools"),
    ("mcopy", "mtools"),
    ("qemu-img", "qemu-utils"),
];
/// What fetches keys.
const FETCHES: (&str, &str) = ("curl", "curl");

/// The oldest mkfs.ext4 that can be told that a disk holds zeros only, and the oldest that dates what it makes.
const OLDEST_MKFS: Version = Version::new(1, 47, 0);
const DATING_MKFS: Version = Version::new(1, 47, 1);

/// The sizes that a disk may have, in GiB: the distribution and one version's programs need 3.
const SIZES: std::ops::RangeInclusive<u64> = 4..=2048;

/// What the distribution and the programs take on the disk, in bytes: a little more than has been measured.
const SYSTEM: u64 = 3 << 29;

/// The ends of the names of archives of container images.
const ARCHIVES: [&str; 4] = [".tar", ".tar.gz", ".tgz", ".tar.zst"];

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    /// The version of the folder's kubeadm.
    pub kubernetes: Option<Version>,
    /// The packages of the engine's libraries.
    pub libraries: Vec<&'static str>,
    /// The archives of container images, by name.
    pub container_images: Vec<PathBuf>,
    /// The engine that is put onto the disk.
    pub engine: PathBuf,
    /// What whoever builds should know.
    pub notes: Vec<String>,
}

/// Looks at everything that a build needs.
pub(super) fn check(request: &BuildRequest) -> Result<Found, ImageError> {
    let distribution = distribution_of(request)?;
    check_images(&request.images)?;
    if !SIZES.contains(&request.size_gib) {
        return Err(ImageError::Request {
            what: format!("a disk of {} GiB is not built", request.size_gib),
            help: format!("--size is from {} to {}", SIZES.start(), SIZES.end()),
        });
    }
    let mut lacks = Vec::new();
    let mut notes = Vec::new();
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        lacks.push(lack("this is no Linux on AMD64, which images are for", "build on such a machine"));
    }
    if !request.superuser {
        lacks.push(lack("root owns the files of an image, and this is not root", "run it by sudo"));
    }
    let fetches = request.kubernetes_binaries.is_none().then_some(FETCHES);
    for (program, package) in PROGRAMS.into_iter().chain(fetches) {
        if found(program, &request.search_path).is_none() {
            lacks.push(Lack { what: format!("there is no {program}"), remedy: None, package: Some(package) });
        }
    }
    lacks.extend(lack_of_mkfs(&request.search_path, &mut notes));
    if !Path::new(distribution.keyring).is_file() {
        let what = format!("there is no {}, by which {} is known", distribution.keyring, distribution.title);
        lacks.push(Lack { what, remedy: None, package: Some(distribution.keyring_package) });
    }
    let kubernetes = request.kubernetes_binaries.as_deref().and_then(|folder| {
        let missing = lacks_of_folder(folder);
        let told = missing.is_empty().then(|| told_version(folder)).transpose();
        lacks.extend(missing);
        told.unwrap_or_else(|missing| {
            lacks.push(missing);
            None
        })
    });
    let container_images = archives_of(request.container_images.as_deref(), &mut lacks);
    let engine = request.engine.clone().unwrap_or_default();
    let libraries = packages_of_engine(&engine).unwrap_or_else(|missing| {
        lacks.push(missing);
        Vec::new()
    });
    lacks.extend(lack_of_room(&request.images, needed_room(&container_images)));
    if lacks.is_empty() {
        Ok(Found { kubernetes, libraries, container_images, engine, notes })
    } else {
        Err(ImageError::Lacking { lacks })
    }
}

fn lack(what: &str, remedy: &str) -> Lack {
    Lack { what: what.to_owned(), remedy: Some(remedy.to_owned()), package: None }
}

/// The path of the images' folder stands in hooks of mmdebstrap and in lines of apt, which take some letters for their own.
fn check_images(images: &Path) -> Result<(), ImageError> {
    let usual = |letter: char| letter.is_alphanumeric() || "-_./+~=,:".contains(letter);
    if images.to_str().is_some_and(|path| path.chars().all(usual)) {
        return Ok(());
    }
    Err(ImageError::Request {
        what: format!("images cannot be built in {}", images.display()),
        help: "name a folder whose path has only letters, digits and -_./+~=,: in it by --images".to_owned(),
    })
}

fn lack_of_mkfs(path: &OsStr, notes: &mut Vec<String>) -> Option<Lack> {
    let program = found("mkfs.ext4", path)?;
    let output = Command::new(program).arg("-V").env("LC_ALL", "C").output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let version = version_of_mkfs(&said);
    if version.as_ref().is_none_or(|version| *version < OLDEST_MKFS) {
        let version = version.map_or_else(|| "of an unknown version".to_owned(), |version| version.to_string());
        return Some(lack(
            &format!("mkfs.ext4 is {version}, and {OLDEST_MKFS} or newer is needed"),
            "install a newer e2fsprogs, for instance from the distribution's backports",
        ));
    }
    if version.is_some_and(|version| version < DATING_MKFS) {
        notes.push(format!("mkfs.ext4 is older than {DATING_MKFS}: the same image built twice differs in its times"));
    }
    None
}

/// `mke2fs 1.47.2 (1-Jan-2025)`, and lines behind it.
fn version_of_mkfs(said: &str) -> Option<Version> {
    let word = said.split_whitespace().nth(1)?;
    // Some have two numbers only.
    Version::parse(word).or_else(|_| Version::parse(&format!("{word}.0"))).ok()
}

/// What the folder's kubeadm says that it is.
fn told_version(folder: &Path) -> Result<Version, Lack> {
    let kubeadm = folder.join("kubeadm");
    let failed = |cause: String| {
        let what = format!("{} does not tell its version: {cause}", kubeadm.display());
        lack(&what, "put programs for Linux on AMD64 into --kubernetes-binaries")
    };
    let output = Command::new(&kubeadm).args(["version", "--output", "short"]).output();
    let output = output.map_err(|cause| failed(cause.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    told_by_kubeadm(&said).ok_or_else(|| failed(format!("it says `{}`", said.trim())))
}

/// The archives of a folder, by name.
fn archives_of(folder: Option<&Path>, lacks: &mut Vec<Lack>) -> Vec<PathBuf> {
    let Some(folder) = folder else { return Vec::new() };
    let is_archive = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && ARCHIVES.iter().any(|end| name.ends_with(end))
    };
    let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()));
    let mut archives: Vec<PathBuf> = entries.into_iter().flatten().filter(|path| is_archive(path)).collect();
    archives.sort();
    if archives.is_empty() {
        let what = format!("{} has no archives of container images", folder.display());
        lacks.push(lack(&what, "put there what `docker save` or `ctr images export` writes, one *.tar for each image"));
    }
    archives
}

/// What a build takes at its peak: the disk twice, from the files that it is made of to the disk as it is kept. Containers'
/// images are on it twice, as they came and unpacked.
fn needed_room(container_images: &[PathBuf]) -> u64 {
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |archive| archive.len());
    let images: u64 = container_images.iter().map(size).sum();
    2 * (SYSTEM + 2 * images)
}

#[cfg(target_os = "linux")]
fn lack_of_room(images: &Path, needed: u64) -> Option<Lack> {
    // The folder may not be there yet.
    let there = images.ancestors().find(|folder| folder.is_dir())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    room(there, disk.f_bavail.saturating_mul(disk.f_frsize), needed)
}

#[cfg(not(target_os = "linux"))]
fn lack_of_room(_: &Path, _: u64) -> Option<Lack> {
    None
}

fn room(folder: &Path, free: u64, needed: u64) -> Option<Lack> {
    let gib = |bytes: u64| bytes.div_ceil(1 << 30);
    (free < needed).then(|| {
        let (free, needed) = (free >> 30, gib(needed));
        lack(
            &format!("{} has {free} GiB left, and a build takes up to {needed} GiB", folder.display()),
            "make room, or name a folder on another disk by --images",
        )
    })
}

/// The parts that no build has to be made for.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_mkfs_is_read_from_what_it_says() {
        let said = "mke2fs 1.47.2 (1-Jan-2025)\n\tUsing EXT2FS Library version 1.47.2\n";
        assert_eq!(version_of_mkfs(said), Some(Version::new(1, 47, 2)));
        assert_eq!(version_of_mkfs("mke2fs 1.46 (x)"), Some(Version::new(1, 46, 0)));
        assert_eq!(version_of_mkfs(""), None);
        assert_eq!(version_of_mkfs("mke2fs unknown"), None);
    }

    #[test]
    fn too_little_room_is_told_with_numbers() {
        let told = room(Path::new("/images"), 2 << 30, needed_room(&[])).map(|lack| lack.what);
        assert_eq!(told.as_deref(), Some("/images has 2 GiB left, and a build takes up to 3 GiB"));
        assert_eq!(room(Path::new("/images"), 3 << 30, needed_room(&[])), None);
    }

    #[test]
    fn a_path_that_others_would_take_apart_is_refused() {
        assert!(check_images(Path::new("/var/lib/engine/images")).is_ok());
        for wrong in ["/my images", "/it's", "/a]b", "/a$b", "/a\"b"] {
            assert!(matches!(check_images(Path::new(wrong)), Err(ImageError::Request { .. })), "{wrong}");
        }
    }
}
