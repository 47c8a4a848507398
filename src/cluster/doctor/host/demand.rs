//! What a cluster's machines need of a host.

use ipnet::{IpNet, Ipv4Net};

use crate::model::{AddressRange, Cluster, NetworkMode, OnPrem, OnPremSize, UNKNOWN_SIZE};

/// Machines of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineDemand {
    /// What they are, such as `control plane` or a pool's name.
    pub what: String,
    /// How many.
    pub count: u32,
    /// Processors of each.
    pub processors: u32,
    /// Memory of each in MiB.
    pub memory_mib: u64,
    /// The system disk of each in GiB; `None`: as large as the image.
    pub system_gib: Option<u32>,
    /// The data disks of each in GiB, all together.
    pub data_gib: u64,
}

/// What a cluster needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostDemand {
    /// Its machines, the network's gateway the last.
    pub machines: Vec<MachineDemand>,
    /// Whether the model says that the host is slow: machines are emulated then.
    pub slow_host: bool,
    /// The ranges of its network.
    pub subnets: Vec<Ipv4Net>,
    /// How its machines reach what is outside.
    pub network_mode: NetworkMode,
    /// The public addresses that the model names.
    pub addresses: Vec<AddressRange>,
    /// The bridge that the model names.
    pub bridge: Option<String>,
    /// Whether the API server is reached at an address of the cluster's own network.
    pub is_private: bool,
}

impl HostDemand {
    /// What a cluster needs.
    pub fn of(cluster: &Cluster) -> Self {
        let on_prem = cluster.on_prem.clone().unwrap_or_default();
        let plane = &cluster.control_plane;
        let mut machines = vec![MachineDemand {
            system_gib: plane.os_disk.size_gib,
            data_gib: plane.etcd_disk_size_gib.into(),
            ..MachineDemand::new(&on_prem, "control plane", &plane.vm_size, plane.count)
        }];
        machines.extend(cluster.pools.iter().map(|pool| MachineDemand {
            system_gib: pool.os_disk.size_gib,
            data_gib: pool.data_disk_sizes_gib.iter().copied().map(u64::from).sum(),
            ..MachineDemand::new(&on_prem, &pool.name, &pool.vm_size, pool.count)
        }));
        machines.push(MachineDemand {
            what: "gateway".to_owned(),
            count: 1,
            processors: on_prem.gateway.processors,
            memory_mib: on_prem.gateway.memory_mib.into(),
            system_gib: None,
            data_gib: 0,
        });
        let subnets = [Some(cluster.network.node_subnet), cluster.network.agent_subnet];
        let four = |subnet: IpNet| match subnet {
            IpNet::V4(subnet) => Some(subnet.trunc()),
            IpNet::V6(_) => None,
        };
        Self {
            machines,
            slow_host: on_prem.slow_host,
            subnets: subnets.into_iter().flatten().filter_map(four).collect(),
            network_mode: on_prem.network_mode,
            addresses: on_prem.addresses,
            is_private: cluster.network.private_cluster.is_some(),
            bridge: on_prem.bridge,
        }
    }

    /// What of it one of several hosts has to bear where machines are dealt out evenly; each of the first two, whose places are 0 and
    /// 1, has a gateway, which is the last of the machines.
    #[must_use]
    pub fn share(&self, place: usize, hosts: usize) -> Self {
        let hosts = u32::try_from(hosts).unwrap_or(u32::MAX).max(1);
        let kinds = if place < 2 { self.machines.len() } else { self.machines.len().saturating_sub(1) };
        let machines = self
            .machines
            .iter()
            .take(kinds)
            .map(|machines| MachineDemand { count: machines.count.div_ceil(hosts), ..machines.clone() });
        Self { machines: machines.collect(), ..self.clone() }
    }

    /// How many machines.
    pub(super) fn count(&self) -> u64 {
        self.machines.iter().map(|machines| u64::from(machines.count)).sum()
    }

    /// What all machines need of something.
    pub(super) fn sum(&self, each: impl Fn(&MachineDemand) -> u64) -> u64 {
        self.machines.iter().map(|machines| each(machines).saturating_mul(machines.count.into())).sum()
    }

    /// What of something each kind needs: `1 × 4096 control plane, 2 × 3072 pool1`.
    pub(super) fn parts(&self, each: impl Fn(&MachineDemand) -> u64) -> String {
        let part = |machines: &MachineDemand| format!("{} × {} {}", machines.count, each(machines), machines.what);
        self.machines.iter().map(part).collect::<Vec<_>>().join(", ")
    }
}

impl MachineDemand {
    /// Machines of a size, as the target makes them.
    fn new(on_prem: &OnPrem, what: &str, vm_size: &str, count: u32) -> Self {
        let OnPremSize { processors, memory_mib } = on_prem.size(vm_size).unwrap_or(UNKNOWN_SIZE);
        Self { what: what.to_owned(), count, processors, memory_mib: memory_mib.into(), system_gib: None, data_gib: 0 }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::base::Source;
    use crate::model::{ReadOptions, read};

    #[test]
    fn a_model_needs_its_machines_and_a_gateway() {
        let text = include_str!("../../../../apimodels/on-prem.json").to_owned();
        let options =
            ReadOptions { set: vec!["agentPoolProfiles[0].diskSizesGB=[10,20]".into()], ..ReadOptions::default() };
        let reading = read(&Source { name: "on-prem.json".into(), text }, &options);
        let demand = HostDemand::of(&reading.cluster.unwrap());
        let machines: Vec<(&str, u32, u32, u64)> = demand
            .machines
            .iter()
            .map(|machines| (machines.what.as_str(), machines.count, machines.processors, machines.memory_mib))
            .collect();
        assert_eq!(machines, [("control plane", 1, 2, 4096), ("pool1", 2, 2, 4096), ("gateway", 1, 1, 512)]);
        assert_eq!((demand.count(), demand.sum(|machines| machines.memory_mib)), (4, 3 * 4096 + 512));
        assert!(demand.machines[0].data_gib > 0 && demand.machines[1].data_gib == 30);
        assert_eq!(
            demand.parts(|machines| machines.processors.into()),
            "1 × 2 control plane, 2 × 2 pool1, 1 × 1 gateway"
        );
        assert_eq!(demand.subnets.len(), 1);
        assert!(!demand.slow_host && demand.network_mode == NetworkMode::Nat);
    }
}
