//! Encryption of the secrets in etcd: its key, and who may use the key vault's.

use base64::Engine as _;

use crate::base::Diagnostic;
use crate::catalog::Cloud;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::identity::Identity;
use super::super::pointers::{KUBERNETES, SERVICE_PRINCIPAL};

pub(super) fn judge(cluster: &Cluster, findings: &mut Findings) {
    if let Some(key) = &cluster.etcd_encryption_key {
        let bytes = base64::engine::general_purpose::STANDARD.decode(key.expose()).map(zeroize::Zeroizing::new);
        let pointer = format!("{KUBERNETES}/etcdEncryptionKey");
        if bytes.is_ok_and(|bytes| bytes.len() == 32) {
            if !cluster.encrypt_secrets_at_rest {
                let message = "etcdEncryptionKey has no effect: nothing is encrypted with it";
                let warning = Diagnostic::warning("no-effect", pointer, message);
                findings.judge(&[], warning.help("leave it out, or set enableDataEncryptionAtRest to true"));
            }
        } else {
            let fault = Diagnostic::error("encryption-key-form", pointer, "this is no base64 of 32 bytes");
            findings.judge(&[], fault.help("leave it out: the engine makes one. Or: head -c 32 /dev/urandom | base64"));
        }
    }
    if cluster.key_vault_encryption.is_some() {
        key_vault(cluster, findings);
    }
}

fn key_vault(cluster: &Cluster, findings: &mut Findings) {
    if cluster.cloud == Cloud::Stack {
        let fault = Diagnostic::error(
            "protection-missing",
            format!("{KUBERNETES}/enableEncryptionWithExternalKms"),
            "no key vault would encrypt the secrets in etcd: the plugin does not know Azure Stack Hub's",
        );
        findings.judge(&[], fault.help("set enableDataEncryptionAtRest instead"));
    }
    let (pointer, message, help) = match &cluster.identity {
        Identity::ServicePrincipal { object_id: None, .. } => (
            format!("{SERVICE_PRINCIPAL}/objectId"),
            "the key vault has to know the service principal by its object id",
            "add objectId: az ad sp show --id <clientId> --query id",
        ),
        Identity::UserAssigned { .. } if cluster.identity.name_to_create().is_none() => (
            format!("{KUBERNETES}/userAssignedID"),
            "the key vault has to know the identity by its principal, which its resource id does not tell",
            "give a name, under which the engine makes an identity, or leave it out",
        ),
        _ => return,
    };
    findings.judge(&[], Diagnostic::error("key-vault-access", pointer, message).help(help));
}
