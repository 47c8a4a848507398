//! The API model as it is written: every property that the reader accepts, none of them decided.
//!
//! The JSON Schema in `schemas/apimodel.json` is derived from these types, and the reader matches keys by it. A
//! property without effect carries the reason as the schema's `x-engine-no-effect`, beside the field it concerns; with
//! `x-engine-always` only a value that differs from what the engine does anyway is worth a warning.
//!
//! Source of the properties: aks-engine f634f52, `pkg/api/vlabs/types.go`, read 2026-11-22.

mod kubernetes;
mod machines;
mod on_prem;
mod people;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Secret;

pub(super) use kubernetes::{
    AddonContainerInput, AddonInput, AddonPoolInput, JumpboxInput, KubernetesConfig, NodeKubernetesConfig,
    OrchestratorProfile, PrivateClusterInput,
};
pub(super) use machines::{AgentPoolProfile, CustomFile, ExtensionReference, ImageReference, MasterProfile};
pub(super) use on_prem::{OnPremHostInput, OnPremProfile, OnPremSizeInput};
pub(super) use people::{
    AccessProfile, CertificateProfile, CustomNodesDns, CustomSearchDomain, HttpProxyConfig, KeyVaultSecretReference,
    LinuxProfile, PublicKey, ServicePrincipalProfile, SoftwareProfile, SourceVault, Ssh, VaultCertificate,
    VaultSecrets, WindowsProfile,
};

/// Why a property has no effect: not built yet.
pub(super) const LATER_FLAGS: &str = "the cloud controller runs with the engine's own flags";
/// Why a property has no effect: what takes the place of extensions that link to a template.
pub(super) const EXTENSIONS: &str = "such an extension links to a template that is written for aks-engine's own, and would \
                                     replace the machine's script; a preProvisionExtension, or an add-on with data, such as \
                                     a DaemonSet, takes its place";
pub(super) const LATER: &str = "this version of the engine does not act on it yet";
/// Why a property has no effect: the engine writes it, and computes it anew.
pub(super) const OUTPUT: &str = "the engine computes it";
/// Why a property has no effect: it selects a build of something that the engine selects by the Kubernetes version.
pub(super) const PINNED: &str = "the version and its source follow from the version of Kubernetes";

/// An API model: one JSON document that says what a cluster shall be.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ApiModel {
    /// The schema of this file, for editors.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// The version of this format: `vlabs`.
    #[schemars(required)]
    pub api_version: Option<String>,
    /// The region, such as `westus2`.
    pub location: Option<String>,
    /// An identifier.
    #[schemars(extend("x-engine-no-effect" = OUTPUT))]
    pub id: Option<String>,
    /// A name for the document.
    #[schemars(extend("x-engine-no-effect" = "the cluster's name is its dnsPrefix"))]
    pub name: Option<String>,
    /// A resource type.
    #[serde(rename = "type")]
    #[schemars(extend("x-engine-no-effect" = OUTPUT))]
    pub kind: Option<String>,
    /// A purchase plan.
    #[schemars(extend("x-engine-no-effect" = LATER))]
    pub plan: Option<PurchasePlan>,
    /// Tags for every resource.
    pub tags: Option<BTreeMap<String, String>>,
    /// The cluster.
    #[schemars(required)]
    pub properties: Option<Properties>,
}

/// A purchase plan of the marketplace.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PurchasePlan {
    /// The plan's name.
    pub name: Option<String>,
    /// The product.
    pub product: Option<String>,
    /// A promotion code.
    pub promotion_code: Option<String>,
    /// Who offers it.
    pub publisher: Option<String>,
}

