//! What is left after each way of going wrong: killed processes, lost records, machines that something else has deleted.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use super::*;

#[tokio::test]
async fn a_domain_destroyed_behind_its_back_is_not_there_and_one_shut_off_is() {
    let place = Place::new();
    place.make().await;
    place.hypervisor.things().domains.get_mut("engine-rg-vm-0").unwrap().state = DomainState::Off;
    let seen = place.seen(MACHINE, "vm-0").await.unwrap();
    assert_eq!(seen.body["properties"]["instanceView"]["statuses"][0]["code"], "PowerState/stopped");
    assert_eq!(seen.provisioning_state(), Some("Succeeded"));

    let first_life = place.vm_id();
    place.hypervisor.things().domains.remove("engine-rg-vm-0");
    assert_eq!(place.seen(MACHINE, "vm-0").await, None);
    // It is made anew, with a disk of its own; what the first one said does not count.
    let (machine, body) = place.resources().pop().unwrap();
    let operation = running(place.apply(&machine, &body).await.unwrap());
    assert_ne!(place.vm_id(), first_life);
    running(place.target.poll(&operation).await.unwrap());
    place.says(MachineState::Ready, &place.vm_id());
    assert!(matches!(place.target.poll(&operation).await.unwrap(), Progress::Done(Some(_))));

    place.hypervisor.things().networks.remove("engine-rg-vnet");
    assert_eq!(place.seen(NETWORK, "vnet").await, None);
    let (network, body) = place.resources().swap_remove(2);
    assert!(matches!(place.apply(&network, &body).await.unwrap(), Progress::Done(Some(_))));
    let xml = place.hypervisor.things().networks["engine-rg-vnet"].xml.clone();
    assert!(xml.contains("name='vm-0' ip='10.255.255.5'"), "the machine has its address again: {xml}");
}

#[tokio::test]
async fn what_is_left_of_a_machine_that_is_gone_stands_in_nobodys_way() {
    let place = Place::new();
    place.make().await;
    let interface = place.address(INTERFACE, "nic-0");
    assert_eq!(place.target.delete(&interface).await.unwrap_err().class, FaultClass::Invalid);
    assert_eq!(place.target.delete(&place.address(DISK, "etcd")).await.unwrap_err().class, FaultClass::Invalid);
    place.hypervisor.things().domains.clear();
    assert_eq!(place.target.delete(&interface).await, Ok(Progress::Done(None)));
    assert!(!place.hypervisor.things().volumes.contains_key("engine-rg-vm-0.os"));
    assert_eq!(place.target.delete(&place.address(DISK, "etcd")).await, Ok(Progress::Done(None)));
}

#[tokio::test]
async fn a_lost_record_is_found_again_from_the_domain() {
    let place = Place::new();
    place.make().await;
    let life = place.vm_id();
    let records: Vec<String> =
        place.hypervisor.things().volumes.keys().filter(|name| name.starts_with("engine.")).cloned().collect();
    for name in records {
        place.hypervisor.things().volumes.remove(&name);
    }
    assert_eq!(place.seen(MACHINE, "vm-0").await, None);
    // The machine that runs is taken over, not made anew.
    place.make().await;
    assert_eq!(place.vm_id(), life);
    assert_eq!(place.seen(MACHINE, "vm-0").await.unwrap().provisioning_state(), Some("Succeeded"));
}

#[tokio::test]
async fn a_torn_record_counts_as_none_and_an_interrupted_write_keeps_the_old_one() {
    let mut place = Place::new();
    place.make().await;
    let (address, mut body) = place.resources().swap_remove(5);
    let before = place.target.observe(&address).await.unwrap().unwrap();
    body["tags"] = json!({ "a": "b" });
    for changes in 0..6 {
        place.hypervisor.stop_after(Some(changes));
        let applied = place.apply(&address, &body).await;
        place.again();
        let seen = place.target.observe(&address).await.unwrap().unwrap();
        assert!(seen == before || seen.body["tags"]["a"] == "b", "after {changes} changes: {seen:?}");
        assert!(applied.is_err() || seen.body["tags"]["a"] == "b");
    }
    let names: Vec<String> =
        place.hypervisor.things().volumes.keys().filter(|name| name.starts_with("engine.")).cloned().collect();
    for name in names {
        let mut things = place.hypervisor.things();
        let content = &mut things.volumes.get_mut(&name).unwrap().1;
        content.truncate(content.len() / 2);
    }
    place.again();
    assert_eq!(place.seen(MACHINE, "vm-0").await, None);
}

/// A process that is killed after each of its changes: the next one makes the whole, or removes the whole.
#[tokio::test]
async fn a_process_killed_anywhere_leaves_nothing_that_the_next_one_cannot_finish() {
    let mut whole = 0;
    for changes in 0.. {
        let mut place = Place::new();
        place.hypervisor.stop_after(Some(changes));
        let mut killed = false;
        for (address, body) in place.resources() {
            if place.apply(&address, &body).await.is_err() {
                killed = true;
                break;
            }
        }
        place.again();
        if changes % 2 == 0 {
            place.make().await;
            let seen = place.seen(MACHINE, "vm-0").await.unwrap();
            assert_eq!(seen.provisioning_state(), Some("Succeeded"), "after {changes} changes");
            assert!(!place.hypervisor.things().volumes.contains_key("engine-rg-vm-0.iso"));
        }
        // Deletion may be killed too.
        place.hypervisor.stop_after(Some(changes / 3));
        _ = place.target.delete(&place.address(GROUP, "rg")).await;
        place.again();
        place.delete_each().await;
        assert_eq!(place.target.delete(&place.address(GROUP, "rg")).await, Ok(Progress::Done(None)));
        assert!(place.is_empty(), "after {changes} changes: {:?}", place.hypervisor.things());
        if !killed {
            whole = changes;
            break;
        }
    }
    assert!(whole > 25, "{whole} changes make the whole");
}

