//! A pool as a scale set: of equal instances (orchestration mode Uniform), or of machines of their own (Flexible). Its script
//! stands in its profile, so that instances which an autoscaler adds have it too.

use super::ExpandError;
use super::balancer::worker_backends;
use super::context::{Context, symbol};
use super::identity::{Role, awaited_by_machine, identity_field, role_of_scale_set};
use super::machine::{DiskSettings, given_once, image, interface_settings, ipv6_configuration};
use super::pool::{common_settings, data_disks, kind};
use super::security::named;
use crate::graph::{Resource, Value};
use crate::model::{Orchestration, Pool};

/// The version of Microsoft.Network in which Azure makes the interfaces of mode Flexible: the first that it takes, which the
/// cloud controller writes too (learn.microsoft.com, JavaScript reference `KnownNetworkApiVersion`;
/// kubernetes-sigs/cloud-provider-azure, `pkg/provider/azure_vmssflex.go`; in stored copies read 2026-11-28).
const NETWORK_API_VERSION: &str = "2020-11-01";

/// The name of the script in the profile (aks-engine's).
const SCRIPT: &str = "vmssCSE";

pub(super) fn build(context: &Context<'_>, pool: &Pool) -> Result<Vec<Resource>, ExpandError> {
    let mut resources = vec![scale_set(context, pool)?];
    resources.extend(role_of_scale_set(context, &pool.name, Role::Reader)?);
    Ok(resources)
}

fn scale_set(context: &Context<'_>, pool: &Pool) -> Result<Resource, ExpandError> {
    let kind = kind(pool);
    let name = context.names.scale_set(pool);
    let mut profile = Value::object([
        ("osProfile", kind.system_profile(context, "computerNamePrefix", name.as_str().into())),
        ("storageProfile", storage(context, pool)),
        ("networkProfile", network(context, pool, &name)),
        ("extensionProfile", Value::object([("extensions", Value::array([named(SCRIPT, kind.script(context))]))])),
    ]);
    common_settings(context, pool, &mut profile);
    let mut properties = Value::object([]);
    if context.is_azure() {
        properties.insert("orchestrationMode", pool.orchestration.word().into());
    }
    properties.insert("platformFaultDomainCount", pool.fault_domain_count.into());
    if pool.orchestration == Orchestration::Uniform {
        properties.insert("upgradePolicy", Value::object([("mode", "Manual".into())]));
        properties.insert("overprovision", pool.overprovision.into());
    }
    properties.insert("singlePlacementGroup", pool.single_placement_group.into());
    if let Some(id) = &pool.proximity_placement_group_id {
        properties.insert("proximityPlacementGroup", Value::sub_resource(id.as_str().into()));
    }
    if pool.ultra_ssd {
        properties.insert("additionalCapabilities", Value::object([("ultraSSDEnabled", true.into())]));
    }
    properties.insert("virtualMachineProfile", profile);
    let sku = Value::object([
        ("name", pool.vm_size.as_str().into()),
        ("tier", "Standard".into()),
        ("capacity", pool.count.into()),
    ]);
    let mut resource = context
        .resource(&symbol::of(&pool.name, "scale-set"), "Microsoft.Compute/virtualMachineScaleSets", name.as_str())?
        .field("tags", kind.tags(context, name.as_str().into()))
        .field("sku", sku);
    if !pool.zones.is_empty() {
        resource = resource.field("zones", Value::array(pool.zones.iter().map(|zone| zone.as_str().into())));
    }
    if let Some(identity) = identity_field(context) {
        resource = resource.field("identity", identity);
    }
    resource.after = awaited_by_machine(context);
    resource.initial = given_once();
    if context.has_autoscaler() {
        resource.initial.push("/sku/capacity".into());
    }
    Ok(resource.properties(properties))
}

fn storage(context: &Context<'_>, pool: &Pool) -> Value {
    let disks = DiskSettings {
        vm_size: &pool.vm_size,
        encryption_set: pool.disk_encryption_set_id.as_deref(),
        // Machines of their own have to be told that their disks go with them.
        in_scale_set: pool.orchestration == Orchestration::Uniform,
    };
    let mut storage = Value::object([
        ("imageReference", image(&pool.image, &pool.name)),
        ("osDisk", disks.system_disk(context, &pool.os_disk)),
    ]);
    if !pool.data_disk_sizes_gib.is_empty() {
        storage.insert("dataDisks", data_disks(context, pool, &disks));
    }
    storage
}

fn network(context: &Context<'_>, pool: &Pool, name: &str) -> Value {
    let subnet = context.worker_subnet(pool);
    let flexible = pool.orchestration == Orchestration::Flexible;
    let configurations = (1..=pool.addresses_per_node.max(1)).map(|number| {
        let mut properties = Value::object([("primary", (number == 1).into()), ("subnet", subnet.clone())]);
        if number == 1 {
            if let Some(backends) = worker_backends(context) {
                properties.insert("loadBalancerBackendAddressPools", backends);
            }
            if pool.public_ip_per_node {
                let mut settings = Value::object([("idleTimeoutInMinutes", 30_u32.into())]);
                if flexible {
                    settings.insert("deleteOption", "Delete".into());
                }
                let address = named("pub1", settings);
                properties.insert("publicIPAddressConfiguration", address);
            }
        }
        named(format!("ipconfig{number}"), properties)
    });
    let configurations = configurations.chain(ipv6_configuration(context, "ipconfig1v6", &subnet));
    let mut properties = Value::object([("primary", true.into()), ("ipConfigurations", Value::array(configurations))]);
    interface_settings(context, pool.accelerated_networking, &mut properties);
    let mut network = Value::object([]);
    if flexible {
        properties.insert("deleteOption", "Delete".into());
        network.insert("networkApiVersion", NETWORK_API_VERSION.into());
    }
    network.insert("networkInterfaceConfigurations", Value::array([named(name, properties)]));
    network
}
