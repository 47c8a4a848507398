//! Several hosts: where machines are made and found, and that nothing stays behind on any.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use super::*;
use crate::model::AddressRange;
use crate::target::libvirt::hosts::{AbsentHost, HOST_ABSENT, Host, Hosts};
use crate::target::libvirt::settings::{NetworkMode, Site};

/// Hosts with a bridge in common.
struct Rack {
    place: Place,
    second: Arc<Double>,
}

pub(super) fn bridged() -> Settings {
    Settings {
        network_mode: NetworkMode::Bridged,
        site: Some(Site { bridge: "br0".into(), router: None }),
        addresses: vec![AddressRange::parse("192.0.2.48/29").unwrap()],
        ..Settings::default()
    }
}

/// A host, known by the same as its name was at first.
fn host(id: &str, hypervisor: &Arc<Double>) -> Host {
    Host { name: id.into(), id: id.into(), hypervisor: hypervisor.clone() }
}

impl Rack {
    fn new() -> Self {
        let second = Arc::new(Double::new());
        let mut this = Self { place: Place::new(), second };
        let hosts = Hosts::new(host("one", &this.place.hypervisor), vec![host("two", &this.second)]);
        this.work_on(hosts);
        this
    }

    /// Another process, on these hosts.
    fn work_on(&mut self, hosts: Hosts) {
        let gateways = self.place.gateways.clone();
        self.place.target = LibvirtTarget::new(hosts, Some(gateways), bridged(), Arc::new(SystemClock));
    }

    /// All but the machine and its interface.
    async fn surroundings(&self) {
        for (address, body) in self.place.resources() {
            if ![MACHINE, INTERFACE].contains(&address.resource_type.as_str()) {
                assert!(matches!(self.place.apply(&address, &body).await.unwrap(), Progress::Done(_)));
            }
        }
    }

    /// Makes a machine with an interface and a data disk of its own, with more properties, and sees it ready.
    async fn machine(&self, name: &str, more: Json) {
        let place = &self.place;
        let subnet = json!({ "id": format!("{}/subnets/k8s-subnet", place.id(NETWORK, "vnet")) });
        let interface = place.address(INTERFACE, &format!("{name}-nic"));
        let body =
            json!({ "properties": { "ipConfigurations": [{ "name": "ip", "properties": { "subnet": subnet } }] } });
        place.apply(&interface, &body).await.unwrap();
        let (_, mut body) = place.resources().pop().unwrap();
        for (key, value) in more.as_object().unwrap() {
            match key.as_str() {
                "zones" => body["zones"] = value.clone(),
                _ => body["properties"][key] = value.clone(),
            }
        }
        body["properties"]["networkProfile"] = json!({ "networkInterfaces": [{ "id": interface.id }] });
        body["properties"]["osProfile"]["computerName"] = json!(name);
        body["properties"]["storageProfile"]["dataDisks"][0]["name"] = json!(format!("{name}-data"));
        let machine = place.address(MACHINE, name);
        let operation = running(place.apply(&machine, &body).await.unwrap());
        let status = MachineStatus {
            format: STATUS_FORMAT,
            id: machine.id.clone(),
            vm_id: self.domain(name).1,
            state: MachineState::Ready,
            at: "2026-11-28T00:00:00Z".parse().unwrap(),
            description: None,
        };
        place.gateways.statuses.lock().unwrap().insert(name.into(), status);
        assert!(matches!(place.target.poll(&operation).await.unwrap(), Progress::Done(Some(_))), "{name}");
    }

    /// The same where the other host cannot be looked into.
    async fn machine_on_first(&self, name: &str) {
        let volume = format!("{}.os", super::super::names::object("rg", name));
        let hidden = self.second.things().volumes.remove(&volume);
        self.machine(name, json!({})).await;
        self.second.things().volumes.extend(hidden.map(|hidden| (volume, hidden)));
    }

    fn hosts(&self) -> [(&'static str, &Arc<Double>); 2] {
        [("one", &self.place.hypervisor), ("two", &self.second)]
    }

    /// The host that has a machine's domain, and the domain's id. No other host has anything of it.
    fn domain(&self, name: &str) -> (&'static str, String) {
        let domain = super::super::names::object("rg", name);
        let volume = format!("{domain}.os");
        let mut found = Vec::new();
        for (host, hypervisor) in self.hosts() {
            let things = hypervisor.things();
            assert_eq!(things.domains.contains_key(&domain), things.volumes.contains_key(&volume), "{name} on {host}");
            found.extend(things.domains.get(&domain).map(|domain| (host, domain.uuid.clone())));
        }
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found.remove(0)
    }

    /// The hosts that have a data disk's volume.
    fn disk(&self, name: &str) -> Vec<&'static str> {
        let volume = format!("{}.disk", super::super::names::object("rg", name));
        self.hosts()
            .into_iter()
            .filter(|(_, it)| it.things().volumes.contains_key(&volume))
            .map(|(host, _)| host)
            .collect()
    }
}

