//! The members of the clusters: which machines are nodes, and what pods they run. A cluster is a resource group's; its
//! nodes follow from its machines, and only what cannot be derived is kept.
//!
//! Every machine joins that has an `osProfile` and does not call itself a jumpbox. Its API server is there once a
//! control-plane machine is (one with the tag `poolName: master`, or `master` in its host name), or any where there is none.

use serde_json::{Value as Json, json};

use super::places::text;
use super::world::{Entry, World};

/// From a machine's end of provisioning until its API server answers, in real seconds.
const API_SERVER: f64 = 15.0;
/// Until its node is Ready.
const JOIN: f64 = 20.0;
/// From a machine's end until its node is not Ready any more.
const GRACE: f64 = 40.0;
/// How long a pod takes to end.
const TERMINATION: f64 = 2.0;

/// A machine that takes part in a cluster, or did.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) is_control_plane: bool,
    pub(super) is_ready: bool,
    pub(super) unschedulable: bool,
    /// When it joined, in milliseconds of Unix time.
    pub(super) joined: i64,
    pub(super) uid: String,
    pub(super) provider_id: String,
    pub(super) size: String,
    pub(super) pool: String,
    pub(super) version: String,
    pub(super) address: Option<String>,
}

struct Host {
    name: String,
    moments: Moments,
    entry_id: String,
    uid: String,
    is_control_plane: bool,
    version: String,
    size: String,
    pool: String,
    card: Option<String>,
}

/// When what takes part is there, in milliseconds of Unix time.
struct Moments {
    /// Its API server answers, where it has one.
    api_server: i64,
    /// Its node is Ready.
    joined: i64,
}

impl Moments {
    /// Reads what [`moments`] made. A machine of a folder that an earlier version wrote has only its `ready`.
    fn of(world: &World, hidden: &Json) -> Option<Self> {
        let ready = hidden["ready"].as_i64()?;
        let after = |key: &str, seconds| {
            hidden[key].as_i64().unwrap_or_else(|| ready.saturating_add(world.milliseconds(seconds)))
        };
        Some(Self { api_server: after("apiServer", API_SERVER), joined: after("joined", JOIN) })
    }
}

/// What is remembered of a machine that is provisioned at a moment: also when its API server answers and its node is
/// Ready. Both follow from how fast time goes as it is made; who opens the folder later may let it go otherwise.
pub(super) fn moments(world: &World, ready: i64) -> [(&'static str, Json); 3] {
    let after = |seconds| json!(ready.saturating_add(world.milliseconds(seconds)));
    [("ready", json!(ready)), ("apiServer", after(API_SERVER)), ("joined", after(JOIN))]
}

impl Host {
    /// `body` is that of the machine, or of the scale set that the machine belongs to.
    fn new(name: &str, moments: Moments, entry_id: String, uid: &str, body: &Json) -> Self {
        let size = text(body, "/properties/hardwareProfile/vmSize").or_else(|| text(body, "/sku/name"));
        let version = text(body, "/tags/orchestrator").and_then(|tag| tag.rsplit(':').next()).unwrap_or("1.35.0");
        Self {
            name: name.to_ascii_lowercase(),
            moments,
            entry_id,
            uid: uid.to_owned(),
            is_control_plane: is_control_plane(body, name),
            version: format!("v{version}"),
            size: size.unwrap_or_default().to_owned(),
            pool: text(body, "/tags/poolName").unwrap_or_default().to_owned(),
            card: text(body, "/properties/networkProfile/networkInterfaces/0/id").map(str::to_owned),
        }
    }
}

fn is_control_plane(body: &Json, name: &str) -> bool {
    text(body, "/tags/poolName") == Some("master") || name.contains("master")
}

/// The machines of a group that take part, single ones and instances of scale sets; of all names, or of one. Reads
/// the documents in place: clusters are large, and this is asked for often.
fn hosts(world: &World, group: &str, wanted: Option<&str>) -> Vec<Host> {
    let prefix = format!("{}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachine", world.subscription());
    let is_wanted = |name: &str| {
        !name.to_ascii_lowercase().contains("jumpbox") && wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(name))
    };
    let mut hosts = Vec::new();
    for (id, document) in world.store.range(&prefix) {
        let (body, hidden) = (&document["body"], &document["hidden"]);
        let resource_type = text(document, "/resourceType").unwrap_or_default();
        match resource_type {
            "Microsoft.Compute/virtualMachines" => {
                let name = text(body, "/properties/osProfile/computerName").filter(|name| is_wanted(name));
                if let (Some(name), Some(moments)) = (name, Moments::of(world, hidden)) {
                    let uid = text(document, "/guid").unwrap_or_default();
                    hosts.push(Host::new(name, moments, id.to_owned(), uid, body));
                }
            }
            "Microsoft.Compute/virtualMachineScaleSets" => {
                for (instance_id, instance) in hidden["instances"].as_object().into_iter().flatten() {
                    let name = text(instance, "/computerName").filter(|name| is_wanted(name));
                    if let (Some(name), Some(moments)) = (name, Moments::of(world, instance)) {
                        let uid = text(instance, "/vmId").unwrap_or_default();
                        hosts.push(Host::new(name, moments, format!("{id}/virtualMachines/{instance_id}"), uid, body));
                    }
                }
            }
            _ => {}
        }
    }
    hosts
}

