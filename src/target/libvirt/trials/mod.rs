//! The target on a hypervisor in memory: what is made, and in which order.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

mod gateway_machine;
mod kinds;
mod pairs;
mod several;
mod trouble;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::double::{Double, Things};
use super::gateways::Gateways;
use super::hypervisor::DomainState;
use super::settings::Settings;
use super::target::LibvirtTarget;
use crate::base::SystemClock;
use crate::contract::{Address, Fault, FaultClass, Observation, OperationHandle, Progress, Support, Target as _};
use crate::gateway::{Configuration, MachineState, MachineStatus, STATUS_FORMAT};
use crate::graph::Scope;
use crate::model::DataSource;

/// Gateways that only remember.
#[derive(Default)]
struct Heard {
    configurations: Mutex<BTreeMap<String, Configuration>>,
    statuses: Mutex<BTreeMap<String, MachineStatus>>,
    /// Whether nothing is heard, as by a gateway that is starting.
    is_deaf: AtomicBool,
}

impl Gateways for Heard {
    fn configure(&self, network: &str, configuration: &Configuration) -> Result<(), Fault> {
        if !self.is_deaf.load(Ordering::SeqCst) {
            self.configurations.lock().unwrap().insert(network.to_owned(), configuration.clone());
        }
        Ok(())
    }

    fn is_there(&self, _: &str) -> Result<bool, Fault> {
        Ok(true)
    }

    fn is_told(&self, network: &str) -> bool {
        self.configurations.lock().unwrap().contains_key(network)
    }

    fn status(&self, _: &str, machine: &str) -> Result<Option<MachineStatus>, Fault> {
        Ok(self.statuses.lock().unwrap().get(machine).cloned())
    }

    fn remove(&self, network: &str) -> Result<(), Fault> {
        self.configurations.lock().unwrap().remove(network);
        Ok(())
    }
}

struct Place {
    hypervisor: Arc<Double>,
    gateways: Arc<Heard>,
    target: LibvirtTarget,
    scope: Scope,
}

const VERSION: &str = "2025-05-01";
const CUSTOM_DATA: &str = "Y2FuYXJ5LWN1c3RvbS1kYXRh";

impl Place {
    fn new() -> Self {
        let (hypervisor, gateways) = (Arc::new(Double::new()), Arc::new(Heard::default()));
        let target = Self::process(&hypervisor, &gateways);
        let scope = Scope {
            subscription_id: target.subscription().unwrap(),
            tenant_id: LibvirtTarget::tenant(),
            resource_group: "rg".into(),
            location: "local".into(),
        };
        Self { hypervisor, gateways, target, scope }
    }

    fn process(hypervisor: &Arc<Double>, gateways: &Arc<Heard>) -> LibvirtTarget {
        Self::with(hypervisor, gateways, Settings::default())
    }

    fn with(hypervisor: &Arc<Double>, gateways: &Arc<Heard>, settings: Settings) -> LibvirtTarget {
        LibvirtTarget::new(hypervisor.clone(), Some(gateways.clone()), settings, Arc::new(SystemClock))
    }

    /// Another process: nothing is remembered but what the host has.
    fn again(&mut self) {
        self.hypervisor.stop_after(None);
        self.target = Self::process(&self.hypervisor, &self.gateways);
    }

    fn address(&self, resource_type: &str, name: &str) -> Address {
        Address::new(&self.scope, resource_type, VERSION, name)
    }

    fn id(&self, resource_type: &str, name: &str) -> String {
        self.address(resource_type, name).id
    }

