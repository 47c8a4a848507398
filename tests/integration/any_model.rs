//! Any model that the schema allows, and any change of the examples: it gets diagnostics, or it expands into a graph
//! without cycles whose references all resolve; never a panic.

use std::cell::Cell;
use std::sync::Arc;

use engine::base::{Source, SystemClock, SystemEntropy};
use engine::bootstrap::Start;
use engine::contract::Platform;
use engine::expand::{ExpandError, expand, machine_payloads};
use engine::model::{ReadOptions, read, schema};
use engine::pki::{Given, KeyMaterial};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value as Json};

use super::clusters;
use super::examples;

/// Texts that mean something somewhere in a model, and some that mean nothing anywhere.
const TEXTS: [&str; 40] = [
    "",
    " ",
    "1",
    "0",
    "-1",
    "1.35",
    "1.36.0",
    "3",
    "true",
    "vlabs",
    "westus2",
    "China East 2",
    "10.0.0.0/8",
    "10.244.0.0/16",
    "10.0.0.0/16",
    "192.168.0.0/24",
    "0.0.0.0/0",
    "fd00::/64",
    "10.0.0.10",
    "10.240.0.4",
    "::1",
    "10.0.0.0/33",
    "master",
    "pool",
    "k8s",
    "a.b/c",
    "kubernetes.io/x",
    "example.com/x",
    "ä\u{0}\u{1f600}",
    "{{x}}",
    "a b",
    "a=b:NoSchedule",
    "key=value:Never",
    "5m0s",
    "--v",
    "/subscriptions/s/resourceGroups/g",
    "\"'\\$(id)`",
    "-----BEGIN CERTIFICATE-----",
    "YQ==",
    "https://portal.westus2.azurestack.external/",
];

fn resolved(schema: &'static Json) -> &'static Json {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => self::schema().pointer(pointer).unwrap(),
        None => schema,
    }
}

/// A value of a schema, or now and then one just outside of it.
fn value(outer: &'static Json, density: f64, depth: u32) -> BoxedStrategy<Json> {
    let schema = resolved(outer);
    if let Some(words) = schema["enum"].as_array() {
        return prop_oneof![9 => prop::sample::select(words.clone()), 1 => text()].boxed();
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let kinds: Vec<BoxedStrategy<Json>> = kinds.into_iter().map(|kind| of_kind(kind, schema, density, depth)).collect();
    match kinds.len() {
        0 => text().boxed(),
        _ => proptest::strategy::Union::new(kinds).boxed(),
    }
}

fn text() -> impl Strategy<Value = Json> {
    prop_oneof![4 => prop::sample::select(TEXTS.to_vec()).prop_map(Json::from), 1 => "\\PC{0,6}".prop_map(Json::from)]
}

fn of_kind(kind: &str, schema: &'static Json, density: f64, depth: u32) -> BoxedStrategy<Json> {
    match kind {
        "boolean" => any::<bool>().prop_map(Json::from).boxed(),
        "integer" | "number" => {
            let least = schema["minimum"].as_f64().unwrap_or(0.0).max(-1e6) as i64;
            let most = (schema["maximum"].as_f64().unwrap_or(1000.0).min(1e6) as i64).max(least);
            prop_oneof![
                8 => (least..=most).prop_map(Json::from),
                4 => (least..=least.saturating_add(5).min(most)).prop_map(Json::from),
                1 => Just(Json::from(most.saturating_add(1))),
                1 => Just(Json::from(least.saturating_sub(1))),
                1 => any::<i64>().prop_map(Json::from),
                1 => any::<f64>().prop_map(Json::from),
            ]
            .boxed()
        }
        "array" if depth > 0 => {
            prop::collection::vec(value(&schema["items"], density, depth - 1), 0..3).prop_map(Json::from).boxed()
        }
        "object" if depth > 0 => object(schema, density, depth),
        "array" => Just(Json::Array(Vec::new())).boxed(),
        "object" => Just(Json::Object(Map::new())).boxed(),
        _ => text().boxed(),
    }
}

/// A random part of an object's properties; what is required is in it, mostly.
fn object(schema: &'static Json, density: f64, depth: u32) -> BoxedStrategy<Json> {
    let Some(properties) = schema["properties"].as_object() else {
        let values = &schema["additionalProperties"];
        let values = if values.is_object() { value(values, density, depth - 1) } else { text().boxed() };
        let keys = prop_oneof![prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned), Just("--v".to_owned())];
        return prop::collection::vec((keys, values), 0..3)
            .prop_map(|members| Json::Object(members.into_iter().collect()))
            .boxed();
    };
    let members: Vec<BoxedStrategy<Option<(String, Json)>>> = properties
        .iter()
        .map(|(name, property)| {
            let name = name.clone();
            // What only holds others is opened more often, so that depth is reached.
            let opens = resolved(property)["properties"].is_object() || property["items"].is_object();
            let chance = if opens { (density * 3.0).min(0.9) } else { density };
            prop::option::weighted(chance, value(property, density, depth - 1))
                .prop_map(move |value| value.map(|value| (name.clone(), value)))
                .boxed()
        })
        .collect();
    members.prop_map(|members| Json::Object(members.into_iter().flatten().collect())).boxed()
}

/// Lays a value over another: objects join, lists join item by item, anything else is replaced.
fn lay_over(below: &mut Json, above: Json) {
    match (below, above) {
        (Json::Object(below), Json::Object(above)) => {
            for (name, value) in above {
                lay_over(below.entry(name).or_insert(Json::Null), value);
            }
        }
        (Json::Array(below), Json::Array(above)) => {
            for (index, value) in above.into_iter().enumerate() {
                match below.get_mut(index) {
                    Some(item) => lay_over(item, value),
                    None => below.push(value),
                }
            }
        }
        (below, above) => *below = above,
    }
}

