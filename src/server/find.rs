//! Finding a simulator that runs in another process.

use std::fs::File;
use std::path::Path;

use super::identity::Identity;
use super::{Credentials, ServerError};
use crate::base::SystemEntropy;

/// The address and the credentials of the simulator that another process runs in `folder`; nothing if none does.
///
/// # Errors
/// A folder whose identity cannot be read.
pub fn find_running(folder: &Path) -> Result<Option<(String, Credentials)>, ServerError> {
    let Ok(lock) = File::options().write(true).open(folder.join("simulator.lock")) else { return Ok(None) };
    // The lock is held as long as its process lives, and only then is the address that is written down its address.
    if lock.try_lock().is_ok() {
        return Ok(None);
    }
    let identity = Identity::of_folder(folder, &SystemEntropy)?;
    Ok(identity.address.map(|address| (format!("http://{address}"), identity.credentials)))
}
