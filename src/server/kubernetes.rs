//! The few calls of a Kubernetes API server that operating a cluster needs: version, health, nodes, pods, evictions,
//! secrets. Under `/kubernetes/{resource group}/`, with the same tokens as Resource Manager's.
//!
//! Deliberately absent: watches, other resources, fields that no client reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::exchange::{Request, Response};
use super::members::{self, Node};
use super::places::text;
use super::world::{World, timestamp_short};
use super::{kubernetes_table, oauth, resources};

/// Answers a request. `path` is in lower case and begins after the group.
pub(super) fn answer(world: &mut World, request: &Request, group: &str, path: &[&str]) -> Response {
    if oauth::check_bearer(world, request).is_err() {
        return status(401, "Unauthorized", "Unauthorized");
    }
    let Some(version) = members::api_server(world, group) else {
        return status(503, "ServiceUnavailable", "no machine of the control plane runs an API server yet");
    };
    let now = world.now;
    kubernetes_table::as_asked(request, serve(world, request, group, path, &version), now)
}

fn serve(world: &mut World, request: &Request, group: &str, path: &[&str], version: &str) -> Response {
    let method = request.method.as_str();
    match path {
        ["version"] => Response::json(200, tell_version(version)),
        ["readyz" | "livez" | "healthz"] => Response::json(200, Json::from("ok")),
        ["api"] => Response::json(200, json!({ "kind": "APIVersions", "versions": ["v1"] })),
        ["apis"] => Response::json(200, json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [] })),
        ["api", "v1"] => Response::json(200, resource_list()),
        ["api", "v1", "nodes"] if method == "GET" => {
            let nodes = members::nodes(world, group).iter().map(tell_node).collect();
            list(world, "NodeList", nodes)
        }
        ["api", "v1", "nodes", name] => node(world, request, group, name),
        ["api", "v1", "pods"] if method == "GET" => pods(world, request, group, None),
        ["api", "v1", "namespaces", namespace, "pods"] if method == "GET" => {
            pods(world, request, group, Some(namespace))
        }
        ["api", "v1", "namespaces", namespace, "pods", name] => pod(world, request, group, namespace, name),
        ["api", "v1", "namespaces", namespace, "pods", name, "eviction"] if method == "POST" => {
            evict(world, group, namespace, name)
        }
        ["api", "v1", "namespaces", namespace, "secrets"] => secrets(world, request, group, namespace),
        ["api", "v1", "namespaces", namespace, "secrets", name] => secret(world, request, group, namespace, name),
        // What drains a node asks whether the owners of its pods are there.
        ["apis", "apps", "v1", "namespaces", "kube-system", "daemonsets", "kube-proxy"] if method == "GET" => {
            let metadata = json!({ "name": "kube-proxy", "namespace": "kube-system" });
            Response::json(200, json!({ "kind": "DaemonSet", "apiVersion": "apps/v1", "metadata": metadata }))
        }
        _ => status(404, "NotFound", "the server could not find the requested resource"),
    }
}

/// A `Status`: how Kubernetes tells errors.
fn status(code: u16, reason: &str, message: impl Into<String>) -> Response {
    let message = message.into();
    Response::json(
        code,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": if code < 300 { "Success" } else { "Failure" },
            "message": message, "reason": reason, "code": code,
        }),
    )
}

fn missing(kind: &str, name: &str) -> Response {
    status(404, "NotFound", format!("{kind} \"{name}\" not found"))
}

fn list(world: &World, kind: &str, items: Vec<Json>) -> Response {
    Response::json(
        200,
        json!({
            "kind": kind, "apiVersion": "v1", "metadata": { "resourceVersion": world.now.to_string() }, "items": items,
        }),
    )
}

fn tell_version(version: &str) -> Json {
    let mut numbers = version.trim_start_matches('v').split('.');
    json!({
        "major": numbers.next().unwrap_or("1"), "minor": numbers.next().unwrap_or("0"), "gitVersion": version,
        "platform": "linux/amd64", "compiler": "gc", "goVersion": "", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
    })
}

