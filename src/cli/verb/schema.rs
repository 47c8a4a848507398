//! `schema`: for editors.

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::{Call, Exit};

/// Arguments of `engine schema`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine schema > apimodel.schema.json")]
pub struct Arguments {}

/// Runs the verb.
pub fn run(call: &Call, _: &Arguments) -> Result<Exit, CliError> {
    let schema = crate::model::schema();
    call.output.text(&(serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"));
    call.output.data(schema);
    Ok(Exit::Success)
}
