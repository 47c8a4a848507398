//! What the model allows and the machines cannot do yet: refused by name, rather than left out.
//!
//! Deliberately absent: what no builder makes of the resources (`build`).

use super::ExpandError;
use crate::model::{Cluster, Identity, NetworkPolicy, ServicePrincipalSecret};

/// Flags that a model cannot set: kubeadm's own, those that the start of the machines depends on (they and the probes
/// of the API server ask it without a name), and what today's Kubernetes does not know any more.
///
/// Source: kubeadm 1.35, `cmd/kubeadm/app/phases/controlplane/manifests.go`; the references of the components' flags,
/// read 2026-11-22.
const API_SERVER_FLAGS: &[&str] = &[
    "admission-control",
    "advertise-address",
    "anonymous-auth",
    "client-ca-file",
    "cloud-config",
    "cloud-provider",
    "enable-bootstrap-token-auth",
    "etcd-cafile",
    "etcd-certfile",
    "etcd-keyfile",
    "etcd-servers",
    "insecure-port",
    "kubelet-client-certificate",
    "kubelet-client-key",
    "secure-port",
    "service-account-api-audiences",
    "service-account-key-file",
    "service-account-signing-key-file",
    "tls-cert-file",
    "tls-private-key-file",
];
const CONTROLLER_MANAGER_FLAGS: &[&str] = &[
    "allocate-node-cidrs",
    "cloud-config",
    "cloud-provider",
    "cluster-cidr",
    "cluster-signing-cert-file",
    "cluster-signing-key-file",
    "kubeconfig",
    "pod-eviction-timeout",
    "root-ca-file",
    "service-account-private-key-file",
];
const KUBELET_FLAGS: &[&str] = &[
    "azure-container-registry-config",
    "bootstrap-kubeconfig",
    "client-ca-file",
    "cloud-config",
    "cloud-provider",
    "cni-bin-dir",
    "cni-conf-dir",
    "config",
    "container-runtime",
    "kubeconfig",
    "network-plugin",
    "node-ip",
    "non-masquerade-cidr",
    "pod-infra-container-image",
];

/// Labels of Kubernetes' own domains that a kubelet may give its node, besides those below [`KUBELET_DOMAINS`]; with any
/// other of them it does not start.
///
/// Source: k8s.io/kubelet 0.35, `pkg/apis/well_known_labels.go`, read 2026-11-22.
const KUBELET_LABELS: [&str; 10] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];
const KUBELET_DOMAINS: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const KUBERNETES_DOMAINS: [&str; 2] = ["kubernetes.io", "k8s.io"];

/// Whether a kubelet starts with this label.
fn kubelet_takes(label: &str) -> bool {
    let domain = label.split_once('/').map_or("", |(domain, _)| domain);
    let lies_in = |domains: &[&str]| {
        domains
            .iter()
            .any(|outer| domain.strip_suffix(outer).is_some_and(|inner| inner.is_empty() || inner.ends_with('.')))
    };
    !lies_in(&KUBERNETES_DOMAINS) || lies_in(&KUBELET_DOMAINS) || KUBELET_LABELS.contains(&label)
}

/// Refuses what the machines would leave out without a word, or what would keep them from becoming a cluster.
pub(super) fn refuse(cluster: &Cluster) -> Result<(), ExpandError> {
    let unsupported = |what: String, instead| Err(ExpandError::Unsupported { what, instead });
    if cluster.network.policy != NetworkPolicy::None {
        return unsupported(
            format!(
                "the network policy `{}` has no manifests yet, and nobody would enforce it",
                cluster.network.policy.word()
            ),
            "leave kubernetesConfig.networkPolicy out",
        );
    }
    if cluster.encrypt_secrets_at_rest {
        return unsupported(
            "etcd's data would be encrypted by the API server, which has no key for it yet".to_owned(),
            "leave kubernetesConfig.enableDataEncryptionAtRest out: Azure encrypts the disks",
        );
    }
    if let Identity::ServicePrincipal { secret: ServicePrincipalSecret::KeyVault { .. }, .. } = &cluster.identity {
        return unsupported(
            "the service principal's secret lies in a key vault, from which the machines cannot take it yet".to_owned(),
            "set servicePrincipalProfile.secret, or use a managed identity",
        );
    }
    let labels = cluster.pools.iter().flat_map(|pool| pool.labels.keys());
    if let Some(label) = labels.into_iter().find(|label| !kubelet_takes(label)) {
        return unsupported(
            format!("the label {label} is one that a kubelet may not give its own node"),
            "take a domain of your own for it, or set it with kubectl",
        );
    }
    let given = &cluster.component_flags;
    let pools = cluster.pools.iter().map(|pool| &pool.kubelet_flags);
    let kubelets = [&given.kubelet, &cluster.control_plane.kubelet_flags].into_iter().chain(pools);
    let components = [
        ("kube-apiserver", &given.api_server, API_SERVER_FLAGS),
        ("kube-controller-manager", &given.controller_manager, CONTROLLER_MANAGER_FLAGS),
    ];
    let kubelets = kubelets.map(|given| ("kubelet", given, KUBELET_FLAGS));
    for (component, given, kept) in components.into_iter().chain(kubelets) {
        if let Some(flag) = given.keys().find(|flag| kept.contains(&flag.trim_start_matches('-'))) {
            return unsupported(
                format!("the flag {flag} of {component} is the machines' own, or Kubernetes dropped it"),
                "leave it out of the component's flags",
            );
        }
    }
    Ok(())
}
