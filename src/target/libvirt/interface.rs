//! Interfaces: addresses, a hardware address, a packet filter.

use serde_json::{Value as Json, json};

use super::body::{self, invalid};
use super::gateway_machine::{Member, gateway_id};
use super::ledger::Record;
use super::names::{mac_of, object, uuid_of};
use super::network::filter_name;
use super::outside::Outside;
use super::told;
use super::work::{Work, types};
use super::xml::{AddressGivers, FilterPlan};
use crate::contract::{Address, Fault, Progress};

/// The name of an interface's filter.
pub fn interface_filter(id: &str) -> String {
    format!("{}.nic", object(body::group(id), body::last(id)))
}

impl Work<'_> {
    /// Allots an interface's addresses and makes its filter.
    pub(super) fn apply_interface(&mut self, address: &Address, body: Json) -> Result<Progress, Fault> {
        let mut body = body::completed(address, body, "Succeeded");
        body::give_ids(address, &mut body, "ipConfigurations");
        let before = self.ledger.get(&address.id).cloned();
        let list = body.pointer_mut("/properties/ipConfigurations").and_then(Json::as_array_mut);
        let Some(configurations) = list.filter(|list| !list.is_empty()) else {
            return Err(invalid("an interface needs an address", "give it an IP configuration"));
        };
        let mut given = std::collections::BTreeSet::new();
        // Addresses that were asked for go before those that are found.
        let is_static = |it: &Json| body::address(it, "/properties/privateIPAddress").is_some();
        let mut order: Vec<usize> = (0..configurations.len()).collect();
        order.sort_by_key(|index| !configurations.get(*index).is_some_and(is_static));
        let mut network = None;
        for index in order {
            let Some(configuration) = configurations.get_mut(index) else { continue };
            let name = body::text(configuration, "/name").unwrap_or_default().to_owned();
            if body::id(configuration, "/properties/publicIPAddress").is_some() {
                let message = format!("{}: on-prem a machine has no public address of its own", address.name);
                return Err(invalid(message, "reach the machine from the host, or through a balancer's NAT rule"));
            }
            let subnet_id = body::id(configuration, "/properties/subnet")
                .ok_or_else(|| invalid(format!("{name} names no subnet"), "give it one"))?
                .to_owned();
            let (record, subnet) = self.subnet(&subnet_id)?;
            let of_network = network.get_or_insert_with(|| record.address.id.clone());
            if !body::same(of_network, &record.address.id) {
                return Err(invalid("an interface is in one network", "make one interface for each network"));
            }
            let mut taken = self.taken(&subnet_id, &address.id);
            taken.extend(&given);
            let kept = before.as_ref().and_then(|before| {
                body::items(&before.body, "/properties/ipConfigurations")
                    .find(|other| body::text(other, "/name") == Some(&name))
                    .and_then(|other| body::address(other, "/properties/privateIPAddress"))
            });
            let asked = body::address(configuration, "/properties/privateIPAddress");
            let kept = kept.filter(|kept| !taken.contains(kept));
            let own = self.allot(subnet.plan.network, &taken, asked.or(kept), &address.name)?;
            given.insert(std::net::IpAddr::V4(own));
            configuration["properties"]["privateIPAddress"] = json!(own);
            configuration["properties"]["privateIPAddressVersion"] = json!("IPv4");
        }
        body["properties"]["macAddress"] = json!(mac_of(&address.id).replace(':', "-").to_ascii_uppercase());
        let record = self.begin(address, body, Json::Null)?;
        let network = self.referred(&network.unwrap_or_default())?;
        self.sync_filters(&network)?;
        self.define_interface_filter(&record)?;
        self.sync_network(&network)?;
        self.sync_gateways()?;
        self.finish(record)
    }

    /// The security group that counts for an interface.
    pub(super) fn security_group_of(&self, interface: &Record) -> Result<Option<String>, Fault> {
        let own = body::id(&interface.body, "/properties/networkSecurityGroup").map(str::to_owned);
        let subnet = told::primary_configuration(interface)
            .and_then(|configuration| body::id(configuration, "/properties/subnet"))
            .unwrap_or_default();
        let (_, subnet) = self.subnet(subnet)?;
        match (own, subnet.security_group) {
            (Some(one), Some(other)) if !body::same(&one, &other) => {
                let message = format!("{} has a security group, and so has its subnet", interface.address.name);
                Err(invalid(message, "on-prem one of the two filters; give it to the subnet"))
            }
            (own, subnet) => Ok(own.or(subnet)),
        }
    }

    /// The filter of an interface: that of the security group that counts for it, and else one that lets all pass.
    pub(super) fn define_interface_filter(&self, interface: &Record) -> Result<(), Fault> {
        let group = self.security_group_of(interface)?;
        let network = self.referred(told::network_of_interface(interface).unwrap_or_default())?;
        let name = interface_filter(&interface.address.id);
        let plan = FilterPlan {
            uuid: uuid_of(&format!("filter:{name}")).to_string(),
            name,
            includes: group.iter().map(|group| filter_name(group, &network.address.id)).collect(),
            rules: Vec::new(),
            of_interface: true,
            address_givers: if Outside::of(&network).machines_bridge().is_some() {
                // The second one, too, whether there is one yet or not.
                let gateways = [Member::First, Member::Second];
                AddressGivers::Only(gateways.map(|it| mac_of(&gateway_id(&network.address.id, it))).to_vec())
            } else {
                AddressGivers::All
            },
        };
        Ok(self.define_filter(&plan)?)
    }

    /// Deletes an interface that no machine has.
    pub(super) fn delete_interface(&mut self, address: &Address) -> Result<Progress, Fault> {
        let holder = self
            .ledger
            .of_type(types::MACHINE)
            .find(|machine| told::interfaces_of_machine(&machine.body).iter().any(|id| body::same(id, &address.id)));
        if let Some(machine) = holder.map(|machine| machine.address.clone()) {
            if !self.is_gone(&machine)? {
                let message = format!("{} is an interface of {}", address.name, machine.name);
                return Err(invalid(message, "delete the machine first"));
            }
            self.delete_machine(&machine)?;
        }
        if let Some(record) = self.ledger.get(&address.id) {
            self.forget_reservation(record)?;
        }
        self.remove_filter(&interface_filter(&address.id))?;
        self.remove(&address.id)?;
        self.sync_gateways_of_less()?;
        Ok(Progress::Done(None))
    }
}
