//! How a machine is reached by SSH: at its private address from the host or from its network, at a public address, through a
//! load balancer's rule, or through another machine.

use std::net::IpAddr;
use std::path::PathBuf;

use super::members::Member;
use super::search::{Search, no_way};
use crate::cluster::ClusterError;
use crate::contract::{Target, TargetName};
use crate::model::Cluster;
use crate::state::Snapshot;

/// How the way shall be.
#[derive(Debug, Clone, Default)]
pub struct How<'a> {
    /// At the private address: whoever goes is in the network, or near it.
    pub private: bool,
    /// Through this host, to the private address.
    pub jump: Option<Hop>,
    /// The libvirt that the machines are on.
    pub uri: &'a str,
}

/// A machine on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// Somebody's own host, of which SSH knows what it has to.
    Host {
        /// The account; `None`: what SSH's configuration says.
        user: Option<String>,
        /// Its name or address.
        host: String,
        /// Its port; `None`: what SSH's configuration says.
        port: Option<u16>,
        /// The private key for it.
        identity: Option<PathBuf>,
    },
    /// Another machine of the cluster.
    Machine(Box<Way>),
}

/// A way to a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The account.
    pub user: String,
    /// The address.
    pub host: IpAddr,
    /// The port.
    pub port: u16,
    /// What the machine's key is known by: its name, and what no machine has that was made in its place.
    pub alias: String,
    /// The public keys that the machine lets in, as far as they are known.
    pub public_keys: Vec<String>,
    /// The machine on the way, if there is one.
    pub hop: Option<Hop>,
}

impl Hop {
    /// `[USER@]HOST[:PORT]`, with an address of IPv6 in brackets.
    pub fn of_destination(text: &str) -> Option<Self> {
        let (user, place) = text.rsplit_once('@').map_or((None, text), |(user, place)| (Some(user), place));
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, port)) => {
                address.parse::<std::net::Ipv6Addr>().ok()?;
                (address, port.strip_prefix(':').or_else(|| port.is_empty().then_some(""))?)
            }
            None => place.split_once(':').unwrap_or((place, "")),
        };
        let plain = |text: &str, more: &[u8]| {
            text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_' || first == ':')
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        let port = match port {
            "" => None,
            port => Some(port.parse::<u16>().ok().filter(|port| *port > 0)?),
        };
        (plain(host, b"-._:") && user.is_none_or(|user| plain(user, b"-._"))).then(|| Self::Host {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
            identity: None,
        })
    }
}

/// The way to a machine.
///
/// # Errors
/// The machine is gone, or nothing leads there; a target that does not answer.
pub async fn way_to(
    target: &dyn Target,
    snapshot: &Snapshot,
    cluster: Option<&Cluster>,
    member: &Member,
    how: &How<'_>,
) -> Result<Way, ClusterError> {
    let search = Search { target, snapshot, cluster };
    match snapshot.identity.target {
        TargetName::Simulator => Err(no_way(
            format!("{} is on the simulator, where no machine is real", member.name),
            "deploy to azure or libvirt to have some",
        )),
        _ if how.private || how.jump.is_some() => search.private(member, how.jump.clone()).await,
        TargetName::Libvirt => search.on_prem(member, how.uri).await,
        TargetName::Azure | TargetName::Stack => search.public(member).await,
    }
}
