//! Where gateways are told what to do, and tell what they have heard.

use std::path::PathBuf;

use crate::base::{FileError, create_private_directory, read_text, write_private};
use crate::contract::{Fault, FaultClass};
use crate::gateway::{CONFIGURATION_FILE, Configuration, MachineStatus, status_file};

/// The gateways of a host, each known by the name of its network.
pub trait Gateways: Send + Sync {
    /// Tells a gateway all that it has to do, if that is not what it was told last.
    ///
    /// # Errors
    /// The gateway cannot be told.
    fn configure(&self, network: &str, configuration: &Configuration) -> Result<(), Fault>;

    /// Whether a gateway is there to be told something.
    ///
    /// # Errors
    /// The host cannot be asked.
    fn is_there(&self, network: &str) -> Result<bool, Fault>;

    /// Whether a gateway is known to have heard what it was told last.
    fn is_told(&self, network: &str) -> bool;

    /// What a machine has told its gateway; nothing if it has not yet.
    ///
    /// # Errors
    /// The gateway cannot be asked.
    fn status(&self, network: &str, machine: &str) -> Result<Option<MachineStatus>, Fault>;

    /// Whether a network that is made now has two of them, which watch each other.
    fn come_in_pairs(&self) -> bool {
        false
    }

    /// Removes a gateway and all that it knows.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove(&self, network: &str) -> Result<(), Fault>;
}

/// Gateways that run as processes of this host, each in a folder of its own.
#[derive(Debug, Clone)]
pub struct FolderGateways {
    folder: PathBuf,
}

impl FolderGateways {
    /// Gateways whose folders lie below this one.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

fn failed(error: &FileError) -> Fault {
    Fault::new(FaultClass::Failed, "", error.to_string()).help("make the gateways' folder writable")
}

impl Gateways for FolderGateways {
    fn configure(&self, network: &str, configuration: &Configuration) -> Result<(), Fault> {
        let folder = self.folder.join(network);
        create_private_directory(&folder).map_err(|error| failed(&error))?;
        let text = configuration.text().map_err(|error| Fault::new(FaultClass::Failed, "", error.to_string()))?;
        let path = folder.join(CONFIGURATION_FILE);
        // A file that is the same is not written: the gateway would look at it for nothing.
        if std::fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(());
        }
        write_private(&path, text.as_bytes()).map_err(|error| failed(&error))
    }

    fn is_there(&self, _: &str) -> Result<bool, Fault> {
        // Somebody else sees to it.
        Ok(true)
    }

    fn is_told(&self, _: &str) -> bool {
        // What is written is written.
        true
    }

    fn status(&self, network: &str, machine: &str) -> Result<Option<MachineStatus>, Fault> {
        let Some(file) = status_file(machine) else { return Ok(None) };
        let path = self.folder.join(network).join(file);
        if !path.exists() {
            return Ok(None);
        }
        let text = read_text(&path).map_err(|error| failed(&error))?;
        // It is written by a rename, so that what cannot be read is not a status at all.
        Ok(serde_json::from_str(&text).ok())
    }

    fn remove(&self, network: &str) -> Result<(), Fault> {
        let folder = self.folder.join(network);
        match std::fs::remove_dir_all(&folder) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                Err(failed(&FileError { action: "remove", path: folder, cause }))
            }
            _ => Ok(()),
        }
    }
}
