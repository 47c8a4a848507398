//! Every model of the corpus that aks-engine accepted: the graph's types, names, tags, sizes, zones and order against
//! what aks-engine's own template makes. What differs stands in the table of differences, or the test fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use engine::graph::{Context, GROUP_TYPE, Node, NothingKnown, ResourceGraph};
use serde_json::Value as Json;

use super::clusters;
use super::differences::TABLE;

/// One way in which two inventories differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// aks-engine makes it, the engine does not.
    Missing { key: String },
    /// The engine makes it, aks-engine does not.
    Extra { key: String },
    /// A tag of another value, or on one side only.
    Tag { key: String, name: String, theirs: Option<String>, ours: Option<String> },
    /// Another size, kind or zone.
    Field { key: String, name: &'static str, theirs: String, ours: String },
    /// For aks-engine `from` waits for `to`, for the engine it does not.
    MissingPath { from: String, to: String },
    /// For the engine `from` waits for `to`, for aks-engine it does not.
    ExtraPath { from: String, to: String },
}

impl Finding {
    /// Whether a resource whose key begins so is the one that differs, or the one that is waited for.
    pub fn mentions(&self, start: &str) -> bool {
        match self {
            Self::Missing { key } | Self::Extra { key } | Self::Tag { key, .. } | Self::Field { key, .. } => {
                key.starts_with(start)
            }
            Self::MissingPath { from, to } | Self::ExtraPath { from, to } => {
                from.starts_with(start) || to.starts_with(start)
            }
        }
    }
}

/// What is compared of a resource.
#[derive(Debug, Default)]
struct Entry {
    tags: BTreeMap<String, String>,
    fields: BTreeMap<&'static str, String>,
    dependencies: BTreeSet<String>,
}

type Inventory = BTreeMap<String, Entry>;

const ROLE: &str = "Microsoft.Authorization/roleAssignments";

/// A role assignment is known by whose it is, as its name holds a GUID.
fn role_key(owner: Option<&str>) -> String {
    format!(
        "{ROLE} of {}",
        owner.map_or("the shared identity", |owner| owner.split_once(' ').map_or(owner, |(_, name)| name))
    )
}

/// A role on a single resource is known by the resource's type, for the same reason.
fn scoped_role_key(resource_type: &str) -> Option<String> {
    let owner = resource_type.strip_suffix("/providers/roleAssignments")?;
    Some(format!("{ROLE} on {}", owner.to_ascii_lowercase()))
}

fn theirs(resources: &[Json]) -> Inventory {
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    let keys = |resource: &Json| -> Vec<String> {
        resource["dependsOn"].as_array().into_iter().flatten().map(text).filter(|key| key.contains(' ')).collect()
    };
    let plain = |resource: &Json| {
        let resource_type = text(&resource["type"]);
        scoped_role_key(&resource_type).unwrap_or_else(|| format!("{resource_type} {}", text(&resource["name"])))
    };
    let roles: BTreeMap<String, String> = resources
        .iter()
        .filter(|resource| resource["type"] == ROLE)
        .map(|resource| (plain(resource), role_key(keys(resource).first().map(String::as_str))))
        .collect();
    let known = |key: String| roles.get(&key).cloned().unwrap_or(key);
    let mut inventory = Inventory::new();
    for resource in resources {
        let tags = resource["tags"].as_object().into_iter().flatten();
        let tags = tags.map(|(name, value)| (name.clone(), text(value))).collect();
        let dependencies = keys(resource).into_iter().map(known).collect();
        inventory.insert(known(plain(resource)), Entry { tags, fields: fields(resource), dependencies });
    }
    inventory
}

fn fields(body: &Json) -> BTreeMap<&'static str, String> {
    ["sku", "zones"].into_iter().filter(|name| !body[*name].is_null()).map(|name| (name, sorted(&body[name]))).collect()
}

/// A value with its names in order, so that the text decides.
fn sorted(json: &Json) -> String {
    match json {
        Json::Object(entries) => {
            let entries: BTreeMap<_, _> = entries.iter().map(|(name, value)| (name, sorted(value))).collect();
            format!("{entries:?}")
        }
        other => other.to_string(),
    }
}

fn ours(graph: &ResourceGraph) -> Inventory {
    let is_group = |node: &Node| node.resource.resource_type.as_ref() == GROUP_TYPE;
    let key = |node: &Node| {
        if node.resource.resource_type.as_ref() != ROLE {
            let scoped = scoped_role_key(&node.resource.resource_type);
            return scoped.unwrap_or_else(|| node.key.to_string());
        }
        let owners: Vec<&Node> = graph.dependencies(&node.key).into_iter().filter(|owner| !is_group(owner)).collect();
        let identity = owners.iter().find(|owner| owner.resource.resource_type.ends_with("userAssignedIdentities"));
        let owner = identity.unwrap_or(&owners[0]);
        let is_shared = identity.is_some_and(|identity| !identity.key.name().starts_with("k8s-appgw-"));
        role_key((!is_shared).then_some(owner.key.as_str()))
    };
    let mut inventory = Inventory::new();
    for node in graph.nodes() {
        let context = Context { scope: graph.scope(), index: node.index, lookup: &NothingKnown };
        let mut body = Json::Null;
        for name in ["sku", "zones", "tags"] {
            if let Some(value) = node.resource.fields.get(name) {
                body[name] = value.resolve(&context).unwrap();
            }
        }
        let tags = body["tags"].as_object().into_iter().flatten();
        let tags = tags.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        let dependencies = graph.dependencies(&node.key).into_iter().map(key).collect();
        inventory.insert(key(node), Entry { tags, fields: fields(&body), dependencies });
    }
    inventory
}

