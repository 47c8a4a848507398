//! Who signs in, and what certificates key vaults put on the machines.

use crate::base::Diagnostic;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::identity::VaultSecrets;
use super::super::pointers::{LINUX, PROPERTIES, WINDOWS};

pub(super) fn judge(cluster: &Cluster, findings: &mut Findings) {
    sign_in(cluster, findings);
    vault_secrets(&format!("{LINUX}/secrets"), &cluster.linux.vault_secrets, false, findings);
    if let Some(windows) = &cluster.windows {
        vault_secrets(&format!("{WINDOWS}/secrets"), &windows.vault_secrets, true, findings);
    }
}

/// The form of what is there is judged elsewhere (`forms`).
fn sign_in(cluster: &Cluster, findings: &mut Findings) {
    let Some(sign_in) = &cluster.sign_in else { return };
    let needed = [
        ("clientAppID", &sign_in.client_app_id),
        ("serverAppID", &sign_in.server_app_id),
        ("tenantID", &sign_in.tenant_id),
    ];
    let missing: Vec<&str> = needed.into_iter().filter(|(_, id)| id.is_empty()).map(|(name, _)| name).collect();
    if !missing.is_empty() {
        let message = format!("nobody could sign in: {} missing", missing.join(", "));
        let fault = Diagnostic::error("sign-in", format!("{PROPERTIES}/aadProfile"), message);
        findings.judge(&[], fault.help("add what is missing, or leave aadProfile out"));
    }
}

fn vault_secrets(pointer: &str, secrets: &[VaultSecrets], windows: bool, findings: &mut Findings) {
    let mut tell = |place: String, message: &str, help: &str| {
        findings.judge(&[], Diagnostic::error("vault-secrets", format!("{pointer}/{place}"), message).help(help));
    };
    for (index, secrets) in secrets.iter().enumerate() {
        let vault = secrets.vault_id.to_ascii_lowercase();
        if !(vault.starts_with("/subscriptions/") && vault.contains("/providers/microsoft.keyvault/vaults/")) {
            tell(
                format!("{index}/sourceVault/id"),
                "this is no key vault's resource id",
                "write /subscriptions/…/resourceGroups/…/providers/Microsoft.KeyVault/vaults/…",
            );
        }
        if secrets.certificates.is_empty() {
            tell(format!("{index}/vaultCertificates"), "no certificate is named", "add one, or leave the vault out");
        }
        for (number, certificate) in secrets.certificates.iter().enumerate() {
            let at = |name: &str| format!("{index}/vaultCertificates/{number}/{name}");
            if !certificate.url.starts_with("https://") {
                tell(
                    at("certificateUrl"),
                    "this is no certificate's address",
                    "write https://….vault.azure.net/secrets/…/…",
                );
            }
            match (&certificate.store, windows) {
                (None, true) => tell(at("certificateStore"), "Windows has to know the store", "add it, such as \"My\""),
                (Some(_), false) => tell(at("certificateStore"), "Linux has no certificate stores", "leave it out"),
                _ => {}
            }
        }
    }
}
