//! Who logs in, who the cluster is, who may come in, and where software comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ImageReference, SecretText};

const NO_REALM: &str = "machines look names up in the domain, but do not join its realm";

/// Linux machines: who logs in.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct LinuxProfile {
    /// The administrator's account name.
    #[schemars(required)]
    pub admin_username: Option<String>,
    /// How the administrator logs in.
    #[schemars(required)]
    pub ssh: Option<Ssh>,
    /// Certificates that a key vault puts on the machines.
    pub secrets: Option<Vec<VaultSecrets>>,
    /// Where aks-engine's own scripts come from.
    #[serde(rename = "scriptroot")]
    #[schemars(extend("x-engine-no-effect" = "the scripts are the engine's own"))]
    pub script_root: Option<String>,
    /// A domain that names are looked up in.
    pub custom_search_domain: Option<CustomSearchDomain>,
    /// A DNS server of one's own.
    #[serde(rename = "customNodesDNS")]
    pub custom_nodes_dns: Option<CustomNodesDns>,
    /// Whether waiting updates are installed before the node starts.
    #[schemars(extend("default" = false))]
    pub run_unattended_upgrades_on_bootstrap: Option<bool>,
    /// Whether security updates are installed by themselves.
    #[schemars(extend("default" = true))]
    pub enable_unattended_upgrades: Option<bool>,
    /// The MTU of the first interface.
    #[serde(rename = "eth0MTU")]
    #[schemars(range(min = 0, max = 9000))]
    pub eth0_mtu: Option<u32>,
    /// The way out through a proxy (AKS's name and form).
    pub http_proxy_config: Option<HttpProxyConfig>,
}

/// The way out through a proxy.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct HttpProxyConfig {
    /// The proxy for http, `http://[user:password@]host:port`.
    pub http_proxy: Option<SecretText>,
    /// The proxy for https.
    pub https_proxy: Option<SecretText>,
    /// What is reached without it, besides the cluster's own names and ranges: names, domains with a leading dot, ranges.
    pub no_proxy: Option<Vec<String>>,
    /// Certificates that the nodes trust besides their distribution's, as PEM or base64.
    pub trusted_ca: Option<String>,
}

/// How the administrator logs in.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct Ssh {
    /// Public keys; at least one.
    #[schemars(required, length(min = 1))]
    pub public_keys: Option<Vec<PublicKey>>,
}

/// A public key.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct PublicKey {
    /// The key in OpenSSH's one-line form, or the id of a secret in a key vault.
    #[schemars(required)]
    pub key_data: Option<String>,
}

/// A DNS server of one's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct CustomNodesDns {
    /// Its address.
    pub dns_server: Option<String>,
}

/// A domain that names are looked up in.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct CustomSearchDomain {
    /// Its name.
    pub name: Option<String>,
    /// Who joins the realm.
    #[schemars(extend("x-engine-no-effect" = NO_REALM))]
    pub realm_user: Option<String>,
    /// That user's password.
    #[schemars(extend("x-engine-no-effect" = NO_REALM))]
    pub realm_password: Option<SecretText>,
}

/// Certificates of one key vault.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct VaultSecrets {
    /// The vault.
    pub source_vault: Option<SourceVault>,
    /// Its certificates.
    pub vault_certificates: Option<Vec<VaultCertificate>>,
}

/// A key vault.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct SourceVault {
    /// Its resource id.
    pub id: Option<String>,
}

/// A certificate in a key vault.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct VaultCertificate {
    /// Its address.
    pub certificate_url: Option<String>,
    /// The Windows store it goes to.
    pub certificate_store: Option<String>,
}

/// Windows machines: who logs in.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct WindowsProfile {
    /// The administrator's account name.
    pub admin_username: Option<String>,
    /// The administrator's password, or the id of a secret in a key vault.
    pub admin_password: Option<SecretText>,
    /// Whether SSH is switched on.
    pub ssh_enabled: Option<bool>,
    /// Whether updates install themselves.
    pub enable_automatic_updates: Option<bool>,
    /// Whether the user's own licences are used.
    #[serde(rename = "enableAHUB")]
    pub enable_ahub: Option<bool>,
    /// Certificates that a key vault puts on the machines.
    pub secrets: Option<Vec<VaultSecrets>>,
    /// An image of one's own.
    pub image_reference: Option<ImageReference>,
    /// The image's version.
    pub image_version: Option<String>,
    /// The address of a disk of Windows in a blob, of which an image is made.
    pub windows_image_source_url: Option<String>,
    /// The image's publisher.
    pub windows_publisher: Option<String>,
    /// The image's offer.
    pub windows_offer: Option<String>,
    /// The image's plan.
    pub windows_sku: Option<String>,
    /// The version of Docker.
    #[schemars(extend("x-engine-no-effect" = "there is no Docker on the nodes"))]
    pub windows_docker_version: Option<String>,
    /// Where aks-engine's own scripts come from.
    #[serde(rename = "provisioningScriptsPackageURL")]
    #[schemars(extend("x-engine-no-effect" = "the scripts are the engine's own"))]
    pub provisioning_scripts_package_url: Option<String>,
    /// Where csi-proxy comes from.
    #[serde(rename = "csiProxyURL")]
    #[schemars(extend("x-engine-no-effect" = "host-process containers took csi-proxy's place"))]
    pub csi_proxy_url: Option<String>,
    /// csi-proxy.
    #[serde(rename = "enableCSIProxy")]
    #[schemars(extend("x-engine-no-effect" = "host-process containers took csi-proxy's place"))]
    pub enable_csi_proxy: Option<bool>,
    /// Whether the password was made by aks-engine.
    #[schemars(extend("x-engine-no-effect" = "the engine makes no passwords"))]
    pub is_credential_auto_generated: Option<bool>,
    /// The sandbox image.
    #[serde(rename = "windowsPauseImageURL")]
    #[schemars(extend("x-engine-no-effect" = "the sandbox image follows from the version of Kubernetes"))]
    pub windows_pause_image_url: Option<String>,
    /// Whether it is pulled each time.
    #[schemars(extend("x-engine-no-effect" = "the sandbox image follows from the version of Kubernetes"))]
    pub always_pull_windows_pause_image: Option<bool>,
    /// Whether old TLS versions are switched off.
    #[serde(rename = "windowsSecureTLSEnabled")]
    #[schemars(extend("x-engine-always" = true, "x-engine-no-effect" = "old TLS versions are always off"))]
    pub windows_secure_tls_enabled: Option<bool>,
    /// How containers are kept apart.
    pub windows_runtimes: Option<WindowsRuntimes>,
}

