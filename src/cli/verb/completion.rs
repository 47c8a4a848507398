//! `completion`: for shells.

use clap::Args;
use clap_complete::Shell;

use crate::cli::error::CliError;
use crate::cli::{Call, Exit, command};

/// Arguments of `engine completion`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine completion bash > /etc/bash_completion.d/engine")]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "engine", &mut script);
    call.output.text(&String::from_utf8_lossy(&script));
    Ok(Exit::Success)
}
