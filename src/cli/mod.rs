//! The command line: one file per verb in `verb/`, which reads arguments, calls the verb in `cluster`, shows what came of
//! it through `view`, and gives the exit code.
//!
//! Deliberately absent: anything that decides what is done to a cluster.

mod azure;
mod chosen_image;
mod error;
mod existing;
mod exit;
mod faults;
mod help;
mod host;
mod kubeconfig;
mod libvirt;
mod live;
mod options;
mod output;
mod place;
mod preflight;
mod program;
mod rehearsal;
mod session;
pub mod settings;
mod telling;
mod state;
mod verb;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

pub use error::CliError;
pub use exit::{Exit, TROUBLE};

use crate::base::Environment;
use output::Output;
use settings::Settings;
use verb::Verb;

/// Everything a verb gets besides its arguments.
pub(crate) struct Call {
    /// The process environment.
    pub environment: Environment,
    /// The settings as they are in force for the verb, and what is strange about them.
    pub settings: Vec<settings::Effective>,
    /// The file that settings came from, and variables that mean nothing.
    pub found_settings: Settings,
    /// The streams.
    pub output: Output,
    /// Whether creating asks no question: `--yes`, or called by the name `aks-engine`, as old pipelines expect.
    pub creates_unasked: bool,
    /// Whether nothing asks: `--yes`.
    pub yes: bool,
}

/// Deploys and operates self-managed Kubernetes clusters from one JSON document.
#[derive(Debug, Parser)]
#[command(
    name = "engine",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 120
)]
struct Arguments {
    /// Gives results as JSON on standard output
    #[arg(long, global = true, help_heading = "Everywhere")]
    json: bool,
    /// Answers every question with yes
    #[arg(long, short = 'y', global = true, help_heading = "Everywhere")]
    yes: bool,
    /// Kept for old scripts: faults are told in full without it
    #[arg(long, global = true, hide = true)]
    debug: bool,
    #[command(subcommand)]
    verb: Verb,
}

/// The whole command, with help in groups. Completions and documentation are made from it.
pub fn command() -> clap::Command {
    help::grouped(Arguments::command())
}

/// Runs a command line and gives the exit code. Nothing else in the program ends the process.
pub fn run(arguments: Vec<OsString>, environment: Environment) -> ExitCode {
    // Installing it twice in one process changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let called_as_aks_engine = arguments
        .first()
        .and_then(|program| std::path::Path::new(program).file_stem())
        .is_some_and(|name| name == "aks-engine");
    let mut matches = match command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => return ExitCode::from(tell_usage(&error)),
    };
    let json = matches.get_flag("json");
    let mut found_settings = Settings::default();
    if let Some(verb) = matches.subcommand_name().map(str::to_owned)
        && command().find_subcommand(&verb).is_some_and(settings::concerns)
    {
        found_settings = match Settings::read(&environment) {
            Ok(settings) => settings,
            Err(error) => {
                Output::new(&environment, json).error(&error);
                return ExitCode::from(error.exit.code());
            }
        };
        matches = match found_settings.applied_to(command(), &verb).try_get_matches_from(&arguments) {
            Ok(matches) => matches,
            Err(error) => return ExitCode::from(tell_usage(&error)),
        };
    }
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(tell_usage(&error)),
    };
    let mut innermost = &matches;
    while let Some((_, below)) = innermost.subcommand() {
        innermost = below;
    }
    let call = Call {
        settings: found_settings.effective(innermost),
        found_settings,
        output: Output::new(&environment, arguments.json),
        environment,
        creates_unasked: arguments.yes || called_as_aks_engine,
        yes: arguments.yes,
    };
    let exit = match arguments.verb.run(&call) {
        Ok(exit) => exit,
        Err(error) => {
            call.output.error(&error);
            error.exit
        }
    };
    ExitCode::from(exit.code())
}

/// Help and version are answers; everything else is a wrong command line, which is never exit code 2: that one says
/// "there are changes".
fn tell_usage(error: &clap::Error) -> u8 {
    use clap::error::ErrorKind;
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Success.code(),
        _ => Exit::Usage.code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn no_two_exit_codes_are_one() {
        let codes: std::collections::BTreeSet<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(codes.len(), Exit::ALL.len());
    }
}
