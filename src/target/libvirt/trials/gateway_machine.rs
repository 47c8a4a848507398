//! Gateways that are machines, on a hypervisor in memory whose guest agents do what they are told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;

use super::*;
use crate::model::AddressRange;
use crate::target::libvirt::hypervisor::{ErrorKind, HypervisorError};
use crate::target::libvirt::{ImageFiles, MachineGateways, Member, NetworkMode, Site};

const GATEWAY: &str = "engine-rg-vnet.gateway";

/// The gateway's inside: what it was told, and what it has heard.
#[derive(Default)]
pub(super) struct Inside {
    pub(super) answers: AtomicBool,
    pub(super) told: Mutex<Vec<Configuration>>,
    pub(super) heard: Mutex<String>,
    /// Its image is of before, and lacks this program.
    lacks: Mutex<Option<&'static str>>,
}

impl Inside {
    pub(super) fn lacks(&self, program: &'static str) {
        *self.lacks.lock().unwrap() = Some(program);
    }

    pub(super) fn answer(&self, domain: &str, command: &str) -> Result<String, HypervisorError> {
        if !domain.starts_with(GATEWAY) || !self.answers.load(Ordering::SeqCst) {
            return Err(HypervisorError::new(ErrorKind::Agent, "the guest agent is not connected"));
        }
        let command: Json = serde_json::from_str(command).unwrap();
        let lacks = *self.lacks.lock().unwrap();
        let script = command["arguments"]["arg"][1].as_str().unwrap_or_default();
        let asked = |program: &str| script.contains(&format!("command -v {program} >/dev/null || "));
        if let Some(program) = lacks
            && command["execute"] == "guest-exec-status"
            && command["arguments"]["pid"] == 3
        {
            let said = STANDARD.encode(format!("{program} is not on its image, which is older than this engine\n"));
            return Ok(json!({ "return": { "exited": true, "exitcode": 1, "err-data": said } }).to_string());
        }
        if lacks.is_some_and(asked) {
            return Ok(json!({ "return": { "pid": 3 } }).to_string());
        }
        if command["execute"] == "guest-exec-status" {
            let output = STANDARD.encode(self.heard.lock().unwrap().as_bytes());
            let output = if command["arguments"]["pid"] == 2 { json!(output) } else { Json::Null };
            return Ok(json!({ "return": { "exited": true, "exitcode": 0, "out-data": output } }).to_string());
        }
        let process = match command["arguments"]["input-data"].as_str() {
            Some(input) => {
                let text = String::from_utf8(STANDARD.decode(input).unwrap()).unwrap();
                self.told.lock().unwrap().push(Configuration::parse(&text).unwrap());
                1
            }
            None => 2,
        };
        Ok(json!({ "return": { "pid": process } }).to_string())
    }
}

struct Beside {
    place: Place,
    inside: Arc<Inside>,
}

impl Beside {
    fn new(settings: Settings) -> Self {
        let (mut place, inside) = (Place::new(), Arc::new(Inside::default()));
        let own = Arc::clone(&inside);
        place.hypervisor.agent(move |domain, command| own.answer(domain, command));
        place.target = Self::process(&place.hypervisor, settings);
        Self { place, inside }
    }

    fn process(hypervisor: &Arc<Double>, settings: Settings) -> LibvirtTarget {
        let gateways = MachineGateways::new(Member::First, hypervisor.clone(), settings.clone(), Arc::new(SystemClock));
        LibvirtTarget::new(hypervisor.clone(), Some(Arc::new(gateways)), settings, Arc::new(SystemClock))
    }

    /// Makes the network, and gives another one that has the same addresses.
    async fn second_network(&self) -> (Address, Json) {
        self.inside.answers.store(true, Ordering::SeqCst);
        let mut resources = self.place.resources();
        for (address, body) in resources.iter().take(3) {
            self.place.apply(address, body).await.unwrap();
        }
        let (_, mut body) = resources.swap_remove(2);
        body["properties"]["subnets"][0]["properties"].as_object_mut().unwrap().remove("networkSecurityGroup");
        (Address::new(&self.place.scope, NETWORK, VERSION, "vnet-2"), body)
    }

