//! `plan`: the same way as `deploy` up to the last step.

use std::path::PathBuf;

use clap::Args;

use super::deploy::{DeployOptions, Ready, prepare};
use crate::base::{Clock as _, SystemClock};
use crate::cli::error::CliError;
use crate::cli::place::describe_target;
use crate::cli::preflight::{PreflightOptions, findings_as_json};
use crate::cli::rehearsal::RehearsalOptions;
use crate::cli::{Call, Exit};
use crate::view::{plan_as_json, render_plan};

/// Arguments of `engine plan`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  engine plan apimodels/quickstart.json --target simulator --exit-code\n  \
                        engine plan -m cluster.json --out cluster.plan && engine deploy cluster.plan")]
pub struct Arguments {
    /// Ends with exit code 2 if there is something to do
    #[arg(long)]
    exit_code: bool,
    /// Keeps the plan in a file without secrets, for `engine deploy FILE`; the model and the keys that it needs are kept
    /// in the cluster's folder
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    preflight: PreflightOptions,
    // Last, because its options end under a heading of their own.
    #[command(flatten)]
    options: DeployOptions,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let Ready { connected, prepared, target, .. } =
        prepare(call, &arguments.options, false, RehearsalOptions::default()).await?;
    if let Some(verb) = &prepared.gives_up {
        let told = if prepared.is_under_way() {
            format!("`{verb}` is under way: this is what the plan would be if it stopped now")
        } else {
            format!("`{verb}` was interrupted: `engine resume` goes on with it; this is the plan without it")
        };
        call.output.note(&format!("{} {told}\n", call.output.error_style.warn("note:")));
    }
    call.output.text(&render_plan(&prepared.plan, &describe_target(target), call.output.style));
    // Told, and no more than that: whoever deploys may have mended it by then.
    let findings = arguments.preflight.tell(call, &connected, &prepared).await;
    connected.close(call).await;
    if let Some(path) = &arguments.out {
        prepared.save(path, SystemClock.now())?;
        call.output.note(&format!("\nKept in {0}. To carry it out:\n  engine deploy {0}\n", path.display()));
    }
    let mut data = plan_as_json(&prepared.plan, target.word());
    if !arguments.preflight.skip_preflight {
        data["preflight"] = findings_as_json(&findings);
    }
    call.output.data(&data);
    Ok(if arguments.exit_code && !prepared.plan.is_empty() { Exit::Changes } else { Exit::Success })
}
