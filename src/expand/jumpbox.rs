//! A machine in the network of a private cluster, with a public address, to work from.

use super::ExpandError;
use super::context::{Context, symbol};
use super::machine::{DiskSettings, ssh_only};
use super::security::{Rule, Source, named};
use crate::catalog::ubuntu_image;
use crate::graph::{Resource, Value};
use crate::model::{Caching, Jumpbox, OsDisk, Storage};

const ADDRESS: &str = "jumpbox-address";
const SECURITY: &str = "jumpbox-security-group";
const INTERFACE: &str = "jumpbox-interface";

/// The priority of the rule that lets SSH in (aks-engine's).
const SSH_PRIORITY: u32 = 1000;

pub(super) fn build(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let private = context.cluster.network.private_cluster.as_ref();
    let Some(jumpbox) = private.and_then(|private| private.jumpbox.as_ref()) else { return Ok(Vec::new()) };
    let name = &jumpbox.name;
    let sku = context.cluster.network.load_balancer.sku.word();
    let allocation = if context.has_standard_balancer() { "Static" } else { "Dynamic" };
    let label = format!("{}-jumpbox", context.cluster.dns_prefix);
    let address = context
        .resource(ADDRESS, "Microsoft.Network/publicIPAddresses", format!("{name}-ip"))?
        .field("sku", Value::object([("name", sku.into())]))
        .properties(Value::object([
            ("publicIPAllocationMethod", allocation.into()),
            ("dnsSettings", Value::object([("domainNameLabel", label.into())])),
        ]));
    // It exists to be reached by SSH, only with its key: from the ranges of the model, from everywhere if it names none.
    let everywhere = Source::Tag("*");
    let source = Source::of(&context.cluster.network.ssh_source_ranges).unwrap_or(everywhere);
    let rule = Rule::inbound("default-allow-ssh", SSH_PRIORITY, 22).from(&source);
    let security = context
        .resource(SECURITY, "Microsoft.Network/networkSecurityGroups", format!("{name}-nsg"))?
        .properties(Value::object([("securityRules", Value::array([rule]))]));
    let configuration = Value::object([
        ("primary", true.into()),
        ("privateIPAllocationMethod", "Dynamic".into()),
        ("subnet", context.control_plane_subnet()),
        ("publicIPAddress", Value::sub_resource(Value::id_of(ADDRESS))),
    ]);
    let interface = context
        .resource(INTERFACE, "Microsoft.Network/networkInterfaces", format!("{name}-nic"))?
        .properties(Value::object([
            ("ipConfigurations", Value::array([named("ipconfig1", configuration)])),
            ("networkSecurityGroup", Value::sub_resource(Value::id_of(SECURITY))),
        ]));
    Ok(vec![address, security, interface, machine(context, jumpbox)?])
}

fn machine(context: &Context<'_>, jumpbox: &Jumpbox) -> Result<Resource, ExpandError> {
    let disks = DiskSettings { vm_size: &jumpbox.vm_size, encryption_set: None, in_scale_set: false };
    let disk = OsDisk {
        size_gib: Some(jumpbox.os_disk_size_gib),
        caching: Caching::ReadWrite,
        storage: Storage::ManagedDisks,
    };
    let image = ubuntu_image(context.cluster.cloud);
    let interface = Value::sub_resource(Value::id_of(INTERFACE));
    let properties = Value::object([
        ("hardwareProfile", Value::object([("vmSize", jumpbox.vm_size.as_str().into())])),
        ("networkProfile", Value::object([("networkInterfaces", Value::array([interface]))])),
        (
            "osProfile",
            Value::object([
                ("computerName", jumpbox.name.as_str().into()),
                ("adminUsername", jumpbox.username.as_str().into()),
                ("linuxConfiguration", ssh_only(&jumpbox.username, [jumpbox.ssh_public_key.as_str().into()])),
            ]),
        ),
        (
            "storageProfile",
            Value::object([
                (
                    "imageReference",
                    Value::object([
                        ("publisher", image.publisher.into()),
                        ("offer", image.offer.into()),
                        ("sku", image.sku.into()),
                        ("version", image.version.into()),
                    ]),
                ),
                ("osDisk", disks.system_disk(context, &disk)),
            ]),
        ),
    ]);
    let symbol = symbol::of("jumpbox", "machine");
    Ok(context.resource(&symbol, "Microsoft.Compute/virtualMachines", jumpbox.name.as_str())?.properties(properties))
}
