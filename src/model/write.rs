//! A cluster back to an API model: every value in full, so that reading it again gives the same cluster.

use serde_json::Value;

use crate::base::Secret;

use super::cluster::{Addon, AddonContainer, AddonPool, Cluster, SoftwareSource};
use super::control_plane::{ControlPlane, CustomFile};
use super::extension::PreProvisionScript;
use super::identity::{Certificates, Identity, ServicePrincipalSecret, VaultSecrets};
use super::input::{
    AadProfile, AccessProfile, AddonContainerInput, AddonInput, AddonPoolInput, AgentPoolProfile, ApiModel,
    CertificateProfile, CustomCloudProfile, CustomFile as CustomFileInput, CustomNodesDns, CustomSearchDomain,
    ExtensionProfile, ExtensionReference, FeatureFlags, HttpProxyConfig, ImageReference, JumpboxInput,
    KeyVaultSecretReference, KubernetesConfig, LinuxProfile, MasterProfile, NodeKubernetesConfig, NumberOrText,
    OrchestratorProfile, PrivateClusterInput, Properties, PublicKey, SecretText, ServicePrincipalProfile,
    SoftwareProfile, SourceVault, Ssh, VaultCertificate, VaultSecrets as VaultSecretsInput,
};
use super::network::LoadBalancerSku;
use super::pool::{Availability, Image, OperatingSystem, OsDisk, Pool, Priority, Storage};
use super::resolve::DISTRO;
use super::write_on_prem::on_prem_profile;
use super::write_windows::windows_profile;

impl Cluster {
    /// The API model of this cluster, complete: defaults, certificates, keys and passwords stand in it, so it belongs
    /// into a file of mode 0600 only. Reading it again gives an equal cluster.
    pub fn to_api_model(&self) -> Value {
        let model = ApiModel {
            api_version: Some("vlabs".into()),
            location: Some(self.location.clone()),
            tags: Some(self.tags.clone()),
            properties: Some(self.properties()),
            ..ApiModel::default()
        };
        // Types that were filled from JSON cannot fail to become JSON.
        let mut value = serde_json::to_value(model).unwrap_or_default();
        prune(&mut value, "");
        value
    }

    fn properties(&self) -> Properties {
        let network = &self.network;
        Properties {
            target: self.target.map(|target| target.word().into()),
            orchestrator_profile: Some(OrchestratorProfile {
                orchestrator_type: Some("Kubernetes".into()),
                orchestrator_release: Some(self.kubernetes_release()),
                orchestrator_version: Some(self.kubernetes_version.to_string()),
                kubernetes_config: Some(self.kubernetes_config()),
            }),
            master_profile: Some(self.master_profile()),
            agent_pool_profiles: Some(self.pools.iter().map(agent_pool_profile).collect()),
            linux_profile: Some(self.linux_profile()),
            windows_profile: self
                .windows
                .as_ref()
                .map(|windows| windows_profile(windows, secret(&windows.admin_password))),
            service_principal_profile: service_principal_profile(&self.identity),
            aad_profile: self.sign_in.as_ref().map(|sign_in| AadProfile {
                client_app_id: Some(sign_in.client_app_id.clone()),
                server_app_id: Some(sign_in.server_app_id.clone()),
                tenant_id: Some(sign_in.tenant_id.clone()),
                admin_group_id: sign_in.admin_group_id.clone(),
                ..AadProfile::default()
            }),
            extension_profiles: Some(self.extension_profiles()),
            certificate_profile: Some(certificate_profile(&self.certificates)),
            access_profile: Some(AccessProfile {
                api_server_source_ranges: texts_of(&network.api_server_source_ranges),
                ssh_source_ranges: texts_of(&network.ssh_source_ranges),
            }),
            software_profile: Some(match &self.software {
                SoftwareSource::Distribution => SoftwareProfile { source: Some("distribution".into()), mirror: None },
                SoftwareSource::Image => SoftwareProfile { source: Some("image".into()), mirror: None },
                SoftwareSource::Mirror { url } => {
                    SoftwareProfile { source: Some("mirror".into()), mirror: Some(url.clone()) }
                }
            }),
            feature_flags: Some(FeatureFlags {
                block_outbound_internet: Some(network.block_outbound_internet),
                enable_ipv6_dual_stack: network.ipv6.map(|_| true),
                ..FeatureFlags::default()
            }),
            custom_cloud_profile: self.stack.as_ref().map(|stack| CustomCloudProfile {
                portal_url: Some(stack.portal_url.clone()),
                identity_system: Some(if stack.uses_adfs { "adfs" } else { "azure_ad" }.into()),
                custom_cloud_root_certificates: (!stack.root_certificates.is_empty())
                    .then(|| base64_list(&stack.root_certificates)),
                ..CustomCloudProfile::default()
            }),
            on_prem_profile: self.on_prem.as_ref().map(on_prem_profile),
            ..Properties::default()
        }
    }

