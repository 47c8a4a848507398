//! [`LibvirtTarget`]: requests go to the family of their resource, one at a time, on a thread that may block.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value as Json, json};

use super::gateways::Gateways;
use super::hosts::Hosts;
use super::hypervisor::Hypervisor;
use super::ledger::Ledger;
use super::settings::Settings;
use super::work::{Work, observation, types};
use super::{disk, extension, machine, names, network, nothing};
use crate::base::Clock;
use crate::contract::{
    Address, Fault, FaultClass, Future, Observation, OperationHandle, Progress, Support, Target, TargetName,
};

/// Libvirt hosts as a target.
#[derive(Clone)]
pub struct LibvirtTarget {
    place: Arc<Place>,
}

struct Place {
    hosts: Hosts,
    gateways: Option<Arc<dyn Gateways>>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    ledger: Mutex<Ledger>,
}

/// By what a host is known: the UUID of its storage pool. `name` is the host's, empty if it has none.
///
/// # Errors
/// It has no such pool, or does not answer.
pub fn pool_id(hypervisor: &dyn Hypervisor, name: &str, pool: &str) -> Result<String, Fault> {
    let found = hypervisor.pool(pool)?.ok_or_else(|| {
        let which = if name.is_empty() { "the host".to_owned() } else { format!("the host {name}") };
        Fault::new(FaultClass::NotFound, "", format!("{which} has no active storage pool {pool}"))
            .help(format!("prepare the host: `engine host init --storage-pool {pool}`"))
    })?;
    Ok(found.uuid)
}

/// The families of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Group,
    Network,
    SecurityGroup,
    PublicAddress,
    Balancer,
    Interface,
    Machine,
    Extension,
    Disk,
    Nothing,
}

fn family(resource_type: &str) -> Option<Family> {
    let known = [
        (types::GROUP, Family::Group),
        (types::NETWORK, Family::Network),
        (types::SECURITY_GROUP, Family::SecurityGroup),
        (types::PUBLIC_ADDRESS, Family::PublicAddress),
        (types::BALANCER, Family::Balancer),
        (types::INTERFACE, Family::Interface),
        (types::MACHINE, Family::Machine),
        (types::EXTENSION, Family::Extension),
        (types::DISK, Family::Disk),
    ];
    let found = known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(resource_type));
    found.map(|(_, family)| family).or_else(|| nothing::is_recorded(resource_type).then_some(Family::Nothing))
}

impl LibvirtTarget {
    /// A target on one host or several. Without gateways machines are ready when their guest agent answers, and nothing balances load.
    pub fn new(
        hosts: impl Into<Hosts>,
        gateways: Option<Arc<dyn Gateways>>,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let place = Place { hosts: hosts.into(), gateways, settings, clock, ledger: Mutex::default() };
        Self { place: Arc::new(place) }
    }

    /// The id that stands for the first host's pool where Azure has a subscription: another pool is another place.
    ///
    /// # Errors
    /// There is no such pool, or the host does not answer.
    pub fn subscription(&self) -> Result<String, Fault> {
        let pool = &self.place.settings.storage_pool;
        let first = self.place.hosts.first();
        pool_id(&*first.hypervisor, &first.name, pool)
    }

    /// The address of a public address's name. Blocks.
    pub fn address_of(&self, name: &str) -> Option<IpAddr> {
        let mut work = self.place.work();
        work.refresh().ok()?;
        let named = |record: &&super::ledger::Record| {
            record.text("/properties/dnsSettings/fqdn").is_some_and(|fqdn| fqdn.eq_ignore_ascii_case(name))
        };
        let found = work.ledger.of_type(types::PUBLIC_ADDRESS).find(named)?;
        super::body::address(&found.body, "/properties/ipAddress")
    }

    /// The tenant's id, of which there is one.
    pub fn tenant() -> String {
        names::uuid_of("tenant").to_string()
    }

    async fn blocking<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Place) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let place = Arc::clone(&self.place);
        tokio::task::spawn_blocking(move || action(&place))
            .await
            .unwrap_or_else(|_| Err(Fault::new(FaultClass::Transient, "", "the work on the request was stopped")))
    }
}

