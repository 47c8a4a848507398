//! Templates of whole clusters: Azure's schemas, structure, and goldens.

use std::collections::{BTreeMap, BTreeSet};

use engine::arm::{Parameter, Template};
use engine::base::Secret;
use engine::graph::{Lookup, Reference};
use serde_json::Value as Json;

use super::azure_schemas::AzureSchemas;
use super::{clusters, golden, inventory};

const QUICKSTART: &str = "apimodels/quickstart.json";

/// A vault in which every handle has a secret that says so.
struct Vault;

impl Lookup for Vault {
    fn attribute(&self, _: &Reference, _: Option<u32>) -> Option<Json> {
        None
    }

    fn secret(&self, handle: &str) -> Option<Secret> {
        Some(Secret::new(format!("canary-{handle}")))
    }
}

fn kept(path: &str) -> engine::model::Cluster {
    let text = std::fs::read_to_string(golden::path(path)).unwrap();
    clusters::read_model(&text, &[]).unwrap()
}

/// Structural faults of a template: cycles in `dependsOn`, parameters that are not declared, given or used.
pub fn structural_faults(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    check_document(&template.template, "", &mut faults);
    let declared: BTreeSet<&String> = template.template["parameters"].as_object().unwrap().keys().collect();
    let given: BTreeSet<&String> = template.parameters.keys().collect();
    if declared != given {
        faults.push(format!("declared {declared:?}, given {given:?}"));
    }
    for (name, parameter) in &template.parameters {
        let kind = template.template["parameters"][name]["type"].as_str().unwrap();
        if matches!(parameter, Parameter::Secret(_) | Parameter::KeyVault(_)) != (kind == "securestring") {
            faults.push(format!("{name} is a {kind}"));
        }
    }
    faults
}

fn check_document(document: &Json, path: &str, faults: &mut Vec<String>) {
    let resources = document["resources"].as_array().unwrap();
    let outside: Vec<&Json> = resources
        .iter()
        .map(|resource| {
            if resource["type"] == "Microsoft.Resources/deployments" {
                &resource["properties"]["parameters"]
            } else {
                resource
            }
        })
        .chain([&document["outputs"]])
        .collect();
    let mut text: String = outside.iter().map(|json| json.to_string()).collect();
    for resource in resources.iter().filter(|resource| resource["type"] == "Microsoft.Resources/deployments") {
        let mut around = resource.clone();
        around["properties"] = Json::Null;
        text.push_str(&around.to_string());
    }
    let used: BTreeSet<&str> = text.split("parameters('").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    let declared: BTreeSet<&str> = document["parameters"].as_object().unwrap().keys().map(String::as_str).collect();
    if used != declared {
        faults.push(format!("{path}: uses {used:?}, declares {declared:?}"));
    }
    // What a resource is called in the dependsOn of others: its id without the index, or its loop.
    let plain = |text: &str| text.split(", concat(").next().unwrap_or_default().to_owned();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (index, resource) in resources.iter().enumerate() {
        let name = resource["name"].as_str().unwrap();
        let kind = resource["type"].as_str().unwrap();
        if let Some(loop_name) = resource["copy"]["name"].as_str() {
            names.insert(loop_name.to_owned(), index);
        }
        let id = match name.strip_prefix('[') {
            None => format!("resourceId('{kind}', '{}'", name.replace('/', "', '")),
            Some(expression) => format!("resourceId('{kind}', {}", expression.trim_end_matches(']')),
        };
        names.insert(id, index);
    }
    let mut edges = vec![Vec::new(); resources.len()];
    for (index, resource) in resources.iter().enumerate() {
        for dependency in resource["dependsOn"].as_array().into_iter().flatten() {
            let dependency = dependency.as_str().unwrap();
            let wanted = dependency.trim_start_matches('[').trim_end_matches(']');
            let wanted = wanted.strip_suffix(')').unwrap_or(wanted);
            match names.get(wanted) {
                Some(target) => edges[index].push(*target),
                None => faults.push(format!(
                    "{path}: {} waits for {dependency}, which is nowhere",
                    plain(&resource["name"].to_string())
                )),
            }
        }
    }
    // Resources that wait for nothing unfinished are finished in turn; what is left goes in circles.
    let mut finished = vec![false; resources.len()];
    while let Some(next) =
        (0..resources.len()).find(|index| !finished[*index] && edges[*index].iter().all(|to| finished[*to]))
    {
        finished[next] = true;
    }
    if finished.contains(&false) {
        faults.push(format!("{path}: resources wait for each other"));
    }
    for (index, resource) in resources.iter().enumerate() {
        let inner = &resource["properties"]["template"];
        if !inner.is_null() {
            let given: BTreeSet<&String> = resource["properties"]["parameters"].as_object().unwrap().keys().collect();
            let declared: BTreeSet<&String> = inner["parameters"].as_object().unwrap().keys().collect();
            if given != declared {
                faults.push(format!("{path}/{index}: given {given:?}, declared {declared:?}"));
            }
            check_document(inner, &format!("{path}/{index}"), faults);
        }
    }
}

