//! What every builder works with: the cluster, its names, and how a resource begins.

use std::sync::Arc;

use super::{ExpandError, Names};
use crate::catalog::{ApiProfile, Cloud};
use crate::graph::{Function, Resource, Scope, Series, Value};
use crate::model::{Cluster, Identity, LoadBalancerSku, OperatingSystem, OutboundType, Pool, ServicePrincipalSecret};

/// The port of the API server, on the balancers' front ends and on the machines (aks-engine's). The kubeadm
/// configuration has to say the same.
pub const API_SERVER_PORT: u16 = 443;

/// The port to which the internal balancer sends on the machines, which redirect it to [`API_SERVER_PORT`]
/// (aks-engine's).
pub const INTERNAL_BALANCER_PORT: u16 = 4443;

/// The name of the control plane where pools have names: in tags, parameters and handles.
pub const CONTROL_PLANE_POOL: &str = "master";

/// The handle of the Windows administrator's password.
pub const WINDOWS_PASSWORD_HANDLE: &str = "windows/adminPassword";

/// The handle of a pool's customData: base64, as a request body carries it.
pub fn custom_data_handle(pool: &str) -> String {
    format!("{pool}/customData")
}

/// The handle of a service principal's password that lies in a key vault.
pub const PRINCIPAL_SECRET_HANDLE: &str = "servicePrincipal/clientSecret";

/// The handle of an administrator's public key that lies in a key vault.
pub(super) fn public_key_handle(index: usize) -> String {
    format!("linux/sshPublicKey{index}")
}

/// The customData of a pool's machines: what is rendered, and behind it a service principal's password if that lies in a key
/// vault. Machines of Linux need it for the cloud's controllers and for container registries; those of Windows only where there
/// is no metadata service, since every node's manager asks the cloud itself then.
pub fn custom_data(cluster: &Cluster, pool: &str) -> Value {
    let rendered = Value::secret(&custom_data_handle(pool));
    match &cluster.identity {
        Identity::ServicePrincipal { secret: ServicePrincipalSecret::KeyVault(_), .. }
            if cluster.cloud == Cloud::Stack || !is_windows(cluster, pool) =>
        {
            // Once for the text that stands in the document, which may hold anything, and once for customData.
            let text = Value::Call(Function::Base64, vec![Value::secret(PRINCIPAL_SECRET_HANDLE)]);
            Value::concat([rendered, Value::Call(Function::Base64, vec![text])])
        }
        _ => rendered,
    }
}

fn is_windows(cluster: &Cluster, pool: &str) -> bool {
    let pool = cluster.pools.iter().find(|known| known.name == pool);
    pool.is_some_and(|pool| pool.operating_system == OperatingSystem::Windows)
}

/// What the machines run, as far as resources show it in clear. It comes from `bootstrap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payloads {
    /// The command of each Linux machine's CustomScript: it waits for the bootstrap's result and fails with its cause.
    pub wait_command: String,
    /// The same for Windows machines.
    pub windows_wait_command: String,
}

/// The symbols by which the builders' resources refer to each other. A pool's are `<pool>-<part>`.
pub(super) mod symbol {
    pub const GROUP: &str = "group";
    pub const IDENTITY: &str = "identity";
    pub const IDENTITY_ROLE: &str = "identity-role";
    pub const SECURITY_GROUP: &str = "security-group";
    pub const ROUTE_TABLE: &str = "route-table";
    pub const VIRTUAL_NETWORK: &str = "virtual-network";
    pub const PUBLIC_ADDRESS: &str = "public-address";
    pub const PUBLIC_BALANCER: &str = "public-balancer";
    pub const INTERNAL_BALANCER: &str = "internal-balancer";
    pub const WORKER_BALANCER: &str = "worker-balancer";
    pub const NAT_GATEWAY: &str = "nat-gateway";
    pub const KEY_VAULT: &str = "key-vault";
    pub const KEY_VAULT_KEY: &str = "key-vault-key";

    /// A part of a pool.
    pub fn of(pool: &str, part: &str) -> String {
        format!("{pool}-{part}")
    }
}

/// The symbol of the control plane's machines, where it is not a scale set.
pub fn control_plane_machine() -> String {
    symbol::of(CONTROL_PLANE_POOL, "machine")
}

/// What every builder works with.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub cluster: &'a Cluster,
    pub scope: &'a Scope,
    pub payloads: &'a Payloads,
    pub names: Names<'a>,
    pub api: ApiProfile,
}

