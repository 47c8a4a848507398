//! Whether a kernel comes up on a host: a machine without a disk starts with the image's kernel, which has to get as far as
//! telling that it finds nothing to mount. That `/dev/kvm` opens means little: there are hosts where a guest hangs for ever.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::hypervisor::{HostHypervisor, Watched};
use crate::contract::{Fault, FaultClass};
use crate::target::libvirt::hypervisor::ErrorKind;
use crate::target::libvirt::xml::{Element, content_volume, element};

/// How long a kernel has, with KVM and without.
const PATIENCE: Duration = Duration::from_secs(20);
const PATIENCE_EMULATED: Duration = Duration::from_secs(90);

/// What a kernel says in the end that finds no disk (`mount_root_generic`, init/do_mounts.c, from memory).
const END: &str = "Unable to mount root fs";

/// The kernel waits before it looks for its disk: QEMU notices only after a second that somebody listens, and drops what the
/// console was told before.
const COMMAND_LINE: &str = "console=ttyS0 rootdelay=3";

/// What libvirt says in English of a domain of the same name that runs (`virDomainObjListAdd`, from memory).
const ALREADY: &str = "already";

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Whether the processor was to run it, or software.
    pub kvm: bool,
    /// How long it had.
    pub patience: Duration,
    /// What its console showed.
    pub watched: Watched,
}

/// The kernel of an image that is not in the pool lies there as long as the probe takes, in a volume of such a name: the second
/// in which it began, and the process.
const KERNEL: &str = "engine-probe-";

/// After so many seconds such a volume is what a process left that was killed.
const LEFT_AFTER: i64 = 600;

/// Probes with the kernel of an image in the pool, or with that of an image which has yet to come there. Nothing is defined for
/// it, and nothing of it is left; what a killed process left of it, a later probe removes, for which `now` is.
///
/// # Errors
/// There is no kernel to probe with; the host does not answer, or lets nobody start a machine.
pub fn probe(
    hypervisor: &dyn HostHypervisor,
    pool: &str,
    image: &str,
    kernel: Option<&Path>,
    kvm: bool,
    now: Timestamp,
) -> Result<Probe, Fault> {
    let name = format!("{image}.kernel");
    if let Some(volume) = hypervisor.volume(pool, &name)? {
        return watch(hypervisor, &volume.path, kvm);
    }
    let Some(kernel) = kernel else {
        let message =
            format!("the pool {pool} has no volume {name} to probe with, and there is no image to take one from");
        return Err(Fault::new(FaultClass::NotFound, "", message).help("make an image with `engine image build`"));
    };
    let length = std::fs::metadata(kernel).map_err(|cause| {
        Fault::new(FaultClass::Invalid, "", format!("cannot read {}: {cause}", kernel.display()))
            .help("see that the image is whole: `engine image verify`")
    })?;
    let now = now.as_second();
    for left in hypervisor.volumes(pool)?.iter().filter(|name| began(name).is_some_and(|at| at + LEFT_AFTER < now)) {
        hypervisor.remove_volume(pool, left)?;
    }
    let name = format!("{KERNEL}{now}-{}", std::process::id());
    let length = usize::try_from(length.len()).unwrap_or(usize::MAX);
    hypervisor.create_volume(pool, &content_volume(&name, length).render())?;
    let seen = hypervisor
        .upload_file(pool, &name, kernel)
        .and_then(|()| hypervisor.path_of(pool, &name))
        .map_err(Fault::from)
        .and_then(|path| watch(hypervisor, &path, kvm));
    hypervisor.remove_volume(pool, &name)?;
    seen
}

/// When the probe began that a volume is of, if it is of one.
fn began(volume: &str) -> Option<i64> {
    volume.strip_prefix(KERNEL)?.split('-').next()?.parse().ok()
}

/// Starts a kernel that lies on the host, and sees how far it comes.
fn watch(hypervisor: &dyn HostHypervisor, kernel: &str, kvm: bool) -> Result<Probe, Fault> {
    let patience = if kvm { PATIENCE } else { PATIENCE_EMULATED };
    let watched = match hypervisor.watch(&machine(kernel, kvm).render(), END, patience) {
        Err(error) if error.message.contains(ALREADY) => {
            let message = format!("another engine probes this host: {}", error.message);
            return Err(Fault::new(FaultClass::Conflict, "", message).help("run it again, half a minute later"));
        }
        // The emulator has ended at once: that is an answer, too.
        Err(error) if matches!(error.kind, ErrorKind::Failed | ErrorKind::Invalid) => {
            Watched::NotStarted(error.message)
        }
        watched => watched?,
    };
    Ok(Probe { kvm, patience, watched })
}