fn set(rack: &Rack, name: &str) -> Json {
    json!({ "availabilitySet": { "id": rack.place.id("Microsoft.Compute/availabilitySets", name) } })
}

#[tokio::test]
async fn machines_of_an_availability_set_are_on_as_many_hosts_as_there_are() {
    let rack = Rack::new();
    rack.surroundings().await;
    for name in ["plane-0", "plane-1", "plane-2"] {
        rack.machine(name, set(&rack, "plane")).await;
    }
    // Another set begins where least is.
    for name in ["pool-0", "pool-1"] {
        rack.machine(name, set(&rack, "pool")).await;
    }
    let hosts = ["plane-0", "plane-1", "plane-2", "pool-0", "pool-1"].map(|name| rack.domain(name).0);
    assert_eq!(hosts, ["one", "two", "one", "two", "one"]);
    assert_eq!((rack.disk("plane-0-data"), rack.disk("plane-1-data")), (vec!["one"], vec!["two"]));
    let seen = rack.place.seen(MACHINE, "plane-1").await.unwrap();
    assert_eq!(seen.body["properties"]["instanceView"]["assignedHost"], "two");

    // What machines find there is the same on each; what was recorded is on the first.
    let filters = |hypervisor: &Arc<Double>| hypervisor.things().filters.clone();
    assert_eq!(filters(&rack.place.hypervisor), filters(&rack.second));
    assert!(filters(&rack.second).contains_key("engine-rg-plane-1-nic.nic"), "{:?}", filters(&rack.second).keys());
    let network = |hypervisor: &Arc<Double>| hypervisor.things().networks["engine-rg-vnet"].clone();
    assert_eq!(network(&rack.place.hypervisor), network(&rack.second));
    assert!(network(&rack.second).xml.contains("<bridge name='br0'/>"), "{}", network(&rack.second).xml);
    assert!(!rack.second.things().volumes.keys().any(|name| name.starts_with("engine.")));

    // Whoever comes later finds them where they are.
    let mut rack = rack;
    let hosts = Hosts::new(host("one", &rack.place.hypervisor), vec![host("two", &rack.second)]);
    rack.work_on(hosts);
    for name in ["plane-1", "pool-0"] {
        assert_eq!(rack.place.seen(MACHINE, name).await.unwrap().provisioning_state(), Some("Succeeded"));
    }
    rack.second.things().domains.remove(&super::super::names::object("rg", "plane-1"));
    assert_eq!(rack.place.seen(MACHINE, "plane-1").await, None);

    assert_eq!(rack.place.target.delete(&rack.place.address(MACHINE, "pool-0")).await, Ok(Progress::Done(None)));
    assert!(!rack.second.things().volumes.keys().any(|name| name.contains("pool-0.os")));
    assert_eq!(rack.place.target.delete(&rack.place.address(GROUP, "rg")).await, Ok(Progress::Done(None)));
    assert!(rack.place.is_empty(), "{:?}", rack.place.hypervisor.things());
    assert_eq!(*rack.second.things(), *Double::new().things());
}