fn resource_list() -> Json {
    let resource = |name: &str, kind: &str, namespaced: bool, verbs: &[&str]| json!({ "name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": verbs });
    json!({ "kind": "APIResourceList", "groupVersion": "v1", "resources": [
        resource("nodes", "Node", false, &["get", "list", "patch", "delete"]),
        resource("pods", "Pod", true, &["get", "list", "delete"]),
        resource("pods/eviction", "Eviction", true, &["create"]),
        resource("secrets", "Secret", true, &["get", "list", "create", "update", "patch", "delete"]),
    ] })
}

fn tell_node(node: &Node) -> Json {
    let mut labels = json!({
        "kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": node.size, "agentpool": node.pool,
    });
    let mut taints = Vec::new();
    if node.is_control_plane {
        labels["node-role.kubernetes.io/control-plane"] = "".into();
        taints.push(json!({ "key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule" }));
    }
    if node.unschedulable {
        taints.push(json!({ "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule" }));
    }
    let mut spec = json!({ "providerID": node.provider_id });
    if !taints.is_empty() {
        spec["taints"] = taints.into();
    }
    if node.unschedulable {
        spec["unschedulable"] = true.into();
    }
    let mut addresses = vec![json!({ "type": "Hostname", "address": node.name })];
    if let Some(address) = &node.address {
        addresses.push(json!({ "type": "InternalIP", "address": address }));
    }
    let (ready, reason, message) = if node.is_ready {
        ("True", "KubeletReady", "kubelet is posting ready status")
    } else {
        ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    };
    let joined = timestamp_short(node.joined);
    json!({
        "kind": "Node", "apiVersion": "v1",
        "metadata": {
            "name": node.name, "uid": node.uid, "labels": labels, "creationTimestamp": joined,
            "resourceVersion": node.joined.to_string(),
        },
        "spec": spec,
        "status": {
            "conditions": [{
                "type": "Ready", "status": ready, "reason": reason, "message": message, "lastTransitionTime": joined,
            }],
            "addresses": addresses,
            "nodeInfo": {
                "kubeletVersion": node.version, "osImage": "Ubuntu 24.04 LTS", "operatingSystem": "linux",
                "architecture": "amd64", "containerRuntimeVersion": "containerd://2.2.0", "kernelVersion": "6.8.0-azure",
            },
        },
    })
}

fn node(world: &mut World, request: &Request, group: &str, name: &str) -> Response {
    let Some(mut node) = members::node(world, group, name) else {
        return missing("nodes", name);
    };
    match request.method.as_str() {
        "GET" => Response::json(200, tell_node(&node)),
        "PATCH" | "PUT" => {
            let Ok(patch) = request.json() else {
                return status(400, "BadRequest", "the body is not a JSON object");
            };
            let wanted = patch.pointer("/spec/unschedulable");
            // A merge patch takes the field away by null, a whole object by leaving it out.
            let wanted = match wanted {
                Some(Json::Bool(wanted)) => Some(*wanted),
                Some(Json::Null) => Some(false),
                None if request.method == "PUT" => Some(false),
                None => None,
                Some(_) => return status(400, "BadRequest", "spec.unschedulable is not a boolean"),
            };
            if let Some(wanted) = wanted {
                node.unschedulable = wanted;
                let mut note = members::node_note(world, group, name);
                note["unschedulable"] = wanted.into();
                members::put_node_note(world, group, name, note);
            }
            Response::json(200, tell_node(&node))
        }
        "DELETE" => {
            members::remove_node(world, group, &node);
            let mut response = status(200, "", "");
            if let Some(body) = &mut response.body {
                *body = json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                    "details": { "name": name, "kind": "nodes", "uid": node.uid },
                });
            }
            response
        }
        _ => status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
    }
}

