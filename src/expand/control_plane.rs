//! The control plane: an availability set or zones, and for each node an interface with a lasting address, a machine with
//! etcd's own disk, its role, and the script that waits for the bootstrap. As a scale set: `control_plane_scale_set`.

use super::ExpandError;
use super::balancer::{control_plane_backends, has_public_endpoint, ssh_rule_prefix};
use super::context::{CONTROL_PLANE_POOL, Context, control_plane_machine, in_turn, item, series, symbol};
use super::control_plane_scale_set;
use super::identity::{Role, awaited_by_machine, identity_field, roles_of_series};
use super::key_vault;
use super::machine::{DiskSettings, MachineKind, given_once, image, interface_settings, ip_configurations};
use crate::graph::{Resource, Value};
use crate::model::OperatingSystem;

pub(super) fn build(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let count = context.cluster.control_plane.count;
    let kind = MachineKind {
        pool: CONTROL_PLANE_POOL,
        operating_system: OperatingSystem::Linux,
        tags: &context.cluster.control_plane.tags,
    };
    if context.cluster.control_plane.is_scale_set() {
        return control_plane_scale_set::build(context, &kind);
    }
    let mut resources = Vec::new();
    if context.has_control_plane_set() {
        resources.push(availability_set(context)?);
    }
    resources.push(interface(context)?);
    resources.push(machine(context, &kind)?);
    resources.extend(roles_of_series(context, CONTROL_PLANE_POOL, count, Role::Contributor)?);
    let mut script = kind.script_resource(context, series(CONTROL_PLANE_POOL, count))?;
    script.after.extend(key_vault::awaited_by_script(context));
    resources.push(script);
    Ok(resources)
}

fn availability_set(context: &Context<'_>) -> Result<Resource, ExpandError> {
    let plane = &context.cluster.control_plane;
    let symbol = symbol::of(CONTROL_PLANE_POOL, "availability-set");
    let name = context.names.control_plane_availability_set();
    let mut properties = Value::object([
        ("platformFaultDomainCount", plane.fault_domain_count.into()),
        ("platformUpdateDomainCount", plane.update_domain_count.into()),
    ]);
    if let Some(id) = &plane.proximity_placement_group_id {
        properties.insert("proximityPlacementGroup", Value::sub_resource(id.as_str().into()));
    }
    let set = context.resource(&symbol, "Microsoft.Compute/availabilitySets", name)?;
    Ok(set.field("sku", Value::object([("name", "Aligned".into())])).properties(properties))
}

fn interface(context: &Context<'_>) -> Result<Resource, ExpandError> {
    let plane = &context.cluster.control_plane;
    let subnet = context.control_plane_subnet();
    let addresses = plane.addresses().into_iter().map(|address| address.to_string().into());
    let mut first = Value::object([
        ("primary", true.into()),
        ("privateIPAddress", item(addresses, Value::index())),
        ("privateIPAllocationMethod", "Static".into()),
        ("subnet", subnet.clone()),
        ("loadBalancerBackendAddressPools", Value::array(control_plane_backends(context))),
    ]);
    if has_public_endpoint(context) {
        let rule = Value::concat([
            Value::id_of(symbol::PUBLIC_BALANCER),
            format!("/inboundNatRules/{}", ssh_rule_prefix(context)).into(),
            Value::index(),
        ]);
        first.insert("loadBalancerInboundNatRules", Value::array([Value::sub_resource(rule)]));
    }
    let mut properties =
        Value::object([("ipConfigurations", ip_configurations(context, plane.addresses_per_node, &subnet, first))]);
    interface_settings(context, plane.accelerated_networking, &mut properties);
    let name = Value::indexed(&format!("{}nic-", context.names.control_plane_prefix()));
    let symbol = symbol::of(CONTROL_PLANE_POOL, "interface");
    let interface = context.resource(&symbol, "Microsoft.Network/networkInterfaces", name)?.properties(properties);
    Ok(interface.in_series(series(CONTROL_PLANE_POOL, plane.count)))
}

fn machine(context: &Context<'_>, kind: &MachineKind<'_>) -> Result<Resource, ExpandError> {
    let plane = &context.cluster.control_plane;
    let prefix = context.names.control_plane_prefix();
    let name = Value::indexed(&prefix);
    let disks = DiskSettings { vm_size: &plane.vm_size, encryption_set: None, in_scale_set: false };
    // etcd's disk outlives the machine: a machine made anew takes it over.
    let etcd_name = Value::concat([prefix.into(), Value::index(), "-etcddisk".into()]);
    let etcd_disk = disks.data_disk(context, 0, plane.etcd_disk_size_gib, plane.etcd_disk_caching, Some(etcd_name));
    let interface = Value::sub_resource(Value::id_of_same_index(&symbol::of(CONTROL_PLANE_POOL, "interface")));
    let mut properties = Value::object([]);
    if context.has_control_plane_set() {
        let set = Value::id_of(&symbol::of(CONTROL_PLANE_POOL, "availability-set"));
        properties.insert("availabilitySet", Value::sub_resource(set));
    }
    if let Some(id) = &plane.proximity_placement_group_id {
        properties.insert("proximityPlacementGroup", Value::sub_resource(id.as_str().into()));
    }
    properties.insert("hardwareProfile", Value::object([("vmSize", plane.vm_size.as_str().into())]));
    properties.insert("networkProfile", Value::object([("networkInterfaces", Value::array([interface]))]));
    properties.insert("osProfile", kind.system_profile(context, "computerName", name.clone()));
    properties.insert(
        "storageProfile",
        Value::object([
            ("imageReference", image(&plane.image, CONTROL_PLANE_POOL)),
            ("osDisk", disks.system_disk(context, &plane.os_disk)),
            ("dataDisks", Value::array([etcd_disk])),
        ]),
    );
    if plane.encryption_at_host {
        properties.insert("securityProfile", Value::object([("encryptionAtHost", true.into())]));
    }
    let symbol = control_plane_machine();
    let mut machine = context
        .resource(&symbol, "Microsoft.Compute/virtualMachines", name.clone())?
        .field("tags", kind.tags(context, name));
    if !plane.zones.is_empty() {
        machine = machine.field("zones", Value::array([in_turn(&plane.zones)]));
    }
    if let Some(identity) = identity_field(context) {
        machine = machine.field("identity", identity);
    }
    machine.after = awaited_by_machine(context);
    machine.initial = given_once();
    Ok(machine.properties(properties).in_series(series(CONTROL_PLANE_POOL, plane.count)))
}