/// The version of a cluster whose API server answers; nothing if none does.
pub(super) fn api_server(world: &World, group: &str) -> Option<String> {
    let is_up = |host: &&Host| host.moments.api_server <= world.now;
    let hosts = hosts(world, group, None);
    let has_control_plane = hosts.iter().any(|host| host.is_control_plane);
    hosts.iter().filter(|host| host.is_control_plane || !has_control_plane).find(is_up).map(|host| host.version.clone())
}

fn node_key(group: &str, name: &str) -> String {
    format!("node/{group}/{name}").to_ascii_lowercase()
}

/// What is kept of a node.
pub(super) fn node_note(world: &World, group: &str, name: &str) -> Json {
    world.note(&node_key(group, name)).cloned().unwrap_or_else(|| json!({ "name": name }))
}

/// Keeps something of a node.
pub(super) fn put_node_note(world: &mut World, group: &str, name: &str, note: Json) {
    world.store.put(&node_key(group, name), note);
}

/// The nodes of a cluster by name: those of machines that joined, and those whose machines are gone.
pub(super) fn nodes(world: &World, group: &str) -> Vec<Node> {
    nodes_named(world, group, None)
}

/// One node.
pub(super) fn node(world: &World, group: &str, name: &str) -> Option<Node> {
    nodes_named(world, group, Some(name)).into_iter().find(|node| node.name == name)
}

fn nodes_named(world: &World, group: &str, wanted: Option<&str>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for host in hosts(world, group, wanted) {
        let joined = host.moments.joined;
        let note = node_note(world, group, &host.name);
        if joined > world.now || note["removed"] == host.uid.as_str() {
            continue;
        }
        names.insert(host.name.clone());
        nodes.push(Node {
            is_control_plane: host.is_control_plane,
            is_ready: true,
            unschedulable: note["unschedulable"] == true,
            joined,
            provider_id: format!("azure://{}", host.entry_id),
            address: host.card.as_deref().and_then(|card| address_of(world, card)),
            size: host.size,
            pool: host.pool,
            version: host.version,
            uid: host.uid,
            name: host.name,
        });
    }
    for (_, note) in world.store.range(&node_key(group, wanted.unwrap_or_default())) {
        let (Some(name), Some(gone)) = (text(note, "/name"), note["gone"].as_i64()) else { continue };
        if names.contains(name) {
            continue;
        }
        nodes.push(Node {
            name: name.to_owned(),
            is_control_plane: note["controlPlane"] == true,
            is_ready: gone.saturating_add(world.milliseconds(GRACE)) > world.now,
            unschedulable: note["unschedulable"] == true,
            joined: note["joined"].as_i64().unwrap_or(gone),
            uid: text(note, "/uid").unwrap_or_default().to_owned(),
            provider_id: text(note, "/providerId").unwrap_or_default().to_owned(),
            size: String::new(),
            pool: String::new(),
            version: text(note, "/version").unwrap_or_default().to_owned(),
            address: None,
        });
    }
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    nodes
}

fn address_of(world: &World, card: &str) -> Option<String> {
    let card = world.note(card)?;
    text(card, "/body/properties/ipConfigurations/0/properties/privateIPAddress").map(str::to_owned)
}

/// A machine is being taken away: its node stays and stops being Ready. Called while the machine is still known.
pub(super) fn machine_gone(world: &mut World, group: &str, entry: &Entry) {
    if let Some(name) = text(&entry.body, "/properties/osProfile/computerName") {
        host_gone(world, group, &name.to_ascii_lowercase());
    }
}

/// The same for an instance of a scale set.
pub(super) fn instance_gone(world: &mut World, group: &str, instance: &Json) {
    if let Some(name) = text(instance, "/computerName") {
        host_gone(world, group, &name.to_ascii_lowercase());
    }
}

fn host_gone(world: &mut World, group: &str, name: &str) {
    let Some(node) = node(world, group, name) else {
        // It never joined, or its node was removed before.
        world.store.remove(&node_key(group, name));
        return;
    };
    let mut note = node_note(world, group, name);
    note["gone"] = world.now.into();
    note["controlPlane"] = node.is_control_plane.into();
    note["joined"] = node.joined.into();
    note["uid"] = node.uid.into();
    note["providerId"] = node.provider_id.into();
    note["version"] = node.version.into();
    put_node_note(world, group, name, note);
}

/// Removes a node. That of a machine which is still there does not come back by itself.
pub(super) fn remove_node(world: &mut World, group: &str, node: &Node) {
    if !hosts(world, group, Some(&node.name)).is_empty() {
        put_node_note(world, group, &node.name, json!({ "name": node.name, "removed": node.uid }));
    } else {
        world.store.remove(&node_key(group, &node.name));
    }
}

