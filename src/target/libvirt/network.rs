//! Virtual networks and security groups: a libvirt network, and packet filters for each security group in it.

use serde_json::{Value as Json, json};

use super::body::{self, invalid};
use super::gateway_machine::{Member, gateway_id};
use super::gateways::Gateways;
use super::group::fronts;
use super::hypervisor::{Answer, NetworkChange};
use super::ledger::Record;
use super::names::{bridge_of, mac_of, object, uuid_of};
use super::outside::{OUTSIDE, Outside};
use super::security;
use super::settings::NetworkMode;
use super::told::{self, PAIRED, Subnet};
use super::work::{Work, types};
use super::xml::{
    AddressGivers, FilterPlan, Forward, NetworkPlan, Reservation, belongs_to, name_record, network, removed_name,
    removed_reservation, reservation,
};
use crate::base::{digest, networks_overlap};
use crate::contract::{Address, Fault, FaultClass, Progress};

/// The kind of handle of a network that is waited for.
pub const KIND: &str = "libvirt-network";

/// More routes than this do not fit into DHCP's option 121, which has 255 bytes: up to nine for each, and 23 for the others.
const MOST_OUTER: usize = 25;

/// The name of a network's libvirt network.
pub fn network_name(id: &str) -> String {
    object(body::group(id), body::last(id))
}

/// The domain of the names of a network's machines, which is nobody's.
pub fn domain(id: &str) -> String {
    // A group's name has up to 90 letters, digits and `-_.()`, of which DNS takes some, and 63 at most between two dots.
    let group = body::group(id).to_ascii_lowercase().replace(['_', '(', ')'], "-");
    let labels = group.split('.').map(|label| label.get(..63).unwrap_or(label).trim_matches('-'));
    let labels: Vec<&str> = labels.filter(|label| !label.is_empty()).chain(["internal"]).collect();
    labels.join(".")
}

/// The name of a security group's filter in a network.
pub fn filter_name(security_group: &str, network: &str) -> String {
    format!("{}.{}", object(body::group(security_group), body::last(security_group)), network_name(network))
}

