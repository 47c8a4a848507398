//! What is drawn, read from the graph: nested boxes, and the edges from balancers to the pools they send to.

use std::collections::BTreeSet;

use super::items::{Item, Kind};
use super::pool::{self, Pool};
use super::read::{anywhere, at, is, list, name, resolved, text, words};
use crate::graph::{GROUP_TYPE, Reference, Resource, ResourceGraph, Value};

/// A cluster as nested boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The resource group, which holds everything.
    pub group: Item,
    /// The load balancers in order of declaration.
    pub balancers: Vec<Balancer>,
    /// The networks, those that the model gives and the engine does not make among them.
    pub networks: Vec<Network>,
    /// The pools. Networks hold them by their place here.
    pub pools: Vec<Pool>,
    /// The places of the pools that stand in no network that is known.
    pub elsewhere: Vec<usize>,
    /// What belongs to nothing in particular.
    pub others: Vec<Item>,
    /// Which balancer sends to which pool.
    pub edges: Vec<Edge>,
}

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balancer {
    /// The balancer.
    pub item: Item,
    /// Its public addresses.
    pub addresses: Vec<Item>,
    /// What it does, a line each.
    pub lines: Vec<String>,
    /// The network and subnet, by their places, in which an internal one has its address.
    pub inside: Option<(usize, usize)>,
}

/// A virtual network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The network.
    pub item: Item,
    /// Whether the model gives it, so that the engine does not make it.
    pub given: bool,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// The subnet.
    pub item: Item,
    /// Its range, if it is known.
    pub range: String,
    /// What rules it: security group, route table, NAT gateway.
    pub badges: Vec<Item>,
    /// The pools in it, by their places.
    pub pools: Vec<usize>,
}

/// A balancer that sends to a pool, both by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The balancer's place.
    pub balancer: usize,
    /// The pool's place.
    pub pool: usize,
}

impl Picture {
    /// The picture of a graph.
    pub fn of(graph: &ResourceGraph) -> Self {
        let scope = graph.scope();
        let mut picture = Self {
            group: Item::new(Kind::Group, "Resource group", scope.resource_group.as_str())
                .detail("Location", scope.location.as_str()),
            balancers: Vec::new(),
            networks: Vec::new(),
            pools: Vec::new(),
            elsewhere: Vec::new(),
            others: Vec::new(),
            edges: Vec::new(),
        };
        let declared: Vec<&Resource> = graph.declarations().map(AsRef::as_ref).collect();
        for resource in declared.iter().filter(|resource| is(resource, "virtualNetworks")) {
            picture.networks.push(network(graph, resource));
        }
        for resource in &declared {
            if is(resource, "virtualMachines") || is(resource, "virtualMachineScaleSets") {
                let pool = pool::read(graph, resource);
                picture.put_into_subnet(graph, &pool);
                picture.pools.push(pool);
            }
        }
        for resource in declared.iter().filter(|resource| is(resource, "loadBalancers")) {
            picture.add_balancer(graph, resource);
        }
        for resource in declared {
            picture.add_rest(graph, resource);
        }
        picture
    }

    /// How many machines there are, such as `3 control-plane machines, 12 machines in 2 pools`.
    pub fn machines_in_words(&self) -> String {
        let counted = |number: usize, of: &str| format!("{number} {of}{}", if number == 1 { "" } else { "s" });
        let (plane, others): (Vec<&Pool>, Vec<&Pool>) =
            self.pools.iter().partition(|pool| pool.item.kind == Kind::ControlPlane);
        let (pools, alone): (Vec<&Pool>, Vec<&Pool>) = others.into_iter().partition(|pool| pool.item.what == "Pool");
        let machines = |pools: &[&Pool]| pools.iter().map(|pool| pool.machines.len()).sum::<usize>();
        let mut parts = Vec::new();
        if !plane.is_empty() {
            parts.push(counted(machines(&plane), "control-plane machine"));
        }
        if !pools.is_empty() {
            parts.push(format!("{} in {}", counted(machines(&pools), "machine"), counted(pools.len(), "pool")));
        }
        if !alone.is_empty() {
            parts.push(counted(machines(&alone), "other machine"));
        }
        parts.join(", ")
    }

