//! From a deferred value to JSON, as far as the world is known.

use serde_json::Value as Json;

use super::{FunctionError, Reference, Scope, Value};
use crate::base::Secret;

/// What is known of other resources and of secrets.
pub trait Lookup {
    /// The attribute a reference means, seen from the instance with `index`; `None` while it is not known.
    fn attribute(&self, reference: &Reference, index: Option<u32>) -> Option<Json>;

    /// The secret under a handle.
    fn secret(&self, handle: &str) -> Option<Secret>;
}

/// Knows nothing: what resolves with it is a constant.
#[derive(Debug, Clone, Copy)]
pub struct NothingKnown;

impl Lookup for NothingKnown {
    fn attribute(&self, _: &Reference, _: Option<u32>) -> Option<Json> {
        None
    }

    fn secret(&self, _: &str) -> Option<Secret> {
        None
    }
}

/// Where a value stands while it is resolved.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The place of the graph.
    pub scope: &'a Scope,
    /// The index of the instance that holds the value, if it belongs to a series.
    pub index: Option<u32>,
    /// What is known.
    pub lookup: &'a dyn Lookup,
}

/// Why a value has no JSON yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// It needs an attribute of a resource that is not known yet.
    #[error("`{}` of `{}` is known only once it exists", .0.path.join("."), .0.symbol)]
    Attribute(Reference),
    /// It needs a secret that the vault does not hold.
    #[error("the secret `{0}` is not at hand")]
    Secret(String),
    /// A function refuses its arguments; this will not change.
    #[error(transparent)]
    Function(#[from] FunctionError),
}

impl Value {
    /// The value as JSON. Secrets come out in clear: the result is for a request body only.
    pub fn resolve(&self, context: &Context<'_>) -> Result<Json, Unresolved> {
        self.resolve_with(context, &|handle| {
            let secret = context.lookup.secret(handle).ok_or_else(|| Unresolved::Secret(handle.to_owned()))?;
            Ok(Json::String(secret.expose().to_owned()))
        })
    }

    /// The value as JSON with each secret as `{"$secret": handle, "digest": "sha256:…"}`: what plans and states keep.
    pub fn resolve_digested(&self, context: &Context<'_>) -> Result<Json, Unresolved> {
        self.resolve_with(context, &|handle| {
            let secret = context.lookup.secret(handle).ok_or_else(|| Unresolved::Secret(handle.to_owned()))?;
            Ok(serde_json::json!({ "$secret": handle, "digest": secret.digest() }))
        })
    }

    fn resolve_with(
        &self,
        context: &Context<'_>,
        secret: &dyn Fn(&str) -> Result<Json, Unresolved>,
    ) -> Result<Json, Unresolved> {
        let all = |values: &[Self]| -> Result<Vec<Json>, Unresolved> {
            values.iter().map(|value| value.resolve_with(context, secret)).collect()
        };
        match self {
            Self::Null => Ok(Json::Null),
            Self::Bool(value) => Ok(Json::Bool(*value)),
            Self::Number(number) => Ok(Json::Number(number.clone())),
            Self::String(text) => Ok(Json::String(text.to_string())),
            Self::Array(values) => all(values).map(Json::Array),
            Self::Object(entries) => entries
                .iter()
                .map(|(name, value)| Ok((name.to_string(), value.resolve_with(context, secret)?)))
                .collect::<Result<_, _>>()
                .map(Json::Object),
            Self::Secret(handle) => secret(handle),
            Self::Reference(reference) => context
                .lookup
                .attribute(reference, context.index)
                .ok_or_else(|| Unresolved::Attribute(reference.clone())),
            Self::Call(function, arguments) => {
                let arguments = all(arguments)?;
                Ok(function.evaluate(context.scope, context.index, &arguments)?)
            }
        }
    }
}
