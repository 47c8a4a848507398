//! What the API server tells of a node.

use serde_json::Value as Json;

/// A node as the API server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its name, which is its machine's host name.
    pub name: String,
    /// Whether its kubelet says that it can run pods.
    pub ready: bool,
    /// Why it is not ready, in the kubelet's words; empty if it is.
    pub reason: String,
    /// Whether it takes no new pods.
    pub cordoned: bool,
    /// Its kubelet's version, such as `v1.35.1`; empty if it has not told.
    pub version: String,
    /// Its roles, from the labels `node-role.kubernetes.io/…`, sorted.
    pub roles: Vec<String>,
    /// Its address within the cluster; empty if it has none yet.
    pub internal_address: String,
}

const ROLE_LABEL: &str = "node-role.kubernetes.io/";

impl NodeStatus {
    /// Reads a `Node` of core/v1.
    pub(super) fn of(node: &Json) -> Self {
        let text = |pointer: &str| node.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
        let listed = |pointer: &str| node.pointer(pointer).and_then(Json::as_array).into_iter().flatten();
        let condition = listed("/status/conditions").find(|condition| condition["type"] == "Ready");
        let ready = condition.is_some_and(|condition| condition["status"] == "True");
        let reason = match condition {
            _ if ready => String::new(),
            None => "its kubelet has not reported yet".to_owned(),
            Some(condition) => {
                let word = |name: &str| condition[name].as_str().unwrap_or_default();
                let said = if word("message").is_empty() { word("reason") } else { word("message") };
                if said.is_empty() { "it gives no reason".to_owned() } else { said.to_owned() }
            }
        };
        let labels = node.pointer("/metadata/labels").and_then(Json::as_object);
        let mut roles: Vec<String> = labels
            .into_iter()
            .flatten()
            .filter_map(|(name, _)| name.strip_prefix(ROLE_LABEL))
            .map(str::to_owned)
            .collect();
        roles.sort();
        let address = listed("/status/addresses").find(|address| address["type"] == "InternalIP");
        Self {
            name: text("/metadata/name"),
            ready,
            reason,
            cordoned: node.pointer("/spec/unschedulable").and_then(Json::as_bool).unwrap_or_default(),
            version: text("/status/nodeInfo/kubeletVersion"),
            roles,
            internal_address: address.and_then(|address| address["address"].as_str()).unwrap_or_default().to_owned(),
        }
    }
}
