//! `import`: begins a state with what is there already, made by aks-engine, by an engine whose state is lost, or by hand under
//! the names of both. Changes nothing in the world.
//!
//! With a model, each resource that it wants is looked at under the name that it would have. Besides, or without a model, the
//! group is listed: what has a machine's tags, or the cluster's number in its name, is the cluster's.
//!
//! What was imported counts as applied in those fields that the model wants and that are there; what they were made with and
//! cannot be read (customData, scripts, passwords) counts as unknown. So a plan shows what differs, and machines that exist
//! stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::{ClusterError, Definition, Session, fact, observe, observe::read_all, vaults};
use crate::base::{Files, Secret};
use crate::catalog::{Cloud, name_suffix};
use crate::contract::{Address, Applied, AppliedResources, FaultClass};
use crate::graph::{GROUP_TYPE, ResourceKey};
use crate::plan::{ObservedResources, World, doubtful, facts, reread};
use crate::state::{Identity, Snapshot, Store};
use crate::target::azure::ArmClient;

/// What came into the state.
#[derive(Debug)]
pub struct Imported {
    /// The state.
    pub snapshot: Snapshot,
    /// What the model wants and is not there.
    pub missing: Vec<ResourceKey>,
    /// What is there, is the cluster's, and is not in the model.
    pub beside: Vec<ResourceKey>,
}

/// The tag by which the engines know the machines of a cluster.
const SUFFIX_TAG: &str = "resourceNameSuffix";

/// Begins the state of a cluster that a model describes. Its keys are written into its folder.
///
/// # Errors
/// A state that knows resources already, a lock that somebody holds, a target that does not answer, a group that has nothing
/// of the cluster.
pub async fn import_model(
    session: &Session,
    arm: &ArmClient,
    definition: &Definition,
    files: &Files,
) -> Result<Imported, ClusterError> {
    let store = &definition.store;
    let locked = store.lock("import", session.clock.as_ref(), &session.environment)?;
    refuse_known(&locked)?;
    let mut expansion = definition.expand(&session.scope)?;
    expansion.secrets.extend(vaults::read(session, &expansion.in_key_vaults).await?);
    let graph = &expansion.graph;
    let observed =
        observe(&session.target, &session.scope, Some(graph), &expansion.secrets, &AppliedResources::new()).await?;
    let world = World { graph, observed: &observed, secrets: &expansion.secrets };
    let (mut applied, mut missing) = (AppliedResources::new(), Vec::new());
    for node in graph.nodes() {
        let seen = observed.get(&node.key).and_then(|seen| Some((&seen.address, seen.observation.as_ref()?)));
        let Some((address, observation)) = seen else {
            missing.push(node.key.clone());
            continue;
        };
        let after = graph.dependencies(&node.key).into_iter().map(|needed| needed.key.clone()).collect();
        let body =
            node.resource.body().resolve_digested(&world.context(node)).unwrap_or_else(|_| Json::Object(Map::new()));
        // A secret that cannot be read may be anything.
        let wanted = session.target.normalise(address, doubtful(body));
        let there = session.target.normalise(address, observation.body.clone());
        let body = reread(&wanted, &there, &|_| false);
        applied.insert(node.key.clone(), Applied { address: address.clone().into(), body, after });
    }
    let (beside, _) = beside(session, arm, &definition.cluster.name_suffix, &applied).await?;
    let beside_keys: Vec<ResourceKey> = beside.keys().cloned().collect();
    applied.extend(with_machines(beside));
    if !applied.keys().any(|key| !is_group(key)) {
        return Err(ClusterError::NothingToImport { group: session.scope.resource_group.clone() });
    }
    let has_machines = applied.values().any(|own| facts(&own.address.resource_type).is_machine);
    let started = if has_machines { Some(definition.keys.authority_hash()?) } else { None };
    let identity = session.identity(&definition.cluster.dns_prefix);
    files.write(store.folder())?;
    let snapshot = record(session, &locked, &identity, applied, started)?;
    locked.keep_files(files)?;
    Ok(Imported { snapshot, missing, beside: beside_keys })
}