    /// A network with a balanced machine, in the order of the graph.
    fn resources(&self) -> Vec<(Address, Json)> {
        let id = |resource_type: &str, name: &str| json!({ "id": self.id(resource_type, name) });
        let part = |array: &str, name: &str| json!({ "id": format!("{}/{array}/{name}", self.id(BALANCER, "lb")) });
        let rule = json!({ "name": "allow_kube_tls", "properties": { "access": "Allow", "direction": "Inbound",
            "priority": 100, "protocol": "Tcp", "sourcePortRange": "*", "sourceAddressPrefix": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": "6443" } });
        let subnet = json!({ "name": "k8s-subnet", "properties": { "addressPrefix": "10.240.0.0/12",
            "networkSecurityGroup": id(SECURITY, "nsg") } });
        let subnet_id = json!({ "id": format!("{}/subnets/k8s-subnet", self.id(NETWORK, "vnet")) });
        let bodies = [
            (GROUP, self.scope.resource_group.as_str(), json!({ "location": "local" })),
            (SECURITY, "nsg", json!({ "properties": { "securityRules": [rule] } })),
            (
                NETWORK,
                "vnet",
                json!({ "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/8"] }, "subnets": [subnet] } }),
            ),
            (
                PUBLIC,
                "ip",
                json!({ "location": "local", "properties": { "dnsSettings": { "domainNameLabel": "demo" } } }),
            ),
            (
                BALANCER,
                "lb",
                json!({ "properties": {
                    "frontendIPConfigurations": [{ "name": "front", "properties": { "publicIPAddress": id(PUBLIC, "ip") } }],
                    "backendAddressPools": [{ "name": "pool" }],
                    "probes": [{ "name": "probe", "properties": { "protocol": "Tcp", "port": 443,
                        "intervalInSeconds": 5, "numberOfProbes": 2 } }],
                    "loadBalancingRules": [{ "name": "https", "properties": { "protocol": "Tcp", "frontendPort": 443,
                        "backendPort": 6443, "frontendIPConfiguration": part("frontendIPConfigurations", "front"),
                        "backendAddressPool": part("backendAddressPools", "pool"), "probe": part("probes", "probe") } }],
                    "inboundNatRules": [{ "name": "ssh-0", "properties": { "protocol": "Tcp", "frontendPort": 22,
                        "backendPort": 22, "frontendIPConfiguration": part("frontendIPConfigurations", "front") } }]
                } }),
            ),
            ("Microsoft.Compute/availabilitySets", "set", json!({ "location": "local", "properties": {} })),
            (
                INTERFACE,
                "nic-0",
                json!({ "properties": { "ipConfigurations": [
                    { "name": "ipconfig1", "properties": { "primary": true, "privateIPAddress": "10.255.255.5",
                        "subnet": subnet_id, "loadBalancerBackendAddressPools": [part("backendAddressPools", "pool")],
                        "loadBalancerInboundNatRules": [part("inboundNatRules", "ssh-0")] } },
                    { "name": "ipconfig2", "properties": { "primary": false, "subnet": subnet_id } }
                ] } }),
            ),
            (
                MACHINE,
                "vm-0",
                json!({ "location": "local", "identity": { "type": "SystemAssigned" }, "properties": {
                    "hardwareProfile": { "vmSize": "Standard_D2s_v3" },
                    "networkProfile": { "networkInterfaces": [id(INTERFACE, "nic-0")] },
                    "osProfile": { "computerName": "vm-0", "adminUsername": "azureuser", "customData": CUSTOM_DATA,
                        "linuxConfiguration": { "disablePasswordAuthentication": true } },
                    "storageProfile": { "osDisk": { "createOption": "FromImage", "deleteOption": "Delete" },
                        "dataDisks": [{ "name": "etcd", "lun": 0, "createOption": "Empty", "diskSizeGB": 64 }] }
                } }),
            ),
        ];
        bodies.into_iter().map(|(kind, name, body)| (self.address(kind, name), body)).collect()
    }

    async fn apply(&self, address: &Address, body: &Json) -> Result<Progress, Fault> {
        self.target.apply(address, body, None).await
    }

    /// What the machine says to its gateway.
    fn says(&self, state: MachineState, vm_id: &str) {
        self.said(state, vm_id, "2026-11-28T00:00:00Z".parse().unwrap());
    }

    fn said(&self, state: MachineState, vm_id: &str, at: Timestamp) {
        let status = MachineStatus {
            format: STATUS_FORMAT,
            id: self.id(MACHINE, "vm-0"),
            vm_id: vm_id.to_owned(),
            state,
            at,
            description: Some("no disk".into()),
        };
        self.gateways.statuses.lock().unwrap().insert("vm-0".into(), status);
    }

    fn vm_id(&self) -> String {
        self.hypervisor.things().domains[&super::names::object(&self.scope.resource_group, "vm-0")].uuid.clone()
    }

    /// Makes all of it, and the machine says that it is ready.
    async fn make(&self) {
        let resources = self.resources();
        for (address, body) in &resources {
            if let Progress::Running(operation, _) = self.apply(address, body).await.unwrap() {
                self.says(MachineState::Ready, &self.vm_id());
                assert!(matches!(self.target.poll(&operation).await.unwrap(), Progress::Done(Some(_))));
            }
        }
    }

    async fn seen(&self, resource_type: &str, name: &str) -> Option<Observation> {
        self.target.observe(&self.address(resource_type, name)).await.unwrap()
    }

    /// Deletes all of it, in the reversed order.
    async fn delete_each(&self) {
        for (address, _) in self.resources().iter().rev().filter(|(address, _)| address.resource_type != GROUP) {
            assert_eq!(self.target.delete(address).await, Ok(Progress::Done(None)), "{}", address.id);
        }
    }

    fn is_empty(&self) -> bool {
        let things = self.hypervisor.things().clone();
        let image: Vec<&String> = things.volumes.keys().collect();
        image == ["engine-image"]
            && Things { volumes: BTreeMap::new(), ..things.clone() } == Things::default()
            && self.gateways.configurations.lock().unwrap().is_empty()
    }
}

