//! The snapshot: what was applied, as of the last run that ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{StateError, sealed};
use crate::base::{read_own_text, write_private};
use crate::contract::{AppliedResources, TargetName};
use crate::graph::Scope;

/// Which cluster a state is of, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The cluster's name: its DNS prefix.
    pub cluster: String,
    /// Where its resources are made.
    pub target: TargetName,
    /// In which place there.
    pub scope: Scope,
}

impl Identity {
    /// Whether resources of the one are resources of the other.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.target == other.target
            && self.scope.subscription_id.eq_ignore_ascii_case(&other.scope.subscription_id)
            && self.scope.resource_group.eq_ignore_ascii_case(&other.scope.resource_group)
    }

    /// As people read it.
    pub(super) fn describe(&self) -> String {
        format!(
            "`{}` in the resource group `{}` of the subscription {} on {}",
            self.cluster,
            self.scope.resource_group,
            self.scope.subscription_id,
            self.target.word()
        )
    }
}

/// What the engine knows of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// A UUID given when the state began. Two states with different lineages have nothing to do with each other.
    pub lineage: String,
    /// How often it was written. Of two with the same lineage the one with the higher serial is newer.
    pub serial: u64,
    /// Which cluster it is of.
    #[serde(flatten)]
    pub identity: Identity,
    /// What was applied.
    pub applied: AppliedResources,
    /// What else has to be remembered, by name, such as the hash of the cluster's CA. No secrets.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// The id of the run whose journal was folded in last.
    #[serde(default)]
    pub folded: Option<String>,
}

impl Snapshot {
    /// Reads the snapshot of a file; nothing if the file is not there.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, StateError> {
        let read = |path: &Path| sealed::open(path)?.map(|opened| opened.value(path)).transpose();
        read(path).map_err(|error| match error {
            StateError::Damaged { path, cause, .. } => {
                let backup = Some(backup_of(&path)).filter(|backup| matches!(read(backup), Ok(Some(Self { .. }))));
                StateError::Damaged { path, cause, backup }
            }
            other => other,
        })
    }

    /// Writes the snapshot durably and keeps the one before.
    pub(super) fn write(&self, path: &Path) -> Result<(), StateError> {
        // One that is damaged does not take the place of a whole one.
        if let Ok(Some(_)) = sealed::open(path) {
            write_private(&backup_of(path), read_own_text(path)?.as_bytes())?;
        }
        // Without indentation, which would be most of it.
        sealed::write(path, None, |content| Ok(serde_json::to_writer(content, self)?)).map(drop)
    }
}

pub(super) fn backup_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".backup");
    name.into()
}
