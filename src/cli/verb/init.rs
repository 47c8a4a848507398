//! `init`: asks a few questions on a terminal, and writes a model in which a comment explains each value.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::base::{Source, read_text, write_public};
use crate::catalog::DEFAULT_KUBERNETES_RELEASE;
use crate::cli::error::CliError;
use crate::cli::output::ask_for;
use crate::cli::{Call, Exit};
use crate::model::{ReadOptions, Starter, read};

/// Arguments of `engine init`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  engine init\n  \
    engine init production.json --yes -p production -l westeurope --control-plane-count 3 --worker-count 5")]
pub struct Arguments {
    /// The file to write
    #[arg(value_name = "FILE", default_value = "cluster.json")]
    file: PathBuf,
    /// The cluster's name, which is the beginning of its DNS names
    #[arg(short = 'p', long, value_name = "PREFIX")]
    dns_prefix: Option<String>,
    /// The location
    #[arg(short = 'l', long, value_name = "LOCATION")]
    location: Option<String>,
    /// How many control-plane machines: 1, 3 or 5
    #[arg(long, value_name = "NUMBER")]
    control_plane_count: Option<u32>,
    /// How many worker machines
    #[arg(long, value_name = "NUMBER")]
    worker_count: Option<u32>,
    /// The size of the machines
    #[arg(long, value_name = "SIZE")]
    vm_size: Option<String>,
    /// The SSH public key of the machines' administrator; without it, the first one in ~/.ssh
    #[arg(long, value_name = "FILE")]
    ssh_public_key: Option<PathBuf>,
    /// Replaces a file that is there
    #[arg(short = 'f', long)]
    force_overwrite: bool,
}

/// The names under which `ssh-keygen` keeps public keys, the best first.
const SSH_KEYS: [&str; 3] = ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"];

/// Runs the verb.
pub fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let file = &arguments.file;
    if file.exists() && !arguments.force_overwrite {
        return Err(CliError::usage(format!("{} is there already", file.display()))
            .help("name another file, or say --force-overwrite"));
    }
    let asks = call.environment.interactive && !call.yes;
    if asks {
        call.output.note("A few questions. Enter takes what stands in brackets; everything can be changed later.\n\n");
    }
    let starter = Starter {
        dns_prefix: answer(asks, arguments.dns_prefix.clone(), "The cluster's name", "mycluster")?,
        location: answer(asks, arguments.location.clone(), "The location", "westus2")?,
        control_plane_count: answer(asks, arguments.control_plane_count, "Control-plane machines (1, 3 or 5)", 3u32)?,
        worker_count: answer(asks, arguments.worker_count, "Worker machines", 3u32)?,
        vm_size: answer(asks, arguments.vm_size.clone(), "Size of the machines", "Standard_D2s_v5")?,
        release: DEFAULT_KUBERNETES_RELEASE.to_owned(),
        ssh_key: ssh_key(call, arguments, asks)?,
        on_prem: None,
    };
    let text = starter.text();
    // What was answered is judged as any model is, before anything is written.
    let source = Source { name: file.display().to_string(), text };
    let reading = read(&source, &ReadOptions::default());
    if reading.cluster.is_none() {
        let mut error = CliError::new(Exit::Definition, "this would be no model; nothing was written");
        error.diagnostics = Some(Box::new((source, reading.diagnostics)));
        return Err(error);
    }
    call.output.warnings(&source, &reading.diagnostics);
    write_public(file, source.text.as_bytes())?;
    let shown = file.display();
    let style = call.output.style;
    call.output.text(&format!("{} {}\n\n{}\n", style.good("Written:"), shown, style.strong("Next:")));
    for (command, what_for) in [
        (format!("engine explain {shown}"), "every value, and why it is so"),
        (format!("engine deploy {shown} --target simulator"), "try it without a cloud"),
        (format!("engine generate {shown}"), "the template, the keys, the kubeconfig"),
    ] {
        call.output.text(&format!("  {command:<46}  {}\n", style.faint(what_for)));
    }
    call.output.data(&json!({ "format": 1, "file": shown.to_string() }));
    Ok(Exit::Success)
}

/// What the command line says, else what is answered, else the default.
fn answer<T: std::str::FromStr + std::fmt::Display>(
    asks: bool,
    given: Option<T>,
    question: &str,
    default: impl Into<T>,
) -> Result<T, CliError> {
    let default = default.into();
    match given {
        Some(given) => return Ok(given),
        None if !asks => return Ok(default),
        None => {}
    }
    let text = ask_for(&format!("{question} [{default}]:"));
    if text.is_empty() {
        return Ok(default);
    }
    text.parse().map_err(|_| CliError::usage(format!("`{text}` is no number")).help("run `engine init` again"))
}

/// The administrator's public key: a private one is never looked at.
fn ssh_key(call: &Call, arguments: &Arguments, asks: bool) -> Result<String, CliError> {
    let own = own_public_key(call);
    let path = match (&arguments.ssh_public_key, own) {
        (Some(path), _) => path.clone(),
        (None, own) if asks => {
            let shown = own.as_ref().map(|own| own.display().to_string()).unwrap_or_default();
            let said = ask_for(&format!("Your SSH public key [{shown}]:"));
            match (said.is_empty(), own) {
                (true, Some(own)) => own,
                (true, None) => return Err(no_key()),
                (false, _) => PathBuf::from(said),
            }
        }
        (None, Some(own)) => own,
        (None, None) => return Err(no_key()),
    };
    read_public_key(&path)
}

/// The public key of whoever runs this, if there is one where `ssh-keygen` keeps them.
pub fn own_public_key(call: &Call) -> Option<PathBuf> {
    let home = call.environment.get("HOME").map(Path::new)?;
    SSH_KEYS.iter().map(|name| home.join(".ssh").join(name)).find(|path| path.is_file())
}

/// The first line of a file with a public key.
///
/// # Errors
/// A file that cannot be read, or that holds a private key.
pub fn read_public_key(path: &Path) -> Result<String, CliError> {
    let text = read_text(path)?;
    let key = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if key.contains("PRIVATE KEY") {
        return Err(CliError::usage(format!("{} is a private key", path.display()))
            .help("name the public one, which ends with .pub"));
    }
    Ok(key.to_owned())
}

fn no_key() -> CliError {
    CliError::usage("there is no SSH public key in ~/.ssh")
        .help("make one by `ssh-keygen -t ed25519`, or name one by --ssh-public-key")
}