#[tokio::test]
async fn a_machine_that_stops_or_says_that_it_failed_has_failed() {
    let place = Place::new();
    let resources = place.resources();
    let mut last = None;
    for (address, body) in &resources {
        last = Some(place.apply(address, body).await.unwrap());
    }
    let operation = running(last.unwrap());
    place.said(MachineState::NotReady, &place.vm_id(), Timestamp::now());
    let answer = place.target.poll(&operation).await.unwrap();
    assert!(matches!(answer, Progress::Running(..)), "it may think better of it: {answer:?}");
    place.says(MachineState::NotReady, &place.vm_id());
    let fault = place.target.poll(&operation).await.unwrap_err();
    assert!(fault.class == FaultClass::Failed && fault.message.contains("no disk"), "{fault}");
    assert_eq!(place.seen(MACHINE, "vm-0").await.unwrap().provisioning_state(), Some("Failed"));
    place.gateways.statuses.lock().unwrap().clear();
    place.hypervisor.things().domains.get_mut("engine-rg-vm-0").unwrap().state = DomainState::Off;
    let fault = place.target.poll(&operation).await.unwrap_err();
    assert!(fault.class == FaultClass::Failed && fault.message.contains("stopped"), "{fault}");
    place.hypervisor.things().domains.clear();
    assert_eq!(place.target.poll(&operation).await.unwrap_err().class, FaultClass::OperationLost);
    let foreign = OperationHandle { kind: "location".into(), ..operation };
    assert_eq!(place.target.poll(&foreign).await.unwrap_err().class, FaultClass::OperationLost);
}

#[tokio::test]
async fn a_machine_whose_emulator_crashes_is_started_again_and_not_for_ever() {
    let mut place = Place::new();
    let mut last = None;
    for (address, body) in &place.resources() {
        last = Some(place.apply(address, body).await.unwrap());
    }
    let operation = running(last.unwrap());
    let life = place.vm_id();
    let crash = |place: &Place| {
        place.hypervisor.things().domains.get_mut("engine-rg-vm-0").unwrap().state = DomainState::Crashed;
    };
    for _ in 0..3 {
        crash(&place);
        running(place.target.poll(&operation).await.unwrap());
        assert_eq!(place.hypervisor.things().domains["engine-rg-vm-0"].state, DomainState::Running);
        // It is the same machine, and still finds what it is to become.
        assert!(place.vm_id() == life && place.hypervisor.things().volumes.contains_key("engine-rg-vm-0.iso"));
        // Also an engine that comes later counts on.
        place.again();
    }
    crash(&place);
    let fault = place.target.poll(&operation).await.unwrap_err();
    assert!(fault.class == FaultClass::Failed && fault.message.contains("started 4 times"), "{fault}");
    assert_eq!(place.hypervisor.things().domains["engine-rg-vm-0"].state, DomainState::Crashed);
    // Whoever asks for it once more has it tried once more.
    let (machine, body) = place.resources().pop().unwrap();
    let operation = running(place.apply(&machine, &body).await.unwrap());
    place.says(MachineState::Ready, &place.vm_id());
    assert!(matches!(place.target.poll(&operation).await.unwrap(), Progress::Done(Some(_))));
}

#[tokio::test]
async fn a_machine_that_crashes_once_something_has_begun_on_it_has_failed() {
    let place = Place::new();
    let mut last = None;
    for (address, body) in &place.resources() {
        last = Some(place.apply(address, body).await.unwrap());
    }
    let operation = running(last.unwrap());
    place.said(MachineState::NotReady, &place.vm_id(), Timestamp::now());
    place.hypervisor.things().domains.get_mut("engine-rg-vm-0").unwrap().state = DomainState::Crashed;
    let fault = place.target.poll(&operation).await.unwrap_err();
    assert!(fault.class == FaultClass::Failed && fault.message.contains("stopped"), "{fault}");
    // What another life of the machine has told does not count.
    place.said(MachineState::NotReady, "another", Timestamp::now());
    running(place.target.poll(&operation).await.unwrap());
    assert_eq!(place.hypervisor.things().domains["engine-rg-vm-0"].state, DomainState::Running);
}

#[tokio::test]
async fn a_domain_of_somebody_else_is_left_alone() {
    let place = Place::new();
    let resources = place.resources();
    let ((machine, body), before) = resources.split_last().unwrap();
    for (address, body) in before {
        place.apply(address, body).await.unwrap();
    }
    let foreign = super::super::hypervisor::Domain {
        uuid: "f".into(),
        state: DomainState::Running,
        xml: "<domain><name>engine-rg-vm-0</name></domain>".into(),
    };
    place.hypervisor.things().domains.insert("engine-rg-vm-0".into(), foreign.clone());
    assert_eq!(place.apply(machine, body).await.unwrap_err().class, FaultClass::Invalid);
    assert_eq!(place.target.delete(machine).await.unwrap_err().class, FaultClass::Invalid);
    assert_eq!(place.target.delete(&place.address(GROUP, "rg")).await, Ok(Progress::Done(None)));
    assert_eq!(place.hypervisor.things().domains["engine-rg-vm-0"], foreign);
}
