//! The rows of providers with few types, and the versions that all of them take.

use super::exchange::Refusal;
use super::provider::{Absence, Behaviour, Deletion, PLAIN, Provider, Signal, Style, all};
use super::versions::api_versions;

pub(super) const OTHER: &[Provider] = &[
    Provider {
        resource_type: "Microsoft.ManagedIdentity/userAssignedIdentities",
        behaviour: Behaviour::Identity,
        signal: Signal::OwnPath,
        states: None,
        defaults: &[("/tags", "{}"), ("/properties", "{}")],
        server_owned: &["/properties/tenantId", "/properties/principalId", "/properties/clientId"],
        kept: &["/properties/tenantId", "/properties/principalId", "/properties/clientId"],
        ..PLAIN
    },
    Provider {
        resource_type: "Microsoft.Authorization/roleAssignments",
        behaviour: Behaviour::RoleAssignment,
        states: None,
        deletion: Deletion::AtOnceWithBody,
        listed: false,
        defaults: &[
            ("/properties/principalType", "\"ServicePrincipal\""),
            ("/properties/condition", "null"),
            ("/properties/conditionVersion", "null"),
            ("/properties/description", "null"),
            ("/properties/delegatedManagedIdentityResourceId", "null"),
        ],
        server_owned: &[
            "/properties/scope",
            "/properties/createdOn",
            "/properties/createdBy",
            "/properties/updatedOn",
            "/properties/updatedBy",
        ],
        kept: &["/properties/createdOn", "/properties/createdBy"],
        absence: Absence::Provider("RoleAssignmentNotFound", "The role assignment '{}' is not found."),
        ..PLAIN
    },
    Provider {
        resource_type: "Microsoft.Storage/storageAccounts",
        behaviour: Behaviour::StorageAccount,
        status: (202, 200),
        signal: Signal::LocationOnly,
        style: Style::Storage,
        states: Some(("Creating", "Succeeded")),
        seconds: (18.0, 0.0, 0.0),
        retry_after: (17, 17),
        defaults: &[
            ("/tags", "{}"),
            ("/kind", "\"StorageV2\""),
            ("/sku", "{\"name\":\"Standard_LRS\"}"),
            ("/sku/tier", "\"Standard\""),
            ("/properties/privateEndpointConnections", "[]"),
            ("/properties/minimumTlsVersion", "\"TLS1_0\""),
            ("/properties/allowBlobPublicAccess", "false"),
            (
                "/properties/networkAcls",
                "{\"bypass\":\"AzureServices\",\"virtualNetworkRules\":[],\"ipRules\":[],\"defaultAction\":\"Allow\"}",
            ),
            ("/properties/supportsHttpsTrafficOnly", "true"),
            ("/properties/encryption", "{\"keySource\":\"Microsoft.Storage\"}"),
            ("/properties/accessTier", "\"Hot\""),
        ],
        server_owned: &[
            "/properties/primaryEndpoints",
            "/properties/primaryLocation",
            "/properties/statusOfPrimary",
            "/properties/creationTime",
            "/properties/keyCreationTime",
        ],
        kept: &["/properties/creationTime", "/properties/keyCreationTime"],
        immutable: &["/kind", "/location"],
        ..PLAIN
    },
    // As `locks.json` (2016-09-01) and `policyDefinitions.json` (2021-06-01) of Azure/azure-rest-api-specs tell, in stored
    // copies read 2026-11-28.
    Provider {
        resource_type: "Microsoft.Authorization/locks",
        behaviour: Behaviour::Lock,
        states: None,
        listed: false,
        absence: Absence::Provider("LockNotFound", "The lock '{}' could not be found."),
        ..PLAIN
    },
    Provider {
        resource_type: "Microsoft.Authorization/policyDefinitions",
        behaviour: Behaviour::PolicyDefinition,
        status: (201, 201),
        states: None,
        listed: false,
        absence: Absence::Provider("PolicyDefinitionNotFound", "The policy definition '{}' could not be found."),
        defaults: &[("/properties/mode", "\"Indexed\""), ("/properties/policyType", "\"Custom\"")],
        ..PLAIN
    },
    Provider {
        resource_type: "Microsoft.Authorization/policyAssignments",
        behaviour: Behaviour::PolicyAssignment,
        status: (201, 201),
        states: None,
        deletion: Deletion::AtOnceWithBody,
        listed: false,
        absence: Absence::Provider("PolicyAssignmentNotFound", "The policy assignment '{}' is not found."),
        defaults: &[("/properties/enforcementMode", "\"Default\""), ("/properties/notScopes", "[]")],
        server_owned: &["/properties/scope"],
        ..PLAIN
    },
    // Not recorded, but as the REST reference of 2026-02-01 tells (read 2026-11-25): both are done at once, and a key has no
    // DELETE.
    Provider {
        resource_type: "Microsoft.KeyVault/vaults",
        status: (200, 200),
        defaults: &[("/properties/enableSoftDelete", "true"), ("/properties/softDeleteRetentionInDays", "90")],
        ..PLAIN
    },
    Provider {
        resource_type: "Microsoft.KeyVault/vaults/keys",
        status: (200, 200),
        states: None,
        deletion: Deletion::Never,
        listed: false,
        ..PLAIN
    },
];

