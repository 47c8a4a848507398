//! Add-ons: which there are, what is gone, and what of their settings has no effect.

use crate::base::Diagnostic;
use crate::catalog::has_nvidia_processors;

use super::super::cluster::{Addon, Cluster};
use super::super::findings::Findings;
use super::super::pointers::{KUBERNETES, pool};
use super::super::pool::Image;

/// Add-ons that every cluster has, by aks-engine's names.
const ALWAYS: [&str; 5] =
    ["azure-cloud-provider", "azuredisk-csi-driver", "cloud-node-manager", "coredns", "kube-proxy"];

/// Add-ons that may be had or not, by aks-engine's names.
const SWITCHED: [&str; 7] = [
    "audit-policy",
    "azurefile-csi-driver",
    "cluster-autoscaler",
    "csi-secrets-store",
    "metrics-server",
    "node-problem-detector",
    "nvidia-device-plugin",
];

/// Add-ons of aks-engine that are gone, and what takes their place.
const REPLACED: [(&str, &str); 17] = [
    ("tiller", "Helm 3 needs nothing in the cluster"),
    ("kubernetes-dashboard", "its project is archived; use Headlamp"),
    ("heapster", "metrics-server takes its place"),
    ("rescheduler", "pod priority takes its place"),
    ("aad-pod-identity", "workload identity takes its place"),
    ("keyvault-flexvolume", "csi-secrets-store takes its place"),
    ("blobfuse-flexvolume", "the blob CSI driver takes its place"),
    ("smb-flexvolume", "the SMB CSI driver takes its place"),
    ("container-monitoring", "Azure ended its agent on 2024-08-31; use Azure Monitor by Azure Arc"),
    ("pod-security-policy", "Pod Security Admission takes its place"),
    ("kube-dns", "CoreDNS takes its place"),
    ("flannel", "choose networkPlugin azure, kubenet or cilium"),
    ("antrea", "choose networkPolicy calico or cilium"),
    ("arc-onboarding", "az connectedk8s connect takes its place"),
    ("azure-arc-onboarding", "az connectedk8s connect takes its place"),
    ("ip-masq-agent", "each node has rules of its own that do what it did"),
    ("azure-storage-classes", "the classes come with their drivers"),
];

pub(super) fn judge(cluster: &Cluster, findings: &mut Findings) {
    gpu_drivers(cluster, findings);
    for (index, addon) in cluster.addons.iter().enumerate() {
        let pointer = format!("{KUBERNETES}/addons/{index}");
        name(cluster, index, addon, &pointer, findings);
        if addon.name.is_empty() || cluster.addons[..index].iter().any(|other| other.name == addon.name) {
            continue;
        }
        offer(addon, &cluster.name_suffix, &pointer, findings);
    }
}

/// aks-engine compiled one version of NVIDIA's driver on each machine. Today the driver depends on the size: those for
/// visualisation take Azure's own (GRID), the others NVIDIA's, old processors an old branch of it, and those with several
/// connected processors a fabric manager of just its version (Azure/AgentBaker 06836ee,
/// `aks-node-controller/pkg/gpu`, read 2026-11-28). A wrong one leaves a node without processors, which nothing
/// here would find out. So an image that somebody has tried is asked for.
fn gpu_drivers(cluster: &Cluster, findings: &mut Findings) {
    let has_processors =
        |size: &str, image: &Image| has_nvidia_processors(size) && matches!(image, Image::Marketplace { .. });
    for pool in cluster.pools.iter().filter(|pool| has_processors(&pool.vm_size, &pool.image)) {
        let message =
            format!("the nodes of \"{}\" have NVIDIA processors, and their image no driver for them", pool.name);
        let warning = Diagnostic::warning("gpu-driver", self::pool(pool.index, "vmSize"), message);
        findings.judge(&[], warning.help(
                "which driver fits depends on the size: name an image with it and NVIDIA's container toolkit by imageReference, \
                 or install NVIDIA's GPU operator",
            ));
    }
}

fn name(cluster: &Cluster, index: usize, addon: &Addon, pointer: &str, findings: &mut Findings) {
    let pointer = format!("{pointer}/name");
    let repeated = cluster.addons[..index].iter().any(|other| other.name == addon.name);
    // It becomes part of a file's name.
    let is_word = addon.name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if addon.name.is_empty() || repeated || !is_word {
        let message = if addon.name.is_empty() {
            "an add-on has no name".to_owned()
        } else if repeated {
            format!("add-on \"{}\" stands here a second time", addon.name)
        } else {
            format!("\"{}\" cannot be an add-on's name", addon.name)
        };
        let help = "name each add-on once, by letters, digits and dashes";
        findings.judge(&[], Diagnostic::error("addon-name", pointer, message).help(help));
    }
}

/// What is there of an add-on, and what of its settings has no effect.
fn offer(addon: &Addon, suffix: &str, pointer: &str, findings: &mut Findings) {
    let at = |name: &str| format!("{pointer}/{name}");
    let (always, switched) = (ALWAYS.contains(&addon.name.as_str()), SWITCHED.contains(&addon.name.as_str()));
    let wanted = addon.enabled == Some(true);
    if let Some((_, instead)) = REPLACED.iter().find(|(name, _)| *name == addon.name).filter(|_| wanted) {
        let message = format!("add-on \"{}\" is gone: {instead}", addon.name);
        findings.judge(&[], Diagnostic::warning("addon-replaced", at("name"), message).help("leave it out"));
    } else if wanted && !always && !switched && addon.manifest.is_none() {
        let message = format!("add-on \"{}\" is not installed by this version of the engine", addon.name);
        let help = if addon.name == super::super::application_gateway::ADD_ON {
            format!(
                "the gateway is made; install its ingress controller (AGIC) by Helm, with the gateway k8s-appgw-{suffix} and \
                 the identity k8s-appgw-ic-identity-{suffix}"
            )
        } else {
            "give its manifest as \"data\" (base64), or install it into the cluster yourself".to_owned()
        };
        findings.judge(&[], Diagnostic::warning("addon-not-installed", at("name"), message).help(help));
    }
    let has_settings = !(addon.config.is_empty() && addon.secrets.is_empty());
    let takes_settings = addon.name == "cluster-autoscaler";
    let without_effect = [
        (always && addon.enabled == Some(false), "enabled", "it is part of every cluster"),
        ((always || switched) && has_settings && !takes_settings, "config", "it has the engine's own settings"),
        (always && addon.manifest.is_some(), "data", "the engine's own manifest fits the machines"),
        (!addon.pools.is_empty() && !takes_settings, "pools", "only the autoscaler has settings for pools"),
    ];
    for (_, name, reason) in without_effect.into_iter().filter(|(told, ..)| *told) {
        let message = format!("{name} of add-on \"{}\" has no effect: {reason}", addon.name);
        let warning = Diagnostic::warning("no-effect", at(name), message);
        findings.judge(&[], warning.help("leave it out to be rid of this warning"));
    }
}