/// What the cluster shall be.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Properties {
    /// What realises the cluster; the command line's `--target` goes first.
    #[schemars(extend("enum" = ["azure", "stack", "libvirt", "simulator"]))]
    pub target: Option<String>,
    /// Kubernetes: its version and settings.
    pub orchestrator_profile: Option<OrchestratorProfile>,
    /// The control-plane nodes.
    #[schemars(required)]
    pub master_profile: Option<MasterProfile>,
    /// The pools of workers.
    pub agent_pool_profiles: Option<Vec<AgentPoolProfile>>,
    /// Linux machines: who logs in.
    #[schemars(required)]
    pub linux_profile: Option<LinuxProfile>,
    /// Windows machines: who logs in.
    pub windows_profile: Option<WindowsProfile>,
    /// The service principal, for a cluster without managed identity.
    pub service_principal_profile: Option<ServicePrincipalProfile>,
    /// Certificates and keys, as PEM texts.
    pub certificate_profile: Option<CertificateProfile>,
    /// Who may reach the cluster from outside its vnet.
    pub access_profile: Option<AccessProfile>,
    /// Where packages and images come from.
    pub software_profile: Option<SoftwareProfile>,
    /// Sign-in by Microsoft Entra ID.
    pub aad_profile: Option<AadProfile>,
    /// Extensions that the control plane and pools can name.
    pub extension_profiles: Option<Vec<ExtensionProfile>>,
    /// Switches for special behaviour.
    pub feature_flags: Option<FeatureFlags>,
    /// Azure Stack Hub.
    pub custom_cloud_profile: Option<CustomCloudProfile>,
    /// Machines of one's own: the hosts of `--target libvirt`.
    pub on_prem_profile: Option<OnPremProfile>,
    /// Telemetry.
    #[schemars(extend("x-engine-no-effect" = "the engine sends no telemetry"))]
    pub telemetry_profile: Option<TelemetryProfile>,
    /// An API server name, in models of managed clusters.
    #[schemars(extend("x-engine-no-effect" = OUTPUT))]
    pub fqdn: Option<String>,
    /// A DNS prefix, in models of managed clusters.
    #[schemars(extend("x-engine-no-effect" = "the prefix is masterProfile.dnsPrefix"))]
    pub dns_prefix: Option<String>,
    /// aks-engine's own note about a cluster.
    #[schemars(extend("x-engine-no-effect" = OUTPUT))]
    pub provisioning_state: Option<String>,
}

/// Sign-in by Microsoft Entra ID.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AadProfile {
    /// The client application.
    #[serde(rename = "clientAppID")]
    pub client_app_id: Option<String>,
    /// The server application.
    #[serde(rename = "serverAppID")]
    pub server_app_id: Option<String>,
    /// The server application's secret.
    #[schemars(extend("x-engine-no-effect" = "the API server needs no secret to check a token"))]
    pub server_app_secret: Option<SecretText>,
    /// The tenant.
    #[serde(rename = "tenantID")]
    pub tenant_id: Option<String>,
    /// The group whose members administer the cluster.
    #[serde(rename = "adminGroupID")]
    pub admin_group_id: Option<String>,
}

/// An extension: a shell script at `<rootURL>/extensions/<name>/<version>/<script>`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ExtensionProfile {
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// What the script finds as its first argument.
    pub extension_parameters: Option<SecretText>,
    /// Where that lies in a key vault.
    pub parameters_keyvault_secret_ref: Option<KeyVaultSecretReference>,
    /// Where its files lie: an address by https, below which there is a folder `extensions`.
    #[serde(rename = "rootURL")]
    pub root_url: Option<String>,
    /// The shell script, by its path from the version's folder.
    pub script: Option<String>,
    /// What is put behind the address, such as a key of access, without a question mark.
    pub url_query: Option<SecretText>,
}

