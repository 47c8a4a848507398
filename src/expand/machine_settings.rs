//! What the machines of a cluster are told: the cluster and its keys, put into the input of `bootstrap`.
//!
//! Deliberately absent: how it becomes customData (`bootstrap`), and the resources that carry it (the builders).

use std::collections::BTreeMap;

use crate::base::Secret;
use crate::bootstrap::{
    self, AddOns, AzureCloud, BootstrapError, CloudIdentity, ClusterSettings, ControlPlaneKeys, ControlPlaneMachine,
    DiskDriverImages, FileDriverImages, Images, MachineType, NodeSettings, PackageSource, Packages, PrincipalSecret,
    RegistryProvider, Software, Start, WorkerMachine,
};
use crate::catalog::{Cloud, KubernetesRelease, has_nvidia_processors, kubernetes_release_of};
use crate::contract::{KeyVaultSecret, Platform};
use crate::model::{
    Availability, Cluster, Identity, NetworkPlugin, NetworkPolicy, OperatingSystem, Orchestration, Pool, ProxyMode,
    ServicePrincipalSecret, SoftwareSource,
};
use crate::pki::KeyMaterial;

use super::context::{
    API_SERVER_PORT, CONTROL_PLANE_POOL, INTERNAL_BALANCER_PORT, PRINCIPAL_SECRET_HANDLE, WINDOWS_PASSWORD_HANDLE,
    public_key_handle,
};
use super::host_settings::host_settings;
use super::on_prem;
use super::windows_settings::windows_machine;
use super::{ExpandError, Names, Payloads, custom_data_handle};

/// How long a machine may take to become part of the cluster.
const DEADLINE_MINUTES: u32 = 30;

/// How long the bootstrap token lives after the cluster has started; it is renewed before machines are added.
const TOKEN_HOURS: u32 = 4;

/// The version of Azure CNI, and where it lies.
///
/// Source: the form of the address as in Azure/AgentBaker's download lists, read 2026-11-22; the version is the 1.6 line's
/// newest of 2026-08.
pub(super) const AZURE_CNI_VERSION: &str = "1.6.43";

/// Images of the disk driver's sidecars, kubernetes-csi's own releases.
///
/// Source: kubernetes-sigs/azuredisk-csi-driver, charts of 1.34, read 2026-11-21.
const SIDECARS: [(&str, &str); 5] = [
    ("csi-provisioner", "v6.2.0"),
    ("csi-attacher", "v4.11.0"),
    ("csi-resizer", "v2.1.0"),
    ("livenessprobe", "v2.18.0"),
    ("csi-node-driver-registrar", "v2.16.0"),
];

/// What runs in a cluster's machines: the secrets that its resources name by handle, and what they show in clear.
#[derive(Debug, Clone)]
pub struct MachinePayloads {
    /// The secrets, by handle.
    pub secrets: BTreeMap<String, Secret>,
    /// Those that lie in key vaults, by handle.
    pub in_key_vaults: BTreeMap<String, KeyVaultSecret>,
    /// What the resources show in clear.
    pub payloads: Payloads,
    /// The length of each pool's customData in base64 characters; the limit is [`bootstrap::LIMIT`].
    pub lengths: BTreeMap<String, usize>,
}

