//! Resources, the values that tie them together, and the graph that follows from those values.
//!
//! - [`Value`]: a literal, a secret by handle, a [`Reference`] to another resource's attribute, or a call of a [`Function`].
//! - [`Resource`]: one ARM resource as it is declared, or a whole [`Series`] of them that share one body.
//! - [`ResourceGraph`]: every instance with its edges. An edge exists because a value refers to another resource.
//!
//! Deliberately absent: ARM's expression syntax (`arm`), what is already there (`plan`), and how anything is made (`target`).

mod build;
mod encode;
mod function;
mod picture;
mod resolve;
mod resource;
mod scope;
#[cfg(test)]
mod trials;
mod value;

pub use build::{GraphError, Node, ResourceGraph};
pub use function::{Function, FunctionError, guid, unique_string};
pub use picture::{PictureFormat, draw};
pub use resolve::{Context, Lookup, NothingKnown, Unresolved};
pub use resource::{Resource, ResourceKey, Series};
pub use scope::{GROUP_TYPE, Scope};
pub use value::{Member, Reference, Value};
