//! `validate`: all faults of a model in one run.

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::options::{ModelOptions, ServicePrincipalOptions};
use crate::cli::place::read_model;
use crate::cli::{Call, Exit};
use crate::view::diagnostics_as_json;

/// Arguments of `engine validate`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine validate cluster.json --json")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelOptions,
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let model = read_model(arguments.model.path(), &arguments.model, ServicePrincipalOptions::default(), &call.output)?;
    let cluster = &model.cluster;
    call.output.text(&format!(
        "{}: Kubernetes {}, {} nodes in {}\n",
        model.source.name,
        cluster.kubernetes_version,
        cluster.node_count(),
        cluster.location
    ));
    call.output.data(&diagnostics_as_json(&model.source, &model.warnings));
    Ok(Exit::Success)
}
