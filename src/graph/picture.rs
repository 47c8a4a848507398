//! The graph as text that other tools draw: DOT, Mermaid, JSON. Series of many instances are drawn as one.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Resource, ResourceGraph};

/// A form of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// Graphviz.
    Dot,
    /// Mermaid, as pull requests and wikis show it.
    Mermaid,
    /// Nodes and edges as data.
    Json,
}

/// Draws the declarations of a graph; an arrow points from a resource to what it waits for.
pub fn draw(graph: &ResourceGraph, format: PictureFormat) -> String {
    let declarations: Vec<&Resource> = graph.declarations().map(AsRef::as_ref).collect();
    let place = |symbol: &str| declarations.iter().position(|resource| &*resource.symbol == symbol);
    let edges: BTreeSet<(usize, usize)> = declarations
        .iter()
        .enumerate()
        .flat_map(|(from, resource)| {
            resource.references().into_iter().filter_map(move |reference| Some((from, place(&reference.symbol)?)))
        })
        .filter(|(from, to)| from != to)
        .collect();
    let label = |resource: &Resource| {
        let kind = resource.resource_type.rsplit('/').next().unwrap_or_default();
        let count = graph.instances(&resource.symbol).count();
        match (&resource.series, graph.instances(&resource.symbol).next().and_then(|node| node.name.as_deref())) {
            (None, Some(name)) => format!("{kind} {name}"),
            (None, None) => format!("{kind} {}", resource.symbol),
            (Some(_), _) => format!("{kind} {} × {count}", resource.symbol),
        }
    };
    let mut text = String::new();
    match format {
        PictureFormat::Dot => {
            text.push_str("digraph cluster {\n  rankdir=RL;\n  node [shape=box];\n");
            for (place, resource) in declarations.iter().enumerate() {
                let label = label(resource).replace('\\', "\\\\").replace('"', "\\\"");
                let _ = writeln!(text, "  n{place} [label=\"{label}\"];");
            }
            for (from, to) in edges {
                let _ = writeln!(text, "  n{from} -> n{to};");
            }
            text.push_str("}\n");
        }
        PictureFormat::Mermaid => {
            text.push_str("flowchart RL\n");
            for (place, resource) in declarations.iter().enumerate() {
                let label = label(resource).replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;");
                let _ = writeln!(text, "  n{place}[\"{label}\"]");
            }
            for (from, to) in edges {
                let _ = writeln!(text, "  n{from} --> n{to}");
            }
        }
        PictureFormat::Json => {
            let nodes: Vec<_> = declarations
                .iter()
                .map(|resource| {
                    let names: Vec<_> = graph.instances(&resource.symbol).map(|node| node.key.name()).collect();
                    serde_json::json!({ "symbol": &*resource.symbol, "type": &*resource.resource_type, "names": names })
                })
                .collect();
            let edges: Vec<_> = edges
                .into_iter()
                .map(|(from, to)| serde_json::json!({ "from": &*declarations[from].symbol, "to": &*declarations[to].symbol }))
                .collect();
            text = serde_json::to_string_pretty(&serde_json::json!({ "nodes": nodes, "edges": edges }))
                .unwrap_or_default();
            text.push('\n');
        }
    }
    text
}
