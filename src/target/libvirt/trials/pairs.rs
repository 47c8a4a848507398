//! Two gateways of one network, each a machine of another host.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::sync::atomic::Ordering;

use super::gateway_machine::Inside;
use super::several::bridged;
use super::*;
use crate::target::libvirt::hosts::{AbsentHost, HOST_ABSENT, Host, Hosts};
use crate::target::libvirt::{FolderGateways, GatewayPairs, MachineGateways, Member};

const FIRST: &str = "engine-rg-vnet.gateway";
const SECOND: &str = "engine-rg-vnet.gateway-2";

/// Hosts with a bridge in common, in the model's order, and the insides of the gateways on them.
struct Rack {
    place: Place,
    hosts: Vec<(Arc<Double>, Arc<Inside>)>,
}

impl Rack {
    fn new() -> Self {
        let place = Place::new();
        let host = |hypervisor: Arc<Double>| {
            let inside = Arc::new(Inside::default());
            inside.answers.store(true, Ordering::SeqCst);
            let own = Arc::clone(&inside);
            hypervisor.agent(move |domain, command| own.answer(domain, command));
            (hypervisor, inside)
        };
        let hosts = [place.hypervisor.clone(), Arc::new(Double::new()), Arc::new(Double::new())].map(host).to_vec();
        let mut this = Self { place, hosts };
        this.work_on(&[0, 1]);
        this
    }

    /// Another process, which is told of these hosts.
    fn work_on(&mut self, places: &[usize]) {
        self.work_through(places, None, &[]);
    }

    /// The same with other gateways than machines, or beside hosts that cannot be asked.
    fn work_through(&mut self, places: &[usize], gateways: Option<Arc<dyn Gateways>>, absent: &[usize]) {
        let clock: Arc<dyn crate::base::Clock> = Arc::new(SystemClock);
        let all = places.iter().map(|place| (place, &self.hosts[*place].0));
        let hosts: Vec<Host> = all
            .clone()
            .map(|(place, host)| Host { name: format!("h{place}"), id: format!("h{place}"), hypervisor: host.clone() })
            .collect();
        let of = |member, host: &Arc<Double>| MachineGateways::new(member, host.clone(), bridged(), clock.clone());
        let first = of(Member::First, &self.hosts[places[0]].0);
        let gateways = gateways.unwrap_or_else(|| {
            if places.len() == 1 {
                Arc::new(first)
            } else {
                Arc::new(GatewayPairs::new(first, all.skip(1).map(|(_, host)| of(Member::Second, host)).collect()))
            }
        });
        let (one, others) = hosts.split_first().unwrap();
        let absent = absent.iter().map(|place| AbsentHost {
            name: format!("h{place}"),
            fault: Fault::new(FaultClass::Unavailable, "", "nothing answers"),
        });
        let hosts = Hosts::new(one.clone(), others.to_vec()).without(absent.collect());
        self.place.target = LibvirtTarget::new(hosts, Some(gateways), bridged(), clock);
    }

    /// All but the machine.
    async fn surroundings(&self) {
        for (address, body) in self.place.resources() {
            if address.resource_type != MACHINE {
                assert!(matches!(self.place.apply(&address, &body).await.unwrap(), Progress::Done(_)));
            }
        }
    }

    async fn network(&self) -> Progress {
        let (address, body) = self.place.resources().swap_remove(2);
        self.place.apply(&address, &body).await.unwrap()
    }

    async fn state(&self) -> String {
        let seen = self.place.seen(NETWORK, "vnet").await.unwrap();
        seen.provisioning_state().unwrap().to_owned()
    }

    fn domain(&self, host: usize, name: &str) -> Option<String> {
        self.hosts[host].0.things().domains.get(name).map(|domain| domain.xml.clone())
    }

    fn told(&self, host: usize) -> Configuration {
        self.hosts[host].1.told.lock().unwrap().last().unwrap().clone()
    }
}

fn macs(xml: &str) -> Vec<String> {
    let each = xml.split("<mac address='").skip(1);
    each.map(|rest| rest.split('\'').next().unwrap().replace(':', "").to_ascii_uppercase()).collect()
}

