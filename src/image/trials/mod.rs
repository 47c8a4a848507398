//! Images in temporary folders: kept, found, verified, and built with programs that only write down what they are told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

mod building;
mod folders;
mod looking;
mod planning;

use std::path::{Path, PathBuf};

use semver::Version;

use super::manifest::{BootMethod, ContainerImage, FORMAT, FileRecord, MANIFEST, Manifest, Package, Program};
use super::{BuildRequest, COMMAND_LINE, DISK, INITIAL_DISK, KERNEL};
use crate::base::{Environment, FixedClock, digest};

/// A request for programs of a folder, on the day that clocks begin with plus one.
fn request(images: &Path) -> BuildRequest {
    let clock = FixedClock("1970-01-02T10:00:00Z".parse().unwrap());
    let mut request =
        BuildRequest::new(images.to_owned(), &Environment::of([("PATH", "/usr/bin:/bin")]), &clock).unwrap();
    request.kubernetes_binaries = Some(PathBuf::from("/programs"));
    request
}

/// An image's folder as a build leaves it, with small files.
fn image(images: &Path, name: &str, kubernetes: &str, source_date: i64) -> PathBuf {
    let folder = images.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let files = [DISK, KERNEL, INITIAL_DISK].map(|file| {
        let content = format!("{name} {file}");
        std::fs::write(folder.join(file), &content).unwrap();
        FileRecord { name: file.to_owned(), size: content.len() as u64, digest: digest(content.as_bytes()) }
    });
    let manifest = Manifest {
        format: FORMAT,
        name: name.to_owned(),
        kubernetes: Version::parse(kubernetes).unwrap(),
        engine: "0.1.0".to_owned(),
        architecture: "amd64".to_owned(),
        suite: "trixie".to_owned(),
        archives: vec!["http://deb.debian.org/debian trixie".to_owned()],
        source_date,
        disk_bytes: 12 << 30,
        command_line: COMMAND_LINE.to_owned(),
        boots_by: vec![BootMethod::Uefi, BootMethod::Kernel],
        packages: vec![Package { name: "apt".to_owned(), version: "3.0.3".to_owned() }],
        programs: vec![Program { path: "/usr/bin/kubelet".to_owned(), digest: digest(b"kubelet") }],
        container_images: vec![ContainerImage {
            name: "registry.k8s.io/pause:3.10.2".to_owned(),
            digest: digest(b"pause"),
        }],
        files: files.to_vec(),
    };
    std::fs::write(folder.join(MANIFEST), manifest.text()).unwrap();
    folder
}
