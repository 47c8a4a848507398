//! What can be wrong with a kubeconfig. Nothing of its content is told: it holds secrets.

use std::path::PathBuf;

use crate::base::FileError;

/// A kubeconfig cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// A file that cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A text that is no kubeconfig.
    #[error("{} is no kubeconfig: {problem}", place(path, *at))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line and column, from 1, if they are known.
        at: Option<(u64, u64)>,
        /// What is wrong.
        problem: String,
    },
    /// A name that is somebody else's.
    #[error("{} has a {kind} `{name}` already, which is not this cluster's", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// `cluster`, `context` or `user`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Somebody else is at work on it.
    #[error("{} is locked: {} is there", path.display(), lock.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// The lock.
        lock: PathBuf,
    },
    /// Nobody says where it is.
    #[error("it is not known where your kubeconfig is: neither KUBECONFIG nor HOME is set")]
    NoPlace,
    /// A value that would not come back as it was.
    #[error("{} cannot be written again without changing what is in it", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
    },
}

impl KubeconfigError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::File(_) => "see that you may write there, or name another file by --kubeconfig".to_owned(),
            Self::Malformed { .. } => "mend it (`kubectl config view` reads it too), or name another file by \
                                       --kubeconfig"
                .to_owned(),
            Self::Other { name, .. } => format!(
                "choose another name; or name another file by --kubeconfig; or, if nobody needs it, take it out: \
                 kubectl config delete-context {name}; kubectl config delete-cluster {name}; kubectl config \
                 delete-user {name}"
            ),
            Self::Locked { lock, .. } => {
                format!("wait until kubectl has done its work; if none is at work, remove {}", lock.display())
            }
            Self::NoPlace => "name a file by --kubeconfig".to_owned(),
            Self::Unwritable { .. } => "name another file by --kubeconfig; KUBECONFIG can name several".to_owned(),
        }
    }
}

fn place(path: &std::path::Path, at: Option<(u64, u64)>) -> String {
    match at {
        Some((line, column)) => format!("{}:{line}:{column}", path.display()),
        None => path.display().to_string(),
    }
}