#[tokio::test]
async fn beside_a_host_that_cannot_be_asked_there_is_much_to_see_and_nothing_to_do() {
    let mut rack = Rack::new();
    rack.surroundings().await;
    for name in ["vm-a", "vm-b"] {
        rack.machine(name, json!({})).await;
    }
    assert_eq!(rack.domain("vm-b").0, "two");
    let fault = Fault::new(FaultClass::Unavailable, "libvirt", "no route to rack-2").help("see to it");
    let absent = AbsentHost { name: "two".into(), fault };
    rack.work_on(Hosts::new(host("one", &rack.place.hypervisor), Vec::new()).without(vec![absent]));
    let before = (rack.place.hypervisor.things().clone(), rack.second.things().clone());

    let place = &rack.place;
    for (resource_type, name) in [(MACHINE, "vm-a"), (DISK, "vm-a-data"), (INTERFACE, "vm-b-nic")] {
        assert_eq!(place.seen(resource_type, name).await.unwrap().provisioning_state(), Some("Succeeded"), "{name}");
    }
    // What is on the other one, or on both, is not taken for gone, and nobody asks again.
    let machine = place.address(MACHINE, "vm-b");
    for address in [&machine, &place.address(DISK, "vm-b-data"), &place.address(NETWORK, "vnet")] {
        let fault = place.target.observe(address).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.class.is_retryable()), (HOST_ABSENT, false));
        assert_eq!(fault.message, "two cannot be asked: no route to rack-2");
        assert!(fault.help.unwrap().starts_with("see to it; "));
    }
    let body = json!({ "location": "local" });
    for refused in [
        place.target.apply(&place.address(GROUP, "rg"), &body, None).await,
        place.target.delete(&place.address(MACHINE, "vm-a")).await,
        place.target.poll(&operation_of(&machine)).await,
    ] {
        assert_eq!(refused.unwrap_err().code, HOST_ABSENT);
    }
    assert!(before == (place.hypervisor.things().clone(), rack.second.things().clone()));
}

/// The operation of a machine that is being made.
fn operation_of(machine: &Address) -> OperationHandle {
    let kind = crate::target::libvirt::machine::KIND.to_owned();
    OperationHandle { url: String::new(), kind, result: Some(machine.clone()), reads_as_made: false }
}

#[tokio::test]
async fn each_resource_is_deleted_on_whichever_host_it_is() {
    let rack = Rack::new();
    rack.surroundings().await;
    for name in ["vm-a", "vm-b"] {
        rack.machine(name, json!({})).await;
    }
    let place = &rack.place;
    let addresses = ["vm-a", "vm-b"].into_iter().flat_map(|name| {
        let of = |kind: &str, name: String| place.address(kind, &name);
        [of(MACHINE, name.into()), of(INTERFACE, format!("{name}-nic")), of(DISK, format!("{name}-data"))]
    });
    let others = place.resources().into_iter().rev().map(|(address, _)| address);
    for address in addresses.chain(others.filter(|address| address.resource_type != GROUP)) {
        assert_eq!(place.target.delete(&address).await, Ok(Progress::Done(None)), "{}", address.id);
    }
    assert_eq!(*rack.second.things(), *Double::new().things());
}

#[tokio::test]
async fn zones_are_hosts_in_turn_and_disks_are_where_they_are() {
    let rack = Rack::new();
    rack.surroundings().await;
    for (name, zone) in [("a", "2"), ("b", "2"), ("c", "1"), ("d", "3")] {
        rack.machine(name, json!({ "zones": [zone] })).await;
    }
    assert_eq!(["a", "b", "c", "d"].map(|name| rack.domain(name).0), ["two", "two", "one", "one"]);
    // A data disk outlives its machine, and the next machine with it is there, where otherwise the other host would be next.
    rack.place.target.delete(&rack.place.address(MACHINE, "a")).await.unwrap();
    rack.place.target.delete(&rack.place.address(MACHINE, "c")).await.unwrap();
    rack.machine("e", json!({})).await;
    rack.machine("a", json!({})).await;
    assert_eq!((rack.domain("e").0, rack.domain("a").0), ("one", "two"));
    assert_eq!(rack.disk("a-data"), ["two"]);
}

#[tokio::test]
async fn what_was_on_a_host_that_is_no_more_is_made_anew_elsewhere() {
    let mut rack = Rack::new();
    rack.surroundings().await;
    rack.machine("a", json!({})).await;
    rack.machine("b", json!({})).await;
    assert_eq!(rack.domain("b").0, "two");
    // The second host is dead; a third one has come in its place.
    let dead = std::mem::replace(&mut rack.second, Arc::new(Double::new()));
    let hosts = Hosts::new(host("one", &rack.place.hypervisor), vec![host("three", &rack.second)]);
    rack.work_on(hosts);
    assert_eq!(rack.place.seen(MACHINE, "b").await, None);
    assert_eq!(rack.place.seen(DISK, "b-data").await, None);
    assert!(rack.place.seen(MACHINE, "a").await.is_some());
    // The network has to come to it first.
    let network = rack.place.seen(NETWORK, "vnet").await.unwrap();
    assert_eq!(network.provisioning_state(), Some("Failed"));
    let (address, body) = rack.place.resources().swap_remove(2);
    rack.place.apply(&address, &body).await.unwrap();
    assert_eq!(rack.place.seen(NETWORK, "vnet").await.unwrap().provisioning_state(), Some("Succeeded"));
    assert!(rack.second.things().filters.contains_key("engine-rg-b-nic.nic"));
    rack.machine("b", json!({})).await;
    assert_eq!(
        rack.place.seen(MACHINE, "b").await.unwrap().body["properties"]["instanceView"]["assignedHost"],
        "three"
    );
    assert_eq!(rack.disk("b-data"), ["two"], "the second of the hosts that there are by now");
    assert!(!dead.things().domains.is_empty());
}

