//! A host that is prepared, stopped in the middle, prepared again and asked for something else.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use super::facts::FACTS_VOLUME;
use super::hypervisor::{HostHypervisor as _, StoragePool};
use super::prepare::folder_pool;
use super::{HostFacts, HostWish, host_facts, plan_host, prepare_host};
use crate::target::libvirt::double::Double;
use crate::target::libvirt::xml::trials::validate;

fn wish() -> HostWish {
    HostWish { pool: "engine".into(), storage: None, addresses: None, bridge: None }
}

/// A host on which nothing was ever done.
fn bare() -> Double {
    let host = Double::new();
    host.pools().clear();
    host.things().volumes.clear();
    host
}

fn prepare(host: &Double, wish: &HostWish) -> Vec<String> {
    let plan = plan_host(host, wish).unwrap();
    let mut told = Vec::new();
    prepare_host(host, &plan, &mut |step| told.push(step.describe(&wish.pool))).unwrap();
    assert_eq!(told.len(), plan.steps.len());
    told
}

#[test]
fn a_bare_host_is_prepared_once() {
    let host = bare();
    let told = prepare(&host, &wish());
    assert_eq!(
        told,
        [
            "storage pool engine: defined, in /var/lib/libvirt/engine",
            "storage pool engine: the folder /var/lib/libvirt/engine is made if it is not there",
            "storage pool engine: started",
            "storage pool engine: starts with the host",
            "engine.host.json in it: written, with no addresses and no bridge",
        ]
    );
    let pool = host.storage_pool("engine").unwrap().unwrap();
    assert!(pool.is_active && pool.starts_with_host);
    host.changes();
    assert_eq!(prepare(&host, &wish()), Vec::<String>::new());
    assert_eq!(host.changes(), Vec::<String>::new());
}

#[test]
fn who_is_stopped_anywhere_goes_on() {
    let full = HostWish { addresses: Some(vec!["10.9.0.0/28".into()]), bridge: Some("br0".into()), ..wish() };
    let host = bare();
    prepare(&host, &full);
    let (pools, things) = (host.pools().clone(), host.things().clone());
    for changes in 0..host.changes().len() {
        let host = bare();
        host.stop_after(Some(changes));
        let plan = plan_host(&host, &full).unwrap();
        prepare_host(&host, &plan, &mut |_| {}).unwrap_err();
        host.stop_after(None);
        prepare(&host, &full);
        assert_eq!((&*host.pools(), &*host.things()), (&pools, &things), "after {changes} changes");
    }
}

#[test]
fn what_is_not_said_stays_and_what_is_said_changes() {
    let host = bare();
    let some = HostWish { addresses: Some(vec!["10.9.0.1".into()]), bridge: Some("br0".into()), ..wish() };
    prepare(&host, &some);
    assert_eq!(prepare(&host, &wish()), Vec::<String>::new());
    let other = HostWish { bridge: Some("br1".into()), ..wish() };
    assert_eq!(
        prepare(&host, &other),
        ["engine.host.json in it: written anew, with addresses 10.9.0.1 and bridge br1"]
    );
    let none = HostWish { addresses: Some(Vec::new()), bridge: Some(String::new()), ..wish() };
    prepare(&host, &none);
    assert_eq!(host_facts(&host, "engine"), Ok(Some(HostFacts::default())));
}

#[test]
fn a_pool_that_is_stopped_is_started_with_what_it_holds() {
    let host = bare();
    let some = HostWish { addresses: Some(vec!["10.9.0.1".into()]), ..wish() };
    prepare(&host, &some);
    let stop = |pool: &mut StoragePool| (pool.is_active, pool.starts_with_host) = (false, false);
    host.pools().values_mut().for_each(stop);
    prepare(&host, &HostWish { bridge: Some("br0".into()), ..wish() });
    let facts = host_facts(&host, "engine").unwrap().unwrap();
    assert_eq!((facts.addresses, facts.bridge.as_deref()), (vec!["10.9.0.1".to_owned()], Some("br0")));
}

#[test]
fn a_damaged_record_is_written_anew() {
    let host = bare();
    prepare(&host, &wish());
    host.things().volumes.get_mut(FACTS_VOLUME).unwrap().1 = b"{".to_vec();
    assert_eq!(prepare(&host, &wish()).len(), 1);
    assert_eq!(host_facts(&host, "engine"), Ok(Some(HostFacts::default())));
}

#[test]
fn what_would_be_another_pool_is_refused_before_anything_is_done() {
    let host = bare();
    let there = HostWish { storage: Some("/srv/engine/".into()), ..wish() };
    prepare(&host, &there);
    host.changes();
    assert_eq!(plan_host(&host, &there).unwrap().steps, []);
    for (wish, part) in [
        (
            HostWish { storage: Some("/elsewhere".into()), ..wish() },
            "there is a storage pool engine already, in /srv/engine",
        ),
        (HostWish { storage: Some("relative".into()), ..wish() }, "no folder of the host"),
        (HostWish { pool: "a/b".into(), ..wish() }, "no storage pool's name"),
        (HostWish { pool: "-a".into(), ..wish() }, "no storage pool's name"),
        (HostWish { addresses: Some(vec!["10".into()]), ..wish() }, "no range of addresses"),
        (HostWish { bridge: Some("a b".into()), ..wish() }, "no bridge's name"),
    ] {
        let fault = plan_host(&host, &wish).unwrap_err();
        assert!(fault.message.contains(part) && fault.help.is_some(), "{fault}");
    }
    assert_eq!(host.changes(), Vec::<String>::new());
}

#[test]
fn a_pool_is_described_as_libvirt_wants_it() {
    let text = folder_pool("engine", "/srv/a&b");
    assert!(text.contains("<path>/srv/a&amp;b</path>"), "{text}");
    validate("storagepool", &text);
}
