//! Waits until all nodes of a cluster are Ready.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{ClusterError, Session};
use crate::contract::AppliedResources;
use crate::kubernetes::{NodeStatus, is_starting};
use crate::model::Cluster;

const MACHINE_TYPE: &str = "Microsoft.Compute/virtualMachines";

/// How long nodes may take: as long as the machines' own scripts have for it, see `templates/scripts/settings.sh.hbs`.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
const PATIENCE_WHEN_SLOW: Duration = Duration::from_secs(180 * 60);
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What is waited for, and how long.
#[derive(Debug, Clone)]
pub struct NodeWait {
    /// How many nodes there shall be.
    pub count: usize,
    /// Their names; none where they cannot be told beforehand.
    pub names: BTreeSet<String>,
    /// How long.
    pub within: Duration,
    /// How often is asked.
    pub ask_again: Duration,
}

impl NodeWait {
    /// For all nodes of a cluster with these resources.
    pub fn of(cluster: &Cluster, applied: &AppliedResources) -> Self {
        let count = usize::try_from(cluster.node_count()).unwrap_or(usize::MAX);
        let machines = applied.values().filter(|own| own.address.resource_type.eq_ignore_ascii_case(MACHINE_TYPE));
        let names: BTreeSet<String> = machines.map(|own| own.address.name.to_ascii_lowercase()).collect();
        let slow = cluster.on_prem.as_ref().is_some_and(|on_prem| on_prem.slow_host);
        Self {
            count,
            // Scale sets name their machines themselves, and not every machine is a node: a jumpbox is none.
            names: if names.len() == count { names } else { BTreeSet::new() },
            within: if slow { PATIENCE_WHEN_SLOW } else { PATIENCE },
            ask_again: ASK_AGAIN,
        }
    }

    /// What is missing yet, in the order of names.
    fn missing(&self, nodes: &[NodeStatus]) -> Vec<String> {
        let mut missing: Vec<String> = nodes
            .iter()
            .filter(|node| !node.ready)
            .map(|node| format!("{} is not Ready: {}", node.name, node.reason))
            .collect();
        let is_there = |name: &&String| nodes.iter().any(|node| node.name.eq_ignore_ascii_case(name));
        let absent = self.names.iter().filter(|name| !is_there(name));
        missing.extend(absent.map(|name| format!("{name} has not registered")));
        missing.sort();
        if missing.is_empty() && nodes.len() < self.count {
            missing.push(format!("{} of {} nodes have registered", nodes.len(), self.count));
        }
        missing
    }
}

/// Waits until all nodes are Ready, and gives them. What is missing is told whenever that changes.
///
/// # Errors
/// [`ClusterError::NotReady`] with what is missing when the time is over; an API server that refuses.
pub async fn wait_for_nodes(
    session: &Session,
    wait: &NodeWait,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<NodeStatus>, ClusterError> {
    let deadline = session.timer.now() + wait.within;
    let mut told = String::new();
    loop {
        let answer = match &session.kubernetes {
            Some(client) => client.nodes().await,
            None => Ok(Vec::new()),
        };
        let (ready, missing) = match answer {
            Ok(nodes) => {
                let missing = wait.missing(&nodes);
                if missing.is_empty() {
                    return Ok(nodes);
                }
                (nodes.iter().filter(|node| node.ready).count(), missing)
            }
            Err(fault) if is_starting(&fault) => (0, vec![fault.message]),
            Err(fault) => return Err(fault.into()),
        };
        let state = format!("{ready} of {} nodes are Ready; {}", wait.count, missing.join("; "));
        if session.timer.now() >= deadline {
            return Err(ClusterError::NotReady { state, within: wait.within });
        }
        if state != told {
            tell(&state);
            told = state;
        }
        session.timer.sleep_until(session.timer.now() + wait.ask_again).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::base::Secret;
    use crate::cluster::testing;
    use crate::contract::FaultClass;
    use crate::kubernetes::{KubernetesClient, KubernetesCredentials, KubernetesSettings};
    use crate::target::http::HttpSettings;
    use crate::target::memory::MemoryTarget;
    use crate::target::testing::{FakeServer, Reply};

    fn session(server: &FakeServer) -> Session {
        let kubernetes = KubernetesClient::new(KubernetesSettings {
            server: server.url.clone(),
            certificate_authority: None,
            credentials: KubernetesCredentials::Token(Secret::new("token")),
            http: HttpSettings::default(),
        });
        testing::session(Arc::new(MemoryTarget::default()), Some(kubernetes.unwrap()))
    }

    fn wait(within: Duration) -> NodeWait {
        let names = ["master-0", "agent-0", "agent-1"].map(str::to_owned).into();
        NodeWait { count: 3, names, within, ask_again: Duration::from_millis(5) }
    }

    fn node(name: &str, ready: bool) -> Json {
        let (status, message) = if ready { ("True", "") } else { ("False", "no network") };
        json!({
            "metadata": { "name": name },
            "status": { "conditions": [{ "type": "Ready", "status": status, "message": message }] },
        })
    }

    #[tokio::test]
    async fn it_waits_for_an_api_server_and_for_every_node() {
        let server = FakeServer::start(|before, _, _| match before {
            0 => Reply::text(503, "starting"),
            1 => Reply::json(200, json!({ "metadata": {}, "items": [node("master-0", false)] })),
            2 => Reply::json(200, json!({ "metadata": {}, "items": [node("Master-0", true), node("agent-0", true)] })),
            // One that nobody expects does not stand for one that is missing.
            3 => Reply::json(
                200,
                json!({ "metadata": {}, "items": [node("master-0", true), node("agent-0", true), node("x", true)] }),
            ),
            _ => Reply::json(
                200,
                json!({ "metadata": {}, "items": [node("master-0", true), node("agent-0", true), node("agent-1", true)] }),
            ),
        })
        .await;
        let mut told = Vec::new();
        let nodes =
            wait_for_nodes(&session(&server), &wait(Duration::from_secs(60)), &mut |state| told.push(state.to_owned()))
                .await
                .unwrap();
        assert_eq!(nodes.len(), 3);
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].starts_with("0 of 3 nodes are Ready; "), "{told:?}");
        assert!(
            told[1].contains("master-0 is not Ready: no network") && told[1].contains("agent-0 has not registered")
        );
        assert_eq!(told[2], "2 of 3 nodes are Ready; agent-1 has not registered");
    }

    #[tokio::test]
    async fn at_the_end_of_the_time_it_tells_what_is_missing() {
        let server = FakeServer::start(|_, _, _| {
            Reply::json(200, json!({ "metadata": {}, "items": [node("master-0", true), node("agent-0", false)] }))
        })
        .await;
        let result = wait_for_nodes(&session(&server), &wait(Duration::from_millis(30)), &mut |_| {}).await;
        let told = result.unwrap_err().to_string();
        for part in ["1 of 3 nodes are Ready", "agent-0 is not Ready: no network", "agent-1 has not registered"] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[tokio::test]
    async fn who_is_refused_does_not_wait() {
        let status = json!({ "kind": "Status", "reason": "Forbidden", "message": "no" });
        let server = FakeServer::start(move |_, _, _| Reply::json(403, status.clone())).await;
        let result = wait_for_nodes(&session(&server), &wait(Duration::from_secs(60)), &mut |_| {}).await;
        assert!(matches!(result, Err(ClusterError::Target(fault)) if fault.class == FaultClass::Forbidden));
        assert_eq!(server.seen().len(), 1);
    }
}
