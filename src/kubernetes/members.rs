//! The acts on members that an API server performs. Each is a few calls that do no harm when they are made again, so
//! that a killed run takes them up by asking what is there.
//!
//! What lasts (becoming ready, draining) has a deadline, kept in the operation's URL, so that another process keeps it too:
//! `kubernetes:///drain/<node>?until=<timestamp>`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::client::KubernetesClient;
use super::drain::{Remaining, evict_all, leaving};
use crate::base::{Clock, Secret, SystemClock};
use crate::contract::{Act, Action, Fault, FaultClass, Future, OperationHandle, Progress};

/// How long a renewed bootstrap token lives, in seconds.
const TOKEN_LIFE: i64 = 4 * 3600;

/// A token that lives at least this long, in seconds, need not be renewed.
const TOKEN_IS_FRESH: i64 = 3 * 3600;

/// The group that kubeadm's own role bindings let join
/// (<https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>, read 2026-11-21).
const JOINING_GROUP: &str = "system:bootstrappers:kubeadm:default-node-token";

const TOKEN_NAMESPACE: &str = "kube-system";

/// How many pods a fault names.
const NAMED: usize = 5;

/// How the acts are performed.
#[derive(Clone)]
pub struct MemberSettings {
    /// The token with which new machines join, `[a-z0-9]{6}.[a-z0-9]{16}`. Without it no token is renewed.
    pub bootstrap_token: Option<Secret>,
    /// The most that a machine may take until its node is ready.
    pub ready_within: Duration,
    /// The most that draining a node may take.
    pub drained_within: Duration,
    /// How often it is asked whether a node is ready, or drained.
    pub ask_again: Duration,
    /// Tells when a deadline has passed.
    pub clock: Arc<dyn Clock>,
}

