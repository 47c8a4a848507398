//! `get-versions`: what the catalog knows.

use clap::Args;
use serde_json::json;

use crate::catalog::{DEFAULT_KUBERNETES_RELEASE, kubernetes_releases};
use crate::cli::error::CliError;
use crate::cli::{Call, Exit};

/// Arguments of `engine get-versions`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine get-versions --json")]
pub struct Arguments {}

/// Runs the verb.
pub fn run(call: &Call, _: &Arguments) -> Result<Exit, CliError> {
    call.output.text("RELEASE  NEWEST   NEW CLUSTERS  MAINTAINED UNTIL\n");
    for release in kubernetes_releases() {
        let creatable = match (release.creatable, release.release == DEFAULT_KUBERNETES_RELEASE) {
            (true, true) => "yes (default)",
            (true, false) => "yes",
            (false, _) => "no",
        };
        let line = format!("{:<8} {:<8} {creatable:<13} {}\n", release.release, release.newest, release.end_of_life);
        call.output.text(&line);
    }
    let releases: Vec<_> = kubernetes_releases()
        .iter()
        .map(|release| {
            json!({
                "release": release.release,
                "newest": release.newest,
                "creatable": release.creatable,
                "default": release.release == DEFAULT_KUBERNETES_RELEASE,
                "endOfLife": release.end_of_life,
            })
        })
        .collect();
    call.output.data(&json!({ "format": 1, "releases": releases }));
    Ok(Exit::Success)
}
