//! What the cluster itself has made in its resource group: the balancers and addresses of services, the disks of volumes,
//! the disks of machines. It is told by tags and names alone, so that nothing has to be asked of the cluster.
//!
//! Sources (read 2026-11-28): kubernetes-sigs/cloud-provider-azure, `pkg/consts` and "LoadBalancer" (addresses have the
//! tags `k8s-azure-cluster-name` and `k8s-azure-service`, before 1.24 `kubernetes-cluster-name` and `service`; a balancer is
//! called as the cluster or as an availability set, one within the network has `-internal` behind that; a front end is
//! called `a` and 31 digits of the service's uid); kubernetes-sigs/azuredisk-csi-driver, "Tags" (disks have the tags
//! `kubernetes.io-created-for-pv-name`, `…-pvc-name`, `…-pvc-namespace`; those of the driver before it
//! `created-by: kubernetes-azure-dd`).

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value as Json;

use super::Session;
use crate::contract::{Address, Applied, AppliedResources, Fault, FaultClass};
use crate::graph::{GROUP_TYPE, ResourceKey};
use crate::plan::facts;
use crate::target::azure::ArmClient;

const BALANCER: &str = "Microsoft.Network/loadBalancers";
const ADDRESS: &str = "Microsoft.Network/publicIPAddresses";
const DISK: &str = "Microsoft.Compute/disks";

