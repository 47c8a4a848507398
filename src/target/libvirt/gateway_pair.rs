//! Two gateways for a network that is on several hosts: one on the first host, one on another. They watch each other, and one of
//! them has all addresses (`gateway::Pair`), so that a host which is gone does not take the API server's address with it.

use super::gateway_machine::{MachineGateways, Member, gateway_id, site_mac};
use super::gateways::Gateways;
use super::names::{digits, mac_of};
use crate::contract::{Fault, FaultClass};
use crate::gateway::{Configuration, MachineStatus, Pair};

/// The gateways of several hosts.
pub struct GatewayPairs {
    first: MachineGateways,
    /// Those of the other hosts, of which one has it.
    others: Vec<MachineGateways>,
}

/// What the second gateway does, by what the first one does.
fn mirrored(first: &Configuration) -> Option<Configuration> {
    let pair = first.pair.as_ref()?;
    let own = ipnet::IpNet::new(pair.other, pair.own.prefix_len()).ok()?;
    let mut second = first.clone();
    second.pair = Some(Pair {
        own,
        other: pair.own.addr(),
        other_mac: digits(&mac_of(&gateway_id(&first.network, Member::First))),
        first: false,
    });
    if let Some(site) = &mut second.site {
        site.mac = digits(&site_mac(&gateway_id(&first.network, Member::Second)));
    }
    Some(second)
}

impl GatewayPairs {
    /// The gateways of these hosts: the first one has the first of each network.
    pub fn new(first: MachineGateways, others: Vec<MachineGateways>) -> Self {
        Self { first, others }
    }

    /// The host of a network's second gateway: where it is, whatever the order of the hosts was then, and else the second one.
    fn second(&self, network: &str) -> Result<Option<&MachineGateways>, Fault> {
        for other in &self.others {
            if other.has(network)? {
                return Ok(Some(other));
            }
        }
        Ok(self.others.first())
    }
}

impl Gateways for GatewayPairs {
    fn configure(&self, network: &str, configuration: &Configuration) -> Result<(), Fault> {
        let first = self.first.configure(network, configuration);
        // One of an image that is too old says so, and another of that image would not do better.
        if first.as_ref().is_err_and(|fault| fault.class == FaultClass::Invalid) {
            return first;
        }
        let second = match (mirrored(configuration), self.second(network)?) {
            (Some(configuration), Some(second)) => second.configure(network, &configuration),
            _ => Ok(()),
        };
        // Each is told, also where the other does not answer.
        first.and(second)
    }

    fn is_there(&self, network: &str) -> Result<bool, Fault> {
        let second = self.second(network)?;
        Ok(self.first.is_there(network)? && second.map_or(Ok(true), |second| second.is_there(network))?)
    }

    fn is_told(&self, network: &str) -> bool {
        // Of a network that has one gateway there is nothing to hear for another.
        let has_heard = |gateway: &MachineGateways| gateway.is_told(network) || !gateway.wants(network);
        self.first.is_told(network) && self.others.iter().all(has_heard)
    }

    fn status(&self, network: &str, machine: &str) -> Result<Option<MachineStatus>, Fault> {
        let second = self.second(network)?.map(|second| second.status(network, machine)).transpose()?.flatten();
        let both = [self.first.status(network, machine)?, second];
        Ok(both.into_iter().flatten().max_by_key(|status| status.at))
    }

    fn come_in_pairs(&self) -> bool {
        true
    }

    fn remove(&self, network: &str) -> Result<(), Fault> {
        self.first.remove(network)?;
        self.others.iter().try_for_each(|other| other.remove(network))
    }
}
