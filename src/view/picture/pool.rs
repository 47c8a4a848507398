//! Pools of machines, as the picture shows them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::items::{Item, Kind};
use super::read::{anywhere, at, is, list, name, resolved, text};
use crate::expand::CONTROL_PLANE_POOL;
use crate::graph::{Resource, ResourceGraph, Value};

/// Machines that are made alike: the control plane, a pool in an availability set or in zones, a scale set, or a machine
/// that stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The pool as a whole.
    pub item: Item,
    /// What it is in one line: number, size, system.
    pub summary: String,
    /// What belongs to it and to nothing else.
    pub badges: Vec<Item>,
    /// Its machines by index. An autoscaler may change those of a scale set later.
    pub machines: Vec<Item>,
    /// The symbols of its machine or scale set and of the network interfaces.
    pub(super) members: BTreeSet<Arc<str>>,
    /// The name of its series.
    pub(super) series: Option<Arc<str>>,
}

/// The pool that a machine's or scale set's declaration stands for.
pub(super) fn read(graph: &ResourceGraph, resource: &Resource) -> Pool {
    let scale_set = is(resource, "virtualMachineScaleSets");
    let series = resource.series.as_ref().map(|series| Arc::clone(&series.name));
    let windows = anywhere(&resource.properties, "windowsConfiguration").is_some();
    let kind = match (series.as_deref(), windows) {
        (Some(CONTROL_PLANE_POOL), _) => Kind::ControlPlane,
        (_, true) => Kind::Windows,
        (_, false) => Kind::Worker,
    };
    let members = members(graph, resource, series.as_ref());
    let machines = if scale_set { instances(graph, resource, kind) } else { machines(graph, resource, kind, &members) };
    let size = if scale_set {
        text(&resource.fields, &["sku", "name"])
    } else {
        text(&resource.properties, &["hardwareProfile", "vmSize"])
    };
    let unknown = graph.instances(&resource.symbol).any(|node| node.unexpanded);
    let number = match machines.len() {
        _ if unknown => "a number of machines not known yet".to_owned(),
        1 => "1 machine".to_owned(),
        number => format!("{number} machines"),
    };
    let system = if windows { "Windows" } else { "Linux" };
    let spot = anywhere(&resource.properties, "priority").and_then(Value::as_str) == Some("Spot");
    let mut parts = vec![number.clone(), size.clone(), system.to_owned()];
    if scale_set {
        parts.insert(1, "scale set".to_owned());
    }
    if spot {
        parts.push("spot".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    let (what, own_name) = match (kind, &series) {
        (Kind::ControlPlane, _) => ("Control plane".to_owned(), String::new()),
        (_, Some(series)) => ("Pool".to_owned(), series.to_string()),
        (_, None) if scale_set => ("Pool".to_owned(), pool_tag(resource).unwrap_or_else(|| name(graph, resource))),
        (_, None) => ("Machine".to_owned(), name(graph, resource)),
    };
    let item = Item::new(kind, what, own_name)
        .detail("Machines", number)
        .detail("Scale set", if scale_set { name(graph, resource) } else { String::new() })
        .detail("Size", size)
        .detail("System", system)
        .detail("Image", image(&resource.properties))
        .detail("Priority", if spot { "spot" } else { "" })
        .detail("Disks", disks(&resource.properties));
    Pool { item, summary: parts.join(" · "), badges: Vec::new(), machines, members, series }
}

/// The pool's name that machines of a scale set carry as a tag.
fn pool_tag(resource: &Resource) -> Option<String> {
    let name = text(&resource.fields, &["tags", "poolName"]);
    (!name.is_empty()).then_some(name)
}

/// The machine and the network interfaces that it refers to.
fn members(graph: &ResourceGraph, resource: &Resource, series: Option<&Arc<str>>) -> BTreeSet<Arc<str>> {
    let mut members = BTreeSet::from([Arc::clone(&resource.symbol)]);
    for reference in resource.references() {
        if let Some(other) = graph.declaration(&reference.symbol).filter(|other| is(other, "networkInterfaces"))
            && other.series.as_ref().map(|series| &series.name) == series
        {
            members.insert(Arc::clone(&other.symbol));
        }
    }
    members
}

fn machines(graph: &ResourceGraph, resource: &Resource, kind: Kind, members: &BTreeSet<Arc<str>>) -> Vec<Item> {
    let interface =
        members.iter().filter_map(|symbol| graph.declaration(symbol)).find(|it| is(it, "networkInterfaces"));
    let address = interface.and_then(|interface| anywhere(&interface.properties, "privateIPAddress"));
    let zones = resource.fields.get("zones");
    graph
        .instances(&resource.symbol)
        .map(|node| {
            Item::new(kind, "Machine", node.name.as_deref().unwrap_or_else(|| node.key.name()))
                .detail("Address", resolved(graph, address, node.index))
                .detail("Zone", resolved(graph, zones, node.index))
        })
        .collect()
}

/// The machines of a scale set, as Azure will number them at first.
fn instances(graph: &ResourceGraph, resource: &Resource, kind: Kind) -> Vec<Item> {
    let capacity: u32 = text(&resource.fields, &["sku", "capacity"]).parse().unwrap_or(0);
    let name = name(graph, resource);
    (0..capacity).map(|index| Item::new(kind, "Instance", format!("{name}_{index}"))).collect()
}

fn image(properties: &Value) -> String {
    let Some(image) = anywhere(properties, "imageReference") else { return String::new() };
    let parts = ["publisher", "offer", "sku"].map(|part| text(image, &[part]));
    if parts.iter().all(String::is_empty) { text(image, &["id"]) } else { parts.join(" ") }
}

fn disks(properties: &Value) -> String {
    let Some(storage) = anywhere(properties, "storageProfile") else { return String::new() };
    let mut disks = Vec::new();
    let system = text(storage, &["osDisk", "diskSizeGB"]);
    if !system.is_empty() {
        disks.push(format!("system {system} GiB"));
    } else if at(storage, &["osDisk"]).is_some() {
        disks.push("system".to_owned());
    }
    for disk in list(storage, &["dataDisks"]) {
        disks.push(format!("data {} GiB", text(disk, &["diskSizeGB"])));
    }
    disks.join(", ")
}
