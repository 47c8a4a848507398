//! `plan`: the same way as `deploy` up to the last step.

use clap::Args;

use super::deploy::{DeployOptions, prepare};
use crate::cli::error::CliError;
use crate::cli::place::describe_target;
use crate::cli::{Call, Exit};
use crate::view::{plan_as_json, render_plan};

/// Arguments of `engine plan`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine plan apimodels/quickstart.json --target simulator --exit-code")]
pub struct Arguments {
    #[command(flatten)]
    options: DeployOptions,
    /// Ends with exit code 2 if there is something to do
    #[arg(long)]
    exit_code: bool,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let (connected, prepared, _, target) = prepare(call, &arguments.options, false).await?;
    connected.close().await;
    if let Some(verb) = &prepared.gives_up {
        let told = if prepared.is_under_way() {
            format!("`{verb}` is under way: this is what the plan would be if it stopped now")
        } else {
            format!("`{verb}` was interrupted: `engine resume` goes on with it; this is the plan without it")
        };
        call.output.note(&format!("{} {told}\n", call.output.error_style.warn("note:")));
    }
    call.output.text(&render_plan(&prepared.plan, &describe_target(target), call.output.style));
    call.output.data(&plan_as_json(&prepared.plan, target.word()));
    Ok(if arguments.exit_code && !prepared.plan.is_empty() { Exit::Changes } else { Exit::Success })
}
