//! Plans to be run.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::contract::{Act, Address, Applied, Change, ChangeKind, Operation, Reason, Step, StepId};
use crate::graph::{Function, Reference, ResourceKey, Scope, Value};
use crate::plan::Plan;

pub(super) const NETWORK: &str = "Microsoft.Network/virtualNetworks";
pub(super) const BALANCER: &str = "Microsoft.Network/loadBalancers";
pub(super) const MACHINE: &str = "Microsoft.Compute/virtualMachines";
const INTERFACE: &str = "Microsoft.Network/networkInterfaces";
const EXTENSION: &str = "Microsoft.Compute/virtualMachines/extensions";
const ROLE: &str = "Microsoft.Authorization/roleAssignments";

pub(super) fn scope() -> Scope {
    Scope {
        subscription_id: "00000000-0000-0000-0000-000000000001".into(),
        tenant_id: "00000000-0000-0000-0000-000000000002".into(),
        resource_group: "rg".into(),
        location: "westus2".into(),
    }
}

pub(super) fn address(resource_type: &str, name: &str) -> Address {
    Address::new(&scope(), resource_type, "2026-01-01", name)
}

pub(super) fn id(kind: ChangeKind, resource_type: &str, name: &str) -> StepId {
    StepId::of_change(kind, &ResourceKey::named(resource_type, name))
}

/// A change of the resource `name`, whose symbol is its name too.
pub(super) fn change(kind: ChangeKind, resource_type: &str, name: &str, body: Value, after: &[&StepId]) -> Step {
    let key = ResourceKey::named(resource_type, name);
    let after_keys = after.iter().filter_map(|id| {
        let (resource_type, name) = id.as_str().split_once(' ')?.1.split_once(' ')?;
        Some(ResourceKey::named(resource_type, name))
    });
    Step {
        id: StepId::of_change(kind, &key),
        operation: Operation::Change(Change {
            kind,
            symbol: name.into(),
            index: None,
            resource_type: resource_type.into(),
            api_version: "2026-01-01".into(),
            name: name.into(),
            body: Arc::new(body),
            initial: Vec::new(),
            after: after_keys.collect(),
            key,
        }),
        after: after.iter().map(|id| (*id).clone()).collect(),
        reason: Reason::Missing,
    }
}

pub(super) fn create(resource_type: &str, name: &str, body: Value, after: &[&StepId]) -> Step {
    change(ChangeKind::Create, resource_type, name, body, after)
}

pub(super) fn act(act: Act, after: &[&StepId]) -> Step {
    Step {
        id: StepId::of_act(&act),
        operation: Operation::Act(act),
        after: after.iter().map(|id| (*id).clone()).collect(),
        reason: Reason::Needed { purpose: "a test".into() },
    }
}

pub(super) fn plan(steps: Vec<Step>) -> Arc<Plan> {
    Arc::new(Plan {
        format: Plan::FORMAT,
        verb: "deploy".into(),
        scope: scope(),
        steps,
        unchanged: Vec::new(),
        known: Vec::new(),
        notes: Vec::new(),
    })
}

/// A body with just these properties.
pub(super) fn properties(properties: Json) -> Value {
    json!({ "location": "westus2", "properties": properties }).into()
}

pub(super) fn applied(resource_type: &str, name: &str, properties: Json) -> Applied {
    let body = json!({ "location": "westus2", "properties": properties });
    Applied { address: address(resource_type, name).into(), body, after: Vec::new() }
}

/// What a resource's principal is told as.
fn principal(symbol: &str) -> Value {
    Reference::attribute(symbol, &["identity", "principalId"]).into()
}

/// Twelve steps: a network, a balancer, three machines with interface, identity, customData and extension, a role
/// whose name is made of a principal that does not exist yet, and waiting for a node.
pub(super) fn cluster() -> Arc<Plan> {
    let network = create(NETWORK, "net", properties(json!({ "addressPrefixes": ["10.0.0.0/8"] })), &[]);
    let balancer = create(BALANCER, "lb", properties(json!({})), &[]);
    let mut steps = vec![network.clone(), balancer.clone()];
    for index in 0..3 {
        let (interface, machine) = (format!("nic-{index}"), format!("vm-{index}"));
        let on = Value::object([("subnet", Value::part_of("net", "subnets", "nodes")), ("lb", Value::id_of("lb"))]);
        let nic = create(INTERFACE, &interface, Value::object([("properties", on)]), &[&network.id, &balancer.id]);
        let profile = Value::object([("customData", Value::secret("customData")), ("name", machine.clone().into())]);
        let vm_properties = Value::object([("nic", Value::id_of(&interface)), ("osProfile", profile)]);
        let body =
            Value::object([("identity", json!({ "type": "SystemAssigned" }).into()), ("properties", vm_properties)]);
        let vm = create(MACHINE, &machine, body, &[&nic.id]);
        steps.extend([nic, vm]);
    }
    let machine = steps[3].id.clone();
    let name = Value::Call(Function::Guid, vec![Value::id_of("vm-0"), principal("vm-0")]);
    let body = Value::object([("properties", Value::object([("principalId", principal("vm-0"))]))]);
    let mut role = create(ROLE, "role", body, &[&machine]);
    role.id = StepId::of_change(ChangeKind::Create, &ResourceKey::deferred(ROLE, "role", None));
    if let Operation::Change(change) = &mut role.operation {
        change.key = ResourceKey::deferred(ROLE, "role", None);
        change.name = name;
    }
    let after_role = Value::object([("properties", Value::object([("role", Value::id_of("role"))]))]);
    let mut extension = create(EXTENSION, "vm-0/cse", after_role, &[&machine, &role.id]);
    if let Operation::Change(change) = &mut extension.operation {
        change.name = Value::concat([Reference::attribute("vm-0", &["name"]).into(), "/cse".into()]);
    }
    let ready = act(Act::WaitUntilReady { node: "vm-0".into() }, &[&extension.id]);
    let renew = act(Act::RenewBootstrapToken, &[]);
    steps.extend([role, extension, ready, renew]);
    plan(steps)
}
