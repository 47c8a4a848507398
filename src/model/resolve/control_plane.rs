//! The control-plane nodes.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::catalog::{Cloud, supports_accelerated_networking};

use super::super::control_plane::ControlPlane;
use super::super::network::Network;
use super::super::pointers::MASTER;
use super::super::pool::{Availability, Caching, OperatingSystem};
use super::machines::kubelet_flags;
use super::{Context, Resolver, kubernetes_pointer, master_pointer};

/// The first control-plane node's place in its subnet (aks-engine).
const STATIC_IP_OFFSET: u32 = 5;
/// The same in a scale set: the first address that Azure gives out.
const SCALE_SET_STATIC_IP_OFFSET: u32 = 4;

impl Resolver<'_> {
    pub(super) fn control_plane(&mut self, context: &Context<'_>, network: &Network) -> ControlPlane {
        let master = context.master;
        let availability = match master.availability_profile.as_deref() {
            Some("VirtualMachineScaleSets") => Availability::ScaleSet,
            Some(_) => Availability::AvailabilitySet,
            None => self.or(
                None,
                &master_pointer("availabilityProfile"),
                "its machines keep their names and addresses",
                Availability::AvailabilitySet,
            ),
        };
        let count = master.count.and_then(|count| u32::try_from(count).ok()).unwrap_or(1).clamp(1, 5);
        let workers: i64 = context
            .properties
            .agent_pool_profiles
            .iter()
            .flatten()
            .filter_map(|pool| pool.count)
            .fold(0, i64::saturating_add);
        let kubelet_flags = kubelet_flags(master.kubernetes_config.as_ref());
        let flag =
            self.max_pods_flag(Some(&kubelet_flags), &master_pointer("kubernetesConfig/kubeletConfig/--max-pods"));
        let max_pods = flag.unwrap_or(network.max_pods);
        ControlPlane {
            count,
            vm_size: master.vm_size.clone().unwrap_or_default(),
            image: self.image(
                context,
                MASTER,
                master.image_reference.as_ref(),
                master.distro.as_deref(),
                None,
                OperatingSystem::Linux,
            ),
            os_disk: self.os_disk(
                context,
                MASTER,
                master.os_disk_size_gb,
                master.os_disk_caching_type.as_deref(),
                master.storage_profile.as_deref(),
            ),
            etcd_disk_size_gib: self.etcd_disk_size(context, i64::from(count).saturating_add(workers)),
            etcd_storage_limit_gib: self.or(
                context.kubernetes.etcd_storage_limit_gb.filter(|limit| *limit != 0),
                &kubernetes_pointer("etcdStorageLimitGB"),
                "etcd's own default",
                2,
            ),
            etcd_disk_caching: Caching::None,
            availability,
            zones: master.availability_zones.clone().unwrap_or_default(),
            fault_domain_count: self.fault_domains(
                context,
                MASTER,
                master.platform_fault_domain_count,
                availability,
                master.availability_zones.as_ref(),
            ),
            update_domain_count: self.or(
                master.platform_update_domain_count,
                &master_pointer("platformUpdateDomainCount"),
                "aks-engine's value",
                3,
            ),
            single_placement_group: self.or(
                master.single_placement_group,
                &master_pointer("singlePlacementGroup"),
                "there are never more than five",
                true,
            ),
            first_consecutive_static_ip: self.first_address(context, network, availability),
            addresses_per_node: self.addresses_per_node(MASTER, master.ip_address_count, network.plugin, max_pods),
            max_pods,
            subnet_id: master.vnet_subnet_id.clone(),
            agent_subnet_id: master.agent_vnet_subnet_id.clone(),
            subject_alternative_names: master.subject_alt_names.clone().unwrap_or_default(),
            accelerated_networking: context.cloud != Cloud::Stack
                && master.vm_size.as_deref().is_some_and(supports_accelerated_networking),
            encryption_at_host: self.or(
                master.encryption_at_host,
                &master_pointer("encryptionAtHost"),
                "a subscription has to be registered for it",
                false,
            ),
            proximity_placement_group_id: master.proximity_placement_group_id.clone(),
            kubelet_flags,
            kernel_parameters: master.sysctld_config.clone().unwrap_or_default(),
            audit: self.or(
                master.audit_d_enabled,
                &master_pointer("auditDEnabled"),
                "Kubernetes has an audit log of its own",
                false,
            ),
            tags: master.custom_vm_tags.clone().unwrap_or_default(),
            pre_provision: self.pre_provision(
                context,
                MASTER,
                master.pre_provision_extension.as_ref(),
                OperatingSystem::Linux,
            ),
            custom_files: self.custom_files(master),
        }
    }

    fn etcd_disk_size(&mut self, context: &Context<'_>, nodes: i64) -> u32 {
        let pointer = kubernetes_pointer("etcdDiskSizeGB");
        let given =
            context.kubernetes.etcd_disk_size_gb.as_ref().and_then(|size| size.number()).filter(|size| *size != 0);
        let default = match nodes {
            ..=3 => 256,
            4..=10 => 512,
            11..=20 => 1024,
            _ => 2048,
        };
        // Azure Stack Hub's disks end at 1023 GiB.
        let default = if context.cloud == Cloud::Stack { default.min(1023) } else { default };
        self.or(given, &pointer, "larger disks are faster, and larger clusters write more", default)
    }

    fn first_address(&mut self, context: &Context<'_>, network: &Network, availability: Availability) -> IpAddr {
        let pointer = master_pointer("firstConsecutiveStaticIP");
        let given = self.address(context.master.first_consecutive_static_ip.as_deref(), &pointer);
        let custom = context.master.vnet_subnet_id.is_some();
        match availability {
            // Azure gives a scale set's members the subnet's first free addresses, whatever the model says.
            Availability::ScaleSet => {
                let first = first_of(network.node_subnet, SCALE_SET_STATIC_IP_OFFSET);
                self.or(
                    given.filter(|_| !custom),
                    &pointer,
                    "Azure gives a scale set the subnet's first free addresses",
                    first,
                )
            }
            Availability::AvailabilitySet => {
                let default = last_block(network.node_subnet, STATIC_IP_OFFSET);
                self.or(given, &pointer, "at the subnet's end, as in aks-engine", default)
            }
        }
    }
}

/// The address `offset` behind a network's start.
fn first_of(network: IpNet, offset: u32) -> IpAddr {
    match network.network() {
        IpAddr::V4(start) => IpAddr::V4(Ipv4Addr::from_bits(start.to_bits().saturating_add(offset))),
        start => start,
    }
}

/// The address `offset` behind the start of the last 256 addresses of a network, or of the network if it is smaller.
fn last_block(network: IpNet, offset: u32) -> IpAddr {
    match (network.network(), network.broadcast()) {
        (IpAddr::V4(start), IpAddr::V4(end)) => {
            let block = start.to_bits().max(end.to_bits() & !0xff);
            IpAddr::V4(Ipv4Addr::from_bits(block.saturating_add(offset)))
        }
        (start, _) => start,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn static_addresses_are_those_of_aks_engine() {
        for (network, address) in [
            ("10.240.0.0/12", "10.255.255.5"),
            ("10.240.0.0/16", "10.240.255.5"),
            ("10.239.0.0/16", "10.239.255.5"),
            ("10.1.2.0/24", "10.1.2.5"),
            ("10.1.2.64/27", "10.1.2.69"),
        ] {
            assert_eq!(last_block(network.parse().unwrap(), STATIC_IP_OFFSET).to_string(), address);
        }
        assert_eq!(first_of("10.240.0.0/16".parse().unwrap(), 4).to_string(), "10.240.0.4");
    }
}
