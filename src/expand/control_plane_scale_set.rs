//! The control plane as a scale set (orchestration mode Uniform): one resource, whose instances have no names and
//! addresses of their own that last.
//!
//! An instance learns its index from its host name: the one with index 0 starts the cluster, the others join it, and find
//! their peers by asking behind the internal balancer. An instance made anew has another index, address and etcd disk: it
//! joins as a new member. What such a control plane cannot do stands in `docs/control-plane-scale-sets.md`.

use super::ExpandError;
use super::balancer::{control_plane_backends, control_plane_ssh_pools};
use super::context::{CONTROL_PLANE_POOL, Context, symbol};
use super::identity::{Role, awaited_by_machine, identity_field, role_of_scale_set};
use super::machine::{DiskSettings, MachineKind, given_once, image, interface_settings, ipv6_configuration};
use super::security::named;
use crate::graph::{Resource, Value};

pub(super) fn build(context: &Context<'_>, kind: &MachineKind<'_>) -> Result<Vec<Resource>, ExpandError> {
    let mut resources = vec![scale_set(context, kind)?];
    resources.extend(role_of_scale_set(context, CONTROL_PLANE_POOL, Role::Contributor)?);
    Ok(resources)
}

fn scale_set(context: &Context<'_>, kind: &MachineKind<'_>) -> Result<Resource, ExpandError> {
    let plane = &context.cluster.control_plane;
    let name = context.names.control_plane_scale_set();
    let script = named(format!("{name}CSE"), kind.script(context));
    let mut profile = Value::object([
        ("osProfile", kind.system_profile(context, "computerNamePrefix", name.as_str().into())),
        ("storageProfile", storage(context)),
        ("networkProfile", network(context)),
        ("extensionProfile", Value::object([("extensions", Value::array([script]))])),
    ]);
    if plane.encryption_at_host {
        profile.insert("securityProfile", Value::object([("encryptionAtHost", true.into())]));
    }
    let mut properties = Value::object([
        ("orchestrationMode", "Uniform".into()),
        ("platformFaultDomainCount", plane.fault_domain_count.into()),
        // An instance is replaced when a person or a verb says so, one at a time, or etcd loses its majority.
        ("upgradePolicy", Value::object([("mode", "Manual".into())])),
        // One that is deleted again would have become a member of etcd.
        ("overprovision", false.into()),
        ("singlePlacementGroup", plane.single_placement_group.into()),
    ]);
    if let Some(id) = &plane.proximity_placement_group_id {
        properties.insert("proximityPlacementGroup", Value::sub_resource(id.as_str().into()));
    }
    properties.insert("virtualMachineProfile", profile);
    let sku = Value::object([
        ("name", plane.vm_size.as_str().into()),
        ("tier", "Standard".into()),
        ("capacity", plane.count.into()),
    ]);
    let symbol = symbol::of(CONTROL_PLANE_POOL, "scale-set");
    let mut resource = context
        .resource(&symbol, "Microsoft.Compute/virtualMachineScaleSets", name.as_str())?
        .field("tags", kind.tags(context, name.as_str().into()))
        .field("sku", sku);
    if !plane.zones.is_empty() {
        resource = resource.field("zones", Value::array(plane.zones.iter().map(|zone| zone.as_str().into())));
    }
    if let Some(identity) = identity_field(context) {
        resource = resource.field("identity", identity);
    }
    resource.after = awaited_by_machine(context);
    resource.initial = given_once();
    Ok(resource.properties(properties))
}

/// The system disk, and etcd's own. Both go with the instance: the others have etcd's data.
fn storage(context: &Context<'_>) -> Value {
    let plane = &context.cluster.control_plane;
    let disks = DiskSettings { vm_size: &plane.vm_size, encryption_set: None, in_scale_set: true };
    let etcd_disk = disks.data_disk(context, 0, plane.etcd_disk_size_gib, plane.etcd_disk_caching, None);
    Value::object([
        ("imageReference", image(&plane.image, CONTROL_PLANE_POOL)),
        ("osDisk", disks.system_disk(context, &plane.os_disk)),
        ("dataDisks", Value::array([etcd_disk])),
    ])
}

fn network(context: &Context<'_>) -> Value {
    let plane = &context.cluster.control_plane;
    let subnet = context.control_plane_subnet();
    let configurations = (1..=plane.addresses_per_node.max(1)).map(|number| {
        let mut properties = Value::object([("primary", (number == 1).into()), ("subnet", subnet.clone())]);
        if number == 1 {
            properties.insert("loadBalancerBackendAddressPools", Value::array(control_plane_backends(context)));
            if let Some(pools) = control_plane_ssh_pools(context) {
                properties.insert("loadBalancerInboundNatPools", pools);
            }
        }
        named(format!("ipconfig{number}"), properties)
    });
    let configurations = configurations.chain(ipv6_configuration(context, "ipconfig1v6", &subnet));
    let mut properties = Value::object([("primary", true.into()), ("ipConfigurations", Value::array(configurations))]);
    interface_settings(context, plane.accelerated_networking, &mut properties);
    let name = format!("{}netintconfig", context.names.control_plane_prefix());
    Value::object([("networkInterfaceConfigurations", Value::array([named(name, properties)]))])
}
