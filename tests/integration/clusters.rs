//! Clusters and graphs for tests, from models.

use std::collections::BTreeMap;

use engine::arm::{Emission, Template, emit};
use engine::base::Source;
use engine::expand::{Payloads, expand, outputs, secrets_in_key_vaults};
use engine::graph::{ResourceGraph, Scope};
use engine::model::{Cluster, ReadOptions, read};

/// The place in which the corpus was evaluated.
pub fn scope(cluster: &Cluster) -> Scope {
    Scope {
        subscription_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        tenant_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        resource_group: "rg".to_owned(),
        location: cluster.location.clone(),
    }
}

/// Reads a model, with `--set` arguments; where it names no location, it is westus2.
pub fn read_model(text: &str, set: &[&str]) -> Result<Cluster, String> {
    let source = Source { name: "apimodel.json".to_owned(), text: text.to_owned() };
    let mut options = ReadOptions { set: set.iter().map(|set| (*set).to_owned()).collect(), ..ReadOptions::default() };
    let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    if json["location"].as_str().unwrap_or_default().is_empty() {
        options.location = Some("westus2".to_owned());
    }
    let reading = read(&source, &options);
    let errors: Vec<String> = reading
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == engine::base::Severity::Error)
        .map(|diagnostic| format!("{} {}: {}", diagnostic.code, diagnostic.pointer, diagnostic.message))
        .collect();
    reading.cluster.ok_or_else(|| errors.join("; "))
}

/// A cluster's graph, with machines that run next to nothing.
pub fn graph(cluster: &Cluster) -> Result<ResourceGraph, String> {
    let payloads = Payloads { wait_command: "wait".to_owned(), windows_wait_command: "wait".to_owned() };
    expand(cluster, &scope(cluster), &payloads).map_err(|error| error.to_string())
}

/// A cluster's template.
pub fn template(cluster: &Cluster, graph: &ResourceGraph) -> Result<Template, String> {
    template_with(cluster, graph, &BTreeMap::new())
}

/// A cluster's template, where the secrets have these lengths.
pub fn template_with(
    cluster: &Cluster,
    graph: &ResourceGraph,
    secret_lengths: &BTreeMap<String, usize>,
) -> Result<Template, String> {
    let version = cluster.cloud.api_profile().api_version("Microsoft.Resources/deployments").unwrap();
    let emission = Emission {
        cluster: &cluster.dns_prefix,
        deployments_api_version: version,
        outputs: outputs(cluster),
        secret_lengths: secret_lengths.clone(),
        in_key_vaults: secrets_in_key_vaults(cluster),
    };
    emit(graph, &emission).map_err(|error| error.to_string())
}

/// Each resource with what it waits for, a line each.
pub fn dependencies(graph: &ResourceGraph) -> String {
    let mut text = String::new();
    for node in graph.nodes() {
        text.push_str(node.key.as_str());
        text.push_str(" ←");
        for (place, dependency) in graph.dependencies(&node.key).into_iter().enumerate() {
            text.push_str(if place == 0 { " " } else { ", " });
            text.push_str(dependency.key.as_str());
        }
        text.push('\n');
    }
    text
}