impl Default for MemberSettings {
    fn default() -> Self {
        Self {
            bootstrap_token: None,
            ready_within: Duration::from_secs(20 * 60),
            drained_within: Duration::from_secs(15 * 60),
            ask_again: Duration::from_secs(5),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Performs acts on members through the API server.
pub struct MemberActions {
    client: KubernetesClient,
    settings: MemberSettings,
}

impl MemberActions {
    /// Acts through this client.
    pub fn new(client: KubernetesClient, settings: MemberSettings) -> Self {
        Self { client, settings }
    }

    /// The client.
    pub fn client(&self) -> &KubernetesClient {
        &self.client
    }

    /// Whether the node is ready; why not otherwise. An API server that does not answer has no ready nodes: it may be
    /// the first one, which is just starting.
    async fn readiness(&self, node: &str) -> Result<Result<(), String>, Fault> {
        match self.client.node(node).await {
            Ok(Some(node)) if node.ready => Ok(Ok(())),
            Ok(Some(node)) => Ok(Err(node.reason)),
            Ok(None) => Ok(Err("it has not registered".to_owned())),
            Err(fault) if is_starting(&fault) => Ok(Err(fault.message)),
            Err(fault) => Err(fault),
        }
    }

    async fn wait_until_ready(&self, node: &str, operation: OperationHandle) -> Result<Progress, Fault> {
        let Err(why) = self.readiness(node).await? else { return Ok(Progress::Done(None)) };
        if self.is_over(&operation) {
            let message = format!("the node {node} did not become Ready in time: {why}");
            return Err(Fault::new(FaultClass::TimedOut, "NodeNotReady", message).help(format!(
                "Look at the node (`kubectl describe node {node}`), and at its machine's log \
                 /var/log/azure/cluster-provision.log."
            )));
        }
        Ok(Progress::Running(operation, Some(self.settings.ask_again)))
    }

    async fn drain(&self, node: &str, operation: OperationHandle) -> Result<Progress, Fault> {
        let Some(found) = self.client.node(node).await? else { return Ok(Progress::Done(None)) };
        // Asked each time: somebody may have let pods back meanwhile.
        if !found.cordoned && !self.client.cordon(node).await? {
            return Ok(Progress::Done(None));
        }
        let remaining = evict_all(&self.client, &found, self.settings.clock.now()).await?;
        if remaining.is_empty() {
            return Ok(Progress::Done(None));
        }
        if self.is_over(&operation) {
            return Err(blocked(node, &remaining));
        }
        Ok(Progress::Running(operation, Some(self.settings.ask_again)))
    }

    async fn renew_token(&self) -> Result<Progress, Fault> {
        let (identifier, secret) = self.token_parts()?;
        let name = format!("bootstrap-token-{identifier}");
        let body = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "bootstrap.kubernetes.io/token",
            "metadata": { "name": name, "namespace": TOKEN_NAMESPACE },
            "stringData": {
                "token-id": identifier,
                "token-secret": secret,
                "expiration": self.settings.clock.now_plus_seconds(TOKEN_LIFE).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                "usage-bootstrap-authentication": "true",
                "usage-bootstrap-signing": "true",
                "auth-extra-groups": JOINING_GROUP,
                "description": "lets machines of the engine join",
            },
        });
        self.client.put_secret(TOKEN_NAMESPACE, &name, &body).await?;
        Ok(Progress::Done(None))
    }

    /// Whether the token is there, is the one that new machines have, and lives long enough.
    async fn is_token_fresh(&self) -> Result<bool, Fault> {
        let (identifier, secret) = self.token_parts()?;
        let name = format!("bootstrap-token-{identifier}");
        let Some(found) = self.client.secret(TOKEN_NAMESPACE, &name).await? else { return Ok(false) };
        let field = |name: &str| decoded(found["data"][name].as_str().unwrap_or_default());
        let until = field("expiration").and_then(|text| text.parse::<Timestamp>().ok());
        let lives = until.is_some_and(|until| until >= self.settings.clock.now_plus_seconds(TOKEN_IS_FRESH));
        Ok(lives && field("token-secret").as_deref() == Some(secret))
    }

    fn token_parts(&self) -> Result<(&str, &str), Fault> {
        let parts = self.settings.bootstrap_token.as_ref().and_then(|token| token.expose().split_once('.'));
        parts.ok_or_else(|| {
            Fault::new(FaultClass::Invalid, "NoBootstrapToken", "there is no bootstrap token that could be renewed")
        })
    }

    fn operation(&self, act: &str, node: &str, within: Duration) -> OperationHandle {
        let seconds = i64::try_from(within.as_secs()).unwrap_or(i64::MAX);
        let until = self.settings.clock.now_plus_seconds(seconds);
        OperationHandle {
            url: format!("kubernetes:///{act}/{node}?until={until}"),
            kind: act.to_owned(),
            result: None,
            reads_as_made: false,
        }
    }

    fn is_over(&self, operation: &OperationHandle) -> bool {
        let until = operation.url.rsplit_once("?until=").and_then(|(_, until)| until.parse::<Timestamp>().ok());
        until.is_none_or(|until| self.settings.clock.now() >= until)
    }

    async fn perform(&self, act: &Act, operation: Option<&OperationHandle>) -> Result<Progress, Fault> {
        let begun =
            |word: &str, node: &str, within| operation.cloned().unwrap_or_else(|| self.operation(word, node, within));
        match act {
            Act::WaitUntilReady { node } => {
                self.wait_until_ready(node, begun("ready", node, self.settings.ready_within)).await
            }
            Act::CordonAndDrain { node } => self.drain(node, begun("drain", node, self.settings.drained_within)).await,
            Act::RemoveNode { node } => self.client.remove_node(node).await.map(|()| Progress::Done(None)),
            Act::RenewBootstrapToken => self.renew_token().await,
            Act::SnapshotEtcd { .. } | Act::RemoveEtcdMember { .. } | Act::RunCommand { .. } => Err(foreign(act)),
        }
    }

    async fn is_done(&self, act: &Act) -> Result<bool, Fault> {
        match act {
            Act::WaitUntilReady { node } => Ok(self.readiness(node).await?.is_ok()),
            Act::CordonAndDrain { node } => match self.client.node(node).await? {
                None => Ok(true),
                Some(found) if !found.cordoned => Ok(false),
                Some(found) => Ok(leaving(&self.client, &found, self.settings.clock.now()).await?.is_empty()),
            },
            Act::RemoveNode { node } => Ok(self.client.node(node).await?.is_none()),
            Act::RenewBootstrapToken => self.is_token_fresh().await,
            Act::SnapshotEtcd { .. } | Act::RemoveEtcdMember { .. } | Act::RunCommand { .. } => Err(foreign(act)),
        }
    }
}

impl Action for MemberActions {
    fn performs(&self, act: &Act) -> bool {
        match act {
            Act::WaitUntilReady { .. } | Act::CordonAndDrain { .. } | Act::RemoveNode { .. } => true,
            Act::RenewBootstrapToken => self.settings.bootstrap_token.is_some(),
            Act::SnapshotEtcd { .. } | Act::RemoveEtcdMember { .. } | Act::RunCommand { .. } => false,
        }
    }

    fn probe<'a>(&'a self, act: &'a Act) -> Future<'a, Result<bool, Fault>> {
        Box::pin(self.is_done(act))
    }

    fn start<'a>(&'a self, act: &'a Act) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(self.perform(act, None))
    }

    fn poll<'a>(&'a self, act: &'a Act, operation: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(self.perform(act, Some(operation)))
    }
}

/// Whether a fault is what an API server shows that is not up yet. A certificate that is not trusted never gets better.
pub fn is_starting(fault: &Fault) -> bool {
    matches!(fault.class, FaultClass::Unavailable | FaultClass::Transient | FaultClass::Throttled)
        && fault.code != "TlsCertificate"
}

fn foreign(act: &Act) -> Fault {
    Fault::new(FaultClass::Invalid, "NotPerformed", format!("Kubernetes cannot {}", act.describe()))
}

fn decoded(text: &str) -> Option<String> {
    use base64::Engine as _;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).ok()?).ok()
}

/// Names the pods that keep a node from being drained, those that somebody has to do something about first.
fn blocked(node: &str, remaining: &[Remaining]) -> Fault {
    let mut told: Vec<String> =
        remaining.iter().take(NAMED).map(|left| format!("{}: {}", left.pod, left.why)).collect();
    if remaining.len() > NAMED {
        told.push(format!("and {} more", remaining.len() - NAMED));
    }
    let message = format!("the node {node} could not be drained in time; still there: {}", told.join("; "));
    Fault::new(FaultClass::TimedOut, "DrainBlocked", message).help(
        "See the disruption budgets (`kubectl get pdb -A`): give what they protect more replicas, or a place to go; \
         then run again. The node stays cordoned (`kubectl uncordon` lets pods back).",
    )
}
