//! The connection on libvirt's own test driver, which needs no daemon: it has domains, networks and volumes, but no packet
//! filters, no contents of volumes and no guest agent. `tests/real/libvirt` does those on a real one.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use super::connection::{LibvirtConnection, in_short};
use super::hypervisor::{DomainState, ErrorKind, Hypervisor as _};
use super::xml::{content_volume, disk_volume};

const POOL: &str = "default-pool";

fn connection() -> LibvirtConnection {
    LibvirtConnection::open("test:///default").unwrap()
}

#[test]
fn a_domain_is_defined_started_and_removed() {
    let host = connection();
    assert!(!host.has_kvm().unwrap());
    assert_eq!(host.domain("engine-rg-vm"), Ok(None));
    let xml = "<domain type='test'><name>engine-rg-vm</name><uuid>6f1c2d5e-7d6f-5b3a-9c1d-333333333333</uuid>\
               <memory unit='MiB'>64</memory><os><type>hvm</type></os></domain>";
    host.define_domain(xml).unwrap();
    host.define_domain(xml).unwrap();
    let state = || host.domain("engine-rg-vm").unwrap().unwrap().state;
    assert_eq!(state(), DomainState::Off);
    host.start_domain("engine-rg-vm").unwrap();
    host.start_domain("engine-rg-vm").unwrap();
    assert_eq!(state(), DomainState::Running);
    assert!(host.domains().unwrap().contains(&"engine-rg-vm".to_owned()));
    let found = host.domain("engine-rg-vm").unwrap().unwrap();
    assert_eq!(found.uuid, "6f1c2d5e-7d6f-5b3a-9c1d-333333333333");
    assert!(found.xml.contains("<name>engine-rg-vm</name>"));
    for _ in 0..2 {
        host.remove_domain("engine-rg-vm").unwrap();
        assert_eq!(host.domain("engine-rg-vm"), Ok(None));
    }
    assert_eq!(host.start_domain("engine-rg-vm").unwrap_err().kind, ErrorKind::Missing);
}

#[test]
fn a_network_is_defined_started_and_removed() {
    let host = connection();
    let xml = super::xml::network(&super::xml::example_network()).render();
    host.define_network(&xml).unwrap();
    assert!(!host.network("engine-rg-vnet").unwrap().unwrap().is_active);
    for _ in 0..2 {
        host.start_network("engine-rg-vnet").unwrap();
        assert!(host.network("engine-rg-vnet").unwrap().unwrap().is_active);
    }
    host.stop_network("engine-rg-vnet").unwrap();
    host.stop_network("engine-rg-vnet").unwrap();
    assert!(host.networks().unwrap().contains(&"engine-rg-vnet".to_owned()));
    // libvirt gives back what tells the owner.
    let found = host.network("engine-rg-vnet").unwrap().unwrap();
    assert!(super::xml::belongs_to(&found.xml, &super::xml::example_network().id), "{}", found.xml);
    host.remove_network("engine-rg-vnet").unwrap();
    assert_eq!(host.network("engine-rg-vnet"), Ok(None));
    host.remove_network("engine-rg-vnet").unwrap();
}

#[test]
fn volumes_are_made_found_and_removed() {
    let host = connection();
    assert!(host.pool(POOL).unwrap().is_some());
    // What other tests make is seen here, too: all connections of a process share the one driver.
    assert_eq!(host.pool("nowhere"), Ok(None));
    assert_eq!(host.volumes("nowhere").unwrap_err().kind, ErrorKind::Missing);
    host.create_volume(POOL, &disk_volume("engine-rg-etcd.disk", 1 << 20).render()).unwrap();
    host.create_volume(POOL, &content_volume("engine.a.json", 5).render()).unwrap();
    let found = host.volume(POOL, "engine-rg-etcd.disk").unwrap().unwrap();
    assert_eq!(found.capacity, 1 << 20);
    assert_eq!(host.volumes(POOL).unwrap().len(), 2);
    for _ in 0..2 {
        host.remove_volume(POOL, "engine-rg-etcd.disk").unwrap();
        assert_eq!(host.volume(POOL, "engine-rg-etcd.disk"), Ok(None));
    }
    assert_eq!(host.download(POOL, "engine-rg-etcd.disk"), Ok(None));
}

#[test]
fn what_is_wrong_is_told_in_its_kind() {
    let host = connection();
    assert_eq!(host.define_domain("<domain").unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(host.define_filter("<filter name='a'/>").unwrap_err().kind, ErrorKind::Invalid);
    let error = LibvirtConnection::open("qemu+unix:///system?socket=/nowhere").unwrap_err();
    assert!(error.kind == ErrorKind::Unreachable && error.message.starts_with("qemu+unix"), "{error:?}");
}

#[test]
fn what_ssh_says_of_another_key_is_told_in_a_line() {
    let another = "Cannot recv data: @@@@@\r\n@  WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!  @\r\n@@@@@\r\nIT IS POSSIBLE\r\n\
        Host key for two has changed and you have requested strict checking.\r\nHost key verification failed.: Connection reset";
    let told = "Host key for two has changed and you have requested strict checking. \
        Host key verification failed.: Connection reset";
    assert_eq!(in_short(another), told);
    assert_eq!(in_short("Cannot recv data: \nno route\n"), "Cannot recv data: no route");
    assert_eq!(in_short(""), "");
}
