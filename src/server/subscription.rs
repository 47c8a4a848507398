//! What is asked of the directory and of the subscription itself: tenants, subscriptions, regions, resource providers.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::exchange::{Refusal, Request, Response};
use super::provider::{Provider, all};
use super::provider_other::{LOCATIONS, check_api_version, namespaces};
use super::resources::page;
use super::versions::api_versions;
use super::world::World;

/// Types that are served without a row of their own.
const OTHER_TYPES: [&str; 13] = [
    "Microsoft.Authorization/locks",
    "Microsoft.Authorization/permissions",
    "Microsoft.Authorization/policyAssignments",
    "Microsoft.Authorization/policyDefinitions",
    "Microsoft.Compute/locations",
    "Microsoft.Compute/locations/operations",
    "Microsoft.Compute/locations/usages",
    "Microsoft.Compute/skus",
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
    "Microsoft.Network/locations",
    "Microsoft.Network/locations/operations",
    "Microsoft.Resources/resourceGroups",
    "Microsoft.Resources/subscriptions",
];

/// The subscription.
pub(super) fn tell(world: &World) -> Json {
    let credentials = &world.identity.credentials;
    json!({
        "id": world.subscription(),
        "subscriptionId": credentials.subscription_id,
        "tenantId": credentials.tenant_id,
        "displayName": "SIMULATED",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "subscriptionPolicies": { "locationPlacementId": "Public_2014-09-01", "quotaId": "Simulated_2014-09-01", "spendingLimit": "Off" },
        "managedByTenants": [],
    })
}

/// The tenants: one.
pub(super) fn tenants(world: &World) -> Json {
    let tenant = &world.identity.credentials.tenant_id;
    json!({ "value": [{
        "id": format!("/tenants/{tenant}"), "tenantId": tenant, "displayName": "SIMULATED", "tenantCategory": "Home",
        "countryCode": "US", "defaultDomain": "simulated.example", "domains": ["simulated.example"], "tenantType": "AAD",
    }] })
}

/// The regions.
pub(super) fn locations(world: &World) -> Json {
    let all: Json = LOCATIONS
        .iter()
        .map(|(name, display)| {
            json!({
                "id": format!("{}/locations/{name}", world.subscription()),
                "name": name,
                "type": "Region",
                "displayName": display,
                "regionalDisplayName": display,
                "metadata": { "regionType": "Physical", "regionCategory": "Recommended" },
            })
        })
        .collect();
    json!({ "value": all })
}

/// Answers a request for resource providers. All are registered.
pub(super) fn providers(world: &World, request: &Request, namespace: Option<&str>) -> Result<Response, Refusal> {
    check_api_version(request.query("api-version"), "Microsoft.Anything/any")?;
    match namespace {
        None => Ok(page(world, request, namespaces().into_iter().map(|name| provider(world, name)).collect())),
        Some(wanted) => match namespaces().into_iter().find(|name| name.eq_ignore_ascii_case(wanted)) {
            Some(name) => Ok(Response::json(200, provider(world, name))),
            None => Err(Refusal::new(
                404,
                "InvalidResourceNamespace",
                format!("The resource namespace '{}' is invalid.", wanted.escape_debug()),
            )
            .by_gateway()),
        },
    }
}

/// A namespace with its types, those that lie in their parents among them.
fn provider(world: &World, name: &str) -> Json {
    let places: Vec<&str> = LOCATIONS.iter().map(|(_, display)| *display).collect();
    let of_rows = all().flat_map(types_of_row);
    let others = OTHER_TYPES.iter().map(|full| ((*full).to_owned(), false));
    let types: BTreeMap<String, bool> = of_rows.chain(others).collect();
    let types: Json = types
        .iter()
        .filter_map(|(full, is_tracked)| {
            let kind = full.strip_prefix(name)?.strip_prefix('/')?;
            Some(json!({
                "resourceType": kind,
                "locations": places,
                "apiVersions": api_versions(full),
                "defaultApiVersion": api_versions(full).into_iter().find(|version| !version.ends_with("preview")),
                "capabilities": if *is_tracked { "SupportsTags, SupportsLocation" } else { "None" },
            }))
        })
        .collect();
    json!({
        "id": format!("{}/providers/{name}", world.subscription()),
        "namespace": name,
        "resourceTypes": types,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
    })
}

/// The type of a row and those of its children, and whether it has a place of its own.
fn types_of_row(row: &'static Provider) -> impl Iterator<Item = (String, bool)> {
    let children = row.children.iter().map(move |child| (format!("{}/{child}", row.resource_type), false));
    std::iter::once((row.resource_type.to_owned(), row.listed)).chain(children)
}
