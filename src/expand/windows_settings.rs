//! What the machines of a pool of Windows are told, put into the input of `bootstrap`.

use crate::bootstrap::{ClusterSettings, Network, WindowsFiles, WindowsMachine, WindowsSoftware};
use crate::catalog::{
    KubernetesRelease, windows_azure_cni_url, windows_containerd, windows_containerd_url, windows_kubernetes_url,
    windows_sdn_plugins_url,
};
use crate::model::{Cluster, Pool, SoftwareSource};

use super::machine_settings::{AZURE_CNI_VERSION, kubelet_arguments, node_settings};

pub(super) fn windows_machine(
    cluster: &Cluster,
    pool: &Pool,
    release: &KubernetesRelease,
    settings: ClusterSettings,
) -> WindowsMachine {
    let mut settings = settings;
    settings.kubelet_arguments = kubelet_arguments(cluster, pool);
    let software = software(cluster, release, &settings.network);
    let mut ranges = vec![cluster.network.vnet_cidr, cluster.network.node_subnet];
    ranges.extend(cluster.network.agent_subnet);
    let mut ranges_once = Vec::new();
    for range in ranges {
        if !ranges_once.contains(&range) {
            ranges_once.push(range);
        }
    }
    WindowsMachine {
        cluster: settings,
        node: node_settings(cluster, pool),
        software,
        virtual_network_ranges: ranges_once,
        ssh_enabled: cluster.windows.as_ref().is_some_and(|windows| windows.ssh_enabled),
        ssh_public_keys: cluster.linux.ssh_public_keys.clone(),
    }
}

/// Where programs come from: with a mirror, every address lies below it, in the mirrored host's name as a folder.
fn software(cluster: &Cluster, release: &KubernetesRelease, network: &Network) -> WindowsSoftware {
    let mirror = match &cluster.software {
        SoftwareSource::Image => return WindowsSoftware::PreparedImage,
        SoftwareSource::Distribution => None,
        SoftwareSource::Mirror { url } => Some(url),
    };
    let at = |address: String| match mirror {
        Some(mirror) => address.replacen("https://", &format!("{mirror}/"), 1),
        None => address,
    };
    WindowsSoftware::Files(WindowsFiles {
        kubernetes_url: at(windows_kubernetes_url(&cluster.kubernetes_version.to_string())),
        containerd_url: at(windows_containerd_url(windows_containerd(release))),
        network_plugin_url: at(match network {
            Network::Azure { .. } => windows_azure_cni_url(AZURE_CNI_VERSION),
            // Of an add-on's network there is nothing for Windows, which the bootstrap refuses.
            Network::Kubenet | Network::AddOn { .. } => windows_sdn_plugins_url(),
        }),
        mirror: mirror.is_some(),
    })
}
