//! Secrets that the model names by their place in a key vault: read there while a plan is made, with the rights of whoever
//! makes it. A template says the place instead, and Azure's deployment service reads them.

use std::collections::BTreeMap;

use super::{ClusterError, Session};
use crate::base::Secret;
use crate::bootstrap::LONGEST_APPENDED;
use crate::contract::KeyVaultSecret;
use crate::expand::PRINCIPAL_SECRET_HANDLE;

/// Reads the secrets, by handle.
///
/// # Errors
/// A vault that does not answer, or does not let whoever asks read; a text that cannot be what it has to be.
pub(super) async fn read(
    session: &Session,
    places: &BTreeMap<String, KeyVaultSecret>,
) -> Result<BTreeMap<String, Secret>, ClusterError> {
    let mut secrets = BTreeMap::new();
    for (handle, place) in places {
        let secret = session.vaults.read(place).await?;
        let length = secret.expose().len();
        if handle == PRINCIPAL_SECRET_HANDLE && length > LONGEST_APPENDED {
            let name = format!("{}/secrets/{}", place.vault_name(), place.name);
            return Err(ClusterError::LongSecret { name, length });
        }
        secrets.insert(handle.clone(), secret);
    }
    Ok(secrets)
}
