//! Where a machine's addresses are, and what leads to them: read from the target, one resource after the other.

use std::net::IpAddr;

use serde_json::Value as Json;

use super::host::{HostOfUri, host_of_uri};
use super::members::{Member, Place, members};
use super::way::{Hop, Way};
use crate::cluster::{ClusterError, observe};
use crate::contract::{Address, Target};
use crate::model::{Cluster, NetworkMode};
use crate::state::Snapshot;

/// What a way is looked for with.
pub(super) struct Search<'a> {
    pub(super) target: &'a dyn Target,
    pub(super) snapshot: &'a Snapshot,
    pub(super) cluster: Option<&'a Cluster>,
}

/// A way that is none, with what would be one.
pub(super) fn no_way(problem: impl Into<String>, help: impl Into<String>) -> ClusterError {
    ClusterError::NoWay { problem: problem.into(), help: help.into() }
}

impl Search<'_> {
    /// The machine as it is now: nothing for one that is known as a node alone.
    async fn machine(&self, member: &Member) -> Result<Option<Json>, ClusterError> {
        let Place::Resource { address, .. } = &member.place else { return Ok(None) };
        match observe::read(self.target, address).await? {
            Some(seen) => Ok(Some(seen.body)),
            None => Err(no_way(
                format!("{} is gone", member.name),
                "`engine plan` shows what that means, and `engine deploy` makes it anew",
            )),
        }
    }

    /// A way that lacks its address.
    async fn begin(&self, member: &Member) -> Result<Way, ClusterError> {
        let machine = self.machine(member).await?;
        let own = match &member.place {
            Place::Resource { user, public_keys, .. } => (user.clone(), public_keys.clone()),
            Place::Node(_) => (None, Vec::new()),
        };
        let linux = self.cluster.map(|cluster| &cluster.linux);
        let user = own.0.or_else(|| linux.map(|linux| linux.admin_username.clone())).ok_or_else(|| {
            no_way(
                format!("nothing tells the administrator's account of {}", member.name),
                "the cluster's folder needs its apimodel.json: name the folder by `-o`",
            )
        })?;
        let keys = Some(own.1).filter(|keys| !keys.is_empty());
        let public_keys = keys.or_else(|| linux.map(|linux| linux.ssh_public_keys.clone())).unwrap_or_default();
        // One that is made in its place has another.
        let life = machine.as_ref().and_then(|machine| machine.pointer("/properties/vmId")?.as_str());
        let life = life.filter(|life| life.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        let alias = match life {
            Some(life) => format!("{}.{}", plain(&member.name), life.to_ascii_lowercase()),
            None => plain(&member.name),
        };
        Ok(Way { user, host: IpAddr::from([0, 0, 0, 0]), port: 22, alias, public_keys, hop: None })
    }

    /// At the private address.
    pub(super) async fn private(&self, member: &Member, hop: Option<Hop>) -> Result<Way, ClusterError> {
        let way = self.begin(member).await?;
        let host = match &member.place {
            Place::Node(address) => *address,
            Place::Resource { .. } => self.private_address(member).await?,
        };
        Ok(Way { host, hop, ..way })
    }

    async fn private_address(&self, member: &Member) -> Result<IpAddr, ClusterError> {
        for interface in self.interfaces(member).await? {
            for configuration in configurations(&interface) {
                if let Some(address) = address(configuration, "/properties/privateIPAddress") {
                    return Ok(address);
                }
            }
        }
        Err(no_way(
            format!("{} has no address", member.name),
            "`engine status` shows whether its interface is there and finished",
        ))
    }

    /// From the host, or from here through the host.
    pub(super) async fn on_prem(&self, member: &Member, uri: &str) -> Result<Way, ClusterError> {
        let mode = self.cluster.and_then(|cluster| Some(cluster.on_prem.as_ref()?.network_mode));
        let hop = match mode.unwrap_or(NetworkMode::Nat) {
            // The host has no part in their network, and the gateway lets nobody by but for what it balances.
            NetworkMode::Bridged => return self.public(member).await,
            // Machines that have addresses of their own are reached without the host.
            NetworkMode::Routed => None,
            NetworkMode::Nat => match host_of_uri(uri) {
                HostOfUri::Here => None,
                HostOfUri::BySsh(hop) => Some(hop),
                HostOfUri::Otherwise => {
                    return Err(no_way(
                        format!("{} is behind the host of {uri}, which is not reached by SSH", member.name),
                        "run this on the host, or say --jump USER@HOST for a way through it",
                    ));
                }
            },
        };
        self.private(member, hop).await
    }

    /// From outside: at a public address, by a balancer's rule, or through a machine that has one of these.
    pub(super) async fn public(&self, member: &Member) -> Result<Way, ClusterError> {
        if let Some((host, port)) = self.endpoint(member).await? {
            return Ok(Way { host, port, ..self.begin(member).await? });
        }
        let others = members(self.snapshot, &[]);
        let mut in_the_way = None;
        for other in others.iter().filter(|other| other.name != member.name) {
            if let Some((host, port)) = self.endpoint(other).await? {
                match self.begin(other).await {
                    Ok(way) => {
                        let hop = Way { host, port, ..way };
                        return self.private(member, Some(Hop::Machine(Box::new(hop)))).await;
                    }
                    // It may be gone, or on a host that cannot be asked; the next one does as well.
                    Err(error) => _ = in_the_way.get_or_insert(error),
                }
            }
        }
        if let Some(error) = in_the_way {
            return Err(error);
        }
        let closed = self.cluster.is_some_and(|cluster| cluster.network.ssh_source_ranges.is_empty());
        let own = if closed {
            "name those who may come in `accessProfile.sshSourceRanges` and deploy; "
        } else {
            "a private cluster is reached by a jumpbox (`privateCluster.jumpboxProfile`); "
        };
        Err(no_way(
            format!("nothing lets SSH in to {} from outside", member.name),
            format!("{own}within its network say --private, through a host of your own --jump USER@HOST"),
        ))
    }

    /// Where a machine is reached from outside, if anything lets one in.
    async fn endpoint(&self, member: &Member) -> Result<Option<(IpAddr, u16)>, ClusterError> {
        for interface in self.interfaces(member).await? {
            for configuration in configurations(&interface) {
                if let Some(id) = id(configuration, "/properties/publicIPAddress")
                    && let Some(address) = self.public_address(id).await?
                {
                    return Ok(Some((address, 22)));
                }
                // The rules are there for all control planes; whether the filter lets anybody in is the model's to say.
                if self.cluster.is_some_and(|cluster| cluster.network.ssh_source_ranges.is_empty()) {
                    continue;
                }
                for rule in items(configuration, "/properties/loadBalancerInboundNatRules") {
                    if let Some(rule) = rule["id"].as_str()
                        && let Some(endpoint) = self.front_end(rule).await?
                    {
                        return Ok(Some(endpoint));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Where a balancer's rule listens that leads to port 22.
    async fn front_end(&self, rule: &str) -> Result<Option<(IpAddr, u16)>, ClusterError> {
        let Some((balancer, name)) = split_id(rule, "/inboundNatRules/") else { return Ok(None) };
        let Some(balancer) = self.read(balancer).await? else { return Ok(None) };
        let named = |array: &str, name: &str| {
            items(&balancer, array)
                .find(|it| it["name"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name)))
                .cloned()
        };
        let Some(rule) = named("/properties/inboundNatRules", name) else { return Ok(None) };
        if rule.pointer("/properties/backendPort").and_then(Json::as_u64) != Some(22) {
            return Ok(None);
        }
        let port =
            rule.pointer("/properties/frontendPort").and_then(Json::as_u64).and_then(|port| u16::try_from(port).ok());
        let front = id(&rule, "/properties/frontendIPConfiguration").and_then(|id| id.rsplit('/').next());
        let Some((port, front)) = port.zip(front) else { return Ok(None) };
        let Some(front) = named("/properties/frontendIPConfigurations", front) else { return Ok(None) };
        match id(&front, "/properties/publicIPAddress") {
            Some(public) => Ok(self.public_address(public).await?.map(|address| (address, port))),
            None => Ok(None),
        }
    }

    async fn public_address(&self, id: &str) -> Result<Option<IpAddr>, ClusterError> {
        Ok(self.read(id).await?.and_then(|body| address(&body, "/properties/ipAddress")))
    }

    /// A machine's interfaces as they are now.
    async fn interfaces(&self, member: &Member) -> Result<Vec<Json>, ClusterError> {
        let Place::Resource { interfaces, .. } = &member.place else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for id in interfaces {
            found.extend(self.read(id).await?);
        }
        Ok(found)
    }

    /// A resource of the cluster's by its id.
    async fn read(&self, id: &str) -> Result<Option<Json>, ClusterError> {
        match self.known(id) {
            Some(address) => Ok(observe::read(self.target, address).await?.map(|seen| seen.body)),
            None => Ok(None),
        }
    }

    fn known(&self, id: &str) -> Option<&Address> {
        let mut known = self.snapshot.applied.values().map(|applied| &*applied.address);
        known.find(|address| address.id.eq_ignore_ascii_case(id))
    }
}

/// A name as one word of SSH's file of keys.
fn plain(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || "-._".contains(letter) { letter } else { '_' };
    name.to_ascii_lowercase().chars().map(letter).collect()
}

fn items<'a>(body: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    body.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

/// An interface's configurations, the primary one first.
fn configurations(interface: &Json) -> Vec<&Json> {
    let mut all: Vec<&Json> = items(interface, "/properties/ipConfigurations").collect();
    all.sort_by_key(|it| it["properties"]["primary"].as_bool() != Some(true));
    all
}

fn address(body: &Json, pointer: &str) -> Option<IpAddr> {
    body.pointer(pointer)?.as_str()?.parse().ok()
}

fn id<'a>(body: &'a Json, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer)?.get("id")?.as_str()
}

/// The parent's id and the name behind a segment, whatever their case.
fn split_id<'a>(id: &'a str, segment: &str) -> Option<(&'a str, &'a str)> {
    let at = id.to_ascii_lowercase().find(&segment.to_ascii_lowercase())?;
    Some((id.get(..at)?, id.get(at + segment.len()..)?))
}
