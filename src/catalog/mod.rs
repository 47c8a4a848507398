//! Facts as data: Kubernetes versions with their component versions, clouds, VM sizes, images, distributions and where
//! packages come from, ARM API versions.
//!
//! Every table names its source and the day it was read.

mod add_on_containers;
mod addons;
mod api_versions;
mod clouds;
mod feature_gates;
mod distributions;
mod images;
mod kubernetes;
mod machine_sizes;
mod name_suffix;
mod package_archives;
mod windows;

pub use add_on_containers::{
    ADD_ON_CONTAINERS, AddOnContainers, ContainerName, add_on_containers, is_image_of_aks_engine,
};
pub use addons::{ADD_ON_IMAGES, AddOnImages, CALICO_DEFINITIONS, ReleasedFile};
pub use api_versions::ApiProfile;
pub use clouds::{Cloud, CloudFacts};
pub use distributions::{DEFAULT_DISTRIBUTION, Distribution, distribution, distributions};
pub use feature_gates::{FeatureGate, feature_gate};
pub use images::{MarketplaceImage, ubuntu_image};
pub use kubernetes::{
    DEFAULT_KUBERNETES_RELEASE, KubernetesRelease, kubernetes_release, kubernetes_release_of, kubernetes_releases,
};
pub use machine_sizes::{
    MachineSize, has_nvidia_processors, machine_size, machine_sizes, supports_accelerated_networking,
    supports_premium_storage,
};
pub use name_suffix::name_suffix;
pub use package_archives::{DOCKER_KEY, KUBERNETES_KEY, docker_archive, kubernetes_archive};
pub use windows::{
    WINDOWS_DISK_GIB, WINDOWS_SERVERS, is_maintained_windows, windows_azure_cni_url, windows_containerd,
    windows_containerd_url, windows_image, windows_kubernetes_url, windows_sdn_plugins_url,
};
