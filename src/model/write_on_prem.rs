//! The hosts on-prem back to an API model.

use super::input::{OnPremHostInput, OnPremProfile, OnPremSizeInput};
use super::on_prem::{AddressRange, OnPrem, OnPremImage, OnPremSize};

pub(super) fn on_prem_profile(on_prem: &OnPrem) -> OnPremProfile {
    let ranges = |ranges: &[AddressRange]| Some(ranges.iter().map(ToString::to_string).collect());
    let host = |host: &super::on_prem::OnPremHost| OnPremHostInput {
        name: Some(host.name.clone()),
        uri: Some(host.uri.clone()),
    };
    OnPremProfile {
        hosts: Some(on_prem.hosts.iter().map(host).collect()),
        storage_pool: Some(on_prem.storage_pool.clone()),
        image: on_prem.image.as_ref().map(|image| match image {
            OnPremImage::Volume(name) => name.clone(),
            OnPremImage::Folder(path) => path.display().to_string(),
        }),
        data_source: Some(on_prem.data_source.word().into()),
        addresses: ranges(&on_prem.addresses),
        service_addresses: ranges(&on_prem.service_addresses),
        bridge: on_prem.bridge.clone(),
        router: on_prem.router.map(|router| router.to_string()),
        network_mode: Some(on_prem.network_mode.word().into()),
        name_servers: Some(on_prem.name_servers.iter().map(ToString::to_string).collect()),
        sizes: Some(on_prem.sizes.iter().map(|(name, given)| (name.clone(), size(*given))).collect()),
        gateway: Some(size(on_prem.gateway)),
        slow_host: Some(on_prem.slow_host),
    }
}

fn size(size: OnPremSize) -> OnPremSizeInput {
    OnPremSizeInput { processors: Some(size.processors), memory_mib: Some(size.memory_mib) }
}
