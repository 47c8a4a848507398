//! Judging on plain values: a host that is well, and one thing after another that is not.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod machines;
mod places;

use std::time::Duration;

use semver::Version;

use super::*;
use crate::contract::FaultClass;
use crate::model::{AddressRange, NetworkMode};
use crate::target::libvirt::host::{
    HOST_PROGRAMS, HostDomain, HostFacts, HostNetwork, ImageVolumes, LocalHost, Node, Offer, Route, StoragePool,
    Versions, Watched,
};
use crate::target::libvirt::{ErrorKind, Volume};

const GIB: u64 = 1 << 30;

fn local() -> LocalHost {
    LocalHost {
        filters_bridges: Some(true),
        routes: vec![Route { interface: "br0".into(), network: "192.168.1.0/24".parse().unwrap(), is_direct: true }],
        addresses: vec!["192.168.1.2".parse().unwrap()],
        bridges: vec!["br0".into()],
        available_mib: Some(30_000),
        virtualisation: Some("vmx"),
        has_kvm_device: true,
        missing: Vec::new(),
    }
}

fn domain(name: &str, is_own: bool) -> HostDomain {
    HostDomain {
        name: name.into(),
        is_own,
        is_running: true,
        kvm: true,
        processors: 2,
        memory_mib: 4096,
        answers: None,
    }
}

/// A host on which all is well.
fn well() -> Survey {
    let pool = StoragePool {
        kind: "dir".into(),
        path: Some("/var/lib/libvirt/engine".into()),
        is_active: true,
        starts_with_host: true,
        capacity: 900 * GIB,
        available: 800 * GIB,
    };
    let disk = Volume { path: "/pool/engine-image".into(), capacity: 12 * GIB, format: "qcow2".into() };
    let network = HostNetwork {
        name: "default".into(),
        is_own: false,
        is_active: true,
        bridge: Some("virbr0".into()),
        ranges: vec!["192.168.122.0/24".parse().unwrap()],
        serves_addresses: true,
    };
    Survey {
        driver: Ok("QEMU".into()),
        versions: Ok(Versions { libvirt: Version::new(11, 3, 0), emulator: Version::new(10, 0, 2) }),
        node: Ok(Node { processors: 8, memory_mib: 32_768 }),
        offer: Ok(Offer { kvm: true, uefi: Some(true), channel: Some(true), most_processors: Some(4096) }),
        domains: Ok(vec![HostDomain { answers: Some(true), ..domain("engine-demo-vm", true) }]),
        pool: Ok((Some(pool), vec!["default".into(), "engine".into()])),
        image: Ok(Some(ImageVolumes { disk: Some(disk), has_kernel: true })),
        networks: Ok(vec![network]),
        filters: Ok(12),
        facts: Ok(Some(HostFacts { addresses: vec!["192.168.1.48/28".into()], bridge: Some("br0".into()) })),
        local: Some(local()),
    }
}

fn demand() -> HostDemand {
    let machines = |what: &str, count, processors, memory_mib, data_gib| MachineDemand {
        what: what.into(),
        count,
        processors,
        memory_mib,
        system_gib: None,
        data_gib,
    };
    HostDemand {
        machines: vec![
            machines("control plane", 1, 2, 4096, 256),
            machines("pool1", 2, 2, 3072, 0),
            machines("gateway", 1, 1, 512, 0),
        ],
        slow_host: false,
        subnets: vec!["10.240.0.0/12".parse().unwrap()],
        network_mode: NetworkMode::Nat,
        addresses: Vec::new(),
        bridge: None,
        is_private: false,
    }
}

fn view<'a>(
    survey: &'a Survey,
    demand: Option<&'a HostDemand>,
    probed: Option<&'a Result<Probe, Fault>>,
) -> HostView<'a> {
    HostView {
        uri: "qemu:///system",
        pool: "engine",
        image: "engine-image",
        image_folder: None,
        survey,
        demand,
        probed,
    }
}

fn judged(survey: &Survey, demand: Option<&HostDemand>, probed: Option<&Result<Probe, Fault>>) -> Vec<Finding> {
    judge_host(&view(survey, demand, probed))
}

/// The one finding about something, after one thing was changed of a host that is well.
fn changed(about: &str, change: impl FnOnce(&mut Survey, &mut HostDemand)) -> Finding {
    let (mut survey, mut demand) = (well(), demand());
    change(&mut survey, &mut demand);
    let found = judged(&survey, Some(&demand), None);
    let finding = found.iter().find(|finding| finding.about == about && finding.verdict != Verdict::Good);
    finding
        .or_else(|| found.iter().find(|finding| finding.about == about))
        .unwrap_or_else(|| panic!("{about}: {found:?}"))
        .clone()
}

