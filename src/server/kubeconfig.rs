//! The kubeconfig of a simulated cluster: kubectl and its like reach it over TLS, with a token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::exchange::{Refusal, Request, Response};
use super::oauth::{self, Dialect};
use super::world::World;

/// How long its token is good, in seconds: a day, as nothing renews it.
const LIFETIME: i64 = 24 * 3600;

/// Answers `/simulator/kubeconfig?group=NAME`.
pub(super) fn answer(world: &World, request: &Request) -> Result<Response, Refusal> {
    if request.method != "GET" {
        return Err(super::resources::not_allowed(request));
    }
    let group = request
        .query("group")
        .ok_or_else(|| Refusal::new(400, "InvalidParameter", "The parameter 'group' is missing."))?;
    let group = super::groups::find(world, group)?.id.rsplit('/').next().unwrap_or_default().to_owned();
    let server = format!("{}/kubernetes/{group}", world.url.replacen("http://", "https://", 1));
    let token = oauth::sign(world, &world.url, Dialect::Second, LIFETIME)
        .ok_or_else(|| Refusal::new(500, "InternalServerError", "No token can be signed."))?;
    let authority = STANDARD.encode(&world.identity.authority.certificate);
    Ok(Response::json(
        200,
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": group, "cluster": { "server": server, "certificate-authority-data": authority } }],
            "users": [{ "name": "simulator", "user": { "token": token } }],
            "contexts": [{ "name": group, "context": { "cluster": group, "user": "simulator" } }],
            "current-context": group,
        }),
    )
    .header("cache-control", "no-store"))
}
