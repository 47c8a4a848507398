//! What can be said in a model and be built by no machine of this version: told at its place, rather than left out.
//!
//! A function per thing, so that each goes with the day on which it can be built.

use crate::base::Diagnostic;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::identity::{Identity, ServicePrincipalSecret};
use super::super::input::ApiModel;
use super::super::pointers::SERVICE_PRINCIPAL;

const CODE: &str = "not-supported-yet";

pub(super) fn judge(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    secret_in_key_vault(cluster, model, findings);
}

fn tell(pointer: String, message: &str, help: &str, findings: &mut Findings) {
    let message = format!("{message}: the engine cannot do it yet");
    findings.judge(&[], Diagnostic::error(CODE, pointer, message).help(help));
}

fn secret_in_key_vault(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    if let Identity::ServicePrincipal { secret: ServicePrincipalSecret::KeyVault { .. }, .. } = &cluster.identity {
        let message = "machines would have to take the service principal's secret from a key vault";
        let profile = model.properties.as_ref().and_then(|properties| properties.service_principal_profile.as_ref());
        let referred = profile.is_some_and(|profile| profile.keyvault_secret_ref.is_some());
        let place = if referred { "keyvaultSecretRef" } else { "secret" };
        let help = "write the secret itself into \"secret\", or use a managed identity";
        tell(format!("{SERVICE_PRINCIPAL}/{place}"), message, help, findings);
    }
}