#[tokio::test]
async fn a_network_of_one_host_ends_there() {
    let mut rack = Rack::new();
    // Made when there was one, with a network of its own.
    let hypervisor = rack.place.hypervisor.clone();
    rack.place.again();
    rack.surroundings().await;
    rack.machine("a", json!({})).await;
    rack.work_on(Hosts::new(host("one", &hypervisor), vec![host("two", &rack.second)]));
    let (address, body) = rack.place.resources().swap_remove(2);
    assert_eq!(rack.place.seen(NETWORK, "vnet").await.unwrap().provisioning_state(), Some("Failed"));
    let fault = rack.place.apply(&address, &body).await.unwrap_err();
    assert!(fault.message.contains("ends at one host"), "{fault}");
    assert!(rack.second.things().networks.is_empty());
}

#[tokio::test]
async fn hosts_are_known_whatever_they_are_called() {
    let mut rack = Rack::new();
    rack.surroundings().await;
    rack.machine("a", json!({})).await;
    rack.machine("b", json!({})).await;
    let called = |name: &str, host: Host| Host { name: name.into(), ..host };
    let first = called("two", host("one", &rack.place.hypervisor));
    rack.work_on(Hosts::new(first, vec![called("one", host("two", &rack.second))]));
    let on = |seen: &Observation| seen.body["properties"]["instanceView"]["assignedHost"].clone();
    assert_eq!(on(&rack.place.seen(MACHINE, "a").await.unwrap()), "two");
    assert_eq!(on(&rack.place.seen(MACHINE, "b").await.unwrap()), "one");

    // Without a model nobody says where the second one is, and nothing of the machines there is gone.
    rack.work_on(Hosts::from(rack.place.hypervisor.clone()));
    for address in [rack.place.address(GROUP, "rg"), rack.place.address(INTERFACE, "b-nic")] {
        let fault = rack.place.target.delete(&address).await.unwrap_err();
        assert!(fault.message.contains("machines are on 2 hosts"), "{fault}");
    }
    let fault = rack.place.target.observe(&rack.place.address(MACHINE, "b")).await.unwrap_err();
    assert!(fault.message.contains("machines are on 2 hosts"), "{fault}");
    // Another cluster, which has only the first one, is none of its business.
    rack.place.again();
    rack.place.scope.resource_group = "rg-b".into();
    let (group, body) = rack.place.resources().swap_remove(0);
    rack.place.apply(&group, &body).await.unwrap();
    assert_eq!(rack.place.target.delete(&rack.place.address(GROUP, "rg-b")).await, Ok(Progress::Done(None)));
}

#[tokio::test]
async fn what_was_made_before_there_were_several_is_on_the_first_with_its_disks() {
    let mut rack = Rack::new();
    let one = || Hosts::from(rack.place.hypervisor.clone());
    let only = one();
    rack.work_on(only);
    rack.surroundings().await;
    for name in ["a", "b"] {
        rack.machine(name, json!({})).await;
    }
    let written = |rack: &Rack| rack.place.hypervisor.things().volumes["engine-rg-b-data.disk"].clone();
    rack.place.hypervisor.things().volumes.get_mut("engine-rg-b-data.disk").unwrap().1 = b"etcd".to_vec();
    rack.place.target.delete(&rack.place.address(MACHINE, "b")).await.unwrap();
    rack.work_on(Hosts::new(host("one", &rack.place.hypervisor), vec![host("two", &rack.second)]));
    let (address, body) = rack.place.resources().swap_remove(2);
    rack.place.apply(&address, &body).await.unwrap();
    // The other host has fewer machines, and not its disk.
    rack.machine("b", json!({})).await;
    assert_eq!((rack.domain("a").0, rack.domain("b").0), ("one", "one"));
    assert_eq!((rack.disk("b-data"), written(&rack).1), (vec!["one"], b"etcd".to_vec()));
    // The same when its domain is gone, or the disk's record.
    rack.place.hypervisor.things().domains.remove("engine-rg-b");
    rack.machine("b", json!({})).await;
    assert_eq!((rack.domain("b").0, rack.disk("b-data")), ("one", vec!["one"]));
}

