//! The machines: control-plane nodes and pools.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::base::Diagnostic;
use crate::catalog::{Cloud, MarketplaceImage, supports_accelerated_networking, ubuntu_image, windows_image};

use super::super::control_plane::ControlPlane;
use super::super::input::{AgentPoolProfile, ImageReference, NodeKubernetesConfig};
use super::super::network::{LoadBalancerSku, Network, NetworkPlugin};
use super::super::pointers::{MASTER, pool};
use super::super::pool::{Availability, Caching, Image, OperatingSystem, OsDisk, Pool, Priority, Storage, Taint};
use super::{Context, Resolver, kubernetes_pointer, master_pointer};

/// The distribution that nodes run.
pub(in crate::model) const DISTRO: &str = "ubuntu-24.04";
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
            tags: master.custom_vm_tags.clone().unwrap_or_default(),
        }
    }

    pub(super) fn pools(&mut self, context: &Context<'_>, network: &Network) -> Vec<Pool> {
        let profiles = context.properties.agent_pool_profiles.iter().flatten().enumerate();
        profiles.map(|(index, profile)| self.pool(context, network, index, profile)).collect()
    }

    fn pool(&mut self, context: &Context<'_>, network: &Network, index: usize, profile: &AgentPoolProfile) -> Pool {
        let root = pool(index, "").trim_end_matches('/').to_owned();
        let at = |name: &str| pool(index, name);
        let stack = context.cloud == Cloud::Stack;
        let operating_system = match profile.os_type.as_deref() {
            Some("Windows") => OperatingSystem::Windows,
            Some(_) => OperatingSystem::Linux,
            None => self.or(None, &at("osType"), "most pools run Linux", OperatingSystem::Linux),
        };
        let availability = match profile.availability_profile.as_deref() {
            Some("AvailabilitySet") => Availability::AvailabilitySet,
            Some(_) => Availability::ScaleSet,
            None if stack => self.or(
                None,
                &at("availabilityProfile"),
                "Azure Stack Hub scales by machines of their own",
                Availability::AvailabilitySet,
            ),
            None => self.or(
                None,
                &at("availabilityProfile"),
                "a pool of equal machines is a scale set",
                Availability::ScaleSet,
            ),
        };
        let vm_size = profile.vm_size.clone().unwrap_or_default();
        let kubelet_flags = kubelet_flags(profile.kubernetes_config.as_ref());
        let flag = self.max_pods_flag(Some(&kubelet_flags), &at("kubernetesConfig/kubeletConfig/--max-pods"));
        let max_pods = flag.unwrap_or(network.max_pods);
        let scale_set = availability == Availability::ScaleSet;
        Pool {
            index,
            name: profile.name.clone().unwrap_or_default(),
            count: profile.count.and_then(|count| u32::try_from(count).ok()).unwrap_or(1).clamp(1, 1000),
            image: self.image(
                context,
                &root,
                profile.image_reference.as_ref(),
                profile.distro.as_deref(),
                operating_system,
            ),
            os_disk: self.os_disk(
                context,
                &root,
                profile.os_disk_size_gb,
                profile.os_disk_caching_type.as_deref(),
                profile.storage_profile.as_deref(),
            ),
            data_disk_sizes_gib: profile.disk_sizes_gb.clone().unwrap_or_default(),
            data_disk_caching: match caching(profile.data_disk_caching_type.as_deref()) {
                Some(caching) => caching,
                None => self.or(None, &at("dataDiskCachingType"), "aks-engine's value", Caching::ReadOnly),
            },
            zones: profile.availability_zones.clone().unwrap_or_default(),
            fault_domain_count: self.fault_domains(
                context,
                &root,
                profile.platform_fault_domain_count,
                availability,
                profile.availability_zones.as_ref(),
            ),
            update_domain_count: self.or(
                profile.platform_update_domain_count,
                &at("platformUpdateDomainCount"),
                "aks-engine's value",
                3,
            ),
            single_placement_group: if network.load_balancer.sku == LoadBalancerSku::Standard {
                self.or(
                    profile.single_placement_group,
                    &at("singlePlacementGroup"),
                    "a Standard load balancer serves more than 100 machines",
                    false,
                )
            } else {
                self.or(
                    profile.single_placement_group,
                    &at("singlePlacementGroup"),
                    "a Basic load balancer serves one placement group",
                    true,
                )
            },
            overprovision: scale_set
                && self.or(
                    profile.vmss_over_provisioning_enabled,
                    &at("vmssOverProvisioningEnabled"),
                    "machines that are deleted again would join the cluster first",
                    false,
                ),
            priority: self.priority(index, profile),
            subnet_id: profile.vnet_subnet_id.clone(),
            addresses_per_node: self.addresses_per_node(&root, profile.ip_address_count, network.plugin, max_pods),
            max_pods,
            accelerated_networking: match operating_system {
                OperatingSystem::Windows => self.or(
                    profile.accelerated_networking_enabled_windows,
                    &at("acceleratedNetworkingEnabledWindows"),
                    "aks-engine's value",
                    false,
                ),
                OperatingSystem::Linux => self.or(
                    profile.accelerated_networking_enabled,
                    &at("acceleratedNetworkingEnabled"),
                    "what the engine knows of this size",
                    !stack && supports_accelerated_networking(&vm_size),
                ),
            },
            public_ip_per_node: self.or(
                profile.enable_vmss_node_public_ip,
                &at("enableVMSSNodePublicIP"),
                "nodes need no public addresses",
                false,
            ),
            labels: profile.custom_node_labels.clone().unwrap_or_default(),
            taints: self.taints(index, profile),
            tags: profile.custom_vm_tags.clone().unwrap_or_default(),
            kubelet_flags,
            ultra_ssd: self.or(
                profile.ultra_ssd_enabled,
                &at("ultraSSDEnabled"),
                "few sizes and regions have them",
                false,
            ),
            encryption_at_host: self.or(
                profile.encryption_at_host,
                &at("encryptionAtHost"),
                "a subscription has to be registered for it",
                false,
            ),
            disk_encryption_set_id: profile.disk_encryption_set_id.clone(),
            proximity_placement_group_id: profile.proximity_placement_group_id.clone(),
            vm_size,
            operating_system,
            availability,
        }
    }

    fn image(
        &mut self,
        context: &Context<'_>,
        root: &str,
        reference: Option<&ImageReference>,
        distro: Option<&str>,
        operating_system: OperatingSystem,
    ) -> Image {
        let pointer = format!("{root}/distro");
        if let Some(distro) = distro.filter(|distro| *distro != DISTRO) {
            if distro == "aks" || distro == "aks-1804" {
                let fault =
                    Diagnostic::error("distro-unsupported", &pointer, format!("the images of \"{distro}\" are gone"));
                self.findings.judge(&[], fault.help(format!("write \"{DISTRO}\"")));
            } else if reference.is_none() && operating_system == OperatingSystem::Linux {
                let message = format!("\"{distro}\" is no longer maintained; Ubuntu 24.04 takes its place");
                let warning = Diagnostic::warning("distro-replaced", &pointer, message);
                self.findings.judge(&[], warning.help(format!("write \"{DISTRO}\"")));
            }
        }
        if let Some(image) = reference.and_then(|reference| self.own_image(root, reference)) {
            return image;
        }
        match operating_system {
            OperatingSystem::Windows => marketplace(windows_image(context.cloud)),
            OperatingSystem::Linux => {
                if distro.is_none() {
                    self.or(None, &pointer, "the newest long-term release", ());
                }
                marketplace(ubuntu_image(context.cloud))
            }
        }
    }

    /// An image of the user's own; told if it is named by halves.
    fn own_image(&mut self, root: &str, reference: &ImageReference) -> Option<Image> {
        let pointer = format!("{root}/imageReference");
        let fault = |message: &str| {
            Diagnostic::error("image-reference", &pointer, message)
                .help("name and resourceGroup are needed; for a gallery, subscriptionID, gallery and version, too")
        };
        let (Some(name), Some(resource_group)) = (reference.name.clone(), reference.resource_group.clone()) else {
            self.findings.judge(&[], fault("name or resourceGroup is missing"));
            return None;
        };
        match (reference.subscription_id.clone(), reference.gallery.clone(), reference.version.clone()) {
            (None, None, None) => Some(Image::Managed { resource_group, name }),
            (Some(subscription_id), Some(gallery), Some(version)) => {
                Some(Image::Gallery { subscription_id, resource_group, gallery, name, version })
            }
            _ => {
                self.findings.judge(&[], fault("of subscriptionID, gallery and version one is missing"));
                None
            }
        }
    }

    fn os_disk(
        &mut self,
        context: &Context<'_>,
        root: &str,
        size: Option<u32>,
        caching_word: Option<&str>,
        storage: Option<&str>,
    ) -> OsDisk {
        let pointer = format!("{root}/storageProfile");
        let storage = match storage {
            Some("Ephemeral") => Storage::Ephemeral,
            Some("StorageAccount") if context.cloud == Cloud::Stack => Storage::StorageAccount,
            Some("StorageAccount") => {
                let warning = Diagnostic::warning(
                    "unmanaged-disks-replaced",
                    &pointer,
                    "Azure has retired unmanaged disks; managed ones take their place",
                );
                self.findings.push(warning.help("write \"ManagedDisks\""));
                Storage::ManagedDisks
            }
            Some(_) => Storage::ManagedDisks,
            None => self.or(None, &pointer, "they need no storage accounts", Storage::ManagedDisks),
        };
        let caching_pointer = format!("{root}/osDiskCachingType");
        let caching = match (caching(caching_word), storage) {
            (Some(caching), _) => caching,
            (None, Storage::Ephemeral) => {
                self.or(None, &caching_pointer, "ephemeral disks know no other", Caching::ReadOnly)
            }
            (None, _) => self.or(None, &caching_pointer, "aks-engine's value", Caching::ReadWrite),
        };
        OsDisk { size_gib: size.filter(|size| *size != 0), caching, storage }
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

    fn fault_domains(
        &mut self,
        context: &Context<'_>,
        root: &str,
        given: Option<u32>,
        availability: Availability,
        zones: Option<&Vec<String>>,
    ) -> u32 {
        let (default, reason) = match availability {
            Availability::AvailabilitySet if context.cloud == Cloud::Stack => (3, "Azure Stack Hub has three"),
            Availability::AvailabilitySet => (2, "every region has two"),
            Availability::ScaleSet if zones.is_some_and(|zones| !zones.is_empty()) => (1, "zones keep machines apart"),
            Availability::ScaleSet => (5, "Azure's value for scale sets"),
        };
        self.or(given, &format!("{root}/platformFaultDomainCount"), reason, default)
    }

    fn addresses_per_node(&mut self, root: &str, given: Option<u32>, plugin: NetworkPlugin, max_pods: u32) -> u32 {
        let (default, reason) = match plugin {
            NetworkPlugin::Azure => (max_pods.saturating_add(1), "one for the node and one for each pod"),
            _ => (1, "pods have a range of their own"),
        };
        self.or(given.filter(|count| *count != 0), &format!("{root}/ipAddressCount"), reason, default)
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

    fn priority(&mut self, index: usize, profile: &AgentPoolProfile) -> Priority {
        let pointer = pool(index, "scaleSetPriority");
        match profile.scale_set_priority.as_deref() {
            Some(word @ ("Low" | "Spot")) => {
                if word == "Low" {
                    let warning = Diagnostic::warning(
                        "low-priority-replaced",
                        &pointer,
                        "Azure has no low priority any more; Spot takes its place",
                    );
                    self.findings.push(warning.help("write \"Spot\""));
                }
                let policy = self.or(
                    profile.scale_set_eviction_policy.clone(),
                    &pool(index, "scaleSetEvictionPolicy"),
                    "a node comes back as a new one",
                    "Delete".to_owned(),
                );
                let max_price =
                    self.or(profile.spot_max_price, &pool(index, "spotMaxPrice"), "never evicted for its price", -1.0);
                Priority::Spot { deallocate: policy == "Deallocate", max_price }
            }
            Some(_) => Priority::Regular,
            None => self.or(None, &pointer, "it is never taken away", Priority::Regular),
        }
    }

    fn taints(&mut self, index: usize, profile: &AgentPoolProfile) -> Vec<Taint> {
        let mut taints = Vec::new();
        for (number, text) in profile.node_taints.iter().flatten().enumerate() {
            let taint = text.rsplit_once(':').and_then(|(pair, effect)| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                let known = ["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&effect) && !key.is_empty();
                known.then(|| Taint { key: key.into(), value: value.into(), effect: effect.into() })
            });
            match taint {
                Some(taint) => taints.push(taint),
                None => {
                    let pointer = pool(index, &format!("nodeTaints/{number}"));
                    let fault = Diagnostic::error("taint-form", pointer, format!("\"{text}\" is not a taint"));
                    self.findings.judge(
                        &[],
                        fault.help(
                            "write key=value:NoSchedule; the effects are NoSchedule, PreferNoSchedule and NoExecute",
                        ),
                    );
                }
            }
        }
        taints
    }
}

fn kubelet_flags(config: Option<&NodeKubernetesConfig>) -> BTreeMap<String, String> {
    config.and_then(|config| config.kubelet_config.clone()).unwrap_or_default()
}

fn caching(word: Option<&str>) -> Option<Caching> {
    match word? {
        "None" => Some(Caching::None),
        "ReadOnly" => Some(Caching::ReadOnly),
        _ => Some(Caching::ReadWrite),
    }
}

fn marketplace(image: MarketplaceImage) -> Image {
    Image::Marketplace {
        publisher: image.publisher.into(),
        offer: image.offer.into(),
        sku: image.sku.into(),
        version: image.version.into(),
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
