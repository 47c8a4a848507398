//! Storage, images, networks and addresses.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use super::*;

#[test]
fn storage_has_to_be_there_run_and_have_room() {
    fn pool(survey: &mut Survey) -> &mut StoragePool {
        survey.pool.as_mut().unwrap().0.as_mut().unwrap()
    }
    let about = "storage pool";
    let gone = |survey: &mut Survey| (survey.pool, survey.image) = (Ok((None, vec!["default".into()])), Ok(None));
    is(
        &changed(about, |survey, _| gone(survey)),
        Verdict::Bad,
        "no pool engine; there are: default",
        "engine host init",
    );
    is(
        &changed(about, |survey, _| pool(survey).is_active = false),
        Verdict::Bad,
        "does not run",
        "virsh pool-start engine",
    );
    is(&changed(about, |survey, _| pool(survey).kind = "logical".into()), Verdict::Bad, "kind `logical`", "host init");
    is(
        &changed(about, |survey, _| pool(survey).starts_with_host = false),
        Verdict::Note,
        "does not start",
        "autostart",
    );
    let about = "space for disks";
    is(&changed(about, |survey, _| pool(survey).available = 100 * GIB), Verdict::Note, "100 GiB are free", "Make room");
    is(
        &changed(about, |survey, _| pool(survey).available = 8 * GIB),
        Verdict::Bad,
        "about 9 GiB at least",
        "Make room",
    );
    let whole = |survey: &mut Survey| {
        pool(survey).available = 0;
        survey.domains = Ok((0..4).map(|number| domain(&format!("engine-demo-{number}"), true)).collect());
    };
    is(&changed(about, |survey, _| whole(survey)), Verdict::Good, "all 4 machines have their disks", "");
}

#[test]
fn an_image_has_to_be_there_and_boot() {
    let about = "image";
    let none = |survey: &mut Survey| survey.image = Ok(Some(ImageVolumes { disk: None, has_kernel: false }));
    is(&changed(about, |survey, _| none(survey)), Verdict::Bad, "no volume engine-image", "onPremProfile.image");
    let mut survey = well();
    none(&mut survey);
    let found = judged(&survey, None, None);
    is(found.iter().find(|finding| finding.about == about).unwrap(), Verdict::Note, "no volume", "image");
    let demand = demand();
    let view = HostView { image_folder: Some(std::path::Path::new("/images/a")), ..view(&survey, Some(&demand), None) };
    let found = judge_host(&view);
    is(
        found.iter().find(|finding| finding.about == about).unwrap(),
        Verdict::Good,
        "first machine, from /images/a",
        "",
    );
    let by_firmware = |uefi| {
        changed(about, |survey, _| {
            survey.image.as_mut().unwrap().as_mut().unwrap().has_kernel = false;
            survey.offer.as_mut().unwrap().uefi = uefi;
        })
    };
    is(&by_firmware(Some(true)), Verdict::Good, "boots by UEFI", "");
    is(&by_firmware(Some(false)), Verdict::Bad, "no firmware", "ovmf");
    is(&by_firmware(None), Verdict::Untold, "not told", "ovmf");
}

#[test]
fn ranges_that_are_somebodys_are_told_with_whose_they_are() {
    let about = "network";
    fn other(survey: &mut Survey) -> &mut HostNetwork {
        &mut survey.networks.as_mut().unwrap()[0]
    }
    let taken = |survey: &mut Survey| other(survey).ranges.push("10.241.3.0/24".parse().unwrap());
    is(
        &changed(about, |survey, _| taken(survey)),
        Verdict::Bad,
        "10.240.0.0/12 overlaps 10.241.3.0/24 of the network default",
        "virsh net-destroy default",
    );
    let finding = changed(about, |survey, _| {
        taken(survey);
        other(survey).is_active = false;
    });
    is(&finding, Verdict::Note, "which does not run", "vnetCidr");
    let finding = changed(about, |survey, _| {
        taken(survey);
        other(survey).is_own = true;
    });
    is(&finding, Verdict::Good, "none of 1 networks", "");
    let route = |survey: &mut Survey, interface: &str| {
        let network = "10.0.0.0/8".parse().unwrap();
        let routes = &mut survey.local.as_mut().unwrap().routes;
        routes.push(Route { interface: interface.into(), network, is_direct: false });
    };
    let finding = changed(about, |survey, _| route(survey, "wg0"));
    is(&finding, Verdict::Bad, "the host's route to 10.0.0.0/8 by the interface wg0", "another range");
    is(&changed(about, |survey, _| route(survey, "br0")), Verdict::Bad, "by the bridge br0", "another range");
    is(&changed(about, |survey, _| route(survey, "virbr0")), Verdict::Good, "none of 2 routes", "");
    // The machines' addresses are not the site's, also where they stand on its bridge, and libvirt has a network for that.
    let finding = changed(about, |survey, demand| {
        route(survey, "br0");
        other(survey).bridge = Some("br0".into());
        other(survey).ranges.clear();
        (demand.network_mode, demand.bridge) = (NetworkMode::Bridged, Some("br0".into()));
    });
    is(&finding, Verdict::Bad, "by the bridge br0", "another range");
}

