//! Why a graph cannot become a template.

/// A graph that does not fit the template language or its limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// A value has no form in the language.
    #[error("`{symbol}` cannot be written as a template: {problem}")]
    Inexpressible {
        /// The resource.
        symbol: String,
        /// What is wrong.
        problem: String,
    },
    /// An expression is too long for Azure.
    #[error("an expression at {pointer} has {length} characters, and Azure takes {limit}")]
    LongExpression {
        /// Where in the template.
        pointer: String,
        /// How long it is.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// More than a limit of the template language.
    #[error("the template has {count} {what}, and Azure takes {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The parameters file needs a secret that is not at hand.
    #[error("the secret `{0}` is not at hand")]
    Secret(String),
}
