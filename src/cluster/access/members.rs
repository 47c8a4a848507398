//! The machines of a cluster, by the names that people know them by.

use std::net::IpAddr;

use serde_json::Value as Json;

use crate::cluster::ClusterError;
use crate::contract::{Address, Applied};
use crate::kubernetes::NodeStatus;
use crate::state::Snapshot;

/// The type of machines that the state knows one by one.
const MACHINE: &str = "Microsoft.Compute/virtualMachines";

/// How many names a message lists.
const MOST_NAMES: usize = 40;

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its resource's name, or its node's if it has no resource of its own.
    pub name: String,
    /// Its host name, which is its node's.
    pub node: String,
    /// Where it is known from.
    pub place: Place,
}

/// Where a machine is known from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A resource of the state.
    Resource {
        /// The machine.
        address: Address,
        /// The ids of its interfaces, the primary one first.
        interfaces: Vec<String>,
        /// The administrator's account on it.
        user: Option<String>,
        /// The public keys that it lets in.
        public_keys: Vec<String>,
    },
    /// A node that the API server knows: an instance of a scale set.
    Node(IpAddr),
}

fn text<'a>(body: &'a Json, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

fn items<'a>(body: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    body.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

fn machine(applied: &Applied) -> Member {
    let body = &applied.body;
    let name = applied.address.name.clone();
    let mut interfaces: Vec<&Json> = items(body, "/properties/networkProfile/networkInterfaces").collect();
    interfaces.sort_by_key(|it| it["properties"]["primary"].as_bool() != Some(true));
    let keys = items(body, "/properties/osProfile/linuxConfiguration/ssh/publicKeys");
    Member {
        node: text(body, "/properties/osProfile/computerName").unwrap_or(&name).to_owned(),
        place: Place::Resource {
            address: Address::clone(&applied.address),
            interfaces: interfaces.into_iter().filter_map(|it| Some(it["id"].as_str()?.to_owned())).collect(),
            user: text(body, "/properties/osProfile/adminUsername").map(str::to_owned),
            public_keys: keys.filter_map(|key| Some(key["keyData"].as_str()?.to_owned())).collect(),
        },
        name,
    }
}

/// The machines that the state knows, and the nodes that are none of them, by their names.
pub fn members(snapshot: &Snapshot, nodes: &[NodeStatus]) -> Vec<Member> {
    let of_state = snapshot.applied.values().filter(|it| it.address.resource_type.eq_ignore_ascii_case(MACHINE));
    let mut members: Vec<Member> = of_state.map(machine).collect();
    for node in nodes {
        let is_known = members.iter().any(|member| member.node.eq_ignore_ascii_case(&node.name));
        if let Some(address) = node.internal_address.parse().ok().filter(|_| !is_known) {
            let name = node.name.clone();
            members.push(Member { node: name.clone(), name, place: Place::Node(address) });
        }
    }
    members.sort_by(|one, other| one.node.cmp(&other.node));
    members
}

/// The machine of a name: its node's, its resource's, or a part of one that no other has.
///
/// # Errors
/// None, or several; both with the names there are.
pub fn find_member<'a>(members: &'a [Member], asked: &str) -> Result<&'a Member, ClusterError> {
    let lower = asked.to_lowercase();
    let names = |member: &Member| [member.node.to_lowercase(), member.name.to_lowercase()];
    if let Some(member) = members.iter().find(|member| names(member).contains(&lower)) {
        return Ok(member);
    }
    let fitting: Vec<&Member> = members
        .iter()
        .filter(|member| !lower.is_empty() && names(member).iter().any(|name| name.contains(&lower)))
        .collect();
    match fitting.as_slice() {
        [only] => Ok(only),
        [] => {
            let problem = if asked.is_empty() {
                "no machine is named".to_owned()
            } else {
                format!("there is no machine `{asked}`")
            };
            let help = match members {
                [] => "the cluster has no machines: `engine status` shows what there is".to_owned(),
                some => format!("the machines are {}", listed(some.iter())),
            };
            Err(ClusterError::NoMachine { problem, help })
        }
        several => Err(ClusterError::NoMachine {
            problem: format!("`{asked}` is part of several machines' names"),
            help: format!("write more of one of {}", listed(several.iter().copied())),
        }),
    }
}

fn listed<'a>(members: impl Iterator<Item = &'a Member>) -> String {
    let mut names: Vec<&str> = members.map(|member| member.node.as_str()).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}
