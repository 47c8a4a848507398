//! From a graph and what was observed to the steps that make the one like the other.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::order::in_order;
use super::removal::{Removals, removals};
use super::world::{ObservedResources, Secrets, World};
use super::{Plan, difference, facts, settled};
use crate::contract::{
    Act, Address, AppliedResources, Change, ChangeKind, FieldDifference, Known, Observation, Operation, Reason, Step,
    StepId,
};
use crate::graph::{Node, ResourceGraph, ResourceKey, Unresolved, Value};

/// What may happen to machines that the model no longer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// They stay, with all they stand on; a note says so. This is `deploy`'s.
    KeepMachines,
    /// They are drained and deleted. This is for the verbs that say so.
    DrainAndDelete,
}

/// All that a plan follows from.
pub struct Request<'a> {
    /// The verb, such as `deploy`.
    pub verb: &'a str,
    /// What is wanted.
    pub graph: &'a ResourceGraph,
    /// What is there: every instance of the graph whose name is known, and everything in `applied`.
    pub observed: &'a ObservedResources,
    /// What the engine applied last.
    pub applied: &'a AppliedResources,
    /// The secrets of the graph's values.
    pub secrets: &'a dyn Secrets,
    /// A body as the target would store it.
    pub normalise: &'a dyn Fn(&Address, Json) -> Json,
    /// What may happen to machines that are no longer wanted.
    pub removal: Removal,
}

/// No plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A series whose number of instances waits for another resource.
    #[error("how many instances of `{0}` there are is known only once the resources it takes the number from exist")]
    CountUnknown(ResourceKey),
    /// A value that will never have an answer.
    #[error("a value of `{key}` cannot be worked out: {cause}")]
    Value {
        /// The resource.
        key: ResourceKey,
        /// Why.
        cause: Unresolved,
    },
}

/// Plans how to make the world as the graph says.
///
/// # Errors
/// A series whose count is not known yet, and values that have no answer.
pub fn plan(request: &Request<'_>) -> Result<Plan, PlanError> {
    let mut builder = Builder {
        request,
        world: World { graph: request.graph, observed: request.observed, secrets: request.secrets },
        steps: BTreeMap::new(),
        order: Vec::new(),
        unchanged: Vec::new(),
        notes: Vec::new(),
    };
    builder.change_wanted()?;
    builder.remove_unwanted();
    builder.await_new_members();
    Ok(builder.finish())
}

struct Builder<'a> {
    request: &'a Request<'a>,
    world: World<'a>,
    /// The step of each resource that has one.
    steps: BTreeMap<ResourceKey, Step>,
    /// Steps in the order of their making: first the changes, in the order of the graph.
    order: Vec<Step>,
    unchanged: Vec<ResourceKey>,
    notes: Vec<String>,
}