impl Place {
    fn work(&self) -> Work<'_> {
        Work {
            hosts: &self.hosts,
            hypervisor: &*self.hosts.first().hypervisor,
            gateways: self.gateways.as_deref(),
            settings: &self.settings,
            now: self.clock.now(),
            // What a panic left is read anew before it is used.
            ledger: self.ledger.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn observe(&self, address: &Address) -> Result<Option<Observation>, Fault> {
        let mut work = self.work();
        let Some(record) = work.read(&address.id)? else { return Ok(None) };
        match family(&address.resource_type) {
            Some(Family::Machine) => {
                work.refresh_for(&address.id)?;
                work.check_absent(&record)?;
                work.observe_machine(address, record)
            }
            Some(Family::Network) => {
                // It is on all of them, and its second gateway on any.
                self.hosts.require_all()?;
                let name = network::network_name(&address.id);
                let there = work.hypervisors().map(|host| host.network(&name)).collect::<Result<Vec<_>, _>>()?;
                if there.iter().all(Option::is_none) {
                    return Ok(None);
                }
                let mut seen = observation(&record);
                let has_gateway = self.gateways.as_ref().map_or(Ok(true), |gateways| gateways.is_there(&name))?;
                let is_active = there.iter().all(|there| there.as_ref().is_some_and(|there| there.is_active));
                if !is_active || !has_gateway {
                    seen.body["properties"]["provisioningState"] = json!("Failed");
                }
                Ok(Some(seen))
            }
            Some(Family::Disk) => {
                work.check_absent(&record)?;
                let name = disk::disk_volume_name(&address.id);
                let volume = work.host_of(&address.id).hypervisor.volume(&self.settings.storage_pool, &name)?;
                Ok(volume.map(|_| observation(&record)))
            }
            _ => Ok(Some(observation(&record))),
        }
    }

    fn apply(&self, address: &Address, body: Json, etag: Option<&str>) -> Result<Progress, Fault> {
        self.hosts.require_all()?;
        let mut work = self.work();
        work.refresh_for(&address.id)?;
        let before = work.read(&address.id)?;
        if let Some(wanted) = etag
            && before.is_none_or(|before| before.etag() != wanted)
        {
            let message = format!("{} was changed since it was read", address.name);
            return Err(Fault::new(FaultClass::Conflict, "PreconditionFailed", message));
        }
        let Some(family) = family(&address.resource_type) else { return Err(unsupported(&address.resource_type)) };
        match family {
            Family::Group => work.apply_group(address, body),
            Family::Network => work.apply_network(address, body),
            Family::SecurityGroup => work.apply_security_group(address, body),
            Family::PublicAddress => work.apply_public_address(address, body),
            Family::Balancer => work.apply_balancer(address, body),
            Family::Interface => work.apply_interface(address, body),
            Family::Machine => work.apply_machine(address, body),
            Family::Extension => work.apply_extension(address, body),
            Family::Disk => work.apply_disk(address, body),
            Family::Nothing => work.apply_nothing(address, body),
        }
    }

    fn delete(&self, address: &Address) -> Result<Progress, Fault> {
        self.hosts.require_all()?;
        let mut work = self.work();
        work.refresh_for(&address.id)?;
        work.read(&address.id)?;
        match family(&address.resource_type) {
            Some(Family::Group) => work.delete_group(address),
            Some(Family::Network) => work.delete_network(address),
            Some(Family::SecurityGroup) => work.delete_security_group(address),
            Some(Family::PublicAddress) => work.delete_public_address(address),
            Some(Family::Balancer) => work.delete_balancer(address),
            Some(Family::Interface) => work.delete_interface(address),
            Some(Family::Machine) => work.delete_machine(address),
            Some(Family::Disk) => work.delete_disk(address),
            Some(Family::Extension | Family::Nothing) | None => work.delete_nothing(address),
        }
    }

    fn poll(&self, operation: &OperationHandle) -> Result<Progress, Fault> {
        let lost = || Fault::new(FaultClass::OperationLost, "", "this is not an operation of this target");
        let address = operation.result.as_ref().ok_or_else(lost)?;
        self.hosts.require_all()?;
        let mut work = self.work();
        work.refresh_for(&address.id)?;
        match operation.kind.as_str() {
            machine::KIND => work.poll_machine(address),
            network::KIND => work.poll_network(address),
            extension::KIND => work.poll_extension(address, operation),
            _ => Err(lost()),
        }
    }
}

fn unsupported(resource_type: &str) -> Fault {
    match nothing::refusal(resource_type) {
        Support::No { reason, help } => {
            Fault::new(FaultClass::Invalid, "", format!("{resource_type}: {reason}")).help(help)
        }
        Support::Yes => Fault::new(FaultClass::Invalid, "", resource_type),
    }
}

impl Target for LibvirtTarget {
    fn name(&self) -> TargetName {
        TargetName::Libvirt
    }

    fn supports(&self, resource_type: &str, _: &str) -> Support {
        if family(resource_type).is_some() { Support::Yes } else { nothing::refusal(resource_type) }
    }

    fn observe<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Option<Observation>, Fault>> {
        let address = address.clone();
        Box::pin(self.blocking(move |place| place.observe(&address)))
    }

    fn normalise(&self, _: &Address, mut body: Json) -> Json {
        // People write `West US 2`.
        if let Some(location) = body.get("location").and_then(Json::as_str) {
            body["location"] = json!(location.to_ascii_lowercase().replace(' ', ""));
        }
        body
    }

    fn apply<'a>(
        &'a self,
        address: &'a Address,
        body: &'a Json,
        etag: Option<&'a str>,
    ) -> Future<'a, Result<Progress, Fault>> {
        let (address, body, etag) = (address.clone(), body.clone(), etag.map(str::to_owned));
        Box::pin(self.blocking(move |place| place.apply(&address, body, etag.as_deref())))
    }

    fn delete<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Progress, Fault>> {
        let address = address.clone();
        Box::pin(self.blocking(move |place| place.delete(&address)))
    }

    fn poll<'a>(&'a self, operation: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>> {
        let operation = operation.clone();
        Box::pin(self.blocking(move |place| place.poll(&operation)))
    }
}
