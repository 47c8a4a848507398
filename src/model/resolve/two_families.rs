//! The second address family: a cluster of IPv4 and IPv6.

use std::net::Ipv6Addr;

use ipnet::{IpNet, Ipv6Net};

use crate::base::Diagnostic;
use crate::catalog::Cloud;

use super::super::network::{Ipv6Ranges, NetworkPlugin};
use super::super::pointers::{PROPERTIES, pool};
use super::{Context, Resolver, kubernetes_pointer};

/// The ranges of aks-engine (`pkg/api/const.go`, f634f52). It has no second subnet of its own for the workers.
const VNET: Ipv6Net = range([0x2001, 0x1234, 0x5678, 0x9a00, 0, 0, 0, 0], 56);
const NODE_SUBNET: Ipv6Net = range([0x2001, 0x1234, 0x5678, 0x9abc, 0, 0, 0, 0], 64);
const AGENT_SUBNET: Ipv6Net = range([0x2001, 0x1234, 0x5678, 0x9abd, 0, 0, 0, 0], 64);
const POD_RANGE: Ipv6Net = range([0xfc00, 0, 0, 0, 0, 0, 0, 0], 48);
const SERVICE_RANGE: Ipv6Net = range([0xfd00, 0, 0, 0, 0, 0, 0, 0], 108);

/// Kubernetes gives each node a /64 of a range that is at most 16 bits larger, and services at most 20 bits
/// (kube-controller-manager and kube-apiserver 1.36, read 2026-11-25).
const POD_PREFIXES: std::ops::RangeInclusive<u8> = 48..=63;
const SERVICE_PREFIXES: std::ops::RangeInclusive<u8> = 108..=124;

const fn range(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

impl Resolver<'_> {
    /// The IPv6 ranges, if the cluster has two families.
    pub(super) fn ipv6(&mut self, context: &Context<'_>, plugin: NetworkPlugin) -> Option<Ipv6Ranges> {
        let flags = context.properties.feature_flags.clone().unwrap_or_default();
        let flag = |name: &str| format!("{PROPERTIES}/featureFlags/{name}");
        let only = flags.enable_ipv6_only == Some(true);
        if only {
            let fault = Diagnostic::error(
                "ipv6-unsupported",
                flag("enableIPv6Only"),
                "Azure gives no machine IPv6 addresses alone: each interface has an IPv4 address, too",
            );
            self.findings
                .judge(&[], fault.help("write \"enableIPv6DualStack\": true instead, with networkPlugin kubenet"));
        }
        let wanted = flags.enable_ipv6_dual_stack == Some(true);
        let pods =
            self.second_range("clusterSubnet", context.kubernetes.cluster_subnet.as_deref(), wanted, POD_PREFIXES);
        let services =
            self.second_range("serviceCidr", context.kubernetes.service_cidr.as_deref(), wanted, SERVICE_PREFIXES);
        if !wanted || only {
            return None;
        }
        self.judge_two_families(context, plugin, &flag("enableIPv6DualStack"));
        let cluster_subnet = pods.unwrap_or(POD_RANGE.into());
        let service_cidr = services.unwrap_or(SERVICE_RANGE.into());
        if let Some((left, right)) = [
            (("serviceCidr", service_cidr), ("clusterSubnet", cluster_subnet)),
            (("clusterSubnet", cluster_subnet), ("the vnet", VNET.into())),
            (("serviceCidr", service_cidr), ("the vnet", VNET.into())),
        ]
        .into_iter()
        .find(|((_, left), (_, right))| left.contains(right) || right.contains(left))
        {
            let message = format!("{} {} overlaps {} {}", left.0, left.1, right.0, right.1);
            let fault = Diagnostic::error("ranges-overlap", kubernetes_pointer(left.0), message);
            self.findings
                .judge(&[], fault.help(format!("choose other IPv6 ranges, such as {POD_RANGE} and {SERVICE_RANGE}")));
        }
        Some(Ipv6Ranges {
            vnet: VNET.into(),
            node_subnet: NODE_SUBNET.into(),
            agent_subnet: AGENT_SUBNET.into(),
            cluster_subnet,
            service_cidr,
        })
    }

    /// The second range of a pair, which has to be of IPv6 and of a length that Kubernetes takes.
    fn second_range(
        &mut self,
        name: &str,
        text: Option<&str>,
        wanted: bool,
        prefixes: std::ops::RangeInclusive<u8>,
    ) -> Option<IpNet> {
        let (_, second) = text?.split_once(',')?;
        let pointer = kubernetes_pointer(name);
        if !wanted {
            let fault = Diagnostic::error("ipv6-range", pointer, format!("{name} holds two ranges"));
            self.findings.judge(&[], fault.help("write one, or set featureFlags.enableIPv6DualStack to true"));
            return None;
        }
        match self.cidr(Some(second.trim()), &pointer)? {
            range @ IpNet::V6(_) if prefixes.contains(&range.prefix_len()) => Some(range),
            range => {
                let (longest, shortest) = (prefixes.start(), prefixes.end());
                let message = format!("{range} is not an IPv6 range from /{longest} to /{shortest}");
                let fault = Diagnostic::error("ipv6-range", pointer, message);
                self.findings.judge(
                    &[],
                    fault.help(format!(
                        "write an IPv4 range, a comma, and such as {POD_RANGE} for pods or {SERVICE_RANGE} for services"
                    )),
                );
                None
            }
        }
    }

    fn judge_two_families(&mut self, context: &Context<'_>, plugin: NetworkPlugin, pointer: &str) {
        let mut tell = |pointer: String, message: &str, help: &str| {
            self.findings.judge(&[], Diagnostic::error("dual-stack-unsupported", pointer, message).help(help));
        };
        if context.cloud == Cloud::Stack {
            tell(pointer.to_owned(), "Azure Stack Hub has no IPv6", "leave it out");
        } else if plugin != NetworkPlugin::Kubenet {
            let message = "only kubenet gives pods addresses of both families";
            tell(kubernetes_pointer("networkPlugin"), message, "write \"kubenet\"");
        }
        if context.kubernetes.network_policy.as_deref().is_some_and(|policy| !policy.is_empty()) {
            let message = "network policies of this version are enforced for IPv4 only";
            tell(kubernetes_pointer("networkPolicy"), message, "leave it out");
        }
        for (index, profile) in context.properties.agent_pool_profiles.iter().flatten().enumerate() {
            if profile.os_type.as_deref() == Some("Windows") {
                tell(pool(index, "osType"), "kubenet with two families is for Linux only", "write \"Linux\"");
            }
        }
    }
}
