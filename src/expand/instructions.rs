//! What somebody else has to do for a cluster in a network that exists already: the engine writes into its own group only,
//! and says by which commands the network's owner does the rest.
//!
//! Deliberately absent: when that is due (`cluster` looks at the plan), and the longer word on it (`docs/given-networks.md`).

use std::collections::BTreeSet;

use super::Names;
use super::context::{CONTROL_PLANE_POOL, symbol};
use crate::model::{Cluster, Identity};

/// Something to be done by somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// What and why, in a sentence without its full stop.
    pub text: String,
    /// Commands of a POSIX shell with the Azure CLI, in order.
    pub commands: Vec<String>,
    /// The symbols of the resources that call for it: it is due once one of them is made.
    pub after: Vec<String>,
}

impl Instruction {
    /// The sentence, and below it each command on a line of its own.
    pub fn lines(&self) -> String {
        let mut text = format!("{}:", self.text);
        for command in &self.commands {
            text.push_str("\n  ");
            text.push_str(command);
        }
        text
    }
}

/// What is to be done for a cluster in a resource group; nothing in a network that the engine makes.
pub fn instructions(cluster: &Cluster, resource_group: &str) -> Vec<Instruction> {
    let subnets = given_subnets(cluster);
    let Some(network) = subnets.iter().next().and_then(|subnet| network_of(subnet)) else { return Vec::new() };
    let mut instructions = Vec::new();
    if cluster.network.needs_route_table() {
        instructions.push(attach_routes(cluster, resource_group, &subnets));
    }
    // In the cluster's own group its role is there already.
    if !network.group.eq_ignore_ascii_case(resource_group) {
        instructions.push(give_role(cluster, resource_group, &network));
    }
    instructions
}

/// The subnets that the model names, each once.
fn given_subnets(cluster: &Cluster) -> BTreeSet<&str> {
    let plane = &cluster.control_plane;
    let of_plane = plane.subnet_id.iter().chain(&plane.agent_subnet_id);
    of_plane.chain(cluster.pools.iter().filter_map(|pool| pool.subnet_id.as_ref())).map(String::as_str).collect()
}

/// A network that exists: its id, its resource group.
struct GivenNetwork<'a> {
    id: &'a str,
    group: &'a str,
}

fn network_of(subnet: &str) -> Option<GivenNetwork<'_>> {
    let end = subnet.to_ascii_lowercase().find("/subnets/")?;
    let id = subnet.get(..end)?;
    let mut segments = id.split('/');
    segments.find(|segment| segment.eq_ignore_ascii_case("resourceGroups"))?;
    Some(GivenNetwork { id, group: segments.next()? })
}

fn attach_routes(cluster: &Cluster, resource_group: &str, subnets: &BTreeSet<&str>) -> Instruction {
    let table = format!(
        "$(az network route-table show --resource-group {} --name {} --query id --output tsv)",
        quoted(resource_group),
        quoted(&Names::of(cluster).route_table())
    );
    Instruction {
        text: "kubenet's routes serve once the cluster's route table is attached to your subnets, which the engine does not \
               change; as soon as the table is there"
            .to_owned(),
        commands: subnets
            .iter()
            .map(|subnet| format!("az network vnet subnet update --ids {} --route-table \"{table}\"", quoted(subnet)))
            .collect(),
        after: vec![symbol::ROUTE_TABLE.to_owned()],
    }
}

fn give_role(cluster: &Cluster, resource_group: &str, network: &GivenNetwork<'_>) -> Instruction {
    let group = quoted(resource_group);
    let plane = &cluster.control_plane;
    let machines = || vec![symbol::of(CONTROL_PLANE_POOL, "machine"), symbol::of(CONTROL_PLANE_POOL, "scale-set")];
    let (principals, after): (Vec<String>, Vec<String>) = match &cluster.identity {
        Identity::SystemAssigned if plane.is_scale_set() => {
            let name = quoted(&Names::of(cluster).control_plane_scale_set());
            let show = format!("az vmss show --resource-group {group} --name {name} --query identity.principalId");
            (vec![format!("\"$({show} --output tsv)\"")], machines())
        }
        Identity::SystemAssigned => {
            let prefix = Names::of(cluster).control_plane_prefix();
            let of = |index: u32| {
                let name = quoted(&format!("{prefix}{index}"));
                let show = format!("az vm show --resource-group {group} --name {name} --query identity.principalId");
                format!("\"$({show} --output tsv)\"")
            };
            ((0..plane.count).map(of).collect(), machines())
        }
        Identity::UserAssigned { id, .. } => {
            let (which, after) = match cluster.identity.name_to_create() {
                Some(name) => {
                    (format!("--resource-group {group} --name {}", quoted(name)), vec![symbol::IDENTITY.to_owned()])
                }
                None => (format!("--ids {}", quoted(id)), machines()),
            };
            (vec![format!("\"$(az identity show {which} --query principalId --output tsv)\"")], after)
        }
        Identity::ServicePrincipal { client_id, object_id, .. } => {
            let principal = match object_id {
                Some(id) => quoted(id),
                None => format!("\"$(az ad sp show --id {} --query id --output tsv)\"", quoted(client_id)),
            };
            (vec![principal], machines())
        }
    };
    let scope = quoted(network.id);
    Instruction {
        text: format!(
            "the cloud controller joins load balancers to your subnets, for which it needs a role on the network in the \
             group {}, where the engine gives none; once the identity is there{}",
            network.group.escape_debug(),
            // An identity dies with its machine.
            if cluster.identity == Identity::SystemAssigned && !plane.is_scale_set() {
                ", and again for each control-plane machine that is made anew"
            } else {
                ""
            }
        ),
        commands: principals
            .iter()
            .map(|principal| {
                format!(
                    "az role assignment create --role \"Network Contributor\" --assignee-object-id {principal} \
                     --assignee-principal-type ServicePrincipal --scope {scope}"
                )
            })
            .collect(),
        after,
    }
}

/// A word for the shell, which says nothing but itself.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // A line's end would begin another command for whoever copies line by line.
    let word: String = word.chars().filter(|letter| !letter.is_control()).collect();
    format!("'{}'", word.replace('\'', "'\\''"))
}
