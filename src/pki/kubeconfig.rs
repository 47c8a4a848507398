//! The administrator's kubeconfig.

use base64::Engine as _;
use serde_json::json;

use super::CertifiedKey;
use crate::base::Secret;

/// A kubeconfig as indented JSON (kubectl reads JSON as well as YAML), for `kubeconfig/kubeconfig.<location>.json`.
///
/// `cluster` names cluster, user and context as the engines before did; `server` is the address with scheme, such as
/// `https://mycluster.westus2.cloudapp.azure.com`.
pub fn kubeconfig(cluster: &str, server: &str, authority: &str, client: &CertifiedKey) -> Secret {
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let user = format!("{cluster}-admin");
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": cluster,
            "cluster": { "certificate-authority-data": encode(authority), "server": server },
        }],
        "users": [{
            "name": user,
            "user": {
                "client-certificate-data": encode(&client.certificate),
                "client-key-data": encode(client.key.expose()),
            },
        }],
        "contexts": [{ "name": cluster, "context": { "cluster": cluster, "user": user } }],
        "current-context": cluster,
    });
    Secret::new(format!("{document:#}\n"))
}
