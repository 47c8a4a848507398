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

/// How secrets come out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    Clear,
    Digested,
}

fn digested(handle: &str, secret: &Secret) -> Json {
    serde_json::json!({ "$secret": handle, "digest": secret.digest() })
}

impl Value {
    /// The value as JSON. Secrets come out in clear: the result is for a request body only.
    pub fn resolve(&self, context: &Context<'_>) -> Result<Json, Unresolved> {
        self.resolve_as(context, Secrecy::Clear)
    }

    /// The value as JSON with each secret as `{"$secret": handle, "digest": "sha256:…"}`: what plans and states keep. What
    /// a function makes of secrets is one, too: it goes by the handle of the first of them.
    pub fn resolve_digested(&self, context: &Context<'_>) -> Result<Json, Unresolved> {
        self.resolve_as(context, Secrecy::Digested)
    }

    /// Whether all is known that [`Self::resolve`] needs, which is found out without making the whole value.
    ///
    /// # Errors
    /// What is not known.
    pub fn check(&self, context: &Context<'_>) -> Result<(), Unresolved> {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => Ok(()),
            Self::Array(values) => values.iter().try_for_each(|value| value.check(context)),
            Self::Object(entries) => entries.values().try_for_each(|value| value.check(context)),
            // Small, and only its evaluation tells.
            Self::Secret(_) | Self::Reference(_) | Self::Call(..) => self.resolve_digested(context).map(drop),
        }
    }

    fn resolve_as(&self, context: &Context<'_>, secrecy: Secrecy) -> Result<Json, Unresolved> {
        let all = |values: &[Self]| -> Result<Vec<Json>, Unresolved> {
            values.iter().map(|value| value.resolve_as(context, secrecy)).collect()
        };
        match self {
            Self::Null => Ok(Json::Null),
            Self::Bool(value) => Ok(Json::Bool(*value)),
            Self::Number(number) => Ok(Json::Number(number.clone())),
            Self::String(text) => Ok(Json::String(text.to_string())),
            Self::Array(values) => all(values).map(Json::Array),
            Self::Object(entries) => entries
                .iter()
                .map(|(name, value)| Ok((name.to_string(), value.resolve_as(context, secrecy)?)))
                .collect::<Result<_, _>>()
                .map(Json::Object),
            Self::Secret(handle) => {
                let secret = context.lookup.secret(handle).ok_or_else(|| Unresolved::Secret(handle.to_string()))?;
                Ok(match secrecy {
                    Secrecy::Clear => Json::String(secret.expose().to_owned()),
                    Secrecy::Digested => digested(handle, &secret),
                })
            }
            Self::Reference(reference) => context
                .lookup
                .attribute(reference, context.index)
                .ok_or_else(|| Unresolved::Attribute(reference.clone())),
            Self::Call(function, arguments) => {
                if secrecy == Secrecy::Digested
                    && let Some(handle) = self.first_secret()
                {
                    return Ok(match self.resolve(context)? {
                        Json::String(text) => digested(handle, &Secret::new(text)),
                        other => digested(handle, &Secret::new(other.to_string())),
                    });
                }
                let arguments = all(arguments)?;
                Ok(function.evaluate(context.scope, context.index, &arguments)?)
            }
        }
    }
    /// The handle of the first secret within.
    fn first_secret(&self) -> Option<&str> {
        let mut found = None;
        self.walk(&mut |value| {
            if let Self::Secret(handle) = value {
                found = found.or(Some(&**handle));
            }
        });
        found
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::super::Function;
    use super::*;

    struct Vault;

    impl Lookup for Vault {
        fn attribute(&self, _: &Reference, _: Option<u32>) -> Option<Json> {
            None
        }

        fn secret(&self, handle: &str) -> Option<Secret> {
            Some(Secret::new(format!("text of {handle}")))
        }
    }

    #[test]
    fn what_is_made_of_secrets_is_one() {
        let scope = Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "g".into(),
            location: "l".into(),
        };
        let context = Context { scope: &scope, index: None, lookup: &Vault };
        let encoded = Value::Call(Function::Base64, vec![Value::secret("two")]);
        let value = Value::object([("both", Value::concat([Value::secret("one"), encoded, "!".into()]))]);
        let clear = "text of onedGV4dCBvZiB0d28=!";
        assert_eq!(value.resolve(&context).unwrap()["both"], clear);
        let kept = value.resolve_digested(&context).unwrap();
        assert_eq!(kept["both"], digested("one", &Secret::new(clear)));
        assert!(!kept.to_string().contains("text of"));
        // Nothing secret, nothing digested.
        let plain = Value::concat(["a".into(), "b".into()]);
        assert_eq!(plain.resolve_digested(&context).unwrap(), "ab");
        let unknown = Context { lookup: &NothingKnown, ..context };
        assert_eq!(value.resolve_digested(&unknown), Err(Unresolved::Secret("one".to_owned())));
    }
}
