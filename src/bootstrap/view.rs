//! The inputs in the shape that templates want: every value a text, a number, a flag or a list of such.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Serialize;

use super::addons::Download;
use super::audit;
use super::cloud::{CloudView, REGISTRY_FLAGS, RegistryView};
use super::encryption;
use super::host::HostView;
use super::input::{
    ClusterSettings, ControlPlaneMachine, CustomFile, Network, NodeSettings, PackageSource, ProxyMode, Software, Start,
};
use super::kubelet;
use super::machine::{GIVEN_API_SERVER, has_cloud_file};
use super::patience::{self, PatienceView};
use crate::contract::Platform;

/// A name with its value.
#[derive(Serialize)]
pub(super) struct Pair {
    pub name: String,
    pub value: String,
}

/// A range of addresses, and its family as nft calls it.
#[derive(Serialize)]
pub(super) struct Range {
    family: &'static str,
    range: String,
}

/// A taint of a node.
#[derive(Serialize)]
pub(super) struct Taint {
    key: String,
    value: String,
    effect: String,
}

/// What every template may ask.
#[derive(Serialize)]
pub(super) struct MachineView<'a> {
    pub role: &'static str,
    pub start: &'static str,
    pub cluster_name: &'a str,
    pub kubernetes_version: &'a str,
    pub endpoint_name: &'a str,
    pub api_server_port: u16,
    pub internal_balancer_port: u16,
    pub redirects: bool,
    pub internal_address: String,
    pub control_plane_addresses: Vec<String>,
    pub certificate_names: Vec<String>,
    pub pod_subnet: String,
    pub pod_subnets: String,
    pub ipv6_pod_subnet: String,
    pub ipv6: bool,
    pub node_pod_prefix_length: u8,
    /// The services' range of IPv4, for what knows one only.
    pub service_subnet: String,
    pub service_subnets: String,
    pub dns_service_address: String,
    pub dns_domain: &'a str,
    /// Whether a bridge connects the pods of a node.
    pub kubenet: bool,
    /// Whether each node has its share of the pod range.
    pub node_ranges: bool,
    /// Whether the cloud controller keeps routes to those.
    pub cloud_routes: bool,
    pub network: &'static str,
    pub network_plugin_url: &'a str,
    pub network_plugin_sha256: &'a str,
    pub proxy_mode: &'static str,
    pub certificate_authority_base64: String,
    pub bootstrap_token: &'a str,
    pub prepared_image: bool,
    pub package_sources: Vec<SourceView<'a>>,
    pub containerd_package: String,
    pub registry: RegistryView<'a>,
    pub image_repository: &'a str,
    pub pause_image: &'a str,
    pub kube_proxy_image: &'a str,
    pub coredns_image: &'a str,
    pub cloud_controller_manager_image: &'a str,
    pub cloud_node_manager_image: &'a str,
    pub driver_image: &'a str,
    pub provisioner_image: &'a str,
    pub attacher_image: &'a str,
    pub resizer_image: &'a str,
    pub liveness_probe_image: &'a str,
    pub registrar_image: &'a str,
    pub patience: PatienceView,
    pub cloud: CloudView<'a>,
    pub cloud_file: bool,
    pub instance_metadata: bool,
    pub kernel_parameters: Vec<Pair>,
    pub kubelet_arguments: Vec<Pair>,
    /// Whether the first kubelet is spared its second start (`slow-start.sh`), which knows one place of its certificate.
    pub starts_kubelet_once: bool,
    /// All of them as flags, for a kubelet that kubeadm does not configure.
    pub kubelet_flags: Vec<Pair>,
    pub kubelet_patch: String,
    pub host: HostView<'a>,
    pub pod_ranges: Vec<Range>,
    pub has_taints: bool,
    pub taints: Vec<Taint>,
    pub deadline_minutes: u32,
    pub cluster_cidr_argument: String,
    pub cluster_name_argument: String,
    // Of control-plane machines only; empty or zero on workers, whose templates do not ask.
    pub downloads: Vec<&'a Download>,
    pub administrators: &'a str,
    pub token_hours: u32,
    pub keeps_token: bool,
    pub etcd_arguments: Vec<Pair>,
    pub api_server_arguments: Vec<Pair>,
    pub api_server_volumes: Vec<VolumeView<'a>>,
    pub controller_manager_arguments: Vec<Pair>,
    pub scheduler_arguments: Vec<Pair>,
}

