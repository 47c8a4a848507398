//! The graph held against cases that are hard for it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

use super::*;

fn scope() -> Scope {
    Scope {
        subscription_id: "00000000-0000-0000-0000-000000000000".into(),
        tenant_id: "t".into(),
        resource_group: "rg".into(),
        location: "westus2".into(),
    }
}

fn machines(count: impl Into<Value>) -> Vec<Resource> {
    let series = Series { name: "master".into(), offset: 0, count: count.into() };
    let interface = Resource::new("nic", "Microsoft.Network/networkInterfaces", "1", Value::indexed("nic-"));
    let machine = Resource::new("machine", "Microsoft.Compute/virtualMachines", "1", Value::indexed("vm-"))
        .properties(Value::object([("nic", Value::id_of_same_index("nic"))]));
    vec![machine.in_series(series.clone()), interface.in_series(series)]
}

fn keys(nodes: Vec<&Node>) -> Vec<String> {
    nodes.into_iter().map(|node| node.key.to_string()).collect()
}

#[test]
fn a_series_ties_each_machine_to_its_own_interface() {
    let graph = ResourceGraph::build(scope(), machines(3_u32)).unwrap();
    assert_eq!(graph.len(), 6);
    let machine = ResourceKey::named("Microsoft.Compute/virtualMachines", "vm-2");
    assert_eq!(keys(graph.dependencies(&machine)), ["Microsoft.Network/networkInterfaces nic-2"]);
    let order = keys(graph.in_order());
    let place = |name: &str| order.iter().position(|key| key.ends_with(name)).unwrap();
    assert!((0..3).all(|index| place(&format!("nic-{index}")) < place(&format!("vm-{index}"))));
}

#[test]
fn a_role_assignment_is_named_by_a_principal_that_does_not_exist_yet() {
    let mut resources = machines(1_u32);
    let principal = Reference::attribute("machine", &["identity", "principalId"]).of(Member::SameIndex);
    let name = Value::Call(Function::Guid, vec![Value::Call(Function::ResourceGroup, vec![]), principal.into()]);
    let Value::Call(_, parts) = &name else { panic!("a call") };
    assert_eq!(parts.len(), 2);
    let name = Value::Call(
        Function::Guid,
        vec![
            Value::Call(Function::Property, vec![Value::Call(Function::ResourceGroup, vec![]), "id".into()]),
            parts[1].clone(),
        ],
    );
    resources.push(Resource::new("role", "Microsoft.Authorization/roleAssignments", "1", name).in_series(Series {
        name: "master".into(),
        offset: 0,
        count: 1_u32.into(),
    }));
    let graph = ResourceGraph::build(scope(), resources).unwrap();
    let key = ResourceKey::deferred("Microsoft.Authorization/roleAssignments", "role", Some(0));
    let node = graph.node(&key).unwrap();
    assert_eq!(node.name, None, "known only once the machine has its identity");
    assert_eq!(keys(graph.dependencies(&key)), ["Microsoft.Compute/virtualMachines vm-0"]);

    struct Finished;
    impl Lookup for Finished {
        fn attribute(&self, reference: &Reference, index: Option<u32>) -> Option<serde_json::Value> {
            assert_eq!((&*reference.symbol, index), ("machine", Some(0)));
            Some("11111111-1111-1111-1111-111111111111".into())
        }
        fn secret(&self, _: &str) -> Option<crate::base::Secret> {
            None
        }
    }
    let context = Context { scope: graph.scope(), index: node.index, lookup: &Finished };
    let expected = guid(
        &[
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg",
            "11111111-1111-1111-1111-111111111111",
        ]
        .map(str::to_owned),
    );
    assert_eq!(node.resource.name.resolve(&context).unwrap(), expected.to_string());
}

