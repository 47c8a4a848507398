//! What has to be done so that the world is as the graph says: desired × observed × last applied → steps.
//!
//! Pure: nothing here talks to a target. Deliberately absent: carrying a plan out (`execute`), showing it (`view`).

mod build;
mod facts;
mod merge;
mod order;
mod removal;
mod reread;
mod settled;
#[cfg(test)]
mod tests;
mod union;
mod value;
mod world;

pub use build::{PlanError, Removal, Request, becomes_node, plan};
pub use facts::{TypeFacts, covered, facts};
pub use merge::{carry, difference};
pub use removal::plan_destroy;
pub use reread::reread;
pub use settled::settled;
pub use union::{doubtful, union};
pub use value::Plan;
pub use world::{Observed, ObservedResources, Secrets, World, is_there};
