//! A template and its parameters, and the limits that Azure sets to them.
//!
//! Source: Microsoft Learn, "Template best practices" and "ARM template limits", read 2026-11-21.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::EmitError;
use crate::base::Secret;
use crate::contract::KeyVaultSecret;
use crate::graph::Lookup;

/// Resources of one template, iterations counted.
pub(super) const RESOURCE_LIMIT: usize = 800;
const PARAMETER_LIMIT: usize = 256;
const OUTPUT_LIMIT: usize = 64;
const EXPRESSION_LIMIT: usize = 24_576;
/// Bytes of a template, with its loops written out and its values in place. What Azure measures is packed, and how well
/// is not told; this is the safe side.
pub(super) const TEMPLATE_LIMIT: usize = 4 * 1024 * 1024;

/// The schema that says what a template is.
pub(super) const TEMPLATE_SCHEMA: &str =
    "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";
const PARAMETERS_SCHEMA: &str = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#";
pub(super) const CONTENT_VERSION: &str = "1.0.0.0";

/// A parameter's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// In clear.
    Value(Json),
    /// A secret, by the handle under which the vault holds it.
    Secret(Arc<str>),
    /// A secret in a key vault, from where Azure takes it.
    KeyVault(KeyVaultSecret),
}

/// A template with a value for each of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The template. It holds no secret.
    pub template: Json,
    /// The values of all its parameters, in its order.
    pub parameters: IndexMap<String, Parameter>,
    /// Whether the texts have no indentation.
    pub compact: bool,
}

impl Template {
    /// The text of `azuredeploy.json`, indented or compact.
    pub fn text(&self) -> String {
        written(&self.template, self.compact)
    }

    /// The text of `azuredeploy.parameters.json`, complete, with the secrets in clear, but for those in key vaults.
    ///
    /// # Errors
    /// A secret that is not at hand.
    pub fn parameters_file(&self, lookup: &dyn Lookup) -> Result<Secret, EmitError> {
        let mut parameters = serde_json::Map::new();
        for (name, parameter) in &self.parameters {
            let given = match parameter {
                Parameter::Value(value) => json!({ "value": value }),
                Parameter::Secret(handle) => {
                    let secret = lookup.secret(handle).ok_or_else(|| EmitError::Secret(handle.to_string()))?;
                    json!({ "value": secret.expose() })
                }
                Parameter::KeyVault(place) => {
                    let mut reference = json!({ "keyVault": { "id": place.vault_id }, "secretName": place.name });
                    if let Some(version) = &place.version {
                        reference["secretVersion"] = version.as_str().into();
                    }
                    json!({ "reference": reference })
                }
            };
            parameters.insert(name.clone(), given);
        }
        let file = json!({
            "$schema": PARAMETERS_SCHEMA,
            "contentVersion": CONTENT_VERSION,
            "parameters": parameters,
        });
        Ok(Secret::new(written(&file, self.compact)))
    }

    /// Refuses what Azure would. Gives the size of what stands beside the resources.
    pub(super) fn check(&self) -> Result<usize, EmitError> {
        let within = |what, count, limit| {
            if count > limit { Err(EmitError::TooMany { what, count, limit }) } else { Ok(()) }
        };
        within("parameters", self.parameters.len(), PARAMETER_LIMIT)?;
        within("outputs", self.template["outputs"].as_object().map_or(0, serde_json::Map::len), OUTPUT_LIMIT)?;
        within("bytes", self.text().len(), TEMPLATE_LIMIT)?;
        check_expressions(&self.template)?;
        Ok(self.template["parameters"].to_string().len() + self.template["outputs"].to_string().len())
    }
}

/// Refuses an expression that is longer than Azure takes. The pointer to it is put together only then.
fn check_expressions(json: &Json) -> Result<(), EmitError> {
    let Some((segments, length)) = long_expression(json) else { return Ok(()) };
    let pointer = segments
        .iter()
        .rev()
        .fold(String::new(), |pointer, segment| format!("{pointer}/{}", segment.replace('~', "~0").replace('/', "~1")));
    Err(EmitError::LongExpression { pointer, length, limit: EXPRESSION_LIMIT })
}

/// Where the first expression is that is too long, from the inside out, and how long it is.
fn long_expression(json: &Json) -> Option<(Vec<String>, usize)> {
    let below = |segment: &dyn std::fmt::Display, json| {
        long_expression(json).map(|(mut segments, length)| {
            segments.push(segment.to_string());
            (segments, length)
        })
    };
    match json {
        Json::Array(items) => items.iter().enumerate().find_map(|(index, item)| below(&index, item)),
        Json::Object(entries) => entries.iter().find_map(|(name, value)| below(name, value)),
        Json::String(text) if text.starts_with('[') && text.len() > EXPRESSION_LIMIT => Some((Vec::new(), text.len())),
        _ => None,
    }
}

fn written(json: &Json, compact: bool) -> String {
    let written = if compact { serde_json::to_string(json) } else { serde_json::to_string_pretty(json) };
    // A JSON value with text keys can always be written.
    let mut text = written.unwrap_or_default();
    text.push('\n');
    text
}
