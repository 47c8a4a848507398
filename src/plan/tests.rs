//! Plans for a small cluster: an interface, a machine with a role and a script, all in a group.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by a panic")]

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::*;
use crate::base::Secret;
use crate::contract::{Address, Applied, AppliedResources, ChangeKind, Observation, Operation, Reason, Step};
use crate::graph::{
    Context, Function, GROUP_TYPE, Member, Reference, Resource, ResourceGraph, ResourceKey, Scope, Series, Value,
};

const VM: &str = "Microsoft.Compute/virtualMachines";

fn scope() -> Scope {
    Scope {
        subscription_id: "s".into(),
        tenant_id: "t".into(),
        resource_group: "rg".into(),
        location: "westus2".into(),
    }
}

fn graph(machines: u32, size: &str) -> ResourceGraph {
    let series = Series { name: "pool".into(), offset: 0, count: machines.into() };
    let principal = Reference::attribute("machine", &["identity", "principalId"]).of(Member::SameIndex);
    let script_name =
        Value::concat([Reference::attribute("machine", &["name"]).of(Member::SameIndex).into(), "/cse".into()]);
    let mut script = Resource::new("script", "Microsoft.Compute/virtualMachines/extensions", "1", script_name)
        .in_series(series.clone());
    script.after.push(Reference::id("role").of(Member::SameIndex));
    let resources = vec![
        Resource::new("group", GROUP_TYPE, "1", "rg"),
        Resource::new("nic", "Microsoft.Network/networkInterfaces", "1", Value::indexed("nic-"))
            .in_series(series.clone()),
        Resource::new("machine", VM, "1", Value::indexed("vm-"))
            .properties(Value::object([
                ("size", size.into()),
                ("nic", Value::id_of_same_index("nic")),
                ("osProfile", Value::object([("customData", Value::secret("pool/customData"))])),
            ]))
            .in_series(series.clone()),
        Resource::new(
            "role",
            "Microsoft.Authorization/roleAssignments",
            "1",
            Value::Call(Function::Guid, vec![principal.into()]),
        )
        .in_series(series),
        script,
    ];
    ResourceGraph::build(scope(), resources).unwrap()
}

fn secrets(custom_data: &str) -> BTreeMap<String, Secret> {
    BTreeMap::from([("pool/customData".to_owned(), Secret::new(custom_data))])
}

/// The world after a deployment of `graph`, and what the state says of it.
fn deployed(graph: &ResourceGraph) -> (ObservedResources, AppliedResources) {
    let (mut observed, mut applied) = (ObservedResources::new(), AppliedResources::new());
    let secrets = secrets("first");
    for node in graph.in_order() {
        let world = World { graph, observed: &observed, secrets: &secrets };
        let address = world.address(node).unwrap().unwrap();
        let context: Context<'_> = world.context(node);
        let body = node.resource.body().resolve_digested(&context).unwrap();
        let mut there = body.clone();
        there["id"] = json!(address.id);
        if node.resource.resource_type.eq_ignore_ascii_case(VM) {
            there["identity"] = json!({ "principalId": format!("principal of {}", address.name) });
            there["properties"]["osProfile"].as_object_mut().unwrap().clear();
        }
        let after = graph.dependencies(&node.key).into_iter().map(|needed| needed.key.clone()).collect();
        applied.insert(node.key.clone(), Applied { address: address.clone().into(), body, after });
        let observation = Some(Observation { body: there, etag: None });
        observed.insert(node.key.clone(), Observed { address, observation });
    }
    (observed, applied)
}

fn planned(
    graph: &ResourceGraph,
    observed: &ObservedResources,
    applied: &AppliedResources,
    data: &str,
    removal: Removal,
) -> Plan {
    let normalise = |_: &Address, body: Json| body;
    let secrets = secrets(data);
    plan(&Request { verb: "deploy", graph, observed, applied, secrets: &secrets, normalise: &normalise, removal })
        .unwrap()
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

fn step<'a>(plan: &'a Plan, id: &str) -> &'a Step {
    plan.steps.iter().find(|step| step.id.as_str() == id).unwrap()
}

fn after(plan: &Plan, id: &str) -> Vec<String> {
    step(plan, id).after.iter().map(ToString::to_string).collect()
}

