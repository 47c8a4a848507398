//! `state show`, `state pull`, `state push`: what the engine knows of a cluster, as it is kept.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::base::{FileError, Files, SystemClock, UNFINISHED};
use crate::cli::error::CliError;
use crate::cli::options::{ExistingOptions, StatePlaceOptions, TargetOptions};
use crate::cli::place::{OUTPUT, describe_target, existing_folder};
use crate::cli::state::{existing_store, store_to_push};
use crate::cli::{Call, Exit};
use crate::cluster::{ClusterError, Interrupted};
use crate::state::{Snapshot, Store};
use crate::view::{harmless, render_resources};

/// Arguments of `engine state`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    engine state show _output/quickstart\n  \
    engine state pull -o _output/quickstart --out state.json\n  \
    engine state push state.json -o _output/quickstart --state azblob://account/container/quickstart")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Shows what the state records; there are no secrets in it
    Show(ShowArguments),
    /// Writes the state as it is now, what an interrupted run has done included
    Pull(PullArguments),
    /// Puts a state in the place of an older one of the same cluster
    Push(PushArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine state show _output/quickstart --json")]
struct ShowArguments {
    #[command(flatten)]
    existing: ExistingOptions,
    #[command(flatten)]
    target: TargetOptions,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine state pull -o _output/quickstart --out state.json")]
struct PullArguments {
    /// The file that is written, for its owner only; without it, standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The newest state before the present one that is whole
    #[arg(long)]
    backup: bool,
    #[command(flatten)]
    existing: ExistingOptions,
    #[command(flatten)]
    target: TargetOptions,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    engine state push state.json -o _output/quickstart\n  \
    engine state push state.json -o _output/quickstart --state azblob://account/container/quickstart\n\n\
    With --state the state of a folder moves: the folder's files (model, keys) are kept beside it, encrypted.")]
struct PushArguments {
    /// A file written by `engine state pull`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Overwrites a newer state, one of another cluster, or one that is damaged, and gives an interrupted run up
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: StatePlaceOptions,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    match &arguments.what {
        What::Show(show) => {
            let store = existing_store(call, &show.existing, &show.target).await?;
            self::show(call, &store)
        }
        What::Pull(pull) => {
            let store = existing_store(call, &pull.existing, &pull.target).await?;
            self::pull(call, &store, pull)
        }
        What::Push(push) => self::push(call, push),
    }
}

fn present(store: &Store) -> Result<Snapshot, CliError> {
    Ok(store.snapshot()?.ok_or_else(|| ClusterError::NoCluster { folder: store.place() })?)
}

fn show(call: &Call, store: &Store) -> Result<Exit, CliError> {
    let snapshot = present(store)?;
    let holder = store.holder()?;
    let run = match Interrupted::find(store) {
        Ok(run) => Some(run),
        Err(ClusterError::NothingToResume) => None,
        Err(error) => return Err(error.into()),
    };
    let identity = &snapshot.identity;
    let resources = snapshot.applied.iter().map(|(key, resource)| {
        json!({
            "key": key, "id": resource.address.id, "apiVersion": resource.address.api_version,
            "after": resource.after, "body": resource.body,
        })
    });
    call.output.data(&json!({
        "format": 1,
        "place": store.place(),
        "cluster": identity.cluster,
        "target": identity.target,
        "scope": identity.scope,
        "lineage": snapshot.lineage,
        "serial": snapshot.serial,
        "facts": snapshot.facts,
        "lock": holder,
        "run": run.as_ref().map(|run| json!({
            "verb": run.plan.verb, "finished": run.finished, "steps": run.plan.steps.len(), "underWay": run.is_under_way,
        })),
        "resources": resources.collect::<Vec<_>>(),
    }));

    let style = call.output.style;
    let mut rows = vec![
        ("kept in", store.place().display().to_string()),
        ("lineage", snapshot.lineage.clone()),
        ("serial", snapshot.serial.to_string()),
        ("lock", holder.map_or_else(|| "free".to_owned(), |holder| format!("held by {holder}"))),
    ];
    if let Some(run) = &run {
        let how = if run.is_under_way { "under way" } else { "interrupted" };
        rows.push(("run", format!("`{}`, {how}: {} of {} steps", run.plan.verb, run.finished, run.plan.steps.len())));
    }
    rows.extend(snapshot.facts.iter().map(|(name, value)| (name.as_str(), value.clone())));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    call.output.text(&format!(
        "{} in resource group {} ({}) on {}\n\n",
        style.strong(&harmless(&identity.cluster)),
        harmless(&identity.scope.resource_group),
        harmless(&identity.scope.location),
        describe_target(identity.target)
    ));
    for (name, value) in &rows {
        call.output.text(&format!("  {name:<width$}  {}\n", harmless(value)));
    }
    if snapshot.applied.is_empty() {
        call.output.text("\nNothing of it exists.\n");
    } else {
        call.output.text(&format!("\n{}\n", style.strong("Resources")));
        call.output.text(&render_resources(&snapshot.applied, style));
    }
    Ok(Exit::Success)
}

fn pull(call: &Call, store: &Store, arguments: &PullArguments) -> Result<Exit, CliError> {
    let snapshot = if arguments.backup {
        store.backup()?.ok_or_else(|| {
            CliError::new(Exit::StateDamaged, format!("{} has no backup that is whole", store.place().display()))
        })?
    } else {
        present(store)?
    };
    match &arguments.out {
        Some(path) => {
            snapshot.export(path)?;
            call.output.data(&json!({
                "format": 1, "file": path, "lineage": snapshot.lineage, "serial": snapshot.serial,
            }));
            let done = call.output.style.good("Written:");
            call.output.text(&format!("{done} {}, serial {}\n", path.display(), snapshot.serial));
        }
        // It is JSON whether it is asked for or not.
        None if call.output.json => {
            call.output.data(&serde_json::from_str(&snapshot.exported()).unwrap_or_default());
        }
        None => call.output.text(&snapshot.exported()),
    }
    Ok(Exit::Success)
}

fn push(call: &Call, arguments: &PushArguments) -> Result<Exit, CliError> {
    let given = Snapshot::import(&arguments.file)?;
    let options = ExistingOptions::from(&arguments.place);
    let folder = match &arguments.place.output_directory {
        Some(folder) => folder.clone(),
        None if arguments.place.state.state.is_some() => Path::new(OUTPUT).join(&given.identity.cluster),
        None => existing_folder(&options)?,
    };
    let store = store_to_push(call, &folder, &arguments.place.state)?;
    // What is damaged is overwritten by force only.
    let locked = if arguments.force {
        store.lock_to_repair("state push", &SystemClock, &call.environment)?
    } else {
        store.lock("state push", &SystemClock, &call.environment)?
    };
    let written = locked.push(given, arguments.force)?;
    if store.address().is_some() {
        locked.keep_files(&own_files(&folder)?)?;
        locked.leave_folder_state()?;
    }
    call.output.data(&json!({
        "format": 1, "place": store.place(), "lineage": written.lineage, "serial": written.serial,
    }));
    let done = call.output.style.good("Done:");
    let place = store.place();
    call.output.text(&format!("{done} {} holds serial {}\n", place.display(), written.serial));
    Ok(Exit::Success)
}

/// The cluster's own files: all but the state, what the simulator holds, and what was only planned.
fn own_files(folder: &Path) -> Result<Files, CliError> {
    fn walk(root: &Path, below: &Path, files: &mut Files) -> Result<(), FileError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| FileError { action: "read", path, cause }
        };
        let here = root.join(below);
        for entry in std::fs::read_dir(&here).map_err(failed(&here))? {
            let entry = entry.map_err(failed(&here))?;
            let name = below.join(entry.file_name());
            let kind = entry.file_type().map_err(failed(&entry.path()))?;
            if kind.is_dir() && !["state", "simulator", "planned"].iter().any(|other| name == Path::new(other)) {
                walk(root, &name, files)?;
            } else if kind.is_file() && !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                files.private(&name, std::fs::read(entry.path()).map_err(failed(&entry.path()))?);
            }
        }
        Ok(())
    }
    let mut files = Files::default();
    if folder.is_dir() {
        walk(folder, Path::new(""), &mut files)?;
    }
    Ok(files)
}
