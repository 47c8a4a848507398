//! Who the cluster is, and the certificates that its model carries.

use crate::base::Diagnostic;
use crate::catalog::Cloud;
use crate::contract::KeyVaultSecret;

use super::super::identity::{Certificates, Identity, ServicePrincipalSecret, SignIn, VaultCertificate, VaultSecrets};
use super::super::input::{AadProfile, CertificateProfile, SecretText, VaultSecrets as VaultSecretsInput};
use super::super::pointers::SERVICE_PRINCIPAL;
use super::{Context, Resolver, kubernetes_pointer};

impl Resolver<'_> {
    pub(super) fn identity(&mut self, context: &Context<'_>) -> Identity {
        let kubernetes = context.kubernetes;
        let pointer = kubernetes_pointer("useManagedIdentity");
        let scale_set = context.master.availability_profile.as_deref() == Some("VirtualMachineScaleSets");
        let profile = context.properties.service_principal_profile.clone().unwrap_or_default();
        let has_principal = profile.client_id.is_some();
        let (managed, reason) = match context.cloud {
            Cloud::Stack => (false, "Azure Stack Hub has no managed identities"),
            _ if scale_set && has_principal => (false, "aks-engine's default for control-plane nodes in a scale set"),
            _ => (true, "no secret has to be kept and renewed"),
        };
        if self.or(kubernetes.use_managed_identity, &pointer, reason, managed) {
            if has_principal || profile.secret.is_some() {
                let message = "the service principal is not used: machines have managed identities";
                let warning = Diagnostic::warning("service-principal-unused", SERVICE_PRINCIPAL, message);
                self.findings
                    .judge(&[], warning.help("leave it out, or set kubernetesConfig.useManagedIdentity to false"));
            }
            let id_pointer = kubernetes_pointer("userAssignedID");
            return match &kubernetes.user_assigned_id {
                Some(id) => {
                    Identity::UserAssigned { id: id.clone(), client_id: kubernetes.user_assigned_client_id.clone() }
                }
                None if scale_set => Identity::UserAssigned {
                    id: self.or(
                        None,
                        &id_pointer,
                        "control-plane nodes in a scale set need one identity that outlives them",
                        format!("k8s-identity-{}", context.name_suffix),
                    ),
                    client_id: None,
                },
                None => Identity::SystemAssigned,
            };
        }
        let Some(client_id) = profile.client_id else {
            let fault = Diagnostic::error(
                "service-principal-required",
                format!("{SERVICE_PRINCIPAL}/clientId"),
                "a cluster without managed identity needs a service principal",
            );
            self.findings.judge(
                &[&pointer],
                fault.help(
                    "add servicePrincipalProfile with clientId and secret, or give --client-id and --client-secret",
                ),
            );
            return Identity::SystemAssigned;
        };
        let reference = profile.keyvault_secret_ref.as_ref().and_then(|reference| {
            Some(ServicePrincipalSecret::KeyVault(KeyVaultSecret {
                vault_id: reference.vault_id.clone()?,
                name: reference.secret_name.clone()?,
                version: reference.version.clone().filter(|version| !version.is_empty()),
            }))
        });
        let secret = match (profile.secret, reference) {
            (Some(SecretText(secret)), None) => Some(match KeyVaultSecret::of_text(secret.expose()) {
                Some(place) => ServicePrincipalSecret::KeyVault(place),
                None => ServicePrincipalSecret::Value(secret),
            }),
            (None, Some(reference)) => Some(reference),
            (Some(_), Some(_)) => {
                self.secret_fault("the service principal's secret is given twice");
                None
            }
            (None, None) => {
                self.secret_fault("the service principal has no secret");
                None
            }
        };
        match secret {
            Some(secret) => Identity::ServicePrincipal { client_id, secret, object_id: profile.object_id },
            None => Identity::SystemAssigned,
        }
    }

    fn secret_fault(&mut self, message: &str) {
        let fault = Diagnostic::error("service-principal-secret", format!("{SERVICE_PRINCIPAL}/secret"), message);
        self.findings.judge(
            &[&format!("{SERVICE_PRINCIPAL}/keyvaultSecretRef")],
            fault.help("write either secret, or keyvaultSecretRef with vaultID and secretName"),
        );
    }
}

/// Sign-in by Microsoft Entra ID. What is missing is told by a rule.
pub(super) fn sign_in(profile: &AadProfile) -> SignIn {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    SignIn {
        server_app_id: text(&profile.server_app_id),
        client_app_id: text(&profile.client_app_id),
        tenant_id: text(&profile.tenant_id),
        admin_group_id: profile.admin_group_id.clone().filter(|group| !group.is_empty()),
    }
}

/// Certificates of key vaults. What is missing is told by a rule.
pub(super) fn vault_secrets(given: Option<&Vec<VaultSecretsInput>>) -> Vec<VaultSecrets> {
    let secrets = given.into_iter().flatten().map(|secrets| VaultSecrets {
        vault_id: secrets.source_vault.clone().and_then(|vault| vault.id).unwrap_or_default(),
        certificates: secrets
            .vault_certificates
            .iter()
            .flatten()
            .map(|certificate| VaultCertificate {
                url: certificate.certificate_url.clone().unwrap_or_default(),
                store: certificate.certificate_store.clone().filter(|store| !store.is_empty()),
            })
            .collect(),
    });
    secrets.collect()
}

/// The certificates and keys of a model.
pub(super) fn certificates(profile: Option<&CertificateProfile>) -> Certificates {
    let profile = profile.cloned().unwrap_or_default();
    let one = |text: Option<SecretText>| text.map(|text| text.0);
    let many = |texts: Option<Vec<SecretText>>| texts.into_iter().flatten().map(|text| text.0).collect();
    Certificates {
        ca_certificate: one(profile.ca_certificate),
        ca_private_key: one(profile.ca_private_key),
        etcd_ca_certificate: one(profile.etcd_ca_certificate),
        etcd_ca_private_key: one(profile.etcd_ca_private_key),
        front_proxy_ca_certificate: one(profile.front_proxy_ca_certificate),
        front_proxy_ca_private_key: one(profile.front_proxy_ca_private_key),
        service_account_private_key: one(profile.service_account_private_key),
        service_account_public_key: one(profile.service_account_public_key),
        api_server_certificate: one(profile.api_server_certificate),
        api_server_private_key: one(profile.api_server_private_key),
        client_certificate: one(profile.client_certificate),
        client_private_key: one(profile.client_private_key),
        kube_config_certificate: one(profile.kube_config_certificate),
        kube_config_private_key: one(profile.kube_config_private_key),
        etcd_server_certificate: one(profile.etcd_server_certificate),
        etcd_server_private_key: one(profile.etcd_server_private_key),
        etcd_client_certificate: one(profile.etcd_client_certificate),
        etcd_client_private_key: one(profile.etcd_client_private_key),
        etcd_peer_certificates: many(profile.etcd_peer_certificates),
        etcd_peer_private_keys: many(profile.etcd_peer_private_keys),
    }
}
