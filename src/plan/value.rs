//! The plan as a value: what is shown, stored, approved and executed is the same thing.

use serde::{Deserialize, Serialize};

use crate::contract::{ChangeKind, Known, Operation, Step};
use crate::graph::{ResourceKey, Scope};

/// A plan. It holds secrets by handle and digest only, so it can be published for approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The version of this format; see [`Plan::FORMAT`].
    pub format: u32,
    /// The verb that made it, such as `deploy`.
    pub verb: String,
    /// Where the resources live.
    pub scope: Scope,
    /// The steps, in an order in which each stands after those it waits for.
    pub steps: Vec<Step>,
    /// The resources that are as they should be.
    pub unchanged: Vec<ResourceKey>,
    /// What values of the steps need to know of resources that no step changes.
    pub known: Vec<Known>,
    /// What the reader of the plan should know, such as a difference that concerns new machines only.
    pub notes: Vec<String>,
}

impl Plan {
    /// The version of the format that this engine writes.
    pub const FORMAT: u32 = 1;

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// How many steps change a resource in this way.
    pub fn count(&self, kind: ChangeKind) -> usize {
        self.steps
            .iter()
            .filter(|step| matches!(&step.operation, Operation::Change(change) if change.kind == kind))
            .count()
    }

    /// How many steps act on a member of the cluster.
    pub fn acts(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.operation, Operation::Act(_))).count()
    }

    /// The digest of the whole plan: two plans with the same digest do the same.
    pub fn digest(&self) -> String {
        // A plan is made of strings, numbers and lists; writing it to memory cannot fail.
        crate::base::digest_json(self)
    }
}