/// Switches for special behaviour.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FeatureFlags {
    /// Whether nodes are prepared in the background.
    #[serde(rename = "enableCSERunInBackground")]
    #[schemars(extend("x-engine-no-effect" = "nodes always prepare themselves in the background"))]
    pub enable_cse_run_in_background: Option<bool>,
    /// Whether nodes are kept from the Internet by rule.
    #[schemars(extend("default" = false))]
    pub block_outbound_internet: Option<bool>,
    /// Whether nodes, pods and services have IPv6 addresses, too. Needs kubenet and Linux. Machines reach the Internet by
    /// IPv4; the subnets of a vnet that exists already need IPv6 ranges of their own.
    #[serde(rename = "enableIPv6DualStack")]
    pub enable_ipv6_dual_stack: Option<bool>,
    /// IPv6 only; true is refused, because Azure gives no machine IPv6 addresses alone.
    #[serde(rename = "enableIPv6Only")]
    pub enable_ipv6_only: Option<bool>,
    /// Telemetry.
    #[schemars(extend("x-engine-always" = false, "x-engine-no-effect" = "the engine sends no telemetry"))]
    pub enable_telemetry: Option<bool>,
    /// Direct server return on Windows.
    #[serde(rename = "enableWinDSR")]
    #[schemars(extend("x-engine-always" = true, "x-engine-no-effect" = "direct server return is always on"))]
    pub enable_win_dsr: Option<bool>,
    /// Hardening by DISA's guide for Ubuntu; true is refused, as there is none yet.
    pub enforce_ubuntu_disa_stig: Option<bool>,
    /// Hardening of audit rules by DISA's guide for Ubuntu; true is refused, as there is none yet.
    pub enforce_ubuntu_disa_stig_audit: Option<bool>,
}

/// Azure Stack Hub.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CustomCloudProfile {
    /// The stamp's portal, `https://portal.<location>.<domain>`.
    #[serde(rename = "portalURL")]
    pub portal_url: Option<String>,
    /// Who signs in: Microsoft Entra ID or AD FS.
    #[schemars(extend("enum" = ["azure_ad", "adfs"]))]
    pub identity_system: Option<String>,
    /// How the service principal proves itself.
    #[schemars(extend("enum" = ["client_secret", "client_certificate"], "x-engine-always" = "client_secret", "x-engine-no-effect" = LATER))]
    pub authentication_method: Option<String>,
    /// Which cloud files are downloaded from.
    #[schemars(extend("enum" = ["public", "china", "german", "usgovernment"], "x-engine-no-effect" = "see softwareProfile"))]
    pub dependencies_location: Option<String>,
    /// The stamp's endpoints.
    #[schemars(extend("x-engine-no-effect" = "the endpoints are asked for at the stamp"))]
    pub environment: Option<serde_json::Map<String, serde_json::Value>>,
    /// Where that cloud's files lie.
    #[schemars(extend("x-engine-no-effect" = "see softwareProfile"))]
    pub azure_environment_spec_config: Option<serde_json::Map<String, serde_json::Value>>,
    /// Root certificates of the cloud, each as base64, separated by commas.
    pub custom_cloud_root_certificates: Option<String>,
    /// Package sources of the cloud.
    #[schemars(extend("x-engine-no-effect" = "see softwareProfile"))]
    pub custom_cloud_sources_list: Option<String>,
}

/// Telemetry.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TelemetryProfile {
    /// Where it would go.
    pub application_insights_key: Option<String>,
}

/// A text that must not be seen. Serialised in full: it goes into a file of mode 0600 only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretText(pub(super) Secret);

impl Serialize for SecretText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl JsonSchema for SecretText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "writeOnly": true })
    }
}

/// A whole number that old models write as a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum NumberOrText {
    /// As a number.
    Number(u32),
    /// As a text.
    Text(String),
}

impl JsonSchema for NumberOrText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NumberOrText".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["integer", "string"], "minimum": 0, "maximum": 4_294_967_295_u32, "pattern": "^[0-9]{1,9}$" })
    }
}

/// Settings by name, or a text of the user's own (acs-engine).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum MapOrText {
    /// By name.
    Map(BTreeMap<String, String>),
    /// As a text.
    Text(String),
}

impl JsonSchema for MapOrText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MapOrText".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["object", "string"], "additionalProperties": { "type": "string" } })
    }
}

impl NumberOrText {
    /// The number; `None` if a text is none.
    pub(super) fn number(&self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}
