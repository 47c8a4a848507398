//! The API versions of Azure Resource Manager that resources are written in.
//!
//! Source: Azure/azure-resource-manager-schemas, state of 2026-08-16 (public Azure: versions that every public and
//! sovereign region serves); Azure Stack Hub's profile 2020-09-01-hybrid; read 2026-11-21.

/// Which set of API versions a cloud serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApiProfile {
    /// Public and sovereign Azure.
    Azure,
    /// Azure Stack Hub.
    Stack,
}

/// Provider or type (lower case; the longest that fits counts), version in Azure, version in Azure Stack Hub.
const VERSIONS: [(&str, &str, &str); 11] = [
    ("microsoft.compute", "2025-04-01", "2020-06-01"),
    ("microsoft.compute/disks", "2025-01-02", "2019-11-01"),
    ("microsoft.compute/snapshots", "2025-01-02", "2019-11-01"),
    // Roles on single resources are the other provider's, whose versions they have.
    ("microsoft.network/applicationgateways/providers/roleassignments", "2022-04-01", "2018-09-01-preview"),
    ("microsoft.managedidentity/userassignedidentities/providers/roleassignments", "2022-04-01", "2018-09-01-preview"),
    ("microsoft.network", "2025-05-01", "2018-11-01"),
    ("microsoft.storage", "2025-06-01", "2019-06-01"),
    ("microsoft.keyvault", "2026-02-01", "2019-09-01"),
    ("microsoft.managedidentity", "2024-11-30", "2018-11-30"),
    ("microsoft.authorization", "2022-04-01", "2018-09-01-preview"),
    ("microsoft.resources", "2025-04-01", "2018-05-01"),
];

impl ApiProfile {
    /// The API version of a resource type such as `Microsoft.Compute/virtualMachines` (letter case does not count);
    /// `None` for a provider that the engine does not write.
    pub fn api_version(self, resource_type: &str) -> Option<&'static str> {
        let wanted = resource_type.to_ascii_lowercase();
        VERSIONS
            .iter()
            .filter(|(name, ..)| wanted.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
            .max_by_key(|(name, ..)| name.len())
            .map(|(_, azure, stack)| match self {
                Self::Azure => *azure,
                Self::Stack => *stack,
            })
    }
}

impl super::Cloud {
    /// The API versions it serves.
    pub const fn api_profile(self) -> ApiProfile {
        match self {
            Self::Stack => ApiProfile::Stack,
            Self::Public | Self::China | Self::UsGovernment => ApiProfile::Azure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ApiProfile::{Azure, Stack};

    #[test]
    fn the_longest_name_counts() {
        assert_eq!(Azure.api_version("Microsoft.Compute/virtualMachines/extensions"), Some("2025-04-01"));
        assert_eq!(Azure.api_version("Microsoft.Compute/disks"), Some("2025-01-02"));
        assert_eq!(Stack.api_version("microsoft.network/LoadBalancers"), Some("2018-11-01"));
        assert_eq!(Azure.api_version("Microsoft.ComputeSchedule/x"), None);
    }
}
