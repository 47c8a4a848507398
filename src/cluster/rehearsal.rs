//! What a rehearsal is played with: everything that a verb may look at or touch, as it is on the real target, and how
//! long the real thing would take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::leftovers::begun;
use super::observe::read_all;
use super::{ClusterError, Definition, Session};
use crate::catalog::ApiProfile;
use crate::contract::{Address, AppliedResources, FaultClass, Operation};
use crate::execute::expected_seconds;
use crate::graph::{GROUP_TYPE, ResourceKey};
use crate::kubernetes::NodeStatus;
use crate::plan::{ObservedResources, Plan};
use crate::state::Store;
use crate::target::azure::ArmClient;

/// How often what was found is searched for ids of what else there is. Two suffice: a machine's card, the card's subnet.
const ROUNDS: usize = 4;

/// What a rehearsal is played with.
#[derive(Debug, Default)]
pub struct Scenery {
    /// Resources and groups, as they are told.
    pub resources: Vec<Json>,
    /// The nodes, if the API server answers.
    pub nodes: Option<Vec<NodeStatus>>,
}

/// Looks at everything that a verb on a cluster may look at or touch: what the state knows, what an interrupted run has
/// begun, what the model wants, what else lies in the resource group, and whatever those refer to. Changes nothing.
///
/// # Errors
/// A state that is damaged, a target that does not answer.
pub async fn scenery(
    session: &Session,
    arm: &ArmClient,
    store: &Store,
    definition: Option<&Definition>,
) -> Result<Scenery, ClusterError> {
    let profile = definition.map_or(ApiProfile::Azure, |definition| definition.cluster.cloud.api_profile());
    let scope = &session.scope;
    let mut wanted = Wanted { profile, ..Wanted::default() };
    let group_version = profile.api_version(GROUP_TYPE).unwrap_or("2021-04-01");
    wanted.add(Address::new(scope, GROUP_TYPE, group_version, &scope.resource_group));
    let known = store.snapshot()?.map(|snapshot| snapshot.applied).unwrap_or_default();
    let interrupted = store.unfinished::<Plan>()?;
    let begun = interrupted.as_ref().map(|run| begun(run, &known)).unwrap_or_default();
    for applied in known.into_values().chain(begun.into_values()) {
        wanted.ids_in(&applied.body);
        wanted.add(Arc::unwrap_or_clone(applied.address));
    }
    if let Some(run) = interrupted {
        for step in &run.plan.steps {
            let Operation::Change(change) = &step.operation else { continue };
            if let Some(name) = change.name.as_str() {
                wanted.add(Address::new(&run.plan.scope, &change.resource_type, &change.api_version, name));
            }
        }
    }
    if let Some(definition) = definition {
        let graph = definition.expand(scope)?.graph;
        for node in graph.nodes() {
            if let Some(name) = &node.name {
                wanted.add(Address::new(scope, &node.resource.resource_type, &node.resource.api_version, name));
            }
        }
        for resource in graph.declarations() {
            wanted.ids_in(&serde_json::to_value(resource.body()).unwrap_or_default());
        }
    }
    let list = format!("{}/resources?api-version={group_version}", scope.group_id());
    match arm.list(&list).await {
        Ok(listed) => listed.iter().filter_map(|item| item["id"].as_str()).for_each(|id| wanted.id(id)),
        // A group that is not there holds nothing; one that may not be listed is still read one by one.
        Err(fault) if matches!(fault.class, FaultClass::NotFound | FaultClass::Forbidden) => {}
        Err(fault) => return Err(fault.into()),
    }

    let mut resources = Vec::new();
    for _ in 0..ROUNDS {
        let fresh = std::mem::take(&mut wanted.fresh);
        if fresh.is_empty() {
            break;
        }
        let mut observed = ObservedResources::new();
        read_all(&session.target, fresh, &mut observed).await?;
        for seen in observed.into_values() {
            if let Some(observation) = seen.observation {
                wanted.ids_in(&observation.body);
                resources.push(observation.body);
            }
        }
    }
    let nodes = match &session.kubernetes {
        Some(client) if !resources.is_empty() => client.nodes().await.ok(),
        _ => None,
    };
    Ok(Scenery { resources, nodes })
}

/// The version of a type's interface: the one in which the engine made resources of it, or else Azure's newest known.
pub(super) fn version_of(applied: &AppliedResources, resource_type: &str) -> String {
    let own = applied.values().find(|own| own.address.resource_type.eq_ignore_ascii_case(resource_type));
    match own {
        Some(own) => own.address.api_version.clone(),
        None => ApiProfile::Azure.api_version(resource_type).unwrap_or("2025-04-01").to_owned(),
    }
}

/// What is to be looked at, and what was.
#[derive(Debug)]
struct Wanted {
    profile: ApiProfile,
    known: BTreeSet<String>,
    fresh: Vec<(ResourceKey, Address)>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { profile: ApiProfile::Azure, known: BTreeSet::new(), fresh: Vec::new() }
    }
}

impl Wanted {
    fn add(&mut self, address: Address) {
        if self.known.insert(address.id.to_ascii_lowercase()) {
            // Names are not unique over groups; ids are.
            self.fresh.push((ResourceKey::named(&address.resource_type, &address.id), address));
        }
    }

