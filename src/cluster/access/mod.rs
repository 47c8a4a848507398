//! Ways into the machines of a cluster: which machine is meant, how it is reached, and what the program is told that goes
//! there. Nothing is changed, and nobody is signed in here.

mod command;
mod host;
mod members;
mod search;
#[cfg(test)]
mod trials;
mod way;

pub use command::{SshFiles, ssh_arguments};
pub use host::{HostOfUri, host_of_uri};
pub use members::{Member, Place, find_member, members};
pub use way::{Hop, How, Way, way_to};
