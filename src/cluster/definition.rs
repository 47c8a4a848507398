//! A cluster as it is wanted: the model, its keys, and what follows from both.

use super::generate::SecretsOnly;
use super::{ClusterError, STATE_TAG};
use crate::base::{Clock, Entropy, Secret};
use crate::bootstrap::{self, Start};
use crate::contract::{AppliedResources, KeyVaultSecret, Platform, TargetName};
use crate::expand::{
    CONTROL_PLANE_POOL, MachinePayloads, api_server_url, custom_data, custom_data_handle, expand, machine_payloads,
};
use crate::graph::{Context, ResourceGraph, Scope};
use crate::model::Cluster;
use crate::pki::{CertifiedKey, Given, KeyMaterial};
use crate::plan::facts;
use crate::state::{Snapshot, Store};
use std::collections::BTreeMap;

/// Names of the facts that the state keeps.
pub mod fact {
    /// The hash of the CA of the cluster that has started. Once it is there, no machine is told to start one any more.
    pub const STARTED: &str = "clusterCaHash";
}

/// A cluster as it is wanted.
pub struct Definition {
    /// The model, resolved.
    pub cluster: Cluster,
    /// What its machines are made for.
    pub platform: Platform,
    /// The cluster's keys.
    pub keys: KeyMaterial,
    /// The cluster's folder and its state.
    pub store: Store,
    /// What the state knows of it, if there is one.
    pub snapshot: Option<Snapshot>,
}

/// What is wanted, expanded.
pub struct Expansion {
    /// The resources.
    pub graph: ResourceGraph,
    /// What the resources name by handle.
    pub secrets: BTreeMap<String, Secret>,
    /// What of that lies in key vaults, and is not among `secrets` until it is read there.
    pub in_key_vaults: BTreeMap<String, KeyVaultSecret>,
}