/// Begins the state of a cluster of which nothing is known but its resource group.
///
/// # Errors
/// As [`import_model`].
pub async fn import_group(session: &Session, arm: &ArmClient, store: &Store) -> Result<Imported, ClusterError> {
    let locked = store.lock("import", session.clock.as_ref(), &session.environment)?;
    refuse_known(&locked)?;
    let group = &session.scope.resource_group;
    let nothing = || ClusterError::NothingToImport { group: group.clone() };
    let suffixes: BTreeSet<String> = list(arm, session)
        .await?
        .iter()
        .filter_map(|item| Some(item.pointer("/tags")?.get(SUFFIX_TAG)?.as_str()?.to_owned()))
        // Windows' machines have a shorter one.
        .filter(|suffix| suffix.len() >= 8)
        .collect();
    let suffix = match suffixes.iter().collect::<Vec<_>>().as_slice() {
        [] => return Err(nothing()),
        [only] => (*only).clone(),
        several => {
            let several = several.iter().map(|suffix| suffix.as_str()).collect::<Vec<_>>().join(", ");
            return Err(ClusterError::SeveralClusters { group: group.clone(), several });
        }
    };
    let (mut applied, bodies) = beside(session, arm, &suffix, &AppliedResources::new()).await?;
    let key = ResourceKey::named(GROUP_TYPE, group);
    let version = Cloud::Public.api_profile().api_version(GROUP_TYPE).unwrap_or_default();
    let address = Address::new(&session.scope, GROUP_TYPE, version, group);
    for own in applied.values_mut() {
        own.after.push(key.clone());
    }
    applied.insert(key, Applied { address: address.into(), body: Json::Object(Map::new()), after: Vec::new() });
    let beside = applied.keys().cloned().collect();
    let mut identity = session.identity(group);
    // The number follows from the DNS prefix, which the API server's public address has for a label.
    let labels = bodies.iter().filter_map(|body| body.pointer("/properties/dnsSettings/domainNameLabel")?.as_str());
    if let Some(label) = labels.into_iter().find(|label| name_suffix(label) == suffix) {
        identity.cluster = label.to_owned();
    }
    if let Some(location) = bodies.iter().find_map(|body| body.get("location")?.as_str()) {
        identity.scope.location = location.to_owned();
    }
    let snapshot = record(session, &locked, &identity, applied, None)?;
    Ok(Imported { snapshot, missing: Vec::new(), beside })
}

/// Machines, what they stand on and what stands on them: with them it stays until a verb is told to remove it. Anything else
/// that is not in the model may be somebody's; the state does not take it over, or a deployment would delete it.
fn with_machines(beside: AppliedResources) -> AppliedResources {
    let mut kept: BTreeSet<ResourceKey> = beside
        .iter()
        .filter(|(_, own)| facts(&own.address.resource_type).is_machine)
        .map(|(key, _)| key.clone())
        .collect();
    let machines = kept.clone();
    for (key, own) in &beside {
        if machines.contains(key) {
            kept.extend(own.after.iter().cloned());
        } else if own.after.iter().any(|needed| machines.contains(needed)) {
            kept.insert(key.clone());
        }
    }
    beside.into_iter().filter(|(key, _)| kept.contains(key)).collect()
}

fn refuse_known(store: &Store) -> Result<(), ClusterError> {
    match store.snapshot()?.filter(|known| !known.applied.is_empty()) {
        Some(known) => Err(ClusterError::KnownAlready { place: store.place(), resources: known.applied.len() }),
        None => Ok(()),
    }
}

fn record(
    session: &Session,
    locked: &crate::state::Locked,
    identity: &Identity,
    applied: AppliedResources,
    started: Option<String>,
) -> Result<Snapshot, ClusterError> {
    locked.establish(identity, session.entropy.as_ref())?;
    Ok(locked.amend(|snapshot| {
        snapshot.applied = applied;
        if let Some(hash) = started {
            snapshot.facts.insert(fact::STARTED.to_owned(), hash);
        }
    })?)
}

fn is_group(key: &ResourceKey) -> bool {
    key.resource_type().eq_ignore_ascii_case(GROUP_TYPE)
}

async fn list(arm: &ArmClient, session: &Session) -> Result<Vec<Json>, ClusterError> {
    let version = Cloud::Public.api_profile().api_version("Microsoft.Resources/resources").unwrap_or_default();
    match arm.list(&format!("{}/resources?api-version={version}", session.scope.group_id())).await {
        Err(fault) if fault.class == FaultClass::NotFound => Ok(Vec::new()),
        list => Ok(list?),
    }
}

