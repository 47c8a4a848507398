//! How the secrets in etcd are protected, how people sign in, and what is written down of what they do, as the control
//! plane's machines are told.

use std::collections::BTreeMap;

use crate::bootstrap::{AuditPolicy, Encryption, KeyVault};
use crate::catalog::Cloud;
use crate::model::{AUDIT_POLICY, Cluster, SoftwareSource};
use crate::pki::KeyMaterial;

use super::key_vault::{KEY_NAME, vault_name};

/// The plugin between API server and key vault; it speaks version 2 of Kubernetes' KMS protocol besides the first, which
/// Kubernetes has off by default since 1.29.
///
/// Sources, in stored copies read 2026-11-28: Azure/kubernetes-kms of version 0.11.0 (2026-07-13), `docs/manual-install.md`,
/// `README.md`, `cmd/server/main.go` (the arguments); kubernetes.io, "Using a KMS provider for data encryption".
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

/// The API server's arguments by which it takes tokens of Microsoft Entra ID (as aks-engine's, but for the audience: today's
/// kubelogin asks for tokens without the prefix `spn:` that aks-engine's kubectl asked for).
///
/// Source: Azure/kubelogin, `docs/book/src/concepts/aks.md` and the help of `--legacy`, read 2026-11-25.
pub(super) fn sign_in_arguments(cluster: &Cluster) -> BTreeMap<String, String> {
    let Some(sign_in) = &cluster.sign_in else { return BTreeMap::new() };
    let issuer = if cluster.cloud == Cloud::China { "sts.chinacloudapi.cn" } else { "sts.windows.net" };
    [
        ("oidc-issuer-url", format!("https://{issuer}/{}/", sign_in.tenant_id)),
        ("oidc-client-id", sign_in.server_app_id.clone()),
        ("oidc-username-claim", "oid".to_owned()),
        ("oidc-groups-claim", "groups".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// What the API server writes into its audit log: by default the engine's own policy, as with aks-engine.
pub(super) fn audit_policy(cluster: &Cluster) -> AuditPolicy {
    let addon = cluster.addons.iter().find(|addon| addon.name == AUDIT_POLICY);
    match addon.map(|addon| (addon.enabled, &addon.manifest)) {
        Some((Some(false), _)) => AuditPolicy::None,
        Some((_, Some(policy))) => AuditPolicy::Given(policy.clone()),
        Some((_, None)) | None => AuditPolicy::Standard,
    }
}
