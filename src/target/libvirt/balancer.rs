//! Load balancers, and all that a gateway has to know: both are told to the gateway of each network.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};
use serde_json::{Value as Json, json};

use super::body::{self, invalid, items, number, text};
use super::gateway_machine::{Member, gateway_id, site_mac};
use super::group::fronts;
use super::ledger::Record;
use super::names::{digits, mac_of};
use super::network::{domain, network_name};
use super::outside::Outside;
use super::security;
use super::told;
use super::work::{Work, observation, types};
use super::xml::{METADATA_ADDRESS, WIRE_SERVER_ADDRESS};
use crate::contract::{Address, Fault, FaultClass, Progress};
use crate::gateway::{
    Administrator, Backend, Balancer, Configuration, Frontend, Image, Interface, Machine, MachineAddress, Pair, Probe,
    ProbeProtocol, Router, Rule, Site, SystemKind, TransportProtocol,
};

const PARTS: [&str; 6] = [
    "frontendIPConfigurations",
    "backendAddressPools",
    "loadBalancingRules",
    "probes",
    "inboundNatRules",
    "outboundRules",
];

impl Work<'_> {
    /// Allots a balancer's private addresses, and tells the gateways.
    pub(super) fn apply_balancer(&mut self, address: &Address, body: Json) -> Result<Progress, Fault> {
        let mut body = body::completed(address, body, "Succeeded");
        for part in PARTS {
            body::give_ids(address, &mut body, part);
        }
        for array in ["loadBalancingRules", "inboundNatRules"] {
            for rule in items(&body, &format!("/properties/{array}")) {
                let name = text(rule, "/name").unwrap_or_default();
                let protocol = text(rule, "/properties/protocol").unwrap_or("Tcp");
                if !protocol.eq_ignore_ascii_case("Tcp") {
                    let message = format!("{}: rule {name} balances {protocol}, and on-prem only TCP is", address.name);
                    return Err(invalid(message, "leave the rule out"));
                }
                let ports = ["frontendPort", "backendPort"].map(|port| number(rule, &format!("/properties/{port}")));
                if ports.iter().any(|port| !port.is_some_and(|port| (1..=65535).contains(&port))) {
                    return Err(invalid(format!("{}: rule {name} needs ports", address.name), "give it both"));
                }
            }
        }
        let before = self.ledger.get(&address.id).cloned();
        let mut given = std::collections::BTreeSet::new();
        let fronts = body.pointer_mut("/properties/frontendIPConfigurations").and_then(Json::as_array_mut);
        for front in fronts.into_iter().flatten() {
            if let Some(public) = body::id(front, "/properties/publicIPAddress") {
                self.referred(public)?;
                continue;
            }
            let name = text(front, "/name").unwrap_or_default().to_owned();
            let subnet_id = body::id(front, "/properties/subnet")
                .ok_or_else(|| {
                    invalid(format!("front end {name} has no address"), "give it a subnet or a public address")
                })?
                .to_owned();
            let (_, subnet) = self.subnet(&subnet_id)?;
            let mut taken = self.taken(&subnet_id, &address.id);
            taken.extend(&given);
            let kept = before.as_ref().and_then(|before| {
                items(&before.body, "/properties/frontendIPConfigurations")
                    .find(|other| text(other, "/name") == Some(&name))
                    .and_then(|other| body::address(other, "/properties/privateIPAddress"))
            });
            let asked = body::address(front, "/properties/privateIPAddress");
            let own = self.allot(subnet.plan.network, &taken, asked.or(kept), &address.name)?;
            given.insert(IpAddr::V4(own));
            front["properties"]["privateIPAddress"] = json!(own);
        }
        let record = self.put(address, body, Json::Null)?;
        // What it leads in is for filters to know.
        let networks: Vec<Record> = self.ledger.of_type(types::NETWORK).cloned().collect();
        for network in &networks {
            self.sync_filters(network)?;
        }
        self.sync_gateways()?;
        Ok(Progress::Done(Some(observation(&record))))
    }

    /// Forgets a balancer, and tells the gateways.
    pub(super) fn delete_balancer(&mut self, address: &Address) -> Result<Progress, Fault> {
        self.remove(&address.id)?;
        self.sync_gateways_of_less()?;
        Ok(Progress::Done(None))
    }

    /// Tells the gateway of each network what it has to do now.
    pub(super) fn sync_gateways(&self) -> Result<(), Fault> {
        let Some(gateways) = self.gateways else { return Ok(()) };
        // One that is not in force yet has no gateway either.
        for network in self.ledger.of_type(types::NETWORK).filter(|network| network.local["state"].is_string()) {
            gateways.configure(&network_name(&network.address.id), &self.configuration(network)?)?;
        }
        Ok(())
    }

    /// Tells gateways of what is gone. One that does not answer keeps nobody from deleting: it is told with the next change.
    pub(super) fn sync_gateways_of_less(&self) -> Result<(), Fault> {
        match self.sync_gateways() {
            Err(fault) if fault.class == FaultClass::NotYet => Ok(()),
            told => told,
        }
    }

    /// What the gateway of a network has to do.
    pub(super) fn configuration(&self, network: &Record) -> Result<Configuration, Fault> {
        let subnets = told::subnets(network)?;
        let machines: Vec<Machine> =
            self.ledger.of_type(types::MACHINE).filter_map(|machine| self.machine(machine, network)).collect();
        let balancers: Vec<Balancer> =
            self.ledger.of_type(types::BALANCER).filter_map(|balancer| self.balancer(balancer, network)).collect();
        let outside = Outside::of(network);
        let router = outside.machines_bridge().is_some().then(|| self.router(network, &subnets, &outside));
        let single = |address: IpAddr| IpNet::from(address);
        // What is the site's is reached there, by the interface that leads into it.
        let (outer, inner): (Vec<IpAddr>, Vec<IpAddr>) = balancers
            .iter()
            .flat_map(|balancer| &balancer.frontends)
            .map(|front| front.address)
            .chain(router.iter().filter_map(|router| router.source))
            .partition(|address| outside.is_held_in_site(*address));
        let site = outside.site.map(|site| Site {
            bridge: site.bridge,
            mac: digits(&site_mac(&gateway_id(&network.address.id, Member::First))),
            addresses: sorted(outer.into_iter().map(single)),
            router: site.router.map(IpNet::V4),
        });
        let addresses = subnets
            .iter()
            .filter_map(|subnet| IpNet::new(subnet.plan.gateway.into(), subnet.plan.network.prefix_len()).ok())
            .chain([METADATA_ADDRESS, WIRE_SERVER_ADDRESS].map(|address| single(address.into())))
            .chain(inner.into_iter().map(single));
        let mut configuration = Configuration {
            format: 1,
            network: network.address.id.clone(),
            addresses: sorted(addresses),
            machines,
            balancers,
            site,
            router,
            pair: told::pair(network, &subnets).map(|[own, other]| Pair {
                own: own.into(),
                other: other.addr().into(),
                other_mac: digits(&mac_of(&gateway_id(&network.address.id, Member::Second))),
                first: true,
            }),
            service_addresses: sorted(outside.service_addresses.into_iter().map(IpNet::V4)),
        };
        configuration.format = configuration.least_format();
        Ok(configuration)
    }

    /// What the gateway does for machines that have no other router.
    fn router(&self, network: &Record, subnets: &[told::Subnet], outside: &Outside) -> Router {
        Router {
            domain: domain(&network.address.id),
            subnets: sorted(
                subnets
                    .iter()
                    .filter_map(|subnet| IpNet::new(subnet.plan.gateway.into(), subnet.plan.network.prefix_len()).ok()),
            ),
            names: self
                .public_names(body::group(&network.address.id))
                .into_iter()
                .map(|(address, name)| (name, address))
                .collect(),
            name_servers: outside.name_servers.iter().copied().map(IpAddr::V4).collect(),
            source: self.way_out(network),
        }
    }

    /// The public address by which a network's machines are seen outside: as on Azure, that of a balancer which they are behind.
    fn way_out(&self, network: &Record) -> Option<IpAddr> {
        let pools: Vec<&str> = self
            .interfaces_of(&network.address.id)
            .flat_map(|interface| items(&interface.body, "/properties/ipConfigurations"))
            .flat_map(|configuration| items(configuration, "/properties/loadBalancerBackendAddressPools"))
            .filter_map(|pool| pool["id"].as_str())
            .collect();
        let is_behind = |balancer: &&Record| {
            pools.iter().any(|pool| {
                body::parent(pool, "/backendAddressPools/").is_some_and(|own| body::same(own, &balancer.address.id))
            })
        };
        self.ledger
            .of_type(types::BALANCER)
            .filter(is_behind)
            .flat_map(|balancer| items(&balancer.body, "/properties/frontendIPConfigurations"))
            .filter_map(|front| self.ledger.get(body::id(front, "/properties/publicIPAddress")?))
            .find_map(|public| body::address(&public.body, "/properties/ipAddress"))
    }

    fn machine(&self, machine: &Record, network: &Record) -> Option<Machine> {
        let interfaces: Vec<Interface> = told::interfaces_of_machine(&machine.body)
            .into_iter()
            .filter_map(|id| self.ledger.get(id))
            .filter(|it| told::network_of_interface(it).is_some_and(|own| body::same(own, &network.address.id)))
            .filter_map(|interface| {
                let configuration = told::primary_configuration(interface)?;
                let (_, subnet) = self.subnet(body::id(configuration, "/properties/subnet")?).ok()?;
                // Only what DHCP gives: cloud-init would put the others on the interface too, and Azure's
                // network plug-in, whose addresses they are, is not here.
                let private = body::address(configuration, "/properties/privateIPAddress")?;
                Some(Interface {
                    mac: digits(&mac_of(&interface.address.id)),
                    subnet: subnet.plan.network.into(),
                    addresses: vec![MachineAddress { private, public: None }],
                })
            })
            .collect();
        if interfaces.is_empty() {
            return None;
        }
        let id = &machine.address.id;
        let own = |pointer: &str| machine.text(pointer).unwrap_or_default().to_owned();
        let image = machine.body.pointer("/properties/storageProfile/imageReference");
        let image = image.filter(|image| image["offer"].is_string()).map(|image| {
            let part = |name: &str| image[name].as_str().unwrap_or_default().to_owned();
            Image { publisher: part("publisher"), offer: part("offer"), sku: part("sku"), version: part("version") }
        });
        let keys = items(&machine.body, "/properties/osProfile/linuxConfiguration/ssh/publicKeys")
            .filter_map(|key| Some((text(key, "/path")?.to_owned(), text(key, "/keyData")?.to_owned())));
        let linux = &machine.body["properties"]["osProfile"]["linuxConfiguration"];
        let tags: BTreeMap<String, String> = machine.body["tags"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect();
        Some(Machine {
            id: id.clone(),
            name: body::last(id).to_owned(),
            computer_name: own("/properties/osProfile/computerName"),
            vm_id: own("/properties/vmId"),
            size: own("/properties/hardwareProfile/vmSize"),
            location: own("/location"),
            resource_group: body::group(id).to_owned(),
            subscription_id: body::subscription(id).to_owned(),
            environment: "AzurePublicCloud".to_owned(),
            zone: items(&machine.body, "/zones").find_map(|zone| zone.as_str().map(str::to_owned)),
            fault_domain: 0,
            update_domain: 0,
            scale_set: None,
            system: SystemKind::Linux,
            image,
            administrator: Administrator {
                name: own("/properties/osProfile/adminUsername"),
                password_disabled: linux["disablePasswordAuthentication"].as_bool().unwrap_or_default(),
                public_keys: keys.collect(),
            },
            tags,
            interfaces,
        })
    }

    /// A balancer as the gateway of a network has it: nothing if it has nothing to do there.
    fn balancer(&self, balancer: &Record, network: &Record) -> Option<Balancer> {
        let interfaces: Vec<&Record> = self.interfaces_of(&network.address.id).collect();
        let members = |part: &str, id: &str| -> Vec<(String, IpAddr)> {
            let mut members: Vec<(String, IpAddr)> = interfaces
                .iter()
                .flat_map(|interface| {
                    items(&interface.body, "/properties/ipConfigurations")
                        .filter(move |it| {
                            items(it, &format!("/properties/{part}"))
                                .any(|named| named["id"].as_str().is_some_and(|named| body::same(named, id)))
                        })
                        .filter_map(|it| {
                            Some((self.holder(interface), body::address(it, "/properties/privateIPAddress")?))
                        })
                })
                .collect();
            members.sort();
            members
        };
        let mut fronts = BTreeMap::new();
        for front in items(&balancer.body, "/properties/frontendIPConfigurations") {
            let public = body::id(front, "/properties/publicIPAddress");
            let address = match public {
                Some(public) => body::address(&self.ledger.get(public)?.body, "/properties/ipAddress")?,
                None => {
                    let subnet = body::id(front, "/properties/subnet")?;
                    let own = body::parent(subnet, "/subnets/")?;
                    if !body::same(own, &network.address.id) {
                        continue;
                    }
                    body::address(front, "/properties/privateIPAddress")?
                }
            };
            let name = text(front, "/name")?.to_owned();
            fronts.insert(name.to_ascii_lowercase(), Frontend { name, address, public: public.is_some() });
        }
        let mut rules = Vec::new();
        for rule in items(&balancer.body, "/properties/loadBalancingRules") {
            let pool = body::id(rule, "/properties/backendAddressPool").unwrap_or_default();
            let members = members("loadBalancerBackendAddressPools", pool);
            rules.extend(self::rule(rule, &fronts, members, probe(&balancer.body, rule)));
        }
        let mut nat_rules = Vec::new();
        for rule in items(&balancer.body, "/properties/inboundNatRules") {
            let id = rule["id"].as_str().unwrap_or_default();
            let members = members("loadBalancerInboundNatRules", id);
            nat_rules.extend(self::rule(rule, &fronts, members, None));
        }
        // A balancer for the way out only, or one whose machines are in another network.
        let is_here = |rule: &Rule| {
            !rule.backends.is_empty() || fronts.values().any(|it| !it.public && it.address == rule.listen.ip())
        };
        if !rules.iter().chain(&nat_rules).any(is_here) {
            return None;
        }
        rules.sort_by(|one, other| one.name.cmp(&other.name));
        nat_rules.sort_by(|one, other| one.name.cmp(&other.name));
        let is_public = |rule: &Rule| fronts.values().any(|front| front.public && front.address == rule.listen.ip());
        let [rules, nat_rules] = [rules, nat_rules].map(|rules| -> Vec<Rule> {
            let guarded = |rule: Rule| if is_public(&rule) { self.guarded(rule, network) } else { Some(rule) };
            rules.into_iter().filter_map(guarded).collect()
        });
        let id = balancer.address.id.clone();
        let name = body::last(&id).to_owned();
        Some(Balancer { id, name, frontends: fronts.into_values().collect(), rules, nat_rules })
    }

    /// A rule of a public front end with those whose connections it takes: the machines' security groups say so, and machines
    /// themselves see the front end's address only. Nothing if it is nobody's.
    fn guarded(&self, rule: Rule, network: &Record) -> Option<Rule> {
        let surroundings = told::surroundings(network).ok()?;
        let everybody = vec![Ipv4Net::default()];
        let mut sources = everybody.clone();
        for backend in &rule.backends {
            let IpAddr::V4(address) = backend.address.ip() else { continue };
            let interface = self
                .interfaces_of(&network.address.id)
                .find(|it| told::addresses_of_interface(it).any(|own| own == backend.address.ip()))?;
            let Some(group) = self.security_group_of(interface).ok()? else { continue };
            let rules = security::rules(&self.ledger.get(&group)?.body, &surroundings).ok()?;
            let own = security::sources(&rules, address, backend.address.port());
            // Whoever is let in is let in to each.
            sources = security::common(&sources, &own);
        }
        if sources == everybody {
            return Some(rule);
        }
        // The host goes on to see after its clusters.
        let fronts = fronts(&network.local).and_then(|fronts| fronts.hosts().next());
        sources.extend(surroundings.hosts.into_iter().chain(fronts).map(Ipv4Net::from));
        let sources = Ipv4Net::aggregate(&sources);
        (!sources.is_empty()).then(|| Rule { sources: sources.into_iter().map(IpNet::V4).collect(), ..rule })
    }

    /// What a network's gateway leads in: from which front end to which port.
    pub(super) fn led(&self, network: &Record) -> Vec<(Ipv4Addr, u16)> {
        let balancers = self.ledger.of_type(types::BALANCER).filter_map(|balancer| self.balancer(balancer, network));
        let mut led = BTreeSet::new();
        for balancer in balancers {
            let public = |rule: &&Rule| balancer.frontends.iter().any(|it| it.public && it.address == rule.listen.ip());
            for rule in balancer.rules.iter().chain(&balancer.nat_rules).filter(public) {
                let IpAddr::V4(front) = rule.listen.ip() else { continue };
                led.extend(rule.backends.iter().map(|backend| (front, backend.address.port())));
            }
        }
        led.into_iter().collect()
    }

    /// The name of the machine that has an interface, or the interface's.
    fn holder(&self, interface: &Record) -> String {
        let machine = self.ledger.of_type(types::MACHINE).find(|machine| {
            told::interfaces_of_machine(&machine.body).iter().any(|id| body::same(id, &interface.address.id))
        });
        body::last(&machine.unwrap_or(interface).address.id).to_owned()
    }
}