impl Context<'_> {
    /// A resource at the cluster's location, with the tags that the model gives to all.
    pub fn resource(&self, symbol: &str, resource_type: &str, name: impl Into<Value>) -> Result<Resource, ExpandError> {
        let resource = self.bare_resource(symbol, resource_type, name)?.field("location", self.scope.location.as_str());
        Ok(if self.cluster.tags.is_empty() { resource } else { resource.field("tags", self.common_tags()) })
    }

    /// A resource without location and tags, for types that have none.
    pub fn bare_resource(
        &self,
        symbol: &str,
        resource_type: &str,
        name: impl Into<Value>,
    ) -> Result<Resource, ExpandError> {
        let version = self.api.api_version(resource_type);
        let version = version.ok_or_else(|| ExpandError::ApiVersion(resource_type.to_owned()))?;
        Ok(Resource::new(symbol, resource_type, version, name))
    }

    /// The tags that the model gives to all.
    pub fn common_tags(&self) -> Value {
        tags(&self.cluster.tags)
    }

    /// Whether the load balancers are of the Standard kind, which lets out only what a rule lets out.
    pub fn has_standard_balancer(&self) -> bool {
        self.cluster.network.load_balancer.sku == LoadBalancerSku::Standard
    }

    /// Whether the load balancers are the nodes' way out, and need a rule for it.
    pub fn has_outbound_rules(&self) -> bool {
        self.has_standard_balancer() && self.cluster.network.outbound == OutboundType::LoadBalancer
    }

    /// Whether the cloud knows what Azure Stack Hub does not: deletion with the machine, subnets without a way out of
    /// their own, orchestration modes.
    pub fn is_azure(&self) -> bool {
        self.api == ApiProfile::Azure
    }

    /// Whether the machines stand in a network that the engine does not make.
    pub fn has_given_network(&self) -> bool {
        self.cluster.control_plane.subnet_id.is_some()
    }

    /// The control plane's subnet.
    pub fn control_plane_subnet(&self) -> Value {
        self.subnet(self.cluster.control_plane.subnet_id.as_deref(), self.names.control_plane_subnet())
    }

    /// The subnet of a pool: its own, or the one that the model names for all workers, or the one that the engine makes.
    pub fn worker_subnet(&self, pool: &Pool) -> Value {
        let given = pool.subnet_id.as_deref().or(self.cluster.control_plane.agent_subnet_id.as_deref());
        self.subnet(given, self.names.worker_subnet())
    }

    fn subnet(&self, given: Option<&str>, made: &str) -> Value {
        Value::sub_resource(match given {
            Some(id) => id.into(),
            None => Value::part_of(symbol::VIRTUAL_NETWORK, "subnets", made),
        })
    }

    /// Whether an autoscaler sets the number of machines in scale sets.
    pub fn has_autoscaler(&self) -> bool {
        self.cluster
            .addons
            .iter()
            .any(|addon| addon.name.eq_ignore_ascii_case("cluster-autoscaler") && addon.enabled == Some(true))
    }

    /// Whether the control plane's machines stand in an availability set.
    pub fn has_control_plane_set(&self) -> bool {
        !self.cluster.control_plane.is_scale_set() && self.cluster.control_plane.zones.is_empty()
    }
}

/// Tags as a value.
pub(super) fn tags(tags: &std::collections::BTreeMap<String, String>) -> Value {
    Value::Object(tags.iter().map(|(name, value)| (Arc::from(name.as_str()), value.as_str().into())).collect())
}

/// The series of a pool's machines and of what belongs to each.
pub(super) fn series(pool: &str, count: u32) -> Series {
    Series { name: pool.into(), offset: 0, count: count.into() }
}

/// The item of `items` whose turn it is at the instance's index.
pub(super) fn in_turn(items: &[String]) -> Value {
    let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
    let turn = Value::Call(Function::Mod, vec![Value::index(), count.into()]);
    item(items.iter().map(|item| item.as_str().into()), turn)
}

/// The item of `items` at an index.
pub(super) fn item(items: impl IntoIterator<Item = Value>, index: Value) -> Value {
    Value::Call(Function::Item, vec![Value::array(items), index])
}

/// `resourceGroup().id`.
pub(super) fn group_id() -> Value {
    Value::Call(Function::Property, vec![Value::Call(Function::ResourceGroup, Vec::new()), "id".into()])
}