#[test]
fn a_count_from_another_resources_output_stays_one_node_until_it_is_known() {
    let count = Reference::attribute("sizing", &["properties", "outputs", "machines", "value"]);
    let mut resources = machines(Value::from(count));
    resources.push(Resource::new("sizing", "Microsoft.Resources/deployments", "1", "sizing"));
    let graph = ResourceGraph::build(scope(), resources).unwrap();
    assert_eq!(graph.len(), 3);
    let series = ResourceKey::deferred("Microsoft.Compute/virtualMachines", "machine", None);
    assert!(graph.node(&series).unwrap().unexpanded);
    assert_eq!(
        keys(graph.dependencies(&series)),
        ["Microsoft.Network/networkInterfaces <nic>", "Microsoft.Resources/deployments sizing"]
    );
}

#[test]
fn the_group_contains_everything() {
    let mut resources = machines(1_u32);
    resources.push(Resource::new("group", GROUP_TYPE, "1", "rg"));
    let graph = ResourceGraph::build(scope(), resources).unwrap();
    assert_eq!(graph.dependents(&ResourceKey::named(GROUP_TYPE, "rg")).len(), 2);
    assert_eq!(graph.in_order()[0].key.resource_type(), GROUP_TYPE);
}

#[test]
fn a_resource_may_name_its_own_id_but_not_wait_for_itself() {
    let own = |path: &[&str]| {
        let body = Value::object([("x", Reference::attribute("lb", path).into())]);
        ResourceGraph::build(scope(), vec![Resource::new("lb", "N/loadBalancers", "1", "lb").properties(body)])
    };
    assert!(own(&["id"]).is_ok());
    assert!(matches!(own(&["properties", "x"]), Err(GraphError::Cycle(cycle)) if cycle.len() == 2));
}

#[test]
fn faults_are_told_by_name() {
    let refers = |symbol: &str, to: &str| {
        Resource::new(symbol, "N/t", "1", symbol).properties(Value::object([("x", Value::id_of(to))]))
    };
    let cycle =
        ResourceGraph::build(scope(), vec![refers("a", "b"), refers("b", "c"), refers("c", "a"), refers("d", "a")]);
    assert_eq!(cycle.unwrap_err().to_string(), "resources wait for each other: N/t a → N/t b → N/t c → N/t a");

    let dangling = ResourceGraph::build(scope(), vec![refers("a", "z")]);
    assert_eq!(dangling.unwrap_err().to_string(), "`a` refers to `z`, which is not declared");

    let mut twins = vec![refers("a", "b"), Resource::new("b", "N/t", "1", "a")];
    assert!(matches!(ResourceGraph::build(scope(), twins.clone()), Err(GraphError::DuplicateResource(_))));
    twins[1].symbol = "a".into();
    assert!(matches!(ResourceGraph::build(scope(), twins), Err(GraphError::DuplicateSymbol(_))));

    let mut endless = machines(u32::MAX);
    for resource in &mut endless {
        resource.series.as_mut().unwrap().offset = 7;
    }
    assert!(matches!(ResourceGraph::build(scope(), endless), Err(GraphError::Count(_))));

    let named =
        |symbol: &str, by: &str| Resource::new(symbol, "N/t", "1", Value::from(Reference::attribute(by, &["name"])));
    let endless = ResourceGraph::build(scope(), vec![named("a", "b"), named("b", "a")]);
    assert!(matches!(endless, Err(GraphError::Cycle(_))), "{endless:?}");
    assert!(matches!(ResourceGraph::build(scope(), vec![named("a", "a")]), Err(GraphError::Cycle(_))));
}

#[test]
fn pictures_show_series_as_one() {
    let graph = ResourceGraph::build(scope(), machines(3_u32)).unwrap();
    assert_eq!(
        draw(&graph, PictureFormat::Mermaid),
        "flowchart RL\n  n0[\"virtualMachines machine × 3\"]\n  n1[\"networkInterfaces nic × 3\"]\n  n0 --> n1\n"
    );
    assert!(draw(&graph, PictureFormat::Dot).contains("n0 -> n1;"));
    let data: serde_json::Value = serde_json::from_str(&draw(&graph, PictureFormat::Json)).unwrap();
    assert_eq!(data["nodes"][0]["names"][2], "vm-2");
}
