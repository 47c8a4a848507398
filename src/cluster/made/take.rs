//! What of that goes, in which order, and what is said of the rest.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::super::rehearsal::version_of;
use super::{ACCOUNT, ADDRESS, BALANCER, DISK, Found, LINK_SERVICE, Others, SNAPSHOT};
use crate::contract::{Applied, AppliedResources};
use crate::graph::{GROUP_TYPE, ResourceKey};
use crate::plan::facts;

/// Takes what the cluster made into what is to be destroyed, in the order in which it can go: balancers before addresses
/// and networks, machines before their disks. Gives what is kept, as notes for the reader of the plan; if something is
/// kept, so is the group.
pub(in crate::cluster) fn take(others: Others, applied: &mut AppliedResources, delete_volumes: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let keys = |of: &str| -> Vec<ResourceKey> {
        applied.keys().filter(|key| key.resource_type().eq_ignore_ascii_case(of)).cloned().collect()
    };
    let (groups, networks) = (keys(GROUP_TYPE), keys("Microsoft.Network/virtualNetworks"));
    let versions: BTreeMap<&str, String> = [BALANCER, ADDRESS, DISK].map(|of| (of, version_of(applied, of))).into();
    let version = |found: &Found| {
        let known = versions.iter().find(|(of, _)| found.resource_type.eq_ignore_ascii_case(of));
        known.map_or_else(|| version_of(&AppliedResources::new(), &found.resource_type), |(_, version)| version.clone())
    };
    let add = |applied: &mut AppliedResources, found: &Found, after: Vec<ResourceKey>| {
        let own = Applied { address: found.address(&version(found)).into(), body: Json::Null, after };
        applied.entry(found.key()).or_insert(own);
    };
    // A private link service stands on a balancer's front end, and a balancer on addresses.
    let (links, standing): (Vec<&Found>, Vec<&Found>) =
        others.tagged.iter().partition(|found| found.resource_type.eq_ignore_ascii_case(LINK_SERVICE));
    let balancers = [keys(BALANCER), others.balancers.iter().map(Found::key).collect()].concat();
    let addresses: Vec<ResourceKey> = standing.iter().map(|found| found.key()).collect();
    for found in standing {
        add(applied, found, groups.clone());
    }
    for found in links {
        add(applied, found, [groups.as_slice(), &networks, &balancers].concat());
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
            kinds(&others.volumes),
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

/// How many of each kind hold what pods have written.
fn kinds(found: &[Found]) -> String {
    let kinds = [
        (DISK, "disk of a volume", "disks of volumes"),
        (SNAPSHOT, "snapshot of a volume", "snapshots of volumes"),
        (ACCOUNT, "storage account with files of volumes", "storage accounts with files of volumes"),
    ];
    let counted = kinds.map(|(kind, one, many)| {
        let number = found.iter().filter(|found| found.resource_type.eq_ignore_ascii_case(kind)).count();
        (number > 0).then(|| count(number, one, many))
    });
    counted.into_iter().flatten().collect::<Vec<_>>().join(", ")
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
