//! The cluster an API model means: every value decided, every name a whole word. The other rooms read this and never
//! the file.
//!
//! Deliberately absent: where a value came from (see [`super::Origin`]), and anything that is computed for a cloud.

use std::collections::BTreeMap;

use crate::base::Secret;
use crate::catalog::Cloud;
use crate::contract::TargetName;

use super::control_plane::ControlPlane;
use super::identity::{Certificates, Identity, SignIn, VaultSecrets};
use super::network::Network;
use super::on_prem::OnPrem;
use super::pool::{Image, Pool};

/// A cluster, resolved: no value is missing that has a default.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// The region, such as `westus2`.
    pub location: String,
    /// Which Azure.
    pub cloud: Cloud,
    /// The stamp, if the cloud is Azure Stack Hub.
    pub stack: Option<StackSettings>,
    /// The hosts on-prem, if the model has the profile; without it, on-prem has [`OnPrem::default`].
    pub on_prem: Option<OnPrem>,
    /// Where the model wants to be realised, if it says so.
    pub target: Option<TargetName>,
    /// The version of Kubernetes, such as 1.35.9.
    pub kubernetes_version: semver::Version,
    /// aks-engine's cluster id: eight digits out of the DNS prefix, part of most names.
    pub name_suffix: String,
    /// The first label of the API server's public name; also the cluster's name.
    pub dns_prefix: String,
    /// The control-plane nodes and their etcd.
    pub control_plane: ControlPlane,
    /// The worker pools, in the model's order.
    pub pools: Vec<Pool>,
    /// Addresses, CNI, load balancer, exposure.
    pub network: Network,
    /// Who logs in on Linux, and how the system is kept.
    pub linux: LinuxSettings,
    /// Who logs in on Windows; present if the model has the profile.
    pub windows: Option<WindowsSettings>,
    /// Who the cluster is towards the cloud.
    pub identity: Identity,
    /// How people sign in besides by certificates; `None`: they do not.
    pub sign_in: Option<SignIn>,
    /// Tags for every resource, beside the engine's own.
    pub tags: BTreeMap<String, String>,
    /// Where packages and images come from.
    pub software: SoftwareSource,
    /// Flags for Kubernetes' components, as the model gives them.
    pub component_flags: ComponentFlags,
    /// Whether secrets are encrypted in etcd by a key on the control-plane nodes.
    pub encrypt_secrets_at_rest: bool,
    /// The key for that, base64 of 32 bytes, if the model has one already.
    pub etcd_encryption_key: Option<Secret>,
    /// The kind of the key vault whose key encrypts secrets in etcd; `None`: no vault does.
    pub key_vault_encryption: Option<KeyVaultSku>,
    /// Add-ons that the model names, in its order.
    pub addons: Vec<Addon>,
    /// Certificates and keys that the model carries.
    pub certificates: Certificates,
}

impl Cluster {
    /// The minor version, such as `1.35`.
    pub fn kubernetes_release(&self) -> String {
        format!("{}.{}", self.kubernetes_version.major, self.kubernetes_version.minor)
    }

    /// How many nodes the cluster has, control plane included.
    pub fn node_count(&self) -> u32 {
        self.pools.iter().fold(self.control_plane.count, |sum, pool| sum.saturating_add(pool.count))
    }

    /// The API server's public name, `<dns prefix>.<location>.<suffix of the cloud>`.
    pub fn public_fqdn(&self) -> String {
        match &self.stack {
            Some(stack) => format!("{}.{}.cloudapp.{}", self.dns_prefix, self.location, stack.domain),
            None => format!("{}.{}.{}", self.dns_prefix, self.location, self.cloud.facts().public_dns_suffix),
        }
    }

    /// The name people reach the API server by: its public one, or for a private cluster the address inside the vnet.
    pub fn api_server_host(&self) -> String {
        match self.network.private_cluster {
            None => self.public_fqdn(),
            Some(_) => self.control_plane.api_server_address().to_string(),
        }
    }
}

/// A kind of key vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyVaultSku {
    /// Keys are protected by software.
    Standard,
    /// Keys may lie in a hardware security module.
    Premium,
}

impl KeyVaultSku {
    /// Azure's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Premium => "premium",
        }
    }
}

/// A stamp of Azure Stack Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSettings {
    /// Its portal, `https://portal.<location>.<domain>`.
    pub portal_url: String,
    /// What its names end in, such as `azurestack.external`.
    pub domain: String,
    /// Whether AD FS signs in, not Microsoft Entra ID.
    pub uses_adfs: bool,
    /// Certificates of authorities that its machines trust (PEM, one each).
    pub root_certificates: Vec<String>,
}