    /// The scripts of all machines, each once.
    fn extension_profiles(&self) -> Vec<ExtensionProfile> {
        let pools = self.pools.iter().filter_map(|pool| pool.pre_provision.as_ref());
        let mut scripts: Vec<&PreProvisionScript> = self.control_plane.pre_provision.iter().chain(pools).collect();
        scripts.sort_by_key(|script| &script.name);
        scripts.dedup();
        scripts
            .into_iter()
            .map(|script| ExtensionProfile {
                name: Some(script.name.clone()),
                version: Some(script.version.clone()),
                root_url: Some(script.root_url.clone()),
                script: Some(script.script.clone()),
                url_query: script.query.as_ref().and_then(secret),
                extension_parameters: script.parameters.as_ref().and_then(secret),
                parameters_keyvault_secret_ref: None,
            })
            .collect()
    }

    fn kubernetes_config(&self) -> KubernetesConfig {
        let network = &self.network;
        let flags = &self.component_flags;
        let (user_assigned_id, user_assigned_client_id) = match &self.identity {
            Identity::UserAssigned { id, client_id } => (Some(id.clone()), client_id.clone()),
            _ => (None, None),
        };
        KubernetesConfig {
            network_plugin: Some(network.plugin.word().into()),
            network_policy: Some(network.policy.word().into()),
            cluster_subnet: Some(pair(network.cluster_subnet, network.ipv6.map(|ipv6| ipv6.cluster_subnet))),
            service_cidr: Some(pair(network.service_cidr, network.ipv6.map(|ipv6| ipv6.service_cidr))),
            dns_service_ip: Some(network.dns_service_ip.to_string()),
            max_pods: Some(network.max_pods),
            use_managed_identity: Some(self.identity.is_managed()),
            user_assigned_id,
            user_assigned_client_id,
            private_cluster: network.private_cluster.as_ref().map(|private| PrivateClusterInput {
                enabled: Some(true),
                jumpbox_profile: private.jumpbox.as_ref().map(|jumpbox| JumpboxInput {
                    name: Some(jumpbox.name.clone()),
                    vm_size: Some(jumpbox.vm_size.clone()),
                    os_disk_size_gb: Some(jumpbox.os_disk_size_gib),
                    username: Some(jumpbox.username.clone()),
                    public_key: Some(jumpbox.ssh_public_key.clone()),
                    ..JumpboxInput::default()
                }),
                ..PrivateClusterInput::default()
            }),
            load_balancer_sku: Some(network.load_balancer.sku.word().into()),
            // A Basic one has none, and whoever names some is told so.
            load_balancer_outbound_ips: (network.load_balancer.sku == LoadBalancerSku::Standard)
                .then_some(network.load_balancer.outbound_ip_count),
            outbound_type: Some(network.outbound.word().into()),
            outbound_rule_idle_timeout_in_minutes: Some(network.load_balancer.outbound_idle_timeout_minutes),
            maximum_load_balancer_rule_count: Some(network.load_balancer.maximum_rule_count),
            kube_proxy_mode: Some(network.proxy_mode.word().into()),
            etcd_disk_size_gb: Some(NumberOrText::Text(self.control_plane.etcd_disk_size_gib.to_string())),
            etcd_storage_limit_gb: Some(self.control_plane.etcd_storage_limit_gib),
            etcd_encryption_key: self.etcd_encryption_key.as_ref().and_then(secret),
            enable_data_encryption_at_rest: Some(self.encrypt_secrets_at_rest),
            enable_encryption_with_external_kms: Some(self.key_vault_encryption.is_some()),
            key_vault_sku: self.key_vault_encryption.map(|sku| sku.word().into()),
            addons: Some(self.addons.iter().map(addon).collect()),
            kubelet_config: Some(flags.kubelet.clone()),
            api_server_config: Some(flags.api_server.clone()),
            controller_manager_config: Some(flags.controller_manager.clone()),
            cloud_controller_manager_config: Some(flags.cloud_controller_manager.clone()),
            scheduler_config: Some(flags.scheduler.clone()),
            ..KubernetesConfig::default()
        }
    }

