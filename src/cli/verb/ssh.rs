//! `ssh`: finds the way to a machine of a cluster, and becomes `ssh` on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::base::read_text;
use crate::cli::error::CliError;
use crate::cli::existing::{existing_cluster, existing_snapshot, look_at_existing};
use crate::cli::options::{ExistingOptions, StatePlaceOptions, TargetOptions};
use crate::cli::program::Program;
use crate::cli::session::Connected;
use crate::cli::state::existing_store;
use crate::cli::{Call, Exit, libvirt};
use crate::cluster::{ClusterError, Hop, How, Member, SshFiles, Way, find_member, members, ssh_arguments, way_to};
use crate::model::Cluster;
use crate::state::Snapshot;

/// Arguments of `engine ssh`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  engine ssh k8s-pool1-11600910-0\n  \
    engine ssh master -o _output/demo -- sudo crictl ps -a\n\n\
    A machine's key is believed when it is first seen, and kept in `known_hosts` of the cluster's folder; another machine's \
    in its place is refused. With --json the command is told and not run.")]
pub struct Arguments {
    /// The machine: its node's name, its resource's, or a part of one that no other has
    #[arg(value_name = "NODE")]
    node: Option<String>,
    /// What runs there; without it, a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// The private key to sign in with; without it, the one that belongs to a public key of the model, in the cluster's folder
    /// or in ~/.ssh
    #[arg(short = 'i', long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Goes to the private address: from within the machines' network
    #[arg(long)]
    private: bool,
    /// Goes through this host to the private address
    #[arg(long, value_name = "[USER@]HOST[:PORT]", value_parser = destination)]
    jump: Option<Hop>,
    #[command(flatten)]
    place: StatePlaceOptions,
    #[command(flatten)]
    target: TargetOptions,
}

/// The value of `--jump`.
fn destination(text: &str) -> Result<Hop, String> {
    Hop::of_destination(text).ok_or_else(|| "a host such as ada@192.0.2.1 or ada@rack-1:2222 is needed".to_owned())
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let existing = ExistingOptions::from(&arguments.place);
    let store = existing_store(call, &existing, &arguments.target).await?;
    let snapshot = existing_snapshot(&store, &existing)?;
    let cluster = existing_cluster(store.folder());
    let asked = arguments.node.as_deref().unwrap_or_default();
    if asked.is_empty() {
        // That tells which there are, without asking anybody.
        find_member(&members(&snapshot, &[]), asked)?;
    }
    let on_prem = cluster.as_ref().and_then(|cluster| cluster.on_prem.as_ref());
    let how = How {
        private: arguments.private,
        jump: arguments.jump.clone(),
        uri: libvirt::uri(on_prem, arguments.target.connect.as_deref()),
    };
    let connected = look_at_existing(call, &store, &existing, &arguments.target).await?;
    let found = find(&connected, &snapshot, cluster.as_ref(), asked, &how).await;
    connected.close(call).await;
    let (member, way) = found?;
    let folder = std::path::absolute(store.folder()).unwrap_or_else(|_| store.folder().to_owned());
    let files = files(call, arguments, &folder, &way)?;
    let ssh = Program {
        name: "ssh",
        arguments: ssh_arguments(&way, &files, &arguments.command)?,
        help: "install OpenSSH's client (Debian: `apt install openssh-client`)",
    };
    call.output.data(&json!({
        "format": 1, "node": member.node, "machine": member.name, "user": way.user, "address": way.host,
        "port": way.port, "command": ssh.words(),
    }));
    if call.output.json {
        return Ok(Exit::Success);
    }
    ssh.replace_this()
}

/// The machine that is meant, and the way to it. Nodes that are no resources of their own are asked for only then.
async fn find(
    connected: &Connected,
    snapshot: &Snapshot,
    cluster: Option<&Cluster>,
    asked: &str,
    how: &How<'_>,
) -> Result<(Member, Way), ClusterError> {
    let session = &connected.session;
    let mut known = members(snapshot, &[]);
    if find_member(&known, asked).is_err()
        && let Some(kubernetes) = &session.kubernetes
        && let Ok(nodes) = kubernetes.nodes().await
    {
        known = members(snapshot, &nodes);
    }
    let member = find_member(&known, asked)?;
    let way = way_to(&*session.target, snapshot, cluster, member, how).await?;
    Ok((member.clone(), way))
}

