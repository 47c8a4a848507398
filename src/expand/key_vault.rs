//! The key vault whose key encrypts the secrets in etcd: the vault, who may use the key, and the key.
//!
//! The vault knows its users by their principals, so it comes after the control plane's machines; their scripts wait for
//! it, and the machines themselves ask until the vault lets them in.
//!
//! Sources, in stored copies read 2026-11-28: Azure/kubernetes-kms 0.11.0, `docs/manual-install.md` (the key, and what the plugin
//! may do with it) and `pkg/plugin/kms_v2_server.go` (by which algorithm); learn.microsoft.com, "Plan for Azure RBAC
//! as the default access control model in Key Vault" (`general/access-control-default`).
//!
//! Deliberately absent: the plugin on the machines and the API server's configuration (`bootstrap::encryption`).

use super::ExpandError;
use super::context::{CONTROL_PLANE_POOL, Context, symbol};
use crate::graph::{Function, Member, Reference, Resource, Value, unique_string};
use crate::model::{Cluster, Identity};

const VAULT_TYPE: &str = "Microsoft.KeyVault/vaults";
const KEY_TYPE: &str = "Microsoft.KeyVault/vaults/keys";

/// The key's name (aks-engine's).
pub(super) const KEY_NAME: &str = "k8s";

/// The vault's name: aks-engine's, of which it took the first 22 characters (there are 15).
pub(super) fn vault_name(cluster: &Cluster) -> String {
    format!("kv{}", unique_string(&[named_after(cluster)]))
}

fn named_after(cluster: &Cluster) -> String {
    format!("{}{}{}", cluster.dns_prefix, cluster.location, cluster.name_suffix)
}

pub(super) fn build(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let Some(sku) = context.cluster.key_vault_encryption else { return Ok(Vec::new()) };
    // The name as in aks-engine's template: the hash is worked out by whoever makes the vault.
    let hash = Value::Call(Function::UniqueString, vec![named_after(context.cluster).into()]);
    let name = Value::concat(["kv".into(), hash]);
    let tenant =
        Value::Call(Function::Property, vec![Value::Call(Function::Subscription, Vec::new()), "tenantId".into()]);
    let policies = users(context).into_iter().map(|user| {
        // What the plugin and the machines do; aks-engine let them create keys besides.
        let keys = Value::array(["get", "encrypt", "decrypt"].map(Value::from));
        Value::object([
            ("tenantId", tenant.clone()),
            ("objectId", user),
            ("permissions", Value::object([("keys", keys)])),
        ])
    });
    let mut properties = Value::object([
        ("tenantId", tenant.clone()),
        ("sku", Value::object([("family", "A".into()), ("name", sku.word().into())])),
        ("accessPolicies", Value::array(policies)),
        ("enabledForDeployment", false.into()),
        ("enabledForDiskEncryption", false.into()),
        ("enabledForTemplateDeployment", false.into()),
    ]);
    if context.is_azure() {
        // Said, because vaults made by a version of 2026 go by roles unless told otherwise.
        properties.insert("enableRbacAuthorization", false.into());
    }
    let mut vault = context.resource(symbol::KEY_VAULT, VAULT_TYPE, name)?.properties(properties);
    if context.cluster.identity == Identity::SystemAssigned {
        vault.after = vec![Reference::id(&symbol::of(CONTROL_PLANE_POOL, "role")).of(Member::Every)];
    }
    let vault_reference = Reference::attribute(symbol::KEY_VAULT, &["name"]);
    let key_name = Value::concat([vault_reference.into(), format!("/{KEY_NAME}").into()]);
    // The kind that the plugin wraps keys with (RSA-OAEP-256).
    let key = context.bare_resource(symbol::KEY_VAULT_KEY, KEY_TYPE, key_name)?.properties(Value::object([
        ("kty", "RSA".into()),
        ("keySize", 2048_u32.into()),
        ("keyOps", Value::array(["encrypt", "decrypt"].map(Value::from))),
    ]));
    Ok(vec![vault, key])
}

/// The object ids of those who use the key: each control-plane machine, or who all of them are.
fn users(context: &Context<'_>) -> Vec<Value> {
    match &context.cluster.identity {
        Identity::SystemAssigned => {
            let machine =
                Reference::attribute(&symbol::of(CONTROL_PLANE_POOL, "machine"), &["identity", "principalId"]);
            (0..context.cluster.control_plane.count)
                .map(|index| machine.clone().of(Member::Index(index)).into())
                .collect()
        }
        // One that exists already is refused by the model's rules: nobody knows its principal.
        Identity::UserAssigned { .. } => {
            vec![Reference::attribute(symbol::IDENTITY, &["properties", "principalId"]).into()]
        }
        Identity::ServicePrincipal { object_id, .. } => vec![object_id.as_deref().unwrap_or_default().into()],
    }
}

/// What the scripts of the control plane's machines wait for besides (the machines themselves wait for the key).
pub(super) fn awaited_by_script(context: &Context<'_>) -> Option<Reference> {
    context.cluster.key_vault_encryption.map(|_| Reference::id(symbol::KEY_VAULT))
}
