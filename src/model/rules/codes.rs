//! The names of everything that a reading can find.

use crate::base::Severity;

/// A code that a diagnostic can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// In kebab case; never changes its meaning.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What has to hold, in one line.
    pub summary: &'static str,
}

const fn error(code: &'static str, summary: &'static str) -> Rule {
    Rule { code, severity: Severity::Error, summary }
}

const fn warning(code: &'static str, summary: &'static str) -> Rule {
    Rule { code, severity: Severity::Warning, summary }
}

/// Every code, as people read them: the text, its values, the cluster; errors before warnings.
pub const RULES: &[Rule] = &[
    error("syntax", "the file is JSON (RFC 8259)"),
    error("api-version-unsupported", "apiVersion is vlabs, or an older one that describes Kubernetes clusters"),
    error("orchestrator-unsupported", "the orchestrator is Kubernetes"),
    error("unknown-key", "every key is a property of the API model"),
    error("duplicate-key", "a key stands once in its object"),
    error("set-form", "--set is followed by path=value"),
    error("set-path", "a path of --set exists"),
    error("required-property", "what has no default is there"),
    error("wrong-type", "a value has its property's type"),
    error("not-one-of", "a word is one of those allowed"),
    error("out-of-range", "a number or the length of a list is within its bounds"),
    error("wrong-form", "a text has its property's form"),
    error("cidr-form", "a range of addresses is in CIDR notation"),
    error("address-form", "an address is one"),
    error("location-required", "the model or --location says where"),
    error("location-form", "a location is a region's short name"),
    error("location-conflict", "--location and the model say the same"),
    error("dns-prefix-conflict", "only one of --dns-prefix and the model says the prefix"),
    error("dns-prefix-form", "dnsPrefix is 3 to 45 letters, digits and hyphens, from a letter to a letter or digit"),
    error("kubernetes-version-unsupported", "the version can be had in a new cluster"),
    error("kubernetes-version-mismatch", "orchestratorVersion belongs to orchestratorRelease"),
    error("control-plane-count", "there are 1, 3 or 5 control-plane nodes"),
    error("pool-count", "a pool has 1 to 1000 nodes"),
    error("pool-name", "a pool's name is a small letter and up to eleven small letters and digits"),
    error("pool-name-duplicate", "pools have different names"),
    error("pool-availability-mix", "pools are all availability sets or all scale sets"),
    error("pool-role", "a pool has no role"),
    error("pool-ports", "a pool has no dnsPrefix and no ports"),
    error("control-plane-scale-set", "with control-plane nodes in a scale set, every pool is one"),
    error(
        "scale-set-only",
        "spot, over-provisioning, public addresses per node, a single placement group and orchestration need a scale set",
    ),
    error(
        "flexible-scale-set",
        "a scale set of mode Flexible has a shared identity or a service principal, and nothing that Uniform alone has",
    ),
    error("eviction-policy", "an eviction policy needs priority Spot"),
    error("ephemeral-caching", "an ephemeral disk is cached for reading"),
    error("stack-scale-set", "Azure Stack Hub's machines are in availability sets"),
    error("stack-network-plugin", "on Azure Stack Hub the plugin is azure or kubenet"),
    error("image-reference", "an image of one's own is named in full"),
    error("label-form", "labels have Kubernetes' form"),
    error("label-reserved", "a label is one that a kubelet may give its own node"),
    error("flag-reserved", "a component's flag is not one that the engine sets"),
    error("taint-form", "taints are key=value:Effect"),
    error("addon-name", "an add-on has a name, and only once"),
    error("max-pods", "a node has 5 to 1000 pods"),
    error("network-policy-plugin", "the policy works with the plugin"),
    error("network-plugin-missing", "without a plugin of the engine's, an add-on brings one by its manifest"),
    error("cluster-subnet-size", "with Azure CNI the subnet has at least 9 host bits"),
    error("service-range-pair", "serviceCidr and dnsServiceIP are given together"),
    error("dns-service-ip-outside", "dnsServiceIP lies in serviceCidr"),
    error("dns-service-ip-reserved", "dnsServiceIP is not the first nor the last address of serviceCidr"),
    error("subnet-outside-vnet", "subnets lie in the vnet"),
    error("ranges-overlap", "nodes, pods and services have ranges of their own"),
    error("static-ip-outside-subnet", "the control-plane nodes' addresses and their balancer's lie in their subnet"),
    error("static-ip-reserved", "the control-plane nodes' addresses are not those that Azure keeps"),
    error("static-ip-hidden", "the control-plane nodes' addresses lie outside the services' and the pods' ranges"),
    error("static-ip-balancer", "control-plane nodes in a scale set do not take the internal load balancer's address"),
    error("range-reserved", "a range holds no loopback, link-local, multicast address, nor Azure's own 168.63.129.16"),
    error(
        "subnet-size",
        "a subnet has an address for each node and, with Azure CNI, for each pod, besides Azure's five",
    ),
    error("vnet-addresses", "nodes and pods take no more than 65,536 addresses of a vnet"),
    error("interface-addresses", "an interface has at most 256 addresses"),
    error("pod-range-size", "clusterSubnet has a /24 for each node, where pods have a range of their own"),
    error("route-table-size", "with kubenet there are no more than 400 nodes, one route each"),
    error("availability-set-size", "an availability set has at most 200 machines"),
    error("placement-group-size", "a scale set in a single placement group has at most 100 machines"),
    error("managed-image-size", "a scale set of a managed image has at most 600 machines"),
    error("resource-id-form", "the id of a resource is one, of the right type"),
    error("guid-form", "an id of Microsoft Entra is a GUID"),
    error("tag-form", "tags have Azure's form"),
    error("tag-count", "a machine has at most 50 tags, the engine's own among them"),
    error("jumpbox-form", "the jumpbox's name, user and key are such"),
    error("data-directory", "containers' data lie in a folder named from the root"),
    error("etcd-storage-limit", "etcd's database may grow to 2 GiB or more"),
    error("flag-duration", "a flag that takes a duration gets one"),
    error("node-grace-period", "a node is given up when at least four of its reports are missing"),
    error(
        "addon-container",
        "a container of an add-on is one that it has, named once, with an image in the usual form",
    ),
    error("addon-resources", "a container of an add-on asks for amounts, and for no more than it may use"),
    error("addon-data", "an add-on's own manifest is base64, and has no settings beside it"),
    error("autoscaler-pool", "a pool of the autoscaler exists and is a scale set"),
    error("autoscaler-range", "the autoscaler's least number of nodes is not more than its most"),
    error("custom-file", "a file for the control plane is there, is small, and goes where nothing else is written"),
    error("application-gateway-identity", "with an application gateway a service principal's object id is known"),
    error(
        "application-gateway-network",
        "an application gateway goes with Azure CNI, in a network that the engine makes",
    ),
    error("application-gateway-subnet", "an application gateway has a range of the vnet to itself, of /28 or larger"),
    error("application-gateway-sku", "an application gateway is WAF_v2 or Standard_v2"),
    error("application-gateway-address", "an application gateway's private address is a free one of its subnet"),
    error("extension-script", "the script of a preProvisionExtension is a shell script, fetched by https"),
    error("extension-unknown", "an extension is one of extensionProfiles"),
    error("zone-form", "zones are 1, 2 and 3, each named once"),
    error("stack-zones", "on Azure Stack Hub there are no zones"),
    error("stack-etcd-disk", "on Azure Stack Hub a disk has at most 1023 GiB"),
    error("stack-accelerated-networking", "on Azure Stack Hub there is no accelerated networking"),
    error("protection-missing", "what the model asks for to protect data or machines is there"),
    error("not-supported-yet", "what the model asks for can be built by this version of the engine"),
    error("sign-in", "who signs in does so by two applications of a tenant"),
    error("certificate-incomplete", "a certificate and its key are given together"),
    error(
        "certificate-invalid",
        "a given certificate can be used: its key fits, the cluster's CA has issued it, and its time has not passed",
    ),
    error("key-vault-reference", "a secret that lies in a key vault is named in full, and can be taken from there"),
    error("vault-secrets", "certificates that a key vault puts on machines are named in full"),
    error("encryption-key-form", "the key that encrypts secrets is base64 of 32 bytes"),
    error("key-vault-access", "who encrypts by a key vault is known to it"),
    error("ipv6-unsupported", "the cluster is one of IPv4, or of IPv4 and IPv6"),
    error("dual-stack-unsupported", "two address families go with kubenet and Linux, not on Azure Stack Hub"),
    error(
        "ipv6-range",
        "a second range is one of IPv6, of a length that Kubernetes takes, and of a cluster with two families",
    ),
    error("custom-vnet-partial", "either all machines or none name a subnet"),
    error("custom-vnet-mixed", "all subnets are of one vnet"),
    error("custom-vnet-static-ip", "in a vnet of one's own the first address is given, except for a scale set"),
    error(
        "custom-vnet-agent-subnet",
        "control-plane nodes of a scale set in a vnet of one's own name the workers' subnet",
    ),
    error("subnet-id-form", "a subnet is named by its resource id"),
    error("outbound-addresses", "outbound addresses need a Standard load balancer"),
    error("outbound-type", "nodes have a way out that the cloud and the network have"),
    error("admin-username", "an account name is 1 to 32 letters, digits, _ and -, from a letter, and free"),
    error("ssh-public-key", "an SSH key is a public one in OpenSSH's form"),
    error("proxy-url", "a proxy is named by its address"),
    error("certificate-form", "certificates that machines trust are certificates"),
    error("search-domain-form", "the search domain is a domain's name"),
    error("kernel-parameter", "kernel parameters have names and values that sysctl takes"),
    error("mtu", "the MTU is 1500 or 3900, and kubenet's own"),
    error("windows-profile-required", "a pool of Windows needs windowsProfile"),
    error("windows-credentials", "windowsProfile has a user and a password"),
    error("windows-username", "an account name on Windows is up to 20 plain characters, and free"),
    error(
        "windows-password",
        "a Windows password is 8 to 123 characters of three kinds, and none that everybody knows",
    ),
    error("windows-network", "with Windows the plugin is azure or kubenet, without a network policy"),
    error("windows-image-url", "a disk of Windows is named by a plain https address"),
    error("windows-isolation", "Windows containers run as processes, and a build is named once"),
    error("service-principal-required", "a cluster without managed identity has a service principal"),
    error("service-principal-secret", "a service principal has exactly one secret"),
    error("portal-url", "Azure Stack Hub's portal is https://portal.<location>.<domain>"),
    error("mirror-url", "a mirror has a web address"),
    error("on-prem-host", "hosts on-prem have different names, and a libvirt that the engine reaches"),
    error("on-prem-bridge", "several hosts on-prem share a bridge, and so does what is bridged"),
    error("on-prem-storage", "pools and volumes of libvirt have names that it takes"),
    error("on-prem-addresses", "addresses on-prem are ranges of IPv4, and nobody else's in the cluster"),
    error("on-prem-size", "on-prem, too, a control-plane machine has what kubeadm asks for"),
    warning("no-effect", "a property that is accepted has an effect"),
    warning("one-host", "on-prem, control-plane machines are on several hosts"),
    warning("on-prem-size-unknown", "on-prem, a size is Azure's, or the model says what it has"),
    warning("api-version-converted", "apiVersion is vlabs"),
    warning("key-renamed", "a key has the name that it has today"),
    warning("network-plugin-replaced", "the network plugin is maintained"),
    warning("network-policy-replaced", "who enforces network policies is maintained"),
    warning("kubernetes-version-unknown", "the patch is one that the engine knows"),
    warning("flag-dropped", "a component's flag is one that today's Kubernetes has"),
    warning("feature-gate-dropped", "a feature gate is one that the asked Kubernetes knows and lets people set"),
    warning("flag-inherited", "a component's flag is not one that aks-engine set by itself"),
    warning("distro-replaced", "the distribution is maintained"),
    warning("windows-image-replaced", "the Windows that nodes start from is maintained"),
    warning("runtime-replaced", "nodes run containerd"),
    warning("basic-load-balancer", "the load balancer is a Standard one"),
    warning("unmanaged-disks-replaced", "disks are managed"),
    warning("low-priority-replaced", "low priority is called Spot"),
    warning("ipvs-deprecated", "kube-proxy runs in iptables or nftables mode"),
    warning("gpu-driver", "machines with NVIDIA processors start from an image with their driver"),
    warning("addon-replaced", "an add-on is still maintained"),
    warning("addon-image-inherited", "a container's image is not one that aks-engine set by itself"),
    warning("addon-not-installed", "an add-on that is asked for is one that the engine installs"),
    warning("service-principal-unused", "a service principal is given only where it is used"),
    warning("service-range-in-vnet", "the service range lies outside a vnet of one's own"),
    warning("outbound-routing", "the engine makes the nodes' way out"),
    warning("pods-over-node-range", "with kubenet a node has at most 253 pods, as many as its range"),
    warning("zones-without-machines", "a pool has a machine for each of its zones"),
    warning("zones-partial", "either all machines stand in zones or none"),
    warning("etcd-storage-limit-large", "etcd's database grows to at most 8 GiB"),
    warning("accelerated-networking-unknown", "accelerated networking is asked for where the size is known to have it"),
    warning("certificate-unused", "a given certificate is one that can be put on all machines"),
    warning("nowhere-to-schedule", "a Linux pool takes pods without tolerations"),
    warning("cluster-size", "a cluster has at most 5,000 nodes"),
    warning("api-server-open", "the API server is reached from named ranges only"),
    warning("ssh-open", "SSH is reached from named ranges only"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_unique() {
        let mut codes: Vec<&str> = RULES.iter().map(|rule| rule.code).collect();
        assert!(codes.iter().all(|code| {
            code.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
        }));
        codes.sort_unstable();
        assert!(codes.is_sorted_by(|left, right| left < right), "{codes:?}");
    }
}
