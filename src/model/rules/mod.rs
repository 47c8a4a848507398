//! What has to hold among values that are understood.
//!
//! Each rule looks at the resolved cluster and points to the property that is to be changed. Deliberately absent: the
//! form of single values, which the schema and `resolve` look at.

mod addons;
mod access;
mod addresses;
mod application_gateway;
mod capacity;
mod certificates;
mod codes;
mod containers;
mod control_plane_addresses;
mod encryption;
mod flag_values;
mod flags;
mod forms;
mod hosts;
mod key_vaults;
mod machines;
mod offers;
mod on_prem;
mod outbound;
mod people;
mod places;
mod promises;
mod windows;

pub use codes::{RULES, Rule};

use jiff::Timestamp;

use super::cluster::Cluster;
use super::findings::Findings;
use super::input::ApiModel;

/// Judges a cluster by every rule. `now` is the moment at which certificates have to be valid.
pub(super) fn judge(cluster: &Cluster, model: &ApiModel, now: Option<Timestamp>, findings: &mut Findings) {
    machines::judge(cluster, model, findings);
    offers::judge(cluster, findings);
    addresses::judge(cluster, model, findings);
    outbound::judge(cluster, findings);
    capacity::judge(cluster, findings);
    people::judge(cluster, findings);
    access::judge(cluster, findings);
    windows::judge(cluster, model, findings);
    encryption::judge(cluster, findings);
    hosts::judge(cluster, findings);
    promises::judge(model, findings);
    flags::judge(cluster, model, findings);
    forms::judge(cluster, model, findings);
    flag_values::judge(cluster, findings);
    addons::judge(cluster, model, findings);
    application_gateway::judge(cluster, findings);
    places::judge(cluster, model, findings);
    certificates::judge(cluster, now, findings);
    key_vaults::judge(cluster, model, findings);
    on_prem::judge(cluster, findings);
}
