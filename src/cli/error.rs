//! An error as the command line tells it: what happened, what to do, and the exit code.

use super::exit::{Exit, TROUBLE};
use crate::base::{Diagnostics, FileError, Source};
use crate::cluster::{ClusterError, Finding, KubeconfigError};
use crate::contract::{Fault, FaultClass};
use crate::execute::ExecuteError;
use crate::state::StateError;

/// Why a verb ended badly.
#[derive(Debug)]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// One sentence; empty if `diagnostics` say it all.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The faults of the model, with the text they are in.
    pub diagnostics: Option<Box<(Source, Diagnostics)>>,
    /// What the preflight found.
    pub findings: Vec<Finding>,
}

impl CliError {
    /// An error with an exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, diagnostics: None, findings: Vec::new() }
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same with a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<FileError> for CliError {
    fn from(error: FileError) -> Self {
        let missing = error.cause.kind() == std::io::ErrorKind::NotFound;
        let this = Self::new(if missing { Exit::Usage } else { Exit::Environment }, error.to_string());
        if missing { this.help("check the path") } else { this }
    }
}

/// The exit code of a fault: its own if it has one, else that of its class.
pub fn exit_of(fault: &Fault) -> Exit {
    if let Some((.., exit)) = TROUBLE.iter().find(|(_, code, _)| *code == fault.code) {
        return *exit;
    }
    match fault.class {
        FaultClass::Authentication => Exit::Authentication,
        FaultClass::Throttled | FaultClass::Transient | FaultClass::Unavailable => Exit::Unavailable,
        FaultClass::Forbidden | FaultClass::Quota | FaultClass::Capacity => Exit::Environment,
        _ => Exit::Failure,
    }
}

impl From<Fault> for CliError {
    fn from(fault: Fault) -> Self {
        let exit = exit_of(&fault);
        let mut this = Self::new(exit, fault.to_string());
        this.help = fault.help;
        this
    }
}

/// The exit code of what can be wrong with a state.
fn exit_of_state(error: &StateError) -> Exit {
    match error {
        StateError::Held { .. } | StateError::Lost { .. } => Exit::Locked,
        StateError::OtherLineage { .. }
        | StateError::OlderSerial { .. }
        | StateError::SameSerial { .. }
        | StateError::RunThere(_)
        | StateError::BothChanged(_) => Exit::StateRefused,
        StateError::Damaged { .. } | StateError::NewerFormat { .. } => Exit::StateDamaged,
        StateError::NotLocked(_)
        | StateError::OtherLock { .. }
        | StateError::StateInFolder { .. }
        | StateError::Address { .. }
        | StateError::Absent(_)
        | StateError::Elsewhere { .. }
        | StateError::NothingToResume(_) => Exit::Usage,
        StateError::Key(_) | StateError::WrongKey(_) | StateError::Remote { refused: true, .. } => Exit::Authentication,
        StateError::Remote { .. } => Exit::Unavailable,
        StateError::File(_) => Exit::Environment,
    }
}

/// The exit code of what can be wrong with a kubeconfig.
const fn exit_of_kubeconfig(error: &KubeconfigError) -> Exit {
    match error {
        KubeconfigError::Other { .. } => Exit::Usage,
        KubeconfigError::Locked { .. } => Exit::Locked,
        KubeconfigError::File(_)
        | KubeconfigError::Malformed { .. }
        | KubeconfigError::NoPlace
        | KubeconfigError::Unwritable { .. } => Exit::Environment,
    }
}

impl From<KubeconfigError> for CliError {
    fn from(error: KubeconfigError) -> Self {
        ClusterError::from(error).into()
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        ClusterError::from(error).into()
    }
}

impl From<ClusterError> for CliError {
    fn from(error: ClusterError) -> Self {
        let help = error.help();
        let exit = match error {
            ClusterError::File(error) => return error.into(),
            ClusterError::Target(fault) => return fault.into(),
            ClusterError::Expand(_) | ClusterError::Keys(_) | ClusterError::Emit(_) => Exit::Definition,
            // The run had begun, and what it did is known: resuming goes on.
            ClusterError::Execute(ExecuteError::Journal(_) | ExecuteError::Stopped) => Exit::Partial,
            ClusterError::Plan(_) | ClusterError::Execute(_) => Exit::Failure,
            ClusterError::State(ref error) => exit_of_state(error),
            ClusterError::Unsupported { .. }
            | ClusterError::LongSecret { .. }
            | ClusterError::ControlPlaneLost { .. }
            | ClusterError::NoWay { .. } => Exit::Environment,
            ClusterError::Stale { .. } => Exit::PlanStale,
            ClusterError::NothingToResume
            | ClusterError::NoCluster { .. }
            | ClusterError::NoMachine { .. }
            | ClusterError::Scale { .. } => Exit::Usage,
            ClusterError::KnownAlready { .. } => Exit::StateRefused,
            ClusterError::NothingToImport { .. } | ClusterError::SeveralClusters { .. } => Exit::Usage,
            ClusterError::OtherPlace { .. } | ClusterError::NotAPlan { .. } | ClusterError::Untagged { .. } => {
                Exit::Usage
            }
            ClusterError::OtherRequest { .. } | ClusterError::OtherRun { .. } => Exit::Usage,
            ClusterError::NotReady { .. } => Exit::Partial,
            ClusterError::NoAddress { .. } => Exit::Failure,
            ClusterError::Kubeconfig(ref error) => exit_of_kubeconfig(error),
        };
        let mut this = Self::new(exit, error.to_string());
        this.help = help;
        this
    }
}