    /// Another process.
    fn again(&mut self) {
        self.place.hypervisor.stop_after(None);
        self.place.target = Self::process(&self.place.hypervisor, Settings::default());
    }

    fn hears(&self) {
        let status = MachineStatus {
            format: STATUS_FORMAT,
            id: self.place.id(MACHINE, "vm-0"),
            vm_id: self.place.vm_id(),
            state: MachineState::Ready,
            at: "2026-11-28T00:00:00Z".parse().unwrap(),
            description: None,
        };
        let other =
            MachineStatus { id: self.place.id(MACHINE, "vm-1"), state: MachineState::NotReady, ..status.clone() };
        let text = [other, status].map(|status| serde_json::to_string(&status).unwrap()).concat();
        *self.inside.heard.lock().unwrap() = text;
    }

    /// All but the machine.
    async fn surroundings(&self) -> (Address, Json) {
        let mut resources = self.place.resources();
        let machine = resources.pop().unwrap();
        for (address, body) in &resources {
            assert!(
                matches!(self.place.apply(address, body).await.unwrap(), Progress::Done(Some(_))),
                "{}",
                address.id
            );
        }
        machine
    }
}

#[tokio::test]
async fn a_gateway_starts_with_its_network_and_is_told_once_it_answers() {
    let mut beside = Beside::new(Settings::default());
    let (machine, body) = beside.surroundings().await;
    let xml = beside.place.hypervisor.things().domains[GATEWAY].xml.clone();
    for part in
        ["<memory unit='MiB'>512</memory>", "<entry name='asset'>engine-gateway</entry>", "engine-rg-vnet.gateway.os"]
    {
        assert!(xml.contains(part), "{part}: {xml}");
    }
    assert!(!xml.contains("filterref"), "{xml}");
    // The network gives it the address that machines are told of.
    let mac = xml.split("<mac address='").nth(1).unwrap().split('\'').next().unwrap();
    let network = beside.place.hypervisor.things().networks["engine-rg-vnet"].xml.clone();
    assert!(network.contains(&format!("<host mac='{mac}' name='gateway'")), "{network}");
    // It is still starting: nobody waits for it but who needs it.
    let operation = running(beside.place.apply(&machine, &body).await.unwrap());
    running(beside.place.target.poll(&operation).await.unwrap());
    assert!(beside.inside.told.lock().unwrap().is_empty());
    // A process that knows nothing of the first one's tells it.
    beside.again();
    beside.inside.answers.store(true, Ordering::SeqCst);
    running(beside.place.target.poll(&operation).await.unwrap());
    let told = beside.inside.told.lock().unwrap().last().unwrap().clone();
    assert_eq!((told.machines[0].name.as_str(), told.balancers[0].name.as_str()), ("vm-0", "lb"));
    running(beside.place.target.poll(&operation).await.unwrap());
    assert_eq!(beside.inside.told.lock().unwrap().len(), 1, "what it knows is not told again");
    beside.hears();
    beside.again();
    assert!(matches!(beside.place.target.poll(&operation).await.unwrap(), Progress::Done(Some(_))));
}

