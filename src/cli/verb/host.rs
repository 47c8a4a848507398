//! `host init`: prepares a host on-prem, and checks it.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::host::{Question, look, newest_kernel, tell};
use crate::cli::output::ask;
use crate::cli::{Call, Exit, libvirt};
use crate::contract::{Fault, FaultClass};
use crate::target::libvirt::host::{HostWish, plan_host, prepare_host};
use crate::target::libvirt::{DEFAULT_IMAGE, DEFAULT_POOL};
use crate::view::harmless;

/// Arguments of `engine host`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  engine host init\n  \
    engine host init --storage /srv/engine --addresses 192.168.1.48/28 --bridge br0")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes a host's storage pool and keeps its addresses, then checks it
    Init(InitArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  engine host init\n  \
    engine host init --storage /srv/engine --addresses 192.168.1.48/28 --bridge br0\n  \
    engine host init --connect qemu+ssh://root@rack-1/system --yes\n\n\
    What is there already stays as it is, so that it can be run again at any time. `engine doctor --target libvirt` makes \
    the same checks and changes nothing.")]
struct InitArguments {
    /// The host's folder for disks and images; without it, /var/lib/libvirt/<storage pool>
    #[arg(long, value_name = "FOLDER")]
    storage: Option<String>,
    /// Addresses of the host's site that clusters may have: networks, ranges or single ones; those of before without it
    #[arg(long, value_name = "RANGE", num_args = 1.., value_delimiter = ',')]
    addresses: Vec<String>,
    /// Takes the addresses of before back
    #[arg(long, conflicts_with = "addresses")]
    no_addresses: bool,
    /// The host's bridge into its site's network; the one of before without it
    #[arg(long, value_name = "NAME")]
    bridge: Option<String>,
    /// Takes the bridge of before back
    #[arg(long, conflicts_with = "bridge")]
    no_bridge: bool,
    /// The storage pool
    #[arg(long, value_name = "NAME", default_value = DEFAULT_POOL)]
    storage_pool: String,
    /// The host's libvirt, such as qemu+ssh://host/system; without it, qemu:///system [env: LIBVIRT_DEFAULT_URI]
    #[arg(long, value_name = "URI")]
    connect: Option<String>,
    /// Starts a machine without a disk for 20 s to see whether KVM works; an image is needed for it
    #[arg(long)]
    probe: bool,
}

impl InitArguments {
    fn wish(&self) -> HostWish {
        let addresses = (self.no_addresses || !self.addresses.is_empty()).then(|| self.addresses.clone());
        let bridge = if self.no_bridge { Some(String::new()) } else { self.bridge.clone() };
        HostWish { pool: self.storage_pool.clone(), storage: self.storage.clone(), addresses, bridge }
    }
}

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    match &arguments.what {
        What::Init(arguments) => init(call, arguments),
    }
}

fn init(call: &Call, arguments: &InitArguments) -> Result<Exit, CliError> {
    let wish = arguments.wish();
    let uri = libvirt::uri(None, arguments.connect.as_deref());
    let hypervisor = libvirt::open_host(uri)?;
    let plan = plan_host(&*hypervisor, &wish).map_err(wrong_wish)?;
    let style = call.output.error_style;
    let mut done = Vec::new();
    if plan.steps.is_empty() {
        call.output.note(&format!("{} is prepared already\n", style.strong(uri)));
    } else {
        call.output.note(&format!("{} is prepared:\n", style.strong(uri)));
        for step in &plan.steps {
            call.output.note(&format!("  {}\n", harmless(&step.describe(&wish.pool))));
        }
        consent(call)?;
        let result = prepare_host(&*hypervisor, &plan, &mut |step| {
            let told = step.describe(&wish.pool);
            call.output.note(&format!("{} {}\n", style.good("done:"), harmless(&told)));
            done.push(told);
        });
        result.map_err(|fault| {
            let help = fault.help.clone().map(|help| format!("{help}; ")).unwrap_or_default();
            CliError::from(fault).help(format!("{help}run it again then: what was done stays"))
        })?;
    }
    let kernel = arguments.probe.then(|| newest_kernel(call)).flatten();
    let question = Question {
        uri,
        pool: &wish.pool,
        image: DEFAULT_IMAGE,
        image_folder: None,
        kernel: kernel.as_deref(),
        group: "",
        demand: None,
        probes: arguments.probe,
    };
    let findings = look(call, &*hypervisor, &question);
    Ok(tell(call, uri, &findings, &json!({ "storagePool": wish.pool, "done": done })))
}

/// What makes no sense is the command line's fault.
fn wrong_wish(fault: Fault) -> CliError {
    let is_wrong = fault.class == FaultClass::Invalid;
    let mut error = CliError::from(fault);
    if is_wrong {
        error.exit = Exit::Usage;
    }
    error
}

fn consent(call: &Call) -> Result<(), CliError> {
    if call.yes {
        return Ok(());
    }
    if !call.environment.interactive {
        return Err(CliError::usage("this changes the host, and there is no terminal to ask on")
            .help("look at the list above, then say --yes"));
    }
    if ask("Do this?") { Ok(()) } else { Err(CliError::new(Exit::Failure, "nothing was changed")) }
}
