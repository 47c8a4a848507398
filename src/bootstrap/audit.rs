//! The API server's audit log: what it holds, and where it lies on the control plane's machines.
//!
//! As with aks-engine (`pkg/api/defaults-apiserver.go`, f634f52) there is one by default, at the same place and as large;
//! its policy is another: aks-engine's wrote the values of secrets into the log whenever one was made or changed.

use std::collections::BTreeMap;
use std::path::Path;

use super::custom_data::MachineFile;
use super::input::ControlPlaneMachine;
use super::view::VolumeView;
use super::{BootstrapError, templates};

/// Where the policy lies. `kubeadm reset` leaves the folder alone.
const POLICY: &str = "/etc/kubernetes/audit/policy.yaml";
const LOG: &str = "/var/log/kubeaudit/audit.log";

/// The API server's flags and their values: days, files, and MiB of a file.
const DEFAULTS: [(&str, &str); 5] = [
    ("audit-log-maxage", "30"),
    ("audit-log-maxbackup", "10"),
    ("audit-log-maxsize", "100"),
    ("audit-log-path", LOG),
    ("audit-policy-file", POLICY),
];

/// What the API server writes into its audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AuditPolicy {
    /// Nothing: there is no log.
    None,
    /// Who did what to which object, and the body of changes, except those that may hold secrets.
    #[default]
    Standard,
    /// What this policy says (YAML).
    Given(String),
}

/// The API server's arguments for its audit log; the user's go over them.
pub(super) fn arguments(machine: &ControlPlaneMachine) -> Vec<(&'static str, String)> {
    if machine.audit_policy == AuditPolicy::None {
        return Vec::new();
    }
    DEFAULTS.map(|(name, value)| (name, value.to_owned())).to_vec()
}

/// What the API server's container has to see of the machine: the policy's folder, and that of the log, where it writes.
pub(super) fn volumes(machine: &ControlPlaneMachine) -> Vec<VolumeView<'_>> {
    let given = &machine.api_server_arguments;
    let mut volumes = Vec::new();
    if has_own_policy(machine) {
        volumes.push(VolumeView::folder("audit-policy", parent(POLICY).unwrap_or_default()));
    }
    // A user's log counts without the policy of this, too.
    let log = given.get("audit-log-path").map(String::as_str);
    let log = log.or_else(|| (machine.audit_policy != AuditPolicy::None).then_some(LOG));
    // `-` is standard output; what lies at the top is the container's own.
    if let Some(folder) = log.and_then(parent).filter(|folder| folder.starts_with('/') && *folder != "/") {
        volumes.push(VolumeView { read_only: false, ..VolumeView::folder("audit-log", folder) });
    }
    volumes
}

/// The policy's file.
///
/// # Errors
/// When its template cannot be rendered.
pub(super) fn files(machine: &ControlPlaneMachine) -> Result<Vec<MachineFile>, BootstrapError> {
    let text = match &machine.audit_policy {
        AuditPolicy::Standard if has_own_policy(machine) => {
            templates::render("audit/policy.yaml", &BTreeMap::<&str, &str>::new())?
        }
        AuditPolicy::Given(text) if has_own_policy(machine) => text.clone(),
        _ => return Ok(Vec::new()),
    };
    Ok(vec![MachineFile::new(POLICY, "0600", text)])
}

/// Whether the policy is the one that is written here, and no custom file that a flag names.
fn has_own_policy(machine: &ControlPlaneMachine) -> bool {
    let named = machine.api_server_arguments.get("audit-policy-file");
    machine.audit_policy != AuditPolicy::None && named.is_none_or(|path| path == POLICY)
}

fn parent(path: &str) -> Option<&str> {
    Path::new(path).parent()?.to_str()
}