#[tokio::test]
async fn each_of_two_hosts_has_a_gateway_that_knows_of_the_other() {
    let rack = Rack::new();
    rack.surroundings().await;
    let [one, two] = [(0, FIRST), (1, SECOND)].map(|(host, name)| macs(&rack.domain(host, name).unwrap()));
    assert_eq!((rack.domain(0, SECOND), rack.domain(1, FIRST)), (None, None));
    assert!(one.len() == 2 && one.iter().all(|mac| !two.contains(mac)), "{one:?} {two:?}");

    let (first, second) = (rack.told(0), rack.told(1));
    let [own, other] = [&first, &second].map(|told| told.pair.clone().unwrap());
    assert_eq!((own.own.to_string(), own.other.to_string()), ("10.240.0.2/12".into(), "10.240.0.3".into()));
    assert_eq!((other.own.to_string(), other.other.to_string()), ("10.240.0.3/12".into(), "10.240.0.2".into()));
    assert_eq!((&own.other_mac, &other.other_mac), (&two[0], &one[0]));
    assert_eq!((own.first, other.first, first.format), (true, false, 4));
    assert_eq!([&first, &second].map(|told| &told.site.as_ref().unwrap().mac), [&one[1], &two[1]]);
    // All else is the same, so that either can do it.
    let same = Configuration { pair: first.pair.clone(), site: first.site.clone(), ..second };
    assert_eq!(same, first);

    // Machines are given addresses by both, and let both probe them.
    let filters = rack.hosts[1].0.things().filters.clone();
    for mac in [&one[0], &two[0]] {
        let octets: Vec<String> =
            mac.as_bytes().chunks(2).map(|it| String::from_utf8_lossy(it).to_lowercase()).collect();
        let giver = format!("dstportstart='68' srcmacaddr='{}'/>", octets.join(":"));
        assert!(filters["engine-rg-nic-0.nic"].contains(&giver), "{giver} {filters:?}");
    }
    for address in ["10.240.0.1", "10.240.0.2", "10.240.0.3"] {
        let source = format!("srcipaddr='{address}' srcipmask='32'");
        assert!(filters["engine-rg-nsg.engine-rg-vnet"].contains(&source), "{address} {filters:?}");
    }
}

#[tokio::test]
async fn a_gateway_that_is_a_process_stays_alone_on_several_hosts() {
    let mut rack = Rack::new();
    let folder = tempfile::tempdir().unwrap();
    let gateways: Arc<dyn Gateways> = Arc::new(FolderGateways::new(folder.path().to_owned()));
    rack.work_through(&[0, 1], Some(gateways), &[]);
    rack.surroundings().await;
    let told = std::fs::read_to_string(folder.path().join("engine-rg-vnet/gateway.json")).unwrap();
    assert!(told.contains("10.240.0.1") && !told.contains("\"pair\""), "{told}");
}

#[tokio::test]
async fn what_a_machine_tells_either_of_them_is_heard() {
    for teller in [0, 1] {
        let rack = Rack::new();
        rack.surroundings().await;
        let (machine, body) = rack.place.resources().pop().unwrap();
        let operation = running(rack.place.apply(&machine, &body).await.unwrap());
        let status = |at: &str, state| MachineStatus {
            format: STATUS_FORMAT,
            id: machine.id.clone(),
            vm_id: rack.place.vm_id(),
            state,
            at: at.parse().unwrap(),
            description: None,
        };
        let hear = |host: usize, status: MachineStatus| {
            *rack.hosts[host].1.heard.lock().unwrap() = serde_json::to_string(&status).unwrap();
        };
        // The other one has heard it before, when it had the addresses.
        hear(1 - teller, status("2026-11-28T00:00:00Z", MachineState::NotReady));
        hear(teller, status("2026-11-28T00:01:00Z", MachineState::Ready));
        assert!(matches!(rack.place.target.poll(&operation).await.unwrap(), Progress::Done(Some(_))), "{teller}");
    }
}

/// To hear from a machine that is being made, gateways are made and told. Whoever only looks does neither: a third host would get
/// a second one of what runs on the second.
#[tokio::test]
async fn beside_a_host_that_cannot_be_asked_no_gateway_is_made_and_no_machine_finished() {
    let mut rack = Rack::new();
    rack.surroundings().await;
    let (machine, body) = rack.place.resources().pop().unwrap();
    let operation = running(rack.place.apply(&machine, &body).await.unwrap());
    let status = MachineStatus {
        format: STATUS_FORMAT,
        id: machine.id.clone(),
        vm_id: rack.place.vm_id(),
        state: MachineState::Ready,
        at: "2026-11-28T00:00:00Z".parse().unwrap(),
        description: None,
    };
    *rack.hosts[0].1.heard.lock().unwrap() = serde_json::to_string(&status).unwrap();
    let things = |rack: &Rack| rack.hosts.iter().map(|(host, _)| host.things().clone()).collect::<Vec<_>>();
    let told = |rack: &Rack| rack.hosts.iter().map(|(_, inside)| inside.told.lock().unwrap().len()).collect::<Vec<_>>();

    rack.work_through(&[0, 2], None, &[1]);
    let before = (things(&rack), told(&rack));
    let seen = rack.place.target.observe(&machine).await.unwrap().unwrap();
    assert_eq!(seen.provisioning_state(), Some("Creating"));
    assert_eq!(rack.place.target.observe(&rack.place.address(NETWORK, "vnet")).await.unwrap_err().code, HOST_ABSENT);
    assert!(before == (things(&rack), told(&rack)));

    rack.work_on(&[0, 1]);
    assert!(matches!(rack.place.target.poll(&operation).await.unwrap(), Progress::Done(Some(_))));
}

