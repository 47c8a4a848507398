//! How the secrets in etcd are protected, as the control plane's machines are told.

use crate::bootstrap::{Encryption, KeyVault};
use crate::model::{Cluster, SoftwareSource};
use crate::pki::KeyMaterial;

use super::key_vault::{KEY_NAME, vault_name};

/// The plugin between API server and key vault; it speaks version 2 of Kubernetes' KMS protocol, the only one left.
///
/// Source: Azure/kubernetes-kms, `docs/manual-install.md` of version 0.11.0 (2026-07-13), read 2026-11-25.
const PLUGIN_IMAGE: &str = "mcr.microsoft.com/oss/v2/azure/kms/keyvault:v0.11.0";

/// How the secrets in etcd are encrypted.
pub(super) fn encryption(cluster: &Cluster, keys: &KeyMaterial) -> Encryption {
    let facts = cluster.cloud.facts();
    Encryption {
        key: keys.encryption_key.clone().filter(|_| cluster.encrypt_secrets_at_rest),
        // A key that the model brings may be aks-engine's, and its cluster adopted.
        reads_aescbc: cluster.etcd_encryption_key.is_some(),
        key_vault: cluster.key_vault_encryption.map(|_| KeyVault {
            name: vault_name(cluster),
            key_name: KEY_NAME.to_owned(),
            suffix: facts.key_vault_suffix.to_owned(),
            login_authority: facts.login_authority.to_owned(),
            image: match &cluster.software {
                SoftwareSource::Mirror { url } => {
                    let host = url.trim_start_matches("https://").trim_start_matches("http://");
                    format!("{host}/{PLUGIN_IMAGE}")
                }
                SoftwareSource::Distribution | SoftwareSource::Image => PLUGIN_IMAGE.to_owned(),
            },
        }),
    }
}
