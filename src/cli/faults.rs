//! Files of faults for the simulator.

use std::path::Path;

use super::error::CliError;
use super::{Call, Exit};
use crate::base::{Source, read_text};
use crate::server::{FaultPlan, RunningSimulator, Times, read_faults};

/// Reads the file of `--faults`. Without one nothing goes wrong.
///
/// # Errors
/// A path that cannot be read; what is wrong with the file, with exit code 65.
pub fn read(path: Option<&Path>) -> Result<FaultPlan, CliError> {
    let Some(path) = path else {
        return Ok(FaultPlan { format: FaultPlan::FORMAT, ..FaultPlan::default() });
    };
    let source = Source { name: path.display().to_string(), text: read_text(path)? };
    read_faults(&source).map_err(|faults| {
        let mut error = CliError::new(Exit::Definition, format!("{} cannot be used", source.name));
        error.diagnostics = Some(Box::new((source, faults)));
        error
    })
}

/// Tells which rules never came to pass, or less often than they were to: a name that is misspelt shows in nothing else.
pub fn tell(call: &Call, plan: &FaultPlan, simulator: &RunningSimulator) {
    for ((name, applied), rule) in simulator.faults().into_iter().zip(&plan.rules) {
        let wanted = match rule.times {
            Times::Number(times) if times > applied => format!(" of {times} times"),
            Times::Word(_) if applied == 0 => " times".to_owned(),
            _ => continue,
        };
        call.output.note(&format!(
            "{} the fault `{}` came to pass {applied}{wanted}\n",
            call.output.error_style.warn("note:"),
            crate::view::harmless(&name)
        ));
    }
}
