//! The storage pool: that it is there and runs, that disks have room, that machines have something to start from.

use super::{Finding, HostView, Verdict, listed, untold};
use crate::target::libvirt::host::StoragePool;

/// Kinds of pools that hold files, over which disks can be laid.
const KINDS: [&str; 3] = ["dir", "fs", "netfs"];

/// What a machine writes at least, in GiB: an estimate for logs, containers and etcd, whose database has 2.
const LEAST_GIB: u64 = 3;

const GIB: u64 = 1 << 30;

/// The pool, if it runs.
fn active<'a>(view: &HostView<'a>) -> Option<&'a StoragePool> {
    view.survey.pool.as_ref().ok()?.0.as_ref().filter(|pool| pool.is_active)
}

/// Whether the pool is there.
pub(super) fn pool(view: &HostView<'_>) -> Vec<Finding> {
    const ABOUT: &str = "storage pool";
    let (pool, others) = match &view.survey.pool {
        Ok(found) => found,
        Err(error) => return vec![untold(ABOUT, error)],
    };
    let name = view.pool;
    let finding = |verdict, message: String, help: &str| vec![Finding::new(ABOUT, verdict, message, help)];
    let Some(pool) = pool else {
        let message = format!("there is no pool {name}; there are: {}", listed(others));
        let help =
            "`engine host init` makes it; another is named by `onPremProfile.storagePool`, or by --storage-pool.";
        return finding(Verdict::Bad, message, help);
    };
    let place = pool.path.as_deref().unwrap_or("storage without a path");
    if !pool.is_active {
        let help = format!("`engine host init` starts it, or `virsh pool-start {name}`.");
        return finding(Verdict::Bad, format!("the pool {name} in {place} does not run"), &help);
    }
    if !KINDS.contains(&pool.kind.as_str()) {
        let message =
            format!("the pool {name} is of the kind `{}`, and disks are laid over an image's file", pool.kind);
        return finding(Verdict::Bad, message, "Make one in a folder by `engine host init --storage-pool NAME`.");
    }
    let (free, size) = (pool.available / GIB, pool.capacity / GIB);
    let message = format!("{name} in {place} runs, {free} of {size} GiB are free");
    if !pool.starts_with_host {
        let help = format!("`engine host init` sees to it, or `virsh pool-autostart {name}`.");
        return finding(Verdict::Note, format!("{message}; it does not start with the host"), &help);
    }
    finding(Verdict::Good, message, "")
}

/// Whether disks have room. They grow as they are written.
pub(super) fn space(view: &HostView<'_>) -> Option<Finding> {
    const ABOUT: &str = "space for disks";
    let (pool, demand) = (active(view)?, view.demand?);
    let own = view.survey.domains.as_ref().ok()?.iter().filter(|domain| domain.is_own).count();
    let all = demand.count();
    let missing = all.saturating_sub(u64::try_from(own).unwrap_or(u64::MAX));
    let free = pool.available / GIB;
    if missing == 0 {
        let message = format!("all {all} machines have their disks, {free} GiB are free");
        return Some(Finding::new(ABOUT, Verdict::Good, message, ""));
    }
    let image = view.survey.image.as_ref().ok().and_then(|image| image.as_ref()?.disk.as_ref());
    let image = image.map_or(0, |image| image.capacity.div_ceil(GIB));
    // Of a cluster that is there in part, the same part is wanted.
    let each = |machines: &super::MachineDemand| {
        machines.system_gib.map_or(0, u64::from).max(image).saturating_add(machines.data_gib)
    };
    let full = demand.sum(each).saturating_mul(missing) / all.max(1);
    let least = missing * LEAST_GIB;
    let message = format!(
        "{missing} machines write about {least} GiB at least, and {full} GiB if their disks are full; {free} GiB are free"
    );
    let help =
        "Make room, take smaller disks in the model (etcdDiskSizeGB, osDiskSizeGB, diskSizesGB), or a larger pool.";
    let verdict = match free {
        free if free < least => Verdict::Bad,
        free if free < full => Verdict::Note,
        _ => Verdict::Good,
    };
    Some(Finding::new(ABOUT, verdict, message, help))
}

/// Whether there is something to start from, and a way to start it.
pub(super) fn image(view: &HostView<'_>) -> Vec<Finding> {
    const ABOUT: &str = "image";
    let name = view.image;
    let image = match &view.survey.image {
        Ok(Some(image)) => image,
        // No pool runs, which is told already.
        Ok(None) => return Vec::new(),
        Err(error) => return vec![untold(ABOUT, error)],
    };
    let Some(disk) = &image.disk else {
        if let Some(folder) = view.image_folder {
            let message =
                format!("{name} comes into the pool {} with the first machine, from {}", view.pool, folder.display());
            return vec![Finding::new(ABOUT, Verdict::Good, message, "")];
        }
        // A host is prepared before it has an image.
        let verdict = if view.demand.is_some() { Verdict::Bad } else { Verdict::Note };
        let message = format!("the pool {} has no volume {name} that machines start from", view.pool);
        let help = "Make an image and put it into the pool, or name the one that is there in `onPremProfile.image`.";
        return vec![Finding::new(ABOUT, verdict, message, help)];
    };
    let size = match disk.capacity {
        small if small < GIB => format!("{} MiB", small.div_ceil(1 << 20)),
        large => format!("{} GiB", large.div_ceil(GIB)),
    };
    let about = format!("{name} has {size}, {}", disk.format);
    if image.has_kernel {
        return vec![Finding::new(ABOUT, Verdict::Good, format!("{about}; it boots by its kernel"), "")];
    }
    let uefi = view.survey.offer.as_ref().ok().and_then(|offer| offer.uefi);
    let (verdict, message) = match uefi {
        Some(true) => (Verdict::Good, format!("{about}; it boots by UEFI")),
        Some(false) => (Verdict::Bad, format!("{about}; it boots by UEFI, and the host has no firmware for that")),
        None => (Verdict::Untold, format!("{about}; whether the host has a firmware for UEFI is not told")),
    };
    let help = format!("Install one (Debian: ovmf), or put the image's kernel beside it, as {name}.kernel.");
    vec![Finding::new(ABOUT, verdict, message, &help)]
}
