//! The whole path from a text to a cluster: the corpus, the engine's own examples, every rule broken once, and there
//! and back again.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;
use crate::base::{Diagnostics, Severity, Source};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source(text: &str) -> Source {
    Source { name: "test".into(), text: text.into() }
}

fn read_value(model: &Value) -> Reading {
    read(&source(&serde_json::to_string_pretty(model).unwrap()), &ReadOptions::default())
}

/// `code pointer` of each error.
fn errors(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| format!("{} {}", diagnostic.code, diagnostic.pointer))
        .collect()
}

fn model_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn quickstart() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("apimodels/quickstart.json")).unwrap()).unwrap()
}

#[test]
fn examples_resolve_without_errors() {
    let files = model_files(&root().join("apimodels"));
    assert!(files.len() >= 2);
    for file in files {
        let reading = read(&source(&std::fs::read_to_string(&file).unwrap()), &ReadOptions::default());
        assert_eq!(errors(&reading.diagnostics), Vec::<String>::new(), "{}", file.display());
        there_and_back(&reading.cluster.unwrap(), &file.display().to_string());
    }
}

fn there_and_back(cluster: &Cluster, name: &str) {
    let model = cluster.to_api_model();
    let again = read_value(&model);
    let told: Vec<_> = again.diagnostics.iter().filter(|diagnostic| !diagnostic.code.ends_with("-open")).collect();
    let harmless = ["kubernetes-version-unknown", "ipvs-deprecated", "addon-replaced", "service-range-in-vnet"];
    assert!(told.iter().all(|diagnostic| harmless.contains(&diagnostic.code)), "{name}: {told:?}");
    assert_eq!(again.cluster.as_ref(), Some(cluster), "{name}");
    // Nothing of a complete model is left to a default.
    let defaults: Vec<_> =
        again.origins.iter().filter(|(_, origin)| matches!(origin, Origin::Default { .. })).collect();
    let allowed =
        |pointer: &str| pointer.ends_with("firstConsecutiveStaticIP") && cluster.control_plane.subnet_id.is_some();
    assert!(defaults.iter().all(|(pointer, _)| allowed(pointer)), "{name}: {defaults:?}");
}

#[test]
fn every_value_has_an_origin() {
    let reading = read_value(&quickstart());
    let model = reading.cluster.unwrap().to_api_model();
    let mut leaves = Vec::new();
    collect_leaves(&model, String::new(), &mut leaves);
    let missing: Vec<_> = leaves
        .iter()
        .filter(|leaf| !reading.origins.keys().any(|known| leaf.starts_with(known.as_str())))
        // What is always written: the only orchestrator there is.
        .filter(|leaf| !leaf.ends_with("/orchestratorType"))
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
}

fn collect_leaves(value: &Value, pointer: String, leaves: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| collect_leaves(value, document::child(&pointer, key), leaves));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| collect_leaves(value, format!("{pointer}/{index}"), leaves));
        }
        _ => leaves.push(pointer),
    }
}

#[test]
fn the_corpus_is_read() {
    let corpus = root().join("../shared/corpus/aks-engine");
    let files: Vec<PathBuf> = model_files(&corpus)
        .into_iter()
        .filter(|file| file.ends_with("apimodel.json") && file.with_file_name("resources.json").exists())
        .collect();
    if files.is_empty() {
        eprintln!("no corpus beside the repository: nothing compared");
        return;
    }
    let options = ReadOptions {
        set: vec!["orchestratorProfile.orchestratorRelease=1.35,orchestratorProfile.orchestratorVersion=".into()],
        location: None,
        ..ReadOptions::default()
    };
    let mut refused = Vec::new();
    for file in &files {
        let name = file.parent().unwrap().strip_prefix(&corpus).unwrap().display().to_string();
        let text = std::fs::read_to_string(file).unwrap();
        let has_location = text.contains("\"location\": \"") && text.find("\"location\"") < text.find("\"properties\"");
        let options = ReadOptions { location: (!has_location).then(|| "westus2".into()), ..options.clone() };
        let reading = read(&source(&text), &options);
        match reading.cluster {
            Some(cluster) => there_and_back(&cluster, &name),
            None => refused.push((name, errors(&reading.diagnostics))),
        }
    }
    eprintln!("{} of {} models resolve; refused:", files.len() - refused.len(), files.len());
    refused.iter().for_each(|(name, errors)| eprintln!("  {name}: {}", errors.join(", ")));
    for name in ["kubernetes", "kubernetes-D2", "multiple-masters/kubernetes-3-masters", "kubernetes-vmss/kubernetes"] {
        assert!(refused.iter().all(|(refused, _)| refused != name), "{name}");
    }
    assert!(refused.len() <= 10, "{refused:#?}");
}
