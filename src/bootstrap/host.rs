//! How the machine itself is set up, below Kubernetes: proxies, trusted authorities, names, updates, auditing.

use serde::Serialize;

use super::input::ClusterSettings;
use crate::base::Secret;

/// How a machine is set up below Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSettings {
    /// The way out through a proxy.
    pub proxy: Option<Proxy>,
    /// Certificates of authorities that the machine trusts besides its distribution's (PEM, one each).
    pub authorities: Vec<String>,
    /// A domain that short names are looked up in; empty: none.
    pub search_domain: String,
    /// The MTU of the first interface; `None`: what the network tells.
    pub mtu: Option<u32>,
    /// Whether waiting updates are installed before the node starts.
    pub upgrade_on_bootstrap: bool,
    /// Whether security updates are installed by themselves afterwards.
    pub unattended_upgrades: bool,
    /// Whether the audit daemon runs.
    pub audit: bool,
    /// A script of the user's own that runs before anything is installed.
    pub extension: Option<Extension>,
}

impl Default for HostSettings {
    /// What a machine has whose model says nothing.
    fn default() -> Self {
        Self {
            proxy: None,
            authorities: Vec::new(),
            search_domain: String::new(),
            mtu: None,
            upgrade_on_bootstrap: false,
            unattended_upgrades: true,
            audit: false,
            extension: None,
        }
    }
}

/// A proxy for apt, containerd, the kubelet, kubeadm and what they start. Its addresses may hold passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// For http.
    pub http: Option<Secret>,
    /// For https.
    pub https: Option<Secret>,
    /// What is reached without it, besides the cluster's own names and ranges.
    pub bypass: Vec<String>,
}

/// A shell script of the user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its name: letters, digits, `-`, `_` and `.`; its folder's and its log's, too.
    pub name: String,
    /// Its file, without folders.
    pub file: String,
    /// Where it lies: an https address without quotation marks and backslashes.
    pub url: Secret,
    /// What it finds as its first argument; may be empty.
    pub parameters: Secret,
}

#[derive(Serialize)]
struct ExtensionView<'a> {
    name: &'a str,
    file: &'a str,
    url: &'a str,
    parameters: &'a str,
}

/// What templates may ask about the host.
#[derive(Serialize)]
pub(super) struct HostView<'a> {
    pub proxied: bool,
    http_proxy: &'a str,
    https_proxy: &'a str,
    no_proxy: String,
    authorities: usize,
    search_domain: &'a str,
    mtu: String,
    upgrade_on_bootstrap: bool,
    unattended_upgrades: bool,
    audit: bool,
    extension: Option<ExtensionView<'a>>,
}

impl<'a> HostView<'a> {
    pub(super) fn new(host: &'a HostSettings, cluster: &ClusterSettings) -> Self {
        let address = |address: Option<&'a Secret>| address.map_or("", |address| address.expose());
        let proxy = host.proxy.as_ref();
        Self {
            proxied: proxy.is_some(),
            http_proxy: address(proxy.and_then(|proxy| proxy.http.as_ref())),
            https_proxy: address(proxy.and_then(|proxy| proxy.https.as_ref())),
            no_proxy: proxy.map_or_else(String::new, |proxy| no_proxy(proxy, cluster)),
            authorities: host.authorities.len(),
            search_domain: &host.search_domain,
            mtu: host.mtu.map_or_else(String::new, |mtu| mtu.to_string()),
            upgrade_on_bootstrap: host.upgrade_on_bootstrap,
            unattended_upgrades: host.unattended_upgrades,
            audit: host.audit,
            extension: host.extension.as_ref().map(|extension| ExtensionView {
                name: &extension.name,
                file: &extension.file,
                url: extension.url.expose(),
                parameters: extension.parameters.expose(),
            }),
        }
    }
}

/// What no proxy may stand before: the machine itself, the cloud's own addresses, the cluster's names and ranges. The
/// API server reaches kubelets at addresses of the network, whose range the model's list has to name if the machines'
/// own network is not among the private ones.
fn no_proxy(proxy: &Proxy, cluster: &ClusterSettings) -> String {
    let mut all: Vec<String> = [
        "localhost",
        "127.0.0.0/8",
        "::1",
        "169.254.169.254",
        "168.63.129.16",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ]
    .map(str::to_owned)
    .to_vec();
    all.extend([".svc".to_owned(), format!(".{}", cluster.dns_domain), cluster.endpoint_name.clone()]);
    all.extend([
        cluster.internal_address.to_string(),
        cluster.pod_subnet.to_string(),
        cluster.service_subnet.to_string(),
    ]);
    all.extend(cluster.control_plane_addresses.iter().map(ToString::to_string));
    all.extend(
        cluster.ipv6.iter().flat_map(|ipv6| [ipv6.pod_subnet, ipv6.service_subnet]).map(|range| range.to_string()),
    );
    all.extend(proxy.bypass.iter().cloned());
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|one| seen.insert(one.clone()));
    all.join(",")
}