/// All that a resource waits for, directly or not, among those that the other inventory has too.
fn reachable(inventory: &Inventory, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<&String> = inventory[from].dependencies.iter().collect();
    while let Some(key) = waiting.pop() {
        if seen.insert(key.clone()) {
            waiting.extend(inventory.get(key).into_iter().flat_map(|entry| &entry.dependencies));
        }
    }
    seen
}

fn compare(theirs: &Inventory, ours: &Inventory) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, entry) in theirs {
        let Some(own) = ours.get(key) else {
            findings.push(Finding::Missing { key: key.clone() });
            continue;
        };
        for name in entry.tags.keys().chain(own.tags.keys()).collect::<BTreeSet<_>>() {
            let (theirs, ours) = (entry.tags.get(name).cloned(), own.tags.get(name).cloned());
            if theirs != ours {
                findings.push(Finding::Tag { key: key.clone(), name: name.clone(), theirs, ours });
            }
        }
        for name in ["sku", "zones"] {
            let text = |entry: &Entry| entry.fields.get(name).cloned().unwrap_or_default();
            if text(entry) != text(own) {
                findings.push(Finding::Field { key: key.clone(), name, theirs: text(entry), ours: text(own) });
            }
        }
        let (their_paths, our_paths) = (reachable(theirs, key), reachable(ours, key));
        let path = |to: &String| (key.clone(), to.clone());
        findings.extend(their_paths.difference(&our_paths).map(|to| {
            let (from, to) = path(to);
            Finding::MissingPath { from, to }
        }));
        findings.extend(our_paths.difference(&their_paths).map(|to| {
            let (from, to) = path(to);
            Finding::ExtraPath { from, to }
        }));
    }
    findings
        .extend(ours.keys().filter(|key| !theirs.contains_key(*key)).map(|key| Finding::Extra { key: key.clone() }));
    findings
}

/// The folders of a part of the corpus that hold a file, by their path.
pub fn folders_with(corpus: &Path, part: &str, file: &str) -> Vec<(String, PathBuf)> {
    fn search(root: &Path, folder: &Path, file: &str, found: &mut Vec<(String, PathBuf)>) {
        if folder.join(file).is_file() {
            found.push((folder.strip_prefix(root).unwrap().to_string_lossy().into_owned(), folder.to_owned()));
        }
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                search(root, &path, file, found);
            }
        }
    }
    let mut found = Vec::new();
    search(corpus, &corpus.join(part), file, &mut found);
    found.sort();
    found
}

/// Reads a model of the corpus with a Kubernetes of today.
pub fn read_today(folder: &Path) -> Result<engine::model::Cluster, String> {
    let text = std::fs::read_to_string(folder.join("apimodel.json")).unwrap();
    // What the examples leave to their users.
    let text = text.replace("<subnet CIDR>", "10.1.0.0/24");
    let text = text.replace("\"<>\"", "\"11111111-2222-3333-4444-555555555555\"");
    let mut model: Json = serde_json::from_str(&text).unwrap();
    if let Some(profile) = model["properties"]["orchestratorProfile"].as_object_mut() {
        profile.shift_remove("orchestratorVersion");
    }
    clusters::read_model(&model.to_string(), &["orchestratorProfile.orchestratorRelease=1.35"])
}

/// These have to read and expand, whatever else does.
const ALWAYS: [&str; 4] = [
    "kubernetes",
    "kubernetes-D2",
    "kubernetes-config/kubernetes-etcd-storage-size",
    "multiple-masters/kubernetes-3-masters",
];

#[test]
fn the_corpus_has_the_resources_that_aks_engine_made() {
    let Some(corpus) = crate::shared::folder("corpus") else { return };
    let mut report = Vec::new();
    let (mut compared, mut refused) = (0, 0);
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, folder) in folders_with(&corpus, "aks-engine", "resources.json") {
        let name = name.trim_start_matches("aks-engine/");
        let graph = read_today(&folder).and_then(|cluster| clusters::graph(&cluster));
        let graph = match graph {
            Ok(graph) => graph,
            Err(cause) => {
                assert!(!ALWAYS.contains(&name), "{name}: {cause}");
                println!("refused: {name}: {}", cause.chars().take(160).collect::<String>());
                refused += 1;
                continue;
            }
        };
        compared += 1;
        let resources = std::fs::read(folder.join("resources.json")).unwrap();
        let resources: Vec<Json> = serde_json::from_slice(&resources).unwrap();
        for finding in compare(&theirs(&resources), &ours(&graph)) {
            match TABLE.iter().find(|difference| (difference.explains)(&finding)) {
                Some(difference) => *used.entry(difference.name).or_default() += 1,
                None => report.push(format!("{name}: {finding:?}")),
            }
        }
    }
    println!("{compared} models compared, {refused} refused; differences: {used:?}");
    assert!(report.is_empty(), "{} unexplained differences:\n{}", report.len(), report.join("\n"));
}
