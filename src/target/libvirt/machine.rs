//! Virtual machines: a record, volumes, a domain, in this order; and the reverse.
//!
//! A machine is being created until its gateway has heard that it is ready (where there is no gateway, and with NoCloud:
//! until the guest agent answers). Its provisioning medium goes then. What a killed process left half done is taken up by
//! the next apply.

use serde_json::{Value as Json, json};

use super::body::{self, invalid, items};
use super::disk::{DEFAULT_DISK, data_disk_id};
use super::gateways::Gateways;
use super::hosts::Host;
use super::hypervisor::{Domain, DomainState, ErrorKind};
use super::image;
use super::ledger::Record;
use super::machine_plan::{domain_name, medium_disk, medium_volume, provisioning, system_volume, without_secrets};
use super::names::uuid_of;
use super::network::network_name;
use super::ovf::{azure_medium, no_cloud_medium};
use super::placement::on;
use super::told;
use super::work::{Work, observation};
use super::xml::{belongs_to, content_volume, detached_disk, domain, overlay_volume};
use crate::contract::{Address, Fault, FaultClass, Observation, Progress};
use crate::gateway::{MachineState, MachineStatus};
use crate::model::DataSource;

/// The kind of handle of a machine that is being created.
pub const KIND: &str = "libvirt-machine";

/// For so many seconds it is not believed that a machine is not ready: cloud-init says so when nobody told it of itself in time
/// (cloud-init 25.1, `DataSourceAzure.py`), and may find all that it needs right after.
const SECOND_THOUGHTS: i64 = 60;

/// So many times a machine is started again whose emulator has crashed before anything began on it. QEMU before 10.0.4 does so now
/// and then where it emulates several processors, while Linux sets up PCI devices. Whoever applies the machine once more begins to
/// count anew.
///
/// Source: QEMU's commit 2865bf1c5795 ("system/physmem: fix use-after-free with dispatch", issue 3040), in 10.0.4 and 10.1.0, read
/// 2026-11-30; seen with 10.0.2 in 2 of 15 starts.
const STARTS_AGAIN: u64 = 3;

/// What a machine keeps as long as it lives: its interfaces, and its data disks by LUN with name and size.
fn fixed_parts(machine: &Json) -> (Vec<String>, Vec<(u64, String, u64)>) {
    let interfaces = told::interfaces_of_machine(machine).into_iter().map(str::to_ascii_lowercase).collect();
    let disk = |disk: &Json| {
        let named = body::text(disk, "/managedDisk/id").map(body::last).or_else(|| body::text(disk, "/name"));
        let size = body::number(disk, "/diskSizeGB").unwrap_or(DEFAULT_DISK);
        (body::number(disk, "/lun").unwrap_or_default(), named.unwrap_or_default().to_ascii_lowercase(), size)
    };
    let mut disks: Vec<_> = items(machine, "/properties/storageProfile/dataDisks").map(disk).collect();
    disks.sort();
    (interfaces, disks)
}

/// What a machine has told its gateway in this life of its.
fn heard_of(gateways: &dyn Gateways, network: &str, machine: &Record) -> Result<Option<MachineStatus>, Fault> {
    let status = gateways.status(network, body::last(&machine.address.id))?;
    let vm_id = machine.text("/properties/vmId");
    Ok(status.filter(|status| Some(status.vm_id.as_str()) == vm_id))
}

/// Whether a machine has come up.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Readiness {
    Ready,
    Waiting,
    Failed(String),
}

impl<'a> Work<'a> {
    /// The domain of a machine, if it is there and this machine's, and the host that has it. One of which there is no record is
    /// looked for on all hosts.
    fn own_domain(&self, address: &Address) -> Result<Option<(&'a Host, Domain)>, Fault> {
        let name = domain_name(&address.id);
        let hosts = self.hosts;
        let is_recorded = self.ledger.get(&address.id).is_some();
        let own = self.host_of(&address.id);
        for host in hosts.all().filter(|host| !is_recorded || std::ptr::eq(*host, own)) {
            match host.hypervisor.domain(&name)? {
                Some(domain) if !belongs_to(&domain.xml, &address.id) => {
                    let message = format!("there is a domain {name} that is not this machine");
                    return Err(invalid(message, "rename or undefine it"));
                }
                Some(domain) => return Ok(Some((host, domain))),
                None => {}
            }
        }
        Ok(None)
    }

