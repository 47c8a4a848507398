//! From a machine's body to a domain: what is refused, which disks, which interfaces, how it boots.

use serde_json::Value as Json;

use super::body::{self, invalid, items, text};
use super::disk::{GIB, data_disk_id, disk_volume_name};
use super::hosts::Host;
use super::hypervisor::Volume;
use super::image;
use super::interface::interface_filter;
use super::names::{mac_of, object};
use super::network::network_name;
use super::ovf::Provisioning;
use super::told;
use super::work::Work;
use super::xml::{AZURE_ASSET_TAG, DiskFormat, DiskPlan, DomainPlan, InterfacePlan, InterfaceSource};
use crate::base::Secret;
use crate::contract::{Address, Fault};
use crate::model::DataSource;

/// The name of a machine's domain.
pub fn domain_name(id: &str) -> String {
    object(body::group(id), body::last(id))
}

/// The volume of a machine's own disk.
pub fn system_volume(id: &str) -> String {
    format!("{}.os", domain_name(id))
}

/// The volume of a machine's provisioning medium.
pub fn medium_volume(id: &str) -> String {
    format!("{}.iso", domain_name(id))
}

/// The device of the medium: behind all data disks.
const MEDIUM_DEVICE: &str = "vdz";

/// The most data disks: `vdb` to `vdy`.
const MOST_DISKS: usize = 24;

impl Work<'_> {
    /// Refuses what cannot be made.
    pub(super) fn check_machine(&self, address: &Address, machine: &Json) -> Result<(), Fault> {
        let name = &address.name;
        if machine.pointer("/properties/osProfile/windowsConfiguration").is_some() {
            return Err(invalid(format!("{name}: Windows machines are not built on-prem"), "make it a Linux pool"));
        }
        if machine.pointer("/properties/osProfile").is_none() {
            return Err(invalid(format!("{name}: a machine without osProfile is not built on-prem"), "give it one"));
        }
        let disks = items(machine, "/properties/storageProfile/dataDisks").count();
        if disks > MOST_DISKS {
            return Err(invalid(format!("{name}: {disks} data disks are more than {MOST_DISKS}"), "give it fewer"));
        }
        let interfaces = told::interfaces_of_machine(machine);
        if interfaces.is_empty() {
            return Err(invalid(format!("{name} has no interface"), "give it one"));
        }
        for id in interfaces {
            self.referred(id)?;
        }
        Ok(())
    }

    /// The domain of a machine. `medium` says whether it finds its provisioning medium.
    pub(super) fn domain_plan(
        &self,
        host: &Host,
        address: &Address,
        machine: &Json,
        vm_id: &str,
        medium: bool,
    ) -> Result<DomainPlan, Fault> {
        let size = self.settings.size(text(machine, "/properties/hardwareProfile/vmSize").unwrap_or_default());
        let kvm = !self.settings.emulated && host.hypervisor.has_kvm()?;
        let mut interfaces = Vec::new();
        for id in told::interfaces_of_machine(machine) {
            let interface = self.referred(id)?;
            let network = told::network_of_interface(&interface).unwrap_or_default();
            interfaces.push(InterfacePlan {
                mac: mac_of(id),
                source: InterfaceSource::Network(network_name(network)),
                filter: Some(interface_filter(id)),
            });
        }
        let disk = |volume: &str, device: String| {
            let path = host.hypervisor.path_of(self.pool(), volume)?;
            Ok::<_, Fault>(DiskPlan { path, format: DiskFormat::Qcow2, device, serial: None, read_only: false })
        };
        let mut disks = vec![disk(&system_volume(&address.id), "vda".to_owned())?];
        for (data, letter) in Self::data_disks(address, machine).into_iter().zip('b'..='y') {
            let (lun, id) = data;
            let plan = disk(&disk_volume_name(&id), format!("vd{letter}"))?;
            disks.push(DiskPlan { serial: Some(format!("lun{lun}")), ..plan });
        }
        if medium {
            disks.push(medium_disk(host.hypervisor.path_of(self.pool(), &medium_volume(&address.id))?));
        }
        Ok(DomainPlan {
            id: address.id.clone(),
            name: domain_name(&address.id),
            uuid: vm_id.to_owned(),
            kvm,
            processors: size.processors,
            memory_mib: size.memory_mib,
            boot: image::boot(&*host.hypervisor, self.settings, !kvm, "")?,
            asset_tag: (self.settings.data_source == DataSource::Azure).then_some(AZURE_ASSET_TAG),
            disks,
            interfaces,
        })
    }

    /// The data disks: LUN and id, by LUN.
    pub(super) fn data_disks(address: &Address, machine: &Json) -> Vec<(u64, String)> {
        let mut disks: Vec<(u64, String)> = items(machine, "/properties/storageProfile/dataDisks")
            .filter_map(|disk| {
                let id = data_disk_id(&address.id, disk)?;
                Some((body::number(disk, "/lun").unwrap_or_default(), id))
            })
            .collect();
        disks.sort();
        disks
    }

    /// The size of a machine's own disk in bytes: as asked for, and at least the image's.
    pub(super) fn system_size(&self, machine: &Json, image: &Volume) -> u64 {
        let asked = body::number(machine, "/properties/storageProfile/osDisk/diskSizeGB").unwrap_or_default();
        asked.saturating_mul(GIB).max(image.capacity)
    }
}

/// The provisioning medium, which lies at this path, as a disk.
pub fn medium_disk(path: String) -> DiskPlan {
    DiskPlan { path, format: DiskFormat::Raw, device: MEDIUM_DEVICE.to_owned(), serial: None, read_only: true }
}

/// What a machine's medium tells it.
pub fn provisioning<'a>(address: &'a Address, machine: &'a Json, vm_id: &'a str) -> Provisioning<'a> {
    let own = |name: &str| text(machine, &format!("/properties/osProfile/{name}"));
    Provisioning {
        computer_name: own("computerName").unwrap_or_else(|| body::last(&address.id)),
        vm_id,
        administrator: own("adminUsername").unwrap_or("azureuser"),
        password: own("adminPassword").map(Secret::new),
        public_keys: items(machine, "/properties/osProfile/linuxConfiguration/ssh/publicKeys")
            .filter_map(|key| text(key, "/keyData"))
            .collect(),
        custom_data: own("customData").map(Secret::new),
    }
}

/// A machine's body as it is read back: without what it was made with in secret.
pub fn without_secrets(mut machine: Json) -> Json {
    if let Some(profile) = machine.pointer_mut("/properties/osProfile").and_then(Json::as_object_mut) {
        for secret in ["customData", "adminPassword", "secrets"] {
            profile.remove(secret);
        }
    }
    if let Some(properties) = machine.pointer_mut("/properties").and_then(Json::as_object_mut) {
        properties.remove("userData");
        properties.remove("instanceView");
    }
    machine
}