/// Renders what runs in the machines of a platform. `start` says whether the first control-plane machine may start a cluster: only
/// until the state records that one has started.
///
/// # Errors
/// What has no successor yet, by name; a template that fails; customData that is too long.
pub fn machine_payloads(
    cluster: &Cluster,
    platform: Platform,
    keys: &KeyMaterial,
    start: Start,
) -> Result<MachinePayloads, ExpandError> {
    if platform == Platform::OnPrem {
        on_prem::judge(cluster)?;
    }
    let settings = cluster_settings(cluster, platform, keys)?;
    let deadline = settings.deadline_minutes;
    let mut secrets = BTreeMap::new();
    let mut lengths = BTreeMap::new();
    let mut packer = bootstrap::Packer::default();
    let mut keep = |pool: &str, data: bootstrap::CustomData| {
        lengths.insert(pool.to_owned(), data.base64_length);
        secrets.insert(custom_data_handle(pool), data.base64);
    };
    let failed = |pool: &str| {
        let pool = pool.to_owned();
        move |cause: BootstrapError| ExpandError::Payload { pool, cause }
    };
    for pool in &cluster.pools {
        let mut settings = settings.clone();
        let data = match pool.operating_system {
            OperatingSystem::Linux => {
                settings.kubelet_arguments = kubelet_arguments(cluster, pool);
                settings.kernel_parameters.clone_from(&pool.kernel_parameters);
                packer.worker(&WorkerMachine { cluster: settings, node: node_settings(cluster, pool) })
            }
            OperatingSystem::Windows => {
                bootstrap::windows_worker(&windows_machine(cluster, pool, release_of(cluster)?, settings))
            }
        };
        keep(&pool.name, data.map_err(failed(&pool.name))?);
    }
    let control_plane = control_plane_machine(cluster, keys, settings, start);
    keep(CONTROL_PLANE_POOL, packer.control_plane(&control_plane).map_err(failed(CONTROL_PLANE_POOL))?);
    let in_key_vaults = secrets_in_key_vaults(cluster);
    if let Some(windows) = &cluster.windows
        && !in_key_vaults.contains_key(WINDOWS_PASSWORD_HANDLE)
    {
        secrets.insert(WINDOWS_PASSWORD_HANDLE.to_owned(), windows.admin_password.clone());
    }
    let wait_command = bootstrap::wait_command(deadline).map_err(failed(CONTROL_PLANE_POOL))?;
    let windows_wait_command = bootstrap::windows_wait_command(deadline).map_err(failed(CONTROL_PLANE_POOL))?;
    let payloads = Payloads { wait_command, windows_wait_command };
    Ok(MachinePayloads { secrets, in_key_vaults, payloads, lengths })
}

/// The secrets of the model that lie in key vaults, by the handles under which resources name them.
pub fn secrets_in_key_vaults(cluster: &Cluster) -> BTreeMap<String, KeyVaultSecret> {
    let mut places = BTreeMap::new();
    if let Identity::ServicePrincipal { secret: ServicePrincipalSecret::KeyVault(place), .. } = &cluster.identity {
        places.insert(PRINCIPAL_SECRET_HANDLE.to_owned(), place.clone());
    }
    let password = cluster.windows.as_ref().map(|windows| windows.admin_password.expose());
    places.extend(password.and_then(KeyVaultSecret::of_text).map(|place| (WINDOWS_PASSWORD_HANDLE.to_owned(), place)));
    for (index, key) in cluster.linux.ssh_public_keys.iter().enumerate() {
        places.extend(KeyVaultSecret::of_text(key).map(|place| (public_key_handle(index), place)));
    }
    places
}

/// What the catalog knows of the cluster's Kubernetes.
fn release_of(cluster: &Cluster) -> Result<&'static KubernetesRelease, ExpandError> {
    kubernetes_release_of(&cluster.kubernetes_version).ok_or_else(|| ExpandError::Unsupported {
        what: format!("Kubernetes {} is not in the catalog", cluster.kubernetes_version),
        instead: "set orchestratorProfile.orchestratorRelease to one that `engine get-versions` lists",
    })
}