#[test]
fn the_quick_starts_parameters_are_as_kept() {
    let cluster = kept(QUICKSTART);
    let graph = clusters::graph(&cluster).unwrap();
    let template = clusters::template(&cluster, &graph).unwrap();
    assert_eq!(template.text(), clusters::template(&cluster, &clusters::graph(&cluster).unwrap()).unwrap().text());
    let parameters = template.parameters_file(&Vault).unwrap();
    golden::assert_kept("tests/golden/quickstart/parameters.json", parameters.expose());
}

#[test]
fn every_template_of_the_corpus_is_what_azure_takes() {
    let Some(corpus) = crate::shared::folder("corpus") else { return };
    let Some(mut schemas) = AzureSchemas::open() else { return };
    let (mut faults, mut checked) = (BTreeMap::<String, Vec<String>>::new(), 0);
    let models = ["aks-engine", "acs-engine"];
    let models = models.into_iter().flat_map(|part| inventory::folders_with(&corpus, part, "apimodel.json"));
    for (name, folder) in models {
        let Ok(cluster) = inventory::read_today(&folder) else { continue };
        let Ok(graph) = clusters::graph(&cluster) else { continue };
        let template = clusters::template(&cluster, &graph).unwrap();
        assert!(!template.text().contains("canary-"), "{name}");
        assert!(template.parameters_file(&Vault).unwrap().expose().contains("canary-master/customData"), "{name}");
        let found = schemas.faults(&template.template).into_iter().chain(structural_faults(&template));
        for fault in found {
            faults.entry(fault).or_default().push(name.clone());
        }
        checked += 1;
    }
    println!("{checked} templates checked");
    assert!(checked > 0);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_thousand_machines_go_into_nested_deployments() {
    let text = std::fs::read_to_string(golden::path(QUICKSTART)).unwrap();
    let mut cluster = clusters::read_model(&text, &[]).unwrap();
    cluster.pools[0].count = 1000;
    let graph = clusters::graph(&cluster).unwrap();
    let template = clusters::template(&cluster, &graph).unwrap();
    assert_eq!(structural_faults(&template), Vec::<String>::new());
    if let Some(mut schemas) = AzureSchemas::open() {
        assert_eq!(schemas.faults(&template.template), Vec::<String>::new());
    }
}

#[test]
fn the_picture_of_the_quick_start_is_the_one_that_is_kept() {
    let text = std::fs::read_to_string(golden::path("apimodels/quickstart.json")).unwrap();
    let graph = clusters::graph(&clusters::read_model(&text, &[]).unwrap()).unwrap();
    let picture = engine::view::picture_as_svg(&graph);
    assert_eq!(picture, engine::view::picture_as_svg(&graph));
    golden::assert_kept("tests/golden/quickstart/graph.svg", &picture);
}
