//! How the cluster's machines are set up below Kubernetes, put into the input of `bootstrap`.

use crate::base::Secret;
use crate::bootstrap::{Extension, HostSettings, Proxy};
use crate::model::{Cluster, PreProvisionScript};

/// The settings of Linux machines; whether they audit, and the script they run first, are each pool's own.
pub(super) fn host_settings(cluster: &Cluster, audit: bool, script: Option<&PreProvisionScript>) -> HostSettings {
    let linux = &cluster.linux;
    let proxy = linux.proxy.as_ref();
    let roots = cluster.stack.iter().flat_map(|stack| &stack.root_certificates);
    HostSettings {
        proxy: proxy.filter(|proxy| proxy.http.is_some() || proxy.https.is_some()).map(|proxy| Proxy {
            http: proxy.http.clone(),
            https: proxy.https.clone(),
            bypass: proxy.bypass.clone(),
        }),
        authorities: proxy.iter().flat_map(|proxy| &proxy.trusted_authorities).chain(roots).cloned().collect(),
        search_domain: linux.search_domain.clone().unwrap_or_default(),
        mtu: linux.mtu,
        upgrade_on_bootstrap: linux.upgrade_on_bootstrap,
        unattended_upgrades: linux.unattended_upgrades,
        audit,
        extension: script.map(|script| Extension {
            name: script.name.clone(),
            file: script.script.rsplit('/').next().unwrap_or_default().to_owned(),
            url: script.url(),
            parameters: script.parameters.clone().unwrap_or_else(|| Secret::new("")),
        }),
    }
}