fn cluster_settings(cluster: &Cluster, platform: Platform, keys: &KeyMaterial) -> Result<ClusterSettings, ExpandError> {
    let release = release_of(cluster)?;
    let slow_host = on_prem::is_slow(cluster, platform);
    let network = match cluster.network.plugin {
        _ if platform == Platform::OnPrem => bootstrap::Network::AddOn { routes: false },
        NetworkPlugin::Kubenet if cluster.network.policy == NetworkPolicy::Calico => {
            bootstrap::Network::AddOn { routes: true }
        }
        NetworkPlugin::Kubenet => bootstrap::Network::Kubenet,
        // The user's own is one of the add-ons.
        NetworkPlugin::Cilium | NetworkPlugin::None => bootstrap::Network::AddOn { routes: false },
        NetworkPlugin::Azure => bootstrap::Network::Azure {
            plugin_url: format!(
                "https://packages.aks.azure.com/azure-cni/v{AZURE_CNI_VERSION}/binaries/azure-vnet-cni-linux-amd64-v{AZURE_CNI_VERSION}.tgz"
            ),
            plugin_sha256: String::new(),
        },
    };
    Ok(ClusterSettings {
        name: cluster.dns_prefix.clone(),
        kubernetes_version: cluster.kubernetes_version.to_string(),
        endpoint_name: super::endpoint_name(cluster, platform),
        api_server_port: API_SERVER_PORT,
        internal_balancer_port: INTERNAL_BALANCER_PORT,
        internal_address: cluster.control_plane.api_server_address(),
        // The instances of a scale set have addresses that last as long as they do: peers are asked for.
        control_plane_addresses: if cluster.control_plane.is_scale_set() {
            Vec::new()
        } else {
            cluster.control_plane.addresses()
        },
        subject_alternative_names: cluster.control_plane.subject_alternative_names.clone(),
        pod_subnet: on_prem::pod_range(cluster, platform),
        node_pod_prefix_length: 24,
        service_subnet: cluster.network.service_cidr,
        ipv6: cluster
            .network
            .ipv6
            .map(|ipv6| bootstrap::Ipv6Ranges { pod_subnet: ipv6.cluster_subnet, service_subnet: ipv6.service_cidr }),
        dns_service_address: cluster.network.dns_service_ip,
        dns_domain: "cluster.local".to_owned(),
        network,
        windows_nodes: cluster.pools.iter().any(|pool| pool.operating_system == OperatingSystem::Windows),
        proxy_mode: match cluster.network.proxy_mode {
            ProxyMode::Iptables => bootstrap::ProxyMode::Iptables,
            ProxyMode::Nftables => bootstrap::ProxyMode::Nftables,
            ProxyMode::Ipvs => bootstrap::ProxyMode::Ipvs,
        },
        certificate_authority: keys.cluster_ca.certificate.clone(),
        bootstrap_token: keys.bootstrap_token.clone(),
        software: software(cluster, platform, release),
        images: images(cluster, platform, release),
        platform,
        slow_host,
        balances_services: on_prem::balances_services(cluster, platform),
        cloud: azure_cloud(cluster),
        kernel_parameters: kernel_parameters(cluster),
        kubelet_arguments: flags(&cluster.component_flags.kubelet),
        deadline_minutes: if slow_host { on_prem::SLOW_DEADLINE_MINUTES } else { DEADLINE_MINUTES },
    })
}

/// Cilium's interfaces must not be checked for the way back, which goes elsewhere.
fn kernel_parameters(cluster: &Cluster) -> BTreeMap<String, String> {
    let names: &[&str] = if cluster.network.plugin == NetworkPlugin::Cilium { &["lxc*", "cilium_*"] } else { &[] };
    names.iter().map(|name| (format!("-net.ipv4.conf.{name}.rp_filter"), "0".to_owned())).collect()
}

/// Where software comes from: with a mirror, every address lies below it, in the mirrored host's name as a folder.
fn software(cluster: &Cluster, platform: Platform, release: &KubernetesRelease) -> Software {
    let mut sources = vec![PackageSource::kubernetes(release.release), PackageSource::docker("noble")];
    let mut registry = PackageSource::microsoft("24.04", "noble");
    match &cluster.software {
        SoftwareSource::Image => return Software::PreparedImage,
        // The packages are for Azure's Ubuntu; images on-prem are made with all of them.
        SoftwareSource::Distribution if platform == Platform::OnPrem => return Software::PreparedImage,
        SoftwareSource::Distribution => {}
        SoftwareSource::Mirror { url } => {
            for source in sources.iter_mut().chain([&mut registry]) {
                for address in [&mut source.url, &mut source.key_url] {
                    *address = address.replacen("https://", &format!("{url}/"), 1);
                }
            }
        }
    }
    let series = release.containerd.rsplit_once('.').map_or(release.containerd, |(series, _)| series);
    Software::Packages(Packages {
        sources,
        containerd_package: "containerd.io".to_owned(),
        containerd_version: format!("{series}.*"),
        // It is released together with the cloud controller.
        registry_provider: RegistryProvider { source: registry, version: cloud_controller(release).to_owned() },
    })
}

/// An image's reference as the machines have to ask for it: as it is, or through the mirror.
fn image(cluster: &Cluster, reference: String) -> String {
    match &cluster.software {
        SoftwareSource::Mirror { url } => {
            let host = url.trim_start_matches("https://").trim_start_matches("http://");
            format!("{host}/{reference}")
        }
        SoftwareSource::Distribution | SoftwareSource::Image => reference,
    }
}

/// The catalog names the newest patch's cloud controller; every patch of a minor version takes it.
fn cloud_controller(release: &KubernetesRelease) -> &'static str {
    release.cloud_controller_manager.unwrap_or(release.newest)
}