#[tokio::test]
async fn one_that_was_told_and_is_silent_is_waited_for_but_not_by_deletions() {
    let beside = Beside::new(Settings::default());
    beside.inside.answers.store(true, Ordering::SeqCst);
    let (machine, body) = beside.surroundings().await;
    let operation = running(beside.place.apply(&machine, &body).await.unwrap());
    beside.hears();
    assert!(matches!(beside.place.target.poll(&operation).await.unwrap(), Progress::Done(Some(_))));
    beside.inside.answers.store(false, Ordering::SeqCst);
    let (balancer, mut body) = beside.place.resources().swap_remove(4);
    body["properties"]["loadBalancingRules"][0]["properties"]["frontendPort"] = json!(444);
    let fault = beside.place.apply(&balancer, &body).await.unwrap_err();
    assert_eq!((fault.class, fault.message.contains(GATEWAY)), (FaultClass::NotYet, true), "{fault:?}");
    // Shut off it is started; what is on its disk stays.
    beside.place.hypervisor.things().domains.get_mut(GATEWAY).unwrap().state = DomainState::Off;
    beside.place.hypervisor.changes();
    assert_eq!(beside.place.apply(&balancer, &body).await.unwrap_err().class, FaultClass::NotYet);
    let changes = beside.place.hypervisor.changes();
    assert!(changes.contains(&format!("start domain {GATEWAY}")), "{changes:?}");
    assert!(!changes.iter().any(|change| change.contains("gateway.os")), "{changes:?}");
    // Deleted behind its back it is missed, made anew, and not known to be told any more.
    let network = async || beside.place.seen(NETWORK, "vnet").await.unwrap().provisioning_state().map(str::to_owned);
    assert_eq!(network().await.as_deref(), Some("Succeeded"));
    beside.place.hypervisor.things().domains.remove(GATEWAY);
    assert_eq!(network().await.as_deref(), Some("Failed"));
    assert!(beside.place.apply(&balancer, &body).await.is_ok());
    assert_eq!(beside.place.hypervisor.things().domains[GATEWAY].state, DomainState::Running);
    assert_eq!(beside.place.target.delete(&machine).await, Ok(Progress::Done(None)));
}

#[tokio::test]
async fn a_network_takes_its_gateway_along_and_so_does_a_group() {
    for whole in [false, true] {
        let mut beside = Beside::new(Settings::default());
        beside.inside.answers.store(true, Ordering::SeqCst);
        let (machine, body) = beside.surroundings().await;
        running(beside.place.apply(&machine, &body).await.unwrap());
        if !whole {
            beside.place.delete_each().await;
            assert!(!beside.place.hypervisor.things().domains.contains_key(GATEWAY));
        }
        beside.again();
        let group = beside.place.address(GROUP, "rg");
        assert_eq!(beside.place.target.delete(&group).await, Ok(Progress::Done(None)));
        assert!(beside.place.is_empty(), "{:?}", beside.place.hypervisor.things());
    }
}

#[tokio::test]
async fn killed_at_any_change_the_gateway_comes_up_all_the_same() {
    for changes in 0.. {
        let mut beside = Beside::new(Settings::default());
        beside.inside.answers.store(true, Ordering::SeqCst);
        beside.place.hypervisor.stop_after(Some(changes));
        let mut stopped = false;
        for (address, body) in beside.place.resources().iter().take(3) {
            stopped |= beside.place.apply(address, body).await.is_err();
        }
        beside.again();
        let (machine, body) = beside.surroundings().await;
        running(beside.place.apply(&machine, &body).await.unwrap());
        let told = beside.inside.told.lock().unwrap().last().unwrap().clone();
        assert_eq!(told.machines.len(), 1, "after {changes} changes");
        assert_eq!(beside.place.hypervisor.things().domains[GATEWAY].state, DomainState::Running);
        if !stopped {
            assert!(changes > 10, "nothing was ever stopped");
            break;
        }
    }
}

/// The image comes from its folder, as a whole, however often its process was killed meanwhile.
#[tokio::test]
async fn an_image_goes_into_the_pool_when_something_starts_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, name).unwrap();
        path
    };
    let files = ImageFiles {
        disk: file("disk.qcow2"),
        format: "qcow2".into(),
        capacity: 1 << 34,
        kernel: file("kernel"),
        initrd: file("initrd"),
        manifest: "{}".into(),
    };
    let settings = Settings { image: "engine-own".into(), image_files: Some(files), ..Settings::default() };
    for changes in 0.. {
        let beside = Beside::new(settings.clone());
        beside.place.hypervisor.stop_after(Some(changes));
        let resources = beside.place.resources();
        let mut stopped = false;
        for (address, body) in &resources {
            stopped |= beside.place.apply(address, body).await.is_err();
        }
        beside.place.hypervisor.stop_after(None);
        for (address, body) in &resources {
            beside.place.apply(address, body).await.unwrap();
        }
        let things = beside.place.hypervisor.things().clone();
        for (volume, content) in
            [("engine-own", "disk.qcow2"), ("engine-own.kernel", "kernel"), ("engine-own.initrd", "initrd")]
        {
            assert_eq!(things.volumes[volume].1, content.as_bytes(), "{volume} after {changes} changes");
        }
        assert!(things.domains["engine-rg-vm-0"].xml.contains("<kernel>/pool/engine-own.kernel</kernel>"));
        assert!(
            things.domains[GATEWAY]
                .xml
                .contains("quiet loglevel=3 tsc=reliable clocksource=tsc mitigations=off psi=0 engine.gateway")
        );
        beside.place.hypervisor.changes();
        beside.place.apply(&resources[2].0, &resources[2].1).await.unwrap();
        assert!(!beside.place.hypervisor.changes().iter().any(|change| change.contains("engine-own")));
        if !stopped {
            break;
        }
    }
}

