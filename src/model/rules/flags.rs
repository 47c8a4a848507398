//! Flags of Kubernetes' components, and labels that a kubelet gives its node.

use std::collections::BTreeMap;

use crate::base::Diagnostic;

use super::super::cluster::Cluster;
use super::super::document::child;
use super::super::findings::Findings;
use super::super::flags::{Component, Judgement, bare, judge as judge_flag};
use super::super::input::ApiModel;
use super::super::pointers::{KUBERNETES, MASTER, pool};

pub(super) fn judge(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    let Some(properties) = &model.properties else { return };
    let orchestrator = properties.orchestrator_profile.as_ref();
    if let Some(kubernetes) = orchestrator.and_then(|orchestrator| orchestrator.kubernetes_config.as_ref()) {
        for (component, given) in [
            (Component::ApiServer, &kubernetes.api_server_config),
            (Component::ControllerManager, &kubernetes.controller_manager_config),
            (Component::Scheduler, &kubernetes.scheduler_config),
            (Component::Kubelet, &kubernetes.kubelet_config),
        ] {
            flags(component, KUBERNETES, given.as_ref(), findings);
        }
    }
    let master = properties.master_profile.as_ref().and_then(|master| master.kubernetes_config.as_ref());
    let own = master.map(|config| (format!("{MASTER}/kubernetesConfig"), config));
    let pools = properties.agent_pool_profiles.iter().flatten().enumerate();
    let pools = pools
        .filter_map(|(index, pool)| Some((self::pool(index, "kubernetesConfig"), pool.kubernetes_config.as_ref()?)));
    for (root, config) in own.into_iter().chain(pools) {
        flags(Component::Kubelet, &root, config.kubelet_config.as_ref(), findings);
    }
    labels(cluster, findings);
}

fn flags(component: Component, root: &str, given: Option<&BTreeMap<String, String>>, findings: &mut Findings) {
    for (flag, value) in given.into_iter().flatten() {
        let pointer = child(&format!("{root}/{}", component.property()), flag);
        let (name, whose) = (bare(flag), component.name());
        match judge_flag(component, flag, value) {
            Judgement::Taken => {}
            Judgement::Reserved => {
                let message = format!("--{name} of {whose} is set by the engine, which depends on its own value");
                findings.judge(&[], Diagnostic::error("flag-reserved", pointer, message).help("leave it out"));
            }
            Judgement::Inherited => {
                let message = format!("--{name} of {whose} is aks-engine's own; the engine sets its own value");
                let warning = Diagnostic::warning("flag-inherited", pointer, message);
                findings.judge(&[], warning.help("leave it out to be rid of this warning"));
            }
            Judgement::Dropped(instead) => {
                let message =
                    format!("Kubernetes has dropped or replaced --{name} of {whose}, so it is left out: {instead}");
                let warning = Diagnostic::warning("flag-dropped", pointer, message);
                findings.judge(&[], warning.help("leave it out to be rid of this warning"));
            }
        }
    }
}

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

fn labels(cluster: &Cluster, findings: &mut Findings) {
    for pool in &cluster.pools {
        for label in pool.labels.keys().filter(|label| !kubelet_takes(label)) {
            let pointer = child(&self::pool(pool.index, "customNodeLabels"), label);
            let message = format!("a kubelet may not give its own node the label \"{label}\", and would not start");
            let fault = Diagnostic::error("label-reserved", pointer, message);
            findings.judge(&[], fault.help("take a domain of your own for it, or set it with kubectl"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_kubernetes_own_domains_are_known() {
        for label in ["node-role.kubernetes.io/worker", "kubernetes.io/role", "x.k8s.io/y"] {
            assert!(!kubelet_takes(label), "{label}");
        }
        for label in ["node.kubernetes.io/y", "topology.kubernetes.io/zone", "notkubernetes.io/y", "plain"] {
            assert!(kubelet_takes(label), "{label}");
        }
    }
}