    /// The place of the subnet that an id means. A network that only an id names is added.
    fn subnet(&mut self, graph: &ResourceGraph, id: &Value) -> Option<(usize, usize)> {
        let (network_name, given, subnet_name) = match id {
            Value::String(id) => {
                let part = |kind: &str| {
                    let mut parts = id.split('/');
                    parts.find(|part| part.eq_ignore_ascii_case(kind))?;
                    parts.next()
                };
                (part("virtualNetworks")?.to_owned(), true, part("subnets")?.to_owned())
            }
            Value::Call(_, arguments) => {
                let Some(Value::Reference(reference)) = arguments.first() else { return None };
                let name = name(graph, graph.declaration(&reference.symbol)?);
                (name, false, arguments.get(1)?.as_str()?.rsplit('/').next()?.to_owned())
            }
            _ => return None,
        };
        let known =
            self.networks.iter().position(|network| network.item.name == network_name && network.given == given);
        let network = known.unwrap_or_else(|| {
            let item = Item::new(Kind::Network, "Given network", network_name).detail("Made by", "somebody else");
            self.networks.push(Network { item, given, subnets: Vec::new() });
            self.networks.len() - 1
        });
        let subnets = &mut self.networks[network].subnets;
        let known = subnets.iter().position(|subnet| subnet.item.name == subnet_name);
        let subnet = known.unwrap_or_else(|| {
            let item = Item::new(Kind::Subnet, "Subnet", subnet_name);
            subnets.push(Subnet { item, range: String::new(), badges: Vec::new(), pools: Vec::new() });
            subnets.len() - 1
        });
        Some((network, subnet))
    }

    /// Puts a pool, which is about to be the last one, where its interfaces are.
    fn put_into_subnet(&mut self, graph: &ResourceGraph, pool: &Pool) {
        let members = pool.members.iter().filter_map(|symbol| graph.declaration(symbol));
        let id =
            members.filter_map(|member| anywhere(&member.properties, "subnet")).find_map(|subnet| subnet.get("id"));
        let place = self.pools.len();
        match id.and_then(|id| self.subnet(graph, id)) {
            Some((network, subnet)) => self.networks[network].subnets[subnet].pools.push(place),
            None => self.elsewhere.push(place),
        }
    }

    fn add_balancer(&mut self, graph: &ResourceGraph, resource: &Resource) {
        let inside = list(&resource.properties, &["frontendIPConfigurations"])
            .iter()
            .find_map(|front_end| at(front_end, &["properties", "subnet", "id"]))
            .and_then(|id| self.subnet(graph, id));
        let addresses: BTreeSet<&str> = resource.references().iter().map(|reference| &*reference.symbol).collect();
        let addresses = addresses.into_iter().filter_map(|symbol| graph.declaration(symbol));
        let addresses: Vec<Item> =
            addresses.filter(|it| is(it, "publicIPAddresses")).map(|it| address(graph, it)).collect();
        let what = if inside.is_some() { "Internal load balancer" } else { "Load balancer" };
        let lines = balancer_lines(graph, resource);
        let mut item = Item::new(Kind::Balancer, what, name(graph, resource))
            .detail("Kind", text(&resource.fields, &["sku", "name"]));
        for line in &lines {
            item = item.detail("Does", line.as_str());
        }
        let balancer = self.balancers.len();
        self.balancers.push(Balancer { item, addresses, lines, inside });
        for (place, pool) in self.pools.iter().enumerate() {
            let mut members = pool.members.iter().filter_map(|symbol| graph.declaration(symbol));
            if members.any(|member| refers_to(member, resource)) {
                self.edges.push(Edge { balancer, pool: place });
            }
        }
    }

    /// Attaches what is no box of its own to what it belongs to.
    fn add_rest(&mut self, graph: &ResourceGraph, resource: &Resource) {
        let drawn = ["virtualNetworks", "virtualMachines", "virtualMachineScaleSets", "loadBalancers"];
        if resource.resource_type.eq_ignore_ascii_case(GROUP_TYPE) || drawn.iter().any(|last| is(resource, last)) {
            return;
        }
        let users: Vec<&Resource> =
            graph.declarations().map(AsRef::as_ref).filter(|other| refers_to(other, resource)).collect();
        // Networks and balancers have taken theirs already.
        if users
            .iter()
            .any(|user| is(user, "virtualNetworks") || (is(user, "loadBalancers") && is(resource, "publicIPAddresses")))
        {
            return;
        }
        let series = resource.series.as_ref().map(|series| &series.name);
        let owners: Vec<usize> = (0..self.pools.len())
            .filter(|place| {
                let pool = &self.pools[*place];
                (series.is_some() && pool.series.as_ref() == series)
                    || users.iter().any(|user| pool.members.contains(&user.symbol))
                    || resource.references().iter().any(|reference| pool.members.contains(&reference.symbol))
            })
            .collect();
        let item = if is(resource, "publicIPAddresses") { address(graph, resource) } else { rest(graph, resource) };
        match owners[..] {
            [owner] => self.pools[owner].badges.push(item),
            _ => self.others.push(item),
        }
    }
}

