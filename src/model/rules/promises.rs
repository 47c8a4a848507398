//! What a model asks for and no machine would do.
//!
//! What protects something is an error: a cluster that lacks it without a word is worse than none. What is merely
//! missing is a warning. Properties that never have an effect are told by the schema (`x-engine-no-effect`).

use crate::base::Diagnostic;

use super::super::findings::Findings;
use super::super::input::ApiModel;
use super::super::pointers::{KUBERNETES, PROPERTIES};

pub(super) fn judge(model: &ApiModel, findings: &mut Findings) {
    protection(model, findings);
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
