//! Who the cluster is towards the cloud, and the certificates that its model carries.

use crate::base::Secret;
use crate::contract::KeyVaultSecret;

/// Who the cluster is towards the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Each machine has an identity of its own, which lives and dies with it.
    SystemAssigned,
    /// One identity for all machines.
    UserAssigned {
        /// Its resource id if it exists already, otherwise the name the engine shall make it under.
        id: String,
        /// Its client id, if the model knows it.
        client_id: Option<String>,
    },
    /// A service principal whose secret lies on the nodes.
    ServicePrincipal {
        /// Its application id.
        client_id: String,
        /// Its password.
        secret: ServicePrincipalSecret,
        /// Its object id, if the model knows it.
        object_id: Option<String>,
    },
}

impl Identity {
    /// Whether machines get their tokens from the metadata service.
    pub fn is_managed(&self) -> bool {
        !matches!(self, Self::ServicePrincipal { .. })
    }

    /// The name of a user-assigned identity that the engine has to make; `None` if there is none or it exists already.
    pub fn name_to_create(&self) -> Option<&str> {
        match self {
            Self::UserAssigned { id, .. } if !id.starts_with('/') => Some(id),
            _ => None,
        }
    }
}

/// Where a service principal's password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServicePrincipalSecret {
    /// In the model.
    Value(Secret),
    /// In a key vault, from where the deployment takes it.
    KeyVault(KeyVaultSecret),
}

/// Sign-in of people by Microsoft Entra ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The application that stands for the API server: tokens are for it.
    pub server_app_id: String,
    /// The application that stands for kubectl.
    pub client_app_id: String,
    /// The tenant whose people sign in.
    pub tenant_id: String,
    /// The group whose members administer the cluster.
    pub admin_group_id: Option<String>,
}

/// Certificates that Azure takes out of a key vault and puts on machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSecrets {
    /// The vault's resource id.
    pub vault_id: String,
    /// Its certificates.
    pub certificates: Vec<VaultCertificate>,
}

/// A certificate in a key vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultCertificate {
    /// Its address, with a version.
    pub url: String,
    /// The Windows store it goes to.
    pub store: Option<String>,
}

/// PEM texts that the model carries: those of aks-engine, and the engine's own. All are secrets here, certificates
/// too: the model may hold a key vault path instead of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificates {
    /// The cluster's CA certificate.
    pub ca_certificate: Option<Secret>,
    /// Its key.
    pub ca_private_key: Option<Secret>,
    /// etcd's CA certificate (the engine's own; aks-engine has one CA for all).
    pub etcd_ca_certificate: Option<Secret>,
    /// Its key.
    pub etcd_ca_private_key: Option<Secret>,
    /// The aggregation layer's CA certificate (the engine's own).
    pub front_proxy_ca_certificate: Option<Secret>,
    /// Its key.
    pub front_proxy_ca_private_key: Option<Secret>,
    /// The key that signs service-account tokens (the engine's own; aks-engine uses the API server's).
    pub service_account_private_key: Option<Secret>,
    /// Its public half.
    pub service_account_public_key: Option<Secret>,
    /// The API server's certificate.
    pub api_server_certificate: Option<Secret>,
    /// Its key.
    pub api_server_private_key: Option<Secret>,
    /// The certificate that aks-engine's components share.
    pub client_certificate: Option<Secret>,
    /// Its key.
    pub client_private_key: Option<Secret>,
    /// The administrator's certificate.
    pub kube_config_certificate: Option<Secret>,
    /// Its key.
    pub kube_config_private_key: Option<Secret>,
    /// etcd's server certificate.
    pub etcd_server_certificate: Option<Secret>,
    /// Its key.
    pub etcd_server_private_key: Option<Secret>,
    /// etcd's client certificate.
    pub etcd_client_certificate: Option<Secret>,
    /// Its key.
    pub etcd_client_private_key: Option<Secret>,
    /// One per control-plane node.
    pub etcd_peer_certificates: Vec<Secret>,
    /// Their keys.
    pub etcd_peer_private_keys: Vec<Secret>,
}
