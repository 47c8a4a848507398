//! The administrator's kubeconfig, and that of people who sign in.

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

/// A kubeconfig for people who sign in by Microsoft Entra ID. It holds no secret: kubectl asks kubelogin for a token, as
/// it has no sign-in of its own any more (since 1.26).
///
/// Source: Azure/kubelogin, `docs/book/src/concepts/exec-plugin.md`, read 2026-11-25.
pub fn sign_in_kubeconfig(
    cluster: &str,
    server: &str,
    authority: &str,
    environment: &str,
    [tenant, server_app, client_app]: [&str; 3],
) -> String {
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    let user = format!("{cluster}-user");
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": cluster, "cluster": { "certificate-authority-data": authority, "server": server } }],
        "users": [{
            "name": user,
            "user": { "exec": {
                "apiVersion": "client.authentication.k8s.io/v1beta1",
                "command": "kubelogin",
                "args": [
                    "get-token",
                    "--environment", environment,
                    "--server-id", server_app,
                    "--client-id", client_app,
                    "--tenant-id", tenant,
                    "--login", "devicecode",
                ],
                "installHint": "kubelogin is at https://aka.ms/aks/kubelogin",
                "interactiveMode": "IfAvailable",
                "provideClusterInfo": false,
            } },
        }],
        "contexts": [{ "name": cluster, "context": { "cluster": cluster, "user": user } }],
        "current-context": cluster,
    });
    format!("{document:#}\n")
}
