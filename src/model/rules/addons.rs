//! Add-ons and extensions: what their settings say together.

use base64::Engine as _;

use crate::base::Diagnostic;

use super::super::cluster::{AUDIT_POLICY, Cluster};
use super::super::findings::Findings;
use super::super::input::{AddonInput, ApiModel};
use super::super::pointers::{KUBERNETES, MASTER, pool};
use super::super::pool::Availability;
use super::containers;

const AUTOSCALER: &str = "cluster-autoscaler";

pub(super) fn judge(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    let Some(properties) = &model.properties else { return };
    let orchestrator = properties.orchestrator_profile.as_ref();
    let kubernetes = orchestrator.and_then(|orchestrator| orchestrator.kubernetes_config.as_ref());
    let addons = kubernetes.and_then(|kubernetes| kubernetes.addons.as_ref());
    for (index, addon) in addons.into_iter().flatten().enumerate() {
        let root = format!("{KUBERNETES}/addons/{index}");
        data(addon, &root, findings);
        containers::judge(addon, &root, findings);
        if addon.name.as_deref() == Some(AUTOSCALER) && addon.enabled == Some(true) {
            autoscaler(addon, &root, cluster, findings);
        }
    }
    extensions(model, findings);
}

/// A manifest of the user's own stands alone. Without a policy that it can read, the API server does not start.
fn data(addon: &AddonInput, root: &str, findings: &mut Findings) {
    let Some(data) = addon.data.as_deref() else { return };
    let manifest = base64::engine::general_purpose::STANDARD.decode(data).unwrap_or_default();
    let manifest = String::from_utf8_lossy(&manifest);
    let is_policy = ["audit.k8s.io/v1", "Policy", "rules"].iter().all(|word| manifest.contains(word))
        && !manifest.contains("audit.k8s.io/v1beta1")
        && !manifest.contains("audit.k8s.io/v1alpha1");
    if addon.name.as_deref() == Some(AUDIT_POLICY) && !manifest.is_empty() && !is_policy {
        let message = "data of add-on \"audit-policy\" is no audit policy that today's API server reads";
        let fault = Diagnostic::error("addon-data", format!("{root}/data"), message);
        findings.judge(&[], fault.help("write a Policy of audit.k8s.io/v1 with its rules, in base64"));
        return;
    }
    let empty = addon.config.as_ref().is_none_or(|config| config.is_empty())
        && addon.containers.as_ref().is_none_or(|containers| containers.is_empty());
    let message = if base64::engine::general_purpose::STANDARD.decode(data).is_err() {
        "data of an add-on is not base64"
    } else if !empty {
        "an add-on has a manifest of the user's own, and settings that nothing would put into it"
    } else {
        return;
    };
    let fault = Diagnostic::error("addon-data", format!("{root}/data"), message);
    findings.judge(&[], fault.help("write the manifest in base64, without config and containers"));
}

fn autoscaler(addon: &AddonInput, root: &str, cluster: &Cluster, findings: &mut Findings) {
    for (number, settings) in addon.pools.iter().flatten().enumerate() {
        let root = format!("{root}/pools/{number}");
        let name = settings.name.clone().unwrap_or_default();
        let Some(pool) = cluster.pools.iter().find(|pool| pool.name == name) else {
            let fault =
                Diagnostic::error("autoscaler-pool", format!("{root}/name"), format!("there is no pool \"{name}\""));
            let names: Vec<&str> = cluster.pools.iter().map(|pool| pool.name.as_str()).collect();
            findings.judge(&[], fault.help(format!("write one of {}", names.join(", "))));
            continue;
        };
        if pool.availability != Availability::ScaleSet {
            let message = format!("pool \"{name}\" is no scale set, which the autoscaler needs");
            let fault = Diagnostic::error("autoscaler-pool", format!("{root}/name"), message);
            let help = format!("write \"VirtualMachineScaleSets\" as availabilityProfile of \"{name}\"");
            findings.judge(&[&self::pool(pool.index, "availabilityProfile")], fault.help(help));
        }
        let bound = |key: &str| settings.config.as_ref().and_then(|config| config.get(key));
        let mut numbers = [None, None];
        for (place, key) in ["min-nodes", "max-nodes"].into_iter().enumerate() {
            let Some(text) = bound(key) else { continue };
            numbers[place] = text.parse::<u32>().ok().filter(|number| *number <= 1000);
            if numbers[place].is_none() {
                let message = format!("{key} \"{text}\" is no number of nodes");
                let fault = Diagnostic::error("autoscaler-range", format!("{root}/config/{key}"), message);
                findings.judge(&[], fault.help("write a number from 0 to 1000, in quotes"));
            }
        }
        if let [Some(least), Some(most)] = numbers
            && least > most
        {
            let message = format!("min-nodes {least} is more than max-nodes {most}");
            let fault = Diagnostic::error("autoscaler-range", format!("{root}/config/min-nodes"), message);
            findings.judge(&[], fault.help(format!("write {most} or less")));
        }
    }
}

fn extensions(model: &ApiModel, findings: &mut Findings) {
    let Some(properties) = &model.properties else { return };
    let known: Vec<&str> =
        properties.extension_profiles.iter().flatten().filter_map(|profile| profile.name.as_deref()).collect();
    let mut named = Vec::new();
    if let Some(master) = &properties.master_profile {
        named.push((MASTER.to_owned(), &master.extensions, &master.pre_provision_extension));
    }
    for (index, profile) in properties.agent_pool_profiles.iter().flatten().enumerate() {
        let root = pool(index, "").trim_end_matches('/').to_owned();
        named.push((root, &profile.extensions, &profile.pre_provision_extension));
    }
    for (root, extensions, before) in named {
        let listed = extensions.iter().flatten().enumerate();
        let listed = listed.map(|(index, extension)| (format!("{root}/extensions/{index}/name"), extension));
        let before = before.iter().map(|extension| (format!("{root}/preProvisionExtension/name"), extension));
        for (pointer, extension) in listed.chain(before) {
            let name = extension.name.as_deref().unwrap_or_default();
            if !known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                let message = format!("there is no extension \"{name}\" among extensionProfiles");
                let fault = Diagnostic::error("extension-unknown", pointer, message);
                findings.judge(&[], fault.help("add it there, or leave it out here"));
            }
        }
    }
}
