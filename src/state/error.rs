//! What can be wrong with a state, each with a way out.

use std::path::PathBuf;

use super::Holder;
use crate::base::FileError;

/// What can be wrong with a state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is not what the engine wrote.
    #[error("{} is damaged: {cause}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
        /// The version before, if there is one and it is whole.
        backup: Option<PathBuf>,
    },
    /// A file was written by a newer engine.
    #[error("{} has format {format}, and this engine knows formats up to {known}", path.display())]
    NewerFormat {
        /// Which file.
        path: PathBuf,
        /// The format it has.
        format: u32,
        /// The newest format that this engine knows.
        known: u32,
    },
    /// Somebody else holds the lock.
    #[error("the cluster is locked by {holder}")]
    Held {
        /// Who.
        holder: Box<Holder>,
    },
    /// The folder has no state yet.
    #[error("{} holds no state", .0.display())]
    Absent(PathBuf),
    /// The state belongs to resources in another place.
    #[error("the state belongs to {known}, and this is {asked}")]
    Elsewhere {
        /// Where the resources are that the state knows.
        known: String,
        /// What was asked for.
        asked: String,
    },
    /// There is no interrupted run.
    #[error("there is no interrupted run in {}", .0.display())]
    NothingToResume(PathBuf),
}

impl StateError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::File(_) => "look at the folder's permissions and at the room left on its disk".to_owned(),
            Self::Damaged { path, backup: Some(backup), .. } => format!(
                "the version before is whole: copy {} over {}, then run `engine plan` to see what it misses",
                backup.display(),
                path.display()
            ),
            Self::Damaged { path, backup: None, .. } if path.ends_with("state.json") => {
                format!("put {} back from a copy of the folder; nothing is guessed", path.display())
            }
            Self::Damaged { path, backup: None, .. } => format!(
                "put {} back from a copy of the folder; or, to give the interrupted run up, move plan.json, journal.jsonl \
                 and secrets.json away and see with `engine plan` what is there",
                path.display()
            ),
            Self::NewerFormat { .. } => "use the engine that wrote it, or a newer one".to_owned(),
            Self::Held { .. } => "wait until it has ended, or end it; the lock ends with its process".to_owned(),
            Self::Absent(_) => "run `engine deploy` first, or name the cluster's folder with `-o`".to_owned(),
            Self::Elsewhere { .. } => {
                "use another folder for another cluster, or destroy the one that this folder knows first".to_owned()
            }
            Self::NothingToResume(_) => "run `engine plan` to see what there is to do".to_owned(),
        }
    }
}