/// A folder or file of the machine that the API server sees under the same path.
#[derive(Serialize)]
pub(super) struct VolumeView<'a> {
    pub name: String,
    pub path: &'a str,
    pub kind: &'static str,
    pub read_only: bool,
}

impl<'a> VolumeView<'a> {
    /// A folder that is only read.
    pub(super) fn folder(name: &str, path: &'a str) -> Self {
        Self { name: name.to_owned(), path, kind: "DirectoryOrCreate", read_only: true }
    }
}

/// A package source.
#[derive(Serialize)]
pub(super) struct SourceView<'a> {
    pub name: &'a str,
    pub url: &'a str,
    pub suite: &'a str,
    pub components: &'a str,
    pub has_components: bool,
    pub key_url: &'a str,
}

impl<'a> SourceView<'a> {
    pub(super) fn new(source: &'a PackageSource) -> Self {
        Self {
            name: &source.name,
            url: &source.url,
            suite: &source.suite,
            components: &source.components,
            has_components: !source.components.is_empty(),
            key_url: &source.key_url,
        }
    }
}

/// The bootstrap's arguments with the user's over them, sorted by name.
fn arguments<'a>(own: impl IntoIterator<Item = (&'a str, String)>, given: &BTreeMap<String, String>) -> Vec<Pair> {
    let mut all: BTreeMap<String, String> = own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    all.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
    all.into_iter().map(|(name, value)| Pair { name, value }).collect()
}

fn pairs<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Pair> {
    all.into_iter().map(|(name, value)| Pair { name: name.to_owned(), value: value.to_owned() }).collect()
}

/// A range, and that of the second address family after a comma.
fn pair(first: IpNet, second: Option<IpNet>) -> String {
    second.map_or_else(|| first.to_string(), |second| format!("{first},{second}"))
}

/// The pods' ranges, one of each family that the cluster has.
fn pod_ranges(cluster: &ClusterSettings) -> Vec<Range> {
    let ranges = std::iter::once(cluster.pod_subnet).chain(cluster.ipv6.map(|ipv6| ipv6.pod_subnet));
    let family = |range: &ipnet::IpNet| if range.addr().is_ipv4() { "ip" } else { "ip6" };
    ranges.map(|range| Range { family: family(&range), range: range.to_string() }).collect()
}

fn taint(text: &str) -> Taint {
    let (name, effect) = text.rsplit_once(':').unwrap_or((text, "NoSchedule"));
    let (key, value) = name.split_once('=').unwrap_or((name, ""));
    Taint { key: key.to_owned(), value: value.to_owned(), effect: effect.to_owned() }
}

/// A node's share of the pods' IPv6 range.
const IPV6_NODE_PREFIX: &str = "64";

const CONTROL_PLANE_TAINT: &str = "node-role.kubernetes.io/control-plane:NoSchedule";

