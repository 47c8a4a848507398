//! `generate`: files only; nobody is asked for anything.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::deploy::AuthorityOptions;
use crate::base::{Secret, SystemClock, SystemEntropy};
use crate::bootstrap;
use crate::cli::error::CliError;
use crate::cli::options::{ModelOptions, PlaceOptions, ServicePrincipalOptions, secret};
use crate::cli::place::{folder_for_model, read_model};
use crate::cli::state::store;
use crate::cli::{Call, Exit};
use crate::cluster::{Definition, Form, generate};
use crate::view::harmless;

/// Arguments of `engine generate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    engine generate apimodels/quickstart.json\n  \
    engine generate -m cluster.json -o out --set orchestratorProfile.orchestratorRelease=1.36")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    authority: AuthorityOptions,
    /// Writes the parameters, keys and kubeconfig only, not the model and the template
    #[arg(long)]
    parameters_only: bool,
    /// Writes the template and its parameters without indentation
    #[arg(long)]
    no_pretty_print: bool,
    /// The service principal's application id, if the model has none
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The service principal's secret, if the model has none
    #[arg(long, value_name = "SECRET", value_parser = secret)]
    client_secret: Option<Secret>,
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let model = &arguments.model;
    let service_principal = ServicePrincipalOptions {
        client_id: arguments.client_id.clone(),
        client_secret: arguments.client_secret.clone(),
    };
    let read = read_model(model.path(), model, service_principal, &call.output)?;
    let path = model.path().map(PathBuf::as_path).unwrap_or(std::path::Path::new(""));
    let folder = folder_for_model(path, &arguments.place, &read.cluster);
    let store = store(call, &folder, &arguments.place.state)?;
    let definition = Definition::new(read.cluster, arguments.authority.read()?, &store, &SystemClock, &SystemEntropy)?;
    let form = Form {
        resource_group: arguments.place.resource_group.as_deref(),
        parameters_only: arguments.parameters_only,
        compact: arguments.no_pretty_print,
    };
    let artifacts = generate(&definition, &form)?;
    artifacts.files.write(&folder)?;

    let paths: Vec<String> = artifacts.files.paths().map(|path| path.display().to_string()).collect();
    let style = call.output.style;
    let mut text = format!("{} to {}:\n", style.good("Written"), style.strong(&folder.display().to_string()));
    for path in &paths {
        text.push_str(&format!("  {path}\n"));
    }
    text.push_str(&format!("\n{} resources; customData of", artifacts.resources));
    for (pool, length) in &artifacts.custom_data {
        text.push_str(&format!(" {pool} {}%", length * 100 / bootstrap::LIMIT));
    }
    text.push_str(" of what Azure takes\n");
    for note in &artifacts.notes {
        text.push_str(&format!("\n{} {}\n", style.warn("note:"), harmless(note)));
    }
    text.push_str(&format!(
        "\n{}\n  engine deploy -m {}/apimodel.json --target simulator\n",
        style.strong("Next:"),
        folder.display()
    ));
    call.output.text(&text);
    call.output.data(&json!({
        "format": 1,
        "folder": folder.display().to_string(),
        "files": paths,
        "resources": artifacts.resources,
        "customData": artifacts.custom_data,
        "notes": artifacts.notes,
    }));
    Ok(Exit::Success)
}
