//! Why a verb cannot do its work.

use super::{Difference, KubeconfigError};
use crate::arm::EmitError;
use crate::base::FileError;
use crate::contract::{Fault, TargetName};
use crate::execute::ExecuteError;
use crate::expand::ExpandError;
use crate::pki::PkiError;
use crate::plan::PlanError;
use crate::state::StateError;

/// Why a verb cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The cluster's keys cannot be made or do not fit together.
    #[error(transparent)]
    Keys(#[from] PkiError),
    /// The cluster cannot be expanded into resources.
    #[error(transparent)]
    Expand(#[from] ExpandError),
    /// The resources cannot be written as a template.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The state cannot be read, written or locked.
    #[error(transparent)]
    State(#[from] StateError),
    /// No plan can be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The run cannot begin or go on.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The target says no, or nothing.
    #[error(transparent)]
    Target(#[from] Fault),
    /// The target cannot realise some of the resources.
    #[error("{} cannot make this cluster: {}", target.word(), reasons.join("; "))]
    Unsupported {
        /// The target.
        target: TargetName,
        /// One reason per type.
        reasons: Vec<String>,
        /// What to do instead.
        help: String,
    },
    /// There is no cluster in a folder.
    #[error("{} holds no cluster", folder.display())]
    NoCluster {
        /// The folder.
        folder: std::path::PathBuf,
    },
    /// Something on the command line contradicts what the folder knows.
    #[error("the cluster's {what} is `{known}`, not `{asked}`")]
    OtherPlace {
        /// What differs.
        what: &'static str,
        /// What the state knows.
        known: String,
        /// What was asked for.
        asked: String,
    },
    /// A pool cannot be scaled as asked.
    #[error("{problem}")]
    Scale {
        /// Why not.
        problem: String,
        /// What to do instead.
        help: String,
    },
    /// No machine of the cluster is meant, or several are.
    #[error("{problem}")]
    NoMachine {
        /// What is wrong.
        problem: String,
        /// Which machines there are.
        help: String,
    },
    /// Nothing leads to a machine.
    #[error("{problem}")]
    NoWay {
        /// Why not.
        problem: String,
        /// What would.
        help: String,
    },
    /// The world has moved since the plan was shown.
    #[error("the plan does not fit any more: {}", moved.join(", "))]
    Stale {
        /// What has moved, by name.
        moved: Vec<String>,
    },
    /// A file that should hold a kept plan does not.
    #[error("{} holds no plan", path.display())]
    NotAPlan {
        /// The file.
        path: std::path::PathBuf,
    },
    /// The resource group does not tell where the state of its cluster is kept.
    #[error("{}", untagged(group, *is_there))]
    Untagged {
        /// The group.
        group: String,
        /// Whether there is such a group.
        is_there: bool,
    },
    /// The state that would be begun knows resources already.
    #[error("{} knows {resources} resources already", place.display())]
    KnownAlready {
        /// Where.
        place: std::path::PathBuf,
        /// How many.
        resources: usize,
    },
    /// The resource group has nothing of a cluster.
    #[error("the resource group `{group}` has nothing of this cluster")]
    NothingToImport {
        /// The group.
        group: String,
    },
    /// The resource group has machines of several clusters.
    #[error("the resource group `{group}` has machines of several clusters: {several}")]
    SeveralClusters {
        /// The group.
        group: String,
        /// Their numbers.
        several: String,
    },
    /// What lies in a key vault is too long to be a service principal's secret.
    #[error(
        "the secret {name} has {length} bytes, and a service principal's has {} at most",
        crate::bootstrap::LONGEST_APPENDED
    )]
    LongSecret {
        /// The vault's name and the secret's.
        name: String,
        /// How long it is.
        length: usize,
    },
    /// Nothing was interrupted.
    #[error("there is no interrupted run to go on with")]
    NothingToResume,
    /// Something else was interrupted, and has to be finished first.
    #[error("`{verb}` was interrupted")]
    OtherRun {
        /// What.
        verb: String,
        /// The cluster's folder.
        folder: std::path::PathBuf,
    },
    /// There is another cluster than the one that is asked for.
    #[error("{} holds another cluster than the one that is asked for: {}", folder.display(), told(differences))]
    OtherRequest {
        /// The cluster's folder.
        folder: std::path::PathBuf,
        /// In what it is another; not empty.
        differences: Vec<Difference>,
    },
    /// The whole control plane is gone.
    #[error(
        "no control-plane machine is left: {} not there any more, and new ones would have nobody to join",
        all_gone(gone)
    )]
    ControlPlaneLost {
        /// The machines that were made and are gone.
        gone: Vec<String>,
    },
    /// Not all nodes are Ready when their time is over.
    #[error("after {} minutes {state}", within.as_secs() / 60)]
    NotReady {
        /// How many are, and what is missing.
        state: String,
        /// How long was waited.
        within: std::time::Duration,
    },
    /// The API server's name stands for no address.
    #[error("no public address of the cluster has the name {name}")]
    NoAddress {
        /// The name.
        name: String,
    },
    /// A kubeconfig cannot be used.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
}

