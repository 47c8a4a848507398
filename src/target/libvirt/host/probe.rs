//! Whether a kernel comes up on a host: a machine without a disk starts with the image's kernel, which has to get as far as
//! telling that it finds nothing to mount. That `/dev/kvm` opens means little: there are hosts where a guest hangs for ever.

use std::time::Duration;

use super::hypervisor::{HostHypervisor, Watched};
use crate::contract::{Fault, FaultClass};
use crate::target::libvirt::hypervisor::ErrorKind;
use crate::target::libvirt::xml::{Element, element};

/// How long a kernel has, with KVM and without.
const PATIENCE: Duration = Duration::from_secs(20);
const PATIENCE_EMULATED: Duration = Duration::from_secs(90);

/// What a kernel says in the end that finds no disk (`mount_root_generic`, init/do_mounts.c, from memory).
const END: &str = "Unable to mount root fs";

/// The kernel waits before it looks for its disk: QEMU notices only after a second that somebody listens, and drops what the
/// console was told before.
const COMMAND_LINE: &str = "console=ttyS0 rootdelay=3";

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

/// Probes. Nothing is defined for it, and nothing of it is left.
///
/// # Errors
/// There is no kernel in the pool to probe with; the host does not answer, or lets nobody start a machine.
pub fn probe(hypervisor: &dyn HostHypervisor, pool: &str, image: &str, kvm: bool) -> Result<Probe, Fault> {
    let kernel = format!("{image}.kernel");
    let volume = hypervisor.volume(pool, &kernel)?.ok_or_else(|| {
        Fault::new(FaultClass::NotFound, "", format!("the pool {pool} has no volume {kernel} to probe with"))
            .help("put an image with its kernel into the pool first")
    })?;
    let patience = if kvm { PATIENCE } else { PATIENCE_EMULATED };
    let watched = match hypervisor.watch(&machine(&volume.path, kvm).render(), END, patience) {
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

    #[test]
    fn a_machine_without_a_disk_is_watched_for_its_kernels_last_words() {
        let host = Double::new();
        let fault = probe(&host, "engine", "engine-image", true).unwrap_err();
        assert!(fault.message.contains("engine-image.kernel") && fault.help.is_some(), "{fault}");
        let kernel = Volume { path: "/pool/<kernel>".into(), capacity: 1 << 20, format: "raw".into() };
        host.things().volumes.insert("engine-image.kernel".into(), (kernel, Vec::new()));
        let seen = Watched::Seen(Duration::from_secs(4));
        assert_eq!(
            probe(&host, "engine", "engine-image", true).unwrap(),
            Probe { kvm: true, patience: PATIENCE, watched: seen }
        );
        host.told().watched = Ok(Watched::Unseen("Booting".into()));
        let emulated = probe(&host, "engine", "engine-image", false).unwrap();
        assert_eq!((emulated.kvm, emulated.patience), (false, PATIENCE_EMULATED));
        let failed = |kind| Err(HypervisorError::new(kind, "failed to set MSR"));
        host.told().watched = failed(ErrorKind::Failed);
        let unstarted = probe(&host, "engine", "engine-image", true).unwrap();
        assert_eq!(unstarted.watched, Watched::NotStarted("failed to set MSR".into()));
        host.told().watched = failed(ErrorKind::Forbidden);
        assert_eq!(probe(&host, "engine", "engine-image", true).unwrap_err().class, FaultClass::Forbidden);
        assert!(host.things().domains.is_empty(), "nothing is defined");
        let changes = host.changes();
        assert!(changes[0].contains("type='kvm'") && changes[0].contains("/pool/&lt;kernel&gt;"), "{changes:?}");
        assert!(changes[1].contains("type='qemu'") && !changes[1].contains("<disk"), "{changes:?}");
        for kvm in [true, false] {
            validate("domain", &machine("/pool/kernel", kvm).render());
        }
    }
}
