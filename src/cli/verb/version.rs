//! `version`.

use clap::Args;
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::options::Form;
use crate::cli::{Call, Exit};

/// Arguments of `engine version`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  engine version\n  engine version -o json")]
pub struct Arguments {
    /// The form of the answer
    #[arg(short = 'o', long, value_enum, default_value = "human", value_name = "FORM")]
    output: Form,
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let output = call.output.in_form(arguments.output);
    let version = env!("CARGO_PKG_VERSION");
    output.text(&format!("engine {version}\n"));
    output.data(&json!({ "format": 1, "version": version }));
    Ok(Exit::Success)
}
