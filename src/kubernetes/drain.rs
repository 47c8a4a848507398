//! Which pods leave a node that is drained, and which keep it from being empty.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::client::{Eviction, KubernetesClient};
use super::node::NodeStatus;
use crate::contract::Fault;

/// On a node whose kubelet is silent, a pod that should have ended this long ago is not waited for: nobody is there
/// to end it, and its machine is about to go.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// A pod that is still on the node, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remaining {
    /// `namespace/name`.
    pub(super) pod: String,
    /// Why it is still there.
    pub(super) why: String,
}

/// Evicts what is to be evicted, and tells what is left. Empty: the node is drained.
pub(super) async fn evict_all(
    client: &KubernetesClient,
    node: &NodeStatus,
    now: Timestamp,
) -> Result<Vec<Remaining>, Fault> {
    let mut remaining = Vec::new();
    for pod in leaving(client, node, now).await? {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let why = if is_ending(&pod) {
            "it is ending".to_owned()
        } else {
            match client.evict(namespace, name, text("/metadata/uid")).await? {
                Eviction::Accepted => "it was told to end".to_owned(),
                Eviction::Refused(reason) => reason,
            }
        };
        remaining.push(Remaining { pod: format!("{namespace}/{name}"), why });
    }
    Ok(remaining)
}

/// The pods that a drained node has no longer.
pub(super) async fn leaving(client: &KubernetesClient, node: &NodeStatus, now: Timestamp) -> Result<Vec<Json>, Fault> {
    let mut pods = client.pods_on(&node.name).await?;
    pods.retain(|pod| !stays(pod) && (node.ready || !is_given_up(pod, now)));
    Ok(pods)
}

/// DaemonSets would put their pods back at once, the kubelet's own come from files, and what has ended needs no place.
fn stays(pod: &Json) -> bool {
    let owners = pod.pointer("/metadata/ownerReferences").and_then(Json::as_array);
    let of_daemon_set = owners
        .into_iter()
        .flatten()
        .any(|owner| owner["kind"] == "DaemonSet" && owner["controller"].as_bool().unwrap_or_default());
    let is_mirror = pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some();
    let has_ended = matches!(pod.pointer("/status/phase").and_then(Json::as_str), Some("Succeeded" | "Failed"));
    of_daemon_set || is_mirror || has_ended
}

fn is_ending(pod: &Json) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_some_and(Json::is_string)
}

fn is_given_up(pod: &Json, now: Timestamp) -> bool {
    // The timestamp is the moment by which the pod should be gone, its grace period included.
    let due = pod.pointer("/metadata/deletionTimestamp").and_then(Json::as_str);
    due.and_then(|due| due.parse::<Timestamp>().ok()).is_some_and(|due| now.duration_since(due) > GIVEN_UP_AFTER)
}