    fn master_profile(&self) -> MasterProfile {
        let ControlPlane { availability, subnet_id, .. } = &self.control_plane;
        let plane = &self.control_plane;
        let (distro, image_reference) = image(&plane.image, OperatingSystem::Linux);
        // In a vnet that exists already, Azure alone decides about a scale set's addresses.
        let decided = *availability == Availability::AvailabilitySet || subnet_id.is_none();
        MasterProfile {
            count: Some(i64::from(plane.count)),
            dns_prefix: Some(self.dns_prefix.clone()),
            subject_alt_names: Some(plane.subject_alternative_names.clone()),
            vm_size: Some(plane.vm_size.clone()),
            os_disk_size_gb: plane.os_disk.size_gib,
            os_disk_caching_type: Some(plane.os_disk.caching.word().into()),
            availability_profile: Some(availability_word(plane.availability).into()),
            availability_zones: Some(plane.zones.clone()),
            storage_profile: Some(storage_word(&plane.os_disk).into()),
            vnet_subnet_id: plane.subnet_id.clone(),
            agent_vnet_subnet_id: plane.agent_subnet_id.clone(),
            vnet_cidr: Some(self.network.vnet_cidr.to_string()),
            first_consecutive_static_ip: decided.then(|| plane.first_consecutive_static_ip.to_string()),
            ip_address_count: Some(plane.addresses_per_node),
            agent_subnet: self.network.agent_subnet.map(|subnet| subnet.to_string()),
            distro,
            image_reference,
            kubernetes_config: Some(NodeKubernetesConfig {
                kubelet_config: Some(plane.kubelet_flags.clone()),
                ..NodeKubernetesConfig::default()
            }),
            platform_fault_domain_count: Some(plane.fault_domain_count),
            platform_update_domain_count: Some(plane.update_domain_count),
            single_placement_group: Some(plane.single_placement_group),
            encryption_at_host: Some(plane.encryption_at_host),
            audit_d_enabled: Some(plane.audit),
            pre_provision_extension: plane.pre_provision.as_ref().map(extension_reference),
            sysctld_config: Some(plane.kernel_parameters.clone()),
            custom_vm_tags: Some(plane.tags.clone()),
            custom_files: Some(
                plane
                    .custom_files
                    .iter()
                    .enumerate()
                    .map(|(index, file)| CustomFileInput {
                        source: Some(CustomFile::kept_as(index)),
                        dest: Some(file.dest.clone()),
                    })
                    .collect(),
            ),
            proximity_placement_group_id: plane.proximity_placement_group_id.clone(),
            ..MasterProfile::default()
        }
    }

