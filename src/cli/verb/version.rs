//! `version`.

use clap::Args;
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::{Call, Exit};

/// Arguments of `engine version`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine version --json")]
pub struct Arguments {}

/// Runs the verb.
pub fn run(call: &Call, _: &Arguments) -> Result<Exit, CliError> {
    let version = env!("CARGO_PKG_VERSION");
    call.output.text(&format!("engine {version}\n"));
    call.output.data(&json!({ "format": 1, "version": version }));
    Ok(Exit::Success)
}
