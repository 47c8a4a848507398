//! What Windows nodes start from and run.
//!
//! Sources, read 2026-11-25: Microsoft's marketplace listing "Windows Server" and its lifecycle pages (Windows Server 2019
//! and the annual channel cannot be had in new pools any more: AKS took 2019 out of 1.33, and containers of 2019 do not
//! run on later hosts); the releases of kubernetes/kubernetes (dl.k8s.io), containerd/containerd,
//! Azure/azure-container-networking as Azure/AgentBaker fetches them, and microsoft/windows-container-networking.
//! `registry.k8s.io/pause` of every Kubernetes in the catalog is an image of Linux and of Windows Server 2022 and 2025.

use super::{Cloud, KubernetesRelease, MarketplaceImage};

/// Who offers Windows Server.
const PUBLISHER: &str = "MicrosoftWindowsServer";

/// The publisher of aks-engine's own images of Windows, which are gone.
const AKS_PUBLISHER: &str = "microsoft-aks";

/// The versions of Windows Server that a new node may run, as they stand in plans and names of images.
pub const WINDOWS_SERVERS: [&str; 2] = ["2022", "2025"];

/// The size of a Windows node's system disk in GiB where the engine chooses the image, whose own is 30: one image of
/// Windows containers takes several.
pub const WINDOWS_DISK_GIB: u32 = 128;

/// The plugin for Windows whose networks the cloud controller's routes lead to (kubenet).
const SDN_PLUGINS: &str = "0.3.2";

/// Windows Server 2022 without desktop.
pub const fn windows_image(cloud: Cloud) -> MarketplaceImage {
    MarketplaceImage {
        publisher: PUBLISHER,
        offer: "WindowsServer",
        sku: match cloud {
            Cloud::Stack => "2022-datacenter-core-smalldisk",
            Cloud::Public | Cloud::China | Cloud::UsGovernment => "2022-datacenter-core-smalldisk-g2",
        },
        version: "latest",
    }
}

/// Whether a marketplace image can be had and runs today's Kubernetes. Of publishers besides Microsoft nothing is known,
/// so they are taken at their word.
pub fn is_maintained_windows(publisher: &str, sku: &str) -> bool {
    if publisher.eq_ignore_ascii_case(PUBLISHER) {
        WINDOWS_SERVERS.iter().any(|server| sku.starts_with(server))
    } else {
        !publisher.eq_ignore_ascii_case(AKS_PUBLISHER)
    }
}

/// The containerd of Windows nodes: the same as on Linux, since each of its releases has an archive for Windows.
pub const fn windows_containerd(release: &KubernetesRelease) -> &'static str {
    release.containerd
}

/// The folder of Kubernetes' programs for Windows.
pub fn windows_kubernetes_url(version: &str) -> String {
    format!("https://dl.k8s.io/v{version}/bin/windows/amd64")
}

/// The archive of containerd for Windows.
pub fn windows_containerd_url(version: &str) -> String {
    format!(
        "https://github.com/containerd/containerd/releases/download/v{version}/containerd-{version}-windows-amd64.tar.gz"
    )
}

/// The archive of Azure CNI for Windows.
pub fn windows_azure_cni_url(version: &str) -> String {
    format!("https://packages.aks.azure.com/azure-cni/v{version}/binaries/azure-vnet-cni-windows-amd64-v{version}.zip")
}

/// The archive of Windows' own network plugins (sdnbridge).
pub fn windows_sdn_plugins_url() -> String {
    format!(
        "https://github.com/microsoft/windows-container-networking/releases/download/v{SDN_PLUGINS}/windows-container-networking-cni-amd64-v{SDN_PLUGINS}.zip"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_the_past_are_known() {
        for sku in [
            "2019-Datacenter-Core-with-Containers-smalldisk",
            "Datacenter-Core-1903-with-Containers-smalldisk",
            "Datacenter-Core-2004-with-Containers-smalldisk",
            "23h2-datacenter-core",
        ] {
            assert!(!is_maintained_windows("MicrosoftWindowsServer", sku), "{sku}");
        }
        assert!(is_maintained_windows("microsoftwindowsserver", "2025-datacenter-core-smalldisk-g2"));
        assert!(!is_maintained_windows("microsoft-aks", "2022-datacenter-core-ctrd"));
        assert!(is_maintained_windows("contoso", "hardened"));
        for cloud in Cloud::ALL {
            assert!(is_maintained_windows(windows_image(cloud).publisher, windows_image(cloud).sku));
        }
    }
}
