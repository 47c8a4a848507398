//! `resume`: the plan that was consented to, from where it stopped.

use clap::Args;

use super::run::{conclude, listen_for_interrupt, progress};
use super::status::connect_existing;
use crate::cli::error::CliError;
use crate::cli::options::{ExistingOptions, TargetOptions};
use crate::cli::place::existing_folder;
use crate::cli::{Call, Exit};
use crate::cluster::{Interrupted, resume};
use crate::execute::Cancel;
use crate::view::plan_as_json;

/// Arguments of `engine resume`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine resume -o _output/quickstart")]
pub struct Arguments {
    #[command(flatten)]
    existing: ExistingOptions,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let folder = existing_folder(&arguments.existing)?;
    let interrupted = Interrupted::find(&folder)?;
    let connected = connect_existing(call, &folder, &arguments.existing, &arguments.target).await?;
    let verb = interrupted.plan.verb.clone();
    call.output.note(&format!(
        "Going on with `{verb}`: {} of {} steps are finished\n",
        interrupted.finished,
        interrupted.plan.steps.len()
    ));
    let (cancel, events) = (Cancel::new(), progress(call, &connected.session));
    let listener = listen_for_interrupt(cancel.clone());
    let result = resume(&connected.session, &folder, events, cancel.clone()).await;
    listener.abort();
    let next = [(format!("engine status -o {}", folder.display()), "what there is, and how the nodes are")];
    let plan = plan_as_json(&interrupted.plan, connected.session.target.name().word());
    let exit = conclude(call, &connected.session, &verb, Some(plan), result, &cancel, &folder, &next);
    connected.close().await;
    exit
}