    fn linux_profile(&self) -> LinuxProfile {
        let linux = &self.linux;
        LinuxProfile {
            admin_username: Some(linux.admin_username.clone()),
            ssh: Some(Ssh {
                public_keys: Some(
                    linux.ssh_public_keys.iter().map(|key| PublicKey { key_data: Some(key.clone()) }).collect(),
                ),
            }),
            secrets: vault_secrets(&linux.vault_secrets),
            custom_nodes_dns: linux.dns_server.map(|server| CustomNodesDns { dns_server: Some(server.to_string()) }),
            run_unattended_upgrades_on_bootstrap: Some(linux.upgrade_on_bootstrap),
            enable_unattended_upgrades: Some(linux.unattended_upgrades),
            eth0_mtu: linux.mtu,
            custom_search_domain: linux
                .search_domain
                .clone()
                .map(|name| CustomSearchDomain { name: Some(name), ..CustomSearchDomain::default() }),
            http_proxy_config: linux.proxy.as_ref().map(|proxy| HttpProxyConfig {
                http_proxy: proxy.http.as_ref().and_then(secret),
                https_proxy: proxy.https.as_ref().and_then(secret),
                no_proxy: texts_of(&proxy.bypass),
                trusted_ca: Some(proxy.trusted_authorities.concat()),
            }),
            ..LinuxProfile::default()
        }
    }
}

fn extension_reference(script: &PreProvisionScript) -> ExtensionReference {
    ExtensionReference { name: Some(script.name.clone()), ..ExtensionReference::default() }
}

/// A range, and that of the second family after a comma.
fn pair(first: ipnet::IpNet, second: Option<ipnet::IpNet>) -> String {
    second.map_or_else(|| first.to_string(), |second| format!("{first},{second}"))
}

pub(super) fn vault_secrets(secrets: &[VaultSecrets]) -> Option<Vec<VaultSecretsInput>> {
    let secrets = secrets.iter().map(|secrets| VaultSecretsInput {
        source_vault: Some(SourceVault { id: Some(secrets.vault_id.clone()) }),
        vault_certificates: Some(
            secrets
                .certificates
                .iter()
                .map(|certificate| VaultCertificate {
                    certificate_url: Some(certificate.url.clone()),
                    certificate_store: certificate.store.clone(),
                })
                .collect(),
        ),
    });
    Some(secrets.collect())
}

fn agent_pool_profile(pool: &Pool) -> AgentPoolProfile {
    let (distro, image_reference) = image(&pool.image, pool.operating_system);
    let windows = pool.operating_system == OperatingSystem::Windows;
    let (priority, eviction, max_price) = match pool.priority {
        Priority::Regular => ("Regular", None, None),
        Priority::Spot { deallocate, max_price } => {
            ("Spot", Some(if deallocate { "Deallocate" } else { "Delete" }.to_owned()), Some(max_price))
        }
    };
    AgentPoolProfile {
        name: Some(pool.name.clone()),
        count: Some(i64::from(pool.count)),
        vm_size: Some(pool.vm_size.clone()),
        os_type: Some(if windows { "Windows" } else { "Linux" }.into()),
        availability_profile: Some(availability_word(pool.availability).into()),
        orchestration_mode: (pool.availability == Availability::ScaleSet).then(|| pool.orchestration.word().into()),
        availability_zones: Some(pool.zones.clone()),
        os_disk_size_gb: pool.os_disk.size_gib,
        os_disk_caching_type: Some(pool.os_disk.caching.word().into()),
        storage_profile: Some(storage_word(&pool.os_disk).into()),
        disk_sizes_gb: Some(pool.data_disk_sizes_gib.clone()),
        data_disk_caching_type: Some(pool.data_disk_caching.word().into()),
        vnet_subnet_id: pool.subnet_id.clone(),
        ip_address_count: Some(pool.addresses_per_node),
        distro,
        image_reference,
        kubernetes_config: Some(NodeKubernetesConfig {
            kubelet_config: Some(pool.kubelet_flags.clone()),
            ..NodeKubernetesConfig::default()
        }),
        accelerated_networking_enabled: (!windows).then_some(pool.accelerated_networking),
        accelerated_networking_enabled_windows: windows.then_some(pool.accelerated_networking),
        vmss_over_provisioning_enabled: (pool.availability == Availability::ScaleSet).then_some(pool.overprovision),
        scale_set_priority: Some(priority.into()),
        scale_set_eviction_policy: eviction,
        spot_max_price: max_price,
        single_placement_group: Some(pool.single_placement_group),
        enable_vmss_node_public_ip: Some(pool.public_ip_per_node),
        disk_encryption_set_id: pool.disk_encryption_set_id.clone(),
        ultra_ssd_enabled: Some(pool.ultra_ssd),
        encryption_at_host: Some(pool.encryption_at_host),
        custom_node_labels: Some(pool.labels.clone()),
        node_taints: Some(pool.taints.iter().map(ToString::to_string).collect()),
        pre_provision_extension: pool.pre_provision.as_ref().map(extension_reference),
        audit_d_enabled: (!windows).then_some(pool.audit),
        sysctld_config: Some(pool.kernel_parameters.clone()),
        custom_vm_tags: Some(pool.tags.clone()),
        platform_fault_domain_count: Some(pool.fault_domain_count),
        platform_update_domain_count: Some(pool.update_domain_count),
        proximity_placement_group_id: pool.proximity_placement_group_id.clone(),
        ..AgentPoolProfile::default()
    }
}

