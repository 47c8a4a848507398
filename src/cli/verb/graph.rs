//! `graph`: the resources of a model as a picture for other tools.

use clap::{Args, ValueEnum};

use crate::base::{SystemClock, SystemEntropy};
use crate::cli::error::CliError;
use crate::cli::options::{ModelOptions, PlaceOptions};
use crate::cli::place::{folder_for_model, read_model};
use crate::cli::{Call, Exit};
use crate::cluster::Definition;
use crate::graph::{PictureFormat, draw};

/// Arguments of `engine graph`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine graph apimodels/quickstart.json --format dot | dot -Tsvg > cluster.svg")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    place: PlaceOptions,
    /// The form of the picture
    #[arg(long, value_enum, default_value = "mermaid")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Dot,
    Mermaid,
    Json,
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let read = read_model(arguments.model.path(), &arguments.model, None, &call.output)?;
    let path = arguments.model.path().cloned().unwrap_or_default();
    let folder = folder_for_model(&path, &arguments.place, &read.cluster);
    let definition = Definition::new(read.cluster, None, &folder, &SystemClock, &SystemEntropy)?;
    let graph = definition.graph()?;
    let format = match arguments.format {
        Format::Dot => PictureFormat::Dot,
        Format::Mermaid => PictureFormat::Mermaid,
        Format::Json => PictureFormat::Json,
    };
    if call.output.json {
        let data = serde_json::from_str(&draw(&graph, PictureFormat::Json)).unwrap_or_default();
        call.output.data(&data);
    } else {
        call.output.text(&draw(&graph, format));
    }
    Ok(Exit::Success)
}
