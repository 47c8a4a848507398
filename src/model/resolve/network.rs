//! Addresses, CNI, load balancer, exposure.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::base::{Diagnostic, address_at};
use crate::catalog::Cloud;

use super::super::input::PrivateClusterInput;
use super::super::network::{
    Jumpbox, LoadBalancer, LoadBalancerSku, Network, NetworkPlugin, NetworkPolicy, OutboundType, PrivateCluster,
    ProxyMode,
};
use super::super::pointers::{ACCESS, PROPERTIES};
use super::{Context, Resolver, kubernetes_pointer, master_pointer};

/// The ranges of aks-engine (`pkg/api/const.go`, f634f52), which its clusters' peers and firewalls know.
const VNET: Ipv4Net = range(Ipv4Addr::new(10, 0, 0, 0), 8);
const AZURE_CNI_SUBNET: Ipv4Net = range(Ipv4Addr::new(10, 240, 0, 0), 12);
const NODE_SUBNET: Ipv4Net = range(Ipv4Addr::new(10, 240, 0, 0), 16);
const POD_RANGE: Ipv4Net = range(Ipv4Addr::new(10, 244, 0, 0), 16);
const AGENT_SUBNET: Ipv4Net = range(Ipv4Addr::new(10, 248, 0, 0), 13);
const SERVICE_RANGE: Ipv4Net = range(Ipv4Addr::new(10, 0, 0, 0), 16);
/// The cluster DNS is the tenth address of the service range.
const DNS_OFFSET: u128 = 10;

const fn range(address: Ipv4Addr, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(address, prefix)
}

const AS_AKS_ENGINE: &str = "aks-engine's range";