    /// Makes a machine, or changes what can be changed of one that is there.
    pub(super) fn apply_machine(&mut self, address: &Address, body: Json) -> Result<Progress, Fault> {
        self.check_machine(address, &body)?;
        let there = self.own_domain(address)?;
        let before = self.ledger.get(&address.id).cloned();
        let is_ready = before.as_ref().is_some_and(|before| before.local["ready"].as_bool() == Some(true));
        let recorded_id = before.as_ref().and_then(|before| before.text("/properties/vmId").map(str::to_owned));
        match there {
            Some((host, domain)) if is_ready && recorded_id.as_deref() == Some(&domain.uuid) => {
                self.change_machine(host, address, body, &domain)
            }
            Some((host, domain)) => self.complete_machine(host, address, body, &domain),
            None => self.create_machine(address, body),
        }
    }

    /// A machine that is there and ready: its record changes, and its size with its next start.
    fn change_machine(
        &mut self,
        host: &Host,
        address: &Address,
        body: Json,
        domain: &Domain,
    ) -> Result<Progress, Fault> {
        let size = |body: &Json| body::text(body, "/properties/hardwareProfile/vmSize").map(str::to_ascii_lowercase);
        let before = self.ledger.get(&address.id);
        let resized = before.and_then(|record| size(&record.body)) != size(&body);
        if before.is_some_and(|record| fixed_parts(&record.body) != fixed_parts(&body)) {
            let message = format!("{} has other disks or interfaces than are asked for", address.name);
            let help = "on-prem they are those that a machine was made with: delete it, and make it anew";
            return Err(invalid(message, help));
        }
        // One that somebody has removed is made anew.
        for disk in items(&body, "/properties/storageProfile/dataDisks") {
            self.ensure_machine_disk(host, address, disk)?;
        }
        let record = self.record_machine(host, address, body, &domain.uuid, true)?;
        if resized {
            let plan = self.domain_plan(host, address, &record.body, &domain.uuid, false)?;
            host.hypervisor.define_domain(&super::xml::domain(&plan).render())?;
        }
        self.sync_machine(&record)?;
        Ok(Progress::Done(Some(self.machine_observation(&record, Some(domain.state)))))
    }

    /// A machine whose domain is there though it was never seen ready: its process was killed, or its record is lost.
    fn complete_machine(
        &mut self,
        host: &Host,
        address: &Address,
        body: Json,
        domain: &Domain,
    ) -> Result<Progress, Fault> {
        for disk in items(&body, "/properties/storageProfile/dataDisks") {
            self.ensure_machine_disk(host, address, disk)?;
        }
        let secrets = body.clone();
        let record = self.record_machine(host, address, body, &domain.uuid, false)?;
        self.sync_machine(&record)?;
        if domain.state == DomainState::Running {
            return self.ask_machine(address, &record);
        }
        // It may have been defined and never started. What may have begun on its disk stays: its record may be lost.
        if host.hypervisor.volume(self.pool(), &system_volume(&address.id))?.is_none() {
            host.hypervisor.remove_domain(&domain_name(&address.id))?;
            return self.create_machine(address, secrets);
        }
        self.write_medium(host, address, &secrets, &domain.uuid)?;
        let plan = self.domain_plan(host, address, &record.body, &domain.uuid, true)?;
        host.hypervisor.define_domain(&super::xml::domain(&plan).render())?;
        host.hypervisor.start_domain(&plan.name)?;
        Ok(self.running_machine(address))
    }

    /// A machine of which there is no domain.
    fn create_machine(&mut self, address: &Address, body: Json) -> Result<Progress, Fault> {
        let host = self.place(&address.id, &body)?;
        let image = image::volume(&*host.hypervisor, self.settings)?;
        // Each life of a machine has an id of its own, so that what an earlier one has told is not taken for this one's.
        let vm_id = uuid_of(&format!("{}@{}", address.id, self.now)).to_string();
        for disk in items(&body, "/properties/storageProfile/dataDisks") {
            self.ensure_machine_disk(host, address, disk)?;
        }
        let secrets = body.clone();
        let record = self.record_machine(host, address, body, &vm_id, false)?;
        let pool = self.pool().to_owned();
        let system = system_volume(&address.id);
        host.hypervisor.remove_volume(&pool, &system)?;
        let size = self.system_size(&record.body, &image);
        let overlay = overlay_volume(&system, size, &image.path, &image.format);
        host.hypervisor.create_volume(&pool, &overlay.render())?;
        self.write_medium(host, address, &secrets, &vm_id)?;
        self.sync_machine(&record)?;
        let plan = self.domain_plan(host, address, &record.body, &vm_id, true)?;
        host.hypervisor.define_domain(&domain(&plan).render())?;
        host.hypervisor.start_domain(&plan.name)?;
        Ok(self.running_machine(address))
    }

