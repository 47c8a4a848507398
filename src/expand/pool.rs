//! Worker pools: machines of their own in an availability set (or in zones), or a scale set.

use super::ExpandError;
use super::balancer::worker_backends;
use super::context::{Context, in_turn, series, symbol};
use super::identity::{Role, awaited_by_machine, identity_field, roles_of_series};
use super::machine::{DiskSettings, MachineKind, given_once, image, interface_settings, ip_configurations, priority};
use super::{scale_set, windows_image};
use crate::graph::{Resource, Value};
use crate::model::{Availability, OperatingSystem, Pool};

pub(super) fn build(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let mut resources = Vec::new();
    for pool in &context.cluster.pools {
        resources.extend(windows_image::build(context, pool)?);
        match pool.availability {
            Availability::AvailabilitySet => resources.extend(machines(context, pool)?),
            Availability::ScaleSet => resources.extend(scale_set::build(context, pool)?),
        }
    }
    Ok(resources)
}

/// The kind of a pool's machines.
pub(super) fn kind(pool: &Pool) -> MachineKind<'_> {
    MachineKind { pool: &pool.name, operating_system: pool.operating_system, tags: &pool.tags }
}

/// Empty data disks of a pool's machine, in order of their LUNs.
pub(super) fn data_disks(context: &Context<'_>, pool: &Pool, disks: &DiskSettings<'_>) -> Value {
    let sizes = (0_u32..).zip(&pool.data_disk_sizes_gib);
    Value::array(sizes.map(|(lun, size)| disks.data_disk(context, lun, *size, pool.data_disk_caching, None)))
}

/// Settings that machines and scale sets have in the same place of their properties.
pub(super) fn common_settings(context: &Context<'_>, pool: &Pool, properties: &mut Value) {
    if pool.encryption_at_host {
        properties.insert("securityProfile", Value::object([("encryptionAtHost", true.into())]));
    }
    let windows = context.cluster.windows.as_ref().filter(|_| pool.operating_system == OperatingSystem::Windows);
    if windows.is_some_and(|windows| windows.azure_hybrid_benefit) {
        properties.insert("licenseType", "Windows_Server".into());
    }
    priority(&pool.priority, properties);
}

fn machines(context: &Context<'_>, pool: &Pool) -> Result<Vec<Resource>, ExpandError> {
    let mut resources = Vec::new();
    if pool.zones.is_empty() {
        resources.push(availability_set(context, pool)?);
    }
    resources.push(interface(context, pool)?);
    resources.push(machine(context, pool)?);
    resources.extend(roles_of_series(context, &pool.name, pool.count, Role::Reader)?);
    resources.push(kind(pool).script_resource(context, series(&pool.name, pool.count))?);
    Ok(resources)
}

fn availability_set(context: &Context<'_>, pool: &Pool) -> Result<Resource, ExpandError> {
    let mut properties = Value::object([
        ("platformFaultDomainCount", pool.fault_domain_count.into()),
        ("platformUpdateDomainCount", pool.update_domain_count.into()),
    ]);
    if let Some(id) = &pool.proximity_placement_group_id {
        properties.insert("proximityPlacementGroup", Value::sub_resource(id.as_str().into()));
    }
    let symbol = symbol::of(&pool.name, "availability-set");
    let set = context.resource(&symbol, "Microsoft.Compute/availabilitySets", context.names.availability_set(pool))?;
    Ok(set.field("sku", Value::object([("name", "Aligned".into())])).properties(properties))
}

fn interface(context: &Context<'_>, pool: &Pool) -> Result<Resource, ExpandError> {
    let subnet = context.worker_subnet(pool);
    let mut first = Value::object([
        ("primary", true.into()),
        ("privateIPAllocationMethod", "Dynamic".into()),
        ("subnet", subnet.clone()),
    ]);
    if let Some(backends) = worker_backends(context) {
        first.insert("loadBalancerBackendAddressPools", backends);
    }
    let mut properties =
        Value::object([("ipConfigurations", ip_configurations(context, pool.addresses_per_node, &subnet, first))]);
    interface_settings(context, pool.accelerated_networking, &mut properties);
    let name = Value::indexed(&format!("{}nic-", context.names.pool_prefix(pool)));
    let symbol = symbol::of(&pool.name, "interface");
    let interface = context.resource(&symbol, "Microsoft.Network/networkInterfaces", name)?.properties(properties);
    Ok(interface.in_series(series(&pool.name, pool.count)))
}

fn machine(context: &Context<'_>, pool: &Pool) -> Result<Resource, ExpandError> {
    let kind = kind(pool);
    let name = Value::indexed(&context.names.pool_prefix(pool));
    let disks = DiskSettings {
        vm_size: &pool.vm_size,
        encryption_set: pool.disk_encryption_set_id.as_deref(),
        in_scale_set: false,
    };
    let interface = Value::sub_resource(Value::id_of_same_index(&symbol::of(&pool.name, "interface")));
    let mut properties = Value::object([]);
    if pool.zones.is_empty() {
        let set = Value::id_of(&symbol::of(&pool.name, "availability-set"));
        properties.insert("availabilitySet", Value::sub_resource(set));
    }
    if let Some(id) = &pool.proximity_placement_group_id {
        properties.insert("proximityPlacementGroup", Value::sub_resource(id.as_str().into()));
    }
    properties.insert("hardwareProfile", Value::object([("vmSize", pool.vm_size.as_str().into())]));
    properties.insert("networkProfile", Value::object([("networkInterfaces", Value::array([interface]))]));
    properties.insert("osProfile", kind.system_profile(context, "computerName", name.clone()));
    let mut storage = Value::object([
        ("imageReference", image(&pool.image, &pool.name)),
        ("osDisk", disks.system_disk(context, &pool.os_disk)),
    ]);
    if !pool.data_disk_sizes_gib.is_empty() {
        storage.insert("dataDisks", data_disks(context, pool, &disks));
    }
    properties.insert("storageProfile", storage);
    if pool.ultra_ssd {
        properties.insert("additionalCapabilities", Value::object([("ultraSSDEnabled", true.into())]));
    }
    common_settings(context, pool, &mut properties);
    let mut machine = context
        .resource(&symbol::of(&pool.name, "machine"), "Microsoft.Compute/virtualMachines", name.clone())?
        .field("tags", kind.tags(context, name));
    if !pool.zones.is_empty() {
        machine = machine.field("zones", Value::array([in_turn(&pool.zones)]));
    }
    if let Some(identity) = identity_field(context) {
        machine = machine.field("identity", identity);
    }
    machine.after = awaited_by_machine(context);
    machine.initial = given_once();
    Ok(machine.properties(properties).in_series(series(&pool.name, pool.count)))
}