fn machine(kernel: &str, kvm: bool) -> Element {
    let processor = if kvm {
        element("cpu").set("mode", "host-passthrough")
    } else {
        element("cpu").set("mode", "custom").set("match", "exact").with(element("model").text("qemu64"))
    };
    let system = element("os")
        .with(element("type").set("arch", "x86_64").set("machine", "q35").text("hvm"))
        .with(element("kernel").text(kernel))
        .with(element("cmdline").text(COMMAND_LINE));
    let devices = element("devices")
        .with(element("serial").set("type", "pty").with(element("target").set("port", 0)))
        .with(element("memballoon").set("model", "none"));
    element("domain")
        .set("type", if kvm { "kvm" } else { "qemu" })
        .with(element("name").text("engine-probe"))
        .with(element("memory").set("unit", "MiB").text(256))
        .with(element("vcpu").text(1))
        .with(system)
        .with(element("features").with(element("acpi")))
        .with(processor)
        .with(element("on_poweroff").text("destroy"))
        .with(element("on_reboot").text("destroy"))
        .with(element("on_crash").text("destroy"))
        .with(devices)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::target::libvirt::double::Double;
    use crate::target::libvirt::hypervisor::{HypervisorError, Volume};
    use crate::target::libvirt::xml::trials::validate;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    #[test]
    fn a_machine_without_a_disk_is_watched_for_its_kernels_last_words() {
        let host = Double::new();
        let fault = probe(&host, "engine", "engine-image", None, true, NOW).unwrap_err();
        assert!(fault.message.contains("engine-image.kernel") && fault.help.is_some(), "{fault}");
        let kernel = Volume { path: "/pool/<kernel>".into(), capacity: 1 << 20, format: "raw".into() };
        host.things().volumes.insert("engine-image.kernel".into(), (kernel, Vec::new()));
        let seen = Watched::Seen(Duration::from_secs(4));
        assert_eq!(
            probe(&host, "engine", "engine-image", None, true, NOW).unwrap(),
            Probe { kvm: true, patience: PATIENCE, watched: seen }
        );
        host.told().watched = Ok(Watched::Unseen("Booting".into()));
        let emulated = probe(&host, "engine", "engine-image", None, false, NOW).unwrap();
        assert_eq!((emulated.kvm, emulated.patience), (false, PATIENCE_EMULATED));
        let failed = |kind| Err(HypervisorError::new(kind, "failed to set MSR"));
        host.told().watched = failed(ErrorKind::Failed);
        let unstarted = probe(&host, "engine", "engine-image", None, true, NOW).unwrap();
        assert_eq!(unstarted.watched, Watched::NotStarted("failed to set MSR".into()));
        host.told().watched = failed(ErrorKind::Forbidden);
        assert_eq!(probe(&host, "engine", "engine-image", None, true, NOW).unwrap_err().class, FaultClass::Forbidden);
        assert!(host.things().domains.is_empty(), "nothing is defined");
        let changes = host.changes();
        assert!(changes[0].contains("type='kvm'") && changes[0].contains("/pool/&lt;kernel&gt;"), "{changes:?}");
        assert!(changes[1].contains("type='qemu'") && !changes[1].contains("<disk"), "{changes:?}");
        // One whose image is not in the pool yet; what an earlier probe left is not in its way.
        let host = Double::new();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kernel");
        let missing = probe(&host, "engine", "another", Some(&file), true, NOW).unwrap_err();
        assert!(missing.message.contains("cannot read"), "{missing}");
        std::fs::write(&file, "a kernel").unwrap();
        let (left, another) = (format!("{KERNEL}1000-7"), format!("{KERNEL}{}-8", NOW.as_second()));
        for name in [&left, &another] {
            let volume = Volume { path: format!("/pool/{name}"), capacity: 1, format: "raw".into() };
            host.things().volumes.insert(name.clone(), (volume, Vec::new()));
        }
        let kernels = |host: &Double| -> Vec<String> {
            host.things().volumes.keys().filter(|name| name.starts_with(KERNEL)).cloned().collect()
        };
        assert!(matches!(probe(&host, "engine", "another", Some(&file), true, NOW).unwrap().watched, Watched::Seen(_)));
        assert!(host.changes().iter().any(|change| change.contains("<kernel>/pool/engine-probe-")));
        assert_eq!(kernels(&host), [another.as_str()], "what another engine is at is not touched");
        host.told().watched = failed(ErrorKind::Forbidden);
        probe(&host, "engine", "another", Some(&file), true, NOW).unwrap_err();
        assert_eq!(kernels(&host), [another.as_str()], "also when it could not be watched");
        host.told().watched =
            Err(HypervisorError::new(ErrorKind::Failed, "domain 'engine-probe' already exists with uuid 1"));
        assert_eq!(probe(&host, "engine", "another", Some(&file), true, NOW).unwrap_err().class, FaultClass::Conflict);
        for kvm in [true, false] {
            validate("domain", &machine("/pool/kernel", kvm).render());
        }
    }
}
