//! Versions of Kubernetes and of what belongs to each.
//!
//! Source: the releases of kubernetes/kubernetes, kubernetes-sigs/cloud-provider-azure, azuredisk-csi-driver,
//! azurefile-csi-driver, and the version maps of kops, kubespray and AgentBaker at the day; read 2026-11-21. etcd, CoreDNS
//! and the sandbox image are those that each minor's own kubeadm names (`kubeadm config images list` of 1.34.4, 1.35.4
//! and 1.36.3, 2026-11-28), because those are certainly in the registry, and tested together.

use semver::Version;

/// A minor version and what belongs to it. Versions are without a leading `v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KubernetesRelease {
    /// Such as `1.35`.
    pub release: &'static str,
    /// The newest patch, such as `1.35.9`.
    pub newest: &'static str,
    /// Whether a new cluster may have it: Azure's own components exist for it, and it is still maintained.
    pub creatable: bool,
    /// Tag of `azure-cloud-controller-manager` and `azure-cloud-node-manager`; `None`: not released.
    pub cloud_controller_manager: Option<&'static str>,
    /// The disk CSI driver.
    pub azure_disk_csi: &'static str,
    /// The file CSI driver.
    pub azure_file_csi: &'static str,
    /// The autoscaler's image.
    pub cluster_autoscaler: &'static str,
    /// etcd (the image's tag has `-0` behind it).
    pub etcd: &'static str,
    /// CoreDNS.
    pub coredns: &'static str,
    /// The sandbox image.
    pub pause: &'static str,
    /// The containerd to install.
    pub containerd: &'static str,
    /// The oldest containerd that its kubelet takes.
    pub containerd_minimum: &'static str,
    /// The day after which Kubernetes does not maintain it.
    pub end_of_life: &'static str,
}

/// All that the catalog knows, oldest first. 1.37 becomes creatable once Azure's cloud controller has a tag for it.
const RELEASES: [KubernetesRelease; 4] = [
    KubernetesRelease {
        release: "1.34",
        newest: "1.34.11",
        creatable: true,
        cloud_controller_manager: Some("1.34.13"),
        azure_disk_csi: "1.34.5",
        azure_file_csi: "1.34.8",
        cluster_autoscaler: "registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.5",
        etcd: "3.6.5",
        coredns: "1.12.1",
        pause: "3.10.1",
        containerd: "2.3.3",
        containerd_minimum: "1.7.0",
        end_of_life: "2026-10-27",
    },
    KubernetesRelease {
        release: "1.35",
        newest: "1.35.9",
        creatable: true,
        cloud_controller_manager: Some("1.35.8"),
        azure_disk_csi: "1.34.5",
        azure_file_csi: "1.35.7",
        cluster_autoscaler: "registry.k8s.io/autoscaling/cluster-autoscaler:v1.35.2",
        etcd: "3.6.6",
        coredns: "1.13.1",
        pause: "3.10.1",
        containerd: "2.3.3",
        containerd_minimum: "1.7.0",
        end_of_life: "2027-02-28",
    },
    KubernetesRelease {
        release: "1.36",
        newest: "1.36.4",
        creatable: true,
        cloud_controller_manager: Some("1.36.5"),
        azure_disk_csi: "1.34.5",
        azure_file_csi: "1.35.7",
        cluster_autoscaler: "registry.k8s.io/autoscaling/cluster-autoscaler:v1.36.1",
        etcd: "3.6.8",
        coredns: "1.14.2",
        pause: "3.10.2",
        containerd: "2.3.3",
        containerd_minimum: "2.0.0",
        end_of_life: "2027-06-28",
    },
    KubernetesRelease {
        release: "1.37",
        newest: "1.37.1",
        creatable: false,
        cloud_controller_manager: None,
        azure_disk_csi: "1.34.5",
        azure_file_csi: "1.35.7",
        cluster_autoscaler: "registry.k8s.io/autoscaling/cluster-autoscaler:v1.36.1",
        etcd: "3.7.0",
        coredns: "1.14.2",
        pause: "3.10.2",
        containerd: "2.3.3",
        containerd_minimum: "2.0.0",
        end_of_life: "2027-10-28",
    },
];

/// The minor version of a cluster whose model names none.
pub const DEFAULT_KUBERNETES_RELEASE: &str = "1.35";

/// Every minor version that the catalog knows, oldest first.
pub const fn kubernetes_releases() -> &'static [KubernetesRelease] {
    &RELEASES
}

/// The minor version by name, such as `1.35`.
pub fn kubernetes_release(release: &str) -> Option<&'static KubernetesRelease> {
    RELEASES.iter().find(|candidate| candidate.release == release)
}

/// The minor version that a version belongs to.
pub fn kubernetes_release_of(version: &Version) -> Option<&'static KubernetesRelease> {
    kubernetes_release(&format!("{}.{}", version.major, version.minor))
}

impl KubernetesRelease {
    /// The newest patch as a version.
    pub fn newest_version(&self) -> Version {
        // The table's own test says that it always parses.
        Version::parse(self.newest).unwrap_or_else(|_| Version::new(0, 0, 0))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_consistent() {
        for release in kubernetes_releases() {
            let newest = Version::parse(release.newest).unwrap();
            assert_eq!(kubernetes_release_of(&newest), Some(release));
            assert_eq!(release.newest_version(), newest);
            assert!(!release.creatable || release.cloud_controller_manager.is_some(), "{}", release.release);
            for version in [release.azure_disk_csi, release.azure_file_csi, release.etcd, release.coredns] {
                Version::parse(version).unwrap();
            }
            assert!(Version::parse(release.containerd).unwrap() >= Version::parse(release.containerd_minimum).unwrap());
        }
        assert!(kubernetes_releases().is_sorted_by_key(KubernetesRelease::newest_version));
        assert!(kubernetes_release(DEFAULT_KUBERNETES_RELEASE).unwrap().creatable);
    }
}