/// All pointers of a value.
fn pointers(value: &Json, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    let mut below = |key: &str, value: &Json| {
        pointers(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
    };
    match value {
        Json::Object(members) => members.iter().for_each(|(key, value)| below(key, value)),
        Json::Array(items) => items.iter().enumerate().for_each(|(index, value)| below(&index.to_string(), value)),
        _ => {}
    }
}

/// What came of a model.
#[derive(PartialEq, Eq)]
enum Outcome {
    Refused,
    Expanded,
}

fn judge(model: &Json, keys: &KeyMaterial) -> Result<Outcome, TestCaseError> {
    let source = Source { name: "any".to_owned(), text: model.to_string() };
    let reading = read(&source, &ReadOptions::default());
    prop_assert_eq!(reading.cluster.is_none(), reading.diagnostics.has_errors());
    for diagnostic in reading.diagnostics.iter() {
        prop_assert!(engine::model::RULES.iter().any(|rule| rule.code == diagnostic.code), "{}", diagnostic.code);
    }
    let Some(cluster) = reading.cluster else { return Ok(Outcome::Refused) };
    // A small model may still ask for thousands of machines.
    if cluster.node_count() > 1000 {
        return Ok(Outcome::Refused);
    }
    let fail = |stage: &str, cause: String| TestCaseError::fail(format!("{stage}: {cause}\n{model:#}"));
    let machines = match machine_payloads(&cluster, Platform::Azure, keys, Start::Init) {
        Ok(machines) => machines,
        // How long customData gets is known only now.
        Err(ExpandError::Payload { cause: engine::bootstrap::BootstrapError::TooLarge { .. }, .. }) => {
            return Ok(Outcome::Refused);
        }
        Err(error) => return Err(fail("machines", error.to_string())),
    };
    let graph = expand(&cluster, &clusters::scope(&cluster), &machines.payloads)
        .map_err(|error| fail("expansion", error.to_string()))?;
    // In order, everything stands behind what it refers to: there is no cycle, and nothing is missing.
    let mut seen = std::collections::BTreeSet::new();
    for node in graph.in_order() {
        for dependency in graph.dependencies(&node.key) {
            prop_assert!(seen.contains(&dependency.key), "{} before {}", node.key, dependency.key);
        }
        seen.insert(node.key.clone());
    }
    prop_assert_eq!(seen.len(), graph.len());
    clusters::template(&cluster, &graph).map_err(|error| fail("emission", error))?;
    Ok(Outcome::Expanded)
}

fn run(cases: u32, models: impl Strategy<Value = Json>) {
    let keys = KeyMaterial::generate(&Given::default(), &SystemClock, &SystemEntropy).unwrap();
    let (refused, expanded) = (Cell::new(0_u32), Cell::new(0_u32));
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    let outcome = TestRunner::new(config).run(&models, |model| {
        let counter = if judge(&model, &keys)? == Outcome::Expanded { &expanded } else { &refused };
        counter.set(counter.get() + 1);
        Ok(())
    });
    println!("{} models expanded, {} refused", expanded.get(), refused.get());
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    // A generator whose models are all alike would prove nothing.
    assert!(expanded.get() > cases / 20 && refused.get() > cases / 20, "{expanded:?} {refused:?}");
}

fn bases() -> Arc<Vec<Json>> {
    Arc::new(examples::all().iter().map(|example| serde_json::from_str(&example.text).unwrap()).collect())
}

#[test]
fn any_model_that_the_schema_allows_expands_or_is_told_why_not() {
    let bases = bases();
    let density = prop::sample::select(vec![0.004, 0.01, 0.03, 0.2]);
    let models = (0..bases.len(), density).prop_flat_map(move |(base, density)| {
        let bases = Arc::clone(&bases);
        value(schema(), density, 6).prop_map(move |over| {
            let mut model = bases[base].clone();
            lay_over(&mut model, over);
            model
        })
    });
    run(256, models);
}

#[test]
fn any_change_of_an_example_expands_or_is_told_why_not() {
    let bases = bases();
    let anything = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (0_i64..300).prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        text(),
        text().prop_map(|text| Json::Array(vec![text])),
        Just(Json::Object(Map::new())),
    ];
    let change = (any::<prop::sample::Index>(), 0..6_u8, any::<prop::sample::Index>(), anything);
    let changes = prop::collection::vec(change, 1..4);
    let models = (0..bases.len(), changes).prop_map(move |(base, changes)| {
        let mut model = bases[base].clone();
        for (place, kind, member, with) in changes {
            let mut found = Vec::new();
            pointers(&model, "", &mut found);
            let pointer = place.get(&found).clone();
            let Some(target) = model.pointer_mut(&pointer) else { continue };
            match (kind, target) {
                // An item stands there twice.
                (0, Json::Array(items)) if !items.is_empty() => items.push(items[0].clone()),
                // A member goes.
                (1 | 2, Json::Object(members)) if !members.is_empty() => {
                    let name = member.get(&members.keys().collect::<Vec<_>>()).to_string();
                    members.shift_remove(&name);
                }
                // A number moves a little, a switch goes the other way: much of this is still allowed.
                (1..=3, Json::Number(number)) => {
                    let moved = number.as_i64().unwrap_or_default().saturating_add(1);
                    *number = moved.into();
                }
                (1..=3, Json::Bool(switch)) => *switch = !*switch,
                // Another text often has a meaning there; what is of another kind has none anywhere.
                (1..=4, target) if std::mem::discriminant(&*target) != std::mem::discriminant(&with) => {}
                (_, target) => *target = with,
            }
        }
        model
    });
    run(256, models);
}
