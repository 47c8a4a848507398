//! `config show`: the settings that are in force, and where each came from.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::options::{StateOptions, TargetOptions};
use crate::cli::settings::{FILE, Kind};
use crate::cli::{Call, Exit};
use crate::view::harmless;

/// Arguments of `engine config`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine config show --origin")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Shows the settings as they are in force here
    Show(ShowArguments),
}

/// Every flag that can be set, so that one can ask what a command line would make of it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  engine config show --origin\n  engine config show --target simulator --json")]
struct ShowArguments {
    /// Shows where each value came from
    #[arg(long)]
    origin: bool,
    /// The API model
    #[arg(short = 'm', long, value_name = "FILE")]
    api_model: Option<PathBuf>,
    /// Takes the model's warnings for errors
    #[arg(long)]
    strict: bool,
    /// The folder of images for machines on-prem
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let What::Show(show) = &arguments.what;
    let found = &call.found_settings;
    let style = call.output.style;
    let shown = |value: &Option<String>| value.as_deref().map(harmless).unwrap_or_else(|| "-".to_owned());
    let width =
        |of: &dyn Fn(&crate::cli::settings::Effective) -> usize| call.settings.iter().map(of).max().unwrap_or_default();
    let names = width(&|effective| effective.setting.name.len());
    let values = width(&|effective| shown(&effective.value).chars().count());
    for effective in &call.settings {
        let (name, value) = (effective.setting.name, shown(&effective.value));
        let line = if show.origin {
            let origin = style.faint(&harmless(&effective.origin.describe()));
            format!("{name:<names$}  {value:<values$}  {origin}\n")
        } else {
            format!("{name:<names$}  {value}\n")
        };
        call.output.text(&line);
    }
    if show.origin && found.file.is_none() {
        call.output.note(&format!("no {FILE} here or above\n"));
    }
    for (variable, near) in &found.unknown {
        let near = near.as_ref().map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        let warning = call.output.error_style.warn("warning:");
        call.output.note(&format!("{warning} {} is no setting{near}\n", harmless(variable)));
    }
    let settings: Vec<_> = call
        .settings
        .iter()
        .map(|effective| {
            let value = match (&effective.value, effective.setting.kind) {
                (Some(value), Kind::Switch) => json!(value == "true"),
                (Some(value), Kind::Factor) => json!(value.parse::<f64>().unwrap_or_default()),
                (value, _) => json!(value),
            };
            let origin = &effective.origin;
            json!({
                "name": effective.setting.name, "value": value,
                "origin": origin.word(), "from": origin.describe(),
            })
        })
        .collect();
    let file = found.file.as_ref().map(|file| file.display().to_string());
    call.output.data(&json!({ "format": 1, "file": file, "settings": settings }));
    Ok(Exit::Success)
}