/// How Windows containers are kept apart.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct WindowsRuntimes {
    /// As processes. Kubernetes runs none under Hyper-V.
    #[schemars(extend("enum" = ["process", "hyperv"]))]
    pub default: Option<String>,
    /// Builds that run under Hyper-V.
    #[schemars(extend("x-engine-no-effect" = "containers run as processes, of the node's own build"))]
    pub hyperv_runtimes: Option<Vec<HypervRuntime>>,
}

/// A Windows build that runs under Hyper-V.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct HypervRuntime {
    /// The build.
    #[schemars(extend("enum" = ["17763", "18362", "18363", "19041"]))]
    pub build_number: Option<String>,
}

/// The service principal, for a cluster without managed identity.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct ServicePrincipalProfile {
    /// Its application id.
    pub client_id: Option<String>,
    /// Its password, or the id of a secret in a key vault.
    pub secret: Option<SecretText>,
    /// Its object id.
    #[schemars(extend("x-engine-no-effect" = "only the encryption by a key vault needed it"))]
    pub object_id: Option<String>,
    /// Where its password lies in a key vault.
    pub keyvault_secret_ref: Option<KeyVaultSecretReference>,
}

/// Where a secret lies in a key vault.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct KeyVaultSecretReference {
    /// The vault's resource id.
    #[serde(rename = "vaultID")]
    pub vault_id: Option<String>,
    /// The secret's name.
    pub secret_name: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

/// Who may reach the cluster from outside its vnet.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct AccessProfile {
    /// Who reaches the API server, in CIDR notation; missing: everybody.
    pub api_server_source_ranges: Option<Vec<String>>,
    /// Who reaches SSH on the control-plane nodes, in CIDR notation; missing: nobody.
    pub ssh_source_ranges: Option<Vec<String>>,
}

/// Where packages and images come from.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct SoftwareProfile {
    /// The distribution's and Kubernetes' own servers, one mirror for everything, or the machine image.
    #[schemars(extend("default" = "distribution", "enum" = ["distribution", "mirror", "image"]))]
    pub source: Option<String>,
    /// The mirror's base URL.
    pub mirror: Option<String>,
}

/// Certificates and keys of your own, as PEM texts.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::model) struct CertificateProfile {
    /// The cluster's CA.
    pub ca_certificate: Option<SecretText>,
    /// Its key.
    pub ca_private_key: Option<SecretText>,
    /// etcd's CA.
    pub etcd_ca_certificate: Option<SecretText>,
    /// Its key.
    pub etcd_ca_private_key: Option<SecretText>,
    /// The aggregation layer's CA.
    pub front_proxy_ca_certificate: Option<SecretText>,
    /// Its key.
    pub front_proxy_ca_private_key: Option<SecretText>,
    /// The key that signs service-account tokens.
    pub service_account_private_key: Option<SecretText>,
    /// Its public half.
    pub service_account_public_key: Option<SecretText>,
    /// What the API server shows to those who ask for one of its names.
    pub api_server_certificate: Option<SecretText>,
    /// Its key.
    pub api_server_private_key: Option<SecretText>,
    /// What the API server shows to kubelets.
    pub client_certificate: Option<SecretText>,
    /// Its key.
    pub client_private_key: Option<SecretText>,
    /// The administrator's certificate.
    pub kube_config_certificate: Option<SecretText>,
    /// Its key.
    pub kube_config_private_key: Option<SecretText>,
    /// etcd's server certificate.
    pub etcd_server_certificate: Option<SecretText>,
    /// Its key.
    pub etcd_server_private_key: Option<SecretText>,
    /// etcd's client certificate.
    pub etcd_client_certificate: Option<SecretText>,
    /// Its key.
    pub etcd_client_private_key: Option<SecretText>,
    /// One per control-plane node.
    pub etcd_peer_certificates: Option<Vec<SecretText>>,
    /// Their keys.
    pub etcd_peer_private_keys: Option<Vec<SecretText>>,
}
