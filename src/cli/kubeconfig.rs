//! A cluster's entries in somebody's kubeconfig: what they say, and taking them out again with the cluster.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::error::CliError;
use super::session::Connected;
use super::{Call, Exit};
use crate::base::Secret;
use crate::cluster::{ClusterError, KubeconfigEntry, Reach, reach, unmerge_kubeconfigs};
use crate::contract::{AppliedResources, TargetName};
use crate::kubernetes::KubernetesCredentials;
use crate::model::Cluster;
use crate::pki::KeyMaterial;
use crate::view::harmless;

/// What a kubeconfig is to know of a cluster that is there.
///
/// # Errors
/// A target that does not answer, or does not know the API server's address.
pub async fn entry(
    connected: &Connected,
    cluster: &Cluster,
    keys: &KeyMaterial,
    applied: &AppliedResources,
) -> Result<KubeconfigEntry, CliError> {
    let name = cluster.dns_prefix.clone();
    if connected.session.target.name() == TargetName::Simulator {
        return simulated(connected, name).await;
    }
    let Reach { server, tls_server_name } = reach(&connected.session, cluster, applied).await?;
    Ok(KubeconfigEntry {
        name,
        server,
        tls_server_name,
        authority: keys.cluster_ca.certificate.clone(),
        credentials: KubernetesCredentials::Certificate {
            certificate: keys.administrator.certificate.clone(),
            key: keys.administrator.key.clone(),
        },
    })
}

/// A simulated cluster has its API server in the simulator, which gives a token for it. By its model's name a stranger might
/// be found.
async fn simulated(connected: &Connected, name: String) -> Result<KubeconfigEntry, CliError> {
    let group = &connected.session.scope.resource_group;
    let told = connected.arm()?.get(&format!("/simulator/kubeconfig?group={group}")).await?.unwrap_or_default();
    let text = |pointer: &str| told.pointer(pointer).and_then(Json::as_str);
    let authority = text("/clusters/0/cluster/certificate-authority-data");
    let authority = authority.and_then(|encoded| String::from_utf8(STANDARD.decode(encoded).ok()?).ok());
    let entry = || {
        Some(KubeconfigEntry {
            name,
            server: text("/clusters/0/cluster/server")?.to_owned(),
            tls_server_name: None,
            authority: authority?,
            credentials: KubernetesCredentials::Token(Secret::new(text("/users/0/user/token")?)),
        })
    };
    entry().ok_or_else(|| {
        CliError::new(Exit::Unavailable, "what runs as the simulator tells no kubeconfig")
            .help("stop it, and run the same command again")
    })
}

/// Takes the entries of a cluster that is destroyed out of every kubeconfig that they were put into. That changes nothing about
/// the cluster: what cannot be done is told with its remedy.
pub fn forget(call: &Call, folder: &Path) {
    let style = call.output.error_style;
    let warn = |error: ClusterError| {
        let help = error.help().map(|help| format!("\n{} {help}", style.strong("help:"))).unwrap_or_default();
        call.output.note(&format!("{} {}{}\n", style.warn("warning:"), harmless(&error.to_string()), harmless(&help)));
    };
    match unmerge_kubeconfigs(folder) {
        Err(error) => warn(error.into()),
        Ok(files) => {
            for told in files {
                let (file, name) = (told.file.display(), told.name);
                match told.outcome {
                    Ok(true) => call.output.note(&format!("took the context {} out of {file}\n", harmless(&name))),
                    Ok(false) => {}
                    Err(error) => warn(error.into()),
                }
            }
        }
    }
}
