//! `get-versions`: what the catalog knows.

use clap::Args;
use semver::Version;
use serde_json::{Value as Json, json};

use crate::catalog::{Cloud, DEFAULT_KUBERNETES_RELEASE, KubernetesRelease, kubernetes_releases};
use crate::cli::error::CliError;
use crate::cli::options::{Form, azure_environment};
use crate::cli::{Call, Exit};

/// Arguments of `engine get-versions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  engine get-versions\n  engine get-versions --version 1.35.9 -o json")]
pub struct Arguments {
    /// A version, such as 1.35 or 1.35.9: tells about it, and what it can be upgraded to
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// The versions for clusters with Windows pools
    #[arg(long)]
    windows: bool,
    /// The versions for an Azure: AzurePublicCloud, AzureChinaCloud, AzureUSGovernmentCloud or AzureStackCloud
    #[arg(long, value_name = "NAME", value_parser = azure_environment, default_value = "AzurePublicCloud")]
    azure_env: Cloud,
    /// The form of the answer
    #[arg(short = 'o', long, value_enum, default_value = "human", value_name = "FORM")]
    output: Form,
    /// Kept for old scripts: Kubernetes is the only one
    #[arg(long, hide = true, value_parser = kubernetes)]
    orchestrator: Option<()>,
}

fn kubernetes(word: &str) -> Result<(), String> {
    if word.eq_ignore_ascii_case("Kubernetes") { Ok(()) } else { Err("Kubernetes is the only one".to_owned()) }
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let output = call.output.in_form(arguments.output);
    let releases: Vec<&KubernetesRelease> = match &arguments.version {
        None => kubernetes_releases().iter().collect(),
        Some(version) => vec![named(version)?],
    };
    output.text("RELEASE  NEWEST   NEW CLUSTERS   MAINTAINED UNTIL  UPGRADES TO\n");
    for release in &releases {
        let creatable = match (release.creatable, release.release == DEFAULT_KUBERNETES_RELEASE) {
            (true, true) => "yes (default)",
            (true, false) => "yes",
            (false, _) => "no",
        };
        let upgrades = upgrades(release).join(", ");
        output.text(&format!(
            "{:<8} {:<8} {creatable:<14} {:<17} {}\n",
            release.release,
            release.newest,
            release.end_of_life,
            if upgrades.is_empty() { "-" } else { &upgrades }
        ));
    }
    let releases: Vec<Json> = releases
        .iter()
        .map(|release| {
            json!({
                "release": release.release,
                "newest": release.newest,
                "creatable": release.creatable,
                "default": release.release == DEFAULT_KUBERNETES_RELEASE,
                "endOfLife": release.end_of_life,
                "upgrades": upgrades(release),
            })
        })
        .collect();
    output.data(&json!({
        "format": 1,
        "azureEnvironment": arguments.azure_env.facts().environment,
        "windows": arguments.windows,
        "releases": releases,
    }));
    Ok(Exit::Success)
}

/// The newest patch, then the newest of the next minor version: Kubernetes skips none.
fn upgrades(release: &KubernetesRelease) -> Vec<&'static str> {
    let own = release.newest_version();
    let next = |candidate: &&KubernetesRelease| {
        let version = candidate.newest_version();
        version.major == own.major && version.minor == own.minor + 1 && candidate.creatable
    };
    kubernetes_releases().iter().filter(next).map(|candidate| candidate.newest).collect()
}

/// The release that a version belongs to: `1.35`, or a patch that exists.
fn named(version: &str) -> Result<&'static KubernetesRelease, CliError> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let of = |release: &&KubernetesRelease| {
        release.release == version
            || Version::parse(version).is_ok_and(|version| {
                let newest = release.newest_version();
                (version.major, version.minor) == (newest.major, newest.minor) && version <= newest
            })
    };
    kubernetes_releases().iter().find(of).ok_or_else(|| {
        let known: Vec<&str> = kubernetes_releases().iter().map(|release| release.newest).collect();
        CliError::usage(format!("Kubernetes {version} is not known")).help(format!("known are {}", known.join(", ")))
    })
}
