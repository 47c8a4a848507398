//! Versions of the add-ons that are not tied to a patch of Kubernetes, and where they come from.
//!
//! Sources: the releases of kubernetes-sigs/metrics-server, kubernetes/autoscaler, NVIDIA/k8s-device-plugin and
//! projectcalico/calico (tags and manifests of the release); Cilium as kubeone and AgentBaker pin it; read 2026-11-25.
//! kubernetes/node-problem-detector (its releases' images); kubernetes-sigs/secrets-store-csi-driver 0aad886,
//! `deploy/secrets-store-csi-driver.yaml`; Azure/secrets-store-csi-driver-provider-azure d5f7cf5,
//! `deployment/provider-azure-installer.yaml`; flannel-io/flannel v0.28.4, `Documentation/kube-flannel.yml`;
//! rancher/local-path-provisioner v0.0.30 (the newest that is published as a Go module), `deploy/local-path-storage.yaml`;
//! read 2026-11-28.

/// Images of add-ons, by their full references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddOnImages {
    /// metrics-server.
    pub metrics_server: &'static str,
    /// NVIDIA's device plugin.
    pub nvidia_device_plugin: &'static str,
    /// node-problem-detector.
    pub node_problem_detector: &'static str,
    /// The secrets store driver.
    pub secrets_store: &'static str,
    /// Its provider for Azure's key vaults.
    pub secrets_store_provider: &'static str,
    /// calico/node.
    pub calico_node: &'static str,
    /// calico/cni.
    pub calico_cni: &'static str,
    /// cilium/cilium.
    pub cilium: &'static str,
    /// cilium/operator-generic.
    pub cilium_operator: &'static str,
    /// flannel.
    pub flannel: &'static str,
    /// flannel's plugin for container networks.
    pub flannel_plugin: &'static str,
    /// local-path-provisioner.
    pub local_path: &'static str,
    /// The shell of what makes and empties its folders.
    pub shell: &'static str,
}

/// Images of add-ons. Each of them serves every creatable minor version of Kubernetes.
pub const ADD_ON_IMAGES: AddOnImages = AddOnImages {
    metrics_server: "registry.k8s.io/metrics-server/metrics-server:v0.8.1",
    nvidia_device_plugin: "nvcr.io/nvidia/k8s-device-plugin:v0.19.3",
    node_problem_detector: "registry.k8s.io/node-problem-detector/node-problem-detector:v1.35.2",
    secrets_store: "registry.k8s.io/csi-secrets-store/driver:v1.6.0",
    secrets_store_provider: "mcr.microsoft.com/oss/v2/azure/secrets-store/provider-azure:v1.8.2",
    calico_node: "quay.io/calico/node:v3.32.1",
    calico_cni: "quay.io/calico/cni:v3.32.1",
    cilium: "quay.io/cilium/cilium:v1.19.6",
    cilium_operator: "quay.io/cilium/operator-generic:v1.19.6",
    flannel: "ghcr.io/flannel-io/flannel:v0.28.4",
    flannel_plugin: "ghcr.io/flannel-io/flannel-cni-plugin:v1.9.1-flannel1",
    local_path: "docker.io/rancher/local-path-provisioner:v0.0.30",
    shell: "docker.io/library/busybox:latest",
};

/// A file of a release that is too large for customData.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleasedFile {
    /// Its address.
    pub url: &'static str,
    /// Its SHA-256 in hexadecimal.
    pub sha256: &'static str,
}

/// The definitions of Calico's custom resources, of the release whose images [`ADD_ON_IMAGES`] names: 321,087 bytes.
pub const CALICO_DEFINITIONS: ReleasedFile = ReleasedFile {
    url: "https://raw.githubusercontent.com/projectcalico/calico/v3.32.1/manifests/crds.yaml",
    sha256: "ec6d7ac63999ff5df68aa02dcb37063496306de16df04f5f26a4588819e707ec",
};
