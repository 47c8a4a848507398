//! `unlock`: the way on where the holder of a lock is gone for good, or must be kept from writing.

use clap::Args;
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::options::{StatePlaceOptions, TargetOptions};
use crate::cli::state::existing_store;
use crate::cli::{Call, Exit};
use crate::view::harmless;

/// Arguments of `engine unlock`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine unlock 3f0c9d52-4f0e-4a51-9a55-9d0c1f6a2b11 -o _output/quickstart\n\n\
                        The id is in the message of whoever found the state locked. The holder can write nothing more, but \
                        what it has requested goes on; `engine status` shows what is there.")]
pub struct Arguments {
    /// The lock's id, as the message of exit code 73 tells it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    place: StatePlaceOptions,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let store = existing_store(call, &(&arguments.place).into(), &arguments.target).await?;
    let holder = store.unlock(&arguments.id)?;
    call.output.data(&json!({ "format": 1, "place": store.place(), "unlocked": holder }));
    call.output.text(&format!(
        "{} the lock was taken away from {}\n",
        call.output.style.good("Done:"),
        harmless(&holder.to_string())
    ));
    Ok(Exit::Success)
}