impl Work<'_> {
    /// Makes a network, or changes one in which no machine is.
    pub(super) fn apply_network(&mut self, address: &Address, body: Json) -> Result<Progress, Fault> {
        let mut body = body::completed(address, body, "Succeeded");
        body::give_ids(address, &mut body, "subnets");
        let before = self.ledger.get(&address.id);
        let is_used = self.interfaces_of(&address.id).next().is_some();
        let outside = match before.filter(|_| is_used) {
            Some(before) => Outside::of(before),
            None => self.outside(address)?,
        };
        let record =
            Record { address: address.clone(), version: 0, body, local: json!({ OUTSIDE: outside.to_json() }) };
        let space = told::space(&record);
        let subnets = told::subnets(&record)?;
        for subnet in &subnets {
            if !space.iter().any(|whole| whole.contains(&subnet.plan.network)) {
                let message = format!("subnet {} lies outside of the network's address space", subnet.name);
                return Err(invalid(message, "give it a range within the address space"));
            }
        }
        self.check_bridge(address, &subnets, &outside)?;
        if self.hosts.count() > 1 && outside.machines_bridge().is_none() {
            let message = format!("the network {} ends at one host: it was not made on a bridge", address.name);
            return Err(invalid(message, "name that host alone, or destroy the cluster and deploy it anew"));
        }
        let plan = self.network_plan(address, &subnets, &outside)?;
        let text = network(&plan).render();
        let mut state = text.clone();
        if outside.machines_bridge().is_some() {
            // libvirt is not told of them.
            subnets.iter().for_each(|subnet| state.push_str(&subnet.plan.network.to_string()));
        }
        let state = digest(state.as_bytes());
        let there: Vec<_> =
            self.hypervisors().map(|host| Ok((host, host.network(&plan.name)?))).collect::<Answer<_>>()?;
        if there.iter().any(|(_, there)| there.as_ref().is_some_and(|there| !belongs_to(&there.xml, &address.id))) {
            let message = format!("there is a network {} that is not this one", plan.name);
            return Err(invalid(
                message,
                format!("remove it: `virsh net-destroy {0}; virsh net-undefine {0}`", plan.name),
            ));
        }
        let is_new = before.is_none();
        let changed = before.is_some_and(|before| before.local["state"].as_str() != Some(&state));
        if changed && is_used && there.iter().any(|(_, there)| there.is_some()) {
            let message = "the subnets of a network cannot change while interfaces are in it";
            return Err(invalid(message, "delete the machines first, or keep the subnets as they are"));
        }
        let is_paired = before.is_some_and(told::is_paired);
        let come_in_pairs = self.gateways.is_some_and(Gateways::come_in_pairs);
        let paired = (outside.machines_bridge().is_some() && (is_paired || come_in_pairs)).then_some(true);
        let local = |state: Option<&str>| json!({ "state": state, "fronts": plan.fronts, OUTSIDE: outside.to_json(), PAIRED: paired });
        // It is this definition only when it is in force: a process that is killed meanwhile has not changed it. A host that only
        // lacks it changes nothing of it.
        let in_force = (!changed && !is_new).then_some(state.as_str());
        self.begin(address, record.body.clone(), local(in_force))?;
        for (hypervisor, there) in there {
            match there {
                Some(there) if !changed && there.is_active => {}
                Some(_) if !changed => hypervisor.start_network(&plan.name)?,
                there => {
                    if there.is_some() {
                        hypervisor.stop_network(&plan.name)?;
                    }
                    hypervisor.define_network(&text)?;
                    hypervisor.start_network(&plan.name)?;
                }
            }
        }
        let record = self.begin(address, record.body, local(Some(&state)))?;
        self.sync_filters(&record)?;
        // A subnet's security group counts for the interfaces in it.
        let interfaces: Vec<Record> = self.interfaces_of(&address.id).cloned().collect();
        for interface in &interfaces {
            self.define_interface_filter(interface)?;
        }
        self.sync_network(&record)?;
        self.sync_gateways()?;
        // One that was just made for machines which are there already waits for nobody but this.
        if is_used && !self.is_gateway_told(address) {
            return Ok(self.running_network(address));
        }
        self.finish(record)
    }

    /// Whether the gateway of a network, if it has one, has heard what it shall do.
    fn is_gateway_told(&self, address: &Address) -> bool {
        self.gateways.is_none_or(|gateways| gateways.is_told(&network_name(&address.id)))
    }

    fn running_network(&self, address: &Address) -> Progress {
        self.running(KIND, format!("libvirt:{}", address.id), address)
    }

    /// How a network goes whose gateway has to hear what it shall do.
    pub(super) fn poll_network(&mut self, address: &Address) -> Result<Progress, Fault> {
        let lost = || Fault::new(FaultClass::OperationLost, "", format!("the network {} is gone", address.name));
        let record = self.ledger.get(&address.id).cloned().ok_or_else(lost)?;
        self.sync_gateways()?;
        if self.is_gateway_told(address) { self.finish(record) } else { Ok(self.running_network(address)) }
    }

    /// What a network that is made now has of the site.
    fn outside(&self, address: &Address) -> Result<Outside, Fault> {
        let outside = Outside::of_settings(self.settings);
        if outside.machines_bridge().is_none() && outside.networks().len() > MOST_OUTER {
            let message = format!("the site's addresses are more than {MOST_OUTER} networks, which DHCP cannot tell");
            return Err(invalid(message, "write ranges that are whole networks, such as 192.168.1.48/28"));
        }
        let others = self.ledger.of_type(types::NETWORK).filter(|other| !body::same(&other.address.id, &address.id));
        for other in others {
            if let Some(taken) = outside.collides_on_host(&Outside::of(other)) {
                let message = format!("the host leads to {taken} through the network {} already", other.address.id);
                return Err(invalid(message, "name the host's bridge, or other addresses for this cluster"));
            }
        }
        Ok(outside)
    }

    /// Two networks on one bridge are on the same wire, and what the host translates of one it would translate of another.
    fn check_bridge(&self, address: &Address, subnets: &[Subnet], outside: &Outside) -> Result<(), Fault> {
        let bridge = outside.machines_bridge();
        if bridge.is_some() && outside.addresses.is_empty() {
            let message = "machines on the site's bridge are reached by addresses of the site, and none is named";
            return Err(invalid(
                message,
                "name some in `onPremProfile.addresses`, or by `engine host init --addresses`",
            ));
        }
        let others = self.ledger.of_type(types::NETWORK).filter(|other| !body::same(&other.address.id, &address.id));
        for other in others {
            let meets_there = match (bridge, Outside::of(other).machines_bridge()) {
                // libvirt itself refuses it.
                (None, None) => false,
                (Some(own), Some(others)) => own == others,
                (Some(_), None) | (None, Some(_)) => true,
            };
            for taken in if meets_there { told::subnets(other)? } else { Vec::new() } {
                let meets = |own: &&Subnet| networks_overlap(own.plan.network, taken.plan.network);
                if let Some(own) = subnets.iter().find(meets) {
                    let message =
                        format!("subnet {} has addresses of {}, which this host has too", own.name, other.address.id);
                    return Err(invalid(message, "give this cluster other addresses: `masterProfile.vnetCidr`"));
                }
            }
        }
        Ok(())
    }

    fn network_plan(&self, address: &Address, subnets: &[Subnet], outside: &Outside) -> Result<NetworkPlan, Fault> {
        let name = network_name(&address.id);
        let first =
            subnets.first().ok_or_else(|| invalid("a network without subnets cannot be made", "give it one"))?;
        // The first network of the group holds the addresses that only the host reaches.
        let group = self.referred(body::parent(&address.id, "/providers/").unwrap_or_default())?;
        let range = fronts(&group.local).filter(|_| outside.addresses.is_empty());
        let is_taken = self
            .ledger
            .of_type(types::NETWORK)
            .filter(|other| !body::same(&other.address.id, &address.id))
            .any(|other| fronts(&other.local).is_some_and(|fronts| Some(fronts) == range));
        Ok(NetworkPlan {
            id: address.id.clone(),
            uuid: uuid_of(&address.id).to_string(),
            bridge: bridge_of(&address.id),
            forward: match (outside.machines_bridge(), outside.mode.unwrap_or(self.settings.network_mode)) {
                (Some(bridge), _) => Forward::Bridge(bridge.to_owned()),
                (None, NetworkMode::Routed) => Forward::Route,
                (None, NetworkMode::Nat | NetworkMode::Bridged) => Forward::Nat,
            },
            domain: domain(&address.id),
            subnets: subnets.iter().map(|subnet| subnet.plan).collect(),
            fronts: range.filter(|_| !is_taken),
            outer: outside.networks(),
            host_leads: outside.site.is_none(),
            gateway: Reservation {
                mac: mac_of(&gateway_id(&address.id, Member::First)),
                name: "gateway".to_owned(),
                address: first.plan.gateway.into(),
            },
            name,
        })
    }

    /// The filters of all security groups that count in a network.
    pub(super) fn sync_filters(&self, network: &Record) -> Result<(), Fault> {
        let mut groups: Vec<String> =
            told::subnets(network)?.into_iter().filter_map(|subnet| subnet.security_group).collect();
        groups.extend(
            self.interfaces_of(&network.address.id)
                .filter_map(|interface| body::id(&interface.body, "/properties/networkSecurityGroup"))
                .map(str::to_owned),
        );
        groups.sort_by_key(|group| group.to_ascii_lowercase());
        groups.dedup_by(|one, other| body::same(one, other));
        for group in groups {
            let group = self.referred(&group)?;
            self.define_group_filter(&group, network)?;
        }
        Ok(())
    }

    fn define_group_filter(&self, group: &Record, network: &Record) -> Result<(), Fault> {
        let name = filter_name(&group.address.id, &network.address.id);
        let plan = FilterPlan {
            uuid: uuid_of(&format!("filter:{name}")).to_string(),
            name,
            includes: Vec::new(),
            rules: security::rules(
                &group.body,
                &security::Surroundings { led: self.led(network), ..told::surroundings(network)? },
            )?,
            of_interface: false,
            address_givers: AddressGivers::All,
        };
        Ok(self.define_filter(&plan)?)
    }

    /// Records a security group, and changes its filters where they are in force.
    pub(super) fn apply_security_group(&mut self, address: &Address, body: Json) -> Result<Progress, Fault> {
        let mut body = body::completed(address, body, "Succeeded");
        body::give_ids(address, &mut body, "securityRules");
        // What cannot be a filter is refused before it is recorded.
        security::rules(&body, &security::Surroundings::default())?;
        let record = self.begin(address, body, Json::Null)?;
        let networks: Vec<Record> = self.ledger.of_type(types::NETWORK).cloned().collect();
        for network in networks {
            let name = filter_name(&address.id, &network.address.id);
            let there = self.hypervisors().map(|host| host.filter(&name)).collect::<Answer<Vec<_>>>()?;
            if there.iter().any(Option::is_some) {
                self.define_group_filter(&record, &network)?;
            }
        }
        self.sync_gateways()?;
        self.finish(record)
    }

    /// Deletes a security group that no network and no interface names.
    pub(super) fn delete_security_group(&mut self, address: &Address) -> Result<Progress, Fault> {
        let networks: Vec<String> =
            self.ledger.of_type(types::NETWORK).map(|network| network.address.id.clone()).collect();
        for network in networks {
            self.remove_filter(&filter_name(&address.id, &network))?;
        }
        self.remove(&address.id)?;
        Ok(Progress::Done(None))
    }

    /// Deletes a network in which nothing is any more.
    pub(super) fn delete_network(&mut self, address: &Address) -> Result<Progress, Fault> {
        if let Some(interface) = self.interfaces_of(&address.id).next() {
            let message = format!("{} is in the network", interface.address.name);
            return Err(invalid(message, "delete the interfaces first"));
        }
        let name = network_name(&address.id);
        // It is in the network.
        if let Some(gateways) = self.gateways {
            gateways.remove(&name)?;
        }
        let end = format!(".{name}");
        for hypervisor in self.hypervisors() {
            if hypervisor.network(&name)?.is_some_and(|there| belongs_to(&there.xml, &address.id)) {
                hypervisor.remove_network(&name)?;
            }
            for filter in hypervisor.filters()?.into_iter().filter(|filter| filter.ends_with(&end)) {
                hypervisor.remove_filter(&filter)?;
            }
        }
        self.remove(&address.id)?;
        Ok(Progress::Done(None))
    }

    /// Names and reservations of all networks of a group.
    pub(super) fn sync_networks(&self, group: &str) -> Result<(), Fault> {
        let networks: Vec<Record> = self
            .ledger
            .of_type(types::NETWORK)
            .filter(|network| body::group(&network.address.id).eq_ignore_ascii_case(group))
            .cloned()
            .collect();
        for network in networks {
            self.sync_network(&network)?;
        }
        Ok(())
    }

    /// Sees to it that a network gives every machine its address, and knows the names of public addresses.
    pub(super) fn sync_network(&self, network: &Record) -> Result<(), Fault> {
        if Outside::of(network).machines_bridge().is_some() {
            // It is the gateway that tells machines so.
            return Ok(());
        }
        let name = network_name(&network.address.id);
        let Some(there) = self.hypervisor.network(&name)? else { return Ok(()) };
        if !there.is_active {
            return Ok(());
        }
        for wanted in self.reservations(network) {
            let known = format!("<host mac='{}' name='{}' ip='{}'", wanted.mac, wanted.name, wanted.address);
            if there.xml.contains(&known) {
                continue;
            }
            if there.xml.contains(&format!("<host mac='{}'", wanted.mac)) {
                let gone = NetworkChange::RemoveReservation(removed_reservation(&wanted.mac));
                self.hypervisor.change_network(&name, &gone)?;
            }
            self.hypervisor.change_network(&name, &NetworkChange::AddReservation(reservation(&wanted)))?;
        }
        let names = self.public_names(body::group(&network.address.id));
        for (address, fqdn) in &names {
            if !there.xml.contains(&format!("<hostname>{fqdn}</hostname>")) {
                self.hypervisor.change_network(&name, &NetworkChange::AddName(name_record(*address, fqdn)))?;
            }
        }
        for address in named_addresses(&there.xml) {
            if !names.iter().any(|(known, _)| *known == address) {
                self.hypervisor.change_network(&name, &NetworkChange::RemoveName(removed_name(address)))?;
            }
        }
        Ok(())
    }

    /// What DHCP gives to the machines in a network.
    fn reservations(&self, network: &Record) -> Vec<Reservation> {
        let mut reservations = Vec::new();
        for machine in self.ledger.of_type(types::MACHINE) {
            let name = machine.text("/properties/osProfile/computerName").unwrap_or(&machine.address.name);
            for (index, id) in told::interfaces_of_machine(&machine.body).into_iter().enumerate() {
                let Some(interface) = self.ledger.get(id) else { continue };
                let here =
                    told::network_of_interface(interface).is_some_and(|own| body::same(own, &network.address.id));
                let Some(address) = told::address_of_interface(interface).filter(|_| here) else { continue };
                // A name has one reservation.
                let name = if index == 0 { name.to_owned() } else { format!("{name}-{index}") };
                reservations.push(Reservation { mac: mac_of(id), name, address });
            }
        }
        reservations
    }

    /// The names of the public addresses of a group.
    pub(super) fn public_names(&self, group: &str) -> Vec<(std::net::IpAddr, String)> {
        self.ledger
            .of_type(types::PUBLIC_ADDRESS)
            .filter(|record| body::group(&record.address.id).eq_ignore_ascii_case(group))
            .filter_map(|record| {
                let address = body::address(&record.body, "/properties/ipAddress")?;
                Some((address, record.text("/properties/dnsSettings/fqdn")?.to_owned()))
            })
            .collect()
    }

    /// Takes back what DHCP gave to an interface.
    pub(super) fn forget_reservation(&self, interface: &Record) -> Result<(), Fault> {
        let Some(network) = told::network_of_interface(interface) else { return Ok(()) };
        let (name, mac) = (network_name(network), mac_of(&interface.address.id));
        let there = self.hypervisor.network(&name)?.filter(|there| there.is_active);
        if there.is_some_and(|there| there.xml.contains(&format!("<host mac='{mac}'"))) {
            self.hypervisor.change_network(&name, &NetworkChange::RemoveReservation(removed_reservation(&mac)))?;
        }
        Ok(())
    }
}

/// The addresses that a network's DNS has names for: `<host ip='…'>`, where reservations begin with a hardware address.
fn named_addresses(xml: &str) -> Vec<std::net::IpAddr> {
    xml.split("<host ip='").skip(1).filter_map(|rest| rest.split('\'').next()?.parse().ok()).collect()
}
