//! A place where resources can be made: Azure, Azure Stack Hub, libvirt, memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Budget, Charges, Fault, Future, RequestKind};
use crate::base::Secret;
use crate::graph::Scope;

/// The targets there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetName {
    /// Azure, public or sovereign.
    Azure,
    /// Azure Stack Hub.
    Stack,
    /// KVM/QEMU through libvirt.
    Libvirt,
    /// The embedded simulator. All it does is marked SIMULATED.
    Simulator,
}

impl TargetName {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 4] = [Self::Azure, Self::Stack, Self::Libvirt, Self::Simulator];

    /// The word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Azure => "azure",
            Self::Stack => "stack",
            Self::Libvirt => "libvirt",
            Self::Simulator => "simulator",
        }
    }

    /// The target of that word, without regard to case.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.word().eq_ignore_ascii_case(word))
    }
}

/// What machines are made for: what they find around them follows from it, and so does what they are told. The resources
/// are the same for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Azure and Azure Stack Hub, and what stands for them: disks, balancers and routes are the cloud's.
    Azure,
    /// Hosts of one's own: there is no cloud to ask.
    OnPrem,
}

impl From<TargetName> for Platform {
    fn from(target: TargetName) -> Self {
        match target {
            TargetName::Libvirt => Self::OnPrem,
            TargetName::Azure | TargetName::Stack | TargetName::Simulator => Self::Azure,
        }
    }
}

/// Where one resource is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// The full type.
    pub resource_type: String,
    /// The version of the type's interface.
    pub api_version: String,
    /// The name, known by now; a child's has its parent's before a slash.
    pub name: String,
    /// The id, which begins with a slash.
    pub id: String,
}

impl Address {
    /// The address of a resource in a scope.
    pub fn new(scope: &Scope, resource_type: &str, api_version: &str, name: &str) -> Self {
        Self {
            resource_type: resource_type.to_owned(),
            api_version: api_version.to_owned(),
            name: name.to_owned(),
            id: scope.resource_id(resource_type, name),
        }
    }
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The whole resource as the target tells it: `id`, `name`, `location`, `properties` and so on.
    pub body: Json,
    /// The version of what was read, where the target knows one: a write can be made to depend on it.
    pub etag: Option<String>,
}

impl Observation {
    /// `properties.provisioningState`, where the type has one.
    pub fn provisioning_state(&self) -> Option<&str> {
        self.body.pointer("/properties/provisioningState")?.as_str()
    }

    /// Whether the target says that its work on it ended well.
    pub fn has_succeeded(&self) -> bool {
        self.provisioning_state().is_some_and(|state| state.eq_ignore_ascii_case("Succeeded"))
    }

    /// Whether the target is still at work on it. A type without a provisioning state never is.
    pub fn is_in_progress(&self) -> bool {
        let ends = ["Succeeded", "Failed", "Canceled", "Cancelled"];
        self.provisioning_state().is_some_and(|state| !ends.iter().any(|end| state.eq_ignore_ascii_case(end)))
    }
}

/// What the engine applied last, as the state keeps it: the basis of who owns which field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Where it is. Holds the name, also of a resource whose name was deferred.
    pub address: Arc<Address>,
    /// The body that was sent, with each secret as `{"$secret": handle, "digest": "sha256:…"}` and without what was
    /// carried over from others.
    pub body: Json,
    /// The keys of the resources that it waits for, so that destroying needs no model.
    #[serde(default)]
    pub after: Vec<crate::graph::ResourceKey>,
}

/// All that was applied, by key: the heart of the state.
pub type AppliedResources = BTreeMap<crate::graph::ResourceKey, Applied>;

/// An operation that goes on without us, as the journal keeps it: enough to ask for it from another process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationHandle {
    /// Where to ask, byte for byte as it was given. It may be signed, and may expire.
    pub url: String,
    /// How to read the answer; the word is the target's own (`azure-async-operation`, `location`, `resource`).
    pub kind: String,
    /// The resource whose final state is read when the operation has ended; none for a deletion or an action.
    pub result: Option<Address>,
    /// Whether that resource read as made from the first answer on, so that no read of it tells how the operation goes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reads_as_made: bool,
}

