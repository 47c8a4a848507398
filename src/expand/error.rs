//! Why a cluster cannot be expanded.

use crate::graph::GraphError;

/// A cluster that the model allows and the expansion does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// Something that no builder makes.
    #[error("{what}: {instead}")]
    Unsupported {
        /// What the cluster asks for.
        what: String,
        /// What can be asked for instead.
        instead: &'static str,
    },
    /// A resource type without an API version in the cloud's profile.
    #[error("the cloud has no API version for `{0}`")]
    ApiVersion(String),
    /// The resources do not make a graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
