//! What is needed of a subscription: by a cluster that is to be made, or by the steps of a plan.
//!
//! Of a plan only what is new counts: what exists is in Azure's own usages already.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::contract::{Change, ChangeKind, Operation};
use crate::graph::{Context, GROUP_TYPE, NothingKnown, Scope, Value};
use crate::model::{Availability, Cluster, Image, Priority};
use crate::plan::{Plan, World};

/// What the one who makes a cluster must be allowed to do.
pub(super) const ACTIONS: [&str; 6] = [
    "Microsoft.Resources/subscriptions/resourceGroups/write",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/virtualMachines/extensions/write",
    "Microsoft.Network/virtualNetworks/write",
    "Microsoft.Network/networkInterfaces/write",
    "Microsoft.Network/loadBalancers/write",
];
pub(super) const ASSIGN_ROLES: &str = "Microsoft.Authorization/roleAssignments/write";

/// What is needed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Demand {
    /// Machines by their size, without those on spare capacity.
    pub machines: BTreeMap<String, u32>,
    /// Machines on spare capacity (Spot), which have a quota of their own, by their size.
    pub spot_machines: BTreeMap<String, u32>,
    /// The zones that machines of a size are put into.
    pub zones: BTreeMap<String, BTreeSet<String>>,
    /// The most fault domains that an availability set asks for.
    pub fault_domains: u32,
    /// Public addresses.
    pub public_addresses: u32,
    /// The labels of public names.
    pub dns_labels: BTreeSet<String>,
    /// What has to be allowed, such as `Microsoft.Compute/virtualMachines/write`.
    pub actions: BTreeSet<String>,
    /// Addresses that are taken from subnets which exist, by the subnet's id.
    pub subnet_addresses: BTreeMap<String, u32>,
    /// Marketplace images: publisher, offer, SKU, version.
    pub images: BTreeSet<[String; 4]>,
    /// The ids of what is written.
    pub writes: BTreeSet<String>,
    /// The ids of what is deleted.
    pub deletes: BTreeSet<String>,
    /// What is created, without secrets and as far as it is known; one of each type and size. Policies are asked about it.
    pub contents: Vec<Json>,
    /// Whether the resource group is made, too.
    pub makes_group: bool,
}

impl Demand {
    /// What every cluster needs.
    pub(super) fn of_any() -> Self {
        Self { actions: ACTIONS.map(str::to_owned).into(), ..Self::default() }
    }

    /// What a cluster needs that does not exist yet.
    pub fn of(cluster: &Cluster, assigns_roles: bool) -> Self {
        let actions = ACTIONS.into_iter().chain(Some(ASSIGN_ROLES).filter(|_| assigns_roles));
        let mut demand = Self { actions: actions.map(str::to_owned).collect(), ..Self::default() };
        let control_plane = &cluster.control_plane;
        demand.add_machines(&control_plane.vm_size, control_plane.count, false);
        demand.images.extend(marketplace(&control_plane.image));
        for pool in &cluster.pools {
            demand.add_machines(&pool.vm_size, pool.count, matches!(pool.priority, Priority::Spot { .. }));
            if !pool.zones.is_empty() {
                demand.zones.entry(pool.vm_size.clone()).or_default().extend(pool.zones.iter().cloned());
            }
            if pool.availability == Availability::AvailabilitySet {
                demand.fault_domains = demand.fault_domains.max(pool.fault_domain_count);
            }
            if let Some(subnet) = &pool.subnet_id {
                *demand.subnet_addresses.entry(subnet.clone()).or_default() += pool.count * pool.addresses_per_node;
            }
            demand.images.extend(marketplace(&pool.image));
            if pool.public_ip_per_node {
                demand.public_addresses += pool.count;
            }
        }
        if cluster.public_fqdn() == cluster.api_server_host() {
            demand.public_addresses += 1;
            demand.dns_labels.insert(cluster.dns_prefix.clone());
        }
        demand
    }