/// How far a request has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// It has ended well. After a write the resource is here as read back, if it was read; after a deletion or an action
    /// nothing.
    Done(Option<Observation>),
    /// It goes on. Ask again after this time, if the target said so.
    Running(OperationHandle, Option<Duration>),
}

/// How much is left of one of a target's budgets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remaining {
    /// The target's own name for it: `subscription-writes`, `Microsoft.Compute/PutVM3Min`.
    pub budget: String,
    /// How many requests are left.
    pub left: u64,
    /// When the target said so.
    pub at: jiff::Timestamp,
}

/// A resource as a list tells it: just how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id, in whatever case the target uses.
    pub id: String,
    /// `properties.provisioningState`, where the type has one.
    pub state: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The resources on it.
    pub items: Vec<Listed>,
    /// Where the next page is, byte for byte as it was given; nothing after the last one.
    pub next: Option<String>,
}

/// Whether a target can realise a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Support {
    /// It can.
    Yes,
    /// It cannot, for this reason and with this way out. Told in the plan, before anything is created.
    No {
        /// Why not.
        reason: String,
        /// What to do instead.
        help: String,
    },
}

/// A place where resources can be made. An implementation makes single requests; pacing, retries, order and memory
/// are the executor's.
pub trait Target: Send + Sync {
    /// Which one it is.
    fn name(&self) -> TargetName;

    /// Whether it can realise this type in this version.
    fn supports(&self, resource_type: &str, api_version: &str) -> Support;

    /// Reads a resource. `None` if it is not there.
    fn observe<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Option<Observation>, Fault>>;

    /// The body as this target would store it: its spelling of locations, say. Used on both sides of a comparison.
    fn normalise(&self, address: &Address, body: Json) -> Json;

    /// Creates the resource or replaces its whole body. With `etag`, only if that is still its version. Idempotent.
    fn apply<'a>(
        &'a self,
        address: &'a Address,
        body: &'a Json,
        etag: Option<&'a str>,
    ) -> Future<'a, Result<Progress, Fault>>;

    /// Deletes the resource. A resource that is not there is [`Progress::Done`].
    fn delete<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Progress, Fault>>;

    /// What the target allows, as far as it is documented: the first guess of the pacing. At most 64.
    fn budgets(&self) -> Vec<Budget> {
        Vec::new()
    }

    /// Which of [`Self::budgets`] a request about a resource of this type draws on.
    fn charges(&self, _kind: RequestKind, _resource_type: &str) -> Charges {
        Charges::FREE
    }

    /// What the target told last of its limits, for the pacing. Empty where it tells nothing.
    fn remaining(&self) -> Vec<Remaining> {
        Vec::new()
    }

    /// Whether a read of a resource that is being made tells how far that has come: by its provisioning state, which is
    /// not `Succeeded` before it is done.
    fn tells_by_reading(&self) -> bool {
        false
    }

    /// Whether [`Self::list`] tells how resources are.
    fn can_list(&self) -> bool {
        false
    }

    /// Reads a page of the collection in which a resource lies: all of its type in the same group, or below the same
    /// parent. `next` is where an earlier page said that this one is.
    fn list<'a>(&'a self, _member: &'a Address, _next: Option<&'a str>) -> Future<'a, Result<Page, Fault>> {
        Box::pin(std::future::ready(Ok(Page::default())))
    }

    /// These are secrets: whatever the target sends of them is left out of faults and traces, also by another process than
    /// the one that sent them.
    fn conceal(&self, secrets: Vec<Secret>) {
        drop(secrets);
    }

    /// Asks how an operation goes. An operation that is no longer known, or whose URL does not belong to this target,
    /// is a fault of class [`OperationLost`](super::FaultClass::OperationLost): read, compare, then write.
    fn poll<'a>(&'a self, operation: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>>;
}
