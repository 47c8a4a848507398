//! `destroy`: everything that the engine made, after the name was typed.

use clap::Args;

use super::run::{carry_out, consent, show_plan};
use crate::cli::error::CliError;
use crate::cli::existing::connect_existing;
use crate::cli::options::{ExistingOptions, TargetOptions};
use crate::cli::preflight::PreflightOptions;
use crate::cli::rehearsal::{RehearsalOptions, Scene};
use crate::cli::state::existing_store;
use crate::cli::telling::TellingOptions;
use crate::cli::{Call, Exit, kubeconfig};
use crate::cluster::{Beyond, prepare_destroy};

/// Arguments of `engine destroy`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine destroy -o _output/quickstart")]
pub struct Arguments {
    #[command(flatten)]
    existing: ExistingOptions,
    /// Deletes the disks of volumes too, which otherwise stay, and with them the resource group
    #[arg(long)]
    delete_volumes: bool,
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
    let store = &scene.store;
    let real = connect_existing(call, store, &arguments.existing, &scene.target).await?;
    let connected = scene.enter(call, real, None).await?;
    let folder = store.folder().to_owned();
    let beyond = connected.arm.as_ref().map(|arm| Beyond { arm, delete_volumes: arguments.delete_volumes });
    let prepared = prepare_destroy(&connected.session, store, beyond).await?;
    if let Some(rehearsal) = scene.rehearsal {
        arguments.preflight.tell(call, &connected, &prepared).await;
        return rehearsal.play(call, connected, prepared).await;
    }
    let target = connected.session.target.name();
    show_plan(call, &prepared, target);
    arguments.preflight.check(call, &connected, &prepared).await?;
    let group = connected.session.scope.resource_group.clone();
    consent(call, &connected.session, &prepared, Some(&group)).await?;
    let next = [(format!("rm -r {}", folder.display()), "the keys and the state, once nobody needs them")];
    let exit = carry_out(call, &connected.session, prepared, &arguments.telling, &folder, &next).await;
    connected.close(call).await;
    if matches!(exit, Ok(Exit::Success)) {
        kubeconfig::forget(call, &folder);
    }
    exit
}