    /// What the steps of a plan need. `world` tells what values mean that refer to other resources; without it only what is
    /// asked for by its id is known, which is all that a deletion needs.
    pub fn of_plan(plan: &Plan, world: Option<&World<'_>>) -> Self {
        let mut demand = Self::default();
        let (mut contents, mut made) = (BTreeMap::new(), BTreeSet::new());
        for step in &plan.steps {
            let Operation::Change(change) = &step.operation else { continue };
            demand.touch(&plan.scope, change);
            if change.kind == ChangeKind::Delete {
                continue;
            }
            let node = world.and_then(|world| Some((world, world.graph.node(&change.key)?)));
            let context = match node {
                Some((world, node)) => world.context(node),
                None => Context { scope: &plan.scope, index: change.index, lookup: &NothingKnown },
            };
            let body = Body { value: &change.body, context };
            let before = node.and_then(|(world, node)| world.observed.get(&node.key)?.observation.as_ref());
            demand.add(change, &body, before.map(|before| &before.body));
            if change.kind == ChangeKind::Create {
                made.extend(id_of(&plan.scope, change).map(|id| id.to_ascii_lowercase()));
                let size = body.text("/properties/hardwareProfile/vmSize").or_else(|| body.text("/sku/name"));
                contents.entry((&*change.resource_type, size)).or_insert_with(|| body.content(change));
            }
        }
        demand.contents = contents.into_values().collect();
        // A network that is about to be made has no subnets to look at.
        demand.subnet_addresses.retain(|subnet, _| {
            let subnet = subnet.to_ascii_lowercase();
            !subnet.split("/subnets/").next().is_some_and(|network| made.contains(network))
        });
        demand
    }

    fn add_machines(&mut self, size: &str, count: u32, on_spare_capacity: bool) {
        let machines = if on_spare_capacity { &mut self.spot_machines } else { &mut self.machines };
        *machines.entry(size.to_owned()).or_default() += count;
    }

    /// The sizes of all machines.
    pub(super) fn sizes(&self) -> BTreeSet<&str> {
        self.machines.keys().chain(self.spot_machines.keys()).map(String::as_str).collect()
    }

    /// What has to be allowed for a change, and where it takes place.
    fn touch(&mut self, scope: &Scope, change: &Change) {
        let kind = &*change.resource_type;
        let verb = if change.kind == ChangeKind::Delete { "delete" } else { "write" };
        let is_group = kind.eq_ignore_ascii_case(GROUP_TYPE);
        let action = if is_group {
            "Microsoft.Resources/subscriptions/resourceGroups"
        } else if kind.to_ascii_lowercase().ends_with("/roleassignments") {
            // It may lie in a resource: then its type begins with that one's.
            "Microsoft.Authorization/roleAssignments"
        } else {
            kind
        };
        self.actions.insert(format!("{action}/{verb}"));
        // What has no name yet is at least in the group.
        let id = id_of(scope, change).unwrap_or_else(|| scope.group_id());
        match change.kind {
            ChangeKind::Delete => self.deletes.insert(id),
            ChangeKind::Create | ChangeKind::Update => self.writes.insert(id),
        };
        self.makes_group |= is_group && change.kind == ChangeKind::Create;
    }

    /// What one resource uses more than before.
    fn add(&mut self, change: &Change, body: &Body<'_>, before: Option<&Json>) {
        let kind = change.resource_type.to_ascii_lowercase();
        if kind == "microsoft.compute/virtualmachinescalesets" {
            self.add_scale_set(body, before.filter(|_| change.kind == ChangeKind::Update));
            return;
        }
        if change.kind != ChangeKind::Create {
            return;
        }
        match kind.as_str() {
            "microsoft.compute/virtualmachines" => {
                let Some(size) = body.text("/properties/hardwareProfile/vmSize") else { return };
                self.add_machines(&size, 1, body.text("/properties/priority").is_some_and(|word| word == "Spot"));
                self.add_placement(&size, body);
                self.images.extend(body.image("/properties/storageProfile/imageReference"));
            }
            "microsoft.compute/availabilitysets" => {
                let domains = body.number("/properties/platformFaultDomainCount").unwrap_or_default();
                self.fault_domains = self.fault_domains.max(domains);
            }
            "microsoft.network/publicipaddresses" => {
                self.public_addresses += 1;
                self.dns_labels.extend(body.text("/properties/dnsSettings/domainNameLabel"));
            }
            "microsoft.network/networkinterfaces" => self.add_addresses(&body.at("/properties/ipConfigurations"), 1),
            "microsoft.network/loadbalancers" => {
                self.add_addresses(&body.at("/properties/frontendIPConfigurations"), 1);
            }
            _ => {}
        }
    }