/// Linux machines: who logs in, and how the system is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinuxSettings {
    /// The administrator's account name.
    pub admin_username: String,
    /// Public keys in OpenSSH's one-line form; at least one.
    pub ssh_public_keys: Vec<String>,
    /// Whether waiting updates are installed before the node starts.
    pub upgrade_on_bootstrap: bool,
    /// Whether security updates are installed by themselves afterwards.
    pub unattended_upgrades: bool,
    /// The MTU of the first interface in bytes, if the model sets it.
    pub mtu: Option<u32>,
    /// Certificates that a key vault puts on the machines.
    pub vault_secrets: Vec<VaultSecrets>,
    /// A DNS server of the user's own for every node.
    pub dns_server: Option<std::net::IpAddr>,
    /// A domain that short names are looked up in.
    pub search_domain: Option<String>,
    /// The way out through a proxy.
    pub proxy: Option<HttpProxy>,
}

/// A proxy, and what goes past it. Its addresses may hold passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProxy {
    /// For http.
    pub http: Option<Secret>,
    /// For https.
    pub https: Option<Secret>,
    /// What is reached without it, besides the cluster's own.
    pub bypass: Vec<String>,
    /// Certificates of authorities that the machines trust (PEM, one each).
    pub trusted_authorities: Vec<String>,
}

/// Windows machines: who logs in, and what they start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowsSettings {
    /// The administrator's account name.
    pub admin_username: String,
    /// The administrator's password.
    pub admin_password: Secret,
    /// What Windows machines start from, unless a pool has an image of its own.
    pub image: Image,
    /// Whether SSH is switched on.
    pub ssh_enabled: bool,
    /// Certificates that a key vault puts on the machines.
    pub vault_secrets: Vec<VaultSecrets>,
    /// Whether updates install themselves.
    pub automatic_updates: bool,
    /// Whether the user's own Windows Server licences are used.
    pub azure_hybrid_benefit: bool,
}

/// Where packages and container images come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SoftwareSource {
    /// Packages of the distribution and of Kubernetes, images from their own registries.
    Distribution,
    /// Everything through one mirror (no way to the Internet is needed).
    Mirror {
        /// Its base URL, without a slash at the end.
        url: String,
    },
    /// The machine image holds everything already.
    Image,
}

/// Flags for Kubernetes' components: name with its two dashes → value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComponentFlags {
    /// kubelet, on every node.
    pub kubelet: BTreeMap<String, String>,
    /// kube-apiserver.
    pub api_server: BTreeMap<String, String>,
    /// kube-controller-manager.
    pub controller_manager: BTreeMap<String, String>,
    /// cloud-controller-manager.
    pub cloud_controller_manager: BTreeMap<String, String>,
    /// kube-scheduler.
    pub scheduler: BTreeMap<String, String>,
}

impl ComponentFlags {
    /// Whether service-account tokens are issued for somebody outside of the cluster: under an address of their own, where
    /// the keys to check them are found.
    pub fn issues_for_others(&self) -> bool {
        ["--service-account-issuer", "--service-account-jwks-uri"]
            .iter()
            .any(|flag| self.api_server.contains_key(*flag))
    }
}

/// The add-on whose manifest is no object of the cluster: what the API server writes into its audit log.
pub const AUDIT_POLICY: &str = "audit-policy";

/// An add-on that the model names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addon {
    /// Its name, such as `metrics-server`.
    pub name: String,
    /// Whether it is wanted; `None`: the engine's own choice.
    pub enabled: Option<bool>,
    /// Its settings for single pools.
    pub pools: Vec<AddonPool>,
    /// Other images and resources for its containers.
    pub containers: Vec<AddonContainer>,
    /// Its manifest, where the user brings one.
    pub manifest: Option<String>,
    /// Its settings that may be seen.
    pub config: BTreeMap<String, String>,
    /// Its settings that may not: those whose name ends in `secret`, `key`, `password` or `token`.
    pub secrets: BTreeMap<String, Secret>,
}

/// What an add-on is told of one pool: the autoscaler's bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddonPool {
    /// The pool's name.
    pub name: String,
    /// The fewest machines, if it is said and a number.
    pub minimum: Option<u32>,
    /// The most machines, if it is said and a number.
    pub maximum: Option<u32>,
}

/// What a model says of a container of an add-on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddonContainer {
    /// Its name, as the catalog has it.
    pub name: String,
    /// Its image.
    pub image: Option<String>,
    /// The processor time that it asks for, such as `100m`.
    pub cpu_request: Option<String>,
    /// The memory that it asks for, such as `128Mi`.
    pub memory_request: Option<String>,
    /// The most processor time that it may use.
    pub cpu_limit: Option<String>,
    /// The most memory that it may use.
    pub memory_limit: Option<String>,
}
