//! Who may use a simulator, and what it is called: made once per folder, kept in `simulator.json` (mode 0600).

use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ServerError;
use crate::base::{Entropy, Secret, read_text, write_private};

/// What a client needs to get a token and to address resources.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The tenant, a GUID.
    pub tenant_id: String,
    /// The subscription, a GUID.
    pub subscription_id: String,
    /// The service principal's application id, a GUID.
    pub client_id: String,
    /// The service principal's object id, a GUID.
    pub object_id: String,
    /// The service principal's secret.
    pub client_secret: Secret,
}

/// All that is kept about a simulator.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) credentials: Credentials,
    /// Signs tokens and operation URLs.
    pub(super) signing_key: Secret,
    /// Where it listened the last time.
    pub(super) address: Option<SocketAddr>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    version: u32,
    tenant_id: String,
    subscription_id: String,
    client_id: String,
    object_id: String,
    client_secret: String,
    signing_key: String,
    address: Option<SocketAddr>,
}

const FILE: &str = "simulator.json";

impl Identity {
    /// Reads the folder's identity, or makes one.
    pub(super) fn of_folder(folder: &Path, entropy: &dyn Entropy) -> Result<Self, ServerError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(Self::fresh(entropy));
        }
        let text = read_text(&path)?;
        let document: Document = serde_json::from_str(&text).map_err(|cause| ServerError::Identity { path, cause })?;
        Ok(Self {
            credentials: Credentials {
                tenant_id: document.tenant_id,
                subscription_id: document.subscription_id,
                client_id: document.client_id,
                object_id: document.object_id,
                client_secret: Secret::new(document.client_secret),
            },
            signing_key: Secret::new(document.signing_key),
            address: document.address,
        })
    }

    fn fresh(entropy: &dyn Entropy) -> Self {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~._-";
        Self {
            credentials: Credentials {
                tenant_id: entropy.uuid().to_string(),
                subscription_id: entropy.uuid().to_string(),
                client_id: entropy.uuid().to_string(),
                object_id: entropy.uuid().to_string(),
                client_secret: Secret::new(entropy.text(LETTERS, 40)),
            },
            signing_key: Secret::new(entropy.text(LETTERS, 64)),
            address: None,
        }
    }

    /// Keeps it in the folder, for this process's successors and for clients in other processes.
    pub(super) fn keep(&self, folder: &Path) -> Result<(), ServerError> {
        let document = Document {
            version: 1,
            tenant_id: self.credentials.tenant_id.clone(),
            subscription_id: self.credentials.subscription_id.clone(),
            client_id: self.credentials.client_id.clone(),
            object_id: self.credentials.object_id.clone(),
            client_secret: self.credentials.client_secret.expose().to_owned(),
            signing_key: self.signing_key.expose().to_owned(),
            address: self.address,
        };
        let path = folder.join(FILE);
        let mut content = serde_json::to_vec_pretty(&document)
            .map_err(|cause| ServerError::Identity { path: path.clone(), cause })?;
        content.push(b'\n');
        Ok(write_private(&path, &content)?)
    }
}