fn sorted(addresses: impl Iterator<Item = IpNet>) -> Vec<IpNet> {
    let mut all: Vec<IpNet> = addresses.collect();
    all.sort();
    all.dedup();
    all
}

fn rule(
    rule: &Json,
    fronts: &BTreeMap<String, Frontend>,
    members: Vec<(String, IpAddr)>,
    probe: Option<Probe>,
) -> Option<Rule> {
    let port = |name: &str| u16::try_from(number(rule, &format!("/properties/{name}"))?).ok();
    let front = body::id(rule, "/properties/frontendIPConfiguration")?;
    let front = fronts.get(&body::last(front).to_ascii_lowercase())?;
    // A floating address is the machine's own as well: then the port stays what it was.
    let is_floating = rule["properties"]["enableFloatingIP"].as_bool() == Some(true);
    let backend = if is_floating { port("frontendPort")? } else { port("backendPort")? };
    Some(Rule {
        name: text(rule, "/name")?.to_owned(),
        protocol: TransportProtocol::Tcp,
        listen: SocketAddr::new(front.address, port("frontendPort")?),
        backends: members
            .into_iter()
            .map(|(name, address)| Backend { name, address: SocketAddr::new(address, backend) })
            .collect(),
        probe,
        idle_timeout_minutes: number(rule, "/properties/idleTimeoutInMinutes")
            .and_then(|minutes| u32::try_from(minutes).ok())
            .unwrap_or(4),
        by_source: text(rule, "/properties/loadDistribution").is_some_and(|word| word.starts_with("SourceIP")),
        sources: Vec::new(),
    })
}

fn probe(balancer: &Json, rule: &Json) -> Option<Probe> {
    let id = body::id(rule, "/properties/probe")?;
    let probe = items(balancer, "/properties/probes")
        .find(|probe| text(probe, "/name").is_some_and(|name| name.eq_ignore_ascii_case(body::last(id))))?;
    let whole = |name: &str, default: u32| {
        number(probe, &format!("/properties/{name}")).and_then(|value| u32::try_from(value).ok()).unwrap_or(default)
    };
    Some(Probe {
        protocol: match text(probe, "/properties/protocol")?.to_ascii_lowercase().as_str() {
            "http" => ProbeProtocol::Http,
            "https" => ProbeProtocol::Https,
            _ => ProbeProtocol::Tcp,
        },
        port: u16::try_from(number(probe, "/properties/port")?).ok()?,
        path: text(probe, "/properties/requestPath").map(str::to_owned),
        interval_seconds: whole("intervalInSeconds", 15),
        failures: whole("numberOfProbes", 2),
    })
}
