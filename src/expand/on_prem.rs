//! What is other on-prem: the API server's name, the pods' range, what nobody there can do.
//!
//! Deliberately absent: the machines' files (`bootstrap`), and which hosts there are (`target`).

use ipnet::{IpNet, Ipv4Net};

use super::ExpandError;
use super::context::API_SERVER_PORT;
use super::machine_settings::secrets_in_key_vaults;
use crate::base::networks_overlap;
use crate::catalog::Cloud;
use crate::contract::Platform;
use crate::model::{Cluster, NetworkPlugin, OperatingSystem};

/// How long a machine may take to become part of the cluster where processors are emulated.
pub(super) const SLOW_DEADLINE_MINUTES: u32 = 180;
/// How long the bootstrap token lives there.
pub(super) const SLOW_TOKEN_HOURS: u32 = 12;

/// Pods' ranges for clusters whose pods have addresses of the vnet on Azure: the first that is free and large enough.
const POD_RANGES: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 244, 0, 0), 16),
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 128, 0, 0), 12),
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(100, 64, 0, 0), 10),
];

/// The name by which machines and people reach the API server: Azure's, or on-prem one of a domain that is nobody's
/// (`internal`, which ICANN keeps for private use, from memory), so that no request with a key in it goes to a stranger.
pub fn endpoint_name(cluster: &Cluster, platform: Platform) -> String {
    match platform {
        Platform::Azure => cluster.public_fqdn(),
        Platform::OnPrem => format!("{}.{}.internal", cluster.dns_prefix, cluster.location),
    }
}

/// Where people reach the API server: by its name, or for a private cluster at the address inside the vnet.
pub fn api_server_host(cluster: &Cluster, platform: Platform) -> String {
    match cluster.network.private_cluster {
        Some(_) => cluster.api_server_host(),
        None => endpoint_name(cluster, platform),
    }
}

/// The URL at which people and the engine ask the API server.
pub fn api_server_url(cluster: &Cluster, platform: Platform) -> String {
    format!("https://{}:{API_SERVER_PORT}", api_server_host(cluster, platform))
}

/// Whether everything gets more time.
pub(super) fn is_slow(cluster: &Cluster, platform: Platform) -> bool {
    platform == Platform::OnPrem && cluster.on_prem.as_ref().is_some_and(|on_prem| on_prem.slow_host)
}

/// Whether services of type LoadBalancer get addresses of the site.
pub(super) fn balances_services(cluster: &Cluster, platform: Platform) -> bool {
    let on_prem = cluster.on_prem.as_ref().filter(|_| platform == Platform::OnPrem);
    on_prem.is_some_and(|on_prem| !on_prem.service_addresses.is_empty())
}

/// The pods' range: the model's, but where that is the vnet's (Azure CNI) one of their own.
pub(super) fn pod_range(cluster: &Cluster, platform: Platform) -> IpNet {
    let network = &cluster.network;
    if platform == Platform::Azure || network.plugin != NetworkPlugin::Azure {
        return network.cluster_subnet;
    }
    // Of a vnet that the engine makes only the subnets are taken; of another nobody knows.
    let mut taken = vec![network.service_cidr, network.cluster_subnet, network.node_subnet];
    taken.extend(network.agent_subnet);
    if cluster.control_plane.subnet_id.is_some() {
        taken.push(network.vnet_cidr);
    }
    let free = |range: &IpNet| {
        let shares = 1_u64 << (24 - u32::from(range.prefix_len()));
        u64::from(cluster.node_count()) < shares && !taken.iter().any(|taken| networks_overlap(*taken, *range))
    };
    let mut ranges = POD_RANGES.into_iter().map(IpNet::V4);
    ranges.find(free).unwrap_or(network.cluster_subnet)
}

/// What a model asks for that needs Azure.
pub(super) fn judge(cluster: &Cluster) -> Result<(), ExpandError> {
    let addon = |name: &str| {
        cluster.addons.iter().any(|addon| {
            addon.name.eq_ignore_ascii_case(name) && addon.enabled == Some(true) && addon.manifest.is_none()
        })
    };
    let faults = [
        (
            cluster.pools.iter().any(|pool| pool.operating_system == OperatingSystem::Windows),
            "machines with Windows",
            "leave the pools with osType Windows out",
        ),
        (
            !secrets_in_key_vaults(cluster).is_empty(),
            "secrets that lie in Azure's key vaults",
            "write them into the model, or into its parameters",
        ),
        (
            cluster.key_vault_encryption.is_some(),
            "encryption by Azure's key vaults",
            "set enableDataEncryptionAtRest instead of enableEncryptionWithExternalKms",
        ),
        (
            addon("cluster-autoscaler"),
            "the autoscaler of Azure's scale sets",
            "leave the add-on cluster-autoscaler out",
        ),
        (addon("csi-secrets-store"), "secrets out of Azure's key vaults", "leave the add-on csi-secrets-store out"),
        (
            cluster.control_plane.is_scale_set(),
            "a control plane in a scale set",
            "write AvailabilitySet as masterProfile.availabilityProfile",
        ),
        (cluster.network.ipv6.is_some(), "IPv6", "leave featureFlags.enableIPv6DualStack out"),
        (
            cluster.network.private_cluster.as_ref().is_some_and(|private| private.jumpbox.is_some()),
            "the jumpbox of a private cluster",
            "leave privateCluster.jumpboxProfile out: `engine ssh` goes by the host",
        ),
        (cluster.cloud == Cloud::Stack, "the settings of an Azure Stack Hub", "leave customCloudProfile out"),
    ];
    match faults.into_iter().find(|(asked, ..)| *asked) {
        Some((_, what, instead)) => {
            Err(ExpandError::Unsupported { what: format!("on-prem there is nothing for {what}"), instead })
        }
        None => Ok(()),
    }
}
