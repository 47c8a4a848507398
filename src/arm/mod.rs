//! The ARM template language: from a graph to a template that Azure deploys by itself.
//!
//! [`emit`] prints values in place, folds each series into a `copy` loop with `<pool>Count` and `<pool>Offset`, derives
//! `dependsOn` from references, and passes secrets as `securestring` parameters by handle. What does not fit into one
//! template goes into nested deployments.
//!
//! Deliberately absent: files (whoever writes them decides where), and the secrets themselves until the parameters file
//! is asked for.

mod emit;
mod error;
mod expression;
mod nested;
mod template;
mod text;
#[cfg(test)]
mod trials;

pub use emit::{Emission, emit};
pub use error::EmitError;
pub use template::{Parameter, Template};