#[tokio::test]
async fn a_host_is_added_whatever_goes_wrong_meanwhile() {
    for changes in 0..12 {
        let mut rack = Rack::new();
        rack.work_on(Hosts::new(host("one", &rack.place.hypervisor), Vec::new()));
        rack.surroundings().await;
        rack.machine("a", json!({})).await;
        rack.work_on(Hosts::new(host("one", &rack.place.hypervisor), vec![host("two", &rack.second)]));
        let (address, body) = rack.place.resources().swap_remove(2);
        let (changed, other) = if changes % 2 == 0 { (&rack.second, 0) } else { (&rack.place.hypervisor, 1) };
        changed.stop_after(Some(changes / 2));
        let failed = rack.place.apply(&address, &body).await.is_err();
        assert!(failed || changes > 4, "{changes} {other}");
        changed.stop_after(None);
        assert!(!failed || rack.place.seen(NETWORK, "vnet").await.unwrap().provisioning_state() != Some("Succeeded"));
        rack.place.apply(&address, &body).await.unwrap();
        assert_eq!(rack.place.seen(NETWORK, "vnet").await.unwrap().provisioning_state(), Some("Succeeded"));
        assert!(rack.second.things().networks["engine-rg-vnet"].is_active);
        assert_eq!(rack.second.things().filters, rack.place.hypervisor.things().filters);
    }
}

#[tokio::test]
async fn a_rule_that_a_host_has_not_taken_is_not_in_force() {
    let rack = Rack::new();
    rack.surroundings().await;
    rack.machine("a", json!({})).await;
    let (address, mut body) = rack.place.resources().swap_remove(1);
    body["properties"]["securityRules"][0]["properties"]["destinationPortRange"] = json!("22");
    rack.second.stop_after(Some(0));
    assert!(rack.place.apply(&address, &body).await.is_err());
    // Who looks is not told that all is well.
    assert_eq!(rack.place.seen(SECURITY, "nsg").await.unwrap().provisioning_state(), Some("Failed"));
    rack.second.stop_after(None);
    rack.place.apply(&address, &body).await.unwrap();
    assert_eq!(rack.place.seen(SECURITY, "nsg").await.unwrap().provisioning_state(), Some("Succeeded"));
    assert_eq!(rack.second.things().filters, rack.place.hypervisor.things().filters);
}

#[tokio::test]
async fn a_host_that_comes_back_keeps_nothing_of_a_machine_that_is_deleted() {
    let mut rack = Rack::new();
    rack.surroundings().await;
    rack.machine("a", json!({})).await;
    rack.machine("b", json!({})).await;
    assert_eq!(rack.domain("b").0, "two");
    rack.work_on(Hosts::new(host("one", &rack.place.hypervisor), Vec::new()));
    let both = Hosts::new(host("one", &rack.place.hypervisor), vec![host("two", &rack.second)]);
    let name = "engine-rg-b";
    let old = rack.second.things().domains.remove(name).unwrap();
    rack.machine_on_first("b").await;
    rack.second.things().domains.insert(name.into(), old);
    rack.work_on(both);
    rack.place.target.delete(&rack.place.address(MACHINE, "b")).await.unwrap();
    assert!(
        !rack.second.things().domains.contains_key(name) && !rack.place.hypervisor.things().domains.contains_key(name)
    );
}

#[tokio::test]
async fn a_group_of_another_place_stays() {
    let rack = Rack::new();
    rack.surroundings().await;
    let mut other = Place::new();
    other.scope.subscription_id = "6f1c2d5e-7d6f-5b3a-9c1d-999999999999".into();
    other.hypervisor = rack.second.clone();
    rack.second.things().networks.clear();
    other.target = LibvirtTarget::new(
        rack.second.clone(),
        Some(other.gateways.clone()),
        Settings::default(),
        Arc::new(SystemClock),
    );
    other.make().await;
    let before = rack.second.things().clone();
    let fault = rack.place.target.delete(&rack.place.address(GROUP, "rg")).await.unwrap_err();
    assert!(fault.message.contains("another group rg"), "{fault}");
    assert_eq!(*rack.second.things(), before);
}
