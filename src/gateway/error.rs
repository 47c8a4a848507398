//! What can go wrong with a gateway.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::ConfigurationError;
use crate::base::FileError;

/// What keeps a gateway from starting or from doing its work.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Its configuration is none.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// A file that cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// An address that nobody can listen on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// There is no interface with a hardware address that there should be one with.
    #[error("no interface has the hardware address {0}: the way into the site's network is missing")]
    NoInterface(String),
    /// A text that cannot be made.
    #[error("the template {template} cannot be rendered: {cause}")]
    Template {
        /// The template.
        template: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// A program that is not there or fails.
    #[error("{program} failed: {cause}")]
    Program {
        /// The program.
        program: PathBuf,
        /// What it, or the system, says.
        cause: String,
    },
}
