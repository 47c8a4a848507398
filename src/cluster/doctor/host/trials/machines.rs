//! Virtualisation, processors and memory.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use super::*;

#[test]
fn an_emulator_that_crashes_now_and_then_is_told_where_processors_are_emulated() {
    let of = |emulator: Version, slow_host| {
        changed("libvirt", |survey, demand| {
            survey.versions.as_mut().unwrap().emulator = emulator.clone();
            demand.slow_host = slow_host;
        })
    };
    is(&of(Version::new(10, 0, 2), true), Verdict::Note, "starts that one again", "QEMU 10.0.4");
    is(&of(Version::new(10, 0, 4), true), Verdict::Good, "QEMU 10.0.4", "");
    is(&of(Version::new(10, 0, 2), false), Verdict::Good, "QEMU 10.0.2", "");
}

#[test]
fn virtualisation_is_believed_when_something_proves_it() {
    let silent = |survey: &mut Survey| survey.domains.as_mut().unwrap()[0].answers = Some(false);
    let about = "virtualisation";
    is(&changed(about, |survey, _| silent(survey)), Verdict::Note, "not answered by engine-demo-vm", "--probe");
    is(&changed(about, |survey, _| survey.domains = Ok(Vec::new())), Verdict::Note, "nothing proves", "--probe");
    is(&changed(about, |_, demand| demand.slow_host = true), Verdict::Note, "though KVM works", "Leave `slowHost` out");
    let finding = changed(about, |survey, demand| {
        silent(survey);
        demand.slow_host = true;
    });
    is(&finding, Verdict::Good, "emulated, as the model says", "");
    for (virtualisation, device, message, help) in [
        (None, false, "neither vmx nor svm", "nested virtualisation"),
        (Some("svm"), false, "no /dev/kvm", "modprobe kvm_amd"),
        (Some("vmx"), true, "libvirt offers no KVM", "restart libvirtd"),
    ] {
        let none = |survey: &mut Survey| {
            survey.offer.as_mut().unwrap().kvm = false;
            let local = survey.local.as_mut().unwrap();
            (local.virtualisation, local.has_kvm_device) = (virtualisation, device);
        };
        let finding = changed(about, |survey, _| none(survey));
        is(&finding, Verdict::Bad, message, help);
        assert!(finding.help.unwrap().contains("slowHost"));
        let finding = changed(about, |survey, demand| {
            none(survey);
            demand.slow_host = true;
        });
        is(&finding, Verdict::Good, message, "");
        let mut survey = well();
        none(&mut survey);
        let found = judged(&survey, None, None);
        let finding = found.iter().find(|finding| finding.about == about).unwrap();
        is(finding, Verdict::Note, message, help);
    }
}

#[test]
fn a_probe_is_believed_before_all_else() {
    let probe = |kvm, watched| Ok(Probe { kvm, patience: Duration::from_secs(20), watched });
    let told = |probed: &Result<Probe, Fault>, slow_host| {
        let found = judged(&well(), Some(&HostDemand { slow_host, ..demand() }), Some(probed));
        found
            .into_iter()
            .filter(|finding| ["virtualisation", "probe"].contains(&finding.about.as_str()))
            .collect::<Vec<_>>()
    };
    let seen = || Watched::Seen(Duration::from_millis(3960));
    is(&told(&probe(true, seen()), false)[0], Verdict::Good, "under KVM within 4.0 s", "");
    is(&told(&probe(true, seen()), true)[0], Verdict::Note, "the model says slowHost", "Leave");
    is(&told(&probe(false, seen()), true)[0], Verdict::Good, "by software alone within 4.0 s", "");
    let unseen = Watched::Unseen("Booting\r\n\u{1b}[2Jclocksource: hpet\r\n\r\n".into());
    let found = told(&probe(true, unseen.clone()), false);
    is(
        &found[0],
        Verdict::Bad,
        "no kernel came up under KVM within 20 s; the last was: \u{1b}[2Jclocksource",
        "slowHost",
    );
    assert_eq!(found.len(), 1);
    is(&told(&probe(true, unseen.clone()), true)[0], Verdict::Note, "no kernel came up", "");
    is(
        &told(&probe(false, Watched::Unseen(String::new())), true)[0],
        Verdict::Bad,
        "showed nothing",
        "engine-probe.log",
    );
    let unstarted = Watched::NotStarted("process exited:\n  failed to set MSR\n".into());
    let found = told(&probe(true, unstarted), false);
    is(&found[0], Verdict::Bad, "no machine starts under KVM: process exited: failed to set MSR", "nested");
    let fault = Err(Fault::new(FaultClass::NotFound, "", "no kernel").help("put one there"));
    let found = told(&fault, false);
    is(&found[0], Verdict::Good, "KVM works", "");
    is(&found[1], Verdict::Untold, "no probe was made: no kernel", "put one there");
}

#[test]
fn processors_and_memory_are_counted_with_those_of_others() {
    let busy = |survey: &mut Survey| survey.domains.as_mut().unwrap().push(domain("other", false));
    is(&changed("processors", |survey, _| busy(survey)), Verdict::Note, "other machines that run have 2", "take turns");
    let finding = changed("processors", |survey, demand| {
        survey.offer.as_mut().unwrap().most_processors = Some(4);
        demand.machines[1].processors = 5;
    });
    is(&finding, Verdict::Bad, "pool1 has 5, and a machine of this host can have 4", "sizes");
    is(&changed("memory", |survey, _| busy(survey)), Verdict::Good, "other machines hold 4246", "");
    let full = |survey: &mut Survey| survey.node = Ok(Node { processors: 8, memory_mib: 12_000 });
    is(&changed("memory", |survey, _| full(survey)), Verdict::Bad, "11352 MiB are needed", "smaller machines");
    // Its own machines hold what they need already.
    let finding = changed("memory", |survey, _| survey.local.as_mut().unwrap().available_mib = Some(7_000));
    is(&finding, Verdict::Note, "7000 MiB are free, and 7106 will be taken", "ps aux");
    let finding = changed("memory", |survey, _| survey.local.as_mut().unwrap().available_mib = Some(7_200));
    is(&finding, Verdict::Good, "11352", "");
    let off = |survey: &mut Survey| {
        busy(survey);
        survey.domains.as_mut().unwrap()[1].is_running = false;
    };
    is(&changed("processors", |survey, _| off(survey)), Verdict::Good, "the host has 8", "");
}
