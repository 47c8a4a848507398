//! `explain`: each value of a model, and where it came from.

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::options::{ModelOptions, ServicePrincipalOptions};
use crate::cli::place::read_model;
use crate::cli::{Call, Exit};
use crate::model::explain;
use crate::view::{explained_as_json, render_explained};

/// Arguments of `engine explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    engine explain apimodels/quickstart.json\n  \
    engine explain apimodels/quickstart.json /properties/masterProfile\n  \
    engine explain apimodels/quickstart.json masterProfile.count --set masterProfile.count=3")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelOptions,
    /// Which values: a JSON pointer, or a path as in --set; without it, all
    #[arg(value_name = "POINTER")]
    pointer: Option<String>,
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let pointer = arguments.pointer.as_deref().unwrap_or_default();
    let read = read_model(arguments.model.path(), &arguments.model, ServicePrincipalOptions::default(), &call.output)?;
    let values = explain(&read.cluster, &read.origins, pointer).map_err(|near| {
        let error = CliError::usage(format!("{} has no value at `{pointer}`", read.source.name));
        error.help(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`engine explain MODEL` lists all".to_owned(),
        })
    })?;
    call.output.text(&render_explained(&values, call.output.style));
    call.output.data(&explained_as_json(&values));
    Ok(Exit::Success)
}
