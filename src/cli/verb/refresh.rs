//! `refresh`: the state as the world is, and what moved.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::existing::connect_existing;
use crate::cli::options::{ExistingOptions, TargetOptions};
use crate::cli::state::existing_store;
use crate::cli::{Call, Exit};
use crate::cluster::{Refreshed, refresh};
use crate::view::harmless;

/// Arguments of `engine refresh`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine refresh -o _output/quickstart\n\n\
                        Nothing but the state is written. What the model wants is seen by `engine plan`.")]
pub struct Arguments {
    #[command(flatten)]
    existing: ExistingOptions,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let store = existing_store(call, &arguments.existing, &arguments.target).await?;
    let connected = connect_existing(call, &store, &arguments.existing, &arguments.target).await?;
    let refreshed = refresh(&connected.session, &store).await;
    connected.close(call).await;
    let refreshed = refreshed?;
    call.output.data(&json!({
        "format": 1,
        "lookedAt": refreshed.looked_at,
        "gone": refreshed.gone,
        "changed": refreshed.changed.iter().map(|(key, fields)| json!({
            "key": key,
            "fields": fields.iter().map(|field| json!({
                "pointer": field.pointer, "known": field.wanted, "now": field.observed,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "serial": refreshed.snapshot.serial,
    }));
    call.output.text(&render(call, &refreshed));
    Ok(Exit::Success)
}

fn render(call: &Call, refreshed: &Refreshed) -> String {
    let style = call.output.style;
    let mut text = String::new();
    for key in &refreshed.gone {
        let _ = writeln!(text, "{} {}", style.bad("gone:"), harmless(key.as_str()));
    }
    for (key, fields) in &refreshed.changed {
        let _ = writeln!(text, "{} {}", style.warn("changed:"), harmless(key.as_str()));
        for field in fields {
            let value = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), harmless);
            let _ = writeln!(
                text,
                "  {}: {} is now {}",
                harmless(&field.pointer),
                value(&field.wanted),
                value(&field.observed)
            );
        }
    }
    let (looked_at, serial) = (refreshed.looked_at, refreshed.snapshot.serial);
    let moved = refreshed.gone.len() + refreshed.changed.len();
    let told = if moved == 0 { "nothing moved".to_owned() } else { format!("{moved} moved") };
    let _ = writeln!(text, "{} {looked_at} resources looked at, {told}; state {serial}", style.good("Done:"));
    text
}
