//! One golden per stage of each example: the model with its defaults, the graph, the template.
//!
//! The model and the template of the quick start are kept whole; of the others, what differs from the quick start's, so
//! that a golden shows what the example is about, and a change of what all have in common changes one file. The cluster's
//! own name and number are left out of the comparison.

use std::collections::BTreeSet;

use engine::base::{Severity, Source};
use engine::graph::GROUP_TYPE;
use engine::model::{Cluster, ReadOptions, read};
use serde_json::Value as Json;

use super::super::azure_schemas::AzureSchemas;
use super::super::template::structural_faults;
use super::super::{clusters, golden};
use super::{Example, all};

const QUICKSTART: &str = "quickstart";

/// The only thing that an example may be warned of: whoever copies it does not work from the ranges of another.
const WARNINGS: &[&str] = &["api-server-open"];

/// What a single example is warned of besides: the gateway's ingress controller is its owner's to install, and
/// of several control-plane machines one may be exchanged while the others work, also on one host.
const WARNINGS_OF: &[(&str, &str)] = &[("application-gateway", "addon-not-installed"), ("on-prem-site", "one-host")];

fn read_example(example: &Example) -> Cluster {
    let source = Source { name: format!("{}.json", example.name), text: example.text.clone() };
    let reading = read(&source, &ReadOptions::default());
    for diagnostic in reading.diagnostics.iter() {
        let allowed = diagnostic.severity != Severity::Error
            && (WARNINGS.contains(&diagnostic.code) || WARNINGS_OF.contains(&(example.name.as_str(), diagnostic.code)));
        assert!(allowed, "{}: {} {}: {}", example.name, diagnostic.code, diagnostic.pointer, diagnostic.message);
    }
    reading.cluster.unwrap()
}

/// A text without what is the cluster's own: its number and its name.
fn general(text: &str, cluster: &Cluster) -> String {
    text.replace(&cluster.name_suffix, "<number>").replace(&cluster.dns_prefix, "<name>")
}

/// What an item of an array is known by in the goldens: its type and name, or its place.
fn title(index: usize, item: &Json) -> String {
    let name = item["name"].as_str().map(str::to_owned).unwrap_or_else(|| index.to_string());
    item["type"].as_str().map_or_else(|| name.clone(), |kind| format!("{kind} {name}"))
}

/// A document in which arrays are objects by the titles of their items. Items one after the other that differ in the
/// number of their name only, such as a machine's many addresses, are one.
fn by_title(json: &Json) -> Json {
    match json {
        Json::Object(entries) => entries.iter().map(|(name, value)| (name.clone(), by_title(value))).collect(),
        Json::Array(items) if !items.is_empty() => {
            let unnumbered =
                |item: &Json| Some(item["name"].as_str()?.replace(|letter: char| letter.is_ascii_digit(), ""));
            let unnamed = |item: &Json| {
                let mut item = item.clone();
                item.as_object_mut().map(|entries| entries.shift_remove("name"));
                item
            };
            let run = |left: &Json, right: &Json| {
                unnumbered(left).is_some() && unnumbered(left) == unnumbered(right) && unnamed(left) == unnamed(right)
            };
            let mut titled = serde_json::Map::new();
            let mut start = 0;
            for run in items.chunk_by(run) {
                let first = title(start, &run[0]);
                start += run.len();
                let last = title(start - 1, &run[run.len() - 1]);
                let title = if run.len() == 1 { format!("[{first}]") } else { format!("[{first} to {last}]") };
                let mut item = by_title(&run[0]);
                if let Json::Object(entries) = &mut item {
                    entries.shift_remove("name");
                }
                titled.insert(title, item);
            }
            Json::Object(titled)
        }
        value => value.clone(),
    }
}

fn comparable(json: &Json, cluster: &Cluster) -> Json {
    serde_json::from_str(&general(&by_title(json).to_string(), cluster)).unwrap()
}

/// What differs: `-` what only the quick start has, `+` what only the example has, with all that is in it.
fn differences(place: &str, quickstart: Option<&Json>, example: Option<&Json>, text: &mut String) {
    match (quickstart, example) {
        (Some(Json::Object(left)), Some(Json::Object(right))) => {
            let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for name in names {
                differences(&format!("{place}/{name}"), left.get(name), right.get(name), text);
            }
        }
        (left, right) if left == right => {}
        (left, right) => {
            match left {
                Some(Json::Object(_)) => text.push_str(&format!("- {place}\n")),
                Some(value) => text.push_str(&format!("- {place}: {value}\n")),
                None => {}
            }
            if let Some(value) = right {
                let value = serde_json::to_string_pretty(value).unwrap().replace('\n', "\n+ ");
                text.push_str(&format!("+ {place}: {value}\n"));
            }
        }
    }
}

fn differing(quickstart: &Json, example: &Json) -> String {
    let mut text = String::new();
    differences("", Some(quickstart), Some(example), &mut text);
    text
}

#[test]
fn every_stage_of_every_example_is_as_kept() {
    let mut schemas = AzureSchemas::open();
    let examples = all();
    let stages = |example: &Example| {
        let cluster = read_example(example);
        let graph = clusters::graph(&cluster).unwrap_or_else(|cause| panic!("{}: {cause}", example.name));
        let template = clusters::template(&cluster, &graph).unwrap_or_else(|cause| panic!("{}: {cause}", example.name));
        (cluster, graph, template)
    };
    let quickstart = examples.iter().find(|example| example.name == QUICKSTART).unwrap();
    let (first, _, first_template) = stages(quickstart);
    let model_of_first = comparable(&first.to_api_model(), &first);
    let template_of_first = comparable(&first_template.template, &first);

    for example in &examples {
        let kept =
            |stage: &str, text: &str| golden::assert_kept(&format!("tests/golden/{}/{stage}", example.name), text);
        let (cluster, graph, template) = stages(example);
        assert!(graph.nodes().any(|node| node.resource.resource_type.as_ref() == GROUP_TYPE));
        kept("graph.txt", &clusters::dependencies(&graph));
        let model = cluster.to_api_model();
        if example.name == QUICKSTART {
            kept("model.json", &format!("{}\n", serde_json::to_string_pretty(&model).unwrap()));
            kept("template.json", &template.text());
        } else {
            kept("model.txt", &differing(&model_of_first, &comparable(&model, &cluster)));
            kept("template.txt", &differing(&template_of_first, &comparable(&template.template, &cluster)));
        }
        assert_eq!(structural_faults(&template), Vec::<String>::new(), "{}", example.name);
        if let Some(schemas) = &mut schemas {
            assert_eq!(schemas.faults(&template.template), Vec::<String>::new(), "{}", example.name);
        }
        // What the engine writes is read back as the same cluster.
        let written = Source { name: "apimodel.json".to_owned(), text: model.to_string() };
        let again = read(&written, &ReadOptions::default());
        assert!(again.cluster.as_ref() == Some(&cluster), "{}: {:?}", example.name, again.diagnostics);
    }
}

#[test]
fn every_example_is_in_the_list() {
    let list = std::fs::read_to_string(golden::path("apimodels/README.md")).unwrap();
    let listed: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("| [")?.split(".json]").next()).collect();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, all().iter().map(|example| example.name.as_str()).collect::<Vec<_>>());
    for name in listed {
        assert!(list.contains(&format!("[{name}.json]({name}.json)")), "{name}");
    }
}