/// The regions of this cloud. Others are refused.
pub(super) const LOCATIONS: [(&str, &str); 14] = [
    ("westus2", "West US 2"),
    ("eastus", "East US"),
    ("eastus2", "East US 2"),
    ("westus", "West US"),
    ("westus3", "West US 3"),
    ("centralus", "Central US"),
    ("southcentralus", "South Central US"),
    ("westcentralus", "West Central US"),
    ("northeurope", "North Europe"),
    ("westeurope", "West Europe"),
    ("uksouth", "UK South"),
    ("germanywestcentral", "Germany West Central"),
    ("southeastasia", "Southeast Asia"),
    ("local", "Local"),
];

/// The name of a region as Azure writes it back: `West US 2` and `WESTUS2` are `westus2`.
pub(super) fn location(text: &str) -> Option<&'static str> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    LOCATIONS.iter().map(|(name, _)| *name).find(|name| *name == plain)
}

/// The namespaces, in Azure's spelling.
pub(super) fn namespaces() -> Vec<&'static str> {
    let mut names: Vec<&str> = all().filter_map(|provider| provider.resource_type.split('/').next()).collect();
    names.push("Microsoft.Resources");
    names.sort_unstable();
    names.dedup();
    names
}

/// Checks the version of a request for a type, such as `Microsoft.Compute/virtualMachines`.
pub(super) fn check_api_version<'a>(version: Option<&'a str>, resource_type: &str) -> Result<&'a str, Refusal> {
    let Some(version) = version else {
        return Err(Refusal::new(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
        .by_gateway());
    };
    let known = api_versions(resource_type);
    if known.contains(&version) || (known.is_empty() && looks_like_version(version)) {
        return Ok(version);
    }
    let known = known.join(", ");
    let (namespace, types) = resource_type.split_once('/').unwrap_or((resource_type, ""));
    let refusal = if namespace.eq_ignore_ascii_case("Microsoft.Resources") || !looks_like_version(version) {
        Refusal::new(
            400,
            "InvalidApiVersionParameter",
            format!("The api-version '{version}' is invalid. The supported versions are '{known}'."),
        )
    } else {
        let locations = LOCATIONS.map(|(name, _)| name).join(", ");
        Refusal::new(
            400,
            "NoRegisteredProviderFound",
            format!(
                "No registered resource provider found for location 'westus2' and API version '{version}' for type \
                 '{types}' of '{namespace}'. The supported api-versions are '{known}'. The supported locations are \
                 '{locations}'."
            ),
        )
    };
    Err(refusal.by_gateway())
}

/// `2025-05-01`, maybe with `-preview` or the like behind it.
pub(super) fn looks_like_version(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else { return false };
    date.bytes()
        .enumerate()
        .all(|(index, byte)| if index == 4 || index == 7 { byte == b'-' } else { byte.is_ascii_digit() })
        && (rest.is_empty() || rest.starts_with('-'))
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn versions_are_checked_per_type() {
        assert!(check_api_version(Some("2025-05-01"), "microsoft.network/loadbalancers").is_ok());
        assert!(check_api_version(Some("2020-06-01"), "Microsoft.Compute/virtualMachines").is_ok());
        assert!(check_api_version(Some("2025-05-01"), "Microsoft.Compute/virtualMachines").is_err());
        assert!(check_api_version(None, "Microsoft.Compute/virtualMachines").is_err());
        assert!(check_api_version(Some("2024-01-01-preview"), "Microsoft.Web/sites").is_ok());
        assert!(check_api_version(Some("../x"), "Microsoft.Web/sites").is_err());
    }

    #[test]
    fn every_default_is_json_and_every_type_is_named_once() {
        let mut types = std::collections::BTreeSet::new();
        for provider in all() {
            assert!(types.insert(provider.resource_type.to_ascii_lowercase()), "{}", provider.resource_type);
            for (pointer, text) in provider.defaults {
                assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{pointer}");
            }
        }
    }
}