/// Where the host has a bridge into its site, the site's addresses are reached there, by an interface of the gateway's own.
#[tokio::test]
async fn a_bridge_is_the_gateways_way_into_the_site() {
    let range = |text: &str| AddressRange::parse(text).unwrap();
    let site = Site { bridge: "br0".into(), router: Some("192.0.2.1/24".parse().unwrap()) };
    let settings = Settings {
        addresses: vec![range("192.0.2.48/30")],
        service_addresses: vec![range("192.0.2.80-192.0.2.82")],
        site: Some(site),
        ..Settings::default()
    };
    let mut beside = Beside::new(settings);
    beside.inside.answers.store(true, Ordering::SeqCst);
    let (machine, body) = beside.surroundings().await;
    running(beside.place.apply(&machine, &body).await.unwrap());
    let ways = |xml: &str| -> Vec<String> {
        let sources = xml.lines().map(str::trim).filter(|line| line.starts_with("<source ") && !line.contains("file="));
        sources.map(str::to_owned).collect()
    };
    let xml = beside.place.hypervisor.things().domains[GATEWAY].xml.clone();
    assert_eq!(ways(&xml), ["<source network='engine-rg-vnet'/>", "<source bridge='br0'/>"]);
    // Machines have the one way, and know the other.
    let machine_xml = beside.place.hypervisor.things().domains["engine-rg-vm-0"].xml.clone();
    assert_eq!(ways(&machine_xml), ["<source network='engine-rg-vnet'/>"]);
    let network = beside.place.hypervisor.things().networks["engine-rg-vnet"].xml.clone();
    assert!(
        network.contains(",192.0.2.48/30,10.240.0.2,192.0.2.80/31,10.240.0.2,192.0.2.82/32,10.240.0.2'/>"),
        "{network}"
    );
    assert!(!network.contains("<route") && !network.contains("198.18."), "{network}");

    let told = beside.inside.told.lock().unwrap().last().unwrap().clone();
    let way = told.site.clone().unwrap();
    assert_eq!((told.format, way.addresses), (2, vec!["192.0.2.48/32".parse().unwrap()]));
    assert_eq!(way.router, Some("192.0.2.1/24".parse().unwrap()));
    let mac = xml.split("<mac address='").nth(2).unwrap().split('\'').next().unwrap();
    assert_eq!(way.mac, mac.replace(':', "").to_ascii_uppercase());
    assert!(told.addresses.iter().all(|address| !address.to_string().starts_with("192.0.2.")), "{:?}", told.addresses);
    assert_eq!(told.service_addresses.len(), 2);
    let public = beside.place.seen(PUBLIC, "ip").await.unwrap();
    assert_eq!(public.body["properties"]["ipAddress"], "192.0.2.48");

    // Another cluster's model, or none, changes nothing of it.
    beside.again();
    beside.place.hypervisor.changes();
    let (balancer, body) = beside.place.resources().swap_remove(4);
    beside.place.apply(&balancer, &body).await.unwrap();
    let (network, body) = beside.place.resources().swap_remove(2);
    beside.place.apply(&network, &body).await.unwrap();
    let changes = beside.place.hypervisor.changes();
    assert!(!changes.iter().any(|change| change.contains("domain") || change.contains("network")), "{changes:?}");
    assert_eq!(beside.inside.told.lock().unwrap().last().unwrap().site, told.site);
}