    fn write_medium(&self, host: &Host, address: &Address, machine: &Json, vm_id: &str) -> Result<(), Fault> {
        let told = provisioning(address, machine, vm_id);
        let content = match self.settings.data_source {
            DataSource::Azure => azure_medium(&told),
            DataSource::NoCloud => no_cloud_medium(&told),
        };
        let name = medium_volume(&address.id);
        host.hypervisor.remove_volume(self.pool(), &name)?;
        host.hypervisor.create_volume(self.pool(), &content_volume(&name, content.len()).render())?;
        Ok(host.hypervisor.upload(self.pool(), &name, &content)?)
    }

    /// Writes a machine's record: as it is read back.
    fn record_machine(
        &mut self,
        host: &Host,
        address: &Address,
        body: Json,
        vm_id: &str,
        ready: bool,
    ) -> Result<Record, Fault> {
        let state = if ready { "Succeeded" } else { "Creating" };
        let mut body = body::completed(address, without_secrets(body), state);
        body["properties"]["vmId"] = json!(vm_id);
        let is_assigned = |kind: &str| kind.to_ascii_lowercase().contains("systemassigned");
        if body::text(&body, "/identity/type").is_some_and(is_assigned) {
            body["identity"]["principalId"] = json!(uuid_of(&format!("{}/principal", address.id)).to_string());
            body["identity"]["tenantId"] = json!(uuid_of("tenant").to_string());
        }
        let disks = body.pointer_mut("/properties/storageProfile/dataDisks").and_then(Json::as_array_mut);
        for disk in disks.into_iter().flatten() {
            if let Some(id) = data_disk_id(&address.id, disk) {
                if !disk["managedDisk"].is_object() {
                    disk["managedDisk"] = json!({});
                }
                disk["managedDisk"]["id"] = json!(id);
            }
        }
        self.put(address, body, on(host, json!({ "ready": ready })))
    }

    /// Sees to it that a machine's networks and gateways know it.
    fn sync_machine(&self, machine: &Record) -> Result<(), Fault> {
        for id in told::interfaces_of_machine(&machine.body) {
            let Some(interface) = self.ledger.get(id) else { continue };
            if let Some(network) = told::network_of_interface(interface).and_then(|id| self.ledger.get(id)) {
                self.sync_network(network)?;
            }
        }
        self.sync_gateways()
    }

    /// The network whose gateway a machine speaks with.
    fn network_of(&self, machine: &Record) -> String {
        told::interfaces_of_machine(&machine.body)
            .first()
            .and_then(|id| self.ledger.get(id))
            .and_then(told::network_of_interface)
            .map(network_name)
            .unwrap_or_default()
    }

    /// Whether for certain nothing has begun on a machine: before it does anything, Azure's data source tells the gateway of it. Of
    /// others nobody knows.
    fn has_not_begun(&self, machine: &Record) -> Result<bool, Fault> {
        match self.gateways {
            Some(gateways) if self.settings.data_source == DataSource::Azure => {
                Ok(heard_of(gateways, &self.network_of(machine), machine)?.is_none())
            }
            _ => Ok(false),
        }
    }

    /// Whether a machine has come up.
    fn readiness(&self, address: &Address, machine: &Record) -> Result<Readiness, Fault> {
        let network = self.network_of(machine);
        // A gateway that was starting hears now what it is to do.
        let is_told = match self.gateways {
            Some(gateways) if !gateways.is_told(&network) => {
                self.sync_gateways()?;
                gateways.is_told(&network)
            }
            _ => true,
        };
        // Only Azure's data source says to the gateway that it is ready.
        let Some(gateways) = self.gateways.filter(|_| self.settings.data_source == DataSource::Azure) else {
            if !is_told {
                return Ok(Readiness::Waiting);
            }
            let ping = r#"{"execute":"guest-ping"}"#;
            return match self.host_of(&address.id).hypervisor.ask_agent(&domain_name(&address.id), ping) {
                Ok(_) => Ok(Readiness::Ready),
                Err(error) if error.kind == ErrorKind::Agent => Ok(Readiness::Waiting),
                Err(error) => Err(error.into()),
            };
        };
        Ok(match heard_of(gateways, &network, machine)? {
            None => Readiness::Waiting,
            Some(status) if status.state == MachineState::Ready => Readiness::Ready,
            // One that was not told of itself in time says so, goes on, and is ready all the same.
            Some(status) if self.now.duration_since(status.at).as_secs() < SECOND_THOUGHTS => Readiness::Waiting,
            Some(status) => Readiness::Failed(status.description.unwrap_or_default()),
        })
    }