fn is(finding: &Finding, verdict: Verdict, message: &str, help: &str) {
    assert_eq!(finding.verdict, verdict, "{finding:?}");
    assert!(finding.message.contains(message), "`{message}` is missing: {finding:?}");
    assert!(finding.help.as_deref().unwrap_or_default().contains(help), "`{help}` is missing: {finding:?}");
    assert_eq!(finding.help.is_some(), verdict != Verdict::Good, "{finding:?}");
}

#[test]
fn a_host_that_is_well_is_told_so_with_its_numbers() {
    let found = judged(&well(), Some(&demand()), None);
    assert!(found.iter().all(|finding| finding.verdict == Verdict::Good), "{found:?}");
    let told = |about: &str| found.iter().find(|finding| finding.about == about).unwrap().message.clone();
    assert_eq!(
        told("libvirt"),
        "qemu:///system answers: libvirt 11.3.0, QEMU 10.0.2 (tried with libvirt 11.3 and QEMU 10.0)"
    );
    assert_eq!(told("virtualisation"), "KVM works: engine-demo-vm runs under it and answers");
    assert_eq!(told("processors"), "machines have 7 (1 × 2 control plane, 2 × 2 pool1, 1 × 1 gateway), the host has 8");
    assert!(told("memory").starts_with("11352 MiB are needed (1 × 4096 control plane,"), "{}", told("memory"));
    assert_eq!(told("storage pool"), "engine in /var/lib/libvirt/engine runs, 800 of 900 GiB are free");
    assert_eq!(
        told("space for disks"),
        "3 machines write about 9 GiB at least, and 228 GiB if their disks are full; 800 GiB are free"
    );
    assert_eq!(told("image"), "engine-image has 12 GiB, qcow2; it boots by its kernel");
    assert_eq!(told("network"), "10.240.0.0/12 overlaps none of 1 networks and none of 1 routes");
    assert_eq!(told("site addresses"), "192.168.1.48-192.168.1.63");
    assert_eq!(told("bridge"), "br0 is there");
    // Without a model the same, without what it needs.
    let found = judged(&well(), None, None);
    assert!(found.iter().all(|finding| finding.verdict == Verdict::Good), "{found:?}");
    assert!(!found.iter().any(|finding| finding.about == "space for disks"));
}

#[test]
fn what_is_not_qemu_is_told_alone() {
    let only = |change: &dyn Fn(&mut Survey)| {
        let mut survey = well();
        change(&mut survey);
        let found = judged(&survey, None, None);
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    };
    is(&only(&|survey| survey.driver = Ok("Test".into())), Verdict::Bad, "driver `Test`", "qemu:///system");
    let old = Versions { libvirt: Version::new(7, 9, 0), emulator: Version::new(6, 0, 0) };
    is(&only(&|survey| survey.versions = Ok(old.clone())), Verdict::Bad, "libvirt 8.0.0 is the oldest", "newer");
    let survey = well();
    let view = HostView { uri: "qemu:///session", ..view(&survey, None, None) };
    is(&judge_host(&view)[0], Verdict::Bad, "a user's own libvirt", "qemu:///system");
}

#[test]
fn what_a_host_does_not_tell_is_never_taken_for_good() {
    let missing = changed("programs", |survey, _| survey.local.as_mut().unwrap().missing = HOST_PROGRAMS[2..].to_vec());
    is(&missing, Verdict::Bad, "dnsmasq, which gives machines their addresses", "apt install dnsmasq-base iptables");
    is(&changed("host", |survey, _| survey.local = None), Verdict::Untold, "on the host alone", "there, too");
    let channel = |value| changed("guest agent", |survey, _| survey.offer.as_mut().unwrap().channel = Some(value));
    is(&channel(false), Verdict::Bad, "cannot have a channel", "qemu-system-x86");
    let failed = || HypervisorError::new(ErrorKind::Failed, "no answer");
    let mut survey = well();
    (survey.node, survey.offer, survey.pool) = (Err(failed()), Err(failed()), Err(failed()));
    survey.domains = Err(failed());
    let found = judged(&survey, Some(&demand()), None);
    for about in ["processors", "memory", "virtualisation", "storage pool"] {
        let finding = found.iter().find(|finding| finding.about == about).unwrap();
        is(finding, Verdict::Untold, "no answer", "account");
    }
}

#[test]
fn long_lists_are_cut() {
    assert_eq!(listed(Vec::<String>::new()), "none");
    assert_eq!(listed(["a", "b"]), "a, b");
    assert_eq!(listed((0..10).map(|number| number.to_string())), "0, 1, 2, 3, 4, 5, 6, 7 and 2 more");
}
