//! Feature gates in the components' flags: a component does not start with one that its release does not know or has
//! locked, so such gates are left out, with a warning that names them.

use std::collections::BTreeMap;

use crate::base::Diagnostic;
use crate::catalog::{FeatureGate, feature_gate};

use super::super::cluster::Cluster;
use super::super::document::child;
use super::super::findings::Findings;
use super::super::flags::bare;
use super::super::pointers::{KUBERNETES, MASTER, pool};

const FLAG: &str = "feature-gates";

/// Takes the gates out of a cluster's flags that its Kubernetes would not start with.
pub(super) fn leave_out(cluster: &mut Cluster, findings: &mut Findings) {
    let release = cluster.kubernetes_release();
    let of_kubernetes = |name: &str| format!("{KUBERNETES}/{name}");
    let flags = &mut cluster.component_flags;
    let mut maps = vec![
        (of_kubernetes("apiServerConfig"), &mut flags.api_server),
        (of_kubernetes("controllerManagerConfig"), &mut flags.controller_manager),
        (of_kubernetes("schedulerConfig"), &mut flags.scheduler),
        (of_kubernetes("kubeletConfig"), &mut flags.kubelet),
        (format!("{MASTER}/kubernetesConfig/kubeletConfig"), &mut cluster.control_plane.kubelet_flags),
    ];
    for pool in &mut cluster.pools {
        maps.push((self::pool(pool.index, "kubernetesConfig/kubeletConfig"), &mut pool.kubelet_flags));
    }
    for (root, flags) in maps {
        of_component(&release, &root, flags, findings);
    }
}

fn of_component(release: &str, root: &str, flags: &mut BTreeMap<String, String>, findings: &mut Findings) {
    for (flag, value) in flags.iter_mut().filter(|(flag, _)| bare(flag) == FLAG) {
        let mut kept = Vec::new();
        for gate in value.split(',').map(str::trim).filter(|gate| !gate.is_empty()) {
            let name = gate.split('=').next().unwrap_or_default().trim();
            // Since 1.33 a gate may have its component's name before it.
            let name = name.rsplit(':').next().unwrap_or_default();
            let verdict = match feature_gate(release, name) {
                None | Some(FeatureGate::Open) => {
                    kept.push(gate);
                    continue;
                }
                Some(FeatureGate::Locked) => "lets nobody change",
                Some(FeatureGate::Unknown) => "does not have",
            };
            let message = format!("Kubernetes {release} {verdict} the feature gate {name}, so it is left out");
            let warning = Diagnostic::warning("feature-gate-dropped", child(root, flag), message);
            findings.judge(&[], warning.help("leave it out to be rid of this warning"));
        }
        *value = kept.join(",");
    }
    flags.retain(|flag, value| bare(flag) != FLAG || !value.is_empty());
}