    /// How a machine that is being created goes.
    fn ask_machine(&mut self, address: &Address, record: &Record) -> Result<Progress, Fault> {
        let name = &address.name;
        let Some((_, domain)) = self.own_domain(address)? else {
            let fault = Fault::new(FaultClass::OperationLost, "", format!("the domain of {name} is gone"));
            return Err(fault.help("something else has deleted it while it started"));
        };
        if record.local["ready"].as_bool() == Some(true) {
            return Ok(Progress::Done(Some(self.machine_observation(record, Some(domain.state)))));
        }
        if domain.state != DomainState::Running {
            let crashes = record.local["crashes"].as_u64().unwrap_or_default();
            let crashed = domain.state == DomainState::Crashed;
            if crashed && crashes < STARTS_AGAIN && self.has_not_begun(record)? {
                return self.start_again(address, record, crashes + 1);
            }
            let message = match crashes {
                1.. if crashed => {
                    format!("{name} was started {} times, and its emulator crashed each time", crashes + 1)
                }
                _ => format!("{name} stopped before it was ready"),
            };
            let fault = Fault::new(FaultClass::Failed, "", message);
            return Err(fault.help(format!("see its log: /var/log/libvirt/qemu/{}.log", domain_name(&address.id))));
        }
        match self.readiness(address, record)? {
            Readiness::Waiting => Ok(self.running_machine(address)),
            Readiness::Failed(said) => {
                let fault = Fault::new(FaultClass::Failed, "", format!("{name} was not provisioned: {said}"));
                Err(fault.help(format!("look at its console: virsh console {}", domain_name(&address.id))))
            }
            Readiness::Ready => {
                let record = self.finish_machine(address, record)?;
                Ok(Progress::Done(Some(self.machine_observation(&record, Some(domain.state)))))
            }
        }
    }

    /// Starts a machine whose emulator has crashed. How often that was is recorded first, so that it comes to an end.
    fn start_again(&mut self, address: &Address, record: &Record, crashes: u64) -> Result<Progress, Fault> {
        let host = self.host_of(&address.id);
        self.put(address, record.body.clone(), on(host, json!({ "ready": false, "crashes": crashes })))?;
        host.hypervisor.start_domain(&domain_name(&address.id))?;
        Ok(self.running_machine(address))
    }

    /// A machine is ready: nobody needs its medium any more. The record changes last, so that the medium goes for certain.
    fn finish_machine(&mut self, address: &Address, record: &Record) -> Result<Record, Fault> {
        let name = domain_name(&address.id);
        let host = self.host_of(&address.id);
        let medium = medium_volume(&address.id);
        // It is found by its device: somebody may have removed the file already.
        let path = host.hypervisor.volume(self.pool(), &medium)?.map_or_else(|| format!("/{medium}"), |it| it.path);
        host.hypervisor.detach_device(&name, &detached_disk(&medium_disk(path)))?;
        host.hypervisor.remove_volume(self.pool(), &medium)?;
        let mut body = record.body.clone();
        body["properties"]["provisioningState"] = json!("Succeeded");
        self.put(address, body, on(host, json!({ "ready": true })))
    }

    /// The record with how the domain is.
    fn machine_observation(&self, record: &Record, state: Option<DomainState>) -> Observation {
        let mut seen = observation(record);
        let power = match state {
            Some(DomainState::Running) => "running",
            Some(DomainState::Paused) => "paused",
            Some(DomainState::Off) | None => "stopped",
            Some(DomainState::Crashed) => "crashed",
        };
        seen.body["properties"]["instanceView"] = json!({ "statuses": [{ "code": format!("PowerState/{power}") }] });
        // Azure tells so of machines on hosts of one's own there.
        let host = self.host_of(&record.address.id);
        if !host.name.is_empty() {
            seen.body["properties"]["instanceView"]["assignedHost"] = json!(host.name);
        }
        seen
    }