#[test]
fn filters_have_to_answer_and_to_see_everything() {
    let failed = |kind| HypervisorError::new(kind, "no socket");
    let filters = |kind| changed("packet filters", |survey, _| survey.filters = Err(failed(kind)));
    is(&filters(ErrorKind::Unreachable), Verdict::Bad, "does not answer: no socket", "driver-nwfilter");
    is(&filters(ErrorKind::Invalid), Verdict::Bad, "does not answer", "restart libvirtd");
    is(&filters(ErrorKind::Forbidden), Verdict::Untold, "does not tell", "group `libvirt`");
    let bridges = |value| changed("bridge filters", |survey, _| survey.local.as_mut().unwrap().filters_bridges = value);
    is(&bridges(Some(true)), Verdict::Good, "packets within a bridge pass them", "");
    is(&bridges(Some(false)), Verdict::Bad, "is 0", "sysctl -w net.bridge.bridge-nf-call-iptables=1");
    is(&bridges(None), Verdict::Bad, "br_netfilter is not there", "modprobe br_netfilter");
}

#[test]
fn addresses_and_bridges_have_to_be_the_sites() {
    let about = "site addresses";
    let facts = |addresses: &[&str], bridge: &str| {
        let addresses = addresses.iter().map(|text| (*text).to_owned()).collect();
        Ok(Some(HostFacts { addresses, bridge: Some(bridge.to_owned()) }))
    };
    is(&changed(about, |survey, _| survey.facts = Ok(None)), Verdict::Note, "this host alone", "--addresses");
    let finding = changed(about, |survey, _| survey.facts = facts(&["192.168.1.0/28"], "br0"));
    is(&finding, Verdict::Bad, "the host's own address 192.168.1.2", "nobody has");
    let finding = changed(about, |survey, _| survey.facts = facts(&["192.168.122.9"], "br0"));
    is(&finding, Verdict::Bad, "192.168.122.0/24 of the network default", "nobody has");
    let finding = changed(about, |survey, _| survey.facts = facts(&["172.16.0.0/28"], "br0"));
    is(&finding, Verdict::Note, "none of the host's interfaces", "router");
    let damaged = Fault::new(FaultClass::Invalid, "", "it is damaged").help("write it anew");
    is(&changed(about, |survey, _| survey.facts = Err(damaged)), Verdict::Bad, "damaged", "anew");
    // The model's own count before the host's.
    let finding = changed(about, |survey, demand| {
        survey.facts = facts(&["192.168.1.0/28"], "br0");
        demand.addresses = vec![AddressRange::parse("192.168.1.80-192.168.1.89").unwrap()];
    });
    is(&finding, Verdict::Good, "192.168.1.80-192.168.1.89", "");
    // An engine elsewhere would wait for nodes that it never reaches.
    let elsewhere = |facts, network_mode, is_private| {
        let (survey, demand) = (Survey { facts, ..well() }, HostDemand { network_mode, is_private, ..demand() });
        let view = HostView { uri: "qemu+ssh://root@rack-1/system", ..view(&survey, Some(&demand), None) };
        judge_host(&view).into_iter().find(|finding| finding.about == about).unwrap()
    };
    let without_bridge = HostFacts { addresses: vec!["192.168.1.80".into()], bridge: None };
    is(&elsewhere(Ok(None), NetworkMode::Nat, false), Verdict::Bad, "the engine is elsewhere", "--addresses");
    let finding = elsewhere(Ok(Some(without_bridge)), NetworkMode::Nat, false);
    is(&finding, Verdict::Bad, "without a bridge", "--bridge");
    is(&elsewhere(facts(&["192.168.1.80"], "br0"), NetworkMode::Nat, false), Verdict::Good, "192.168.1.80", "");
    is(&elsewhere(Ok(None), NetworkMode::Routed, false), Verdict::Bad, "the engine is elsewhere", "--addresses");
    is(&elsewhere(Ok(None), NetworkMode::Routed, true), Verdict::Note, "this host alone", "--addresses");
    let finding = changed("bridge", |_, demand| demand.bridge = Some("br7".into()));
    is(&finding, Verdict::Bad, "no bridge br7; there are: br0", "ip link add br7 type bridge");
}
