//! What planning, execution and targets agree on: the traits [`Target`], [`Action`] and [`Journal`], and the types that
//! cross them.
//!
//! Who owns which field: the engine owns what it applied last, field by field and array item by array item (items
//! are known by their `name`). What it never applied belongs to somebody else (the cloud controller's rules on a load
//! balancer, CSI's disks on a machine): it is carried into the request body, left out of every difference, and never
//! deleted. What is marked [`initial`](crate::graph::Resource::initial) was the engine's to give at creation only (a scale
//! set's capacity under an autoscaler). What a read never returns (customData, secrets) is compared by the digest
//! last applied, and a difference there concerns new machines only.
//!
//! Deliberately absent: how a plan is found (`plan`), in which order it runs (`execute`), and any protocol (`target`).

mod action;
mod budget;
mod event;
mod fault;
mod journal;
mod step;
mod target;
mod vault;

pub use action::{Act, Action};
pub use budget::{Allowance, Budget, Charges, RequestKind};
pub use event::{Event, EventSink, Outcome, Summary};
pub use fault::{Fault, FaultClass};
pub use journal::{Journal, JournalError, Record};
pub use step::{Change, ChangeKind, FieldDifference, Known, Operation, Reason, Step, StepId};
pub use target::{
    Address, Applied, AppliedResources, Listed, Observation, OperationHandle, Page, Platform, Progress, Remaining,
    Support, Target, TargetName,
};
pub use vault::{KeyVaultSecret, KeyVaults};

/// A future that can be sent between threads, for traits that are used as objects.
pub type Future<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;