    /// Whether something else has deleted a machine's domain: nobody will ask for the rest of it to be deleted.
    pub(super) fn is_gone(&self, machine: &Address) -> Result<bool, Fault> {
        Ok(self.host_of(&machine.id).hypervisor.domain(&domain_name(&machine.id))?.is_none())
    }

    /// Reads a machine. One that was ready and whose domain is gone is not there; one that was never ready and does not run
    /// has failed, so that it is made again, or deleted with what there is of it.
    pub(super) fn observe_machine(&mut self, address: &Address, record: Record) -> Result<Option<Observation>, Fault> {
        let domain = self.host_of(&address.id).hypervisor.domain(&domain_name(&address.id))?;
        let domain = domain.filter(|domain| belongs_to(&domain.xml, &address.id));
        let is_ready = record.local["ready"].as_bool() == Some(true);
        let failed = |work: &Self, state| {
            let mut seen = work.machine_observation(&record, state);
            seen.body["properties"]["provisioningState"] = json!("Failed");
            Some(seen)
        };
        Ok(match domain {
            None if is_ready => None,
            None => failed(self, None),
            Some(domain) if is_ready => Some(self.machine_observation(&record, Some(domain.state))),
            Some(domain) if domain.state != DomainState::Running => failed(self, Some(domain.state)),
            // To hear how it goes, gateways may be made and told what to do: not beside hosts of which nobody knows what they do.
            Some(domain) if self.hosts.require_all().is_err() => {
                Some(self.machine_observation(&record, Some(domain.state)))
            }
            Some(domain) => match self.readiness(address, &record)? {
                Readiness::Waiting => Some(self.machine_observation(&record, Some(domain.state))),
                Readiness::Failed(_) => failed(self, Some(domain.state)),
                Readiness::Ready => {
                    let record = self.finish_machine(address, &record)?;
                    Some(self.machine_observation(&record, Some(domain.state)))
                }
            },
        })
    }

    /// Asks how a machine goes that was being created.
    pub(super) fn poll_machine(&mut self, address: &Address) -> Result<Progress, Fault> {
        match self.read(&address.id)? {
            Some(record) => self.ask_machine(address, &record),
            None => Err(Fault::new(FaultClass::OperationLost, "", format!("nothing is recorded of {}", address.name))),
        }
    }

    /// Deletes a machine with its own disk; data disks stay unless they are to go with it.
    pub(super) fn delete_machine(&mut self, address: &Address) -> Result<Progress, Fault> {
        let name = domain_name(&address.id);
        self.own_domain(address)?;
        // Also on a host that was gone for a while, where it has been forgotten.
        for hypervisor in self.hypervisors() {
            if hypervisor.domain(&name)?.is_some_and(|domain| belongs_to(&domain.xml, &address.id)) {
                hypervisor.remove_domain(&name)?;
            }
        }
        for volume in [medium_volume(&address.id), system_volume(&address.id)] {
            self.remove_volume(&volume)?;
        }
        if let Some(record) = self.ledger.get(&address.id).cloned() {
            for id in told::interfaces_of_machine(&record.body) {
                if let Some(interface) = self.ledger.get(id) {
                    self.forget_reservation(interface)?;
                }
            }
            let goes =
                |disk: &Json| body::text(disk, "/deleteOption").is_some_and(|it| it.eq_ignore_ascii_case("Delete"));
            let disks: Vec<(String, bool)> = items(&record.body, "/properties/storageProfile/dataDisks")
                .filter_map(|disk| Some((body::text(disk, "/managedDisk/id")?.to_owned(), goes(disk))))
                .collect();
            for (id, goes) in disks {
                self.release_disk(&id)?;
                if let Some(disk) = self.ledger.get(&id).filter(|_| goes).map(|record| record.address.clone()) {
                    self.delete_disk(&disk)?;
                }
            }
        }
        let below = format!("{}/", address.id.to_ascii_lowercase());
        let children: Vec<String> = self
            .ledger
            .all()
            .map(|record| record.address.id.clone())
            .filter(|id| id.to_ascii_lowercase().starts_with(&below))
            .collect();
        for child in children {
            self.remove(&child)?;
        }
        self.remove(&address.id)?;
        self.sync_gateways_of_less()?;
        Ok(Progress::Done(None))
    }

    fn running_machine(&self, address: &Address) -> Progress {
        self.running(KIND, format!("libvirt:{}", address.id), address)
    }
}
