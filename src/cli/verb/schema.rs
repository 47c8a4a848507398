//! `schema`: for editors.

use clap::{Args, ValueEnum};

use crate::cli::error::CliError;
use crate::cli::{Call, Exit};

/// Arguments of `engine schema`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  engine schema > apimodel.schema.json\n  engine schema events > events.schema.json\n  \
                  engine schema faults > faults.schema.json"
)]
pub struct Arguments {
    /// Of what
    #[arg(value_enum, default_value_t = Which::Apimodel)]
    which: Which,
}

/// Of what there is a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    /// The API model
    Apimodel,
    /// A line of the file of `--events`
    Events,
    /// A file of faults for the simulator
    Faults,
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let schema = match arguments.which {
        Which::Apimodel => crate::model::schema().clone(),
        Which::Events => crate::view::events_schema(),
        Which::Faults => crate::server::faults_schema(),
    };
    call.output.text(&(serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"));
    call.output.data(&schema);
    Ok(Exit::Success)
}