const fn availability_word(availability: Availability) -> &'static str {
    match availability {
        Availability::AvailabilitySet => "AvailabilitySet",
        Availability::ScaleSet => "VirtualMachineScaleSets",
    }
}

const fn storage_word(disk: &OsDisk) -> &'static str {
    match disk.storage {
        Storage::ManagedDisks => "ManagedDisks",
        Storage::Ephemeral => "Ephemeral",
    }
}

/// A marketplace image is a distribution's or the profile's of Windows, as is a disk; any other is named in full.
pub(super) fn image(image: &Image, operating_system: OperatingSystem) -> (Option<String>, Option<ImageReference>) {
    match image.clone() {
        Image::Marketplace { .. } | Image::Disk { .. } => {
            ((operating_system == OperatingSystem::Linux).then(|| DISTRO.to_owned()), None)
        }
        Image::Managed { resource_group, name } => (
            None,
            Some(ImageReference {
                name: Some(name),
                resource_group: Some(resource_group),
                ..ImageReference::default()
            }),
        ),
        Image::Gallery { subscription_id, resource_group, gallery, name, version } => (
            None,
            Some(ImageReference {
                name: Some(name),
                resource_group: Some(resource_group),
                subscription_id: Some(subscription_id),
                gallery: Some(gallery),
                version: Some(version),
            }),
        ),
    }
}

fn addon(addon: &Addon) -> AddonInput {
    let secrets = addon.secrets.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    AddonInput {
        name: Some(addon.name.clone()),
        enabled: addon.enabled,
        config: Some(addon.config.clone().into_iter().chain(secrets).collect()),
        pools: (!addon.pools.is_empty()).then(|| addon.pools.iter().map(addon_pool).collect()),
        containers: (!addon.containers.is_empty()).then(|| addon.containers.iter().map(addon_container).collect()),
        data: addon.manifest.as_ref().map(|manifest| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(manifest)
        }),
        ..AddonInput::default()
    }
}

fn addon_container(container: &AddonContainer) -> AddonContainerInput {
    AddonContainerInput {
        name: Some(container.name.clone()),
        image: container.image.clone(),
        cpu_requests: container.cpu_request.clone(),
        memory_requests: container.memory_request.clone(),
        cpu_limits: container.cpu_limit.clone(),
        memory_limits: container.memory_limit.clone(),
    }
}

fn addon_pool(pool: &AddonPool) -> AddonPoolInput {
    let bounds = [("min-nodes", pool.minimum), ("max-nodes", pool.maximum)];
    let config = bounds.into_iter().filter_map(|(name, bound)| Some((name.to_owned(), bound?.to_string())));
    AddonPoolInput { name: Some(pool.name.clone()), config: Some(config.collect()) }
}

