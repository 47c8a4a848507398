//! The add-ons: what is applied to the cluster once by its first node, and afterwards by the engine. One list, in the
//! order of their application.
//!
//! What is too large for customData (the definitions of custom resources) is fetched by the first node and checked
//! against its digest, or lies in the machine's image already ([`Download`]).
//!
//! Deliberately absent: which add-ons a model asks for (`expand`), and what the machine does with the files
//! (`templates/scripts`).

use std::collections::BTreeMap;

use serde::Serialize;

use super::containers::Container;
use super::custom_data::MachineFile;
use super::input::ControlPlaneMachine;
use super::view::MachineView;
use super::{BootstrapError, patience, templates};
use crate::contract::Platform;

/// The folder in which a control-plane machine finds what it has to apply.
const FOLDER: &str = "/etc/kubernetes/addons";

/// What is installed into the cluster besides what every cluster has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddOns {
    /// The image of metrics-server.
    pub metrics_server: Option<String>,
    /// The images of the file driver (azurefile-csi).
    pub file_driver: Option<FileDriverImages>,
    /// Storage classes besides the default one.
    pub storage_classes: Vec<StorageClass>,
    /// The autoscaler of pools in scale sets.
    pub cluster_autoscaler: Option<ClusterAutoscaler>,
    /// Who enforces network policies.
    pub network_policy: Option<PolicyEngine>,
    /// The image of NVIDIA's device plugin.
    pub nvidia_device_plugin: Option<String>,
    /// The image of node-problem-detector.
    pub node_problem_detector: Option<String>,
    /// The images of the secrets store driver and of its provider for Azure.
    pub secrets_store: Option<SecretsStoreImages>,
    /// The tunnels between nodes where no cloud keeps routes.
    pub flannel: Option<Flannel>,
    /// Volumes out of folders of nodes where no cloud has disks.
    pub local_path: Option<LocalPath>,
    /// What users say of containers, by the add-on's name in the model and the container's.
    pub containers: BTreeMap<String, BTreeMap<String, Container>>,
    /// Manifests that the user brings, each with the name of its add-on.
    pub given: Vec<GivenManifest>,
}

/// The images of the file driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDriverImages {
    /// The driver itself (azurefile-csi).
    pub driver: String,
    /// csi-provisioner.
    pub provisioner: String,
    /// csi-resizer.
    pub resizer: String,
    /// livenessprobe.
    pub liveness_probe: String,
    /// csi-node-driver-registrar.
    pub registrar: String,
}

/// The images of the secrets store driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretsStoreImages {
    /// The driver itself.
    #[serde(rename = "driver_image")]
    pub driver: String,
    /// Its provider for Azure's key vaults.
    #[serde(rename = "provider_image")]
    pub provider: String,
    /// livenessprobe.
    #[serde(rename = "liveness_probe_image")]
    pub liveness_probe: String,
    /// csi-node-driver-registrar.
    #[serde(rename = "registrar_image")]
    pub registrar: String,
}

/// flannel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flannel {
    /// Its image.
    pub image: String,
    /// Its plugin's image.
    pub plugin_image: String,
    /// Whether it makes the pods' interfaces, too. Calico makes its own.
    pub owns_interfaces: bool,
}

/// local-path-provisioner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPath {
    /// Its image.
    pub image: String,
    /// The image with the shell that makes and empties folders.
    pub shell_image: String,
}

/// A storage class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StorageClass {
    /// Its name.
    pub name: &'static str,
    /// The driver's name.
    pub provisioner: &'static str,
    /// The kind of disk or account, such as `Premium_LRS`.
    pub sku: &'static str,
    /// `WaitForFirstConsumer` or `Immediate`.
    pub binding: &'static str,
    /// Options of mounting.
    pub options: &'static [&'static str],
}

/// The autoscaler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterAutoscaler {
    /// Its image.
    pub image: String,
    /// The scale sets that it sizes.
    pub pools: Vec<ScaledPool>,
    /// Its other arguments, without leading dashes: `scan-interval`, `10s`.
    pub arguments: Vec<(String, String)>,
}

/// A scale set that the autoscaler sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaledPool {
    /// The scale set's name.
    pub scale_set: String,
    /// The fewest machines.
    pub minimum: u32,
    /// The most machines.
    pub maximum: u32,
}

/// Who enforces network policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyEngine {
    /// Calico.
    Calico {
        /// calico/node.
        node_image: String,
        /// calico/cni; used where Calico makes the pods' interfaces.
        cni_image: String,
        /// Whether Calico makes the pods' interfaces. Azure CNI makes its own.
        owns_interfaces: bool,
        /// The definitions of its custom resources.
        definitions: Download,
    },
    /// Cilium, which makes the pods' interfaces too.
    Cilium {
        /// cilium/cilium.
        agent_image: String,
        /// cilium/operator-generic.
        operator_image: String,
    },
}

