//! One step of a plan: a change of a resource, or an act on a member of the cluster.
//!
//! A plan is a DAG of steps, so that a verb needs no loop of its own. Upgrading three control-plane nodes, on paper,
//! with `→` for "waits for" read backwards, is per node:
//!
//! ```text
//! snapshot etcd → drain 0 → remove etcd member 0 → delete extension, machine 0 → create machine 0, extension → Ready 0
//!               → drain 1 (waits for Ready 0) → … → drain 2 (waits for Ready 1) → … → Ready 2
//! ```
//!
//! Quorum is the chain between nodes; surge for a pool is the same with the creation first.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Act, Address, Observation};
use crate::graph::{Reference, ResourceKey, Value};

/// What identifies a step within its plan, the same in every run of it: verb and object, such as
/// `create Microsoft.Network/virtualNetworks k8s-vnet-11600910`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(Arc<str>);

impl StepId {
    /// The step that changes a resource.
    pub fn of_change(kind: ChangeKind, key: &ResourceKey) -> Self {
        Self(format!("{} {key}", kind.word()).into())
    }

    /// The step that acts on a member.
    pub fn of_act(act: &Act) -> Self {
        Self(act.describe().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for StepId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How a resource changes. Replacing one is two steps, a deletion and a creation that waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is not there, and will be.
    Create,
    /// It is there with another content.
    Update,
    /// It is there, and will not be.
    Delete,
}

impl ChangeKind {
    /// The verb as people read it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A change of one resource, with all that is needed to make it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// How it changes.
    pub kind: ChangeKind,
    /// Which resource.
    pub key: ResourceKey,
    /// The symbol by which values of other steps refer to it.
    pub symbol: Arc<str>,
    /// Its index within a series.
    pub index: Option<u32>,
    /// The full type.
    pub resource_type: Arc<str>,
    /// The version of the type's interface.
    pub api_version: Arc<str>,
    /// The name, maybe deferred.
    pub name: Value,
    /// The whole body that is wanted, secrets by handle; null for a deletion.
    pub body: Arc<Value>,
    /// Pointers whose value is the engine's only at creation.
    pub initial: Vec<Arc<str>>,
    /// The keys of the resources that it waits for, which the state records.
    pub after: Vec<ResourceKey>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Changes a resource.
    Change(Change),
    /// Acts on a member of the cluster.
    Act(Act),
}

/// Why a step is in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "camelCase")]
pub enum Reason {
    /// The model wants it, and it is not there.
    Missing,
    /// These fields differ from what is wanted.
    Differs {
        /// Pointers into the body, with what is there and what is wanted, as text without secrets.
        fields: Vec<FieldDifference>,
    },
    /// The model no longer wants it.
    Unwanted,
    /// Creation began in an earlier run and has not succeeded.
    Unfinished,
    /// Another step needs it.
    Needed {
        /// What for, such as `a machine is deleted`.
        purpose: String,
    },
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// Where in the body.
    pub pointer: String,
    /// What is there, as JSON text; nothing if the field is not there.
    pub observed: Option<String>,
    /// What is wanted, as JSON text; nothing if the field is to go.
    pub wanted: Option<String>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What identifies it.
    pub id: StepId,
    /// What it does.
    pub operation: Operation,
    /// The steps that must have ended well before it starts.
    pub after: Vec<StepId>,
    /// Why it is there.
    pub reason: Reason,
}

/// What is known of a resource that no step of a plan changes, so that values may refer to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The symbol by which values refer to it.
    pub symbol: Arc<str>,
    /// Its index within a series.
    pub index: Option<u32>,
    /// Where it is.
    pub address: Address,
    /// What was observed there.
    pub observation: Observation,
}

impl Known {
    /// Whether `reference`, seen from an instance with `index`, means this resource.
    pub fn is_meant_by(&self, reference: &Reference, index: Option<u32>) -> bool {
        use crate::graph::Member;
        self.symbol == reference.symbol
            && match reference.member {
                Member::Only => self.index.is_none(),
                Member::SameIndex => self.index == index,
                Member::Index(wanted) => self.index == Some(wanted),
                Member::Every => true,
            }
    }
}
