//! Whether a host can carry a cluster: what its machines need, held against what the host told. Nobody is asked here; what was
//! seen is a [`Survey`].
//!
//! What a host does not tell is said to be untold, never taken for good. Numbers that are estimates say so where they stand.

mod demand;
mod network;
mod power;
mod software;
mod storage;
#[cfg(test)]
mod trials;

use std::path::Path;

pub use demand::{HostDemand, MachineDemand};
pub use power::VIRTUALISATION;

use super::{Finding, Verdict};
use crate::contract::Fault;
use crate::target::libvirt::HypervisorError;
use crate::target::libvirt::host::{Probe, Survey};

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub struct HostView<'a> {
    /// How the host is reached.
    pub uri: &'a str,
    /// The storage pool.
    pub pool: &'a str,
    /// The image's volume.
    pub image: &'a str,
    /// The folder from which it comes into the pool with the first machine, if there is one.
    pub image_folder: Option<&'a Path>,
    /// What the host told.
    pub survey: &'a Survey,
    /// What the machines need; without a model nothing.
    pub demand: Option<&'a HostDemand>,
    /// What came of a probe, if one was made.
    pub probed: Option<&'a Result<Probe, Fault>>,
}

/// Judges a host. In the order in which one would mend it.
pub fn judge_host(view: &HostView<'_>) -> Vec<Finding> {
    let mut findings = software::connection(view);
    if findings.iter().any(|finding| finding.verdict == Verdict::Bad) {
        return findings;
    }
    findings.extend(software::programs(view));
    findings.extend(power::virtualisation(view));
    findings.push(power::processors(view));
    findings.push(power::memory(view));
    findings.extend(storage::pool(view));
    findings.extend(storage::space(view));
    findings.extend(storage::image(view));
    findings.extend(software::agent_channel(view));
    findings.extend(network::ranges(view));
    findings.extend(network::filters(view));
    findings.extend(network::addresses(view));
    findings
}

/// What an error keeps one from knowing.
fn untold(about: &str, error: &HypervisorError) -> Finding {
    let help = "Ask with an account that may manage libvirt: root, or a member of the group `libvirt`.";
    Finding::new(about, Verdict::Untold, format!("the host does not tell: {error}"), help)
}

/// Names in a message: all of them, or the first ones and how many more there are.
fn listed<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    const MOST: usize = 8;
    let names: Vec<T> = names.into_iter().collect();
    let shown: Vec<&str> = names.iter().take(MOST).map(AsRef::as_ref).collect();
    match names.len() {
        0 => "none".to_owned(),
        all if all > MOST => format!("{} and {} more", shown.join(", "), all - MOST),
        _ => shown.join(", "),
    }
}