/// What the group has of the cluster besides what is known, with nothing of it counting as applied; and what it says.
async fn beside(
    session: &Session,
    arm: &ArmClient,
    suffix: &str,
    known: &AppliedResources,
) -> Result<(AppliedResources, Vec<Json>), ClusterError> {
    let ids: BTreeSet<String> = known.values().map(|own| own.address.id.to_lowercase()).collect();
    let mut wanted = Vec::new();
    for item in list(arm, session).await? {
        let text = |name: &str| item.get(name).and_then(Json::as_str).unwrap_or_default();
        let (resource_type, name) = (text("type"), text("name"));
        let tag = item.pointer("/tags").and_then(|tags| tags.get(SUFFIX_TAG)?.as_str());
        let is_own = tag == Some(suffix) || name.contains(suffix);
        let is_known = ids.contains(&text("id").to_lowercase());
        // A disk in use goes with its machine, or is left by it: the machine's own setting says which.
        let is_in_use = item.get("managedBy").is_some_and(|machine| !machine.is_null());
        let Some(version) = Cloud::Public.api_profile().api_version(resource_type) else { continue };
        if is_own && !is_known && !is_in_use && !name.is_empty() {
            let address = Address::new(&session.scope, resource_type, version, name);
            wanted.push((ResourceKey::named(resource_type, name), address));
        }
    }
    let mut observed = ObservedResources::new();
    read_all(&session.target, wanted, &mut observed).await?;
    let there: BTreeMap<ResourceKey, (Address, Json)> =
        observed.into_iter().filter_map(|(key, seen)| Some((key, (seen.address, seen.observation?.body)))).collect();
    let known_ids = known.iter().map(|(key, own)| (own.address.id.to_lowercase(), key));
    let by_id: BTreeMap<String, &ResourceKey> =
        there.iter().map(|(key, (address, _))| (address.id.to_lowercase(), key)).chain(known_ids).collect();
    let found = there.iter().map(|(key, (address, body))| {
        let mut after = BTreeSet::new();
        references(body, "", &mut |id| {
            after.extend(by_id.get(&id.to_lowercase()).filter(|other| **other != key).map(|other| (*other).clone()));
        });
        // A part waits for what it is a part of.
        let parent = address.id.rsplitn(3, '/').nth(2).map(str::to_lowercase);
        after.extend(parent.and_then(|parent| by_id.get(&parent).map(|parent| (*parent).clone())));
        let empty = Json::Object(Map::new());
        (key.clone(), Applied { address: address.clone().into(), body: empty, after: after.into_iter().collect() })
    });
    let found = found.collect();
    Ok((found, there.into_values().map(|(_, body)| body).collect()))
}

/// Calls for each id in a body that says what the resource stands on. Providers write ids the other way too: who stands on
/// it. Those are left out (recorded traffic, read 2026-11-22; learn.microsoft.com, "WebApplicationFirewallPolicy interface" and
/// "PublicIPAddressData.NatGateway Property", in stored copies read 2026-11-28).
fn references(body: &Json, within: &str, found: &mut dyn FnMut(&str)) {
    const BACK: [&str; 8] = [
        "applicationGateways",
        "virtualMachine",
        "virtualMachines",
        "backendIPConfigurations",
        "ipConfigurations",
        "ipConfiguration",
        "networkInterfaces",
        "subnets",
    ];
    match body {
        Json::Object(entries) => {
            for (name, value) in entries {
                // A subnet stands on its gateway, but a gateway on its address.
                if name == "natGateway" && entries.contains_key("publicIPAllocationMethod") {
                    continue;
                }
                // A machine's own interfaces stand one level deeper.
                let is_back = within == "properties" && BACK.iter().any(|back| back.eq_ignore_ascii_case(name));
                // An interface's own configurations are objects with properties, not only ids.
                let holds_ids_only = match value {
                    Json::Array(items) => items.iter().all(|item| item.get("properties").is_none()),
                    _ => true,
                };
                // A machine lists its extensions, which stand on it.
                let is_parts = within.is_empty() && name == "resources";
                if name != "id" && !(is_parts || is_back && holds_ids_only) {
                    references(value, name, found);
                } else if name == "id"
                    && let Some(id) = value.as_str()
                {
                    found(id);
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, within, found)),
        _ => {}
    }
}

/// The keys of a folder that aks-engine wrote, under the names that they have here: it signed etcd's certificates by the
/// cluster's authority, and service-account tokens by the API server's key (aks-engine f634f52, `pkg/engine` and
/// `parts/k8s`, read 2026-11-21). Nothing that is there already is among them.
pub fn keys_of_aks_engine(folder: &std::path::Path) -> Result<Files, ClusterError> {
    let mut files = Files::default();
    for (from, to) in [("ca.crt", "etcd-ca.crt"), ("ca.key", "etcd-ca.key"), ("apiserver.key", "sa.key")] {
        let is_aks_engines = folder.join("apiserver.key").is_file() && folder.join(from).is_file();
        if is_aks_engines && !folder.join(to).exists() {
            files.private(to, Secret::new(crate::base::read_text(&folder.join(from))?).expose());
        }
    }
    Ok(files)
}