/// The images, from their own registries or through the mirror.
fn images(cluster: &Cluster, platform: Platform, release: &KubernetesRelease) -> Images {
    let image = |reference| image(cluster, reference);
    let kubernetes = |path: &str| image(format!("registry.k8s.io/{path}"));
    let azure = |path: String| image(format!("mcr.microsoft.com/oss/{path}"));
    let cloud_controller = cloud_controller(release);
    let [provisioner, attacher, resizer, liveness_probe, registrar] =
        SIDECARS.map(|(name, tag)| azure(format!("v2/kubernetes-csi/{name}:{tag}")));
    Images {
        repository: image("registry.k8s.io".to_owned()),
        pause: kubernetes(&format!("pause:{}", release.pause)),
        kube_proxy: kubernetes(&format!("kube-proxy:v{}", cluster.kubernetes_version)),
        coredns: kubernetes(&format!("coredns/coredns:v{}", release.coredns)),
        cloud_controller_manager: azure(format!("v2/kubernetes/azure-cloud-controller-manager:v{cloud_controller}")),
        cloud_node_manager: azure(format!("v2/kubernetes/azure-cloud-node-manager:v{cloud_controller}")),
        disk_driver: (platform == Platform::Azure).then(|| DiskDriverImages {
            driver: azure(format!("v2/kubernetes-csi/azuredisk-csi:v{}", release.azure_disk_csi)),
            provisioner,
            attacher,
            resizer,
            liveness_probe,
            registrar,
        }),
    }
}

/// The add-ons, their images from where the others come from.
fn add_ons(cluster: &Cluster, platform: Platform, release: &KubernetesRelease) -> AddOns {
    let azure = |path: String| image(cluster, format!("mcr.microsoft.com/oss/v2/kubernetes-csi/{path}"));
    let [provisioner, _, resizer, liveness_probe, registrar] =
        SIDECARS.map(|(name, tag)| azure(format!("{name}:{tag}")));
    let driver = azure(format!("azurefile-csi:v{}", release.azure_file_csi));
    let file_driver = FileDriverImages { driver, provisioner, resizer, liveness_probe, registrar };
    super::add_ons::add_ons(cluster, platform, release, file_driver, &|reference| image(cluster, reference.to_owned()))
}

/// The cloud as the controllers see it. Tenant, subscription and group are asked on the machine, so that a template
/// fits wherever it is deployed.
pub(super) fn azure_cloud(cluster: &Cluster) -> AzureCloud {
    let names = Names::of(cluster);
    let plane = &cluster.control_plane;
    let scale_sets =
        plane.is_scale_set() || cluster.pools.iter().any(|pool| pool.availability == Availability::ScaleSet);
    let subnet = plane.agent_subnet_id.as_deref().or(plane.subnet_id.as_deref()).map(subnet_of);
    AzureCloud {
        cloud_name: cluster.cloud.facts().environment.to_owned(),
        tenant_id: String::new(),
        subscription_id: String::new(),
        resource_group: String::new(),
        location: cluster.location.clone(),
        machine_type: if scale_sets { MachineType::ScaleSet } else { MachineType::Standard },
        flexible_nodes: cluster.pools.iter().any(|pool| pool.orchestration == Orchestration::Flexible),
        virtual_network: subnet.map_or_else(|| names.virtual_network(), |subnet| subnet.network.to_owned()),
        virtual_network_resource_group: subnet.map_or_else(String::new, |subnet| subnet.group.to_owned()),
        subnet: subnet.map_or_else(|| names.worker_subnet().to_owned(), |subnet| subnet.name.to_owned()),
        security_group: names.security_group(),
        route_table: if cluster.network.needs_route_table() { names.route_table() } else { String::new() },
        primary_availability_set: names.primary_availability_set(cluster),
        primary_scale_set: names.primary_scale_set(cluster),
        load_balancer_sku: cluster.network.load_balancer.sku.word().to_owned(),
        maximum_load_balancer_rules: cluster.network.load_balancer.maximum_rule_count,
        instance_metadata: cluster.cloud != Cloud::Stack,
        identity: match &cluster.identity {
            Identity::SystemAssigned => CloudIdentity::System,
            Identity::UserAssigned { client_id, .. } => {
                CloudIdentity::User { client_id: client_id.clone().unwrap_or_default() }
            }
            Identity::ServicePrincipal { client_id, secret, .. } => CloudIdentity::ServicePrincipal {
                client_id: client_id.clone(),
                secret: match secret {
                    ServicePrincipalSecret::Value(secret) => PrincipalSecret::Told(secret.clone()),
                    ServicePrincipalSecret::KeyVault(_) => PrincipalSecret::Appended,
                },
            },
        },
        environment: String::new(),
        registry_suffix: cluster.cloud.facts().container_registry_suffix.to_owned(),
    }
}

