//! What the cluster itself has made in its resource group: the balancers and addresses of services, the disks of volumes,
//! the disks of machines. It is told by tags and names alone, so that nothing has to be asked of the cluster.
//!
//! Sources, in stored copies read 2026-11-28: kubernetes-sigs/cloud-provider-azure 7b31c76, `pkg/consts/consts.go`,
//! `pkg/provider/azure_loadbalancer.go`, `azure_standard.go`, `azure_privatelinkservice.go` (addresses have the tags
//! `k8s-azure-cluster-name` and `k8s-azure-service`, older ones `kubernetes-cluster-name` and `service`; so has a private link
//! service the first; a balancer is called as the cluster or as an availability set, one within the network has `-internal`
//! behind that; a front end's name begins with `a` and 31 digits of the service's uid) and
//! `pkg/provider/storage/azure_storageaccount.go`; kubernetes-sigs/azuredisk-csi-driver d983d61, `docs/driver-parameters.md`,
//! `pkg/azuredisk/controllerserver.go` (disks and snapshots have the tag `k8s-azure-created-by: kubernetes-azure-dd`, disks
//! besides `kubernetes.io-created-for-pv-name`, `…-pvc-name`, `…-pvc-namespace`), `docs/driver-parameters-intree.md` (those of
//! the driver before it `created-by`); kubernetes-sigs/azurefile-csi-driver 7b5ae18, the same two pages (`…created-by: azure`).

mod take;
#[cfg(test)]
mod trials;

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

pub(super) use take::take;

use super::Session;
use crate::contract::{Address, AppliedResources, Fault, FaultClass};
use crate::graph::{GROUP_TYPE, ResourceKey};
use crate::plan::facts;
use crate::target::azure::ArmClient;

const BALANCER: &str = "Microsoft.Network/loadBalancers";
const ADDRESS: &str = "Microsoft.Network/publicIPAddresses";
const DISK: &str = "Microsoft.Compute/disks";
const SNAPSHOT: &str = "Microsoft.Compute/snapshots";
const ACCOUNT: &str = "Microsoft.Storage/storageAccounts";
const LINK_SERVICE: &str = "Microsoft.Network/privateLinkServices";

/// What lies in a resource group besides what the engine made.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Others {
    /// Balancers of services.
    pub balancers: Vec<Found>,
    /// Addresses, and whatever else bears the cluster's tag.
    pub tagged: Vec<Found>,
    /// Disks of machines, by the machine's key.
    pub disks: Vec<(ResourceKey, Found)>,
    /// What pods have written: disks and snapshots of volumes, accounts with files of volumes.
    pub volumes: Vec<Found>,
    /// What somebody else made.
    pub foreign: Vec<Found>,
}

/// A resource that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub resource_type: String,
    pub name: String,
    pub id: String,
    /// The claim that a volume was made for, as `namespace/name`.
    pub claim: Option<String>,
}

impl Found {
    fn key(&self) -> ResourceKey {
        ResourceKey::named(&self.resource_type, &self.name)
    }

    fn address(&self, api_version: &str) -> Address {
        Address {
            resource_type: self.resource_type.clone(),
            api_version: api_version.to_owned(),
            name: self.name.clone(),
            id: self.id.clone(),
        }
    }
}

/// Looks at what lies in the group of the session. A group that is not there holds nothing.
///
/// # Errors
/// A target that does not answer.
pub(super) async fn look(session: &Session, arm: &ArmClient, applied: &AppliedResources) -> Result<Others, Fault> {
    let version = applied
        .values()
        .find(|own| own.address.resource_type.eq_ignore_ascii_case(GROUP_TYPE))
        .map_or("2021-04-01", |own| own.address.api_version.as_str());
    let path = format!("{}/resources?api-version={version}", session.scope.group_id());
    let mut listed = match arm.list(&path).await {
        Ok(listed) => listed,
        Err(fault) if fault.class == FaultClass::NotFound => return Ok(Others::default()),
        Err(fault) => return Err(fault),
    };
    // A list tells nothing of what a balancer holds.
    let version = super::rehearsal::version_of(applied, BALANCER);
    for item in &mut listed {
        let (Some(id), true) = (text(item, "id"), is_type(item, BALANCER)) else { continue };
        let own = applied.values().any(|own| own.address.id.eq_ignore_ascii_case(id));
        if !own && let Some(whole) = arm.get(&format!("{id}?api-version={version}")).await? {
            item["properties"] = whole["properties"].clone();
        }
    }
    Ok(sort(&listed, applied))
}

fn text<'a>(item: &'a Json, name: &str) -> Option<&'a str> {
    item.get(name).and_then(Json::as_str)
}

fn is_type(item: &Json, resource_type: &str) -> bool {
    text(item, "type").is_some_and(|told| told.eq_ignore_ascii_case(resource_type))
}

fn tag<'a>(item: &'a Json, names: &[&str]) -> Option<&'a str> {
    let tags = item.get("tags")?.as_object()?;
    let is_one = |name: &str| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
    tags.iter().find(|(name, _)| is_one(name)).and_then(|(_, value)| value.as_str())
}