fn tell_pod(world: &World, pod: &Json) -> Json {
    let owner = text(pod, "/owner").unwrap_or_default();
    let created = timestamp_short(pod["created"].as_i64().unwrap_or(world.now));
    let node = text(pod, "/node");
    let api_version = if owner == "Node" { "v1" } else { "apps/v1" };
    let owner_name =
        if owner == "Node" { node.unwrap_or_default() } else { text(pod, "/ownerName").unwrap_or_default() };
    let mut metadata = json!({
        "name": pod["name"], "namespace": pod["namespace"], "uid": pod["uid"], "creationTimestamp": created,
        "labels": { "app": pod["ownerName"] },
        "ownerReferences": [{
            "apiVersion": api_version, "kind": owner, "name": owner_name, "uid": pod["uid"], "controller": true,
        }],
    });
    if owner == "Node" {
        metadata["annotations"] = json!({ "kubernetes.io/config.mirror": pod["uid"] });
    }
    if let Some(ends) = pod["ends"].as_i64() {
        metadata["deletionTimestamp"] = timestamp_short(ends).into();
        metadata["deletionGracePeriodSeconds"] = 30.into();
    }
    let mut spec = json!({ "containers": [{ "name": pod["ownerName"], "image": "registry.k8s.io/pause" }] });
    if let Some(node) = node {
        spec["nodeName"] = node.into();
    }
    let phase = if node.is_some() { "Running" } else { "Pending" };
    json!({
        "kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec,
        "status": {
            "phase": phase,
            "conditions": [{ "type": "Ready", "status": if node.is_some() { "True" } else { "False" } }],
        },
    })
}

fn pods(world: &mut World, request: &Request, group: &str, namespace: Option<&str>) -> Response {
    let selectors: Vec<(String, String)> = request
        .query("fieldselector")
        .into_iter()
        .flat_map(|selector| selector.split(','))
        .filter_map(|term| {
            let (name, value) = term.split_once('=')?;
            Some((name.to_owned(), value.trim_start_matches('=').to_owned()))
        })
        .collect();
    let mut found = Vec::new();
    for pod in members::pods(world, group) {
        if namespace.is_some_and(|namespace| text(&pod, "/namespace") != Some(namespace)) {
            continue;
        }
        let is_wanted = selectors.iter().all(|(name, value)| match name.as_str() {
            "spec.nodeName" => text(&pod, "/node").unwrap_or_default() == value,
            "metadata.name" => text(&pod, "/name") == Some(value),
            "metadata.namespace" => text(&pod, "/namespace") == Some(value),
            _ => false,
        });
        if is_wanted {
            found.push(tell_pod(world, &pod));
        }
    }
    list(world, "PodList", found)
}

fn find_pod(world: &mut World, group: &str, namespace: &str, name: &str) -> Option<Json> {
    members::pods(world, group)
        .into_iter()
        .find(|pod| text(pod, "/namespace") == Some(namespace) && text(pod, "/name") == Some(name))
}

fn pod(world: &mut World, request: &Request, group: &str, namespace: &str, name: &str) -> Response {
    let Some(pod) = find_pod(world, group, namespace, name) else { return missing("pods", name) };
    match request.method.as_str() {
        "GET" => Response::json(200, tell_pod(world, &pod)),
        "DELETE" => {
            members::end_pod(world, group, &pod);
            Response::json(200, tell_pod(world, &pod))
        }
        _ => status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
    }
}

fn evict(world: &mut World, group: &str, namespace: &str, name: &str) -> Response {
    let Some(pod) = find_pod(world, group, namespace, name) else { return missing("pods", name) };
    if text(&pod, "/owner") == Some("ReplicaSet") && pod["ends"].is_null() && members::budget_forbids(world, group) {
        let mut refusal =
            status(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.");
        if let Some(body) = &mut refusal.body {
            body["details"] = json!({ "causes": [{
                "reason": "DisruptionBudget", "message": "The disruption budget app needs 1 healthy pods and has 1 currently",
            }] });
        }
        return refusal;
    }
    members::end_pod(world, group, &pod);
    Response::json(
        201,
        json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 }),
    )
}