/// The files that belong to the way.
fn files(call: &Call, arguments: &Arguments, folder: &Path, way: &Way) -> Result<SshFiles, CliError> {
    let hop = match &way.hop {
        Some(Hop::Machine(hop)) => Some(hop),
        _ => None,
    };
    let own = |way: &Way| identity(call, folder, &way.user, &way.public_keys);
    let (identity, hop_identity) = match &arguments.identity {
        Some(path) if !path.is_file() => {
            return Err(CliError::usage(format!("there is no key {}", path.display()))
                .help("name the private key, which has no .pub behind it"));
        }
        Some(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            (Some(path.clone()), hop.map(|_| path))
        }
        None => (own(way), hop.and_then(|hop| own(hop))),
    };
    Ok(SshFiles { known_hosts: folder.join("known_hosts"), identity, hop_identity })
}

/// The names under which private keys are kept.
const KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// The private key that a machine lets in, if it lies where keys lie: in the cluster's folder, as `create` (`<user>_ed25519`) and
/// aks-engine (`<user>_rsa`) put one there, or in the user's own. Without one SSH looks for itself, in its agent too. A private
/// key is never read here.
fn identity(call: &Call, folder: &Path, user: &str, public_keys: &[String]) -> Option<PathBuf> {
    let made = folder.join(format!("{user}_rsa"));
    let created = folder.join(format!("{user}_ed25519"));
    let own = std::iter::once(created).chain(KEYS.iter().map(|name| folder.join(name)));
    let home = call.environment.get("HOME").map(|home| Path::new(home).join(".ssh"));
    let home = home.iter().flat_map(|home| KEYS.iter().map(move |name| home.join(name)));
    let fits = |private: &PathBuf| {
        let mut public = private.clone().into_os_string();
        public.push(".pub");
        let public = PathBuf::from(public);
        // One that was made for this cluster has no public half beside it.
        private.is_file() && if public.is_file() { is_let_in(&public, public_keys) } else { *private == made }
    };
    std::iter::once(made.clone()).chain(own).chain(home).find(fits)
}

/// Whether a public key is one of those that a machine lets in. What stands behind the key itself does not count.
fn is_let_in(path: &Path, public_keys: &[String]) -> bool {
    let key = |text: &str| text.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
    let own = read_text(path).map(|text| key(&text)).unwrap_or_default();
    own.len() == 2 && public_keys.iter().any(|public| key(public) == own)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::base::Environment;
    use crate::cli::output::Output;
    use crate::cli::settings::Settings;

    #[test]
    fn the_key_is_the_one_that_the_machine_lets_in() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("home");
        let folder = root.path().join("cluster");
        for folder in [home.join(".ssh"), folder.clone()] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let environment = Environment::of([("HOME", home.to_str().unwrap())]);
        let call = Call {
            settings: Vec::new(),
            found_settings: Settings::default(),
            output: Output::new(&environment, false),
            environment,
            creates_unasked: false,
            yes: false,
        };
        let public = ["ssh-ed25519 AAAAone ada@home".to_owned(), "ssh-rsa AAAAtwo".to_owned()];
        let found = || identity(&call, &folder, "ada", &public);
        assert_eq!(found(), None);
        let put = |path: PathBuf, public: Option<&str>| {
            std::fs::write(&path, "private").unwrap();
            if let Some(public) = public {
                std::fs::write(path.with_extension("pub"), public).unwrap();
            }
            path
        };
        put(home.join(".ssh/id_ed25519"), Some("ssh-ed25519 AAAAother me\n"));
        assert_eq!(found(), None, "another key");
        let own = put(home.join(".ssh/id_rsa"), Some("ssh-rsa AAAAtwo somebody else's comment\n"));
        assert_eq!(found(), Some(own));
        put(home.join(".ssh/id_ecdsa"), None);
        let of_cluster = put(folder.join("id_ed25519"), Some("ssh-ed25519 AAAAone\n"));
        assert_eq!(found(), Some(of_cluster));
        let created = put(folder.join("ada_ed25519"), Some("ssh-ed25519 AAAAone demo\n"));
        assert_eq!(found(), Some(created), "what `create` has made");
        let made = put(folder.join("ada_rsa"), None);
        assert_eq!(found(), Some(made));
    }

    #[test]
    fn a_way_through_a_host_is_a_host() {
        assert!(destination("ada@rack-1:22").is_ok());
        assert!(destination("-oProxyCommand=x").unwrap_err().contains("rack-1"));
    }
}