const GROUP: &str = "Microsoft.Resources/resourceGroups";
const SECURITY: &str = "Microsoft.Network/networkSecurityGroups";
const NETWORK: &str = "Microsoft.Network/virtualNetworks";
const PUBLIC: &str = "Microsoft.Network/publicIPAddresses";
const BALANCER: &str = "Microsoft.Network/loadBalancers";
const INTERFACE: &str = "Microsoft.Network/networkInterfaces";
const MACHINE: &str = "Microsoft.Compute/virtualMachines";
const DISK: &str = "Microsoft.Compute/disks";
const EXTENSION: &str = "Microsoft.Compute/virtualMachines/extensions";

fn running(progress: Progress) -> OperationHandle {
    match progress {
        Progress::Running(operation, _) => operation,
        Progress::Done(_) => panic!("it should go on"),
    }
}

#[tokio::test]
async fn a_machine_is_made_told_to_its_gateway_and_ready_when_it_says_so() {
    let place = Place::new();
    let resources = place.resources();
    let ((machine, machine_body), before) = resources.split_last().unwrap();
    for (address, body) in before {
        let Progress::Done(Some(seen)) = place.apply(address, body).await.unwrap() else {
            panic!("{} goes on", address.id);
        };
        assert_eq!(Some(&seen), place.target.observe(address).await.unwrap().as_ref(), "{}", address.id);
    }
    place.hypervisor.changes();
    let operation = running(place.apply(machine, machine_body).await.unwrap());
    let changes = place.hypervisor.changes();
    let position = |what: &str| changes.iter().position(|change| change == what).unwrap_or_else(|| panic!("{what}"));
    let record = changes.iter().position(|change| change.starts_with("upload engine.")).unwrap();
    assert!(record < position("create volume engine-rg-vm-0.os"), "{changes:?}");
    assert!(position("change network engine-rg-vnet") < position("start domain engine-rg-vm-0"), "{changes:?}");

    let things = place.hypervisor.things().clone();
    let network = &things.networks["engine-rg-vnet"].xml;
    assert!(network.contains("name='vm-0' ip='10.255.255.5'"), "{network}");
    assert!(network.contains("<hostname>demo.local.internal</hostname>"), "{network}");
    let domain = &things.domains["engine-rg-vm-0"].xml;
    assert!(
        domain.contains("file='/pool/engine-rg-etcd.disk'") && domain.contains("<serial>lun0</serial>"),
        "{domain}"
    );
    assert!(things.filters["engine-rg-nic-0.nic"].contains("engine-rg-nsg.engine-rg-vnet"));
    assert!(things.volumes.contains_key("engine-rg-vm-0.iso"));

    let told = place.gateways.configurations.lock().unwrap()["engine-rg-vnet"].clone();
    assert_eq!(told.machines[0].vm_id, place.vm_id());
    let front = told.balancers[0].frontends[0].address;
    assert!(told.addresses.iter().any(|address| address.addr() == front), "{told:?}");
    let rule = &told.balancers[0].rules[0];
    assert_eq!((rule.listen.ip(), rule.listen.port(), rule.probe.as_ref().unwrap().port), (front, 443, 443));
    assert_eq!(
        (rule.backends[0].name.as_str(), rule.backends[0].address.to_string()),
        ("vm-0", "10.255.255.5:6443".to_owned())
    );
    assert_eq!(told.balancers[0].nat_rules[0].backends[0].address.to_string(), "10.255.255.5:22");

    assert_eq!(place.target.address_of("DEMO.local.internal"), Some(front));
    assert_eq!(place.target.address_of("demo.example"), None);

    // It goes on until the machine of this life says that it is ready.
    assert!(place.seen(MACHINE, "vm-0").await.unwrap().is_in_progress());
    place.says(MachineState::Ready, "of another life");
    running(place.target.poll(&operation).await.unwrap());
    place.says(MachineState::Ready, &place.vm_id());
    let Progress::Done(Some(seen)) = place.target.poll(&operation).await.unwrap() else { panic!("it is ready") };
    assert_eq!(seen.provisioning_state(), Some("Succeeded"));
    assert_eq!(seen.body["properties"]["instanceView"]["statuses"][0]["code"], "PowerState/running");
    assert!(seen.body["identity"]["principalId"].is_string());
    assert!(!seen.body.to_string().contains(CUSTOM_DATA));
    // Its medium is gone, and with it the last copy of what it was told.
    let things = place.hypervisor.things().clone();
    assert!(!things.volumes.contains_key("engine-rg-vm-0.iso"));
    assert!(!things.domains["engine-rg-vm-0"].xml.contains(".iso"));
    let secret = CUSTOM_DATA.as_bytes();
    let holds = |content: &Vec<u8>| content.windows(secret.len()).any(|part| part == secret);
    assert!(!things.volumes.values().any(|(_, content)| holds(content)));
}

