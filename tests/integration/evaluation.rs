//! What Azure makes of a template: an evaluator of the language, written apart from the emitter, spells out loops and
//! nested deployments. What comes out has to be the graph that the template was made of, and each deployment within
//! Azure's limits.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::arm::{Parameter, Template};
use engine::base::Secret;
use engine::expand::custom_data_handle;
use engine::graph::{Context, GROUP_TYPE, Lookup, Reference, ResourceGraph, Scope};
use serde_json::{Map, Value as Json, json};

use super::{clusters, examples, golden};

/// What is known only once a resource exists, on both sides of the comparison.
fn later(id: &Json) -> Json {
    format!("<later, of {}>", id.as_str().unwrap()).into()
}

fn is_later(value: &Json) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("<later, of "))
}

/// A resource as it would be sent: its name, and its body with type, name and API version.
type Made = BTreeMap<(String, String), Json>;

/// Where an expression stands.
struct Place<'a> {
    scope: &'a Scope,
    parameters: &'a Map<String, Json>,
    iteration: Option<u64>,
}

/// Reads one expression from left to right.
struct Reader<'a> {
    rest: &'a str,
    place: &'a Place<'a>,
}

impl Reader<'_> {
    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.trim_start();
        let found = rest.strip_prefix(text);
        self.rest = found.unwrap_or(rest);
        found.is_some()
    }

    fn expression(&mut self) -> Json {
        let mut value = self.primary();
        loop {
            if self.take(".") {
                let length = self.rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
                let (name, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
                self.rest = rest;
                value = if is_later(&value) { value } else { value[name].clone() };
            } else if self.take("[") {
                let index = self.expression();
                assert!(self.take("]"), "{}", self.rest);
                value = match &index {
                    _ if is_later(&value) => value,
                    Json::String(name) => value[name].clone(),
                    index => value[usize::try_from(index.as_u64().unwrap()).unwrap()].clone(),
                };
            } else {
                return value;
            }
        }
    }

    fn primary(&mut self) -> Json {
        self.rest = self.rest.trim_start();
        if self.take("'") {
            let mut text = String::new();
            loop {
                let (piece, rest) = self.rest.split_once('\'').unwrap();
                text.push_str(piece);
                self.rest = rest;
                if !self.take("'") {
                    return Json::String(text);
                }
                text.push('\'');
            }
        }
        let length = self.rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').unwrap();
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        if let Ok(number) = word.parse::<i64>() {
            return number.into();
        }
        assert!(self.take("("), "{word}{}", self.rest);
        let mut arguments = Vec::new();
        while !self.take(")") {
            arguments.push(self.expression());
            let _ = self.take(",");
        }
        self.call(word, &arguments)
    }

    fn call(&self, function: &str, arguments: &[Json]) -> Json {
        let texts = || -> Vec<String> {
            arguments.iter().map(|json| json.as_str().map_or_else(|| json.to_string(), str::to_owned)).collect()
        };
        let numbers = || -> Vec<i64> { arguments.iter().map(|json| json.as_i64().unwrap()).collect() };
        let scope = self.place.scope;
        match function {
            "parameters" => self.place.parameters[arguments[0].as_str().unwrap()].clone(),
            "concat" => texts().concat().into(),
            "base64" => STANDARD.encode(arguments[0].as_str().unwrap()).into(),
            "copyIndex" => {
                let offset = arguments.first().map_or(0, |offset| offset.as_u64().unwrap());
                (self.place.iteration.unwrap() + offset).into()
            }
            "add" => numbers().iter().sum::<i64>().into(),
            "sub" => (numbers()[0] - numbers()[1]).into(),
            "mul" => numbers().iter().product::<i64>().into(),
            "div" => (numbers()[0] / numbers()[1]).into(),
            "mod" => (numbers()[0] % numbers()[1]).into(),
            "min" => (*numbers().iter().min().unwrap()).into(),
            "createArray" => Json::Array(arguments.to_vec()),
            "true" | "false" => (function == "true").into(),
            "null" => Json::Null,
            "reference" => later(&arguments[0]),
            "guid" => engine::graph::guid(&texts()).to_string().into(),
            "uniqueString" => engine::graph::unique_string(&texts()).into(),
            "resourceId" => {
                let texts = texts();
                scope.resource_id(&texts[0], &texts[1..].join("/")).into()
            }
            "subscriptionResourceId" => {
                let texts = texts();
                scope.subscription_resource_id(&texts[0], &texts[1..].join("/")).into()
            }
            "resourceGroup" => {
                json!({ "id": scope.group_id(), "name": scope.resource_group, "location": scope.location })
            }
            "subscription" => json!({
                "id": format!("/subscriptions/{}", scope.subscription_id),
                "subscriptionId": scope.subscription_id, "tenantId": scope.tenant_id,
            }),
            other => panic!("the function {other}"),
        }
    }
}