impl Builder<'_> {
    /// A creation or an update for each instance that is not as it should be.
    fn change_wanted(&mut self) -> Result<(), PlanError> {
        let mut bodies: BTreeMap<Arc<str>, Arc<Value>> = BTreeMap::new();
        let mut stale_machines = 0_usize;
        for node in self.request.graph.in_order() {
            if node.unexpanded {
                return Err(PlanError::CountUnknown(node.key.clone()));
            }
            let failed = |cause| PlanError::Value { key: node.key.clone(), cause };
            let address = self.world.address(node).map_err(failed)?;
            let body = Arc::clone(
                bodies.entry(Arc::clone(&node.resource.symbol)).or_insert_with(|| Arc::new(node.resource.body())),
            );
            // What was looked at under a name that was deferred may be an older one: a role that an earlier machine had.
            let seen = address.as_ref().and_then(|address| {
                let seen = self.request.observed.get(&node.key)?;
                let is_it = seen.address.id.eq_ignore_ascii_case(&address.id);
                Some((address, seen.observation.as_ref().filter(|_| is_it)?))
            });
            let (kind, reason) = match seen {
                None => (ChangeKind::Create, Reason::Missing),
                Some((address, observation)) => {
                    let (fields, concerns_new_only) =
                        self.differences(node, &body, address, observation).map_err(failed)?;
                    stale_machines += usize::from(concerns_new_only && facts(&node.resource.resource_type).is_machine);
                    let unfinished = observation.provisioning_state().is_some_and(|state| state != "Succeeded");
                    match (fields.is_empty(), unfinished) {
                        (true, false) => {
                            self.unchanged.push(node.key.clone());
                            continue;
                        }
                        (true, true) => (ChangeKind::Update, Reason::Unfinished),
                        (false, _) => (ChangeKind::Update, Reason::Differs { fields }),
                    }
                }
            };
            let dependencies = self.request.graph.dependencies(&node.key);
            let step = Step {
                id: StepId::of_change(kind, &node.key),
                after: dependencies.iter().filter_map(|needed| Some(self.steps.get(&needed.key)?.id.clone())).collect(),
                reason,
                operation: Operation::Change(Change {
                    kind,
                    key: node.key.clone(),
                    symbol: Arc::clone(&node.resource.symbol),
                    index: node.index,
                    resource_type: Arc::clone(&node.resource.resource_type),
                    api_version: Arc::clone(&node.resource.api_version),
                    name: node.name.as_deref().map_or_else(|| node.resource.name.clone(), Value::from),
                    body,
                    initial: node.resource.initial.clone(),
                    after: dependencies.iter().map(|needed| needed.key.clone()).collect(),
                }),
            };
            self.steps.insert(node.key.clone(), step.clone());
            self.order.push(step);
        }
        if stale_machines > 0 {
            self.notes.push(format!(
                "{stale_machines} {} made with settings that have changed since; the new settings concern new machines only",
                if stale_machines == 1 { "machine was" } else { "machines were" }
            ));
        }
        Ok(())
    }

    /// The differences that a write would mend, and whether there are others that concern new resources only.
    fn differences(
        &self,
        node: &Node,
        body: &Value,
        address: &Address,
        observation: &Observation,
    ) -> Result<(Vec<FieldDifference>, bool), Unresolved> {
        let wanted = match body.resolve_digested(&self.world.context(node)) {
            Ok(wanted) => (self.request.normalise)(address, wanted),
            Err(Unresolved::Attribute(reference)) => {
                // What it refers to is about to be made: the value can only be a new one.
                let field = FieldDifference {
                    pointer: String::new(),
                    observed: None,
                    wanted: Some(format!("{} of `{}`, once it exists", reference.path.join("."), reference.symbol)),
                };
                return Ok((vec![field], false));
            }
            Err(error) => return Err(error),
        };
        let observed = (self.request.normalise)(address, observation.body.clone());
        let applied = self.request.applied.get(&node.key).map(|applied| &applied.body);
        let stays = settled(&node.resource.resource_type, &node.resource.initial);
        let fields = difference(&wanted, applied, &observed, &stays);
        let new_only = facts(&node.resource.resource_type).new_only;
        // Compared with what was applied, not with what is there: the server adds to these fields as it likes.
        let concerns_new_only = applied.is_some_and(|applied| {
            difference(&wanted, Some(applied), applied, &|_| false)
                .iter()
                .any(|field| super::covered(&field.pointer, new_only))
        });
        Ok((fields, concerns_new_only))
    }

    /// A deletion for each resource that the engine applied, that is still there, and that is no longer wanted.
    fn remove_unwanted(&mut self) {
        let Removals { steps, note } = removals(self.request);
        self.order.extend(steps);
        self.notes.extend(note);
    }

    /// New machines need a token that is still valid, unless the cluster itself is new; and a deployment is not over
    /// before their nodes are Ready.
    fn await_new_members(&mut self) {
        let new: Vec<&Node> = self
            .request
            .graph
            .nodes()
            .filter(|node| becomes_node(node))
            .filter(|node| matches!(self.steps.get(&node.key), Some(step) if step.id == StepId::of_change(ChangeKind::Create, &node.key)))
            .collect();
        let cluster_exists = self.unchanged.iter().any(|key| facts(key.resource_type()).is_machine)
            || self.order.iter().any(|step| {
                matches!(&step.operation, Operation::Change(change)
                    if change.kind == ChangeKind::Update && facts(&change.resource_type).is_machine)
            });
        let mut joining: HashSet<StepId> =
            new.iter().map(|node| StepId::of_change(ChangeKind::Create, &node.key)).collect();
        joining.extend(self.steps.values().filter(|step| grows_scale_set(step)).map(|step| step.id.clone()));
        if cluster_exists && !joining.is_empty() {
            let renewal = act_step(Act::RenewBootstrapToken, Vec::new(), "new machines join by it".to_owned());
            for step in self.order.iter_mut().filter(|step| joining.contains(&step.id)) {
                step.after.push(renewal.id.clone());
            }
            self.order.insert(0, renewal);
        }
        for node in new {
            let name = node
                .resource
                .properties
                .get("osProfile")
                .and_then(|profile| profile.get("computerName"))
                .and_then(|name| name.resolve(&self.world.context(node)).ok())
                .and_then(|name| name.as_str().map(str::to_owned))
                .unwrap_or_else(|| node.key.name().to_owned());
            // Whatever else is made on the machine, such as the script that tells how its start went, comes first.
            let mut after = vec![StepId::of_change(ChangeKind::Create, &node.key)];
            for child in self.request.graph.dependents(&node.key) {
                if child.key.resource_type().starts_with(node.key.resource_type()) {
                    after.extend(self.steps.get(&child.key).map(|step| step.id.clone()));
                }
            }
            self.order.push(act_step(Act::WaitUntilReady { node: name }, after, format!("{} is new", node.key.name())));
        }
    }

    fn finish(self) -> Plan {
        let known = self.known();
        Plan {
            format: Plan::FORMAT,
            verb: self.request.verb.to_owned(),
            scope: self.request.graph.scope().clone(),
            steps: in_order(self.order),
            unchanged: self.unchanged,
            known,
            notes: self.notes,
        }
    }

    /// What values of the steps ask of resources that no step changes: their ids, and no more than that where no more
    /// is asked.
    fn known(&self) -> Vec<Known> {
        let mut whole: BTreeMap<ResourceKey, bool> = BTreeMap::new();
        for step in self.steps.values() {
            let Operation::Change(change) = &step.operation else { continue };
            let Some(node) = self.request.graph.node(&change.key) else { continue };
            for reference in change.body.references().into_iter().chain(change.name.references()) {
                for needed in self.request.graph.meant(reference, node.index) {
                    if !self.steps.contains_key(&needed.key) {
                        *whole.entry(needed.key.clone()).or_default() |= !reference.is_static();
                    }
                }
            }
        }
        let known = whole.into_iter().filter_map(|(key, whole)| {
            let node = self.request.graph.node(&key)?;
            let seen = self.request.observed.get(&key)?;
            let observation = seen.observation.as_ref()?;
            let brief = || serde_json::json!({ "id": seen.address.id, "name": seen.address.name });
            Some(Known {
                symbol: Arc::clone(&node.resource.symbol),
                index: node.index,
                address: seen.address.clone(),
                observation: Observation {
                    body: if whole { observation.body.clone() } else { brief() },
                    etag: observation.etag.clone(),
                },
            })
        });
        known.collect()
    }
}

/// Whether a resource is a machine that becomes a node of the cluster: one that is told nothing at its start, such as a jumpbox,
/// does not.
pub fn becomes_node(node: &Node) -> bool {
    node.resource.resource_type.eq_ignore_ascii_case("Microsoft.Compute/virtualMachines")
        && node.resource.properties.get("osProfile").is_some_and(|profile| profile.get("customData").is_some())
}

/// Whether a step lets a scale set make machines. Their names are Azure's to give, so nobody waits for their nodes here:
/// the scale set itself ends well only once their scripts have.
fn grows_scale_set(step: &Step) -> bool {
    let Operation::Change(change) = &step.operation else { return false };
    change.resource_type.eq_ignore_ascii_case("Microsoft.Compute/virtualMachineScaleSets")
        && match &step.reason {
            Reason::Differs { fields } => fields.iter().any(|field| field.pointer == "/sku/capacity"),
            _ => change.kind == ChangeKind::Create,
        }
}

pub(super) fn act_step(act: Act, after: Vec<StepId>, purpose: String) -> Step {
    Step { id: StepId::of_act(&act), operation: Operation::Act(act), after, reason: Reason::Needed { purpose } }
}
