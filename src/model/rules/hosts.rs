//! How Linux machines are set up below Kubernetes.

use std::collections::BTreeMap;

use crate::base::Diagnostic;

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::pointers::{LINUX, MASTER, POOLS};
use super::super::pool::OperatingSystem;

pub(super) fn judge(cluster: &Cluster, findings: &mut Findings) {
    let linux = &cluster.linux;
    for (name, address) in
        linux.proxy.iter().flat_map(|proxy| [("httpProxy", &proxy.http), ("httpsProxy", &proxy.https)])
    {
        if address.as_ref().is_some_and(|address| !is_proxy(address.expose())) {
            let pointer = format!("{LINUX}/httpProxyConfig/{name}");
            // The address may hold a password, so it is not shown.
            let fault = Diagnostic::error("proxy-url", pointer, "this is not a proxy's address");
            findings.judge(&[], fault.help("write http://[user:password@]host:port, special letters as %xx"));
        }
    }
    if let Some(domain) = &linux.search_domain
        && !is_domain(domain)
    {
        let message = format!("\"{domain}\" is not a domain");
        let fault = Diagnostic::error("search-domain-form", format!("{LINUX}/customSearchDomain/name"), message);
        findings.judge(&[], fault.help("write a name such as corp.example.com"));
    }
    kernel_parameters(&cluster.control_plane.kernel_parameters, MASTER, findings);
    for pool in &cluster.pools {
        let pointer = format!("{POOLS}/{}", pool.index);
        kernel_parameters(&pool.kernel_parameters, &pointer, findings);
        if pool.operating_system == OperatingSystem::Windows {
            for (name, given) in [("sysctldConfig", !pool.kernel_parameters.is_empty()), ("auditDEnabled", pool.audit)]
            {
                if given {
                    let message = format!("{name} has no effect: pool \"{}\" runs Windows", pool.name);
                    let warning = Diagnostic::warning("no-effect", format!("{pointer}/{name}"), message);
                    findings.judge(&[], warning.help("leave it out to be rid of this warning"));
                }
            }
        }
    }
}

fn kernel_parameters(parameters: &BTreeMap<String, String>, pointer: &str, findings: &mut Findings) {
    for (name, value) in parameters {
        let named = name.split(['.', '/']).count() > 1
            && name.split(['.', '/']).all(|part| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-*".contains(&byte))
            });
        if !named || value.trim().is_empty() || value.chars().any(char::is_control) {
            let message = format!("\"{name} = {value}\" is not a kernel parameter");
            let key = name.replace('~', "~0").replace('/', "~1");
            let fault = Diagnostic::error("kernel-parameter", format!("{pointer}/sysctldConfig/{key}"), message);
            findings.judge(&[], fault.help("write one as sysctl knows it, such as \"net.core.somaxconn\": \"1024\""));
        }
    }
}

/// `http://` or `https://`, a host, and nothing that a shell, systemd or apt would take for more than a letter.
fn is_proxy(address: &str) -> bool {
    let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://")).unwrap_or_default();
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    host.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'[')
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%:@/[]!*+,=&".contains(&byte))
}

fn is_domain(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}
