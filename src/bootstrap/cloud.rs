//! The cloud as templates see it: `azure.json` for the controllers, and what signs kubelets in to Azure's container
//! registries.
//!
//! Sources: kubernetes-sigs/cloud-provider-azure, `site/content/en/topics/credential-provider.md` and
//! `pkg/credentialprovider/azure_credentials.go` (which fields of the cloud's file count there), read 2026-11-28.

use serde::Serialize;

use super::input::{AzureCloud, CloudIdentity, ClusterSettings, MachineType, PrincipalSecret, Software};
use super::view::SourceView;
use crate::contract::Platform;

/// The cloud. `@…@` stands for what the machine asks its metadata service.
#[derive(Serialize)]
pub(super) struct CloudView<'a> {
    name: &'a str,
    tenant_id: &'a str,
    subscription_id: &'a str,
    resource_group: &'a str,
    location: &'a str,
    machine_type: &'static str,
    flexible_nodes: bool,
    virtual_network: &'a str,
    virtual_network_resource_group: &'a str,
    subnet: &'a str,
    security_group: &'a str,
    route_table: &'a str,
    primary_availability_set: &'a str,
    primary_scale_set: &'a str,
    load_balancer_sku: &'a str,
    maximum_load_balancer_rules: u32,
    instance_metadata: bool,
    managed_identity: bool,
    identity_client_id: &'a str,
    principal_client_id: &'a str,
    principal_secret: &'a str,
    custom: bool,
}

fn or_asked<'a>(value: &'a str, placeholder: &'static str) -> &'a str {
    if value.is_empty() { placeholder } else { value }
}

impl<'a> CloudView<'a> {
    pub(super) fn new(cloud: &'a AzureCloud) -> Self {
        let resource_group = or_asked(&cloud.resource_group, "@RESOURCE_GROUP@");
        let (managed_identity, identity_client_id, principal_client_id, principal_secret) = match &cloud.identity {
            CloudIdentity::System => (true, "", "", ""),
            CloudIdentity::User { client_id } => (true, client_id.as_str(), "", ""),
            CloudIdentity::ServicePrincipal { client_id, secret } => {
                let secret = match secret {
                    PrincipalSecret::Told(secret) => secret.expose(),
                    PrincipalSecret::Appended => "@PRINCIPAL_SECRET@",
                };
                (false, "", client_id.as_str(), secret)
            }
        };
        Self {
            name: &cloud.cloud_name,
            tenant_id: or_asked(&cloud.tenant_id, "@TENANT@"),
            subscription_id: or_asked(&cloud.subscription_id, "@SUBSCRIPTION@"),
            resource_group,
            location: or_asked(&cloud.location, "@LOCATION@"),
            machine_type: match cloud.machine_type {
                MachineType::Standard => "standard",
                MachineType::ScaleSet => "vmss",
            },
            flexible_nodes: cloud.flexible_nodes,
            virtual_network: &cloud.virtual_network,
            virtual_network_resource_group: if cloud.virtual_network_resource_group.is_empty() {
                resource_group
            } else {
                &cloud.virtual_network_resource_group
            },
            subnet: &cloud.subnet,
            security_group: &cloud.security_group,
            route_table: &cloud.route_table,
            primary_availability_set: &cloud.primary_availability_set,
            primary_scale_set: &cloud.primary_scale_set,
            load_balancer_sku: &cloud.load_balancer_sku,
            maximum_load_balancer_rules: cloud.maximum_load_balancer_rules,
            instance_metadata: cloud.instance_metadata,
            managed_identity,
            identity_client_id,
            principal_client_id,
            principal_secret,
            custom: !cloud.environment.is_empty(),
        }
    }
}

/// What signs the kubelet in to Azure's container registries.
#[derive(Serialize)]
pub(super) struct RegistryView<'a> {
    /// Whether it is the engine's to set up: a kubelet that the user gives a provider of their own has no other.
    pub wanted: bool,
    package: String,
    pub source: Option<SourceView<'a>>,
    key_url: &'a str,
    suffix: &'a str,
    tenant_id: &'a str,
}

/// The kubelet's flags for it. Both or none.
pub(super) const REGISTRY_FLAGS: [(&str, &str); 2] = [
    ("image-credential-provider-bin-dir", "/opt/engine/registry"),
    ("image-credential-provider-config", "/etc/engine/registry-provider.yaml"),
];

impl<'a> RegistryView<'a> {
    pub(super) fn new(cluster: &'a ClusterSettings) -> Self {
        let provider = match &cluster.software {
            Software::Packages(packages) => Some(&packages.registry_provider),
            Software::PreparedImage => None,
        };
        Self {
            wanted: cluster.platform == Platform::Azure
                && !REGISTRY_FLAGS.iter().any(|(flag, _)| cluster.kubelet_arguments.contains_key(*flag)),
            package: provider
                .map_or_else(String::new, |provider| format!("azure-acr-credential-provider={}-*", provider.version)),
            key_url: provider.map_or("", |provider| &provider.source.key_url),
            source: provider.map(|provider| SourceView::new(&provider.source)),
            suffix: &cluster.cloud.registry_suffix,
            // A service principal signs in by its name and password, wherever it lives.
            tenant_id: match cluster.cloud.identity {
                CloudIdentity::ServicePrincipal { .. } => &cluster.cloud.tenant_id,
                CloudIdentity::System | CloudIdentity::User { .. } => or_asked(&cluster.cloud.tenant_id, "@TENANT@"),
            },
        }
    }
}
