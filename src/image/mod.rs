//! Images of machines on-prem: built from a distribution's packages, kept in folders, found again, verified.
//!
//! An image is a folder: a disk that boots by UEFI, the same kernel and initial disk beside it for hosts that boot them
//! directly, and a manifest with the digest of each. It is whole or not there: a build happens in a folder of its own beside
//! the images, and ends with a rename.
//!
//! Deliberately absent: storage pools, and anything that knows a hypervisor.

mod base_system;
mod build;
mod check;
mod command;
mod containers;
mod digest;
mod disk;
mod elf;
mod error;
mod folder;
mod identity;
mod key;
mod late_files;
mod manifest;
mod node;
mod packages;
mod plan;
mod programs;
mod record;
mod request;
#[cfg(test)]
mod trials;
mod version;
mod work;

pub use build::build;
pub use error::{ImageError, Lack};
pub use folder::{ImageFolder, Scanned, find, images_folder, list, open, scan, verify};
pub use manifest::{
    BootMethod, ContainerImage, FORMAT, FileRecord, MANIFEST, Manifest, Package, Program, is_name as is_image_name,
};
pub use request::BuildRequest;

/// The disk in an image's folder.
pub const DISK: &str = "disk.qcow2";
/// The kernel beside it, the same as on the disk.
pub const KERNEL: &str = "kernel";
/// The initial disk of the kernel, the same as on the disk.
pub const INITIAL_DISK: &str = "initrd";
/// What the kernel is told by either way of booting. The interface is `eth0` on every machine.
pub const COMMAND_LINE: &str = "root=LABEL=rootfs ro console=ttyS0 net.ifnames=0 quiet loglevel=3";