/// A network that an engine made which knew of no site goes on without one, whatever its host is prepared with by now.
#[tokio::test]
async fn a_network_of_before_has_nothing_of_the_site() {
    let mut beside = Beside::new(Settings::default());
    beside.inside.answers.store(true, Ordering::SeqCst);
    let (machine, body) = beside.surroundings().await;
    running(beside.place.apply(&machine, &body).await.unwrap());
    beside.place.hypervisor.changes();
    let site = Site { bridge: "br0".into(), router: None };
    let addresses = vec![AddressRange::parse("192.0.2.48/30").unwrap()];
    let settings = Settings { addresses, site: Some(site), ..Settings::default() };
    beside.place.target = Beside::process(&beside.place.hypervisor, settings);
    for index in [2, 4] {
        let (address, body) = beside.place.resources().swap_remove(index);
        beside.place.apply(&address, &body).await.unwrap();
    }
    let changes = beside.place.hypervisor.changes();
    assert!(!changes.iter().any(|change| change.contains("domain") || change.contains("network")), "{changes:?}");
    assert_eq!(beside.inside.told.lock().unwrap().last().unwrap().site, None);
}

/// Without a bridge the host leads to addresses, and it can lead to each in one network only.
#[tokio::test]
async fn the_host_leads_to_an_address_in_one_network_only() {
    let range = |text: &str| vec![AddressRange::parse(text).unwrap()];
    let settings = |addresses| Settings { addresses, ..Settings::default() };
    let mut beside = Beside::new(settings(range("192.0.2.48/30")));
    let (second, body) = beside.second_network().await;
    let fault = beside.place.apply(&second, &body).await.unwrap_err();
    assert!(fault.message.contains("leads to 192.0.2.48 through the network"), "{fault:?}");
    beside.place.target = Beside::process(&beside.place.hypervisor, settings(range("192.0.2.52/30")));
    beside.place.apply(&second, &body).await.unwrap();
}

fn bridged() -> Settings {
    Settings {
        network_mode: NetworkMode::Bridged,
        addresses: vec![AddressRange::parse("192.0.2.48/30").unwrap()],
        site: Some(Site { bridge: "br0".into(), router: Some("192.0.2.1/24".parse().unwrap()) }),
        ..Settings::default()
    }
}

/// On the site's bridge libvirt serves nothing: the gateway is the machines' router, and nobody else gives them addresses.
#[tokio::test]
async fn on_the_bridge_the_gateway_is_the_machines_router() {
    let mut beside = Beside::new(bridged());
    beside.inside.answers.store(true, Ordering::SeqCst);
    let (machine, body) = beside.surroundings().await;
    running(beside.place.apply(&machine, &body).await.unwrap());
    let things = beside.place.hypervisor.things().clone();
    let network = &things.networks["engine-rg-vnet"].xml;
    assert!(network.contains("<forward mode='bridge'/>\n  <bridge name='br0'/>\n</network>"), "{network}");

    let told = beside.inside.told.lock().unwrap().last().unwrap().clone();
    let router = told.router.clone().unwrap();
    assert_eq!((told.format, router.domain.as_str()), (3, "rg.internal"));
    let own: Vec<IpNet> = vec!["10.240.0.1/12".parse().unwrap()];
    assert_eq!(router.subnets, own);
    assert!(
        told.addresses.contains(&own[0]) && !told.addresses.contains(&"10.240.0.2/12".parse().unwrap()),
        "{told:?}"
    );
    // As on Azure, machines are seen by the address of the balancer that they are behind.
    assert_eq!(router.source, Some("192.0.2.48".parse().unwrap()));
    assert_eq!(router.names, [("demo.local.internal".to_owned(), "192.0.2.48".parse().unwrap())].into());
    assert_eq!(router.name_servers, ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]);

    let gateway = things.domains[GATEWAY].xml.clone();
    assert_eq!(gateway.matches(&format!("<filterref filter='{GATEWAY}.nic'/>")).count(), 2, "{gateway}");
    let nobody = &things.filters[&format!("{GATEWAY}.nic")];
    assert!(nobody.contains("<rule action='drop' direction='in' priority='-997'>") && !nobody.contains("accept"));
    assert!(!nobody.contains("direction='out'"), "the gateway itself gives addresses: {nobody}");
    let mac = gateway.split("<mac address='").nth(1).unwrap().split('\'').next().unwrap();
    let filter = &things.filters["engine-rg-nic-0.nic"];
    assert!(filter.contains(&format!("dstportstart='68' srcmacaddr='{mac}'/>")), "{filter}");
    assert!(
        things.filters["engine-rg-nsg.engine-rg-vnet"]
            .contains("dstipaddr='10.240.0.1' dstipmask='32' dstportstart='53'")
    );

    // Another cluster's model changes nothing of it, and what it stands on stays its own.
    beside.again();
    beside.place.hypervisor.changes();
    for index in [2, 4] {
        let (address, body) = beside.place.resources().swap_remove(index);
        beside.place.apply(&address, &body).await.unwrap();
    }
    let changes = beside.place.hypervisor.changes();
    assert!(!changes.iter().any(|change| change.contains("domain") || change.contains("network")), "{changes:?}");
    assert_eq!(beside.inside.told.lock().unwrap().last().unwrap().router, told.router);
    let group = beside.place.address(GROUP, "rg");
    assert_eq!(beside.place.target.delete(&group).await, Ok(Progress::Done(None)));
    assert!(beside.place.is_empty(), "{:?}", beside.place.hypervisor.things());
}

