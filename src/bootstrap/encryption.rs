//! Encryption of the secrets in etcd: by a key on the control-plane machines, by a key in a key vault, or both.
//!
//! The key's own algorithm is secretbox (XSalsa20 and Poly1305). Kubernetes' documentation advises against aescbc, whose
//! padding can be attacked, and against aesgcm, whose key would have to be renewed every 200,000 writes; it calls
//! secretbox strong and fast. Source: kubernetes.io, "Encrypting Confidential Data at Rest", read 2026-11-25.
//!
//! Deliberately absent: writing existing secrets anew after a change of the configuration, which needs the whole control
//! plane to know both keys first.

use serde::Serialize;

use super::custom_data::{MachineFile, PRINCIPAL_SECRET};
use super::input::{CloudIdentity, ControlPlaneMachine, PrincipalSecret};
use super::{BootstrapError, templates};
use crate::base::Secret;

/// The folder with the configuration, on the machine and in the API server's container. `kubeadm reset` leaves it alone.
pub(super) const FOLDER: &str = "/etc/kubernetes/encryption";

/// The folder of the plugin's socket.
pub(super) const SOCKET_FOLDER: &str = "/run/engine-key-vault";

/// The configuration.
pub(super) const CONFIGURATION: &str = "/etc/kubernetes/encryption/configuration.yaml";

/// How the secrets in etcd are encrypted. By default they are not.
#[derive(Debug, Clone, Default)]
pub struct Encryption {
    /// The key on the machines: base64 of 32 bytes.
    pub key: Option<Secret>,
    /// Whether secrets may be there that aks-engine's clusters wrote with the same key, by aescbc.
    pub reads_aescbc: bool,
    /// The key vault, which goes first.
    pub key_vault: Option<KeyVault>,
}

impl Encryption {
    /// Whether the API server has to know of any.
    pub(super) fn is_wanted(&self) -> bool {
        self.key.is_some() || self.key_vault.is_some()
    }
}

/// A key vault with the key that encrypts the keys of secrets (Kubernetes' KMS, version 2).
#[derive(Debug, Clone)]
pub struct KeyVault {
    /// The vault's name.
    pub name: String,
    /// The key's name.
    pub key_name: String,
    /// What follows the vault's name (`vault.azure.net`).
    pub suffix: String,
    /// Where a service principal gets its tokens (`https://login.microsoftonline.com`).
    pub login_authority: String,
    /// The plugin's image.
    pub image: String,
}

#[derive(Serialize)]
struct ConfigurationView<'a> {
    key_vault: bool,
    has_key: bool,
    key: &'a str,
    reads_aescbc: bool,
}

#[derive(Serialize)]
struct KeyVaultView<'a> {
    image: &'a str,
    name_argument: String,
    key_argument: String,
    key_url: String,
    audience: String,
    login_authority: &'a str,
    client_id: &'a str,
    managed: bool,
}

/// The files that encryption needs on a control-plane machine.
pub(super) fn files(machine: &ControlPlaneMachine) -> Result<Vec<MachineFile>, BootstrapError> {
    let encryption = &machine.encryption;
    if !encryption.is_wanted() {
        return Ok(Vec::new());
    }
    let view = ConfigurationView {
        key_vault: encryption.key_vault.is_some(),
        has_key: encryption.key.is_some(),
        key: encryption.key.as_ref().map_or("", Secret::expose),
        reads_aescbc: encryption.reads_aescbc && encryption.key.is_some(),
    };
    let text = templates::render("encryption/configuration.yaml", &view)?;
    let mut files = vec![MachineFile::new(CONFIGURATION, "0600", text)];
    if let Some(vault) = &encryption.key_vault {
        files.extend(plugin_files(vault, &machine.cluster.cloud.identity)?);
    }
    Ok(files)
}

fn plugin_files(vault: &KeyVault, identity: &CloudIdentity) -> Result<Vec<MachineFile>, BootstrapError> {
    let (client_id, secret) = match identity {
        CloudIdentity::System => ("", None),
        CloudIdentity::User { client_id } => (client_id.as_str(), None),
        CloudIdentity::ServicePrincipal { client_id, secret } => (client_id.as_str(), Some(secret)),
    };
    // One that the cloud puts behind customData becomes the same file.
    let told = secret.and_then(|secret| match secret {
        PrincipalSecret::Told(secret) => Some(secret),
        PrincipalSecret::Appended => None,
    });
    let view = KeyVaultView {
        image: &vault.image,
        name_argument: format!("--keyvault-name={}", vault.name),
        key_argument: format!("--key-name={}", vault.key_name),
        key_url: format!("https://{}.{}/keys/{}", vault.name, vault.suffix, vault.key_name),
        audience: format!("https://{}", vault.suffix),
        login_authority: &vault.login_authority,
        client_id,
        managed: secret.is_none(),
    };
    let steps = templates::render("scripts/steps-key-vault.sh", &view)?;
    let manifest = templates::render("encryption/plugin.yaml", &view)?;
    let mut files = vec![
        MachineFile::new("/opt/engine/steps-key-vault.sh", "0755", steps),
        MachineFile::new("/etc/engine/key-vault-plugin.yaml", "0600", manifest),
    ];
    files.extend(told.map(|secret| MachineFile::new(PRINCIPAL_SECRET, "0600", secret.expose())));
    Ok(files)
}
