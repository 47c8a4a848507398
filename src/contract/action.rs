//! What is done to a member of the cluster rather than to a resource.

use serde::{Deserialize, Serialize};

use super::{Fault, Future, OperationHandle, Progress};

/// An act on a member of the cluster. A member is named by its Kubernetes node name, which is its machine's host name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "camelCase")]
pub enum Act {
    /// Wait until the node is registered and Ready.
    WaitUntilReady {
        /// The node.
        node: String,
    },
    /// Let no new pod onto the node, and evict those it has within the disruption budgets. DaemonSet pods and static
    /// pods stay. A node that does not exist has nothing to drain.
    CordonAndDrain {
        /// The node.
        node: String,
    },
    /// Remove the node object of a machine that is gone.
    RemoveNode {
        /// The node.
        node: String,
    },
    /// Make the bootstrap token valid for some hours, so that new machines can join.
    RenewBootstrapToken,
    /// Take a snapshot of etcd under this name.
    SnapshotEtcd {
        /// The snapshot's name.
        name: String,
    },
    /// Take the member on this node out of the etcd cluster.
    RemoveEtcdMember {
        /// The node.
        node: String,
    },
    /// Run a command on a node. Not idempotent by itself, hence the marker file that tells whether it has run.
    RunCommand {
        /// The node.
        node: String,
        /// The program and its arguments.
        command: Vec<String>,
        /// The file on the node that is there once the command has run.
        marker: String,
    },
}

impl Act {
    /// The verb and its object as people read it, such as `drain k8s-agentpool1-11600910-2`.
    pub fn describe(&self) -> String {
        match self {
            Self::WaitUntilReady { node } => format!("wait for {node} to be Ready"),
            Self::CordonAndDrain { node } => format!("cordon and drain {node}"),
            Self::RemoveNode { node } => format!("remove node {node}"),
            Self::RenewBootstrapToken => "renew the bootstrap token".to_owned(),
            Self::SnapshotEtcd { name } => format!("snapshot etcd as {name}"),
            Self::RemoveEtcdMember { node } => format!("remove the etcd member on {node}"),
            Self::RunCommand { node, command, .. } => {
                format!("run {} on {node}", command.first().map_or("", String::as_str))
            }
        }
    }
}

/// What can act on members: through Kubernetes, etcd, SSH, a cloud's run command, the guest agent.
pub trait Action: Send + Sync {
    /// Whether this is the one that performs the act.
    fn performs(&self, act: &Act) -> bool;

    /// Whether the act's effect is already there. Asked before a start, and on resume.
    fn probe<'a>(&'a self, act: &'a Act) -> Future<'a, Result<bool, Fault>>;

    /// Begins the act.
    fn start<'a>(&'a self, act: &'a Act) -> Future<'a, Result<Progress, Fault>>;

    /// Asks how it goes.
    fn poll<'a>(&'a self, act: &'a Act, operation: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>>;
}
