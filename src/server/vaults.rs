//! The vaults' own interface, by which secrets are read. A model names vaults that were there before the cluster, in a
//! subscription that the simulator does not have: each is taken to hold every secret that it is asked for.
//!
//! Sources, in stored copies read 2026-11-28: Azure/azure-rest-api-specs,
//! `specification/keyvault/data-plane/Microsoft.KeyVault/stable/7.4/secrets.json` (the answer); learn.microsoft.com,
//! "Authentication, requests and responses" (there is no answer without a version); recorded traffic in
//! Azure/azure-sdk-for-js, `sdk/keyvault/keyvault-secrets/recordings` (what a request without a token gets). The words of the other
//! refusals are the simulator's own.

use ring::hmac;
use serde_json::json;

use super::exchange::{Refusal, Request, Response};
use super::oauth;
use super::world::World;

/// The version that stands for the newest.
const NEWEST: &str = "00000000000000000000000000000000";

/// Answers a request for a secret: always the same text, which nobody can guess.
pub(super) fn answer(world: &World, request: &Request, path: &[&str]) -> Result<Response, Refusal> {
    oauth::check_bearer(world, request).map_err(|_| unauthorized(world))?;
    let (vault, name, version) = match path {
        [vault, "secrets", name] => (vault, name, NEWEST),
        [vault, "secrets", name, version] => (vault, name, *version),
        _ => return Err(Refusal::new(404, "NotFound", "There is no such thing in a key vault.")),
    };
    if request.method != "GET" {
        return Err(Refusal::new(405, "MethodNotAllowed", "Secrets can only be read here."));
    }
    if request.query("api-version").is_none() {
        return Err(Refusal::new(400, "BadParameter", "The parameter api-version is missing."));
    }
    let signed = hmac::sign(&oauth::key(world), format!("{vault}/{name}/{version}").as_bytes());
    let digits: String = signed.as_ref().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    Ok(Response::json(
        200,
        json!({
            // Of the kinds of letters that a password needs.
            "value": format!("Simulated-{digits}"),
            "id": format!("{}/vaults/{vault}/secrets/{name}/{version}", world.url),
            "attributes": { "enabled": true, "recoveryLevel": "Recoverable" },
        }),
    ))
}

/// Tells where a token is to be had.
fn unauthorized(world: &World) -> Refusal {
    let authority = format!("{}/{}", world.url, world.identity.credentials.tenant_id);
    let challenge = format!("Bearer authorization=\"{authority}\", resource=\"{}\"", world.url);
    Refusal::new(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.")
        .header("www-authenticate", challenge)
}
