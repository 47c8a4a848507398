//! What the directory and the cloud tell about themselves: where tokens are given, with which keys they are signed, which
//! endpoints and suffixes there are.
//!
//! Sources: "OpenID Connect on the Microsoft identity platform" and "Instance discovery" on learn.microsoft.com; the readers
//! of `metadata/endpoints` in azure-cli (`azure/cli/core/cloud.py`), aks-engine-azurestack (version 1.0) and go-azure-sdk
//! (2022-09-01); read 2026-11-28.

use serde_json::{Value as Json, json};

use super::exchange::{Refusal, Request, Response};
use super::oauth::unknown_tenant;
use super::world::World;

/// Tenants that stand for any.
const ANY: [&str; 2] = ["common", "organizations"];

/// Answers a request for a discovery document or for the keys. `parts` is the path in lower case, `tenant` its first
/// segment as written.
pub(super) fn answer(world: &World, request: &Request, parts: &[&str], tenant: &str) -> Result<Response, Refusal> {
    if request.method != "GET" {
        return Err(super::resources::not_allowed(request));
    }
    let url = &world.url;
    let is_known = tenant.eq_ignore_ascii_case(&world.identity.credentials.tenant_id) || ANY.contains(&tenant);
    Ok(match parts {
        ["adfs", ".well-known", "openid-configuration"] => Response::json(200, adfs(url)),
        ["common", "discovery", "instance"] => Response::json(200, instance(world, request)),
        ["adfs", "discovery", "keys"] => Response::json(200, json!({ "keys": [world.identity.token_key.tell()] })),
        [_, "discovery", "keys" | "v2.0"] | [_, "discovery", "v2.0", "keys"] if is_known => {
            Response::json(200, json!({ "keys": [world.identity.token_key.tell()] }))
        }
        [_, ".well-known", "openid-configuration"] if is_known => {
            Response::json(200, entra(url, tenant, &format!("{url}/{tenant}/"), ""))
        }
        [_, "v2.0", ".well-known", "openid-configuration"] if is_known => {
            Response::json(200, entra(url, tenant, &format!("{url}/{tenant}/v2.0"), "/v2.0"))
        }
        [_, ".well-known" | "v2.0" | "discovery", ..] if !is_known => Response::json(
            400,
            json!({
                "error": "invalid_tenant",
                "error_description": format!("AADSTS90002: {}", unknown_tenant(tenant)),
                "error_codes": [90_002],
            }),
        ),
        _ => return Err(Refusal::new(404, "NotFound", "Nothing is served at this address.").by_gateway()),
    })
}

fn entra(url: &str, tenant: &str, issuer: &str, version: &str) -> Json {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{url}/{tenant}/oauth2{version}/authorize"),
        "token_endpoint": format!("{url}/{tenant}/oauth2{version}/token"),
        "jwks_uri": format!("{url}/{tenant}/discovery{version}/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "response_modes_supported": ["query"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["client_credentials"],
        "subject_types_supported": ["pairwise"],
        "scopes_supported": ["openid"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nbf", "tid", "oid", "ver"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "tenant_region_scope": null,
        "cloud_instance_name": url.split("://").nth(1),
    })
}

fn adfs(url: &str) -> Json {
    json!({
        "issuer": format!("{url}/adfs"),
        "access_token_issuer": format!("{url}/adfs/services/trust"),
        "authorization_endpoint": format!("{url}/adfs/oauth2/authorize/"),
        "token_endpoint": format!("{url}/adfs/oauth2/token/"),
        "jwks_uri": format!("{url}/adfs/discovery/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["client_credentials"],
        "subject_types_supported": ["pairwise"],
        "scopes_supported": ["openid"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

/// Which names this directory goes by.
fn instance(world: &World, request: &Request) -> Json {
    let host = request.header("host").unwrap_or_default();
    json!({
        "tenant_discovery_endpoint": format!(
            "{}/{}/v2.0/.well-known/openid-configuration", world.url, world.identity.credentials.tenant_id
        ),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    })
}

/// What clouds tell about themselves at `/metadata/endpoints`, in the form of the version asked for.
pub(super) fn metadata(world: &World, request: &Request) -> Result<Response, Refusal> {
    let url = &world.url;
    let audiences = [url.as_str(), "https://management.azure.com/"];
    let is_adfs = world.setting("identityProvider") == Some(&Json::from("ADFS"));
    let (login, tenant, provider) =
        if is_adfs { (format!("{url}/adfs/"), "adfs", "ADFS") } else { (format!("{url}/"), "common", "AAD") };
    let version = match request.query("api-version") {
        Some(version @ "1.0") => version,
        Some(version) if super::provider_other::looks_like_version(version) => version,
        _ => {
            return Err(Refusal::new(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
            .by_gateway());
        }
    };
    if version < "2018-05-01" {
        return Ok(Response::json(
            200,
            json!({
                "galleryEndpoint": url,
                "graphEndpoint": url,
                "portalEndpoint": url,
                "authentication": { "loginEndpoint": login, "audiences": audiences },
            }),
        ));
    }
    let suffixes = json!({
        "acrLoginServer": "azurecr.io",
        "sqlServerHostname": "database.windows.net",
        "keyVaultDns": "vault.azure.net",
        "storage": "core.windows.net",
        "azureFrontDoorEndpointSuffix": "azurefd.net",
    });
    let cloud = json!({
        "name": "EngineSimulator",
        "portal": url,
        "authentication": {
            "loginEndpoint": login, "audiences": audiences, "tenant": tenant, "identityProvider": provider,
        },
        "resourceManager": format!("{url}/"),
        "graph": format!("{url}/"),
        "graphAudience": format!("{url}/"),
        "microsoftGraphResourceId": format!("{url}/"),
        "gallery": url,
        "media": url,
        "batch": url,
        "vmImageAliasDoc": format!("{url}/aliases.json"),
        "suffixes": suffixes,
    });
    // The versions between these two tell an array of clouds.
    let body = if version < "2022-09-01" { json!([cloud]) } else { cloud };
    Ok(Response::json(200, body))
}
