//! The cluster's own services of type LoadBalancer: control-plane machines tell which there are and which nodes are Ready, the
//! gateway gives each an address of its pool and leads connections to the services' ports on the nodes.
//!
//! Whoever tells is a machine of the control plane; still nothing that it says reaches beyond the pool and the network's machines.
//! Deliberately absent: asking the API server, for which a gateway has no right at all (`kubernetes` does).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::configuration::{Backend, Balancer, Configuration, Frontend, Probe, ProbeProtocol, Rule, TransportProtocol};

/// The version of [`ToldServices`].
pub const SERVICES_FORMAT: u32 = 1;

/// The path below the metadata service's address.
pub const SERVICES_PATH: &str = "/engine/services";

/// More than any cluster has on-prem; a bound, so that nobody fills the gateway's memory.
const MOST_SERVICES: usize = 2000;
const MOST_NODES: usize = 5000;
const MOST_RANGES: usize = 10_000;
/// Each port is led to each node.
const MOST_BACKENDS: usize = 100_000;

/// All that a control-plane machine tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToldServices {
    /// The version of this form: [`SERVICES_FORMAT`].
    pub format: u32,
    /// The services, by uid.
    pub services: Vec<Service>,
    /// The addresses of the nodes that take connections, sorted.
    pub nodes: Vec<IpAddr>,
}

/// A service of type LoadBalancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Its unique id.
    pub uid: String,
    /// Its namespace and name, `namespace/name`.
    pub name: String,
    /// The address that somebody asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<IpAddr>,
    /// The address that it has by its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<IpAddr>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// Whose connections are taken; everybody's if this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<IpNet>,
    /// The port on which a node tells by HTTP (`/healthz`) whether it has a pod of the service; only such nodes take connections
    /// then (`externalTrafficPolicy: Local`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_port: Option<u16>,
    /// Whether a client stays with its node.
    #[serde(default)]
    pub by_source: bool,
    /// After so many minutes of silence a connection ends.
    pub idle_timeout_minutes: u32,
}

/// A port of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// The transport, in Kubernetes' word: `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The port at the service's address.
    pub port: u16,
    /// The port on each node.
    pub node_port: u16,
}

/// What the gateway answers: each service's address, or why it has none, by uid.
pub type Allotments = BTreeMap<String, Allotment>;

/// What a service has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allotment {
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// What is not as its owner wants it, as a sentence without its full stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What was told last, and what each service was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Services {
    pub told: ToldServices,
    pub allotted: Allotments,
}

/// Why nothing is taken from who tells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unheard {
    #[error("this is of format {0}, and the gateway reads format {SERVICES_FORMAT}")]
    Format(u32),
    #[error("there are too many services, ports, nodes or ranges")]
    TooMany,
}

impl Services {
    /// Takes what a control-plane machine tells.
    pub(super) fn hear(&self, configuration: &Configuration, mut told: ToldServices) -> Result<Self, Unheard> {
        if told.format != SERVICES_FORMAT {
            return Err(Unheard::Format(told.format));
        }
        told.nodes.sort();
        told.nodes.dedup();
        let ports: usize = told.services.iter().map(|service| service.ports.len()).sum();
        let ranges: usize = told.services.iter().map(|service| service.sources.len()).sum();
        let backends = ports.saturating_mul(told.nodes.len().max(1));
        if told.services.len() > MOST_SERVICES
            || told.nodes.len() > MOST_NODES
            || ranges > MOST_RANGES
            || backends > MOST_BACKENDS
        {
            return Err(Unheard::TooMany);
        }
        let allotted = allot(&configuration.service_addresses, &self.allotted, &told.services);
        Ok(Self { told, allotted })
    }