impl Place<'_> {
    fn value(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => self.text(text),
            Json::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Json::Object(entries) => {
                let key = |name: &str| self.text(name).as_str().unwrap().to_owned();
                entries.iter().map(|(name, value)| (key(name), self.value(value))).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }

    fn text(&self, text: &str) -> Json {
        if let Some(literal) = text.strip_prefix("[[") {
            return format!("[{literal}").into();
        }
        let Some(expression) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
            return text.into();
        };
        assert!(text.len() <= 24_576, "an expression of {} characters", text.len());
        let mut reader = Reader { rest: expression, place: self };
        let value = reader.expression();
        assert_eq!(reader.rest.trim(), "", "{text}");
        value
    }
}

/// Makes what a template describes. Gives the number of deployments that this takes.
fn make(scope: &Scope, template: &Json, parameters: &Map<String, Json>, made: &mut Made) -> usize {
    assert!(template["parameters"].as_object().unwrap().len() <= 256);
    let (mut deployments, mut count, mut size) = (1, 0, Json::Object(parameters.clone()).to_string().len());
    for resource in template["resources"].as_array().unwrap() {
        let place = |iteration| Place { scope, parameters, iteration };
        let copies = &resource["copy"]["count"];
        let copies = if copies.is_null() { None } else { place(None).value(copies).as_u64() };
        assert!(resource["copy"].is_null() || copies.is_some(), "{}", resource["copy"]);
        for iteration in 0..copies.unwrap_or(1) {
            let place = place(copies.map(|_| iteration));
            let own = |name: &str| !matches!(name, "copy" | "dependsOn");
            let is_deployment = resource["type"] == "Microsoft.Resources/deployments";
            let body: Map<String, Json> = resource.as_object().unwrap().clone();
            let evaluated = |name: &str, value: &Json| match (is_deployment, name) {
                // What is inside is evaluated there.
                (true, "properties") => json!({
                    "parameters": place.value(&value["parameters"]), "template": value["template"],
                }),
                _ => place.value(value),
            };
            let entries = body.iter().filter(|(name, _)| own(name));
            let body: Map<String, Json> = entries.map(|(name, value)| (name.clone(), evaluated(name, value))).collect();
            let body = Json::Object(body);
            count += 1;
            let length = body.to_string().len();
            assert!(length <= 1024 * 1024, "a resource of {length} bytes");
            size += length;
            let name = body["name"].as_str().unwrap().to_owned();
            assert!(name.len() <= 260, "{name}");
            if is_deployment {
                assert!(name.len() <= 64, "{name}");
                let given = body["properties"]["parameters"].as_object().unwrap();
                let given = given.iter().map(|(name, value)| (name.clone(), value["value"].clone())).collect();
                deployments += make(scope, &body["properties"]["template"], &given, made);
            } else {
                let key = (body["type"].as_str().unwrap().to_owned(), name);
                assert!(made.insert(key.clone(), body).is_none(), "{key:?} twice");
            }
        }
    }
    assert!(count <= 800, "{count} resources in a deployment");
    assert!(size <= 4 * 1024 * 1024, "{size} bytes in a deployment");
    deployments
}

/// What the graph says before anything exists.
struct Known<'a>(&'a ResourceGraph, &'a BTreeMap<String, usize>);

impl Lookup for Known<'_> {
    fn attribute(&self, reference: &Reference, index: Option<u32>) -> Option<Json> {
        self.0.static_attribute(reference, index).or_else(|| {
            let id = Reference::id(&reference.symbol).of(reference.member);
            Some(later(&self.0.static_attribute(&id, index)?))
        })
    }

    fn secret(&self, handle: &str) -> Option<Secret> {
        Some(Secret::new(secret(handle, self.1)))
    }
}

fn secret(handle: &str, lengths: &BTreeMap<String, usize>) -> String {
    let length = lengths.get(handle).copied().unwrap_or_default();
    format!("{handle}{}", "#".repeat(length.saturating_sub(handle.len())))
}