/// Nothing is left of a cluster whose group is gone.
pub(super) fn cluster_gone(world: &mut World, group: &str) {
    for kind in ["node", "pod", "secret"] {
        let prefix = format!("{kind}/{group}/");
        let keys: Vec<String> = world.store.range(&prefix).map(|(key, _)| key.to_owned()).collect();
        keys.iter().for_each(|key| world.store.remove(key));
    }
    world.store.remove(&format!("budget/{group}"));
}

fn pod_key(group: &str, namespace: &str, name: &str) -> String {
    format!("pod/{group}/{namespace}/{name}").to_ascii_lowercase()
}

/// The pods of a cluster by namespace and name, brought up to what its nodes are now.
pub(super) fn pods(world: &mut World, group: &str) -> Vec<Json> {
    let nodes = nodes(world, group);
    for (key, pod) in stored_pods(world, group) {
        let is_over = pod["ends"].as_i64().is_some_and(|ends| ends <= world.now);
        let is_lost = text(&pod, "/node").is_some_and(|name| !nodes.iter().any(|node| node.name == name));
        if is_over || is_lost {
            world.store.remove(&key);
            if text(&pod, "/owner") == Some("ReplicaSet") {
                // Its deployment makes another one, which finds a node below.
                add_pod(world, group, "default", "app-6d4cf56db6", "ReplicaSet", None);
            }
        }
    }
    for node in &nodes {
        if !node.is_ready {
            continue;
        }
        let on_node = |pods: &[(String, Json)], owner: &str| {
            pods.iter().any(|(_, pod)| text(pod, "/node") == Some(&node.name) && text(pod, "/owner") == Some(owner))
        };
        let there = stored_pods(world, group);
        if !on_node(&there, "DaemonSet") {
            add_pod(world, group, "kube-system", "kube-proxy", "DaemonSet", Some(&node.name));
        }
        if node.is_control_plane && !on_node(&there, "Node") {
            for component in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
                add_pod(world, group, "kube-system", component, "Node", Some(&node.name));
            }
        }
        let mut note = node_note(world, group, &node.name);
        if !node.is_control_plane && note["seeded"] != true {
            note["seeded"] = true.into();
            put_node_note(world, group, &node.name, note);
            for _ in 0..2 {
                add_pod(world, group, "default", "app-6d4cf56db6", "ReplicaSet", Some(&node.name));
            }
        }
    }
    schedule(world, group, &nodes);
    stored_pods(world, group).into_iter().map(|(_, pod)| pod).collect()
}

fn stored_pods(world: &World, group: &str) -> Vec<(String, Json)> {
    let prefix = format!("pod/{group}/").to_ascii_lowercase();
    world.store.range(&prefix).map(|(key, pod)| (key.to_owned(), pod.clone())).collect()
}

fn add_pod(world: &mut World, group: &str, namespace: &str, base: &str, owner: &str, node: Option<&str>) {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let name = match (owner, node) {
        ("Node", Some(node)) => format!("{base}-{node}"),
        _ => format!("{base}-{}", world.entropy.text(LETTERS, 5)),
    };
    let pod = json!({
        "name": name, "namespace": namespace, "owner": owner, "ownerName": base, "node": node,
        "created": world.now, "uid": world.uuid(),
    });
    world.store.put(&pod_key(group, namespace, &name), pod);
}

/// Pods without a node go where they may and fewest are.
fn schedule(world: &mut World, group: &str, nodes: &[Node]) {
    let mut all = stored_pods(world, group);
    for index in 0..all.len() {
        if text(&all[index].1, "/node").is_some() {
            continue;
        }
        let count = |name: &str| all.iter().filter(|(_, pod)| text(pod, "/node") == Some(name)).count();
        let open = nodes.iter().filter(|node| node.is_ready && !node.unschedulable && !node.is_control_plane);
        let Some(node) = open.min_by_key(|node| count(&node.name)) else { return };
        all[index].1["node"] = node.name.clone().into();
        let (key, pod) = all[index].clone();
        world.store.put(&key, pod);
    }
}

/// Ends a pod after its time.
pub(super) fn end_pod(world: &mut World, group: &str, pod: &Json) {
    let mut pod = pod.clone();
    if pod["ends"].is_null() {
        pod["ends"] = world.now.saturating_add(world.milliseconds(TERMINATION)).into();
    }
    let key = pod_key(group, text(&pod, "/namespace").unwrap_or_default(), text(&pod, "/name").unwrap_or_default());
    world.store.put(&key, pod);
}

/// Whether a disruption budget forbids the next eviction; one refusal less is left then.
pub(super) fn budget_forbids(world: &mut World, group: &str) -> bool {
    let key = format!("budget/{group}");
    let left = world.note(&key).and_then(Json::as_u64).unwrap_or(0);
    if left > 0 {
        world.store.put(&key, json!(left - 1));
    }
    left > 0
}
