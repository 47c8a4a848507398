//! A cluster's entries: cluster, user and context of one name.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::KubeconfigError;
use super::document::{Document, Kind};
use super::record::Merged;
use crate::base::digest;
use crate::kubernetes::KubernetesCredentials;

const CURRENT_CONTEXT: &str = "current-context";
const AUTHORITY: &str = "certificate-authority-data";
const TLS_SERVER_NAME: &str = "tls-server-name";

/// What says otherwise how a cluster is trusted, or a user known.
///
/// Source: kubernetes/client-go, `tools/clientcmd/api/v1/types.go`, from memory.
const OTHER_TRUST: [&str; 2] = ["certificate-authority", "insecure-skip-tls-verify"];
const OTHER_CREDENTIALS: [&str; 10] = [
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "token",
    "tokenFile",
    "username",
    "password",
    "auth-provider",
    "exec",
];

/// What a kubeconfig is to know of a cluster.
#[derive(Debug, Clone)]
pub struct KubeconfigEntry {
    /// The name of cluster, user and context.
    pub name: String,
    /// The address of the API server, with scheme.
    pub server: String,
    /// The name in the API server's certificate, where the address has another.
    pub tls_server_name: Option<String>,
    /// The certificate of the cluster's authority, PEM.
    pub authority: String,
    /// Who asks.
    pub credentials: KubernetesCredentials,
}

/// By what an authority is known again.
pub(super) fn authority_digest(certificate: &str) -> String {
    digest(certificate.trim().as_bytes())
}

/// The same of the authority that a cluster's entry holds.
fn digest_of_entry(cluster: &Map<String, Json>) -> Option<String> {
    let encoded: String = cluster.get(AUTHORITY)?.as_str()?.split_whitespace().collect();
    let certificate = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    Some(authority_digest(&certificate))
}

impl Document {
    /// The context that is current, if one is.
    pub(super) fn current_context(&self) -> Option<&str> {
        self.root.get(CURRENT_CONTEXT)?.as_str().filter(|name| !name.is_empty())
    }

    /// Refuses a name that is another cluster's. A cluster is known by its authority: its address may change.
    pub(super) fn refuse_other(&self, path: &Path, name: &str, authority: Option<&str>) -> Result<(), KubeconfigError> {
        let other = if self.has(Kind::Cluster, name) {
            let known = self.find(Kind::Cluster, name).and_then(digest_of_entry);
            if known.is_none() || known != authority.map(authority_digest) {
                Some(Kind::Cluster)
            } else {
                // One's own cluster under another user is one's own; another cluster under this name is not.
                let leads_elsewhere = |context: &Map<String, Json>| context.get("cluster") != Some(&json!(name));
                self.find(Kind::Context, name).is_some_and(leads_elsewhere).then_some(Kind::Context)
            }
        } else {
            [Kind::Context, Kind::User].into_iter().find(|kind| self.has(*kind, name))
        };
        match other {
            None => Ok(()),
            Some(kind) => {
                Err(KubeconfigError::Other { path: path.to_owned(), kind: kind.word(), name: name.to_owned() })
            }
        }
    }

    /// Puts a cluster's entries in, or brings them up to date. What else they say stays, such as a context's namespace.
    pub(super) fn merge(&mut self, entry: &KubeconfigEntry) {
        let encode = |text: &str| json!(STANDARD.encode(text));
        if let Some(cluster) = self.entry(Kind::Cluster, &entry.name) {
            take_out(cluster, &OTHER_TRUST);
            cluster.insert(AUTHORITY.to_owned(), encode(&entry.authority));
            cluster.insert("server".to_owned(), json!(entry.server));
            match &entry.tls_server_name {
                Some(name) => _ = cluster.insert(TLS_SERVER_NAME.to_owned(), json!(name)),
                None => take_out(cluster, &[TLS_SERVER_NAME]),
            }
        }
        if let Some(context) = self.entry(Kind::Context, &entry.name) {
            context.insert("cluster".to_owned(), json!(entry.name));
            context.insert("user".to_owned(), json!(entry.name));
        }
        self.root.insert(CURRENT_CONTEXT.to_owned(), json!(entry.name));
        if let Some(user) = self.entry(Kind::User, &entry.name) {
            take_out(user, &OTHER_CREDENTIALS);
            match &entry.credentials {
                KubernetesCredentials::Certificate { certificate, key } => {
                    user.insert("client-certificate-data".to_owned(), encode(certificate));
                    user.insert("client-key-data".to_owned(), encode(key.expose()));
                }
                KubernetesCredentials::Token(token) => _ = user.insert("token".to_owned(), json!(token.expose())),
            }
        }
    }

    /// Takes a cluster's entries out, if they are still its own. Tells whether they were.
    pub(super) fn remove(&mut self, merged: &Merged) -> bool {
        let name = &merged.name;
        let known = self.find(Kind::Cluster, name).and_then(digest_of_entry);
        if known.as_ref() != Some(&merged.authority) {
            return false;
        }
        self.take_out(Kind::Cluster, name);
        if self.find(Kind::Context, name).is_none_or(|context| context.get("cluster") == Some(&json!(name))) {
            self.take_out(Kind::Context, name);
        }
        // Somebody may have made another context with the same user.
        if !self.entries(Kind::Context).any(|context| context["context"]["user"] == name.as_str()) {
            self.take_out(Kind::User, name);
        }
        if self.current_context().is_some_and(|current| current == name) && !self.has(Kind::Context, name) {
            let before = merged.previous_context.as_deref().filter(|before| self.has(Kind::Context, before));
            let before = json!(before.unwrap_or_default());
            self.root.insert(CURRENT_CONTEXT.to_owned(), before);
        }
        true
    }
}

/// Takes fields out; the others keep their order.
fn take_out(fields: &mut Map<String, Json>, names: &[&str]) {
    for name in names {
        fields.shift_remove(*name);
    }
}