/// The resources of a graph, with what is known only later marked as such.
fn wanted(graph: &ResourceGraph, lengths: &BTreeMap<String, usize>) -> Made {
    let known = Known(graph, lengths);
    let nodes = graph.nodes().filter(|node| *node.resource.resource_type != *GROUP_TYPE);
    nodes
        .map(|node| {
            let context = Context { scope: graph.scope(), index: node.index, lookup: &known };
            let resource = &node.resource;
            let resolve = |value: &engine::graph::Value| value.resolve(&context).unwrap();
            let name = resolve(&resource.name).as_str().unwrap().to_owned();
            let mut body = json!({
                "type": &*resource.resource_type, "apiVersion": &*resource.api_version, "name": name,
            });
            let entries = body.as_object_mut().unwrap();
            entries.extend(resolve(&resource.fields).as_object().cloned().unwrap_or_default());
            let properties = resolve(&resource.properties);
            if !properties.is_null() {
                entries.insert("properties".to_owned(), properties);
            }
            ((resource.resource_type.to_string(), name), body)
        })
        .collect()
}

/// Compares a template with its graph; gives the number of deployments that it takes.
fn compare(name: &str, graph: &ResourceGraph, template: &Template, lengths: &BTreeMap<String, usize>) -> usize {
    let parameters = template.parameters.iter().map(|(name, parameter)| {
        let value = match parameter {
            Parameter::Value(value) => value.clone(),
            Parameter::Secret(handle) => secret(handle, lengths).into(),
            Parameter::KeyVault(_) => {
                // The parameter's name is the handle's, without its slash.
                let handles = engine::expand::secret_handles(graph);
                let handle = handles.iter().find(|handle| handle.replace('/', "").eq_ignore_ascii_case(name));
                secret(handle.unwrap(), lengths).into()
            }
        };
        (name.clone(), value)
    });
    assert!(template.text().len() <= 4 * 1024 * 1024, "{name}");
    let mut made = Made::new();
    let deployments = make(graph.scope(), &template.template, &parameters.collect(), &mut made);
    let wanted = wanted(graph, lengths);
    let keys = |made: &Made| made.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&made), keys(&wanted), "{name}");
    for (key, body) in &wanted {
        assert_eq!(&made[key], body, "{name}: {key:?}");
    }
    deployments
}

#[test]
fn the_template_of_every_example_is_its_graph() {
    for example in examples::all() {
        let cluster = clusters::read_model(&example.text, &[]).unwrap();
        let graph = clusters::graph(&cluster).unwrap();
        let template = clusters::template(&cluster, &graph).unwrap();
        compare(&example.name, &graph, &template, &BTreeMap::new());
    }
}

/// The quick start with so many pools of so many machines, and customData as long as it is.
fn many(pools: u32, machines: u32) -> (ResourceGraph, Template, BTreeMap<String, usize>) {
    let text = std::fs::read_to_string(golden::path("apimodels/quickstart.json")).unwrap();
    // With kubenet an interface has one address, and the test less to do.
    let set = ["masterProfile.count=3", "orchestratorProfile.kubernetesConfig.networkPlugin=kubenet"];
    let mut cluster = clusters::read_model(&text, &set).unwrap();
    let pool = cluster.pools[0].clone();
    let named = |number| engine::model::Pool { name: format!("pool{number}"), count: machines, ..pool.clone() };
    cluster.pools = (0..pools).map(named).collect();
    let graph = clusters::graph(&cluster).unwrap();
    let mut lengths: BTreeMap<String, usize> =
        cluster.pools.iter().map(|pool| (custom_data_handle(&pool.name), 30_000)).collect();
    lengths.insert(custom_data_handle("master"), 80_000);
    let template = clusters::template_with(&cluster, &graph, &lengths).unwrap();
    (graph, template, lengths)
}

#[test]
fn five_thousand_machines_stay_within_azures_limits() {
    let (graph, template, lengths) = many(25, 200);
    assert!(graph.len() > 15_000);
    let deployments = compare("25 pools of 200", &graph, &template, &lengths);
    // The whole, the control plane, and two for each pool: 200 times its customData is more than one may have. Beside
    // them, one for each role assignment, whose name is known only later.
    let of_machines = template.template["resources"].as_array().unwrap();
    let of_machines = of_machines.iter().filter(|resource| resource["copy"]["name"].as_str().is_some()).count();
    assert_eq!(of_machines, 26);
    assert_eq!(deployments, 1 + 1 + 25 * 2 + 5_003);
}

#[test]
fn a_template_that_is_long_only_with_its_values_in_place_is_split() {
    // 4 × 150 resources are less than 800.
    let (graph, template, lengths) = many(1, 150);
    let deployments = compare("a pool of 150", &graph, &template, &lengths);
    assert!(graph.len() < 800 && deployments > 1 + 153, "{deployments}");
    let (graph, template, lengths) = many(1, 50);
    assert_eq!(compare("a pool of 50", &graph, &template, &lengths), 1 + 53);
}