/// The parts of a subnet's resource id that the controllers are told.
#[derive(Clone, Copy)]
struct Subnet<'a> {
    group: &'a str,
    network: &'a str,
    name: &'a str,
}

/// `/subscriptions/…/resourceGroups/<group>/providers/Microsoft.Network/virtualNetworks/<network>/subnets/<name>`
fn subnet_of(id: &str) -> Subnet<'_> {
    let segments: Vec<&str> = id.split('/').collect();
    let after = |kind: &str| {
        let place = segments.iter().position(|segment| segment.eq_ignore_ascii_case(kind));
        place.and_then(|place| segments.get(place + 1).copied()).unwrap_or_default()
    };
    Subnet { group: after("resourceGroups"), network: after("virtualNetworks"), name: after("subnets") }
}

fn control_plane_machine(
    cluster: &Cluster,
    keys: &KeyMaterial,
    settings: ClusterSettings,
    start: Start,
) -> ControlPlaneMachine {
    let mut settings = settings;
    let platform = settings.platform;
    let token_hours = if settings.slow_host { on_prem::SLOW_TOKEN_HOURS } else { TOKEN_HOURS };
    settings.kubelet_arguments.extend(flags(&cluster.control_plane.kubelet_flags));
    settings.kernel_parameters.clone_from(&cluster.control_plane.kernel_parameters);
    ControlPlaneMachine {
        cluster: settings,
        node: NodeSettings {
            labels: BTreeMap::new(),
            taints: Vec::new(),
            maximum_pods: cluster.control_plane.max_pods,
            custom_files: cluster
                .control_plane
                .custom_files
                .iter()
                .map(|file| bootstrap::CustomFile { path: file.dest.clone(), content: file.content.clone() })
                .collect(),
            host: host_settings(cluster, cluster.control_plane.audit, cluster.control_plane.pre_provision.as_ref()),
        },
        add_ons: kubernetes_release_of(&cluster.kubernetes_version)
            .map(|release| add_ons(cluster, platform, release))
            .unwrap_or_default(),
        start,
        keys: ControlPlaneKeys::from(keys),
        encryption: super::protection::encryption(cluster, keys),
        audit_policy: super::protection::audit_policy(cluster),
        token_hours,
        keeps_token: grows_by_itself(cluster),
        etcd_quota_bytes: u64::from(cluster.control_plane.etcd_storage_limit_gib) << 30,
        administrators: cluster.sign_in.as_ref().and_then(|sign_in| sign_in.admin_group_id.clone()).unwrap_or_default(),
        api_server_arguments: {
            let mut arguments = super::protection::sign_in_arguments(cluster);
            arguments.extend(flags(&cluster.component_flags.api_server));
            arguments
        },
        controller_manager_arguments: flags(&cluster.component_flags.controller_manager),
        scheduler_arguments: flags(&cluster.component_flags.scheduler),
    }
}

/// Whether an autoscaler makes machines that nobody renews the token for.
fn grows_by_itself(cluster: &Cluster) -> bool {
    cluster
        .addons
        .iter()
        .any(|addon| addon.name.eq_ignore_ascii_case("cluster-autoscaler") && addon.enabled == Some(true))
}

pub(super) fn node_settings(cluster: &Cluster, pool: &Pool) -> NodeSettings {
    // aks-engine's own labels first; the user's win.
    let mut labels = BTreeMap::from([("agentpool".to_owned(), pool.name.clone())]);
    labels.insert("kubernetes.azure.com/cluster".to_owned(), cluster.dns_prefix.clone());
    if has_nvidia_processors(&pool.vm_size) {
        labels.insert("accelerator".to_owned(), "nvidia".to_owned());
    }
    labels.extend(pool.labels.clone());
    NodeSettings {
        labels,
        taints: pool.taints.iter().map(ToString::to_string).collect(),
        maximum_pods: pool.max_pods,
        custom_files: Vec::new(),
        host: host_settings(cluster, pool.audit, pool.pre_provision.as_ref()),
    }
}

/// The kubelet's arguments on a pool's machines: the cluster's, and the pool's over them.
pub(super) fn kubelet_arguments(cluster: &Cluster, pool: &Pool) -> BTreeMap<String, String> {
    let mut arguments = flags(&cluster.component_flags.kubelet);
    arguments.extend(flags(&pool.kubelet_flags));
    arguments
}

/// Flags without their leading dashes.
fn flags(flags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    flags.iter().map(|(name, value)| (name.trim_start_matches('-').to_owned(), value.clone())).collect()
}