impl Definition {
    /// Takes a model together with the keys of a folder and the state. Keys that the folder lacks are made, and are kept
    /// only once [`generate`](super::generate) writes them.
    pub fn new(
        cluster: Cluster,
        authority: Option<CertifiedKey>,
        store: &Store,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, ClusterError> {
        let given = &cluster.certificates;
        let pair = |certificate: &Option<Secret>, key: &Option<Secret>| {
            // What lies in a key vault is not at hand, which a rule has told.
            let at_hand = |text: &&Secret| KeyVaultSecret::of_text(text.expose()).is_none();
            let certificate = certificate.as_ref().filter(at_hand)?.expose().to_owned();
            Some(CertifiedKey { certificate, key: key.as_ref().filter(at_hand)?.clone() })
        };
        let given = Given {
            cluster_ca: authority.or_else(|| pair(&given.ca_certificate, &given.ca_private_key)),
            etcd_ca: pair(&given.etcd_ca_certificate, &given.etcd_ca_private_key),
            front_proxy_ca: pair(&given.front_proxy_ca_certificate, &given.front_proxy_ca_private_key),
            service_account_key: given.service_account_private_key.clone(),
            service_account_public_key: given.service_account_public_key.as_ref().map(|key| key.expose().to_owned()),
            api_server: pair(&given.api_server_certificate, &given.api_server_private_key),
            kubelet_client: pair(&given.client_certificate, &given.client_private_key),
            administrator: pair(&given.kube_config_certificate, &given.kube_config_private_key),
            is_trusted_outside: cluster.component_flags.issues_for_others(),
            encrypts_secrets: cluster.encrypt_secrets_at_rest,
            encryption_key: cluster.etcd_encryption_key.clone().filter(|_| cluster.encrypt_secrets_at_rest),
        };
        // Making keys takes long, and only then it is known what goes into the templates.
        std::thread::spawn(bootstrap::prepare);
        let keys = KeyMaterial::load_or_generate(store.folder(), &given, clock, entropy)?;
        let snapshot = store.snapshot()?;
        let platform = cluster.target.map_or(Platform::Azure, Platform::from);
        Ok(Self { cluster, platform, keys, store: store.clone(), snapshot })
    }

    /// The same for machines of a target, where the model does not say which or something else is asked for.
    #[must_use]
    pub fn on(self, target: TargetName) -> Self {
        Self { platform: target.into(), ..self }
    }

    /// The address of the API server, as people and the engine ask for it.
    pub fn server(&self) -> String {
        api_server_url(&self.cluster, self.platform)
    }

    /// What was applied last.
    pub fn applied(&self) -> AppliedResources {
        self.snapshot.as_ref().map(|snapshot| snapshot.applied.clone()).unwrap_or_default()
    }

    /// Whether the first control-plane machine may start a cluster: until the state records that one has started.
    fn start(&self) -> Start {
        if self.has_started() { Start::Join } else { Start::Init }
    }

    /// Whether the state records that a cluster has started.
    pub(super) fn has_started(&self) -> bool {
        // Of what was destroyed nothing is left that could be joined, even if the group stays for the sake of its volumes.
        self.snapshot
            .as_ref()
            .is_some_and(|snapshot| has_machines(&snapshot.applied) && snapshot.facts.contains_key(fact::STARTED))
    }

    /// What runs in the machines.
    pub(super) fn payloads(&self) -> Result<MachinePayloads, ClusterError> {
        Ok(machine_payloads(&self.cluster, self.platform, &self.keys, self.start())?)
    }

    /// The resources of the cluster in a place.
    pub(super) fn expand(&self, scope: &Scope) -> Result<Expansion, ClusterError> {
        let payloads = self.payloads()?;
        let mut graph = expand(&self.cluster, scope, &payloads.payloads)?;
        if let Some(address) = self.store.address() {
            graph.tag_group(STATE_TAG, &address);
        }
        Ok(Expansion { graph, secrets: payloads.secrets, in_key_vaults: payloads.in_key_vaults })
    }

    /// The resources of the cluster, in no particular subscription.
    ///
    /// # Errors
    /// What cannot be expanded.
    pub fn graph(&self) -> Result<ResourceGraph, ClusterError> {
        Ok(self.expand(&nowhere(&self.cluster))?.graph)
    }

    /// What was `applied`, as planning compares it. The customData of control-plane machines differs by design once the
    /// cluster has started (`init` becomes `join`): machines made by the one count as made by the other.
    pub(super) fn comparable(
        &self,
        mut applied: AppliedResources,
        secrets: &BTreeMap<String, Secret>,
    ) -> Result<AppliedResources, ClusterError> {
        if self.start() == Start::Init {
            return Ok(applied);
        }
        let handle = custom_data_handle(CONTROL_PLANE_POOL);
        let payloads = machine_payloads(&self.cluster, self.platform, &self.keys, Start::Init)?;
        let mut at_first = secrets.clone();
        at_first.extend(payloads.secrets);
        let digests = (self.custom_data_digest(&at_first), self.custom_data_digest(secrets));
        let (Some(first), Some(later)) = digests else { return Ok(applied) };
        for resource in applied.values_mut() {
            for profile in ["/properties/osProfile", "/properties/virtualMachineProfile/osProfile"] {
                if let Some(data) = resource.body.pointer_mut(profile).and_then(|profile| profile.get_mut("customData"))
                    && data["$secret"] == handle.as_str()
                    && data["digest"] == first.as_str()
                {
                    data["digest"] = later.as_str().into();
                }
            }
        }
        Ok(applied)
    }

    /// The digest of what control-plane machines get as customData.
    fn custom_data_digest(&self, secrets: &BTreeMap<String, Secret>) -> Option<String> {
        let (scope, lookup) = (nowhere(&self.cluster), SecretsOnly(secrets));
        let context = Context { scope: &scope, index: None, lookup: &lookup };
        let digested = custom_data(&self.cluster, CONTROL_PLANE_POOL).resolve_digested(&context).ok()?;
        digested["digest"].as_str().map(str::to_owned)
    }
}

/// Whether anything is left of a cluster that could be joined.
pub(super) fn has_machines(applied: &AppliedResources) -> bool {
    applied.keys().any(|key| facts(key.resource_type()).is_machine)
}

/// A place that stands in for any: a template, or a picture, says nothing of where it is.
pub(super) fn nowhere(cluster: &Cluster) -> Scope {
    const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
    Scope {
        subscription_id: NOBODY.to_owned(),
        tenant_id: NOBODY.to_owned(),
        resource_group: cluster.dns_prefix.clone(),
        location: cluster.location.clone(),
    }
}
