//! The pools of workers.

use crate::base::Diagnostic;
use crate::catalog::{Cloud, WINDOWS_DISK_GIB, supports_accelerated_networking};

use super::super::input::AgentPoolProfile;
use super::super::network::{LoadBalancerSku, Network};
use super::super::pointers::pool;
use super::super::pool::{Availability, Caching, Image, OperatingSystem, Orchestration, Pool, Priority, Taint};
use super::machines::{caching, kubelet_flags};
use super::{Context, Resolver};

impl Resolver<'_> {
    pub(super) fn pools(&mut self, context: &Context<'_>, network: &Network, windows: Option<&Image>) -> Vec<Pool> {
        let profiles = context.properties.agent_pool_profiles.iter().flatten().enumerate();
        profiles.map(|(index, profile)| self.pool(context, network, windows, index, profile)).collect()
    }

    fn pool(
        &mut self,
        context: &Context<'_>,
        network: &Network,
        windows: Option<&Image>,
        index: usize,
        profile: &AgentPoolProfile,
    ) -> Pool {
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
        let orchestration = match profile.orchestration_mode.as_deref() {
            Some("Flexible") => Orchestration::Flexible,
            Some(_) => Orchestration::Uniform,
            None if availability == Availability::AvailabilitySet => Orchestration::Uniform,
            None => self.or(None, &at("orchestrationMode"), "aks-engine's scale sets", Orchestration::Uniform),
        };
        let vm_size = profile.vm_size.clone().unwrap_or_default();
        let kubelet_flags = kubelet_flags(profile.kubernetes_config.as_ref());
        let flag = self.max_pods_flag(Some(&kubelet_flags), &at("kubernetesConfig/kubeletConfig/--max-pods"));
        let max_pods = flag.unwrap_or(network.max_pods);
        let scale_set = availability == Availability::ScaleSet;
        let own = profile.image_reference.as_ref();
        let image = self.image(context, &root, own, profile.distro.as_deref(), windows, operating_system);
        let disk_size = self.disk_size(index, profile, &image);
        Pool {
            index,
            name: profile.name.clone().unwrap_or_default(),
            count: profile.count.and_then(|count| u32::try_from(count).ok()).unwrap_or(1).clamp(1, 1000),
            os_disk: self.os_disk(
                context,
                &root,
                disk_size,
                profile.os_disk_caching_type.as_deref(),
                profile.storage_profile.as_deref(),
            ),
            image,
            data_disk_sizes_gib: profile.disk_sizes_gb.clone().unwrap_or_default(),
            data_disk_caching: match caching(profile.data_disk_caching_type.as_deref()) {
                Some(caching) => caching,
                None => self.or(None, &at("dataDiskCachingType"), "aks-engine's value", Caching::ReadOnly),
            },
            zones: profile.availability_zones.clone().unwrap_or_default(),
            fault_domain_count: if orchestration == Orchestration::Flexible {
                self.or(
                    profile.platform_fault_domain_count,
                    &at("platformFaultDomainCount"),
                    "Azure spreads machines over as many as it can",
                    1,
                )
            } else {
                self.fault_domains(
                    context,
                    &root,
                    profile.platform_fault_domain_count,
                    availability,
                    profile.availability_zones.as_ref(),
                )
            },
            update_domain_count: self.or(
                profile.platform_update_domain_count,
                &at("platformUpdateDomainCount"),
                "aks-engine's value",
                3,
            ),
            single_placement_group: if !scale_set {
                self.or(
                    profile.single_placement_group.filter(|single| !single),
                    &at("singlePlacementGroup"),
                    "an availability set has none",
                    false,
                )
            } else if network.load_balancer.sku == LoadBalancerSku::Standard {
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
            kernel_parameters: profile.sysctld_config.clone().unwrap_or_default(),
            pre_provision: self.pre_provision(
                context,
                &root,
                profile.pre_provision_extension.as_ref(),
                operating_system,
            ),
            audit: if operating_system == OperatingSystem::Windows {
                profile.audit_d_enabled.unwrap_or_default()
            } else {
                self.or(profile.audit_d_enabled, &at("auditDEnabled"), "Kubernetes has an audit log of its own", false)
            },
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
            orchestration,
        }
    }

    /// The system disk's size: the image's own, unless that is Windows' smallest.
    fn disk_size(&mut self, index: usize, profile: &AgentPoolProfile, image: &Image) -> Option<u32> {
        let given = profile.os_disk_size_gb.filter(|size| *size != 0);
        let small = matches!(image, Image::Marketplace { sku, .. } if sku.contains("smalldisk"));
        if !small || profile.storage_profile.as_deref() == Some("Ephemeral") {
            return given;
        }
        let reason = "images of Windows containers are big";
        Some(self.or(given, &pool(index, "osDiskSizeGB"), reason, WINDOWS_DISK_GIB))
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
