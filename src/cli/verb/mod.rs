//! The verbs, one file each.

mod completion;
mod config;
mod console;
mod create;
mod deploy;
mod destroy;
mod doctor;
mod explain;
mod gateway;
mod generate;
mod get_versions;
mod graph;
mod host;
mod image;
mod import;
mod init;
mod kubeconfig;
mod man;
mod plan;
mod powershell;
mod refresh;
mod resume;
mod run;
mod scale;
mod schema;
mod simulate;
mod services;
mod ssh;
mod state;
mod status;
mod unlock;
mod validate;
mod version;

pub use run::{exit_of_run, interruptible, progress};

use clap::Subcommand;

use super::{Call, CliError, Exit};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Makes a cluster on a host of one's own, from nothing but a name
    Create(create::Arguments),
    /// Writes a model to begin with, with a comment at each value
    Init(init::Arguments),
    /// Prepares a host on-prem, and checks it
    Host(host::Arguments),
    /// Writes a cluster's template, parameters, keys and kubeconfig
    Generate(generate::Arguments),
    /// Makes a cluster as its model says, or changes it to that
    Deploy(deploy::Arguments),
    /// Gives a pool another number of machines, draining those that go
    Scale(scale::Arguments),
    /// Deletes everything that the engine made for a cluster
    Destroy(destroy::Arguments),
    /// Builds, lists and verifies what on-prem machines start from
    Image(image::Arguments),
    /// Shows what `deploy` would do, and why; changes nothing
    #[command(alias = "what-if")]
    Plan(plan::Arguments),
    /// Shows what a cluster has and how its nodes are
    Status(status::Arguments),
    /// Signs in to a machine of a cluster, or runs a command on it
    Ssh(ssh::Arguments),
    /// Opens a machine's serial console
    Console(console::Arguments),
    /// Puts a cluster into a kubeconfig, for kubectl
    Kubeconfig(kubeconfig::Arguments),
    /// Tells all faults of a model
    Validate(validate::Arguments),
    /// Shows each value of a model, where it came from, and why
    Explain(explain::Arguments),
    /// Draws the resources of a model and what each waits for
    Graph(graph::Arguments),
    /// Lists the versions of Kubernetes
    #[command(alias = "orchestrators")]
    GetVersions(get_versions::Arguments),
    /// Tells whether a cluster can be made here and now
    Doctor(doctor::Arguments),
    /// Goes on with a run that was interrupted
    Resume(resume::Arguments),
    /// Reads what a cluster has into its state; tells what moved
    Refresh(refresh::Arguments),
    /// Begins the state of a cluster that exists
    Import(import::Arguments),
    /// Shows, gets or puts in place what the engine knows of a cluster
    State(state::Arguments),
    /// Takes a lock away from a holder that is gone for good
    Unlock(unlock::Arguments),
    /// Serves a simulated Azure on this machine
    Simulate(simulate::Arguments),
    /// Runs in the gateway machine beside an on-prem network
    #[command(hide = true)]
    Gateway(gateway::Arguments),
    /// Runs on on-prem control-plane machines, for services' addresses
    #[command(hide = true)]
    Services(services::Arguments),
    /// Prints the JSON Schema of the API model, or of events
    Schema(schema::Arguments),
    /// Shows the settings and where each came from
    Config(config::Arguments),
    /// Prints a PowerShell module with the commands of AksHci
    Powershell(powershell::Arguments),
    /// Writes the pages of the manual
    Man(man::Arguments),
    /// Prints the completion script of a shell
    Completion(completion::Arguments),
    /// Prints the version
    Version(version::Arguments),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, call: &Call) -> Result<Exit, CliError> {
        match self {
            Self::Create(arguments) => block_on(create::run(call, &arguments)),
            Self::Init(arguments) => init::run(call, &arguments),
            Self::Host(arguments) => host::run(call, &arguments),
            Self::Generate(arguments) => generate::run(call, &arguments),
            Self::Deploy(arguments) => block_on(deploy::run(call, &arguments)),
            Self::Scale(arguments) => block_on(scale::run(call, &arguments)),
            Self::Destroy(arguments) => block_on(destroy::run(call, &arguments)),
            Self::Image(arguments) => image::run(call, &arguments),
            Self::Plan(arguments) => block_on(plan::run(call, &arguments)),
            Self::Status(arguments) => block_on(status::run(call, &arguments)),
            Self::Ssh(arguments) => block_on(ssh::run(call, &arguments)),
            Self::Console(arguments) => block_on(console::run(call, &arguments)),
            Self::Kubeconfig(arguments) => block_on(kubeconfig::run(call, &arguments)),
            Self::Validate(arguments) => validate::run(call, &arguments),
            Self::Explain(arguments) => explain::run(call, &arguments),
            Self::Graph(arguments) => graph::run(call, &arguments),
            Self::GetVersions(arguments) => get_versions::run(call, &arguments),
            Self::Doctor(arguments) => block_on(doctor::run(call, &arguments)),
            Self::Resume(arguments) => block_on(resume::run(call, &arguments)),
            Self::Refresh(arguments) => block_on(refresh::run(call, &arguments)),
            Self::Import(arguments) => block_on(import::run(call, &arguments)),
            Self::State(arguments) => block_on(state::run(call, &arguments)),
            Self::Unlock(arguments) => block_on(unlock::run(call, &arguments)),
            Self::Simulate(arguments) => block_on(simulate::run(call, &arguments)),
            Self::Gateway(arguments) => block_on(gateway::run(call, &arguments)),
            Self::Services(arguments) => block_on(services::run(call, &arguments)),
            Self::Schema(arguments) => schema::run(call, &arguments),
            Self::Config(arguments) => config::run(call, &arguments),
            Self::Powershell(arguments) => powershell::run(call, &arguments),
            Self::Man(arguments) => man::run(call, &arguments),
            Self::Completion(arguments) => completion::run(call, &arguments),
            Self::Version(arguments) => version::run(call, &arguments),
        }
    }
}

/// Only the verbs that talk to somebody need the runtime. One thread does: they wait most of the time, and what several
/// tell each other of each answer costs more than the answer.
fn block_on(verb: impl Future<Output = Result<Exit, CliError>>) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Environment, format!("the runtime cannot start: {error}")))?;
    runtime.block_on(verb)
}
