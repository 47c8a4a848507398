//! A plan kept in a file, to be approved by somebody and carried out later: exactly that plan, or nothing.
//!
//! The file holds no secret. It says which model and keys it was made from by their digests; the model itself is kept
//! in the cluster's folder (`planned/<digest>.json`, for its owner only), and so are the keys. Before the plan runs it
//! is made once more for the world as it is then: if it is not the same, or one of the resources that it changes is not
//! as it was, it is refused, and what moved is told.
//!
//! Deliberately absent: options of the command line. What they said is in the model that is kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ClusterError, Prepared};
use crate::base::{Files, Secret, digest, read_text};
use crate::contract::{Operation, TargetName};
use crate::graph::ResourceKey;
use crate::plan::{ObservedResources, Plan};
use crate::state::{Snapshot, is_sealed, read_sealed, write_sealed};

/// Below this folder of a cluster lie the models of plans that are kept.
const PLANNED: &str = "planned";

/// What a plan was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// The state's lineage; none if there was no state.
    pub lineage: Option<String>,
    /// The state's serial.
    pub serial: u64,
    /// The digest of the resolved model, which may hold secrets: taken together with the key of the cluster's CA, so that
    /// nobody who reads the plan can try out passwords.
    pub model: String,
    /// The digest of each secret, by handle, taken in the same way: a changed key or a changed script shows here.
    pub secrets: BTreeMap<String, String>,
    /// The digest of each resource that the plan changes, as it was observed; none where it was not there.
    pub observed: BTreeMap<ResourceKey, Option<String>>,
}

impl Basis {
    /// What `plan` was made from. `key` is a secret of the cluster's that stays the same.
    pub(super) fn new(
        snapshot: Option<&Snapshot>,
        key: &Secret,
        model: &str,
        secrets: &BTreeMap<String, Secret>,
        observed: &ObservedResources,
        plan: &Plan,
    ) -> Self {
        let changed = plan.steps.iter().filter_map(|step| match &step.operation {
            Operation::Change(change) => Some(change.key.clone()),
            Operation::Act(_) => None,
        });
        let keyed = |text: &str| digest(format!("{}\n{text}", key.expose()).as_bytes());
        let observed = changed
            .map(|key| {
                let body = observed.get(&key).and_then(|seen| seen.observation.as_ref()).map(|seen| &seen.body);
                let digest = body.map(|body| digest(body.to_string().as_bytes()));
                (key, digest)
            })
            .collect();
        Self {
            lineage: snapshot.map(|snapshot| snapshot.lineage.clone()),
            serial: snapshot.map_or(0, |snapshot| snapshot.serial),
            model: keyed(model),
            secrets: secrets.iter().map(|(handle, secret)| (handle.clone(), keyed(secret.expose()))).collect(),
            observed,
        }
    }

    /// What has moved from this basis to another, by name; empty if nothing has.
    fn moved(&self, now: &Self) -> Vec<String> {
        let mut moved = Vec::new();
        if self.lineage != now.lineage {
            moved.push("the folder holds another cluster's state".to_owned());
        } else if self.serial != now.serial {
            moved.push(format!("the state was written since (serial {}, by now {})", self.serial, now.serial));
        }
        if self.model != now.model {
            moved.push("the model means something else to this version of the engine".to_owned());
        }
        let handles = self.secrets.keys().chain(now.secrets.keys()).collect::<std::collections::BTreeSet<_>>();
        let changed = handles.into_iter().filter(|handle| self.secrets.get(*handle) != now.secrets.get(*handle));
        moved.extend(changed.map(|handle| format!("the secret `{handle}` is another one")));
        for (key, before) in &self.observed {
            let name = key.name();
            match (before, now.observed.get(key)) {
                (_, None) => moved.push(format!("{name} needs no change any more")),
                (Some(_), Some(None)) => moved.push(format!("{name} is not there any more")),
                (None, Some(Some(_))) => moved.push(format!("{name} is there by now")),
                (before, Some(after)) if before != after => moved.push(format!("{name} was changed")),
                _ => {}
            }
        }
        let new = now.observed.keys().filter(|key| !self.observed.contains_key(*key));
        moved.extend(new.map(|key| format!("{} needs a change by now", key.name())));
        moved
    }
}

/// A plan as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    /// Always [`SavedPlan::KIND`].
    pub kind: String,
    /// The engine that made it.
    pub engine: String,
    /// When it was made.
    pub made: Timestamp,
    /// Where it is to run.
    pub target: TargetName,
    /// The cluster's folder, from the root.
    pub folder: PathBuf,
    /// What it was made from.
    pub basis: Basis,
    /// The plan.
    pub plan: Plan,
}

impl SavedPlan {
    /// The word by which the file is known.
    pub const KIND: &'static str = "plan";

