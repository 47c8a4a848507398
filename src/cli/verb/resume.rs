//! `resume`: the plan that was consented to, from where it stopped.

use clap::Args;

use super::run::{Aftermath, tell};
use crate::cli::error::CliError;
use crate::cli::existing::connect_existing;
use crate::cli::options::{ExistingOptions, TargetOptions};
use crate::cli::rehearsal::{RehearsalOptions, Scene};
use crate::cli::state::existing_store;
use crate::cli::telling::TellingOptions;
use crate::cli::{Call, Exit, kubeconfig};
use crate::cluster::{Interrupted, resume};

/// Arguments of `engine resume`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine resume -o _output/quickstart")]
pub struct Arguments {
    #[command(flatten)]
    existing: ExistingOptions,
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
    let interrupted = Interrupted::find(store)?;
    let real = connect_existing(call, store, &arguments.existing, &scene.target).await?;
    let connected = scene.enter(call, real, None).await?;
    let verb = interrupted.plan.verb.clone();
    call.output.note(&format!(
        "Going on with `{verb}`: {} of {} steps are finished\n",
        interrupted.finished,
        interrupted.plan.steps.len()
    ));
    if let Some(rehearsal) = scene.rehearsal {
        return rehearsal.resume(call, connected, &interrupted.plan).await;
    }
    let folder = store.folder();
    let next = [(format!("engine status -o {}", folder.display()), "what there is, and how the nodes are")];
    let aftermath = Aftermath { folder, next: &next, again: None };
    let (session, plan) = (&connected.session, &interrupted.plan);
    let exit = tell(call, session, plan, &arguments.telling, &aftermath, |events, cancel| {
        resume(session, store, events, cancel)
    })
    .await;
    connected.close(call).await;
    if verb == "destroy" && matches!(exit, Ok(Exit::Success)) {
        kubeconfig::forget(call, folder);
    }
    exit
}
