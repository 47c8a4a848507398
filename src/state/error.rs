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
    /// The lock was held and is not any more.
    #[error("the lock of {} was taken away{}; nothing was written since", place.display(), by(holder.as_deref()))]
    Lost {
        /// Where.
        place: PathBuf,
        /// Who holds it now, if that is known.
        holder: Option<Box<Holder>>,
    },
    /// Nobody holds the lock.
    #[error("nobody holds the lock of {}", .0.display())]
    NotLocked(PathBuf),
    /// The lock has another id than the one that was told.
    #[error("the lock is not `{asked}`: it is held by {holder}")]
    OtherLock {
        /// The id that was told.
        asked: String,
        /// Who holds it.
        holder: Box<Holder>,
    },
    /// A state of another cluster would be overwritten.
    #[error("the lineage of the given state is {given}, and of the one in {} it is {known}", place.display())]
    OtherLineage {
        /// Where.
        place: PathBuf,
        /// The lineage there.
        known: String,
        /// The lineage given.
        given: String,
    },
    /// A newer state would be overwritten.
    #[error("the given state has serial {given}, and the one in {} has {known}", place.display())]
    OlderSerial {
        /// Where.
        place: PathBuf,
        /// The serial there.
        known: u64,
        /// The serial given.
        given: u64,
    },
    /// The given state has the serial of the one there, and says something else.
    #[error("the given state has serial {serial} like the one in {}, and says something else", place.display())]
    SameSerial {
        /// Where.
        place: PathBuf,
        /// The serial of both.
        serial: u64,
    },
    /// A run was interrupted, and what it did would be forgotten.
    #[error("an interrupted run is recorded in {}", .0.display())]
    RunThere(PathBuf),
    /// The folder's own state would be left behind.
    #[error("{} holds a state of its own, and the one in {} is not it", folder.display(), place.display())]
    StateInFolder {
        /// The folder.
        folder: PathBuf,
        /// The place that was asked for.
        place: PathBuf,
    },
    /// A file of the folder and its counterpart beside the state have both changed.
    #[error("{} was changed here and by somebody else", .0.display())]
    BothChanged(PathBuf),
    /// An address that names no store.
    #[error("`{address}` is no address of a state: {problem}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A store of objects needs a key that was not given, or was not good.
    #[error("{0}")]
    Key(String),
    /// The key does not open the state.
    #[error("the key that was given does not open the state in {}", .0.display())]
    WrongKey(PathBuf),
    /// The store does not do what was asked.
    #[error("{}: {cause}", place.display())]
    Remote {
        /// Where.
        place: PathBuf,
        /// What it said.
        cause: String,
        /// Whether it refused us, and not only failed.
        refused: bool,
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
            Self::Damaged { path, backup, .. } if is_remote(path) => match backup {
                Some(_) => "a version before is whole: `engine state pull --backup --out state.json` gets it, and \
                     `engine state push state.json --force` puts it in place; then run `engine plan` to see what it misses"
                    .to_owned(),
                None => "put a copy in its place by `engine state push FILE --force`; nothing is guessed".to_owned(),
            },
            Self::Damaged { path, backup: Some(backup), .. } => format!(
                "the version before is whole: copy {} over {}, then run `engine plan` to see what it misses",
                backup.display(),
                path.display()
            ),
            Self::Damaged { path, backup: None, .. } if path.ends_with("state.json") => {
                format!("put {} back from a copy of the folder; nothing is guessed", path.display())
            }
            Self::Damaged { path, backup: None, .. } if !path.parent().is_some_and(|folder| folder.ends_with("state")) => {
                format!("{} is not as the engine wrote it: take a copy that is, or make it anew", path.display())
            }
            Self::Damaged { path, backup: None, .. } => format!(
                "put {} back from a copy of the folder; or, to give the interrupted run up, move plan.json, journal.jsonl \
                 and secrets.json away and see with `engine plan` what is there",
                path.display()
            ),
            Self::NewerFormat { .. } => "use the engine that wrote it, or a newer one".to_owned(),
            Self::Held { holder } if holder.id.is_empty() => {
                "wait until it has ended, or end it; the lock ends with its process".to_owned()
            }
            Self::Held { holder } => format!(
                "wait until it has ended; if it is gone for good, `engine unlock {}` takes the lock away from it",
                holder.id
            ),
            Self::Lost { .. } => "run `engine plan` to see how things are; what was requested may still be under way".to_owned(),
            Self::NotLocked(_) => "there is nothing to unlock".to_owned(),
            Self::OtherLock { holder, .. } => {
                format!("look whether that one is still at work; if it is not: `engine unlock {}`", holder.id)
            }
            Self::OtherLineage { .. } => {
                "the two have nothing to do with each other: name another place, or say --force to overwrite".to_owned()
            }
            Self::OlderSerial { .. } | Self::SameSerial { .. } => {
                "look at both by `engine state show`; --force puts the given one in place".to_owned()
            }
            Self::RunThere(_) => "run `engine resume` first; --force gives that run up".to_owned(),
            Self::StateInFolder { folder, place } => format!(
                "leave --state out; or move it there: `engine state pull -o {0} --out state.json`, then \
                 `engine state push state.json -o {0} --state {1}`",
                folder.display(),
                place.display()
            ),
            Self::BothChanged(path) => {
                format!("move {} away to take what is kept beside the state, then make your change again", path.display())
            }
            Self::Address { .. } => {
                "write azblob://ACCOUNT/CONTAINER/PREFIX, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX".to_owned()
            }
            Self::Key(_) => "give a file by --state-key (made by `openssl rand -base64 32`), or a passphrase by \
                 ENGINE_STATE_PASSPHRASE"
                .to_owned(),
            Self::WrongKey(_) => "give the key or the passphrase with which the state was begun; nothing else opens it".to_owned(),
            Self::Remote { refused: true, .. } => {
                "give credentials that may read and write there, by the environment; docs/state.md lists the variables".to_owned()
            }
            Self::Remote { .. } => "see whether the store can be reached from here, then run the command again".to_owned(),
            Self::Absent(_) => "run `engine deploy` first, or name the cluster's folder with `-o`".to_owned(),
            Self::Elsewhere { .. } => {
                "use another folder for another cluster, or destroy the one that this folder knows first".to_owned()
            }
            Self::NothingToResume(_) => "run `engine plan` to see what there is to do".to_owned(),
        }
    }
}

fn by(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(" and is held by {holder}")).unwrap_or_default()
}

/// Whether what stands for a file is an object in a store.
fn is_remote(path: &std::path::Path) -> bool {
    path.to_string_lossy().contains("://")
}
