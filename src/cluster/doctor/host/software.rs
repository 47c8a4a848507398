//! libvirt and QEMU themselves: that it is they, in a version that knows what is asked of it, and what they need besides.

use semver::Version;

use super::{Finding, HostView, Verdict, untold};

/// The oldest libvirt that knows all that the engine describes: the translation cache of emulated machines is from 8.0.0; a
/// network's metadata (2.1.0), the choice of a firmware (5.2.0) and options for dnsmasq (5.6.0) are older.
///
/// Source: libvirt.org, "Domain XML format" and "Network XML format", read 2026-11-28; the last two from memory.
const OLDEST: Version = Version::new(8, 0, 0);

/// Older QEMUs crash now and then while an emulated machine of several processors starts.
///
/// Source: QEMU's commit 2865bf1c5795 ("system/physmem: fix use-after-free with dispatch"), also in stable 10.0.4, read 2026-11-30.
const STEADY: Version = Version::new(10, 0, 4);

/// What the engine was tried with.
const TRIED: &str = "tried with libvirt 11.3 and QEMU 10.0";

/// Who answers.
pub(super) fn connection(view: &HostView<'_>) -> Vec<Finding> {
    const ABOUT: &str = "libvirt";
    let uri = view.uri;
    let bad = |message: String, help: &str| vec![Finding::new(ABOUT, Verdict::Bad, message, help)];
    let path = uri.split_once("://").map_or("", |(_, rest)| rest).split('?').next().unwrap_or_default();
    if path.ends_with("/session") {
        let message = format!("{uri} is a user's own libvirt, which has neither bridges nor packet filters");
        return bad(message, "Use qemu:///system, or qemu+ssh://host/system.");
    }
    match &view.survey.driver {
        Ok(driver) if !driver.eq_ignore_ascii_case("qemu") => {
            let message = format!("{uri} is libvirt's driver `{driver}`, and machines are made by QEMU");
            return bad(message, "Use qemu:///system, or qemu+ssh://host/system.");
        }
        Ok(_) => {}
        Err(error) => return vec![untold(ABOUT, error)],
    }
    let versions = match &view.survey.versions {
        Ok(versions) => versions,
        Err(error) => return vec![untold(ABOUT, error)],
    };
    let found = format!("{uri} answers: libvirt {}, QEMU {}", versions.libvirt, versions.emulator);
    if versions.libvirt < OLDEST {
        let message = format!("{found}; libvirt {OLDEST} is the oldest that knows all that is asked of it");
        return bad(message, "Take a newer one: Debian 12 and Ubuntu 22.04 have it.");
    }
    if versions.emulator < STEADY && view.demand.is_some_and(|demand| demand.slow_host) {
        let message = format!(
            "{found}; where this QEMU emulates several processors it crashes now and then while a machine starts, and the engine \
             starts that one again"
        );
        return vec![Finding::new(ABOUT, Verdict::Note, message, &format!("QEMU {STEADY} and 10.1 do not."))];
    }
    vec![Finding::new(ABOUT, Verdict::Good, format!("{found} ({TRIED})"), "")]
}

/// Programs that libvirt runs, and what is known on the host alone.
pub(super) fn programs(view: &HostView<'_>) -> Vec<Finding> {
    use crate::target::libvirt::host::HOST_PROGRAMS;
    let Some(local) = &view.survey.local else {
        return vec![Finding::new(
            "host",
            Verdict::Untold,
            "its programs, routes, bridges and net.bridge.bridge-nf-call-iptables are known on the host alone",
            "Run `engine doctor --target libvirt` there, too.",
        )];
    };
    if local.missing.is_empty() {
        let names = HOST_PROGRAMS.map(|program| program.name).join(", ");
        return vec![Finding::new("programs", Verdict::Good, format!("all are there: {names}"), "")];
    }
    let missing: Vec<String> =
        local.missing.iter().map(|program| format!("{}, which {}", program.name, program.purpose)).collect();
    let packages: Vec<&str> = local.missing.iter().map(|program| program.package).collect();
    let help = format!("Install them (Debian: `apt install {}`).", packages.join(" "));
    vec![Finding::new("programs", Verdict::Bad, format!("missing: {}", missing.join("; ")), &help)]
}

/// The way to the guest agent. Older libvirts do not tell of it.
pub(super) fn agent_channel(view: &HostView<'_>) -> Option<Finding> {
    const ABOUT: &str = "guest agent";
    match view.survey.offer.as_ref().ok()?.channel? {
        true => Some(Finding::new(ABOUT, Verdict::Good, "machines can have a channel for it", "")),
        false => {
            let message = "machines cannot have a channel for it, and extensions and the gateway are told through it";
            let help = "Take a QEMU with virtio-serial (Debian: qemu-system-x86).";
            Some(Finding::new(ABOUT, Verdict::Bad, message, help))
        }
    }
}