/// Sorts out a list of resources.
fn sort(listed: &[Json], applied: &AppliedResources) -> Others {
    let mut others = Others::default();
    let own: HashSet<String> = applied.values().map(|own| own.address.id.to_ascii_lowercase()).collect();
    let machines = Machines::of(applied);
    let sets: Vec<&str> = applied
        .iter()
        .filter(|(key, _)| {
            key.resource_type().eq_ignore_ascii_case("Microsoft.Compute/availabilitySets")
                || key.resource_type().eq_ignore_ascii_case("Microsoft.Compute/virtualMachineScaleSets")
        })
        .map(|(key, _)| key.name())
        .collect();
    for item in listed {
        let (Some(id), Some(resource_type)) = (text(item, "id"), text(item, "type")) else { continue };
        let name = text(item, "name").unwrap_or_default();
        // Extensions and the like go with what they are of.
        if own.contains(&id.to_ascii_lowercase()) || resource_type.split('/').count() > 2 {
            continue;
        }
        let namespace = tag(item, &["kubernetes.io-created-for-pvc-namespace"]).unwrap_or("default");
        let claim = tag(item, &["kubernetes.io-created-for-pvc-name"]).map(|name| format!("{namespace}/{name}"));
        let found = Found { resource_type: resource_type.to_owned(), name: name.to_owned(), id: id.to_owned(), claim };
        if is_volume(item, name) {
            others.volumes.push(found);
        } else if is_type(item, DISK) {
            match machines.holder(item, name) {
                Some(key) => others.disks.push((key.clone(), found)),
                None => others.foreign.push(found),
            }
        } else if is_type(item, BALANCER) && is_of_service(item, name, &sets) {
            others.balancers.push(found);
        } else if tag(item, &["k8s-azure-cluster-name", "kubernetes-cluster-name", "k8s-azure-service"]).is_some() {
            others.tagged.push(found);
        } else {
            others.foreign.push(found);
        }
    }
    others
}

/// The machines, so that each disk's is found without a look at all of them.
struct Machines<'a> {
    keys: Vec<&'a ResourceKey>,
    /// Positions among the keys, by what is written small.
    by_id: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
}

impl<'a> Machines<'a> {
    fn of(applied: &'a AppliedResources) -> Self {
        let mut machines = Self { keys: Vec::new(), by_id: HashMap::new(), by_name: HashMap::new() };
        for (key, own) in applied.iter().filter(|(key, _)| facts(key.resource_type()).is_machine) {
            let position = machines.keys.len();
            machines.keys.push(key);
            machines.by_id.entry(own.address.id.to_ascii_lowercase()).or_insert(position);
            machines.by_name.entry(own.address.name.to_ascii_lowercase()).or_insert(position);
        }
        machines
    }

    /// The machine that has a disk, or that the disk is called after; the first one of which either is true.
    fn holder(&self, item: &Json, name: &str) -> Option<&'a ResourceKey> {
        let holds = text(item, "managedBy").and_then(|id| self.by_id.get(&id.to_ascii_lowercase()));
        let name = name.to_ascii_lowercase();
        let called = name.match_indices('_').filter_map(|(end, _)| self.by_name.get(&name[..end]));
        holds.into_iter().chain(called).min().map(|position| self.keys[*position])
    }
}

/// Whether pods have written there: something that a storage driver made.
fn is_volume(item: &Json, name: &str) -> bool {
    let maker = tag(item, &["k8s-azure-created-by", "created-by"]);
    let is_of_disks = maker == Some("kubernetes-azure-dd");
    if is_type(item, DISK) {
        is_of_disks
            || tag(item, &["kubernetes.io-created-for-pv-name", "kubernetes.io-created-for-pvc-name"]).is_some()
            || name.starts_with("kubernetes-dynamic-pvc-")
            || name.strip_prefix("pvc-").is_some_and(|uid| uuid::Uuid::parse_str(uid).is_ok())
    } else {
        is_type(item, SNAPSHOT) && is_of_disks || is_type(item, ACCOUNT) && maker == Some("azure")
    }
}

fn is_of_service(item: &Json, name: &str, sets: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    let outer = name.strip_suffix("-internal").unwrap_or(&name);
    let is_called_so = outer == "kubernetes" || sets.iter().any(|set| set.eq_ignore_ascii_case(outer));
    let ends = item.pointer("/properties/frontendIPConfigurations").and_then(Json::as_array).into_iter().flatten();
    let is_service = |end: &Json| {
        let name = text(end, "name").unwrap_or_default();
        let uid = name.strip_prefix('a').and_then(|rest| rest.get(..31));
        uid.is_some_and(|uid| uid.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let mut ends = ends.peekable();
    // One that serves nobody any more is known by its name, any other by what it serves.
    if ends.peek().is_none() { is_called_so } else { ends.any(is_service) }
}