    /// A configuration with what services add to it.
    pub(super) fn in_configuration(&self, configuration: &Configuration) -> Configuration {
        let mut all = configuration.clone();
        if configuration.service_addresses.is_empty() {
            return all;
        }
        // A node is a machine of this network, or connections would be led elsewhere.
        let nodes: Vec<(String, IpAddr)> = self
            .told
            .nodes
            .iter()
            .filter_map(|node| Some((configuration.machine_at(*node)?.name.clone(), *node)))
            .collect();
        let (mut frontends, mut rules) = (Vec::new(), Vec::new());
        for service in &self.told.services {
            let address = self.allotted.get(&service.uid).and_then(|allotment| allotment.address);
            let Some(address) = address.filter(|address| contains(&configuration.service_addresses, *address)) else {
                continue;
            };
            // Connections reach nodes from the gateway's own address: who may come is looked at here.
            frontends.push(Frontend { name: service.name.clone(), address, public: false });
            rules.extend(
                service.ports.iter().filter(|port| port.is_balanced()).map(|port| rule(service, port, address, &nodes)),
            );
        }
        let held = frontends.iter().map(|front| IpNet::from(front.address));
        let addresses = match &mut all.site {
            Some(site) => &mut site.addresses,
            None => &mut all.addresses,
        };
        addresses.extend(held);
        addresses.sort();
        addresses.dedup();
        if !rules.is_empty() {
            let (id, name) = ("services".to_owned(), "service".to_owned());
            all.balancers.push(Balancer { id, name, frontends, rules, nat_rules: Vec::new() });
        }
        all
    }
}

impl ServicePort {
    fn is_balanced(&self) -> bool {
        self.protocol == "TCP" && self.port != 0 && self.node_port != 0
    }
}

fn rule(service: &Service, port: &ServicePort, address: IpAddr, nodes: &[(String, IpAddr)]) -> Rule {
    let (protocol, probed, path) = match service.health_port {
        Some(health) => (ProbeProtocol::Http, health, Some("/healthz".to_owned())),
        None => (ProbeProtocol::Tcp, port.node_port, None),
    };
    let backend = |(name, node): &(String, IpAddr)| Backend {
        name: name.clone(),
        address: SocketAddr::new(*node, port.node_port),
    };
    Rule {
        name: format!("{}.{}", service.name, port.port),
        protocol: TransportProtocol::Tcp,
        listen: SocketAddr::new(address, port.port),
        backends: nodes.iter().map(backend).collect(),
        probe: Some(Probe { protocol, port: probed, path, interval_seconds: 5, failures: 2 }),
        idle_timeout_minutes: service.idle_timeout_minutes,
        by_source: service.by_source,
        sources: service.sources.clone(),
    }
}

fn contains(pool: &[IpNet], address: IpAddr) -> bool {
    pool.iter().any(|network| network.contains(&address))
}

/// Gives each service an address: the one that is asked for, else the one that it had, else the lowest that nobody has.
fn allot(pool: &[IpNet], before: &Allotments, services: &[Service]) -> Allotments {
    let mut taken: BTreeMap<IpAddr, &str> = BTreeMap::new();
    let mut allotted = Allotments::new();
    // Who has an address keeps it, whoever else asks for it: first what was given here, then what services say they have, which
    // is all that a gateway knows that was made anew.
    let claims = |service: &Service| {
        let had = before.get(&service.uid).and_then(|allotment| allotment.address);
        [had, service.current, service.asked]
    };
    for round in 0..3 {
        for service in services {
            let claimed = claims(service).get(round).copied().flatten();
            let claimed = claimed.filter(|claimed| service.asked.is_none_or(|asked| asked == *claimed));
            let Some(address) = claimed.filter(|address| contains(pool, *address)) else { continue };
            if !allotted.contains_key(&service.uid) && !taken.contains_key(&address) {
                taken.insert(address, &service.name);
                allotted
                    .insert(service.uid.clone(), Allotment { address: Some(address), problem: unbalanced(service) });
            }
        }
    }
    let mut free = pool.iter().flat_map(every_address);
    let mut seen = BTreeSet::new();
    for service in services {
        if allotted.contains_key(&service.uid) || !seen.insert(&service.uid) {
            continue;
        }
        let allotment = match service.asked {
            Some(asked) => Allotment { address: None, problem: Some(refused(pool, asked, taken.get(&asked).copied())) },
            None if !service.ports.iter().any(ServicePort::is_balanced) => {
                Allotment { address: None, problem: unbalanced(service) }
            }
            None => match free.find(|address| !taken.contains_key(address)) {
                Some(address) => {
                    taken.insert(address, &service.name);
                    Allotment { address: Some(address), problem: unbalanced(service) }
                }
                None => Allotment {
                    address: None,
                    problem: Some("no address is free: give onPremProfile.serviceAddresses more".to_owned()),
                },
            },
        };
        allotted.insert(service.uid.clone(), allotment);
    }
    allotted
}

