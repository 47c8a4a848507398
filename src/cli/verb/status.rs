//! `status`: what there is, and how the nodes are.

use clap::Args;
use serde_json::json;

use crate::cli::error::{CliError, exit_of};
use crate::cli::existing::look_at_existing;
use crate::cli::options::{ExistingOptions, TargetOptions};
use crate::cli::place::describe_target;
use crate::cli::state::existing_store;
use crate::cli::{Call, Exit};
use crate::cluster::{Status, status};
use crate::state::Store;
use crate::view::{harmless, render_resources};

/// Arguments of `engine status`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine status -o _output/quickstart\n\n\
    What cannot be looked at is told as not known, beside all that can; the exit code is then that of what is in the way.")]
pub struct Arguments {
    #[command(flatten)]
    existing: ExistingOptions,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let store = existing_store(call, &arguments.existing, &arguments.target).await?;
    let connected = look_at_existing(call, &store, &arguments.existing, &arguments.target).await?;
    let status = status(&connected.session, &store).await;
    connected.close(call).await;
    let status = status?;
    call.output.data(&as_json(&status));
    call.output.text(&render(call, &status, &store));
    // Nobody shall take for whole what is told in part.
    Ok(status.unknown.first().map_or(Exit::Success, |(_, fault)| exit_of(fault)))
}

fn render(call: &Call, status: &Status, store: &Store) -> String {
    use std::fmt::Write as _;
    let style = call.output.style;
    let identity = &status.snapshot.identity;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} in resource group {} ({}) on {}",
        style.strong(&identity.cluster),
        identity.scope.resource_group,
        identity.scope.location,
        describe_target(identity.target)
    );
    if let Some(run) = &status.interrupted {
        let (verb, finished, steps) = (&run.plan.verb, run.finished, run.plan.steps.len());
        let told = if run.is_under_way {
            format!("`{verb}` is under way: {finished} of {steps} steps are finished")
        } else {
            format!(
                "`{verb}` was interrupted after {finished} of {steps} steps; `engine resume -o {}` goes on",
                store.folder().display()
            )
        };
        let _ = writeln!(text, "\n{} {told}", style.warn("note:"));
    }
    if status.snapshot.applied.is_empty() {
        let _ = writeln!(text, "\nNothing of it exists.");
        return text;
    }
    let _ = writeln!(text, "\n{}", style.strong("Nodes"));
    match &status.nodes {
        None => _ = writeln!(text, "  the API server does not answer"),
        Some(nodes) => {
            let width = nodes.iter().map(|node| node.name.len()).max().unwrap_or_default();
            for node in nodes {
                let ready = if node.ready { style.good("Ready") } else { style.bad("NotReady") };
                let cordoned = if node.cordoned { ", cordoned" } else { "" };
                let _ = writeln!(
                    text,
                    "  {:<width$}  {ready}{cordoned}  {}  {}",
                    harmless(&node.name),
                    harmless(&node.version),
                    harmless(&node.internal_address)
                );
            }
        }
    }
    let _ = writeln!(text, "\n{} (state {})", style.strong("Resources"), status.snapshot.serial);
    text.push_str(&render_resources(&status.snapshot.applied, style));
    for key in &status.missing {
        let _ = writeln!(
            text,
            "{} {} is gone; `engine plan` shows what that means",
            style.bad("missing:"),
            harmless(key.as_str())
        );
    }
    for (key, state) in &status.unfinished {
        let _ = writeln!(text, "{} {}: {}", style.warn("not finished:"), harmless(key.as_str()), harmless(state));
    }
    for (key, fault) in &status.unknown {
        let _ =
            writeln!(text, "{} {}: {}", style.warn("not known:"), harmless(key.as_str()), harmless(&fault.to_string()));
    }
    if let Some(help) = status.unknown.first().and_then(|(_, fault)| fault.help.as_ref()) {
        let _ = writeln!(text, "{} {}", style.strong("help:"), harmless(help));
    }
    text
}

fn as_json(status: &Status) -> serde_json::Value {
    let identity = &status.snapshot.identity;
    let nodes = status.nodes.as_ref().map(|nodes| {
        nodes
            .iter()
            .map(|node| {
                json!({ "name": node.name, "ready": node.ready, "cordoned": node.cordoned, "version": node.version })
            })
            .collect::<Vec<_>>()
    });
    json!({
        "format": 1,
        "cluster": identity.cluster,
        "target": identity.target,
        "scope": identity.scope,
        "lineage": status.snapshot.lineage,
        "serial": status.snapshot.serial,
        "resources": status.snapshot.applied.values().map(|resource| &resource.address.id).collect::<Vec<_>>(),
        "missing": status.missing,
        "unfinished": status.unfinished,
        "unknown": status.unknown.iter()
            .map(|(key, fault)| json!({ "resource": key, "code": fault.code, "reason": fault.message, "help": fault.help }))
            .collect::<Vec<_>>(),
        "interrupted": status.interrupted.as_ref().map(|run| json!({
            "verb": run.plan.verb, "finished": run.finished, "steps": run.plan.steps.len(),
            "underWay": run.is_under_way,
        })),
        "nodes": nodes,
    })
}
