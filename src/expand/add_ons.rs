//! Which add-ons a model asks for, with their images.
//!
//! Deliberately absent: their manifests (`bootstrap`).

use std::collections::BTreeMap;

use crate::bootstrap::{
    AddOns, ClusterAutoscaler, Container, Download, FileDriverImages, Flannel, GivenManifest, LocalPath, PolicyEngine,
    ScaledPool, SecretsStoreImages, StorageClass,
};
use crate::catalog::{ADD_ON_IMAGES, CALICO_DEFINITIONS, Cloud, KubernetesRelease, has_nvidia_processors};
use crate::contract::Platform;
use crate::model::{
    AUDIT_POLICY, Addon, AddonContainer, Availability, Cluster, NetworkPlugin, NetworkPolicy, SoftwareSource,
};

use super::Names;

const DISK: &str = "disk.csi.azure.com";
const FILE: &str = "file.csi.azure.com";

/// Classes of disks, by the names that aks-engine and AKS gave them. The default class comes with the driver. Azure Stack
/// Hub has no standard disks on flash (kubernetes-sigs/azuredisk-csi-driver, docs/limitations.md, read 2026-11-25).
fn disk_classes(cloud: Cloud) -> Vec<StorageClass> {
    let standard = if cloud == Cloud::Stack { "Standard_LRS" } else { "StandardSSD_LRS" };
    vec![
        disk_class("managed-csi", standard),
        disk_class("managed-csi-premium", "Premium_LRS"),
        disk_class("managed-premium", "Premium_LRS"),
        disk_class("managed-standard", standard),
    ]
}

/// The class of file shares. A share is reached from everywhere, so it is made at once.
const FILE_CLASS: StorageClass = StorageClass {
    name: "azurefile",
    provisioner: FILE,
    sku: "Standard_LRS",
    binding: "Immediate",
    options: &["mfsymlinks", "actimeo=30", "nosharesock"],
};

const fn disk_class(name: &'static str, sku: &'static str) -> StorageClass {
    StorageClass { name, provisioner: DISK, sku, binding: "WaitForFirstConsumer", options: &[] }
}

/// The add-ons of a cluster. `image` gives an image's reference as the machines have to ask for it.
pub(super) fn add_ons(
    cluster: &Cluster,
    platform: Platform,
    release: &KubernetesRelease,
    file_driver: FileDriverImages,
    image: &dyn Fn(&str) -> String,
) -> AddOns {
    let wanted = |name: &str, otherwise: bool| wanted(cluster, name).unwrap_or(otherwise);
    // Azure Stack Hub has no file shares.
    let on_prem = platform == Platform::OnPrem;
    let files = !on_prem && cluster.cloud != Cloud::Stack && wanted("azurefile-csi-driver", true);
    let mut storage_classes = if on_prem { Vec::new() } else { disk_classes(cluster.cloud) };
    storage_classes.extend(files.then_some(FILE_CLASS));
    let secrets_store = SecretsStoreImages {
        driver: image(ADD_ON_IMAGES.secrets_store),
        provider: image(ADD_ON_IMAGES.secrets_store_provider),
        liveness_probe: file_driver.liveness_probe.clone(),
        registrar: file_driver.registrar.clone(),
    };
    let has_gpu = cluster.pools.iter().any(|pool| has_nvidia_processors(&pool.vm_size));
    AddOns {
        // Where processors are emulated it would take more of them than most of what it measures.
        metrics_server: wanted("metrics-server", !super::on_prem::is_slow(cluster, platform))
            .then(|| image(ADD_ON_IMAGES.metrics_server)),
        file_driver: files.then_some(file_driver),
        storage_classes,
        cluster_autoscaler: cluster
            .addons
            .iter()
            .find(|addon| addon.name == "cluster-autoscaler" && addon.enabled == Some(true) && addon.manifest.is_none())
            .map(|addon| autoscaler(cluster, addon, image(release.cluster_autoscaler))),
        network_policy: policy_engine(cluster, platform, image),
        flannel: (on_prem && wanted("flannel", has_flannel(cluster))).then(|| Flannel {
            image: image(ADD_ON_IMAGES.flannel),
            plugin_image: image(ADD_ON_IMAGES.flannel_plugin),
            owns_interfaces: cluster.network.policy != NetworkPolicy::Calico,
        }),
        local_path: (on_prem && wanted("local-path-provisioner", true))
            .then(|| LocalPath { image: image(ADD_ON_IMAGES.local_path), shell_image: image(ADD_ON_IMAGES.shell) }),
        nvidia_device_plugin: wanted("nvidia-device-plugin", has_gpu)
            .then(|| image(ADD_ON_IMAGES.nvidia_device_plugin)),
        node_problem_detector: wanted("node-problem-detector", false)
            .then(|| image(ADD_ON_IMAGES.node_problem_detector)),
        secrets_store: wanted("csi-secrets-store", false).then_some(secrets_store),
        containers: cluster.addons.iter().map(|addon| (addon.name.clone(), containers(addon))).collect(),
        given: cluster
            .addons
            .iter()
            .filter(|addon| addon.enabled != Some(false) && addon.name != AUDIT_POLICY)
            .filter_map(|addon| Some(GivenManifest { name: addon.name.clone(), manifest: addon.manifest.clone()? }))
            .collect(),
    }
}