    /// Every id within a value.
    fn ids_in(&mut self, value: &Json) {
        match value {
            Json::String(text) if text.starts_with("/subscriptions/") => self.id(text),
            Json::Array(items) => items.iter().for_each(|item| self.ids_in(item)),
            Json::Object(entries) => {
                for (name, value) in entries {
                    if name.starts_with("/subscriptions/") {
                        self.id(name);
                    }
                    self.ids_in(value);
                }
            }
            _ => {}
        }
    }

    /// The whole resource that an id is of, or is of a part of, and its group.
    fn id(&mut self, id: &str) {
        let segments: Vec<&str> = id.split('/').filter(|segment| !segment.is_empty()).collect();
        let [subscriptions, subscription, groups, group, providers, namespace, kind, name, rest @ ..] =
            segments.as_slice()
        else {
            return;
        };
        if !groups.eq_ignore_ascii_case("resourceGroups") || !providers.eq_ignore_ascii_case("providers") {
            return;
        }
        let scope = format!("/{subscriptions}/{subscription}/{groups}/{group}");
        let resource_type = format!("{namespace}/{kind}");
        let Some(api_version) = self.profile.api_version(&resource_type) else { return };
        if let Some(version) = self.profile.api_version(GROUP_TYPE) {
            self.add(Address {
                resource_type: GROUP_TYPE.to_owned(),
                api_version: version.to_owned(),
                name: (*group).to_owned(),
                id: scope.clone(),
            });
        }
        self.add(Address {
            id: format!("{scope}/providers/{resource_type}/{name}"),
            resource_type: resource_type.clone(),
            api_version: api_version.to_owned(),
            name: (*name).to_owned(),
        });
        // An extension of a machine is a resource of its own.
        if let [child, below] = rest
            && child.eq_ignore_ascii_case("extensions")
        {
            self.add(Address {
                id: format!("{scope}/providers/{resource_type}/{name}/{child}/{below}"),
                resource_type: format!("{resource_type}/{child}"),
                api_version: api_version.to_owned(),
                name: format!("{name}/{below}"),
            });
        }
    }
}

/// How long a plan is expected to take on a cloud: its longest chain of steps, by what is known of their kinds. `seconds`
/// tells a step's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// In seconds.
    pub seconds: u64,
    /// The steps of the longest chain, in their order, with how long each is expected to take.
    pub chain: Vec<(String, u32)>,
}

/// What to expect of a plan.
pub fn outlook(plan: &Plan, seconds: impl Fn(&Operation) -> u32) -> Outlook {
    let places: BTreeMap<&str, usize> =
        plan.steps.iter().enumerate().map(|(index, step)| (step.id.as_str(), index)).collect();
    // The end of each step and the step before it on its longest chain; steps may stand in any order.
    let mut ends: Vec<Option<(u64, Option<usize>)>> = vec![None; plan.steps.len()];
    let mut open: Vec<usize> = (0..plan.steps.len()).rev().collect();
    while let Some(index) = open.pop() {
        if ends[index].is_some() {
            continue;
        }
        let before: Vec<usize> =
            plan.steps[index].after.iter().filter_map(|id| places.get(id.as_str()).copied()).collect();
        let waiting: Vec<usize> = before.iter().copied().filter(|other| ends[*other].is_none()).collect();
        if !waiting.is_empty() {
            open.push(index);
            open.extend(waiting);
            continue;
        }
        let latest = before.into_iter().max_by_key(|other| ends[*other].map_or(0, |(end, _)| end));
        let start = latest.and_then(|other| ends[other]).map_or(0, |(end, _)| end);
        ends[index] = Some((start + u64::from(seconds(&plan.steps[index].operation)), latest));
    }
    let mut at = (0..ends.len()).max_by_key(|index| ends[*index].map_or(0, |(end, _)| end));
    let total = at.and_then(|index| ends[index]).map_or(0, |(end, _)| end);
    let mut chain = Vec::new();
    while let Some(index) = at {
        chain.push((plan.steps[index].id.as_str().to_owned(), seconds(&plan.steps[index].operation)));
        at = ends[index].and_then(|(_, before)| before);
    }
    chain.reverse();
    Outlook { seconds: total, chain }
}

/// How long a step takes, by the figures of its kind.
pub fn documented(operation: &Operation) -> u32 {
    expected_seconds(operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_wherever_they_stand() {
        let mut wanted = Wanted::default();
        let network = "/subscriptions/s/resourceGroups/other/providers/Microsoft.Network/virtualNetworks/net";
        let identity =
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/me";
        let machine = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m";
        wanted.ids_in(&serde_json::json!({
            "identity": { "userAssignedIdentities": { identity: {} } },
            "properties": { "items": [{ "subnet": { "id": format!("{network}/subnets/nodes") } }, network] },
            "resources": [format!("{machine}/extensions/cse")],
            "role": "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/r",
            "image": "/subscriptions/s/resourceGroups/g/providers/Somebody.Else/things/x",
        }));
        let mut ids: Vec<&str> = wanted.fresh.iter().map(|(_, address)| address.id.as_str()).collect();
        ids.sort_unstable();
        let extension = format!("{machine}/extensions/cse");
        assert_eq!(
            ids,
            [
                "/subscriptions/s/resourceGroups/g",
                machine,
                &extension,
                identity,
                "/subscriptions/s/resourceGroups/other",
                network
            ]
        );
    }
}
