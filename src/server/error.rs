//! What can keep the server from running.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::base::FileError;
use crate::target::memory::StoreError;

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its folder cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its resources cannot be read back.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What it keeps about itself is damaged.
    #[error("{} is damaged: {cause}", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What the JSON reader said.
        #[source]
        cause: serde_json::Error,
    },
    /// A key or certificate of its own cannot be made or read.
    #[error("the simulator has no certificate to serve with: {0}")]
    Certificate(String),
    /// Another process serves from the same folder.
    #[error("another simulator is at work in {}", .0.display())]
    InUse(PathBuf),
    /// It would be reachable from other machines, and its secrets are not made for that.
    #[error("{0} is not an address of this machine alone; the simulator listens on loopback addresses only")]
    NotLoopback(SocketAddr),
    /// The time scale is negative or not a number.
    #[error("the time scale must be zero or a positive number, not {0}")]
    TimeScale(f64),
    /// The socket cannot be opened.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        cause: std::io::Error,
    },
}