/// A file that the first node fetches before it applies the add-ons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Download {
    /// The file's name among the add-ons; also where it lies in a prepared image, below `/opt/engine/add-ons`.
    pub name: String,
    /// Its address.
    pub url: String,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// A manifest that the user brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenManifest {
    /// The add-on's name: letters, digits and dashes.
    pub name: String,
    /// The manifest (YAML or JSON).
    pub manifest: String,
}

impl AddOns {
    /// What the first node has to fetch.
    pub(super) fn downloads(&self) -> impl Iterator<Item = &Download> {
        self.network_policy.iter().filter_map(|policy| match policy {
            PolicyEngine::Calico { definitions, .. } => Some(definitions),
            PolicyEngine::Cilium { .. } => None,
        })
    }
}

#[derive(Serialize)]
struct ImageView<'a> {
    image: &'a str,
}

#[derive(Serialize)]
struct CalicoView<'a> {
    node_image: &'a str,
    cni_image: &'a str,
    owns_interfaces: bool,
    /// The MTU of pods' interfaces; 0: as the machine's.
    mtu: u32,
    endpoint_name: &'a str,
    api_server_port: u16,
}

#[derive(Serialize)]
struct FlannelView<'a> {
    image: &'a str,
    plugin_image: &'a str,
    owns_interfaces: bool,
    pod_subnet: &'a str,
    endpoint_name: &'a str,
    api_server_port: u16,
}

#[derive(Serialize)]
struct LocalPathView<'a> {
    provisioner_image: &'a str,
    shell_image: &'a str,
    /// How long the pod may take that makes a folder.
    volume_seconds: Option<u32>,
}

#[derive(Serialize)]
struct CiliumView<'a> {
    agent_image: &'a str,
    operator_image: &'a str,
    endpoint_name: &'a str,
    api_server_port: u16,
}

#[derive(Serialize)]
struct ArgumentView {
    argument: String,
}

#[derive(Serialize)]
struct AutoscalerView<'a> {
    image: &'a str,
    pools: Vec<ArgumentView>,
    arguments: Vec<ArgumentView>,
    endpoint_name: &'a str,
    api_server_port: u16,
}

#[derive(Serialize)]
struct ClassesView<'a> {
    classes: &'a [StorageClass],
}

#[derive(Serialize)]
struct FileDriverView<'a> {
    driver_image: &'a str,
    provisioner_image: &'a str,
    resizer_image: &'a str,
    liveness_probe_image: &'a str,
    registrar_image: &'a str,
    cloud: CustomCloud,
}

#[derive(Serialize)]
struct CustomCloud {
    custom: bool,
}