impl<'a> MachineView<'a> {
    /// What a control-plane machine's templates may ask.
    pub(super) fn of_control_plane(machine: &'a ControlPlaneMachine) -> Self {
        let cluster = &machine.cluster;
        let mut view = Self::new(cluster, &machine.node, "control-plane");
        view.start = match machine.start {
            Start::Init => "init",
            Start::Join => "join",
        };
        // A list of taints replaces kubeadm's own, so that has to be in it.
        view.taints = std::iter::once(CONTROL_PLANE_TAINT)
            .chain(machine.node.taints.iter().map(String::as_str))
            .map(taint)
            .collect();
        view.has_taints = true;
        view.cloud_file = has_cloud_file(&machine.cluster, true);
        view.administrators = &machine.administrators;
        view.token_hours = machine.token_hours;
        view.downloads = machine.add_ons.downloads().collect();
        view.keeps_token = machine.keeps_token;
        let mut etcd = patience::etcd(cluster.slow_host);
        etcd.push(("quota-backend-bytes", machine.etcd_quota_bytes.to_string()));
        view.etcd_arguments = arguments(etcd, &BTreeMap::new());
        // Kubelets' certificates are the cluster's, so the API server need not take another's.
        let mut api_server = vec![
            ("kubelet-certificate-authority", "/etc/kubernetes/pki/ca.crt".to_owned()),
            ("profiling", "false".to_owned()),
        ];
        api_server.extend(patience::api_server(cluster.slow_host));
        api_server.extend(audit::arguments(machine));
        view.api_server_volumes.extend(audit::volumes(machine));
        if machine.keys.api_server.is_some() {
            // Shown to those who ask for one of its names. kubeadm's own stays for all others, and lasts as long as the
            // machine's name and address do; in its place kubeadm would take none that lacks one of them.
            let path = |kind: &str| format!("/etc/kubernetes/pki/{GIVEN_API_SERVER}.{kind}");
            api_server.push(("tls-sni-cert-key", format!("{},{}", path("crt"), path("key"))));
        }
        if machine.encryption.is_wanted() {
            api_server.push(("encryption-provider-config", encryption::CONFIGURATION.to_owned()));
            view.api_server_volumes.push(VolumeView::folder("encryption", encryption::FOLDER));
        }
        if machine.encryption.key_vault.is_some() {
            view.api_server_volumes.push(VolumeView::folder("key-vault", encryption::SOCKET_FOLDER));
        }
        // As with aks-engine, whose API server saw the whole folder.
        let seen = |file: &&CustomFile| file.path.starts_with("/etc/kubernetes/");
        for (index, file) in machine.node.custom_files.iter().filter(seen).enumerate() {
            let name = format!("custom-file-{index}");
            view.api_server_volumes.push(VolumeView { name, path: &file.path, kind: "File", read_only: true });
        }
        view.api_server_arguments = arguments(api_server, &machine.api_server_arguments);
        let mut own = patience::election(machine);
        own.push(("profiling", "false".to_owned()));
        view.scheduler_arguments = arguments(own.iter().cloned(), &machine.scheduler_arguments);
        own.extend(patience::nodes(cluster.slow_host));
        if view.node_ranges {
            let length = cluster.node_pod_prefix_length.to_string();
            let name = if cluster.ipv6.is_some() { "node-cidr-mask-size-ipv4" } else { "node-cidr-mask-size" };
            own.push((name, length));
            if cluster.ipv6.is_some() {
                own.push(("node-cidr-mask-size-ipv6", IPV6_NODE_PREFIX.to_owned()));
            }
        }
        view.controller_manager_arguments = arguments(own, &machine.controller_manager_arguments);
        view
    }

    /// What a worker's templates may ask.
    pub(super) fn of_worker(cluster: &'a ClusterSettings, node: &'a NodeSettings) -> Self {
        Self::new(cluster, node, "worker")
    }

