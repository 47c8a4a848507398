//! Processors and memory: whether machines are run by the processor, and whether all of them have room.

use super::{Finding, HostView, Verdict, listed, untold};
use crate::contract::Fault;
use crate::target::libvirt::host::{HostDomain, Offer, Probe, Survey, Watched};

/// What a host keeps for itself, in MiB: an estimate for Linux, libvirt and the cache of files.
const HOST_SHARE_MIB: u64 = 1024;

/// What QEMU takes beside a machine's own memory, in MiB: between 80 and 170 were measured (QEMU 10.0).
const EMULATOR_SHARE_MIB: u64 = 150;

const SLOW_HELP: &str =
    "Or write `\"slowHost\": true` into `onPremProfile`: machines are emulated then, with more time for all.";

/// What a finding about KVM is about.
pub const VIRTUALISATION: &str = "virtualisation";

/// Whether KVM works, and whether the model knows.
pub(super) fn virtualisation(view: &HostView<'_>) -> Vec<Finding> {
    const ABOUT: &str = VIRTUALISATION;
    let offer = match &view.survey.offer {
        Ok(offer) => offer,
        Err(error) => return vec![untold(ABOUT, error)],
    };
    let slow = view.demand.map(|demand| demand.slow_host);
    let mut findings = Vec::new();
    match view.probed {
        Some(Ok(probe)) => return vec![probed(ABOUT, probe, slow)],
        Some(Err(fault)) => findings.push(not_probed(fault)),
        None => {}
    }
    let finding = |verdict, message: String, help: &str| Finding::new(ABOUT, verdict, message, help);
    let none = Vec::new();
    let domains = view.survey.domains.as_ref().unwrap_or(&none);
    let proof = domains.iter().find(|domain| domain.answers == Some(true));
    findings.insert(
        0,
        match (offer.kvm, slow) {
            (false, Some(true)) => finding(
                Verdict::Good,
                format!("{}: machines are emulated, as the model says", reason(view.survey).0),
                "",
            ),
            (false, slow) => {
                let (reason, help) = reason(view.survey);
                let verdict = if slow.is_some() { Verdict::Bad } else { Verdict::Note };
                let message = format!("{reason}: machines would be emulated, ten times as slow");
                finding(verdict, message, &format!("{help} {SLOW_HELP}"))
            }
            (true, Some(true)) => match proof {
                Some(domain) => finding(
                    Verdict::Note,
                    format!("the model says slowHost, though KVM works: {} runs under it and answers", domain.name),
                    "Leave `slowHost` out: machines are ten times as fast then.",
                ),
                None => finding(Verdict::Good, "machines are emulated, as the model says (slowHost)".to_owned(), ""),
            },
            (true, _) => match proof {
                Some(domain) => {
                    finding(Verdict::Good, format!("KVM works: {} runs under it and answers", domain.name), "")
                }
                None => {
                    let silent = domains.iter().filter(|domain| domain.answers == Some(false));
                    finding(
                        Verdict::Note,
                        format!("KVM is offered, and nothing proves that it works{}", about(silent)),
                        HELP,
                    )
                }
            },
        },
    );
    findings
}

const HELP: &str = "`engine doctor --probe` starts a machine without a disk for at most 20 s: there are hosts where /dev/kvm \
                    opens and a machine hangs for ever.";

fn about<'a>(silent: impl Iterator<Item = &'a HostDomain>) -> String {
    let names: Vec<&str> = silent.map(|domain| domain.name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("; not answered by {}", listed(names)) }
}

/// Why there is no KVM, as far as it is known, and what to do.
fn reason(survey: &Survey) -> (&'static str, &'static str) {
    let Some(local) = &survey.local else {
        return ("the host offers no KVM", "Switch virtualisation on in its firmware, and load the module kvm.");
    };
    match (local.virtualisation, local.has_kvm_device) {
        (_, true) => (
            "there is /dev/kvm, and libvirt offers no KVM",
            "Install QEMU for x86-64 (Debian: qemu-system-x86), and start libvirt anew: `systemctl restart libvirtd`.",
        ),
        (Some(_), false) => (
            "there is no /dev/kvm, though the processor could",
            "Load the module: `modprobe kvm_intel` or `modprobe kvm_amd`.",
        ),
        (None, false) => (
            "the processor has neither vmx nor svm",
            "Switch virtualisation on in the firmware (VT-x, AMD-V); on a virtual host, nested virtualisation.",
        ),
    }
}

fn probed(about: &str, probe: &Probe, slow: Option<bool>) -> Finding {
    let how = if probe.kvm { "under KVM" } else { "by software alone" };
    match &probe.watched {
        Watched::Seen(after) if probe.kvm && slow == Some(true) => Finding::new(
            about,
            Verdict::Note,
            format!("the model says slowHost, though a kernel came up {how} within {} s", seconds(after.as_secs_f64())),
            "Leave `slowHost` out: machines are ten times as fast then.",
        ),
        Watched::Seen(after) => {
            let message = format!("a kernel came up {how} within {} s", seconds(after.as_secs_f64()));
            Finding::new(about, Verdict::Good, message, "")
        }
        Watched::Unseen(shown) => {
            let last = shown.lines().map(str::trim).rfind(|line| !line.is_empty());
            let last =
                last.map_or_else(|| "its console showed nothing".to_owned(), |line| format!("the last was: {line}"));
            let message = format!("no kernel came up {how} within {} s; {last}", probe.patience.as_secs());
            failed_probe(about, probe.kvm, slow, message)
        }
        Watched::NotStarted(reason) => {
            let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
            failed_probe(about, probe.kvm, slow, format!("no machine starts {how}: {reason}"))
        }
    }
}

