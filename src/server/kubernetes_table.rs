//! Lists as tables, the form in which kubectl asks for what it prints (`application/json;as=Table`).
//!
//! Source: Kubernetes documentation, "Kubernetes API Concepts", "Receiving resources as Tables"; columns as kube-apiserver 1.35
//! prints them; read 2026-11-28.

use serde_json::{Value as Json, json};

use super::exchange::{Request, Response};
use super::places::{items, text};

/// Turns an answer into a table if one is asked for and it is of a kind that has one.
pub(super) fn as_asked(request: &Request, response: Response, now: i64) -> Response {
    let wants_table = request.header("accept").is_some_and(|accept| accept.contains("as=Table"));
    match &response.body {
        Some(body) if wants_table && response.status == 200 => match table(body, now) {
            Some(table) => Response { body: Some(table), ..response },
            None => response,
        },
        _ => response,
    }
}

/// The cells of an object, but for its age.
type Cells = fn(&Json) -> Vec<Json>;

fn table(body: &Json, now: i64) -> Option<Json> {
    let kind = text(body, "/kind")?;
    let all: Vec<&Json> = if kind.ends_with("List") { items(body, "/items").collect() } else { vec![body] };
    let (columns, cells): (&[&str], Cells) = match kind.trim_end_matches("List") {
        "Node" => (&["Name", "Status", "Roles", "Age", "Version"], node),
        "Pod" => (&["Name", "Ready", "Status", "Restarts", "Age"], pod),
        _ => return None,
    };
    let definitions: Json = columns
        .iter()
        .map(|name| {
            let format = if *name == "Name" { "name" } else { "" };
            json!({ "name": name, "type": "string", "format": format, "description": "", "priority": 0 })
        })
        .collect();
    let rows: Json = all
        .iter()
        .map(|object| {
            let mut cells = cells(object);
            let age = columns.iter().position(|name| *name == "Age").unwrap_or(columns.len());
            cells.insert(age.min(cells.len()), age_of(object, now).into());
            json!({ "cells": cells, "object": {
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
            } })
        })
        .collect();
    Some(json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": { "resourceVersion": text(body, "/metadata/resourceVersion").unwrap_or_default() },
        "columnDefinitions": definitions, "rows": rows,
    }))
}

fn node(node: &Json) -> Vec<Json> {
    let is_ready = text(node, "/status/conditions/0/status") == Some("True");
    let mut status = if is_ready { "Ready" } else { "NotReady" }.to_owned();
    if node["spec"]["unschedulable"] == true {
        status.push_str(",SchedulingDisabled");
    }
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let roles: Vec<&str> = labels.filter_map(|(name, _)| name.strip_prefix("node-role.kubernetes.io/")).collect();
    let roles = if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") };
    vec![
        node["metadata"]["name"].clone(),
        status.into(),
        roles.into(),
        node["status"]["nodeInfo"]["kubeletVersion"].clone(),
    ]
}

fn pod(pod: &Json) -> Vec<Json> {
    let is_ready = text(pod, "/status/conditions/0/status") == Some("True");
    let ends = text(pod, "/metadata/deletionTimestamp").is_some();
    let status = if ends { "Terminating" } else { text(pod, "/status/phase").unwrap_or("Unknown") };
    vec![pod["metadata"]["name"].clone(), if is_ready { "1/1" } else { "0/1" }.into(), status.into(), "0".into()]
}

fn age_of(object: &Json, now: i64) -> String {
    let created = text(object, "/metadata/creationTimestamp").and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let Some(created) = created else { return "<unknown>".to_owned() };
    let seconds = now.div_euclid(1000).saturating_sub(created.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn rows_have_a_cell_for_each_column() {
        let node = json!({
            "kind": "Node", "metadata": {"name": "a", "creationTimestamp": "1970-01-01T00:00:00Z",
                "labels": {"node-role.kubernetes.io/control-plane": ""}},
            "spec": {"unschedulable": true}, "status": {"conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {"kubeletVersion": "v1.35.0"}},
        });
        let list = json!({"kind": "NodeList", "items": [node]});
        for (body, seconds, age) in [(&node, 119, "119s"), (&list, 7199, "119m"), (&list, 90_000, "25h")] {
            let told = table(body, seconds * 1000).unwrap();
            let expected = json!(["a", "Ready,SchedulingDisabled", "control-plane", age, "v1.35.0"]);
            assert_eq!(told["rows"][0]["cells"], expected);
            assert_eq!(told["columnDefinitions"].as_array().unwrap().len(), 5);
        }
        let pod = json!({"kind": "Pod", "metadata": {"name": "p"}, "status": {"phase": "Pending"}});
        let cells = &table(&pod, 0).unwrap()["rows"][0]["cells"];
        assert_eq!(*cells, json!(["p", "0/1", "Pending", "0", "<unknown>"]));
        assert_eq!(table(&json!({"kind": "Secret"}), 0), None);
    }
}