    fn add_scale_set(&mut self, body: &Body<'_>, before: Option<&Json>) {
        let had = before.and_then(|before| before.pointer("/sku/capacity")?.as_u64()).unwrap_or_default();
        let had = u32::try_from(had).unwrap_or(u32::MAX);
        let more = body.number("/sku/capacity").unwrap_or_default().saturating_sub(had);
        let (Some(size), 1..) = (body.text("/sku/name"), more) else { return };
        const PROFILE: &str = "/properties/virtualMachineProfile";
        let on_spare_capacity = body.text(&format!("{PROFILE}/priority")).is_some_and(|word| word == "Spot");
        self.add_machines(&size, more, on_spare_capacity);
        self.add_placement(&size, body);
        self.images.extend(body.image(&format!("{PROFILE}/storageProfile/imageReference")));
        let cards = body.at(&format!("{PROFILE}/networkProfile/networkInterfaceConfigurations"));
        for card in cards.as_array().into_iter().flatten() {
            let addresses = card.pointer("/properties/ipConfigurations").unwrap_or(&Json::Null);
            self.add_addresses(addresses, more);
            let public = addresses.as_array().into_iter().flatten();
            let public = public.filter(|one| one.pointer("/properties/publicIPAddressConfiguration").is_some());
            self.public_addresses += more * u32::try_from(public.count()).unwrap_or_default();
        }
    }

    fn add_placement(&mut self, size: &str, body: &Body<'_>) {
        let zones = body.at("/zones");
        let zones: Vec<String> =
            zones.as_array().into_iter().flatten().filter_map(|zone| Some(zone.as_str()?.to_owned())).collect();
        if !zones.is_empty() {
            self.zones.entry(size.to_owned()).or_default().extend(zones);
        }
    }

    /// The addresses that IP configurations take from their subnets.
    fn add_addresses(&mut self, configurations: &Json, times: u32) {
        for one in configurations.as_array().into_iter().flatten() {
            if let Some(subnet) = one.pointer("/properties/subnet/id").and_then(Json::as_str) {
                *self.subnet_addresses.entry(subnet.to_owned()).or_default() += times;
            }
        }
    }
}

/// The id of what a step changes, if its name is known.
fn id_of(scope: &Scope, change: &Change) -> Option<String> {
    Some(scope.resource_id(&change.resource_type, change.name.as_str()?))
}

/// A marketplace image as Azure's addresses have it.
fn marketplace(image: &Image) -> Option<[String; 4]> {
    match image {
        Image::Marketplace { publisher, offer, sku, version, .. } => {
            Some([publisher, offer, sku, version].map(|part| part.to_string()))
        }
        _ => None,
    }
}

/// A body of a plan, and where its values stand.
struct Body<'a> {
    value: &'a Value,
    context: Context<'a>,
}

impl Body<'_> {
    /// What is known at a pointer; null if nothing is.
    fn at(&self, pointer: &str) -> Json {
        let found = pointer.split('/').skip(1).try_fold(self.value, |value, name| value.get(name));
        found.and_then(|found| self.known(found)).unwrap_or_default()
    }

    fn text(&self, pointer: &str) -> Option<String> {
        Some(self.at(pointer).as_str()?.to_owned())
    }

    fn number(&self, pointer: &str) -> Option<u32> {
        self.at(pointer).as_u64()?.try_into().ok()
    }

    fn image(&self, pointer: &str) -> Option<[String; 4]> {
        let image = self.at(pointer);
        let part = |name: &str| Some(image.get(name)?.as_str()?.to_owned());
        Some([part("publisher")?, part("offer")?, part("sku")?, part("version")?])
    }

    /// The resource as far as it is known and no secret, with its type and name.
    fn content(&self, change: &Change) -> Json {
        let mut content = self.known(self.value).filter(Json::is_object).unwrap_or_else(|| serde_json::json!({}));
        content["type"] = (*change.resource_type).into();
        content["name"] = change.key.name().into();
        content
    }

    /// A value without what is not known yet, and without secrets.
    fn known(&self, value: &Value) -> Option<Json> {
        match value {
            Value::Object(entries) => {
                let known =
                    |(name, value): (&std::sync::Arc<str>, &Value)| Some((name.to_string(), self.known(value)?));
                Some(Json::Object(entries.iter().filter_map(known).collect()))
            }
            Value::Array(values) => Some(values.iter().filter_map(|value| self.known(value)).collect()),
            Value::Secret(_) => None,
            other => other.resolve_digested(&self.context).ok().filter(|known| known.get("$secret").is_none()),
        }
    }
}
