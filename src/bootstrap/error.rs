//! What can go wrong while rendering.

use super::custom_data::LIMIT;
use crate::pki::PkiError;

/// customData could not be made. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// A key could not be made.
    #[error(transparent)]
    Keys(#[from] PkiError),
    /// A template could not be rendered.
    #[error("template `{template}`: {cause}")]
    Template {
        /// The template's name below `templates/`.
        template: String,
        /// What the renderer said.
        cause: String,
    },
    /// A rendered text holds what only an unrendered or wrongly rendered one would.
    #[error("template `{template}` left `{trace}` in its text")]
    LeftOver {
        /// The template's name below `templates/`.
        template: String,
        /// What was found.
        trace: &'static str,
    },
    /// An input that no machine could work with.
    #[error("`{field}` is `{value}`, but {reason}")]
    Input {
        /// The field of the input.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More than the cloud takes.
    #[error(
        "customData has {length} base64 characters, more than the {LIMIT} that a machine takes; the biggest parts are {}",
        biggest(parts)
    )]
    TooLarge {
        /// Its length in base64 characters.
        length: usize,
        /// The files in it with their share in base64 characters, biggest first.
        parts: Vec<(String, usize)>,
    },
}

fn biggest(parts: &[(String, usize)]) -> String {
    let named: Vec<String> = parts.iter().take(5).map(|(path, length)| format!("`{path}` ({length})")).collect();
    named.join(", ")
}