/// The files of all add-ons of a cluster, by name in the order of their application.
pub(super) fn files(machine: &ControlPlaneMachine, view: &MachineView<'_>) -> Result<Vec<MachineFile>, BootstrapError> {
    let AddOns {
        metrics_server,
        file_driver,
        storage_classes,
        cluster_autoscaler,
        network_policy,
        nvidia_device_plugin,
        node_problem_detector,
        secrets_store,
        flannel,
        local_path,
        containers,
        given,
    } = &machine.add_ons;
    let mut files = Files { containers, proxied: view.host.proxied, files: Vec::new() };
    if view.host.proxied {
        files.add("05-proxy", "addons/proxy.yaml", "", view)?;
    }
    // First what nodes need to become Ready, then what needs Ready nodes.
    files.add("10-kube-proxy", "addons/kube-proxy.yaml", "kube-proxy", view)?;
    let (endpoint_name, api_server_port) = (view.endpoint_name, view.api_server_port);
    match network_policy {
        Some(PolicyEngine::Calico { node_image, cni_image, owns_interfaces, .. }) => {
            let (owns_interfaces, node_image, cni_image) = (*owns_interfaces, &**node_image, &**cni_image);
            // What a tunnel needs of each packet.
            let mtu = if flannel.is_some() { 1450 } else { 0 };
            let calico = CalicoView { node_image, cni_image, owns_interfaces, mtu, endpoint_name, api_server_port };
            files.add("15-calico", "addons/calico.yaml", "", &calico)?;
        }
        Some(PolicyEngine::Cilium { agent_image, operator_image }) => {
            let cilium = CiliumView { agent_image, operator_image, endpoint_name, api_server_port };
            files.add("15-cilium", "addons/cilium.yaml", "", &cilium)?;
        }
        None => {}
    }
    if let Some(Flannel { image, plugin_image, owns_interfaces }) = flannel {
        let flannel = FlannelView {
            image,
            plugin_image,
            owns_interfaces: *owns_interfaces,
            pod_subnet: &view.pod_subnet,
            endpoint_name,
            api_server_port,
        };
        files.add("16-flannel", "addons/flannel.yaml", "flannel", &flannel)?;
    }
    if machine.cluster.platform == Platform::Azure {
        files.add("20-cloud-controller-manager", "addons/cloud-controller-manager.yaml", "", view)?;
        files.add("21-cloud-node-manager", "addons/cloud-node-manager.yaml", "cloud-node-manager", view)?;
    }
    files.add("30-coredns", "addons/coredns.yaml", "coredns", view)?;
    if machine.cluster.images.disk_driver.is_some() {
        files.add("40-disk-driver", "addons/disk-driver.yaml", "azuredisk-csi-driver", view)?;
    }
    if let Some(images) = file_driver {
        let view = FileDriverView {
            driver_image: &images.driver,
            provisioner_image: &images.provisioner,
            resizer_image: &images.resizer,
            liveness_probe_image: &images.liveness_probe,
            registrar_image: &images.registrar,
            cloud: CustomCloud { custom: !machine.cluster.cloud.environment.is_empty() },
        };
        files.add("41-file-driver", "addons/file-driver.yaml", "azurefile-csi-driver", &view)?;
    }
    if let Some(LocalPath { image, shell_image }) = local_path {
        let volume_seconds = patience::volume_seconds(machine.cluster.slow_host);
        let view = LocalPathView { provisioner_image: image, shell_image, volume_seconds };
        files.add("43-local-path", "addons/local-path.yaml", "local-path-provisioner", &view)?;
    }
    if machine.cluster.balances_services {
        files.add("44-services", "addons/services.yaml", "", view)?;
    }
    if !storage_classes.is_empty() {
        files.add(
            "42-storage-classes",
            "addons/storage-classes.yaml",
            "",
            &ClassesView { classes: storage_classes },
        )?;
    }
    if machine.cluster.windows_nodes {
        files.add("45-windows", "addons/windows.yaml", "", view)?;
    }
    if let Some(image) = metrics_server {
        files.add("50-metrics-server", "addons/metrics-server.yaml", "metrics-server", &ImageView { image })?;
    }
    if let Some(autoscaler) = cluster_autoscaler {
        let pool = |pool: &ScaledPool| ArgumentView {
            argument: format!("--nodes={}:{}:{}", pool.minimum, pool.maximum, pool.scale_set),
        };
        let argument = |(name, value): &(String, String)| ArgumentView { argument: format!("--{name}={value}") };
        let view = AutoscalerView {
            image: &autoscaler.image,
            pools: autoscaler.pools.iter().map(pool).collect(),
            arguments: autoscaler.arguments.iter().map(argument).collect(),
            endpoint_name,
            api_server_port,
        };
        files.add("51-cluster-autoscaler", "addons/cluster-autoscaler.yaml", "cluster-autoscaler", &view)?;
    }
    if let Some(image) = nvidia_device_plugin {
        files.add(
            "52-nvidia-device-plugin",
            "addons/nvidia-device-plugin.yaml",
            "nvidia-device-plugin",
            &ImageView { image },
        )?;
    }
    if let Some(image) = node_problem_detector {
        let template = "addons/node-problem-detector.yaml";
        files.add("53-node-problem-detector", template, "node-problem-detector", &ImageView { image })?;
    }
    if let Some(images) = secrets_store {
        files.add("54-secrets-store", "addons/secrets-store.yaml", "csi-secrets-store", images)?;
    }
    if !machine.administrators.is_empty() {
        files.add("60-administrators", "addons/administrators.yaml", "", view)?;
    }
    for GivenManifest { name, manifest } in given {
        files.files.push(MachineFile::new(format!("{FOLDER}/90-{name}.yaml"), "0600", manifest.as_str()));
    }
    Ok(files.files)
}

/// What an add-on's template may ask besides its own.
#[derive(Serialize)]
struct WithContainers<'a, View> {
    #[serde(flatten)]
    view: &'a View,
    /// What the user says of the add-on's containers.
    containers: Option<&'a BTreeMap<String, Container>>,
    proxied: bool,
}

struct Files<'a> {
    containers: &'a BTreeMap<String, BTreeMap<String, Container>>,
    proxied: bool,
    files: Vec<MachineFile>,
}

impl Files<'_> {
    /// `add_on` is the name that the model has for it, empty for what is no add-on there.
    fn add(&mut self, name: &str, template: &str, add_on: &str, view: &impl Serialize) -> Result<(), BootstrapError> {
        let view = WithContainers { view, containers: self.containers.get(add_on), proxied: self.proxied };
        let text = templates::render(template, &view)?;
        self.files.push(MachineFile::new(format!("{FOLDER}/{name}.yaml"), "0600", text));
        Ok(())
    }
}
