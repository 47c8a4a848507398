//! Flags of Kubernetes' components: those that are the engine's own, and those that Kubernetes dropped.
//!
//! Sources, read 2026-11-25: for the reserved ones, kubeadm 1.36.3, `cmd/kubeadm/app/phases/controlplane/manifests.go`.
//! For those that were dropped, that none of the sources of Kubernetes 1.36.3 (`cmd`, `pkg`) and of its libraries
//! `apiserver`, `component-base` and `kubelet` defines them for the component; that older releases had them is known
//! from models that set them, and from the flags that aks-engine f634f52 sets (`pkg/api/defaults-*.go`), whose values
//! tell what nobody chose. `--admission-control` is still there, but not beside the flag that kubeadm sets.

use std::collections::BTreeMap;

/// A component whose flags a model may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Component {
    ApiServer,
    ControllerManager,
    Scheduler,
    Kubelet,
}

impl Component {
    /// Its name, as people know it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kubelet => "the kubelet",
        }
    }

    /// Flags that a model cannot set: kubeadm's own, and those that the start of the machines depends on (they and the
    /// probes of the API server ask it without a name).
    const fn reserved(self) -> &'static [&'static str] {
        match self {
            Self::ApiServer => &[
                "advertise-address",
                "anonymous-auth",
                "client-ca-file",
                "cloud-config",
                "cloud-provider",
                "enable-bootstrap-token-auth",
                "encryption-provider-config",
                "etcd-cafile",
                "etcd-certfile",
                "etcd-keyfile",
                "etcd-servers",
                "kubelet-client-certificate",
                "kubelet-client-key",
                "secure-port",
                "service-account-key-file",
                "service-account-signing-key-file",
                "service-cluster-ip-range",
                "tls-cert-file",
                "tls-private-key-file",
            ],
            Self::ControllerManager => &[
                "allocate-node-cidrs",
                "cloud-config",
                "cloud-provider",
                "cluster-cidr",
                "cluster-signing-cert-file",
                "cluster-signing-key-file",
                "kubeconfig",
                "root-ca-file",
                "service-account-private-key-file",
                "service-cluster-ip-range",
            ],
            Self::Scheduler => &["kubeconfig"],
            Self::Kubelet => &[
                "bootstrap-kubeconfig",
                "client-ca-file",
                "cloud-config",
                "cloud-provider",
                "config",
                "kubeconfig",
                "node-ip",
            ],
        }
    }

    /// Flags that today's Kubernetes does not know any more, and what takes their place.
    const fn dropped(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ApiServer => &[
                ("address", "the API server serves on its secure port only"),
                (
                    "admission-control",
                    "it excludes --enable-admission-plugins, which is set and adds to the plugins that are on by default",
                ),
                ("basic-auth-file", "people sign in by certificates or by OpenID Connect"),
                ("enable-swagger-ui", "the API's description is served at /openapi"),
                ("etcd-quorum-read", "every read is one of the quorum"),
                ("experimental-encryption-provider-config", "it is called --encryption-provider-config"),
                ("insecure-bind-address", "the API server serves on its secure port only"),
                ("insecure-port", "the API server serves on its secure port only"),
                ("kubelet-https", "the API server always asks the kubelet by HTTPS"),
                ("port", "the API server serves on its secure port only"),
                ("repair-malformed-updates", "malformed updates are refused"),
                ("service-account-api-audiences", "it is called --api-audiences"),
                ("storage-versions", "the versions of what is stored follow from Kubernetes"),
            ],
            Self::ControllerManager => &[
                ("address", "it is called --bind-address"),
                ("deleting-pods-burst", "deleting pods has no limit of its own"),
                ("deleting-pods-qps", "deleting pods has no limit of its own"),
                ("enable-taint-manager", "pods are always evicted by taints"),
                ("experimental-cluster-signing-duration", "it is called --cluster-signing-duration"),
                (
                    "horizontal-pod-autoscaler-downscale-delay",
                    "it is called --horizontal-pod-autoscaler-downscale-stabilization",
                ),
                ("horizontal-pod-autoscaler-upscale-delay", "scaling up is governed by each autoscaler's behavior"),
                ("horizontal-pod-autoscaler-use-rest-clients", "metrics always come from metrics-server"),
                (
                    "pod-eviction-timeout",
                    "pods are evicted by taints: kube-apiserver's --default-not-ready-toleration-seconds and \
                     --default-unreachable-toleration-seconds say when",
                ),
                ("port", "it is called --secure-port"),
                ("register-retry-count", "registration is tried until it works"),
            ],
            Self::Scheduler => &[
                ("address", "it is called --bind-address"),
                ("algorithm-provider", "profiles of a file given by --config take its place"),
                ("policy-config-file", "profiles of a file given by --config take its place"),
                ("policy-configmap", "profiles of a file given by --config take its place"),
                ("policy-configmap-namespace", "profiles of a file given by --config take its place"),
                ("port", "it is called --secure-port"),
                ("use-legacy-policy-config", "profiles of a file given by --config take its place"),
            ],
            Self::Kubelet => &[
                ("allow-privileged", "Pod Security Admission decides about it"),
                ("azure-container-registry-config", "the registry's credential provider takes its place"),
                ("cadvisor-port", "the kubelet serves the same at /metrics/cadvisor"),
                ("cni-bin-dir", "containerd calls the network plugins"),
                ("cni-cache-dir", "containerd calls the network plugins"),
                ("cni-conf-dir", "containerd calls the network plugins"),
                ("container-runtime", "there is only the remote one, containerd"),
                ("docker-endpoint", "there is no Docker on the nodes"),
                ("dynamic-config-dir", "new settings come with new machines"),
                ("enable-custom-metrics", "an adapter of the metrics API takes its place"),
                ("experimental-check-node-capabilities-before-mount", "CSI drivers mount volumes"),
                ("experimental-dockershim-root-directory", "there is no Docker on the nodes"),
                ("image-pull-progress-deadline", "containerd has its own"),
                ("keep-terminated-pod-volumes", "volumes are unmounted when their pod has ended"),
                ("network-plugin", "containerd calls the network plugins"),
                ("network-plugin-mtu", "containerd calls the network plugins"),
                ("non-masquerade-cidr", "ip-masq-agent takes its place"),
                ("pod-infra-container-image", "the sandbox image is containerd's setting"),
                ("require-kubeconfig", "the kubelet always has one"),
            ],
        }
    }

    /// Where a model sets its flags, below `kubernetesConfig`.
    pub(super) const fn property(self) -> &'static str {
        match self {
            Self::ApiServer => "apiServerConfig",
            Self::ControllerManager => "controllerManagerConfig",
            Self::Scheduler => "schedulerConfig",
            Self::Kubelet => "kubeletConfig",
        }
    }
}

