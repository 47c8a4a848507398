//! What machines start from: a volume of the pool, put there from an image's folder where one is given, and how it boots.

use std::path::{Path, PathBuf};

use super::hypervisor::{ErrorKind, Hypervisor, HypervisorError, Volume};
use super::settings::Settings;
use super::xml::{Boot, content_volume, image_volume};
use crate::contract::{Fault, FaultClass};

/// The command line of a kernel that the host gives a machine. The clock: Linux mistrusts the time-stamp counters of several
/// emulated processors and takes the HPET, and then each look at the clock leaves the emulated processor. An emulated processor
/// speculates on nothing, so that the kernel's guards against it only cost time; and it switches threads slowly enough without
/// measuring what waits for what (PSI).
const COMMAND_LINE: &str = "root=LABEL=rootfs ro console=ttyS0 net.ifnames=0 quiet loglevel=3";
const EMULATED: &str = "tsc=reliable clocksource=tsc mitigations=off psi=0";

/// An image in a folder, which goes into the pool when something first starts from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFiles {
    /// The disk.
    pub disk: PathBuf,
    /// Its format: `raw` or `qcow2`.
    pub format: String,
    /// What a machine sees of the disk, in bytes.
    pub capacity: u64,
    /// The kernel that boots it without a boot loader.
    pub kernel: PathBuf,
    /// Its initial RAM disk.
    pub initrd: PathBuf,
    /// The text of its manifest: in the pool it says that the rest is there as a whole.
    pub manifest: String,
}

/// The volume of the base image.
///
/// # Errors
/// It is not in the pool, and there is no folder to take it from; the pool cannot be written.
pub fn volume(hypervisor: &dyn Hypervisor, settings: &Settings) -> Result<Volume, Fault> {
    let (pool, name) = (&settings.storage_pool, &settings.image);
    if let Some(files) = &settings.image_files {
        ensure(hypervisor, pool, name, files)?;
    }
    hypervisor.volume(pool, name)?.ok_or_else(|| {
        let message = format!("the pool {pool} has no volume {name} to make machines from");
        Fault::new(FaultClass::NotFound, "", message)
            .help("make an image with `engine image build`, or name a volume in `onPremProfile.image`")
    })
}

/// How machines boot that start from the image; `more` goes behind the kernel's command line, where the host gives it one.
///
/// # Errors
/// The pool cannot be read.
pub fn boot(hypervisor: &dyn Hypervisor, settings: &Settings, emulated: bool, more: &str) -> Result<Boot, Fault> {
    let part = |end: &str| hypervisor.volume(&settings.storage_pool, &format!("{}.{end}", settings.image));
    let Some(kernel) = part("kernel")? else { return Ok(Boot::Firmware) };
    let words = [COMMAND_LINE, if emulated { EMULATED } else { "" }, more];
    Ok(Boot::Kernel {
        kernel: kernel.path,
        initrd: part("initrd")?.map(|initrd| initrd.path),
        command_line: words.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" "),
    })
}

/// Puts an image into the pool, if it is not there as a whole. Its manifest is the last that is written: what lies there without
/// one was left by a process that was killed.
fn ensure(hypervisor: &dyn Hypervisor, pool: &str, name: &str, files: &ImageFiles) -> Result<(), Fault> {
    let mark = format!("{name}.manifest");
    if hypervisor.download(pool, &mark)?.is_some_and(|known| known == files.manifest.as_bytes()) {
        return Ok(());
    }
    let small = |path: &Path| {
        let length = std::fs::metadata(path).map_err(|cause| unreadable(path, &cause))?.len();
        Ok::<_, Fault>(usize::try_from(length).unwrap_or(usize::MAX))
    };
    hypervisor.remove_volume(pool, &mark)?;
    let parts = [
        (name.to_owned(), &files.disk, image_volume(name, files.capacity, &files.format)),
        part(name, "kernel", &files.kernel, small(&files.kernel)?),
        part(name, "initrd", &files.initrd, small(&files.initrd)?),
    ];
    for (volume, path, xml) in parts {
        hypervisor.remove_volume(pool, &volume)?;
        hypervisor.create_volume(pool, &xml.render())?;
        hypervisor.upload_file(pool, &volume, path)?;
    }
    hypervisor.create_volume(pool, &content_volume(&mark, files.manifest.len()).render())?;
    Ok(hypervisor.upload(pool, &mark, files.manifest.as_bytes())?)
}

fn part<'a>(name: &str, end: &str, path: &'a PathBuf, length: usize) -> (String, &'a PathBuf, super::xml::Element) {
    let volume = format!("{name}.{end}");
    let xml = content_volume(&volume, length);
    (volume, path, xml)
}

fn unreadable(path: &Path, cause: &std::io::Error) -> Fault {
    let message = format!("cannot read {}: {cause}", path.display());
    Fault::from(HypervisorError::new(ErrorKind::Invalid, message))
        .help("see that the image is whole: `engine image verify`")
}