impl ClusterError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::State(error) => Some(error.help()),
            Self::Execute(error) => Some(error.help().to_owned()),
            Self::Target(fault) => fault.help.clone(),
            Self::Unsupported { help, .. }
            | Self::Scale { help, .. }
            | Self::NoMachine { help, .. }
            | Self::NoWay { help, .. } => Some(help.clone()),
            Self::NoCluster { .. } => {
                Some("name its folder or its apimodel.json, or run `engine deploy` first".to_owned())
            }
            Self::OtherPlace { .. } => Some("leave the option out, or name another cluster's folder".to_owned()),
            Self::Stale { .. } => Some("run the verb again: it shows the plan for the world as it is now".to_owned()),
            Self::Untagged { .. } => Some(
                "name the cluster's folder with `-o`, or the state with `--state`; a cluster without a state is taken in by \
                 `engine import`"
                    .to_owned(),
            ),
            Self::KnownAlready { .. } => Some(
                "`engine refresh` reads it anew; to begin a state, name another folder with `-o`, or push one by `engine state push --force`"
                    .to_owned(),
            ),
            Self::NothingToImport { .. } => Some(
                "name its resource group with `-g`; the resources are known by their names and tags, which follow from the DNS prefix"
                    .to_owned(),
            ),
            Self::SeveralClusters { .. } => Some("name the one to import by its model".to_owned()),
            Self::NotAPlan { .. } => Some("make one by `engine plan --out FILE`".to_owned()),
            Self::LongSecret { .. } => {
                Some("put the secret itself into the vault: not a certificate, not a file".to_owned())
            }
            Self::NothingToResume => Some("run `engine plan` to see what there is to do".to_owned()),
            Self::OtherRun { folder, .. } => Some(format!("`engine resume -o {}` goes on with it", folder.display())),
            Self::OtherRequest { differences, .. } => {
                let helps: Vec<&str> = differences.iter().map(|difference| difference.help.as_str()).collect();
                Some(helps.join("; "))
            }
            Self::ControlPlaneLost { .. } => Some(
                "bring back the machines with their disks from a backup, if there is one; else `engine destroy` deletes what \
                 is left, and `engine deploy` then makes the cluster anew"
                    .to_owned(),
            ),
            Self::NotReady { .. } => Some(
                "look at the machines' consoles, and at /var/log/azure/cluster-provision.log on them; what is made stays, \
                 and the same command goes on waiting"
                    .to_owned(),
            ),
            Self::NoAddress { .. } => {
                Some("`engine plan` tells what is missing of the cluster, and `engine deploy` makes it".to_owned())
            }
            Self::Kubeconfig(error) => Some(error.help()),
            Self::File(_) | Self::Keys(_) | Self::Expand(_) | Self::Emit(_) | Self::Plan(_) => None,
        }
    }
}

fn told(differences: &[Difference]) -> String {
    let told: Vec<&str> = differences.iter().map(|difference| difference.message.as_str()).collect();
    told.join("; ")
}

fn all_gone(gone: &[String]) -> String {
    format!("{} {}", gone.join(", "), if gone.len() == 1 { "is" } else { "are" })
}

fn untagged(group: &str, is_there: bool) -> String {
    if is_there {
        format!(
            "the resource group `{group}` has no tag `{}` that tells where its cluster's state is",
            super::STATE_TAG
        )
    } else {
        format!("there is no resource group `{group}`")
    }
}