/// An image of before has nothing to give addresses with: machines would wait in vain.
#[tokio::test]
async fn a_gateway_of_an_older_image_is_no_router() {
    let beside = Beside::new(bridged());
    beside.inside.answers.store(true, Ordering::SeqCst);
    beside.inside.lacks("dnsmasq");
    let resources = beside.place.resources();
    for (address, body) in resources.iter().take(2) {
        beside.place.apply(address, body).await.unwrap();
    }
    let fault = beside.place.apply(&resources[2].0, &resources[2].1).await.unwrap_err();
    assert!(fault.message.contains("dnsmasq is not on its image") && fault.class == FaultClass::Invalid, "{fault:?}");
    // A newer image is what the next one is made of.
    assert!(!beside.place.hypervisor.things().domains.contains_key(GATEWAY));
    *beside.inside.lacks.lock().unwrap() = None;
    beside.place.apply(&resources[2].0, &resources[2].1).await.unwrap();
    assert!(beside.inside.told.lock().unwrap().last().unwrap().router.is_some());
}

/// Two networks on one bridge are on the same wire; and without an address of the site nobody would get to the machines.
#[tokio::test]
async fn what_cannot_stand_on_the_bridge_is_refused() {
    let mut beside = Beside::new(bridged());
    let (second, mut body) = beside.second_network().await;
    let fault = beside.place.apply(&second, &body).await.unwrap_err();
    assert!(fault.message.contains("which this host has too"), "{fault:?}");
    // Nor where the host translates one of the two.
    let nat = Settings { network_mode: NetworkMode::Nat, ..bridged() };
    beside.place.target = Beside::process(&beside.place.hypervisor, nat);
    let fault = beside.place.apply(&second, &body).await.unwrap_err();
    assert!(fault.message.contains("which this host has too"), "{fault:?}");
    // Beside it, or on another wire, it is well.
    let site = Site { bridge: "br1".into(), router: None };
    beside.place.target = Beside::process(&beside.place.hypervisor, Settings { site: Some(site), ..bridged() });
    beside.place.apply(&second, &body).await.unwrap();
    let third = Address::new(&beside.place.scope, NETWORK, VERSION, "vnet-3");
    beside.place.target = Beside::process(&beside.place.hypervisor, bridged());
    body["properties"]["subnets"][0]["properties"]["addressPrefix"] = json!("10.16.0.0/16");
    beside.place.apply(&third, &body).await.unwrap();
    beside.place.target = Beside::process(&beside.place.hypervisor, Settings { addresses: Vec::new(), ..bridged() });
    let fourth = Address::new(&beside.place.scope, NETWORK, VERSION, "vnet-4");
    body["properties"]["subnets"][0]["properties"]["addressPrefix"] = json!("10.17.0.0/16");
    let fault = beside.place.apply(&fourth, &body).await.unwrap_err();
    assert!(fault.message.contains("none is named"), "{fault:?}");
}