#[tokio::test]
async fn a_machine_without_azures_data_source_is_ready_when_its_agent_answers() {
    let mut place = Place::new();
    let settings = Settings { data_source: DataSource::NoCloud, ..Settings::default() };
    place.target = Place::with(&place.hypervisor, &place.gateways, settings);
    place.gateways.is_deaf.store(true, Ordering::SeqCst);
    let resources = place.resources();
    let ((machine, body), before) = resources.split_last().unwrap();
    for (address, body) in before {
        place.apply(address, body).await.unwrap();
    }
    let operation = running(place.apply(machine, body).await.unwrap());
    let things = place.hypervisor.things().clone();
    assert!(!things.domains["engine-rg-vm-0"].xml.contains("sysinfo"), "it must not be taken for one of Azure's");
    let medium = &things.volumes["engine-rg-vm-0.iso"].1;
    assert!(medium.windows(6).any(|part| part == b"CIDATA"));
    // It says nothing to the wire server.
    running(place.target.poll(&operation).await.unwrap());
    place.hypervisor.agent(|_, _| Ok("{\"return\":{}}".into()));
    // Nor before its gateway has heard what it is to do for it.
    running(place.target.poll(&operation).await.unwrap());
    assert!(place.gateways.configurations.lock().unwrap().is_empty());
    place.gateways.is_deaf.store(false, Ordering::SeqCst);
    // The medium goes from the machine also if its file went first.
    place.hypervisor.things().volumes.remove("engine-rg-vm-0.iso");
    let Progress::Done(Some(seen)) = place.target.poll(&operation).await.unwrap() else { panic!("it is ready") };
    assert_eq!(seen.provisioning_state(), Some("Succeeded"));
    assert!(place.gateways.configurations.lock().unwrap().contains_key("engine-rg-vnet"));
    assert!(!place.hypervisor.things().domains["engine-rg-vm-0"].xml.contains(".iso"));
}

#[tokio::test]
async fn what_is_applied_again_changes_nothing() {
    let place = Place::new();
    place.make().await;
    let before = place.hypervisor.things().clone();
    for (address, body) in place.resources() {
        let seen = place.target.observe(&address).await.unwrap().unwrap();
        let Progress::Done(Some(after)) = place.apply(&address, &body).await.unwrap() else {
            panic!("{} goes on", address.id);
        };
        assert_eq!(seen.body, after.body, "{}", address.id);
    }
    let after = place.hypervisor.things().clone();
    assert_eq!((before.networks, before.domains, before.filters), (after.networks, after.domains, after.filters));
}

#[tokio::test]
async fn each_is_deleted_by_itself_and_nothing_is_left() {
    let place = Place::new();
    place.make().await;
    place.delete_each().await;
    // The data disk stays, as in Azure, until the group goes.
    assert!(place.seen(DISK, "etcd").await.unwrap().body.get("managedBy").is_none());
    let group = place.address(GROUP, "rg");
    assert_eq!(place.target.delete(&group).await, Ok(Progress::Done(None)));
    assert!(place.is_empty(), "{:?}", place.hypervisor.things());
    // Whatever is gone already is done.
    for (address, _) in place.resources() {
        assert_eq!(place.target.delete(&address).await, Ok(Progress::Done(None)));
    }
}

#[tokio::test]
async fn a_group_goes_with_all_that_is_in_it_and_no_other_does() {
    let mut place = Place::new();
    place.make().await;
    place.scope.resource_group = "rg-b".into();
    place.make().await;
    // Two groups never share addresses of front ends.
    let fronts = |name: &str| {
        let told = place.gateways.configurations.lock().unwrap()[name].clone();
        told.balancers[0].frontends[0].address
    };
    assert_ne!(fronts("engine-rg-vnet"), fronts("engine-rg--b-vnet"));
    let other: Vec<Address> = place.resources().into_iter().map(|(address, _)| address).collect();
    place.scope.resource_group = "rg".into();
    assert_eq!(place.target.delete(&place.address(GROUP, "rg")).await, Ok(Progress::Done(None)));
    for address in &other {
        assert!(place.target.observe(address).await.unwrap().is_some(), "{}", address.id);
    }
    assert!(!place.hypervisor.things().volumes.keys().any(|name| super::names::is_of_group(name, "rg")));
    assert_eq!(place.target.delete(&other[0]).await, Ok(Progress::Done(None)));
    assert!(place.is_empty(), "{:?}", place.hypervisor.things());
}