/// What lies in a resource group besides what the engine made.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Others {
    /// Balancers of services.
    pub balancers: Vec<Found>,
    /// Addresses, and whatever else bears the cluster's tag.
    pub tagged: Vec<Found>,
    /// Disks of machines, by the machine's key.
    pub disks: Vec<(ResourceKey, Found)>,
    /// Disks of volumes.
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
        if is_type(item, DISK) {
            if is_volume(item, name) {
                others.volumes.push(found);
                continue;
            }
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

fn is_volume(item: &Json, name: &str) -> bool {
    tag(item, &["kubernetes.io-created-for-pv-name", "kubernetes.io-created-for-pvc-name"]).is_some()
        || tag(item, &["created-by"]) == Some("kubernetes-azure-dd")
        || name.starts_with("kubernetes-dynamic-pvc-")
        || name.strip_prefix("pvc-").is_some_and(|uid| uuid::Uuid::parse_str(uid).is_ok())
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

/// Takes what the cluster made into what is to be destroyed, in the order in which it can go: balancers before addresses
/// and networks, machines before their disks. Gives what is kept, as notes for the reader of the plan; if something is
/// kept, so is the group.
pub(super) fn take(others: Others, applied: &mut AppliedResources, delete_volumes: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let keys = |of: &str| -> Vec<ResourceKey> {
        applied.keys().filter(|key| key.resource_type().eq_ignore_ascii_case(of)).cloned().collect()
    };
    let (groups, networks) = (keys(GROUP_TYPE), keys("Microsoft.Network/virtualNetworks"));
    let versions: BTreeMap<&str, String> =
        [BALANCER, ADDRESS, DISK].map(|of| (of, super::rehearsal::version_of(applied, of))).into();
    let version = |found: &Found| {
        let known = versions.iter().find(|(of, _)| found.resource_type.eq_ignore_ascii_case(of));
        known.map_or_else(
            || super::rehearsal::version_of(&AppliedResources::new(), &found.resource_type),
            |(_, version)| version.clone(),
        )
    };
    let add = |applied: &mut AppliedResources, found: &Found, after: Vec<ResourceKey>| {
        let own = Applied { address: found.address(&version(found)), body: Json::Null, after };
        applied.entry(found.key()).or_insert(own);
    };
    let addresses: Vec<ResourceKey> = others.tagged.iter().map(Found::key).collect();
    for found in &others.tagged {
        add(applied, found, groups.clone());
    }
    for found in &others.balancers {
        add(applied, found, [groups.as_slice(), &networks, &addresses].concat());
    }
    // The engine's own balancers serve services too.
    for (key, own) in applied.iter_mut() {
        if key.resource_type().eq_ignore_ascii_case(BALANCER) {
            own.after
                .extend(addresses.iter().filter(|address| !own.after.contains(address)).cloned().collect::<Vec<_>>());
        }
    }
    for (machine, found) in &others.disks {
        add(applied, found, groups.clone());
        if let Some(own) = applied.get_mut(machine) {
            own.after.push(found.key());
        }
    }
    let machines: Vec<ResourceKey> =
        applied.keys().filter(|key| facts(key.resource_type()).is_machine).cloned().collect();
    if !others.volumes.is_empty() && delete_volumes {
        for found in &others.volumes {
            add(applied, found, groups.clone());
            for machine in &machines {
                if let Some(own) = applied.get_mut(machine) {
                    own.after.push(found.key());
                }
            }
        }
    } else if !others.volumes.is_empty() {
        notes.push(format!(
            "{} stay, with the resource group that they lie in: {}; `--delete-volumes` deletes them",
            count(others.volumes.len(), "disk of a volume", "disks of volumes"),
            names(&others.volumes)
        ));
        for group in &groups {
            applied.remove(group);
        }
    }
    if !others.foreign.is_empty() && applied.keys().any(|key| key.resource_type().eq_ignore_ascii_case(GROUP_TYPE)) {
        notes.push(format!("with the resource group goes what somebody else made in it: {}", names(&others.foreign)));
    }
    notes
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn names(found: &[Found]) -> String {
    const SHOWN: usize = 20;
    let mut names: Vec<String> = found
        .iter()
        .map(|found| match &found.claim {
            Some(claim) => format!("{} (of {claim})", found.name),
            None => found.name.clone(),
        })
        .collect();
    names.sort();
    match names.len().checked_sub(SHOWN).filter(|rest| *rest > 0) {
        Some(rest) => format!("{} and {rest} more", names[..SHOWN].join(", ")),
        None => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GROUP: &str = "/subscriptions/s/resourceGroups/g";

    fn item(kind: &str, name: &str, more: Json) -> Json {
        let mut item = json!({ "id": format!("{GROUP}/providers/{kind}/{name}"), "type": kind, "name": name });
        if let (Json::Object(item), Json::Object(more)) = (&mut item, more) {
            item.extend(more);
        }
        item
    }

    fn own(kind: &str, name: &str, after: &[(&str, &str)]) -> (ResourceKey, Applied) {
        let address = Address {
            resource_type: kind.into(),
            api_version: "1".into(),
            name: name.into(),
            id: format!("{GROUP}/providers/{kind}/{name}"),
        };
        let after = after.iter().map(|(kind, name)| ResourceKey::named(kind, name)).collect();
        (ResourceKey::named(kind, name), Applied { address, body: Json::Null, after })
    }

    fn applied() -> AppliedResources {
        const MACHINE: &str = "Microsoft.Compute/virtualMachines";
        [
            own(GROUP_TYPE, "g", &[]),
            own("Microsoft.Network/virtualNetworks", "net", &[(GROUP_TYPE, "g")]),
            own(BALANCER, "mine", &[(GROUP_TYPE, "g")]),
            own("Microsoft.Compute/availabilitySets", "pool-set", &[(GROUP_TYPE, "g")]),
            own(MACHINE, "pool-0", &[(GROUP_TYPE, "g")]),
        ]
        .into()
    }

    fn listed() -> Vec<Json> {
        let service =
            json!({ "properties": { "frontendIPConfigurations": [{ "name": "a0123456789abcdef0123456789abcde" }] } });
        let claim = json!({ "tags": {
            "kubernetes.io-created-for-pvc-name": "data-0", "kubernetes.io-created-for-pvc-namespace": "shop",
        } });
        let holder = format!("{GROUP}/providers/Microsoft.Compute/virtualMachines/POOL-0");
        vec![
            item("Microsoft.Network/virtualNetworks", "NET", json!({})),
            item(BALANCER, "mine", json!({})),
            item(BALANCER, "kubernetes", service),
            item(BALANCER, "pool-set-internal", json!({})),
            item(
                BALANCER,
                "a-colleagues",
                json!({ "properties": { "frontendIPConfigurations": [{ "name": "front" }] } }),
            ),
            item(ADDRESS, "kubernetes-a1", json!({ "tags": { "k8s-azure-service": "default/web" } })),
            item(ADDRESS, "old", json!({ "tags": { "kubernetes-cluster-name": "kubernetes" } })),
            item(ADDRESS, "own", json!({ "tags": { "team": "x" } })),
            item(DISK, "any", json!({ "managedBy": holder })),
            item(DISK, "pool-0_OsDisk_1_abc", json!({})),
            item(DISK, "disk-of-a-claim", claim),
            item(DISK, "pvc-0d3a1a52-8f5b-4ff8-9a2e-2f7d9c2f3c11", json!({ "managedBy": holder })),
            item(DISK, "backup", json!({})),
            item("Microsoft.Compute/virtualMachines/extensions", "pool-0/cse", json!({})),
        ]
    }

    #[test]
    fn what_the_cluster_made_is_told_from_what_others_made() {
        let others = sort(&listed(), &applied());
        let names = |found: &[Found]| found.iter().map(|found| found.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&others.balancers), ["kubernetes", "pool-set-internal"]);
        assert_eq!(names(&others.tagged), ["kubernetes-a1", "old"]);
        assert_eq!(names(&others.volumes), ["disk-of-a-claim", "pvc-0d3a1a52-8f5b-4ff8-9a2e-2f7d9c2f3c11"]);
        assert_eq!(names(&others.foreign), ["a-colleagues", "own", "backup"]);
        let disks: Vec<&str> = others.disks.iter().map(|(_, found)| found.name.as_str()).collect();
        assert_eq!(disks, ["any", "pool-0_OsDisk_1_abc"]);
    }

    #[test]
    fn volumes_and_their_group_are_kept_unless_they_are_to_go() {
        let group = ResourceKey::named(GROUP_TYPE, "g");
        let mut kept = applied();
        let notes = take(sort(&listed(), &kept), &mut kept, false);
        assert!(!kept.contains_key(&group));
        assert_eq!(notes.len(), 1);
        assert!(
            notes[0].contains("2 disks of volumes stay") && notes[0].contains("disk-of-a-claim (of shop/data-0)"),
            "{notes:?}"
        );
        assert!(!kept.keys().any(|key| key.name().starts_with("pvc-")));
        let after = |of: &AppliedResources, kind: &str, name: &str| {
            of.get(&ResourceKey::named(kind, name))
                .map(|own| own.after.iter().map(|key| key.name().to_owned()).collect::<Vec<_>>())
        };
        let balancer = after(&kept, BALANCER, "kubernetes").unwrap_or_default();
        assert!(balancer.contains(&"net".to_owned()) && balancer.contains(&"kubernetes-a1".to_owned()), "{balancer:?}");
        assert!(after(&kept, BALANCER, "mine").unwrap_or_default().contains(&"old".to_owned()));
        assert!(
            after(&kept, "Microsoft.Compute/virtualMachines", "pool-0").unwrap_or_default().contains(&"any".to_owned())
        );

        let mut gone = applied();
        let notes = take(sort(&listed(), &gone), &mut gone, true);
        assert!(gone.contains_key(&group) && gone.keys().any(|key| key.name().starts_with("pvc-")));
        assert_eq!(notes.len(), 1);
        assert!(notes[0].contains("a-colleagues, backup, own"), "{notes:?}");
        let mut nothing = AppliedResources::new();
        assert!(take(Others::default(), &mut nothing, true).is_empty() && nothing.is_empty());
    }
}
