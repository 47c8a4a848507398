//! `scale`: the model gets the new number, then the plan is made from it.

use clap::Args;

use super::run::{carry_out, consent, show_plan};
use crate::base::{Source, SystemClock, SystemEntropy, read_text};
use crate::cli::error::CliError;
use crate::cli::existing::existing_snapshot;
use crate::cli::options::{ExistingOptions, TargetOptions};
use crate::cli::place;
use crate::cli::preflight::PreflightOptions;
use crate::cli::rehearsal::{RehearsalOptions, Scene};
use crate::cli::session::{Wanted, connect};
use crate::cli::state::existing_store;
use crate::cli::telling::TellingOptions;
use crate::cli::{Call, Exit};
use crate::cluster::{Definition, Scale, prepare_scale, scaled_model};
use crate::model::{self, Cluster, ReadOptions};

/// Arguments of `engine scale`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  engine scale -m _output/quickstart/apimodel.json --node-pool agentpool1 --new-node-count 3"
)]
pub struct Arguments {
    #[command(flatten)]
    existing: ExistingOptions,
    /// The pool; may be left out if there is only one
    #[arg(long, value_name = "NAME")]
    node_pool: Option<String>,
    /// How many machines the pool shall have
    #[arg(short = 'c', long, value_name = "NUMBER")]
    new_node_count: u32,
    /// Kept for old scripts: the API server's address is known
    #[arg(long, hide = true, alias = "master-FQDN")]
    apiserver: Option<String>,
    #[command(flatten)]
    preflight: PreflightOptions,
    #[command(flatten)]
    target: TargetOptions,
    #[command(flatten)]
    rehearsal: RehearsalOptions,
    #[command(flatten)]
    telling: TellingOptions,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let store = existing_store(call, &arguments.existing, &arguments.target).await?;
    let scene = Scene::set(call, arguments.rehearsal, &arguments.target, store)?;
    let Scene { store, target: options, .. } = &scene;
    let folder = store.folder().to_owned();
    let snapshot = existing_snapshot(store, &arguments.existing)?;
    let path = folder.join("apimodel.json");
    let source = Source { name: path.display().to_string(), text: read_text(&path)? };
    let before = read(source.clone())?;
    let scale = Scale { pool: arguments.node_pool.clone(), count: arguments.new_node_count };
    let model = serde_json::from_str(&source.text)
        .map_err(|error| CliError::new(Exit::Definition, format!("{}: {error}", source.name)))?;
    let model = scaled_model(model, &before, &scale)?;
    let cluster = read(Source { text: serde_json::to_string_pretty(&model).unwrap_or_default(), ..source })?;

    let definition = Definition::new(cluster, None, store, &SystemClock, &SystemEntropy)?;
    let target = place::target(call, options, Some(&snapshot), Some(&definition.cluster))?;
    let definition = definition.on(target);
    let resource_group = snapshot.identity.scope.resource_group.clone();
    let real = connect(call, options, Wanted::cluster(&definition, target, resource_group)).await?;
    let connected = scene.enter(call, real, Some(&definition)).await?;
    let cluster = &definition.cluster;
    let pool = scale.pool.or_else(|| cluster.pools.first().map(|pool| pool.name.clone())).unwrap_or_default();
    let prepared = prepare_scale(&connected.session, definition, &pool).await?;
    if let Some(rehearsal) = scene.rehearsal {
        arguments.preflight.tell(call, &connected, &prepared).await;
        return rehearsal.play(call, connected, prepared).await;
    }
    show_plan(call, &prepared, target);
    arguments.preflight.check(call, &connected, &prepared).await?;
    consent(call, &connected.session, &prepared, None).await?;
    let shown = folder.display();
    let next = [
        (format!("engine status -o {shown}"), "what there is, and how the nodes are"),
        (format!("engine plan -m {shown}/apimodel.json"), "what would change now: nothing"),
    ];
    let exit = carry_out(call, &connected.session, prepared, &arguments.telling, &folder, &next).await;
    connected.close(call).await;
    exit
}

fn read(source: Source) -> Result<Cluster, CliError> {
    let reading = model::read(&source, &ReadOptions::default());
    reading.cluster.ok_or_else(|| {
        let mut error = CliError::new(Exit::Definition, format!("{} has faults; nothing was changed", source.name));
        error.diagnostics = Some(Box::new((source, reading.diagnostics)));
        error
    })
}
