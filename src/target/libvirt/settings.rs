//! What the target has to know of the host, besides the graph.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::image::ImageFiles;
use crate::model::{AddressRange, DataSource, GATEWAY, OnPremSize, UNKNOWN_SIZE, size_among};

/// The pool that is used if none is named.
pub const DEFAULT_POOL: &str = "engine";

/// The base image that is used if none is named.
pub const DEFAULT_IMAGE: &str = "engine-image";

/// What is asked if nothing is named, as `virsh` does.
pub const DEFAULT_URI: &str = "qemu:///system";

/// How machines reach the outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// By the host's own address.
    #[default]
    Nat,
    /// By their own addresses, which the outside has a route to.
    Routed,
    /// By the gateway, beside which they stand on the bridge into the site: the host has no part in it.
    Bridged,
}

/// The network around a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The host's bridge into it.
    pub bridge: String,
    /// Its router, with its prefix; without one, nobody beyond it is answered.
    pub router: Option<Ipv4Net>,
}

/// The settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The storage pool for all volumes.
    pub storage_pool: String,
    /// The volume in it that machines' disks start from. Volumes of the same name with `.kernel` and `.initrd` behind it,
    /// where they are there, boot it without a boot loader.
    pub image: String,
    /// Where the volume's content comes from, if it is not in the pool yet.
    pub image_files: Option<ImageFiles>,
    /// How machines find what they are to become.
    pub data_source: DataSource,
    /// How machines reach the outside.
    pub network_mode: NetworkMode,
    /// Public addresses; without any, front ends are reached from the host alone.
    pub addresses: Vec<AddressRange>,
    /// Addresses for the cluster's own services.
    pub service_addresses: Vec<AddressRange>,
    /// The host's way into its site's network, where both are reached then; without it, the host leads there.
    pub site: Option<Site>,
    /// Who is asked for names that are not the cluster's, where the gateway answers such questions; none: the site's router.
    pub name_servers: Vec<Ipv4Addr>,
    /// What machines have, by VM size, before the table of Azure's sizes.
    pub sizes: BTreeMap<String, OnPremSize>,
    /// What a network's gateway has.
    pub gateway: OnPremSize,
    /// Whether machines are emulated by software, also where the processor could run them.
    pub emulated: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            storage_pool: DEFAULT_POOL.to_owned(),
            image: DEFAULT_IMAGE.to_owned(),
            image_files: None,
            data_source: DataSource::Azure,
            network_mode: NetworkMode::Nat,
            addresses: Vec::new(),
            service_addresses: Vec::new(),
            site: None,
            name_servers: Vec::new(),
            sizes: BTreeMap::new(),
            gateway: GATEWAY,
            emulated: false,
        }
    }
}

/// Front ends without addresses of their own are given one from here, a /24 for each resource group: RFC 2544's range for
/// measurements, which nobody routes.
pub const FRONT_RANGE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 15);

impl Settings {
    /// How long is waited before something that takes minutes is asked about again. Each question takes a guest agent some
    /// hundredths of a second, and ten times that where processors are emulated.
    pub fn ask_again(&self) -> Duration {
        Duration::from_secs(if self.emulated { 5 } else { 3 })
    }

    /// What a machine of a VM size has: as the model says, then as Azure has it, then a small machine.
    pub fn size(&self, vm_size: &str) -> OnPremSize {
        size_among(&self.sizes, vm_size).unwrap_or(UNKNOWN_SIZE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_the_models_or_azures() {
        let mut settings = Settings::default();
        assert_eq!(settings.size("Standard_D2s_v3"), OnPremSize { processors: 2, memory_mib: 8192 });
        assert_eq!(settings.size("Standard_Nothing"), OnPremSize { processors: 2, memory_mib: 4096 });
        let small = OnPremSize { processors: 1, memory_mib: 512 };
        settings.sizes.insert("standard_d2s_v3".into(), small);
        assert_eq!(settings.size("Standard_D2s_v3"), small);
    }
}
