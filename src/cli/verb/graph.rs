//! `graph`: the resources of a model as a picture: drawn, or as text for other tools.

use clap::{Args, ValueEnum};

use crate::base::{SystemClock, SystemEntropy};
use crate::cli::error::CliError;
use crate::cli::options::{ModelOptions, PlaceOptions, ServicePrincipalOptions};
use crate::cli::place::{folder_for_model, read_model};
use crate::cli::{Call, Exit};
use crate::cluster::Definition;
use crate::graph::{PictureFormat, draw};
use crate::state::Store;
use crate::view::{picture_as_page, picture_as_svg};

/// Arguments of `engine graph`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  engine graph apimodels/quickstart.json --format html > cluster.html\n  \
                        engine graph apimodels/quickstart.json --format dot | dot -Tpng > cluster.png")]
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
    /// A drawing
    Svg,
    /// A drawing on a page that needs no network: with details, search and filters
    Html,
    /// Text for Graphviz
    Dot,
    /// Text for pull requests and wikis
    Mermaid,
    /// Data
    Json,
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let read = read_model(arguments.model.path(), &arguments.model, ServicePrincipalOptions::default(), &call.output)?;
    let path = arguments.model.path().cloned().unwrap_or_default();
    let folder = folder_for_model(&path, &arguments.place, &read.cluster);
    let definition = Definition::new(read.cluster, None, &Store::open(&folder), &SystemClock, &SystemEntropy)?;
    let graph = definition.graph()?;
    if call.output.json {
        let data = serde_json::from_str(&draw(&graph, PictureFormat::Json)).unwrap_or_default();
        call.output.data(&data);
        return Ok(Exit::Success);
    }
    call.output.text(&match arguments.format {
        Format::Svg => picture_as_svg(&graph),
        Format::Html => picture_as_page(&graph),
        Format::Dot => draw(&graph, PictureFormat::Dot),
        Format::Mermaid => draw(&graph, PictureFormat::Mermaid),
        Format::Json => draw(&graph, PictureFormat::Json),
    });
    Ok(Exit::Success)
}
