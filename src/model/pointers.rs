//! The pointers that several files of this room name.

pub(super) const LOCATION: &str = "/location";
pub(super) const PROPERTIES: &str = "/properties";
pub(super) const MASTER: &str = "/properties/masterProfile";
pub(super) const KUBERNETES: &str = "/properties/orchestratorProfile/kubernetesConfig";
pub(super) const LINUX: &str = "/properties/linuxProfile";
pub(super) const WINDOWS: &str = "/properties/windowsProfile";
pub(super) const SERVICE_PRINCIPAL: &str = "/properties/servicePrincipalProfile";
pub(super) const ACCESS: &str = "/properties/accessProfile";
pub(super) const SOFTWARE: &str = "/properties/softwareProfile";
pub(super) const STACK: &str = "/properties/customCloudProfile";
pub(super) const ON_PREM: &str = "/properties/onPremProfile";

pub(super) const POOLS: &str = "/properties/agentPoolProfiles";

/// The pointer of a pool's property.
pub(super) fn pool(index: usize, name: &str) -> String {
    format!("/properties/agentPoolProfiles/{index}/{name}")
}
