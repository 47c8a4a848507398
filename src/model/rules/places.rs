//! Zones, and what Azure Stack Hub and the machines' sizes allow.

use crate::base::Diagnostic;
use crate::catalog::{Cloud, supports_accelerated_networking};

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::input::ApiModel;
use super::super::pointers::{KUBERNETES, MASTER, pool};

/// Azure numbers a region's zones so.
const ZONES: [&str; 3] = ["1", "2", "3"];
/// The largest disk of Azure Stack Hub in GiB.
const STACK_DISK: u32 = 1023;

pub(super) fn judge(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    zones(cluster, findings);
    accelerated_networking(cluster, model, findings);
    let size = cluster.control_plane.etcd_disk_size_gib;
    if cluster.cloud == Cloud::Stack && size > STACK_DISK {
        let message = format!("Azure Stack Hub has no disk of {size} GiB");
        let fault = Diagnostic::error("stack-etcd-disk", format!("{KUBERNETES}/etcdDiskSizeGB"), message);
        findings.judge(&[], fault.help(format!("write {STACK_DISK} or less")));
    }
}

fn zones(cluster: &Cluster, findings: &mut Findings) {
    let own = std::iter::once((format!("{MASTER}/availabilityZones"), &cluster.control_plane.zones));
    let pools = cluster.pools.iter().map(|pool| (self::pool(pool.index, "availabilityZones"), &pool.zones));
    let all: Vec<(String, &Vec<String>)> = own.chain(pools).collect();
    for (root, zones) in &all {
        if cluster.cloud == Cloud::Stack && !zones.is_empty() {
            let fault = Diagnostic::error("stack-zones", root, "Azure Stack Hub has no zones");
            findings.judge(&[], fault.help("leave it out"));
            continue;
        }
        for (index, zone) in zones.iter().enumerate() {
            let repeated = zones[..index].contains(zone);
            if repeated || !ZONES.contains(&zone.as_str()) {
                let what = if repeated { "stands here a second time" } else { "is none of a region's zones" };
                let fault =
                    Diagnostic::error("zone-form", format!("{root}/{index}"), format!("zone \"{zone}\" {what}"));
                findings.judge(&[], fault.help("write each of \"1\", \"2\" and \"3\" once"));
            }
        }
    }
    let without: Vec<&String> = all.iter().filter(|(_, zones)| zones.is_empty()).map(|(root, _)| root).collect();
    if let Some(first) = without.first()
        && without.len() < all.len()
    {
        let message = "other machines stand in zones, these in none: the loss of one zone can take all of them";
        let warning = Diagnostic::warning("zones-partial", first.as_str(), message);
        findings.judge(&[], warning.help("name zones for the control plane and for every pool"));
    }
}

fn accelerated_networking(cluster: &Cluster, model: &ApiModel, findings: &mut Findings) {
    let profiles = model.properties.iter().flat_map(|properties| properties.agent_pool_profiles.iter().flatten());
    for (pool, profile) in cluster.pools.iter().zip(profiles) {
        for (asked, name) in [
            (profile.accelerated_networking_enabled, "acceleratedNetworkingEnabled"),
            (profile.accelerated_networking_enabled_windows, "acceleratedNetworkingEnabledWindows"),
        ] {
            let pointer = self::pool(pool.index, name);
            if asked != Some(true) {
                continue;
            }
            if cluster.cloud == Cloud::Stack {
                let message = "interfaces of Azure Stack Hub do not bypass the host's switch";
                let fault = Diagnostic::error("stack-accelerated-networking", pointer, message);
                findings.judge(&[], fault.help("write false, or leave it out"));
            } else if !supports_accelerated_networking(&pool.vm_size) {
                let size = &pool.vm_size;
                let message = format!("the engine does not know whether {size} can have accelerated networking");
                let warning = Diagnostic::warning("accelerated-networking-unknown", pointer, message);
                findings.judge(&[], warning.help("leave it out: Azure refuses a machine whose size cannot"));
            }
        }
    }
}
