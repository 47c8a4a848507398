//! Who may use a simulator, and what it is called: made once per folder, kept in `simulator.json` (mode 0600).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ServerError;
use super::token_key::{self, TokenKey};
use crate::base::{Entropy, Secret, SystemClock, read_text, write_private};
use crate::pki::CertifiedKey;

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
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) credentials: Credentials,
    /// Signs operation URLs.
    pub(super) signing_key: Secret,
    /// Signs tokens.
    pub(super) token_key: Arc<TokenKey>,
    /// The same as text.
    token_key_pem: Secret,
    /// Vouches for its server.
    pub(super) authority: CertifiedKey,
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
    /// Those of folders that an older version made lack what follows.
    token_key: Option<String>,
    authority_certificate: Option<String>,
    authority_key: Option<String>,
    address: Option<SocketAddr>,
}

const FILE: &str = "simulator.json";
/// The certificate that clients have to trust, which is no secret.
const AUTHORITY_FILE: &str = "simulator-ca.crt";

/// By the clock of this machine: clients judge certificates by theirs, whatever time it is in the simulator.
fn new_authority() -> Result<CertifiedKey, ServerError> {
    CertifiedKey::loopback_authority("engine simulator", &SystemClock)
        .map_err(|cause| ServerError::Certificate(cause.to_string()))
}

impl Identity {
    /// Reads the folder's identity, or makes one.
    pub(super) fn of_folder(folder: &Path, entropy: &dyn Entropy) -> Result<Self, ServerError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Self::fresh(entropy);
        }
        let text = read_text(&path)?;
        let document: Document = serde_json::from_str(&text).map_err(|cause| ServerError::Identity { path, cause })?;
        let token_key_pem = match document.token_key {
            Some(pem) => Secret::new(pem),
            None => token_key::generate(entropy)?,
        };
        let authority = match (document.authority_certificate, document.authority_key) {
            (Some(certificate), Some(key)) => CertifiedKey { certificate, key: Secret::new(key) },
            _ => new_authority()?,
        };
        Ok(Self {
            credentials: Credentials {
                tenant_id: document.tenant_id,
                subscription_id: document.subscription_id,
                client_id: document.client_id,
                object_id: document.object_id,
                client_secret: Secret::new(document.client_secret),
            },
            signing_key: Secret::new(document.signing_key),
            token_key: Arc::new(TokenKey::new(&token_key_pem)?),
            token_key_pem,
            authority,
            address: document.address,
        })
    }

    fn fresh(entropy: &dyn Entropy) -> Result<Self, ServerError> {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~._-";
        let token_key_pem = token_key::generate(entropy)?;
        Ok(Self {
            credentials: Credentials {
                tenant_id: entropy.uuid().to_string(),
                subscription_id: entropy.uuid().to_string(),
                client_id: entropy.uuid().to_string(),
                object_id: entropy.uuid().to_string(),
                client_secret: Secret::new(entropy.text(LETTERS, 40)),
            },
            signing_key: Secret::new(entropy.text(LETTERS, 64)),
            token_key: Arc::new(TokenKey::new(&token_key_pem)?),
            token_key_pem,
            authority: new_authority()?,
            address: None,
        })
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
            token_key: Some(self.token_key_pem.expose().to_owned()),
            authority_certificate: Some(self.authority.certificate.clone()),
            authority_key: Some(self.authority.key.expose().to_owned()),
            address: self.address,
        };
        let path = folder.join(FILE);
        let mut content = serde_json::to_vec_pretty(&document)
            .map_err(|cause| ServerError::Identity { path: path.clone(), cause })?;
        content.push(b'\n');
        write_private(&path, &content)?;
        Ok(write_private(&folder.join(AUTHORITY_FILE), self.authority.certificate.as_bytes())?)
    }
}