/// All addresses of a network, both ends included.
fn every_address(network: &IpNet) -> Box<dyn Iterator<Item = IpAddr>> {
    match network {
        IpNet::V4(network) => {
            let (first, last) = (network.network().to_bits(), network.broadcast().to_bits());
            Box::new((first..=last).map(|bits| IpAddr::V4(bits.into())))
        }
        // The pool has none; the model's ranges are of IPv4.
        IpNet::V6(network) => Box::new(std::iter::once(IpAddr::V6(network.addr()))),
    }
}

fn refused(pool: &[IpNet], asked: IpAddr, holder: Option<&str>) -> String {
    match holder {
        Some(holder) => format!("{asked} is the service {holder}'s"),
        None if contains(pool, asked) => format!("{asked} is not free"),
        None => format!("{asked} is not among onPremProfile.serviceAddresses"),
    }
}

/// What is left out of a service.
fn unbalanced(service: &Service) -> Option<String> {
    let left: Vec<String> = service
        .ports
        .iter()
        .filter(|port| !port.is_balanced())
        .map(|port| {
            if port.protocol == "TCP" {
                format!("port {} has no port on the nodes", port.port)
            } else {
                format!("port {} is {}, and only TCP is balanced on-prem", port.port, port.protocol)
            }
        })
        .collect();
    (!left.is_empty()).then(|| left.join("; "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::super::balancers::balancing;
    use super::super::configuration::tests::example;
    use super::*;

    fn service(uid: &str) -> Service {
        Service {
            uid: uid.to_owned(),
            name: format!("default/{uid}"),
            asked: None,
            current: None,
            ports: vec![ServicePort { protocol: "TCP".into(), port: 80, node_port: 30080 }],
            sources: Vec::new(),
            health_port: None,
            by_source: false,
            idle_timeout_minutes: 4,
        }
    }

    fn told(services: Vec<Service>) -> ToldServices {
        // The second is no machine of the network.
        let nodes = vec!["10.240.255.5".parse().unwrap(), "192.0.2.7".parse().unwrap()];
        ToldServices { format: SERVICES_FORMAT, services, nodes }
    }

    fn configuration() -> Configuration {
        let pool = ["192.0.2.64/31", "192.0.2.70/32"].map(|text| text.parse().unwrap()).to_vec();
        Configuration { service_addresses: pool, ..example() }
    }

    fn address(services: &Services, uid: &str) -> Option<String> {
        services.allotted[uid].address.map(|address| address.to_string())
    }

    #[test]
    fn each_has_an_address_and_keeps_it() {
        let names = ["a", "b", "c", "d"];
        let configuration = configuration();
        let first = Services::default().hear(&configuration, told(names.map(service).to_vec())).unwrap();
        let given: Vec<_> = names.iter().map(|uid| address(&first, uid)).collect();
        assert_eq!(given, [Some("192.0.2.64".into()), Some("192.0.2.65".into()), Some("192.0.2.70".into()), None]);
        assert!(first.allotted["d"].problem.as_ref().unwrap().contains("no address is free"));
        // One goes, and the one that had none gets its.
        let later = first.hear(&configuration, told(["d", "c", "b"].map(service).to_vec())).unwrap();
        let given: Vec<_> = ["b", "c", "d"].iter().map(|uid| address(&later, uid)).collect();
        assert_eq!(given, [Some("192.0.2.65".into()), Some("192.0.2.70".into()), Some("192.0.2.64".into())]);
        // A gateway that was made anew knows what services say they have.
        let mut known = service("b");
        known.current = Some("192.0.2.70".parse().unwrap());
        let anew = Services::default().hear(&configuration, told(vec![service("a"), known])).unwrap();
        assert_eq!((address(&anew, "a"), address(&anew, "b")), (Some("192.0.2.64".into()), Some("192.0.2.70".into())));
    }

    #[test]
    fn what_is_asked_for_is_given_or_refused_by_name() {
        let asks = |uid: &str, text: &str| Service { asked: Some(text.parse().unwrap()), ..service(uid) };
        let configuration = configuration();
        let services = told(vec![service("a"), asks("b", "192.0.2.64"), asks("c", "192.0.2.99")]);
        let heard = Services::default().hear(&configuration, services).unwrap();
        assert_eq!(
            (address(&heard, "a"), address(&heard, "b")),
            (Some("192.0.2.65".into()), Some("192.0.2.64".into()))
        );
        assert!(heard.allotted["c"].problem.as_ref().unwrap().contains("not among onPremProfile.serviceAddresses"));
        // Who has it keeps it, and whoever asks for another moves.
        let services = told(vec![asks("a", "192.0.2.64"), service("b")]);
        let later = heard.hear(&configuration, services).unwrap();
        assert_eq!((address(&later, "a"), address(&later, "b")), (None, Some("192.0.2.64".into())));
        assert!(later.allotted["a"].problem.as_ref().unwrap().contains("is the service default/b's"));
        let later = heard.hear(&configuration, told(vec![asks("a", "192.0.2.70"), service("b")])).unwrap();
        assert_eq!(address(&later, "a").as_deref(), Some("192.0.2.70"));
    }

    #[test]
    fn what_is_no_tcp_is_told() {
        let mut some = service("some");
        some.ports.push(ServicePort { protocol: "UDP".into(), port: 53, node_port: 30053 });
        let mut none = service("none");
        none.ports = some.ports.split_off(1);
        some.ports.push(none.ports[0].clone());
        let heard = Services::default().hear(&configuration(), told(vec![none, some])).unwrap();
        let problem = "port 53 is UDP, and only TCP is balanced on-prem";
        assert_eq!(address(&heard, "none"), None);
        assert!(address(&heard, "some").is_some());
        assert!(heard.allotted.values().all(|allotment| allotment.problem.as_deref() == Some(problem)));
    }

    #[test]
    fn connections_go_to_the_networks_machines_only() {
        let configuration = configuration();
        let mut local = service("local");
        local.health_port = Some(31000);
        local.sources = vec!["198.51.100.0/24".parse().unwrap()];
        local.by_source = true;
        let heard = Services::default().hear(&configuration, told(vec![local])).unwrap();
        let all = heard.in_configuration(&configuration);
        assert!(all.addresses.contains(&"192.0.2.64/32".parse().unwrap()));
        let text = balancing(&all).unwrap().text.unwrap();
        let section = text.split("\nlisten service.").nth(1).unwrap();
        assert_eq!(
            section,
            "default_local.80\n  bind 192.0.2.64:80\n  acl allowed src 198.51.100.0/24\n  tcp-request connection reject unless allowed\n  balance \
             source\n  timeout client 4m\n  timeout server 4m\n  option httpchk\n  http-check send meth GET uri /healthz\n  \
             http-check expect status 200\n  server k8s-master-1-0 10.240.255.5:30080 check port 31000 inter 5s fastinter 1s \
             fall 2 rise 1\n"
        );
        // An address that the pool has no more is nobody's.
        let smaller = Configuration { service_addresses: vec!["192.0.2.70/32".parse().unwrap()], ..configuration };
        assert_eq!(heard.in_configuration(&smaller).balancers.len(), smaller.balancers.len());
    }

    #[test]
    fn too_much_and_another_form_are_not_taken() {
        let configuration = configuration();
        let hear = |told| Services::default().hear(&configuration, told).unwrap_err();
        assert_eq!(hear(ToldServices { format: 2, ..told(Vec::new()) }), Unheard::Format(2));
        let many = (0..=MOST_SERVICES).map(|number| service(&number.to_string())).collect();
        assert_eq!(hear(told(many)), Unheard::TooMany);
        let mut ports = service("ports");
        ports.ports = vec![ports.ports[0].clone(); 30_000];
        let nodes = |count: u32| (0..count).map(|number| IpAddr::V4(number.into())).collect::<Vec<_>>();
        assert_eq!(hear(ToldServices { nodes: nodes(4), ..told(vec![ports.clone()]) }), Unheard::TooMany);
        // The same node told again and again is one.
        let again = ToldServices { nodes: vec![nodes(1)[0]; 90_000], ..told(vec![ports]) };
        assert_eq!(Services::default().hear(&configuration, again).unwrap().told.nodes.len(), 1);
    }
}