    fn new(cluster: &'a ClusterSettings, node: &'a NodeSettings, role: &'static str) -> Self {
        use base64::Engine as _;
        let (kubenet, network, network_plugin_url, network_plugin_sha256) = match &cluster.network {
            Network::Kubenet => (true, "kubenet", "", ""),
            Network::AddOn { .. } => (false, "add-on", "", ""),
            Network::Azure { plugin_url, plugin_sha256 } => {
                (false, "azure", plugin_url.as_str(), plugin_sha256.as_str())
            }
        };
        let (prepared_image, package_sources, containerd_package) = match &cluster.software {
            Software::PreparedImage => (true, Vec::new(), String::new()),
            Software::Packages(packages) => {
                let name = &packages.containerd_package;
                let wanted = match packages.containerd_version.as_str() {
                    "" => name.clone(),
                    version => format!("{name}={version}"),
                };
                (false, packages.sources.iter().map(SourceView::new).collect(), wanted)
            }
        };
        let pod_subnets = pair(cluster.pod_subnet, cluster.ipv6.map(|ipv6| ipv6.pod_subnet));
        let images = &cluster.images;
        let disk = images.disk_driver.as_ref();
        let labels: Vec<String> = node.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut certificate_names = vec![cluster.endpoint_name.clone(), cluster.internal_address.to_string()];
        certificate_names.extend(cluster.control_plane_addresses.iter().map(ToString::to_string));
        certificate_names.extend(cluster.subject_alternative_names.iter().cloned());
        let mut seen = std::collections::BTreeSet::new();
        certificate_names.retain(|name| seen.insert(name.clone()));
        let mut own = vec![
            ("max-pods", node.maximum_pods.to_string()),
            (
                "node-ip",
                if cluster.ipv6.is_some() { "@NODE_ADDRESS@,@NODE_IPV6_ADDRESS@" } else { "@NODE_ADDRESS@" }.to_owned(),
            ),
        ];
        // Nodes wait for a cloud's controller then, which tells who they are.
        if cluster.platform == Platform::Azure {
            own.push(("cloud-provider", "external".to_owned()));
        }
        if !labels.is_empty() {
            own.push(("node-labels", labels.join(",")));
        }
        own.extend(patience::kubelet(cluster.slow_host).into_iter().map(|(name, value)| (name, value.to_owned())));
        let mut kubelet: BTreeMap<&str, &str> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        kubelet.extend(cluster.kubelet_arguments.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let kubelet_flags = pairs(kubelet.iter().map(|(name, value)| (*name, *value)));
        let registry = RegistryView::new(cluster);
        kubelet.extend(REGISTRY_FLAGS.iter().copied().filter(|_| registry.wanted));
        let (kubelet_patch, kubelet) = kubelet::split(kubelet);
        Self {
            role,
            start: "join",
            cluster_name: &cluster.name,
            kubernetes_version: &cluster.kubernetes_version,
            endpoint_name: &cluster.endpoint_name,
            api_server_port: cluster.api_server_port,
            internal_balancer_port: cluster.internal_balancer_port,
            redirects: cluster.internal_balancer_port != cluster.api_server_port && role == "control-plane",
            internal_address: cluster.internal_address.to_string(),
            control_plane_addresses: cluster.control_plane_addresses.iter().map(ToString::to_string).collect(),
            certificate_names,
            pod_subnet: cluster.pod_subnet.to_string(),
            pod_subnets: pod_subnets.clone(),
            ipv6_pod_subnet: cluster.ipv6.map_or_else(String::new, |ipv6| ipv6.pod_subnet.to_string()),
            ipv6: cluster.ipv6.is_some(),
            node_pod_prefix_length: cluster.node_pod_prefix_length,
            service_subnet: cluster.service_subnet.to_string(),
            service_subnets: pair(cluster.service_subnet, cluster.ipv6.map(|ipv6| ipv6.service_subnet)),
            dns_service_address: cluster.dns_service_address.to_string(),
            dns_domain: &cluster.dns_domain,
            kubenet,
            node_ranges: !matches!(cluster.network, Network::Azure { .. }),
            cloud_routes: matches!(cluster.network, Network::Kubenet | Network::AddOn { routes: true }),
            network,
            network_plugin_url,
            network_plugin_sha256,
            proxy_mode: match cluster.proxy_mode {
                ProxyMode::Iptables => "iptables",
                ProxyMode::Ipvs => "ipvs",
                ProxyMode::Nftables => "nftables",
            },
            certificate_authority_base64: base64::engine::general_purpose::STANDARD
                .encode(&cluster.certificate_authority),
            bootstrap_token: cluster.bootstrap_token.expose(),
            prepared_image,
            package_sources,
            containerd_package,
            registry,
            image_repository: &images.repository,
            pause_image: &images.pause,
            kube_proxy_image: &images.kube_proxy,
            coredns_image: &images.coredns,
            cloud_controller_manager_image: &images.cloud_controller_manager,
            cloud_node_manager_image: &images.cloud_node_manager,
            driver_image: disk.map_or("", |disk| &disk.driver),
            provisioner_image: disk.map_or("", |disk| &disk.provisioner),
            attacher_image: disk.map_or("", |disk| &disk.attacher),
            resizer_image: disk.map_or("", |disk| &disk.resizer),
            liveness_probe_image: disk.map_or("", |disk| &disk.liveness_probe),
            registrar_image: disk.map_or("", |disk| &disk.registrar),
            patience: PatienceView::new(cluster.slow_host),
            cloud: CloudView::new(&cluster.cloud),
            cloud_file: has_cloud_file(cluster, false),
            instance_metadata: cluster.cloud.instance_metadata,
            kernel_parameters: pairs(
                cluster.kernel_parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            ),
            starts_kubelet_once: cluster.slow_host && !kubelet.iter().any(|(name, _)| *name == "cert-dir"),
            kubelet_arguments: pairs(kubelet),
            kubelet_flags,
            kubelet_patch,
            host: HostView::new(&node.host, cluster),
            pod_ranges: pod_ranges(cluster),
            has_taints: !node.taints.is_empty(),
            taints: node.taints.iter().map(|text| taint(text)).collect(),
            deadline_minutes: cluster.deadline_minutes,
            cluster_cidr_argument: format!("--cluster-cidr={pod_subnets}"),
            cluster_name_argument: format!("--cluster-name={}", cluster.name),
            downloads: Vec::new(),
            administrators: "",
            token_hours: 0,
            keeps_token: false,
            etcd_arguments: Vec::new(),
            api_server_arguments: Vec::new(),
            api_server_volumes: Vec::new(),
            controller_manager_arguments: Vec::new(),
            scheduler_arguments: Vec::new(),
        }
    }
}
