//! The verbs, one file each: typed in, typed out. They observe, plan, execute and keep the state; they print nothing,
//! ask nothing, and do not know which target they work on.

mod access;
mod create;
mod definition;
mod deploy;
mod destroy;
mod doctor;
mod durations;
mod error;
mod generate;
mod import;
mod kubeconfig;
mod leftovers;
mod lost;
mod made;
mod nodes;
mod observe;
mod place;
mod reach;
mod refresh;
mod rehearsal;
mod resume;
mod run;
mod saved;
mod scale;
mod session;
mod stale;
mod status;
mod tags;
#[cfg(test)]
mod testing;
mod vaults;

pub use access::{
    Hop, HostOfUri, How, Member, Place, SshFiles, Way, find_member, host_of_uri, members, ssh_arguments, way_to,
};
pub use create::{Difference, Request};
pub use definition::{Definition, fact};
pub use deploy::prepare_deploy;
pub use destroy::{Beyond, prepare_destroy};
pub use doctor::{
    Demand, Finding, HostDemand, HostView, MachineDemand, PROVIDERS, VIRTUALISATION, Verdict, doctor, judge_host,
    preflight,
};
pub use error::ClusterError;
pub use generate::{Artifacts, Form, generate};
pub use import::{Imported, import_group, import_model, keys_of_aks_engine};
pub use kubeconfig::{
    KubeconfigEntry, KubeconfigError, Unmerged, kubeconfig_file, merge_kubeconfig, refuse_other_cluster,
    unmerge_kubeconfigs,
};
pub use nodes::{NodeWait, wait_for_nodes};
pub use observe::{observe, observe_applied};
pub use reach::{Reach, reach};
pub use refresh::{Refreshed, refresh};
pub use rehearsal::{Outlook, Scenery, documented, outlook, scenery};
pub use resume::{Interrupted, resume};
pub use run::{Finished, Prepared};
pub use saved::{Basis, SavedPlan};
pub use scale::{Scale, prepare_scale, scaled_model};
pub use session::Session;
pub use status::{Status, status};
pub use tags::{STATE_TAG, address_in_tags};