#[tokio::test]
async fn one_that_is_missing_is_made_anew_and_waited_for() {
    let mut rack = Rack::new();
    rack.surroundings().await;
    for (host, name) in [(1, SECOND), (0, FIRST)] {
        assert_eq!(rack.state().await, "Succeeded");
        rack.hosts[host].0.things().domains.remove(name);
        assert_eq!(rack.state().await, "Failed", "{name}");
        rack.hosts[host].1.answers.store(false, Ordering::SeqCst);
        rack.hosts[host].1.told.lock().unwrap().clear();
        let operation = running(rack.network().await);
        running(rack.place.target.poll(&operation).await.unwrap());
        assert_eq!(rack.state().await, "Failed", "{name} has not heard what it shall do");
        // Another process goes on waiting.
        rack.work_on(&[0, 1]);
        running(rack.place.target.poll(&operation).await.unwrap());
        rack.hosts[host].1.answers.store(true, Ordering::SeqCst);
        assert!(matches!(rack.place.target.poll(&operation).await.unwrap(), Progress::Done(Some(_))));
        assert!(rack.told(host).pair.is_some());
    }
}

#[tokio::test]
async fn a_second_host_brings_a_second_gateway_and_takes_it_along_only_with_the_network() {
    let mut rack = Rack::new();
    rack.work_on(&[0]);
    rack.surroundings().await;
    assert_eq!((rack.told(0).pair, rack.told(0).format), (None, 3));
    rack.work_on(&[0, 1]);
    assert_eq!(rack.state().await, "Failed");
    assert!(matches!(rack.network().await, Progress::Done(Some(_))));
    assert!(rack.told(0).pair.is_some() && rack.told(1).pair.is_some());
    assert_eq!(rack.state().await, "Succeeded");

    // A host that is named before it does not get a third one.
    rack.work_on(&[0, 2, 1]);
    assert!(matches!(rack.network().await, Progress::Done(Some(_))));
    assert_eq!((rack.domain(2, SECOND), rack.domain(1, SECOND).is_some()), (None, true));

    // The first one goes on to watch for one whose host is not named any more.
    rack.work_on(&[0]);
    assert!(matches!(rack.network().await, Progress::Done(Some(_))));
    assert!(rack.told(0).pair.is_some());

    rack.work_on(&[0, 2, 1]);
    let group = rack.place.address(GROUP, "rg");
    assert_eq!(rack.place.target.delete(&group).await, Ok(Progress::Done(None)));
    for (host, _) in &rack.hosts {
        let things = host.things().clone();
        assert_eq!((things.domains.len(), things.filters.len()), (0, 0));
        assert!(!things.volumes.keys().any(|name| name.contains("gateway")), "{:?}", things.volumes.keys());
    }
}

/// An image of before has no keepalived: the gateway that works goes on, and the other one is not made in vain.
#[tokio::test]
async fn a_gateway_of_an_older_image_goes_on_alone() {
    let mut rack = Rack::new();
    rack.work_on(&[0]);
    rack.surroundings().await;
    for (_, inside) in &rack.hosts {
        inside.lacks("keepalived");
    }
    rack.work_on(&[0, 1]);
    let (address, body) = rack.place.resources().swap_remove(2);
    let fault = rack.place.apply(&address, &body).await.unwrap_err();
    assert!(
        fault.message.contains("keepalived is not on its image") && fault.class == FaultClass::Invalid,
        "{fault:?}"
    );
    assert!(rack.domain(0, FIRST).is_some() && rack.told(0).pair.is_none());
    assert_eq!(rack.domain(1, SECOND), None);
    assert_eq!(rack.state().await, "Failed");
}
