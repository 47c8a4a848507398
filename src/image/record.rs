//! Writing down what an image was made of.

use std::path::Path;

use super::manifest::{ContainerImage, FORMAT, FileRecord, MANIFEST, Package, Program};
use super::node::set_mode;
use super::plan::{Archive, Plan};
use super::{BootMethod, BuildRequest, COMMAND_LINE, DISK, INITIAL_DISK, ImageError, KERNEL, Manifest, digest};
use crate::base::{FileError, write_public};

/// What was put onto the disk.
pub(super) struct Parts {
    pub programs: Vec<Program>,
    pub container_images: Vec<ContainerImage>,
    pub packages: Vec<Package>,
}

/// Writes the manifest beside the files that it tells of. It holds nothing that differs between two builds but digests.
pub(super) fn record(made: &Path, request: &BuildRequest, plan: &Plan, parts: Parts) -> Result<(), ImageError> {
    let file = |name: &str| {
        let (size, digest) = digest::of_file(&made.join(name))?;
        Ok(FileRecord { name: name.to_owned(), size, digest })
    };
    let archive = |archive: &Archive| format!("{} {}", archive.url, archive.suites.join(" "));
    let manifest = Manifest {
        format: FORMAT,
        name: plan.name.clone(),
        kubernetes: plan.version.clone(),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        architecture: "amd64".to_owned(),
        suite: plan.distribution.suite.to_owned(),
        archives: plan.archives.iter().map(archive).collect(),
        source_date: request.source_date,
        disk_bytes: request.size_gib << 30,
        command_line: COMMAND_LINE.to_owned(),
        boots_by: vec![BootMethod::Uefi, BootMethod::Kernel],
        packages: parts.packages,
        programs: parts.programs,
        container_images: parts.container_images,
        files: [DISK, KERNEL, INITIAL_DISK].into_iter().map(file).collect::<Result<_, FileError>>()?,
    };
    write_public(&made.join(MANIFEST), manifest.text().as_bytes())?;
    Ok(set_mode(made, 0o755)?)
}