impl Resolver<'_> {
    pub(super) fn network(&mut self, context: &Context<'_>) -> Network {
        let (plugin, policy) = self.plugin_and_policy(context);
        let ipv6 = self.ipv6(context, plugin);
        let scale_set = context.master.availability_profile.as_deref() == Some("VirtualMachineScaleSets");
        let custom_vnet = context.master.vnet_subnet_id.is_some();

        let vnet_pointer = master_pointer("vnetCidr");
        let vnet_cidr = self.cidr(context.master.vnet_cidr.as_deref(), &vnet_pointer);
        let vnet_cidr = self.or(vnet_cidr, &vnet_pointer, AS_AKS_ENGINE, VNET.into());

        let cluster_pointer = kubernetes_pointer("clusterSubnet");
        let cluster_subnet = self.cidr(first_range(context.kubernetes.cluster_subnet.as_deref()), &cluster_pointer);
        let cluster_subnet = match (plugin, custom_vnet) {
            (NetworkPlugin::Azure, true) => {
                self.or(cluster_subnet, &cluster_pointer, "pods take addresses of the vnet", vnet_cidr)
            }
            (NetworkPlugin::Azure, false) => {
                self.or(cluster_subnet, &cluster_pointer, AS_AKS_ENGINE, AZURE_CNI_SUBNET.into())
            }
            _ => self.or(cluster_subnet, &cluster_pointer, AS_AKS_ENGINE, POD_RANGE.into()),
        };
        let node_subnet = match plugin {
            _ if custom_vnet => vnet_cidr,
            // The workers' subnet is one of its own then, inside the same range.
            NetworkPlugin::Azure if scale_set && cluster_subnet.contains(&IpNet::from(NODE_SUBNET)) => {
                NODE_SUBNET.into()
            }
            NetworkPlugin::Azure => cluster_subnet,
            _ if vnet_cidr.contains(&IpNet::from(NODE_SUBNET)) => NODE_SUBNET.into(),
            _ => vnet_cidr,
        };
        let agent_pointer = master_pointer("agentSubnet");
        let agent_subnet = self.cidr(context.master.agent_subnet.as_deref(), &agent_pointer);
        let agent_subnet = (scale_set && !custom_vnet)
            .then(|| self.or(agent_subnet, &agent_pointer, AS_AKS_ENGINE, AGENT_SUBNET.into()));

        let (service_cidr, dns_service_ip) = self.services(context);
        let load_balancer = self.load_balancer(context);
        let private_cluster =
            context.kubernetes.private_cluster.as_ref().and_then(|private| self.private_cluster(private, context));
        let (api_server_source_ranges, ssh_source_ranges) = self.access(context, private_cluster.is_some());
        Network {
            plugin,
            policy,
            vnet_cidr,
            node_subnet,
            agent_subnet,
            cluster_subnet,
            service_cidr,
            ipv6,
            dns_service_ip,
            max_pods: self.max_pods(context, plugin),
            proxy_mode: self.proxy_mode(context),
            load_balancer,
            outbound: self.outbound(context),
            private_cluster,
            api_server_source_ranges,
            ssh_source_ranges,
            block_outbound_internet: self.or(
                context.properties.feature_flags.as_ref().and_then(|flags| flags.block_outbound_internet),
                &format!("{PROPERTIES}/featureFlags/blockOutboundInternet"),
                "nodes fetch packages and images",
                false,
            ),
        }
    }

    fn plugin_and_policy(&mut self, context: &Context<'_>) -> (NetworkPlugin, NetworkPolicy) {
        let policy = match context.kubernetes.network_policy.as_deref() {
            Some("azure") => {
                let message = "Azure is ending its network policy manager; Calico, which enforces the same policies on the \
                               same plugin, takes its place";
                let warning =
                    Diagnostic::warning("network-policy-replaced", kubernetes_pointer("networkPolicy"), message);
                self.findings.push(warning.help("write \"calico\""));
                NetworkPolicy::Calico
            }
            Some("calico") => NetworkPolicy::Calico,
            Some("cilium") => NetworkPolicy::Cilium,
            _ => NetworkPolicy::None,
        };
        let pointer = kubernetes_pointer("networkPlugin");
        let plugin = match context.kubernetes.network_plugin.as_deref() {
            Some("azure") => NetworkPlugin::Azure,
            Some("kubenet") => NetworkPlugin::Kubenet,
            Some("flannel") => {
                let message =
                    "the engine has no flannel; kubenet, whose pods have a range of their own too, takes its place";
                let warning = Diagnostic::warning("network-plugin-replaced", &pointer, message);
                self.findings.push(warning.help("write \"kubenet\""));
                NetworkPlugin::Kubenet
            }
            Some("cilium") => NetworkPlugin::Cilium,
            Some("none") => NetworkPlugin::None,
            _ if policy == NetworkPolicy::Cilium => {
                self.or(None, &pointer, "Cilium's policies need its own network", NetworkPlugin::Cilium)
            }
            _ => self.or(None, &pointer, "aks-engine's default for API models", NetworkPlugin::Azure),
        };
        (plugin, policy)
    }

    fn services(&mut self, context: &Context<'_>) -> (IpNet, IpAddr) {
        let range_pointer = kubernetes_pointer("serviceCidr");
        let address_pointer = kubernetes_pointer("dnsServiceIP");
        let service_cidr = self.cidr(first_range(context.kubernetes.service_cidr.as_deref()), &range_pointer);
        let service_cidr = self.or(service_cidr, &range_pointer, AS_AKS_ENGINE, SERVICE_RANGE.into());
        let address = self.address(context.kubernetes.dns_service_ip.as_deref(), &address_pointer);
        let tenth = address_at(service_cidr, DNS_OFFSET).unwrap_or(service_cidr.network());
        (service_cidr, self.or(address, &address_pointer, "the tenth address of serviceCidr", tenth))
    }

    fn load_balancer(&mut self, context: &Context<'_>) -> LoadBalancer {
        let pointer = kubernetes_pointer("loadBalancerSku");
        let stack = context.cloud == Cloud::Stack;
        let sku = match context.kubernetes.load_balancer_sku.as_deref() {
            Some("Basic") if !stack => {
                let warning = Diagnostic::warning(
                    "basic-load-balancer",
                    &pointer,
                    "Azure has retired Basic load balancers; a Standard one takes its place",
                );
                self.findings.push(warning.help("write \"Standard\""));
                LoadBalancerSku::Standard
            }
            Some("Basic") => LoadBalancerSku::Basic,
            Some(_) => LoadBalancerSku::Standard,
            None if stack => self.or(None, &pointer, "Azure Stack Hub has no other", LoadBalancerSku::Basic),
            None => self.or(None, &pointer, "Azure has retired Basic ones", LoadBalancerSku::Standard),
        };
        LoadBalancer {
            sku,
            outbound_ip_count: self.or(
                context.kubernetes.load_balancer_outbound_ips,
                &kubernetes_pointer("loadBalancerOutboundIPs"),
                "one address gives 64,000 ports",
                1,
            ),
            outbound_idle_timeout_minutes: self.or(
                context.kubernetes.outbound_rule_idle_timeout_in_minutes,
                &kubernetes_pointer("outboundRuleIdleTimeoutInMinutes"),
                "aks-engine's value",
                30,
            ),
            maximum_rule_count: self.or(
                context.kubernetes.maximum_load_balancer_rule_count,
                &kubernetes_pointer("maximumLoadBalancerRuleCount"),
                "Azure's limit when aks-engine was written",
                250,
            ),
        }
    }

    fn outbound(&mut self, context: &Context<'_>) -> OutboundType {
        match context.kubernetes.outbound_type.as_deref() {
            Some("natGateway") => OutboundType::NatGateway,
            Some("userDefinedRouting") => OutboundType::UserDefinedRouting,
            Some(_) => OutboundType::LoadBalancer,
            None => {
                let reason = "the load balancers are there anyway";
                self.or(None, &kubernetes_pointer("outboundType"), reason, OutboundType::LoadBalancer)
            }
        }
    }

    fn private_cluster(&mut self, input: &PrivateClusterInput, context: &Context<'_>) -> Option<PrivateCluster> {
        if !input.enabled.unwrap_or(false) {
            return None;
        }
        let pointer = kubernetes_pointer("privateCluster/jumpboxProfile");
        let jumpbox = input.jumpbox_profile.as_ref().map(|jumpbox| {
            let vm_size = self.or(
                jumpbox.vm_size.clone(),
                &format!("{pointer}/vmSize"),
                "small, and in every region",
                "Standard_D2s_v5".to_owned(),
            );
            let key = jumpbox.public_key.clone().unwrap_or_else(|| {
                let keys = context
                    .properties
                    .linux_profile
                    .as_ref()
                    .and_then(|linux| linux.ssh.as_ref()?.public_keys.as_ref());
                let first = keys.and_then(|keys| keys.first()?.key_data.clone()).unwrap_or_default();
                self.or(None, &format!("{pointer}/publicKey"), "the key of linuxProfile", first)
            });
            Jumpbox {
                name: self.or(jumpbox.name.clone(), &format!("{pointer}/name"), "a plain name", "jumpbox".to_owned()),
                vm_size,
                os_disk_size_gib: self.or(
                    jumpbox.os_disk_size_gb,
                    &format!("{pointer}/osDiskSizeGB"),
                    "aks-engine's value",
                    30,
                ),
                username: self.or(
                    jumpbox.username.clone(),
                    &format!("{pointer}/username"),
                    "aks-engine's value",
                    "azureuser".to_owned(),
                ),
                ssh_public_key: key.trim().to_owned(),
            }
        });
        Some(PrivateCluster { jumpbox })
    }

    fn access(&mut self, context: &Context<'_>, private: bool) -> (Vec<IpNet>, Vec<IpNet>) {
        let profile = context.properties.access_profile.clone().unwrap_or_default();
        let everybody = IpNet::V4(range(Ipv4Addr::UNSPECIFIED, 0));
        let api_pointer = format!("{ACCESS}/apiServerSourceRanges");
        let old_pointer = master_pointer("HTTPSourceAddressPrefix");
        let old = context.master.http_source_address_prefix.as_deref();
        let api = match (&profile.api_server_source_ranges, old) {
            (Some(ranges), _) => self.ranges(ranges, &api_pointer),
            (None, Some("*")) => vec![everybody],
            (None, Some(prefix)) => self.cidr(Some(prefix), &old_pointer).into_iter().collect(),
            (None, None) if private => {
                self.or(None, &api_pointer, "a private cluster is reached from inside its vnet", Vec::new())
            }
            (None, None) => {
                let warning = Diagnostic::warning(
                    "api-server-open",
                    &api_pointer,
                    "the API server can be reached from everywhere",
                );
                self.findings
                    .judge(&[], warning.help("add accessProfile.apiServerSourceRanges with the ranges you work from"));
                self.or(None, &api_pointer, "the model names no ranges", vec![everybody])
            }
        };
        let ssh_pointer = format!("{ACCESS}/sshSourceRanges");
        let ssh = match &profile.ssh_source_ranges {
            Some(ranges) => self.ranges(ranges, &ssh_pointer),
            None => self.or(None, &ssh_pointer, "SSH is closed unless the model opens it", Vec::new()),
        };
        (api, ssh)
    }

    fn ranges(&mut self, texts: &[String], pointer: &str) -> Vec<IpNet> {
        texts
            .iter()
            .enumerate()
            .filter_map(|(index, text)| self.cidr(Some(text), &format!("{pointer}/{index}")))
            .collect()
    }

    fn max_pods(&mut self, context: &Context<'_>, plugin: NetworkPlugin) -> u32 {
        let pointer = kubernetes_pointer("maxPods");
        let flag_pointer = kubernetes_pointer("kubeletConfig/--max-pods");
        let flag = self.max_pods_flag(context.kubernetes.kubelet_config.as_ref(), &flag_pointer);
        if let Some(flag) = flag {
            return flag;
        }
        let (default, reason) = match plugin {
            NetworkPlugin::Azure => (30, "each pod takes an address of the vnet"),
            _ => (110, "Kubernetes' own limit"),
        };
        self.or(context.kubernetes.max_pods, &pointer, reason, default)
    }

    /// The kubelet's flag `--max-pods`, which goes before the property.
    pub(super) fn max_pods_flag(
        &mut self,
        flags: Option<&std::collections::BTreeMap<String, String>>,
        pointer: &str,
    ) -> Option<u32> {
        let text = flags?.get("--max-pods")?;
        let number = text.parse().ok().filter(|number| (5..=1000).contains(number));
        if number.is_none() {
            let fault = Diagnostic::error("max-pods", pointer, format!("a node cannot have \"{text}\" pods"));
            self.findings.judge(&[], fault.help("write a number from 5 to 1000"));
        }
        number
    }

    fn proxy_mode(&mut self, context: &Context<'_>) -> ProxyMode {
        let pointer = kubernetes_pointer("kubeProxyMode");
        match context.kubernetes.kube_proxy_mode.as_deref() {
            Some("nftables") => ProxyMode::Nftables,
            Some("ipvs") => {
                let warning = Diagnostic::warning(
                    "ipvs-deprecated",
                    &pointer,
                    "Kubernetes 1.35 deprecates kube-proxy's IPVS mode",
                );
                self.findings.push(warning.help("write \"nftables\""));
                ProxyMode::Ipvs
            }
            Some(_) => ProxyMode::Iptables,
            None => self.or(None, &pointer, "works with every network plugin", ProxyMode::Iptables),
        }
    }
}

/// The first of a pair of ranges (for the second see `two_families`).
fn first_range(text: Option<&str>) -> Option<&str> {
    text.map(|text| match text.split_once(',') {
        Some((first, second)) if second.contains(':') => first,
        _ => text,
    })
}
