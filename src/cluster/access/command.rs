//! What `ssh` is told. A machine's key is believed when it is first seen, kept in the cluster's folder, and never again
//! replaced by another: by the machine's own alias, not by an address that the next machine may have.
//!
//! Source: ssh_config(5) of OpenSSH 10.0 (tokens, quoting, `ProxyCommand`, `HostKeyAlias`), read 2026-11-28.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::way::{Hop, Way};
use crate::cluster::ClusterError;

/// The files that belong to a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshFiles {
    /// The keys of the cluster's machines.
    pub known_hosts: PathBuf,
    /// The private key for the machine; `None`: whatever SSH finds.
    pub identity: Option<PathBuf>,
    /// The private key for the cluster's machine on the way.
    pub hop_identity: Option<PathBuf>,
}

/// The arguments of `ssh`, without the program's name. There is no secret in them.
///
/// # Errors
/// A file's name that SSH would take for something else.
pub fn ssh_arguments(way: &Way, files: &SshFiles, command: &[OsString]) -> Result<Vec<OsString>, ClusterError> {
    let mut arguments = to_machine(way, &files.known_hosts, files.identity.as_deref())?;
    match &way.hop {
        None => {}
        Some(Hop::Machine(hop)) => {
            let own = to_machine(hop, &files.known_hosts, files.hop_identity.as_deref())?;
            arguments.extend(through(own, &hop.host.to_string()));
        }
        Some(Hop::Host { user, host, port, identity }) => {
            let mut own = Vec::new();
            if let Some(identity) = identity {
                own.extend(["-o".to_owned(), identity_file(identity)?]);
            }
            for (flag, value) in [("-l", user.clone()), ("-p", port.map(|port| port.to_string()))] {
                own.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
            }
            arguments.extend(through(own, host));
        }
    }
    let mut arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
    arguments.extend([OsString::from("--"), way.host.to_string().into()]);
    arguments.extend(command.iter().cloned());
    Ok(arguments)
}

/// What leads to one of the cluster's machines, but for its address.
fn to_machine(way: &Way, known_hosts: &Path, identity: Option<&Path>) -> Result<Vec<String>, ClusterError> {
    let mut arguments = Vec::new();
    for option in [
        format!("UserKnownHostsFile=\"{}\"", file(known_hosts)?),
        "StrictHostKeyChecking=accept-new".to_owned(),
        format!("HostKeyAlias={}", way.alias),
    ] {
        arguments.extend(["-o".to_owned(), option]);
    }
    if let Some(identity) = identity {
        arguments.extend(["-o", &identity_file(identity)?, "-o", "IdentitiesOnly=yes"].map(str::to_owned));
    }
    arguments.extend(["-l", &way.user, "-p", &way.port.to_string()].map(str::to_owned));
    Ok(arguments)
}

/// The option that goes through another machine, whose arguments these are.
fn through(arguments: Vec<String>, host: &str) -> Vec<String> {
    let words = ["ssh".to_owned()].into_iter().chain(arguments);
    // What the shell that SSH starts reads as one word, and SSH before it as no token.
    let words: Vec<String> = words.map(|word| quoted(&word).replace('%', "%%")).collect();
    let host = quoted(host).replace('%', "%%");
    vec!["-o".to_owned(), format!("ProxyCommand={} -W '[%h]:%p' -- {host}", words.join(" "))]
}

fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/=:@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The option that names a private key. `-i` looks for a file of the name as it is written, and takes tokens in it later.
fn identity_file(path: &Path) -> Result<String, ClusterError> {
    Ok(format!("IdentityFile=\"{}\"", file(path)?))
}

/// A file's name as SSH takes it: a percent sign begins a token there, `${` a variable.
fn file(path: &Path) -> Result<String, ClusterError> {
    let text = path.to_str().filter(|text| {
        !text.contains(|letter: char| letter.is_control() || matches!(letter, '"' | '\\' | '$'))
            && !text.starts_with('~')
    });
    let text = text.ok_or_else(|| ClusterError::NoWay {
        problem: format!("{} is no name that can be given to ssh", path.display()),
        help: "move the folder to where no name on the way has quotation marks, backslashes or dollar signs".to_owned(),
    })?;
    Ok(text.replace('%', "%%"))
}
