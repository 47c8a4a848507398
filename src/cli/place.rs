//! Where a cluster's folder is, and what the command line, the environment and the state say about its place.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::options::{
    ExistingOptions, ModelOptions, PlaceOptions, ServicePrincipalOptions, TargetOptions, target_words,
};
use super::output::Output;
use super::{Call, Exit};
use crate::base::{Clock as _, Diagnostic, Diagnostics, Severity, Source, SystemClock, read_text};
use crate::contract::TargetName;
use crate::model::{self, Cluster, Origins, ReadOptions};
use crate::state::Snapshot;

/// Below this folder clusters are kept, as by the engines before.
pub const OUTPUT: &str = "_output";

/// The model's text, and what it means.
pub struct Model {
    /// The text, with the name that the user gave.
    pub source: Source,
    /// The cluster.
    pub cluster: Cluster,
    /// Where each of its values came from.
    pub origins: Origins,
    /// The warnings, told already.
    pub warnings: Diagnostics,
}

/// Reads a model and tells all its faults.
///
/// # Errors
/// A path that is missing or cannot be read; faults of the model, with exit code 65. With `--strict` warnings are faults.
pub fn read_model(
    path: Option<&PathBuf>,
    options: &ModelOptions,
    service_principal: ServicePrincipalOptions,
    output: &Output,
) -> Result<Model, CliError> {
    let path = path.ok_or_else(|| {
        CliError::usage("no API model was given").help("name one, such as `apimodels/quickstart.json`")
    })?;
    let source = Source { name: path.display().to_string(), text: read_text(path)? };
    let reading = model::read(
        &source,
        &ReadOptions {
            set: options.set.clone(),
            location: options.location.clone(),
            dns_prefix: options.dns_prefix.clone(),
            dns_suffix: options.dns_suffix.clone(),
            client_id: service_principal.client_id,
            client_secret: service_principal.client_secret,
            now: Some(SystemClock.now()),
        },
    );
    match reading.cluster {
        Some(cluster) if !options.strict || reading.diagnostics.is_empty() => {
            output.warnings(&source, &reading.diagnostics);
            Ok(Model { source, cluster, origins: reading.origins, warnings: reading.diagnostics })
        }
        Some(_) => {
            let error = faulty(source, as_errors(&reading.diagnostics));
            Err(error.help("these are warnings; without --strict they do not stop anything"))
        }
        None if options.strict => Err(faulty(source, as_errors(&reading.diagnostics))),
        None => Err(faulty(source, reading.diagnostics)),
    }
}

/// The same faults, all of them errors.
fn as_errors(diagnostics: &Diagnostics) -> Diagnostics {
    let mut errors = Diagnostics::default();
    errors.extend(diagnostics.iter().cloned().map(|fault| Diagnostic { severity: Severity::Error, ..fault }));
    errors
}

fn faulty(source: Source, diagnostics: Diagnostics) -> CliError {
    let count = diagnostics.iter().filter(|fault| fault.severity == Severity::Error).count();
    let faults = if count == 1 { "1 fault".to_owned() } else { format!("{count} faults") };
    let mut error = CliError::new(Exit::Definition, format!("{} has {faults}; nothing was written", source.name));
    error.diagnostics = Some(Box::new((source, diagnostics)));
    error
}

/// The cluster's folder for a verb that begins with a model: as said, or the folder that the model lies in if that is a
/// cluster's already, or `_output/<DNS prefix>`.
pub fn folder_for_model(model: &Path, place: &PlaceOptions, cluster: &Cluster) -> PathBuf {
    if let Some(folder) = &place.output_directory {
        return folder.clone();
    }
    let beside = model.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    match beside {
        Some(folder)
            if model.file_name().is_some_and(|name| name == "apimodel.json") && folder.join("state").is_dir() =>
        {
            folder.to_owned()
        }
        _ => Path::new(OUTPUT).join(&cluster.dns_prefix),
    }
}

/// The folder of a cluster that is named.
pub fn named_folder(options: &ExistingOptions) -> Option<PathBuf> {
    if let Some(folder) = &options.output_directory {
        return Some(folder.clone());
    }
    let path = options.api_model.as_ref().or(options.positional.as_ref())?;
    if path.is_dir() {
        return Some(path.clone());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(folder.to_owned())
}

/// The folders of the clusters in the place where they are kept.
pub fn clusters() -> Vec<PathBuf> {
    let mut clusters: Vec<PathBuf> = std::fs::read_dir(OUTPUT)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| folder.join("state").is_dir())
        .collect();
    clusters.sort();
    clusters
}

/// The folder of a cluster that exists: as said, or the only one there is.
///
/// # Errors
/// None, or several to choose from.
pub fn existing_folder(options: &ExistingOptions) -> Result<PathBuf, CliError> {
    if let Some(folder) = named_folder(options) {
        return Ok(folder);
    }
    match clusters().as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(CliError::usage(format!("there is no cluster below {OUTPUT}"))
            .help("name a cluster's folder or its apimodel.json, or run `engine deploy` first")),
        several => {
            let names: Vec<String> = several.iter().map(|folder| folder.display().to_string()).collect();
            Err(CliError::usage(format!("there are several clusters below {OUTPUT}"))
                .help(format!("name one: {}", names.join(", "))))
        }
    }
}

/// Which target: `--target` or the setting, then the state, then the model, then Azure if a subscription or
/// credentials are given.
///
/// # Errors
/// None of them says it, or the location belongs to another Azure than the one asked for.
pub fn target(
    call: &Call,
    options: &TargetOptions,
    snapshot: Option<&Snapshot>,
    cluster: Option<&Cluster>,
) -> Result<TargetName, CliError> {
    if let (Some(asked), Some(cluster)) = (options.azure_env, cluster)
        && asked != cluster.cloud
    {
        let own = cluster.cloud.facts().environment;
        let message = format!("{} belongs to {own}, not to {}", cluster.location, asked.facts().environment);
        return Err(CliError::usage(message).help(format!("leave out --azure-env, or say {own}")));
    }
    if let Some(target) = options.target {
        return Ok(target);
    }
    if let Some(snapshot) = snapshot {
        return Ok(snapshot.identity.target);
    }
    if let Some(target) = cluster.and_then(|cluster| cluster.target) {
        return Ok(target);
    }
    let azure = options.subscription_id.is_some()
        || options.client_id.is_some()
        || ["AZURE_SUBSCRIPTION_ID", "AZURE_CLIENT_ID"].iter().any(|name| call.environment.get(name).is_some());
    if azure {
        return Ok(TargetName::Azure);
    }
    Err(CliError::usage("it is not said where the cluster shall be").help(format!(
        "say it by --target, ENGINE_TARGET or `properties.target` of the model: {}; \
         `--target simulator` tries everything without a cloud",
        target_words()
    )))
}

/// How people are told where: `simulator (SIMULATED)`.
pub fn describe_target(target: TargetName) -> String {
    match target {
        TargetName::Simulator => "simulator (SIMULATED)".to_owned(),
        other => other.word().to_owned(),
    }
}
