//! `powershell`: the commands of AksHci, by this engine.

use clap::Args;
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::{Call, Exit};

/// The module. A test holds it against the command line of this engine.
const MODULE: &str = include_str!("../../../templates/powershell/AksHci.psm1");

/// Arguments of `engine powershell`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine powershell > AksHci.psm1\n  \
    (in PowerShell) Import-Module ./AksHci.psm1; New-AksHciCluster -clusterName demo -linuxNodeCount 2 -windowsNodeCount 0")]
pub struct Arguments {}

/// Runs the verb.
pub fn run(call: &Call, _: &Arguments) -> Result<Exit, CliError> {
    call.output.text(MODULE);
    call.output.data(&json!({ "format": 1, "module": MODULE }));
    Ok(Exit::Success)
}
