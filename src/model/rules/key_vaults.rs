//! Secrets that are named by their place in a key vault: whether they can be taken from there.

use crate::base::Diagnostic;
use crate::contract::KeyVaultSecret;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::identity::{Identity, ServicePrincipalSecret};
use super::super::input::ApiModel;
use super::super::pointers::{LINUX, SERVICE_PRINCIPAL, WINDOWS};
use super::super::pool::OperatingSystem;

const FORM: &str = "write /subscriptions/…/resourceGroups/…/providers/Microsoft.KeyVault/vaults/<vault>/secrets/<name>, \
                    and /<version> behind it if it has to be that one";

pub(super) fn judge(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    service_principal(cluster, model, findings);
    if let Some(windows) = &cluster.windows
        && let Some(place) = KeyVaultSecret::of_text(windows.admin_password.expose())
    {
        form(&place, format!("{WINDOWS}/adminPassword"), FORM, findings);
    }
    public_keys(cluster, findings);
}

fn form(place: &KeyVaultSecret, pointer: String, help: &str, findings: &mut Findings) {
    if !place.is_well_formed() {
        let fault = Diagnostic::error("key-vault-reference", pointer, "this names no secret of a key vault");
        findings.judge(&[], fault.help(help));
    }
}

fn service_principal(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    let Identity::ServicePrincipal { secret: ServicePrincipalSecret::KeyVault(place), .. } = &cluster.identity else {
        return;
    };
    let profile = model.properties.as_ref().and_then(|properties| properties.service_principal_profile.as_ref());
    if profile.is_some_and(|profile| profile.keyvault_secret_ref.is_some()) {
        // The vault's own id is judged with all ids (`forms`).
        let reference = format!("{SERVICE_PRINCIPAL}/keyvaultSecretRef");
        if !findings.told(&format!("{reference}/vaultID")) {
            form(place, reference, "secretName and version are of letters, digits and hyphens", findings);
        }
    } else {
        form(place, format!("{SERVICE_PRINCIPAL}/secret"), FORM, findings);
    }
}

/// Azure itself puts the keys on Linux machines. Those of Windows are written by the bootstrap, which has to know them.
fn public_keys(cluster: &Cluster, findings: &mut Findings) {
    let told = cluster.windows.as_ref().is_some_and(|windows| windows.ssh_enabled)
        && cluster.pools.iter().any(|pool| pool.operating_system == OperatingSystem::Windows);
    for (index, key) in cluster.linux.ssh_public_keys.iter().enumerate() {
        let Some(place) = KeyVaultSecret::of_text(key) else { continue };
        let pointer = format!("{LINUX}/ssh/publicKeys/{index}/keyData");
        if told && place.is_well_formed() {
            let message = "machines of Windows have to be told the key itself, which lies in a key vault";
            let fault = Diagnostic::error("key-vault-reference", pointer, message);
            findings.judge(&[], fault.help("write the key, or set windowsProfile.sshEnabled to false"));
        } else {
            form(&place, pointer, FORM, findings);
        }
    }
}