/// Whether the model wants an add-on of the engine's; not where it brings a manifest of its own for it.
fn wanted(cluster: &Cluster, name: &str) -> Option<bool> {
    let addon = cluster.addons.iter().find(|addon| addon.name == name)?;
    if addon.manifest.is_some() { Some(false) } else { addon.enabled }
}

fn containers(addon: &Addon) -> BTreeMap<String, Container> {
    let container = |container: &AddonContainer| Container {
        image: container.image.clone(),
        cpu: container.cpu_request.clone(),
        memory: container.memory_request.clone(),
        cpu_limit: container.cpu_limit.clone(),
        memory_limit: container.memory_limit.clone(),
    };
    addon.containers.iter().map(|given| (given.name.clone(), container(given))).collect()
}

fn autoscaler(cluster: &Cluster, addon: &Addon, image: String) -> ClusterAutoscaler {
    let names = Names::of(cluster);
    let scale_sets = cluster.pools.iter().filter(|pool| pool.availability == Availability::ScaleSet);
    let pools = scale_sets.filter_map(|pool| {
        let scaled = addon.pools.iter().find(|scaled| scaled.name == pool.name);
        // aks-engine's bounds where none are said, and its habit to size every scale set where none is named.
        let (least, most) = (pool.count.min(1), pool.count.max(5));
        let (minimum, maximum) = match scaled {
            Some(scaled) => (scaled.minimum.unwrap_or(least), scaled.maximum.unwrap_or(most)),
            None if addon.pools.is_empty() => (least, most),
            None => return None,
        };
        Some(ScaledPool { scale_set: names.scale_set(pool), minimum, maximum })
    });
    let own = ["min-nodes", "max-nodes", "cloud-config", "cloud-provider", "nodes"];
    let arguments = addon.config.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    ClusterAutoscaler {
        image,
        pools: pools.collect(),
        arguments: arguments.map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

/// On-prem it stands where Azure's own network plugins would.
fn has_flannel(cluster: &Cluster) -> bool {
    matches!(cluster.network.plugin, NetworkPlugin::Azure | NetworkPlugin::Kubenet)
}

fn policy_engine(cluster: &Cluster, platform: Platform, image: &dyn Fn(&str) -> String) -> Option<PolicyEngine> {
    let network = &cluster.network;
    if network.plugin == NetworkPlugin::Cilium {
        return Some(PolicyEngine::Cilium {
            agent_image: image(ADD_ON_IMAGES.cilium),
            operator_image: image(ADD_ON_IMAGES.cilium_operator),
        });
    }
    (network.policy == NetworkPolicy::Calico).then(|| PolicyEngine::Calico {
        node_image: image(ADD_ON_IMAGES.calico_node),
        cni_image: image(ADD_ON_IMAGES.calico_cni),
        owns_interfaces: platform == Platform::OnPrem || network.plugin == NetworkPlugin::Kubenet,
        definitions: Download {
            name: "05-calico-definitions.yaml".to_owned(),
            url: match &cluster.software {
                SoftwareSource::Mirror { url } => CALICO_DEFINITIONS.url.replacen("https://", &format!("{url}/"), 1),
                SoftwareSource::Distribution | SoftwareSource::Image => CALICO_DEFINITIONS.url.to_owned(),
            },
            sha256: CALICO_DEFINITIONS.sha256.to_owned(),
        },
    })
}