#[test]
fn a_machine_that_is_told_nothing_is_no_node() {
    let jumpbox = |name: &str| {
        Resource::new("jumpbox", VM, "1", name)
            .properties(Value::object([("osProfile", Value::object([("computerName", name.into())]))]))
    };
    let group = || Resource::new("group", GROUP_TYPE, "1", "rg");
    let with = ResourceGraph::build(scope(), vec![group(), jumpbox("jumpbox")]).unwrap();
    let plan = planned(&with, &ObservedResources::new(), &AppliedResources::new(), "first", Removal::KeepMachines);
    let created = ["create Microsoft.Resources/resourceGroups rg", "create Microsoft.Compute/virtualMachines jumpbox"];
    assert_eq!(ids(&plan), created);
    let (observed, applied) = deployed(&with);
    let without = ResourceGraph::build(scope(), vec![group()]).unwrap();
    let plan = planned(&without, &observed, &applied, "first", Removal::DrainAndDelete);
    assert_eq!(ids(&plan), ["delete Microsoft.Compute/virtualMachines jumpbox"]);
}

#[test]
fn in_an_empty_world_all_is_created_and_waited_for() {
    let graph = graph(1, "D2");
    let plan = planned(&graph, &ObservedResources::new(), &AppliedResources::new(), "first", Removal::KeepMachines);
    assert_eq!(
        ids(&plan),
        [
            "create Microsoft.Resources/resourceGroups rg",
            "create Microsoft.Network/networkInterfaces nic-0",
            "create Microsoft.Compute/virtualMachines vm-0",
            "create Microsoft.Authorization/roleAssignments <role 0>",
            "create Microsoft.Compute/virtualMachines/extensions vm-0/cse",
            "wait for vm-0 to be Ready",
        ]
    );
    assert_eq!(plan.count(ChangeKind::Create), 5);
    assert!(after(&plan, "wait for vm-0 to be Ready").iter().any(|id| id.ends_with("vm-0/cse")));
    let text = serde_json::to_string(&plan).unwrap();
    assert!(!text.contains("first"), "a plan holds no secret");
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn after_a_deployment_nothing_is_left_to_do() {
    let graph = graph(2, "D2");
    let (observed, applied) = deployed(&graph);
    let plan = planned(&graph, &observed, &applied, "first", Removal::KeepMachines);
    assert_eq!(ids(&plan), Vec::<&str>::new());
    assert_eq!(plan.unchanged.len(), 9);
    assert!(plan.notes.is_empty());
}

#[test]
fn new_custom_data_concerns_new_machines_only() {
    let graph = graph(2, "D2");
    let (observed, applied) = deployed(&graph);
    let plan = planned(&graph, &observed, &applied, "second", Removal::KeepMachines);
    assert!(plan.is_empty());
    assert!(
        plan.notes[0].starts_with("2 machines were made with settings that have changed since"),
        "{:?}",
        plan.notes
    );
}

#[test]
fn a_changed_field_is_an_update_that_names_it() {
    let (observed, applied) = deployed(&graph(1, "D2"));
    let plan = planned(&graph(1, "D4"), &observed, &applied, "first", Removal::KeepMachines);
    let update = step(&plan, "update Microsoft.Compute/virtualMachines vm-0");
    let Reason::Differs { fields } = &update.reason else { unreachable!("{:?}", update.reason) };
    assert_eq!((&*fields[0].pointer, fields[0].observed.as_deref()), ("/properties/size", Some("\"D2\"")));
    assert_eq!(plan.known.len(), 1, "the interface's id is needed: {:?}", plan.known);
}

#[test]
fn growing_renews_the_token_and_waits_for_the_node() {
    let (observed, applied) = deployed(&graph(1, "D2"));
    let plan = planned(&graph(2, "D2"), &observed, &applied, "first", Removal::DrainAndDelete);
    assert_eq!(plan.count(ChangeKind::Create), 4);
    assert!(
        after(&plan, "create Microsoft.Compute/virtualMachines vm-1").contains(&"renew the bootstrap token".to_owned())
    );
    step(&plan, "wait for vm-1 to be Ready");
    assert_eq!(plan.acts(), 2);
}

#[test]
fn a_scale_set_that_grows_renews_the_token() {
    let graph = |capacity: u32| {
        let set = Resource::new("set", "Microsoft.Compute/virtualMachineScaleSets", "1", "pool-vmss")
            .field("sku", Value::object([("capacity", capacity.into())]));
        let mut resources = vec![set];
        resources.extend(graph(1, "D2").declarations().map(|resource| (**resource).clone()));
        ResourceGraph::build(scope(), resources).unwrap()
    };
    let (observed, applied) = deployed(&graph(2));
    let plan = planned(&graph(3), &observed, &applied, "first", Removal::DrainAndDelete);
    assert_eq!(ids(&plan), ["renew the bootstrap token", "update Microsoft.Compute/virtualMachineScaleSets pool-vmss"]);
    assert_eq!(
        after(&plan, "update Microsoft.Compute/virtualMachineScaleSets pool-vmss"),
        ["renew the bootstrap token"]
    );
}

#[test]
fn shrinking_drains_first_and_removes_the_node_last() {
    let (observed, applied) = deployed(&graph(2, "D2"));
    let plan = planned(&graph(1, "D2"), &observed, &applied, "first", Removal::DrainAndDelete);
    let place = |id: &str| ids(&plan).iter().position(|other| *other == id).unwrap();
    let (drain, machine) = (place("cordon and drain vm-1"), place("delete Microsoft.Compute/virtualMachines vm-1"));
    let script = place("delete Microsoft.Compute/virtualMachines/extensions vm-1/cse");
    assert!(drain < script && script < machine);
    assert!(machine < place("delete Microsoft.Network/networkInterfaces nic-1"));
    assert!(machine < place("remove node vm-1"));
    assert_eq!(plan.count(ChangeKind::Delete), 4);
    assert!(
        after(&plan, "delete Microsoft.Authorization/roleAssignments <role 1>")
            .contains(&"cordon and drain vm-1".to_owned())
    );
}

#[test]
fn deploying_never_deletes_a_machine() {
    let (observed, applied) = deployed(&graph(2, "D2"));
    let plan = planned(&graph(1, "D2"), &observed, &applied, "first", Removal::KeepMachines);
    assert!(plan.is_empty(), "{:?}", ids(&plan));
    assert_eq!(
        plan.notes,
        ["vm-1 is not in the model any more and is left alone: deleting machines is for `engine scale`"]
    );
}

#[test]
fn a_machine_that_somebody_deleted_is_made_again() {
    let graph = graph(2, "D2");
    let (mut observed, applied) = deployed(&graph);
    observed.get_mut(&ResourceKey::named(VM, "vm-1")).unwrap().observation = None;
    let plan = planned(&graph, &observed, &applied, "first", Removal::KeepMachines);
    step(&plan, "create Microsoft.Compute/virtualMachines vm-1");
    step(&plan, "renew the bootstrap token");
    assert_eq!(plan.count(ChangeKind::Update), 0);
}

#[test]
fn a_failed_resource_is_written_again() {
    let graph = graph(1, "D2");
    let (mut observed, applied) = deployed(&graph);
    let nic = ResourceKey::named("Microsoft.Network/networkInterfaces", "nic-0");
    let seen = observed.get_mut(&nic).unwrap().observation.as_mut().unwrap();
    seen.body["properties"] = json!({ "provisioningState": "Failed" });
    let plan = planned(&graph, &observed, &applied, "first", Removal::KeepMachines);
    assert_eq!(step(&plan, "update Microsoft.Network/networkInterfaces nic-0").reason, Reason::Unfinished);
}

#[test]
fn destroying_reverses_the_order() {
    let graph = graph(1, "D2");
    let (mut observed, applied) = deployed(&graph);
    let plan = plan_destroy(&scope(), &observed, &applied);
    assert_eq!(plan.count(ChangeKind::Delete), 5);
    let place = |word: &str| ids(&plan).iter().position(|id| id.contains(word)).unwrap();
    assert!(place("extensions") < place("virtualMachines vm-0"));
    assert!(place("roleAssignments") < place("virtualMachines vm-0"));
    assert!(place("virtualMachines vm-0") < place("networkInterfaces"));
    assert_eq!(place("resourceGroups"), 4);
    assert!(plan.steps.iter().all(
        |step| matches!(&step.operation, Operation::Change(change) if !change.name.references().iter().any(|_| true))
    ));
    for seen in observed.values_mut() {
        seen.observation = None;
    }
    assert!(plan_destroy(&scope(), &observed, &applied).is_empty());
}

#[test]
fn the_group_stays_and_so_does_what_is_only_spelled_otherwise() {
    let (observed, applied) = deployed(&graph(1, "D2"));
    let respelled = ResourceGraph::build(
        Scope { resource_group: "RG".into(), ..scope() },
        vec![
            Resource::new("group", GROUP_TYPE, "1", "RG"),
            Resource::new("nic", "Microsoft.Network/networkInterfaces", "1", "NIC-0"),
        ],
    )
    .unwrap();
    let plan = planned(&respelled, &observed, &applied, "first", Removal::DrainAndDelete);
    for id in ["delete Microsoft.Resources/resourceGroups rg", "delete Microsoft.Network/networkInterfaces nic-0"] {
        assert!(!ids(&plan).contains(&id), "{:?}", ids(&plan));
    }
    assert_eq!(plan.count(ChangeKind::Delete), 3, "{:?}", ids(&plan));
}

#[test]
fn a_machine_that_was_made_again_gets_a_role_of_its_own() {
    let graph = graph(1, "D2");
    let (mut observed, applied) = deployed(&graph);
    let machine = observed.get_mut(&ResourceKey::named(VM, "vm-0")).unwrap().observation.as_mut().unwrap();
    machine.body["identity"]["principalId"] = json!("another principal");
    let plan = planned(&graph, &observed, &applied, "first", Removal::KeepMachines);
    assert_eq!(ids(&plan), ["create Microsoft.Authorization/roleAssignments <role 0>"]);
}

/// A plan of thousands of machines takes time in proportion to them: more would be minutes here.
#[test]
fn thousands_of_machines_are_planned_at_once() {
    const MACHINES: u32 = 5_000;
    let whole = graph(MACHINES, "D2");
    let (observed, applied) = deployed(&whole);
    assert!(planned(&whole, &observed, &applied, "first", Removal::KeepMachines).is_empty());
    let less = graph(1, "D2");
    assert!(planned(&less, &observed, &applied, "first", Removal::KeepMachines).is_empty());
    let plan = planned(&less, &observed, &applied, "first", Removal::DrainAndDelete);
    assert_eq!(plan.steps.len(), 6 * (MACHINES as usize - 1));
    let (observed, applied) = deployed(&less);
    let plan = planned(&whole, &observed, &applied, "first", Removal::KeepMachines);
    assert_eq!(plan.count(ChangeKind::Create), 4 * (MACHINES as usize - 1));
    let (observed, applied) = deployed(&whole);
    assert_eq!(plan_destroy(&scope(), &observed, &applied).steps.len(), 4 * MACHINES as usize + 1);
}

#[test]
fn what_goes_with_its_parent_is_looked_for_after_it() {
    const VAULT: &str = "Microsoft.KeyVault/vaults";
    let name = Value::concat([Reference::attribute("vault", &["name"]).into(), "/k8s".into()]);
    let mut user = Resource::new("user", "Contoso.Things/widgets", "1", "user");
    user.after.push(Reference::id("key"));
    let resources = vec![
        Resource::new("group", GROUP_TYPE, "1", "rg"),
        Resource::new("vault", VAULT, "1", "kv"),
        Resource::new("key", "Microsoft.KeyVault/vaults/keys", "1", name),
        user,
    ];
    let graph = ResourceGraph::build(scope(), resources).unwrap();
    let (observed, applied) = deployed(&graph);
    let plan = plan_destroy(&scope(), &observed, &applied);
    let steps: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    let place = |what: &str| steps.iter().position(|step| step.ends_with(what)).unwrap();
    // The group holds all of them, so it goes last.
    assert!(place("widgets user") < place("vaults/keys kv/k8s"), "{steps:?}");
    assert!(place("vaults kv") < place("vaults/keys kv/k8s"), "{steps:?}");
    assert_eq!(place("resourceGroups rg"), steps.len() - 1, "{steps:?}");
    let key = &plan.steps[place("vaults/keys kv/k8s")];
    assert!(key.after.iter().any(|step| step.as_str().ends_with("vaults kv")), "{key:?}");
}