fn secret_key(group: &str, namespace: &str, name: &str) -> String {
    format!("secret/{group}/{namespace}/{name}").to_ascii_lowercase()
}

fn secrets(world: &mut World, request: &Request, group: &str, namespace: &str) -> Response {
    match request.method.as_str() {
        "GET" => {
            let prefix = secret_key(group, namespace, "");
            let all = world.store.range(&prefix).map(|(_, secret)| secret.clone()).collect();
            list(world, "SecretList", all)
        }
        "POST" => {
            let Ok(body) = request.json() else { return status(400, "BadRequest", "the body is not a JSON object") };
            let Some(name) = text(&body, "/metadata/name").map(str::to_owned) else {
                return status(422, "Invalid", "metadata.name: Required value: name or generateName is required");
            };
            if world.note(&secret_key(group, namespace, &name)).is_some() {
                return status(409, "AlreadyExists", format!("secrets \"{name}\" already exists"));
            }
            keep_secret(world, group, namespace, &name, body, None, 201)
        }
        _ => status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
    }
}

fn secret(world: &mut World, request: &Request, group: &str, namespace: &str, name: &str) -> Response {
    let key = secret_key(group, namespace, name);
    let there = world.note(&key).cloned();
    let is_apply = request.header("content-type").is_some_and(|kind| kind.starts_with("application/apply-patch"));
    match (request.method.as_str(), there) {
        ("GET", Some(there)) => Response::json(200, there),
        ("DELETE", Some(there)) => {
            world.store.remove(&key);
            Response::json(200, there)
        }
        ("PUT" | "PATCH", there) if there.is_some() || is_apply => {
            let Ok(patch) = request.json() else { return status(400, "BadRequest", "the body is not a JSON object") };
            let created = there.is_none();
            let mut body = patch.clone();
            if let (Some(there), "PATCH") = (&there, request.method.as_str()) {
                body = there.clone();
                resources::merge_patch(&mut body, &patch);
            }
            keep_secret(world, group, namespace, name, body, there.as_ref(), if created { 201 } else { 200 })
        }
        ("GET" | "PUT" | "PATCH" | "DELETE", _) => missing("secrets", name),
        _ => status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
    }
}

fn keep_secret(
    world: &mut World,
    group: &str,
    namespace: &str,
    name: &str,
    mut body: Json,
    there: Option<&Json>,
    code: u16,
) -> Response {
    if let Some(Json::Object(plain)) = body.as_object_mut().and_then(|body| body.shift_remove("stringData")) {
        for (key, value) in plain {
            body["data"][key] = STANDARD.encode(value.as_str().unwrap_or_default()).into();
        }
    }
    body["kind"] = "Secret".into();
    body["apiVersion"] = "v1".into();
    if !body["metadata"].is_object() {
        body["metadata"] = json!({});
    }
    body["metadata"]["name"] = name.into();
    body["metadata"]["namespace"] = namespace.into();
    let kept = |pointer: &str| there.and_then(|there| text(there, pointer)).map(str::to_owned);
    body["metadata"]["uid"] = kept("/metadata/uid").unwrap_or_else(|| world.uuid()).into();
    let created = kept("/metadata/creationTimestamp").unwrap_or_else(|| timestamp_short(world.now));
    body["metadata"]["creationTimestamp"] = created.into();
    body["metadata"]["resourceVersion"] = world.now.to_string().into();
    if text(&body, "/type").is_none() {
        body["type"] = kept("/type").unwrap_or_else(|| "Opaque".to_owned()).into();
    }
    world.store.put(&secret_key(group, namespace, name), body.clone());
    Response::json(code, body)
}