    /// Whether a file is a kept plan, and not a model.
    pub fn is_in(path: &Path) -> bool {
        read_text(path).is_ok_and(|text| is_sealed(&text))
    }

    /// Reads a kept plan.
    ///
    /// # Errors
    /// A file that is missing, damaged, of a newer engine, or no plan.
    pub fn read(path: &Path) -> Result<Self, ClusterError> {
        let absent = || ClusterError::NotAPlan { path: path.to_owned() };
        let saved: Self = read_sealed(path)?.ok_or_else(absent)?;
        if saved.kind == Self::KIND { Ok(saved) } else { Err(absent()) }
    }

    /// The model that it was made from, in the cluster's folder. Whether it is still the same shows when the plan is made
    /// once more.
    ///
    /// # Errors
    /// It is gone.
    pub fn model(&self, folder: &Path) -> Result<PathBuf, ClusterError> {
        let path = planned_model(folder, &self.basis.model);
        if path.is_file() {
            return Ok(path);
        }
        Err(ClusterError::Stale { moved: vec![format!("{} is gone, the model of this plan", path.display())] })
    }

    /// Refuses the plan if `now`, the same plan made for the world as it is, is not the same.
    ///
    /// # Errors
    /// [`ClusterError::Stale`] with what has moved.
    pub fn refuse_stale(&self, now: &Prepared) -> Result<(), ClusterError> {
        let mut moved = self.basis.moved(&now.basis);
        if moved.is_empty() && (self.plan.scope != now.plan.scope || self.plan.steps != now.plan.steps) {
            moved.push("this version of the engine would do something else".to_owned());
        }
        if moved.is_empty() { Ok(()) } else { Err(ClusterError::Stale { moved }) }
    }
}

fn planned_model(folder: &Path, digest: &str) -> PathBuf {
    let name = digest.trim_start_matches("sha256:");
    folder.join(PLANNED).join(format!("{}.json", &name[..name.len().min(16)]))
}

impl Prepared {
    /// Keeps the plan in a file, and what it needs to run later in the cluster's folder: the keys and the model.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn save(&self, path: &Path, made: Timestamp) -> Result<(), ClusterError> {
        let failed = |cause| crate::base::FileError { action: "find", path: self.store.folder().to_owned(), cause };
        let mut kept = Files::default();
        for name in self.files.paths() {
            let content = self.files.content(name).unwrap_or_default();
            if name == Path::new("apimodel.json") {
                let planned = planned_model(Path::new(""), &self.basis.model);
                kept.private(planned, content);
            } else if name.components().count() == 1 && !name.to_string_lossy().starts_with("azuredeploy") {
                // The keys. A cluster that exists has the same already.
                kept.private(name, content);
            }
        }
        kept.write(self.store.folder())?;
        let saved = SavedPlan {
            kind: SavedPlan::KIND.to_owned(),
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            made,
            target: self.identity.target,
            folder: std::path::absolute(self.store.folder()).map_err(failed)?,
            basis: self.basis.clone(),
            plan: self.plan.clone(),
        };
        Ok(write_sealed(path, &saved)?)
    }

    /// Puts away the models of plans that are kept: whatever ran since has made them old.
    pub(super) fn forget_saved(folder: &Path) {
        // A folder that cannot be removed does no harm: its plans are refused by the state's serial.
        let _ = std::fs::remove_dir_all(folder.join(PLANNED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(observed: &[(&str, Option<&str>)]) -> Basis {
        let key = |name: &str| ResourceKey::named("Microsoft.Network/virtualNetworks", name);
        Basis {
            lineage: Some("one".to_owned()),
            serial: 3,
            model: "sha256:1".to_owned(),
            secrets: [("pool/customData".to_owned(), "sha256:2".to_owned())].into(),
            observed: observed.iter().map(|(name, seen)| (key(name), seen.map(str::to_owned))).collect(),
        }
    }

    #[test]
    fn each_thing_that_moved_is_told_by_name() {
        let before = basis(&[("new", None), ("old", Some("a")), ("both", Some("b")), ("done", Some("c"))]);
        assert!(before.moved(&before).is_empty());
        let mut after = basis(&[("new", Some("x")), ("old", None), ("both", Some("y")), ("more", None)]);
        after.serial = 4;
        after.model.push('1');
        after.secrets.insert("pool/customData".to_owned(), "sha256:3".to_owned());
        assert_eq!(
            before.moved(&after),
            [
                "the state was written since (serial 3, by now 4)",
                "the model means something else to this version of the engine",
                "the secret `pool/customData` is another one",
                "both was changed",
                "done needs no change any more",
                "new is there by now",
                "old is not there any more",
                "more needs a change by now",
            ]
        );
        after.lineage = None;
        assert_eq!(before.moved(&after)[0], "the folder holds another cluster's state");
    }
}
