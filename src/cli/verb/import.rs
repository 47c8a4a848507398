//! `import`: a state for what is there already.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::base::{Files, SystemClock, SystemEntropy};
use crate::catalog::Cloud;
use crate::cli::error::CliError;
use crate::cli::options::{ModelOptions, PlaceOptions, TargetOptions};
use crate::cli::place::{self, OUTPUT, describe_target, read_model};
use crate::cli::session::{Wanted, connect};
use crate::cli::state::store;
use crate::cli::{Call, Exit};
use crate::cluster::{Definition, Form, Imported, generate, import_group, import_model, keys_of_aks_engine};
use crate::view::{harmless, render_resources};

/// Arguments of `engine import`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    engine import _output/oldcluster -g oldcluster --target azure\n  \
    engine import -m model.json -g oldcluster -o _output/oldcluster\n  \
    engine import -g oldcluster --target azure\n\n\
    Nothing in the cloud is changed. `engine plan` shows afterwards how what is there differs from the model; machines that \
    exist are never replaced by it.")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut model = arguments.model.clone();
    // A folder of aks-engine's files is named as a whole.
    let named = model.path().filter(|path| path.is_dir()).cloned();
    if let Some(folder) = &named {
        model.positional = Some(folder.join("apimodel.json"));
        model.api_model = None;
    }
    let (imported, folder) = match (model.path().cloned(), &arguments.place.resource_group) {
        (Some(_), _) => from_model(call, arguments, &model, named).await?,
        (None, Some(group)) => from_group(call, arguments, group).await?,
        (None, None) => {
            return Err(CliError::usage("it is not said what to import")
                .help("name a folder of aks-engine's files, a model by -m, or a resource group by -g"));
        }
    };
    tell(call, &imported, &folder, model.path().is_some());
    Ok(Exit::Success)
}

async fn from_model(
    call: &Call,
    arguments: &Arguments,
    model: &ModelOptions,
    named: Option<PathBuf>,
) -> Result<(Imported, PathBuf), CliError> {
    let read = read_model(model.path(), model, (&arguments.target).into(), &call.output)?;
    let beside = model.path().and_then(|path| path.parent()).filter(|folder| folder.join("ca.key").is_file());
    let folder = arguments
        .place
        .output_directory
        .clone()
        .or(named)
        .or_else(|| beside.map(Path::to_owned))
        .unwrap_or_else(|| Path::new(OUTPUT).join(&read.cluster.dns_prefix));
    let store = store(call, &folder, &arguments.place.state)?;
    keys_of_aks_engine(&folder)?.write(&folder)?;
    let definition = Definition::new(read.cluster, None, &store, &SystemClock, &SystemEntropy)?;
    let target = place::target(call, &arguments.target, None, Some(&definition.cluster))?;
    let definition = definition.on(target);
    let resource_group =
        arguments.place.resource_group.clone().unwrap_or_else(|| definition.cluster.dns_prefix.clone());
    let files = own_files(&definition)?;
    let wanted = Wanted::cluster(&definition, target, resource_group);
    let connected = connect(call, &arguments.target, wanted).await?;
    let imported = import_model(&connected.session, connected.arm()?, &definition, &files).await;
    connected.close(call).await;
    Ok((imported?, folder))
}

/// The keys; and the model, where the folder has none. What aks-engine wrote stays as it is.
fn own_files(definition: &Definition) -> Result<Files, CliError> {
    let all = generate(definition, &Form::default())?.files;
    let keys = definition.keys.files();
    let mut files = Files::default();
    for path in all.paths() {
        let is_kept =
            keys.content(path).is_some() || path.starts_with("custom-files") || path.starts_with("kubeconfig");
        let is_missing = !definition.store.folder().join(path).exists();
        if keys.content(path).is_some() || (is_missing && (is_kept || path == Path::new("apimodel.json"))) {
            files.private(path, all.content(path).unwrap_or_default());
        }
    }
    Ok(files)
}

async fn from_group(call: &Call, arguments: &Arguments, group: &str) -> Result<(Imported, PathBuf), CliError> {
    let folder = arguments.place.output_directory.clone().unwrap_or_else(|| Path::new(OUTPUT).join(group));
    let store = store(call, &folder, &arguments.place.state)?;
    let target = place::target(call, &arguments.target, None, None)?;
    let cloud = arguments.target.azure_env.unwrap_or(Cloud::Public);
    let location = arguments.model.location.clone().unwrap_or_default();
    let wanted = Wanted::group(target, &folder, cloud, group.to_owned(), location);
    let connected = connect(call, &arguments.target, wanted).await?;
    let imported = import_group(&connected.session, connected.arm()?, &store).await;
    connected.close(call).await;
    Ok((imported?, folder))
}

fn tell(call: &Call, imported: &Imported, folder: &Path, has_model: bool) {
    let snapshot = &imported.snapshot;
    call.output.data(&json!({
        "format": 1,
        "folder": folder,
        "cluster": snapshot.identity.cluster,
        "lineage": snapshot.lineage,
        "serial": snapshot.serial,
        "resources": snapshot.applied.values().map(|own| &own.address.id).collect::<Vec<_>>(),
        "missing": imported.missing,
        "beside": imported.beside,
    }));
    let style = call.output.style;
    call.output.text(&format!(
        "{} of {} on {}:\n",
        style.strong("Imported resources"),
        harmless(&snapshot.identity.cluster),
        describe_target(snapshot.identity.target)
    ));
    call.output.text(&render_resources(&snapshot.applied, style));
    for key in &imported.missing {
        call.output.text(&format!("{} {}\n", style.warn("not there:"), harmless(key.as_str())));
    }
    if has_model {
        for key in &imported.beside {
            call.output.text(&format!("{} {}\n", style.warn("not in the model:"), harmless(key.as_str())));
        }
    }
    let shown = folder.display();
    let next =
        if has_model { format!("engine plan -m {shown}/apimodel.json") } else { format!("engine status -o {shown}") };
    call.output.text(&format!("\n{}\n  {next}\n", style.strong("Next:")));
}