fn service_principal_profile(identity: &Identity) -> Option<ServicePrincipalProfile> {
    let Identity::ServicePrincipal { client_id, secret: password, object_id } = identity else { return None };
    let (password, reference) = match password {
        ServicePrincipalSecret::Value(value) => (secret(value), None),
        ServicePrincipalSecret::KeyVault(place) => (
            None,
            Some(KeyVaultSecretReference {
                vault_id: Some(place.vault_id.clone()),
                secret_name: Some(place.name.clone()),
                version: place.version.clone(),
            }),
        ),
    };
    Some(ServicePrincipalProfile {
        client_id: Some(client_id.clone()),
        secret: password,
        object_id: object_id.clone(),
        keyvault_secret_ref: reference,
    })
}

/// Certificates in aks-engine's form: each in base64, separated by commas.
fn base64_list(certificates: &[String]) -> String {
    use base64::Engine as _;
    let packed = certificates.iter().map(|certificate| base64::engine::general_purpose::STANDARD.encode(certificate));
    packed.collect::<Vec<String>>().join(",")
}

#[expect(clippy::unnecessary_wraps, reason = "every field that takes it is an option")]
fn secret(secret: &Secret) -> Option<SecretText> {
    Some(SecretText(secret.clone()))
}

#[expect(clippy::unnecessary_wraps, reason = "the fields that take it are options")]
fn texts_of<T: ToString>(values: &[T]) -> Option<Vec<String>> {
    Some(values.iter().map(ToString::to_string).collect())
}

fn certificate_profile(certificates: &Certificates) -> CertificateProfile {
    let one = |text: &Option<Secret>| text.clone().map(SecretText);
    let many = |texts: &[Secret]| Some(texts.iter().cloned().map(SecretText).collect());
    CertificateProfile {
        ca_certificate: one(&certificates.ca_certificate),
        ca_private_key: one(&certificates.ca_private_key),
        etcd_ca_certificate: one(&certificates.etcd_ca_certificate),
        etcd_ca_private_key: one(&certificates.etcd_ca_private_key),
        front_proxy_ca_certificate: one(&certificates.front_proxy_ca_certificate),
        front_proxy_ca_private_key: one(&certificates.front_proxy_ca_private_key),
        service_account_private_key: one(&certificates.service_account_private_key),
        service_account_public_key: one(&certificates.service_account_public_key),
        api_server_certificate: one(&certificates.api_server_certificate),
        api_server_private_key: one(&certificates.api_server_private_key),
        client_certificate: one(&certificates.client_certificate),
        client_private_key: one(&certificates.client_private_key),
        kube_config_certificate: one(&certificates.kube_config_certificate),
        kube_config_private_key: one(&certificates.kube_config_private_key),
        etcd_server_certificate: one(&certificates.etcd_server_certificate),
        etcd_server_private_key: one(&certificates.etcd_server_private_key),
        etcd_client_certificate: one(&certificates.etcd_client_certificate),
        etcd_client_private_key: one(&certificates.etcd_client_private_key),
        etcd_peer_certificates: many(&certificates.etcd_peer_certificates),
        etcd_peer_private_keys: many(&certificates.etcd_peer_private_keys),
    }
}

/// Takes out what says nothing: nulls, empty texts and empty objects and lists. Kept are the items of maps that are
/// somebody's own, and the lists of ranges, where empty means nobody.
fn prune(value: &mut Value, name: &str) {
    const MAPS: [&str; 10] = [
        "tags",
        "customVMTags",
        "customNodeLabels",
        "kubeletConfig",
        "sysctldConfig",
        "apiServerConfig",
        "controllerManagerConfig",
        "cloudControllerManagerConfig",
        "schedulerConfig",
        "config",
    ];
    match value {
        Value::Object(members) => {
            if MAPS.contains(&name) {
                return;
            }
            members.iter_mut().for_each(|(name, member)| prune(member, name));
            members.retain(|name, member| match member {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                Value::Array(items) => !items.is_empty() || name.ends_with("SourceRanges"),
                Value::Object(members) => !members.is_empty(),
                _ => true,
            });
        }
        Value::Array(items) => items.iter_mut().for_each(|item| prune(item, "")),
        _ => {}
    }
}
