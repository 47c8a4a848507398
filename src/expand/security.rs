//! Who may come in and what may go out: the network security group.
//!
//! The API server is open to the ranges that the model gives, SSH (and RDP) is closed unless the model opens it; both
//! differ from aks-engine, which opened SSH to the world. Inside the network everything is open, as Azure's own rules
//! have it.

use ipnet::IpNet;

use super::ExpandError;
use super::context::{API_SERVER_PORT, Context, symbol};
use crate::graph::{Resource, Value};
use crate::model::OperatingSystem;

/// Priorities are aks-engine's, so that an adopted group's rules are found unchanged.
const API_SERVER_PRIORITY: u32 = 100;
const SSH_PRIORITY: u32 = 101;
const RDP_PRIORITY: u32 = 102;
const INTERNAL_OUTBOUND_PRIORITY: u32 = 110;
const OUTBOUND_PRIORITY: u32 = 120;

pub(super) fn build(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let network = &context.cluster.network;
    let mut rules = Vec::new();
    if network.private_cluster.is_some() {
        rules.push(
            Rule::inbound("allow_kube_tls", API_SERVER_PRIORITY, API_SERVER_PORT).from(&Source::Tag("VirtualNetwork")),
        );
    } else if let Some(source) = Source::of(&network.api_server_source_ranges) {
        rules.push(Rule::inbound("allow_kube_tls", API_SERVER_PRIORITY, API_SERVER_PORT).from(&source));
    }
    if let Some(source) = Source::of(&network.ssh_source_ranges) {
        rules.push(Rule::inbound("allow_ssh", SSH_PRIORITY, 22).from(&source));
        if context.cluster.pools.iter().any(|pool| pool.operating_system == OperatingSystem::Windows) {
            rules.push(Rule::inbound("allow_rdp", RDP_PRIORITY, 3389).from(&source));
        }
    }
    if network.block_outbound_internet {
        rules.push(outbound("allow_vnet", INTERNAL_OUTBOUND_PRIORITY, "Allow", "VirtualNetwork"));
        rules.push(outbound("block_outbound", OUTBOUND_PRIORITY, "Deny", "*"));
    }
    let group = context
        .resource(symbol::SECURITY_GROUP, "Microsoft.Network/networkSecurityGroups", context.names.security_group())?
        .properties(Value::object([("securityRules", Value::array(rules))]));
    Ok(vec![group])
}

/// Where traffic comes from.
pub(super) enum Source {
    /// One of Azure's words, or one range.
    Tag(&'static str),
    Range(String),
    Ranges(Vec<String>),
}

impl Source {
    /// The source for some ranges; `None` if nobody is meant.
    pub(super) fn of(ranges: &[IpNet]) -> Option<Self> {
        match ranges {
            [] => None,
            ranges if ranges.iter().any(|range| range.prefix_len() == 0) => Some(Self::Tag("*")),
            [range] => Some(Self::Range(range.to_string())),
            ranges => Some(Self::Ranges(ranges.iter().map(ToString::to_string).collect())),
        }
    }
}

/// A rule that lets TCP in on a port.
pub(super) struct Rule {
    name: &'static str,
    priority: u32,
    port: u16,
}

impl Rule {
    pub(super) fn inbound(name: &'static str, priority: u32, port: u16) -> Self {
        Self { name, priority, port }
    }

    pub(super) fn from(self, source: &Source) -> Value {
        let mut properties = Value::object([
            ("access", "Allow".into()),
            ("description", format!("Lets TCP port {} in.", self.port).into()),
            ("direction", "Inbound".into()),
            ("priority", self.priority.into()),
            ("protocol", "Tcp".into()),
            ("sourcePortRange", "*".into()),
            ("destinationAddressPrefix", "*".into()),
            ("destinationPortRange", self.port.to_string().into()),
        ]);
        match source {
            Source::Tag(tag) => properties.insert("sourceAddressPrefix", (*tag).into()),
            Source::Range(range) => properties.insert("sourceAddressPrefix", range.as_str().into()),
            Source::Ranges(ranges) => {
                let ranges = ranges.iter().map(|range| range.as_str().into());
                properties.insert("sourceAddressPrefixes", Value::array(ranges));
            }
        }
        named(self.name, properties)
    }
}

fn outbound(name: &str, priority: u32, access: &str, destination: &str) -> Value {
    named(
        name,
        Value::object([
            ("access", access.into()),
            ("direction", "Outbound".into()),
            ("priority", priority.into()),
            ("protocol", "*".into()),
            ("sourceAddressPrefix", "VirtualNetwork".into()),
            ("sourcePortRange", "*".into()),
            ("destinationAddressPrefix", destination.into()),
            ("destinationPortRange", "*".into()),
        ]),
    )
}

/// A part of a resource: a name and properties.
pub(super) fn named(name: impl Into<Value>, properties: Value) -> Value {
    Value::object([("name", name.into()), ("properties", properties)])
}