fn refers_to(user: &Resource, resource: &Resource) -> bool {
    user.references().iter().any(|reference| reference.symbol == resource.symbol)
}

fn network(graph: &ResourceGraph, resource: &Resource) -> Network {
    let ranges = resolved(graph, at(&resource.properties, &["addressSpace", "addressPrefixes"]), None);
    let subnets = list(&resource.properties, &["subnets"])
        .iter()
        .map(|subnet| {
            let mut range = text(subnet, &["properties", "addressPrefix"]);
            if range.is_empty() {
                range = resolved(graph, at(subnet, &["properties", "addressPrefixes"]), None);
            }
            let mut badges: Vec<Item> = Vec::new();
            let mut seen: Vec<&Reference> = Vec::new();
            for reference in subnet.references() {
                if !seen.contains(&reference) {
                    seen.push(reference);
                    badges.extend(graph.declaration(&reference.symbol).map(|resource| rest(graph, resource)));
                }
            }
            let item = Item::new(Kind::Subnet, "Subnet", text(subnet, &["name"])).detail("Range", range.as_str());
            Subnet { item, range, badges, pools: Vec::new() }
        })
        .collect();
    let item = Item::new(Kind::Network, "Virtual network", name(graph, resource)).detail("Ranges", ranges);
    Network { item, given: false, subnets }
}

fn address(graph: &ResourceGraph, resource: &Resource) -> Item {
    Item::new(Kind::Address, "Public address", name(graph, resource))
        .detail("DNS label", text(&resource.properties, &["dnsSettings", "domainNameLabel"]))
        .detail("Allocation", text(&resource.properties, &["publicIPAllocationMethod"]))
}

/// Anything that has no form of its own.
fn rest(graph: &ResourceGraph, resource: &Resource) -> Item {
    let kind = if is(resource, "networkSecurityGroups") || is(resource, "routeTables") {
        Kind::Rules
    } else if is(resource, "roleAssignments") || is(resource, "userAssignedIdentities") {
        Kind::Access
    } else if is(resource, "publicIPAddresses") {
        Kind::Address
    } else {
        Kind::Other
    };
    let instances = graph.instances(&resource.symbol).count();
    let called = if resource.series.is_some() { format!("× {instances}") } else { name(graph, resource) };
    let mut item = Item::new(kind, words(resource), called).detail("Type", &*resource.resource_type);
    for rule in list(&resource.properties, &["securityRules"]) {
        let get = |part: &str| text(rule, &["properties", part]);
        let mut sources = get("sourceAddressPrefix");
        if sources.is_empty() {
            sources = resolved(graph, at(rule, &["properties", "sourceAddressPrefixes"]), None);
        }
        let (direction, access, port) = (get("direction"), get("access"), get("destinationPortRange"));
        item = item.detail("Rule", format!("{direction} {access} {port} from {sources}").to_lowercase());
    }
    item
}

/// What a balancer does, a line each.
fn balancer_lines(graph: &ResourceGraph, resource: &Resource) -> Vec<String> {
    let mut lines = Vec::new();
    for front_end in list(&resource.properties, &["frontendIPConfigurations"]) {
        let own = resolved(graph, at(front_end, &["properties", "privateIPAddress"]), None);
        if !own.is_empty() {
            lines.push(format!("at {own}"));
        }
    }
    let get = |rule: &Value, part: &str| text(rule, &["properties", part]);
    for rule in list(&resource.properties, &["loadBalancingRules"]) {
        let (protocol, port) = (get(rule, "protocol").to_uppercase(), get(rule, "frontendPort"));
        lines.push(format!("{protocol} {port} → {}", get(rule, "backendPort")));
    }
    // Translations lead to one machine each; those to one port are told together.
    let mut translated: Vec<(String, Vec<String>)> = Vec::new();
    for rule in list(&resource.properties, &["inboundNatRules"]) {
        let port = get(rule, "backendPort");
        match translated.iter_mut().find(|(known, _)| *known == port) {
            Some((_, ports)) => ports.push(get(rule, "frontendPort")),
            None => translated.push((port, vec![get(rule, "frontendPort")])),
        }
    }
    for (port, from) in translated {
        let from = match &from[..] {
            [first, .., last] if from.len() > 3 => format!("{first} … {last}"),
            few => few.join(", "),
        };
        lines.push(format!("NAT {from} → {port}"));
    }
    if !list(&resource.properties, &["outboundRules"]).is_empty() {
        lines.push("outbound to the Internet".to_owned());
    }
    lines
}
