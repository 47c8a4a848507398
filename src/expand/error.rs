//! Why a cluster cannot be expanded.

use crate::bootstrap::BootstrapError;
use crate::graph::GraphError;

/// A cluster that the model allows and the expansion does not.
#[derive(Debug, thiserror::Error)]
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
    /// What a pool's machines would run cannot be made.
    #[error("what the machines of `{pool}` run cannot be made: {cause}")]
    Payload {
        /// The pool.
        pool: String,
        /// Why.
        #[source]
        cause: BootstrapError,
    },
    /// The resources do not make a graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
