//! What a model asks for and no machine would do.
//!
//! What protects something is an error: a cluster that lacks it without a word is worse than none. What is merely
//! missing is a warning. Properties that never have an effect are told by the schema (`x-engine-no-effect`).

use crate::base::Diagnostic;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::input::ApiModel;
use super::super::pointers::{KUBERNETES, PROPERTIES};
use super::machines::is_replaced;

/// Add-ons that every cluster has, by aks-engine's names.
const INSTALLED: [&str; 5] =
    ["azure-cloud-provider", "azuredisk-csi-driver", "cloud-node-manager", "coredns", "kube-proxy"];

pub(super) fn judge(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    protection(model, findings);
    addons(cluster, findings);
}

fn protection(model: &ApiModel, findings: &mut Findings) {
    let Some(properties) = &model.properties else { return };
    let orchestrator = properties.orchestrator_profile.as_ref();
    let kubernetes = orchestrator.and_then(|orchestrator| orchestrator.kubernetes_config.as_ref());
    let runtime = kubernetes.and_then(|kubernetes| kubernetes.container_runtime.as_deref());
    if let Some(runtime @ ("clear-containers" | "kata-containers")) = runtime {
        let message = format!("{runtime}: pods that ask for a machine of their own would share the node's kernel");
        let fault = Diagnostic::error("protection-missing", format!("{KUBERNETES}/containerRuntime"), message);
        findings.judge(&[], fault.help("write \"containerd\", and install Kata Containers by its own kata-deploy"));
    }
    let flags = properties.feature_flags.as_ref();
    let image = "set it to false, and harden the nodes by an image of your own (imageReference)";
    let of_flags = |name: &str| format!("{PROPERTIES}/featureFlags/{name}");
    let stig = flags.and_then(|flags| flags.enforce_ubuntu_disa_stig);
    let stig_audit = flags.and_then(|flags| flags.enforce_ubuntu_disa_stig_audit);
    for (asked, pointer, message, help) in [
        (stig, of_flags("enforceUbuntuDisaStig"), "nodes would not be hardened by DISA's guide", image),
        (
            stig_audit,
            of_flags("enforceUbuntuDisaStigAudit"),
            "nodes' audit rules would not be those of DISA's guide",
            image,
        ),
    ] {
        if asked == Some(true) {
            let message = format!("{message}: the engine cannot do it yet");
            findings.judge(&[], Diagnostic::error("protection-missing", pointer, message).help(help));
        }
    }
}

fn addons(cluster: &Cluster, findings: &mut Findings) {
    for (index, addon) in cluster.addons.iter().enumerate().filter(|(_, addon)| !addon.name.is_empty()) {
        let at = |name: &str| format!("{KUBERNETES}/addons/{index}/{name}");
        let installed = INSTALLED.contains(&addon.name.as_str());
        if addon.enabled == Some(true) && !installed && !is_replaced(&addon.name) {
            let message = format!("add-on \"{}\" is not installed by this version of the engine", addon.name);
            let warning = Diagnostic::warning("addon-not-installed", at("name"), message);
            findings.judge(&[], warning.help("leave it out, and install it into the cluster yourself"));
        }
        let without_effect = [
            (installed && addon.enabled == Some(false), "enabled", "it is part of every cluster"),
            (
                installed && !(addon.config.is_empty() && addon.secrets.is_empty()),
                "config",
                "it has the engine's own settings",
            ),
        ];
        for (_, name, reason) in without_effect.into_iter().filter(|(told, ..)| *told) {
            let message = format!("{name} of add-on \"{}\" has no effect: {reason}", addon.name);
            let warning = Diagnostic::warning("no-effect", at(name), message);
            findings.judge(&[], warning.help("leave it out to be rid of this warning"));
        }
    }
}
