//! What a model says of the hosts on-prem.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Machines of one's own: the hosts of `--target libvirt`, and what the cluster has of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct OnPremProfile {
    /// The hosts; none: the one that `--connect` or `LIBVIRT_DEFAULT_URI` names, else this machine. Several need `bridge`.
    pub hosts: Option<Vec<OnPremHostInput>>,
    /// The storage pool that disks are made in, on every host.
    pub storage_pool: Option<String>,
    /// What machines start from: the name of a volume in the storage pool, or a folder with an image and its manifest (with a
    /// slash in it; from the model's folder). None: the image that the engine makes for the version of Kubernetes.
    pub image: Option<String>,
    /// How a machine finds what it is to become, in cloud-init's words: as on Azure, or by a medium of cloud-init's own, for
    /// images without Azure's data source. Those need the guest agent. Images that the engine makes have both.
    #[schemars(extend("enum" = ["Azure", "NoCloud"]))]
    pub data_source: Option<String>,
    /// Public addresses: ranges (`192.168.1.40-192.168.1.49`), CIDR or single ones; with `bridge` in the network behind it. None:
    /// those that `engine host init` was given, else front ends have addresses that the host alone reaches.
    pub addresses: Option<Vec<String>>,
    /// Addresses for services of type LoadBalancer, written as `addresses` are. None: such services stay without one.
    pub service_addresses: Option<Vec<String>>,
    /// The hosts' bridge into their network: for public addresses, and between several hosts. None: the one that
    /// `engine host init` was given, if any.
    pub bridge: Option<String>,
    /// The router of the network behind the bridge, with that network's prefix, such as `192.168.1.1/24`. None: `addresses` and
    /// `serviceAddresses` are reached from that network alone.
    pub router: Option<String>,
    /// How machines reach what is outside: behind the host's address, with the host as their router, or on its bridge, with the
    /// gateway machine as their router.
    #[schemars(extend("enum" = ["nat", "routed", "bridged"]))]
    pub network_mode: Option<String>,
    /// With `networkMode` `bridged`: who is asked for names that are not the cluster's. None: the router.
    pub name_servers: Option<Vec<String>>,
    /// What machines of a size have, by the size's name, where that shall not be what Azure gives.
    pub sizes: Option<BTreeMap<String, OnPremSizeInput>>,
    /// What the gateway machine has, which balances and answers machines' questions about themselves.
    pub gateway: Option<OnPremSizeInput>,
    /// Whether everything gets more time: etcd's election, leases, probes, kubeadm. For hosts that emulate processors.
    pub slow_host: Option<bool>,
}

/// A host.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct OnPremHostInput {
    /// Its name in plans and messages: letters, digits and hyphens.
    #[schemars(required)]
    pub name: Option<String>,
    /// Where its libvirt is: `qemu:///system`, `qemu+ssh://user@host/system` or `qemu+tls://host/system`.
    #[schemars(required)]
    pub uri: Option<String>,
}

/// Processors and memory of a machine.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct OnPremSizeInput {
    /// Virtual processors.
    #[schemars(required, range(min = 1, max = 1024))]
    pub processors: Option<u32>,
    /// Memory in MiB.
    #[serde(rename = "memoryMiB")]
    #[schemars(required, range(min = 256, max = 33_554_432))]
    pub memory_mib: Option<u32>,
}
