//! What can be wrong with keys.

use crate::base::FileError;

/// A key or certificate could not be made, read or used. Messages name the file or the part, never key material.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file of the folder could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A text is not the PEM that it should be.
    #[error("`{name}` cannot be read: {cause}")]
    Malformed {
        /// The file or part, such as `ca.crt`.
        name: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A certificate and a key that do not belong together.
    #[error("`{certificate}` and `{key}` do not belong together: the certificate holds another public key")]
    Mismatch {
        /// The file.or part.
        certificate: String,
        /// The key's file or part.
        key: String,
    },
    /// One half of a pair.
    #[error("`{present}` is there but `{missing}` is not: give both or neither")]
    Incomplete {
        /// The half that is there.
        present: String,
        /// The half that is not.
        missing: String,
    },
    /// A given key differs from the one that the folder holds.
    #[error(
        "the folder already holds another `{name}` than the one given: generating again does not change a cluster's keys"
    )]
    Conflict {
        /// The file.
        name: String,
    },
    /// A certificate that cannot sign others.
    #[error("`{name}` is no certificate authority: it lacks the basic constraint `CA`")]
    NotAnAuthority {
        /// The file.or part.
        name: String,
    },
    /// A certificate whose time has passed or not come.
    #[error("`{name}` is valid from {not_before} to {not_after} only, which does not include now")]
    NotValidNow {
        /// The file.or part.
        name: String,
        /// The first moment.
        not_before: String,
        /// The last moment.
        not_after: String,
    },
    /// A leaf that another authority has issued.
    #[error("`{name}` was not issued by the authority that the cluster has, but by `{issuer}`")]
    NotIssued {
        /// The part.
        name: String,
        /// Who issued it, by its own word.
        issuer: String,
    },
    /// A certificate that cannot serve its purpose.
    #[error("`{name}` cannot be used: {problem}")]
    Unfit {
        /// The part.
        name: String,
        /// Why not.
        problem: &'static str,
    },
    /// The library could not make a key or sign a certificate.
    #[error("cannot make {what}: {cause}")]
    Making {
        /// What was to be made.
        what: String,
        /// What the library said.
        cause: String,
    },
}

impl PkiError {
    /// The file or part at which something has to be changed, if it is one.
    pub fn place(&self) -> Option<&str> {
        match self {
            Self::Malformed { name, .. }
            | Self::Conflict { name }
            | Self::NotAnAuthority { name }
            | Self::NotValidNow { name, .. }
            | Self::NotIssued { name, .. }
            | Self::Unfit { name, .. } => Some(name),
            Self::Mismatch { key, .. } => Some(key),
            Self::Incomplete { missing, .. } => Some(missing),
            Self::File(_) | Self::Making { .. } => None,
        }
    }
}
