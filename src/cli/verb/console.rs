//! `console`: becomes `virsh console` on a machine's domain.

use clap::Args;
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::existing::{existing_cluster, existing_snapshot, look_at_existing};
use crate::cli::options::{ExistingOptions, StatePlaceOptions, TargetOptions};
use crate::cli::place::describe_target;
use crate::cli::program::Program;
use crate::cli::state::existing_store;
use crate::cli::{Call, Exit, libvirt};
use crate::cluster::{Place, find_member, members};
use crate::contract::{Observation, TargetName};
use crate::model::OnPrem;
use crate::target::libvirt::domain_name;
use crate::view::harmless;

/// Arguments of `engine console`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  engine console k8s-pool1-11600910-0 -o _output/demo\n\n\
    Leave the console by Ctrl+]. It shows what the machine writes to its first serial port, and needs no network of the \
    machine's. With --json the command is told and not run.")]
pub struct Arguments {
    /// The machine: its node's name, its resource's, or a part of one that no other has
    #[arg(value_name = "NODE")]
    node: Option<String>,
    /// Takes the console away from who has it open
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: StatePlaceOptions,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let existing = ExistingOptions::from(&arguments.place);
    let store = existing_store(call, &existing, &arguments.target).await?;
    let snapshot = existing_snapshot(&store, &existing)?;
    let all = members(&snapshot, &[]);
    let member = find_member(&all, arguments.node.as_deref().unwrap_or_default())?;
    let name = harmless(&member.name);
    let (target, scope) = (snapshot.identity.target, &snapshot.identity.scope);
    let group = harmless(&scope.resource_group);
    let refuse = |help: String| {
        let message =
            format!("{name} is on {}: the engine opens consoles of libvirt's machines", describe_target(target));
        CliError::new(Exit::Environment, message).help(help)
    };
    match target {
        TargetName::Libvirt => {}
        TargetName::Azure => {
            let help = format!(
                "Azure's own serial console, which needs boot diagnostics: `az serial-console connect -g {group} -n {name}`, \
                 or `az vm boot-diagnostics get-boot-log -g {group} -n {name}`"
            );
            return Err(refuse(help));
        }
        TargetName::Stack => {
            return Err(refuse("the stamp's portal shows a machine's boot diagnostics".to_owned()));
        }
        TargetName::Simulator => {
            return Err(refuse("the machines on the simulator are not real".to_owned()));
        }
    }
    let Place::Resource { address, .. } = &member.place else {
        return Err(refuse("it is an instance of a scale set, of which there are none on-prem".to_owned()));
    };
    let cluster = existing_cluster(store.folder());
    let on_prem = cluster.as_ref().and_then(|cluster| cluster.on_prem.as_ref());
    let uri = match on_prem.filter(|on_prem| on_prem.hosts.len() > 1) {
        Some(on_prem) => {
            // The target knows on which of them it has made the machine.
            let connected = look_at_existing(call, &store, &existing, &arguments.target).await?;
            let seen = connected.session.target.observe(address).await;
            connected.close(call).await;
            uri_of(on_prem, &name, seen?.as_ref())?
        }
        None => libvirt::uri(on_prem, arguments.target.connect.as_deref()),
    };
    let domain = domain_name(&address.id);
    let mut words = vec!["--connect", uri, "console", "--domain", &domain];
    words.extend(arguments.force.then_some("--force"));
    let virsh = Program {
        name: "virsh",
        arguments: words.into_iter().map(Into::into).collect(),
        help: "install libvirt's own client (Debian: `apt install libvirt-clients`)",
    };
    call.output.data(&json!({
        "format": 1, "node": member.node, "machine": member.name, "domain": domain, "uri": uri, "command": virsh.words(),
    }));
    if call.output.json {
        return Ok(Exit::Success);
    }
    call.output.note(&format!("The console of {domain} on {}: leave it by Ctrl+]\n", harmless(uri)));
    virsh.replace_this()
}

/// How the host is reached that has a machine, of which this was seen.
fn uri_of<'a>(on_prem: &'a OnPrem, machine: &str, seen: Option<&Observation>) -> Result<&'a str, CliError> {
    let host = seen.and_then(|seen| seen.body.pointer("/properties/instanceView/assignedHost")?.as_str());
    let found = host.and_then(|name| on_prem.hosts.iter().find(|host| host.name.eq_ignore_ascii_case(name)));
    // What was made when there was one host only is on the first.
    let first = || on_prem.hosts.first().filter(|_| seen.is_some() && host.is_none());
    found.or_else(first).map(|host| host.uri.as_str()).ok_or_else(|| {
        let message = format!("{machine} is on none of the model's hosts");
        CliError::new(Exit::Environment, message).help("see what is there: `engine plan`")
    })
}