/// What is to be said about a flag of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The component takes it.
    Taken,
    /// The engine sets it.
    Reserved,
    /// The engine sets it, and aks-engine did too: to the value that the model gives. Nobody chose it.
    Inherited,
    /// Kubernetes dropped it; what takes its place.
    Dropped(&'static str),
}

/// Judges a flag, with or without its dashes.
pub(super) fn judge(component: Component, flag: &str, value: &str) -> Judgement {
    let name = bare(flag);
    if let Some((_, instead)) = component.dropped().iter().find(|(dropped, _)| *dropped == name) {
        return Judgement::Dropped(instead);
    }
    // Where aks-engine's own policy lay. The engine's lies elsewhere.
    let policies = ["/etc/kubernetes/addons/audit-policy.yaml", "/etc/kubernetes/manifests/audit-policy.yaml"];
    if component == Component::ApiServer && name == "audit-policy-file" && policies.contains(&value) {
        return Judgement::Inherited;
    }
    match component.reserved().contains(&name) {
        true if is_aks_engines(name, value) => Judgement::Inherited,
        true => Judgement::Reserved,
        false => Judgement::Taken,
    }
}

/// Whether a value is one that aks-engine itself gave a flag: its files, its placeholders, its switches.
fn is_aks_engines(name: &str, value: &str) -> bool {
    let files = ["/etc/kubernetes/certs/", "/etc/kubernetes/azure.json", "/var/lib/kubelet/"];
    match name {
        "allocate-node-cidrs" => value == "true" || value == "false",
        "cloud-provider" => value == "azure" || value == "external",
        "etcd-servers" => value == "https://127.0.0.1:2379",
        "secure-port" => value == "443",
        "advertise-address" | "cluster-cidr" | "service-cluster-ip-range" => value.starts_with('<'),
        _ => files.iter().any(|file| value.starts_with(file)),
    }
}

/// A flag without its dashes.
pub(super) fn bare(flag: &str) -> &str {
    flag.trim_start_matches('-')
}

/// The flags that a component takes, of those that a model gives; what is left out is told by `rules::flags`.
pub(super) fn taken(component: Component, given: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut flags = given.cloned().unwrap_or_default();
    flags.retain(|flag, value| matches!(judge(component, flag, value), Judgement::Taken | Judgement::Reserved));
    flags
}