fn failed_probe(about: &str, kvm: bool, slow: Option<bool>, message: String) -> Finding {
    let help = if kvm {
        format!("On a virtual host, see to nested virtualisation. {SLOW_HELP}")
    } else {
        "See QEMU's log on the host: /var/log/libvirt/qemu/engine-probe.log.".to_owned()
    };
    // With slowHost the model does without.
    let verdict = if kvm && slow == Some(true) { Verdict::Note } else { Verdict::Bad };
    Finding::new(about, verdict, message, &help)
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.1}")
}

fn not_probed(fault: &Fault) -> Finding {
    let help = fault.help.clone().unwrap_or_else(|| "See the host's journal: `journalctl -u libvirtd`.".to_owned());
    Finding::new("probe", Verdict::Untold, format!("no probe was made: {}", fault.message), &help)
}

/// Whether machines' processors are there.
pub(super) fn processors(view: &HostView<'_>) -> Finding {
    const ABOUT: &str = "processors";
    let node = match &view.survey.node {
        Ok(node) => node,
        Err(error) => return untold(ABOUT, error),
    };
    let there = u64::from(node.processors);
    let Some(demand) = view.demand else {
        return Finding::new(ABOUT, Verdict::Good, format!("the host has {there}"), "");
    };
    let each = |machines: &super::MachineDemand| u64::from(machines.processors);
    let (needed, parts) = (demand.sum(each), demand.parts(each));
    let others = others(view.survey).map(|domain| u64::from(domain.processors)).sum::<u64>();
    let taken = if others == 0 { String::new() } else { format!(", and other machines that run have {others}") };
    let most = view.survey.offer.as_ref().ok().and_then(|offer: &Offer| offer.most_processors);
    let largest = demand.machines.iter().max_by_key(|machines| machines.processors);
    if let Some((most, largest)) = most.zip(largest).filter(|(most, largest)| largest.processors > *most) {
        let message =
            format!("{} has {}, and a machine of this host can have {most}", largest.what, largest.processors);
        return Finding::new(
            ABOUT,
            Verdict::Bad,
            message,
            "Take a smaller size, or give it fewer in `onPremProfile.sizes`.",
        );
    }
    let message = format!("machines have {needed} ({parts}), the host has {there}{taken}");
    let is_enough = needed + others <= there;
    let help = "They take turns. That works, and is slow under load: take fewer or smaller machines, or a larger host.";
    Finding::new(ABOUT, if is_enough { Verdict::Good } else { Verdict::Note }, message, help)
}

/// The machines that run and are not the cluster's own.
fn others(survey: &Survey) -> impl Iterator<Item = &HostDomain> {
    let domains = survey.domains.iter().flatten();
    domains.filter(|domain| domain.is_running && !domain.is_own)
}

/// Whether machines' memory is there.
pub(super) fn memory(view: &HostView<'_>) -> Finding {
    const ABOUT: &str = "memory";
    let node = match &view.survey.node {
        Ok(node) => node,
        Err(error) => return untold(ABOUT, error),
    };
    let with_share = |domain: &HostDomain| domain.memory_mib + EMULATOR_SHARE_MIB;
    let taken: u64 = others(view.survey).map(with_share).sum();
    let total = node.memory_mib;
    let free = total.saturating_sub(HOST_SHARE_MIB).saturating_sub(taken);
    let of = format!("of {total} MiB the host keeps about {HOST_SHARE_MIB}, other machines hold {taken}");
    let Some(demand) = view.demand else {
        return Finding::new(ABOUT, Verdict::Good, format!("{free} MiB are there for machines: {of}"), "");
    };
    let parts = demand.parts(|machines| machines.memory_mib);
    let needed = demand.sum(|machines| machines.memory_mib + EMULATOR_SHARE_MIB);
    let message =
        format!("{needed} MiB are needed ({parts}, and {EMULATOR_SHARE_MIB} for each), {free} are there: {of}");
    if needed > free {
        let help = "Take fewer or smaller machines (`onPremProfile.sizes`), stop others, or take a larger host.";
        return Finding::new(ABOUT, Verdict::Bad, message, help);
    }
    // What its own machines hold already is not needed again.
    let own = view.survey.domains.iter().flatten().filter(|domain| domain.is_running && domain.is_own);
    let missing = needed.saturating_sub(own.map(with_share).sum());
    match view.survey.local.as_ref().and_then(|local| local.available_mib) {
        Some(available) if available < missing => {
            let message = format!("{message}; at the moment {available} MiB are free, and {missing} will be taken");
            let help = "Something else on the host uses the rest: see `ps aux --sort -rss | head`.";
            Finding::new(ABOUT, Verdict::Note, message, help)
        }
        _ => Finding::new(ABOUT, Verdict::Good, message, ""),
    }
}
