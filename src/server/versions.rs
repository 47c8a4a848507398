//! The API versions that types are served in, beyond those of the catalogue that the engine writes in: those that foreign
//! clients ask for. Azure serves many more; whoever asks for one of these is told the names of those that there are.
//!
//! Source: what azure-cli 2.91.0 and the Python packages azure-mgmt-compute 34.1.0, -network 33.1.0, -resource 24.0.0,
//! -authorization 5.0.0b2 and -msi 7.1.0 send for each type (their sources, read 2026-11-28).

use crate::catalog::ApiProfile;

/// Provider or type in lower case, of which the longest counts, and its versions.
const VERSIONS: [(&str, &[&str]); 12] = [
    (
        "microsoft.network",
        &[
            "2026-03-01",
            "2026-01-01",
            "2025-09-01",
            "2025-07-01",
            "2025-03-01",
            "2025-01-01",
            "2024-10-01",
            "2024-07-01",
            "2024-05-01",
            "2024-03-01",
            "2024-01-01",
            "2023-11-01",
            "2023-09-01",
            "2023-04-01",
            "2022-05-01",
            "2022-01-01",
            "2021-08-01",
            "2020-04-01",
            "2019-02-01",
        ],
    ),
    (
        "microsoft.compute",
        &[
            "2026-04-01",
            "2025-11-01",
            "2024-11-01",
            "2024-07-01",
            "2024-03-01",
            "2023-09-01",
            "2023-07-01",
            "2022-11-01",
            "2019-12-01",
            "2019-07-01",
        ],
    ),
    ("microsoft.compute/skus", &["2021-07-01", "2019-04-01"]),
    ("microsoft.compute/disks", &["2024-03-02", "2023-10-02", "2023-04-02"]),
    ("microsoft.compute/snapshots", &["2024-03-02", "2023-10-02", "2023-04-02"]),
    (
        "microsoft.managedidentity",
        &["2025-05-31-preview", "2025-01-31-preview", "2022-01-31-preview", "2021-09-30-preview"],
    ),
    ("microsoft.authorization/roleassignments", &["2020-04-01-preview", "2015-07-01"]),
    ("microsoft.authorization/locks", &["2020-05-01", "2017-04-01", "2016-09-01"]),
    (
        "microsoft.authorization/policydefinitions",
        &["2025-11-01", "2025-03-01", "2023-04-01", "2022-06-01", "2021-06-01"],
    ),
    (
        "microsoft.authorization/policyassignments",
        &["2025-11-01", "2025-03-01", "2023-04-01", "2022-06-01", "2021-06-01"],
    ),
    (
        "microsoft.resources",
        &[
            "2025-03-01",
            "2024-11-01",
            "2024-07-01",
            "2022-12-01",
            "2022-09-01",
            "2021-04-01",
            "2021-01-01",
            "2020-10-01",
            "2020-06-01",
            "2019-10-01",
            "2019-08-01",
            "2019-07-01",
        ],
    ),
    ("microsoft.storage", &["2026-04-01", "2025-01-01", "2024-01-01", "2023-01-01"]),
];

/// The versions that a type is served in, the newest first. Nothing: any that looks like one.
pub(super) fn api_versions(resource_type: &str) -> Vec<&'static str> {
    let wanted = resource_type.to_ascii_lowercase();
    let also = VERSIONS
        .iter()
        .filter(|(name, _)| wanted.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        .max_by_key(|(name, _)| name.len())
        .map_or(&[] as &[&str], |(_, versions)| versions);
    let mut versions: Vec<&str> = [ApiProfile::Azure, ApiProfile::Stack]
        .iter()
        .filter_map(|profile| profile.api_version(resource_type))
        .chain(also.iter().copied())
        .collect();
    versions.sort_unstable_by(|one, other| other.cmp(one));
    versions.dedup();
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_comes_first_and_the_longest_name_counts() {
        let versions = api_versions("Microsoft.Network/virtualNetworks/subnets");
        assert_eq!(versions.first(), Some(&"2026-03-01"));
        assert!(versions.contains(&"2018-11-01") && versions.contains(&"2025-05-01"));
        assert!(!api_versions("Microsoft.Compute/disks").contains(&"2024-11-01"));
        assert!(api_versions("Microsoft.Authorization/locks").contains(&"2016-09-01"));
        assert!(api_versions("Microsoft.Web/sites").is_empty());
    }
}
