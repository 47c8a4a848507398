//! Tokens as Azure's directory gives them: client credentials in, a signed JWT out, which is verified with every request.
//!
//! Deliberately absent: certificates, federated tokens, AD FS.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value as Json, json};

use super::exchange::{Refusal, Request, Response};
use super::world::{World, timestamp_short};

/// How long a token is good, in seconds.
const LIFETIME: i64 = 3599;

/// Answers a request for a token. `version` is 1 or 2.
pub(super) fn give_token(world: &World, request: &Request, tenant: &str, version: u8) -> Response {
    match check_request(world, request, tenant, version) {
        Ok(audience) => {
            let token = sign(world, &claims(world, &audience, version));
            let mut body = json!({ "token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME });
            if version == 1 {
                // The first version tells numbers as text.
                let now = world.now.div_euclid(1000);
                body = json!({
                    "token_type": "Bearer",
                    "expires_in": LIFETIME.to_string(),
                    "ext_expires_in": LIFETIME.to_string(),
                    "expires_on": (now + LIFETIME).to_string(),
                    "not_before": now.to_string(),
                    "resource": audience,
                });
            }
            body["access_token"] = token.into();
            Response::json(200, body).header("cache-control", "no-store, no-cache")
        }
        Err((status, error, number, description)) => {
            let (trace, correlation) = (world.uuid(), world.uuid());
            let time = timestamp_short(world.now).replace('T', " ");
            let description = format!(
                "AADSTS{number}: {description} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}"
            );
            Response::json(
                status,
                json!({
                    "error": error,
                    "error_description": description,
                    "error_codes": [number],
                    "timestamp": time,
                    "trace_id": trace,
                    "correlation_id": correlation,
                    "error_uri": format!("{}/error?code={number}", world.url),
                }),
            )
        }
    }
}

type Denial = (u16, &'static str, u32, String);

/// The audience that a token is asked for, or why there is none.
fn check_request(world: &World, request: &Request, tenant: &str, version: u8) -> Result<String, Denial> {
    let credentials = &world.identity.credentials;
    if request.method != "POST" {
        return Err((400, "invalid_request", 900_561, "The endpoint only accepts POST requests.".to_owned()));
    }
    if !tenant.eq_ignore_ascii_case(&credentials.tenant_id) {
        let message =
            format!("Tenant '{}' not found. Check to make sure you have the correct tenant ID.", tenant.escape_debug());
        return Err((400, "invalid_request", 90_002, message));
    }
    // A form is written as a query is.
    let text = String::from_utf8_lossy(&request.body);
    let form = Request::new("POST", &format!("/?{text}"), Default::default(), Vec::new());
    match form.query("grant_type") {
        Some("client_credentials") => {}
        Some(other) => {
            let message = format!(
                "The provided value for the input parameter 'grant_type' is not supported: '{}'.",
                other.escape_debug()
            );
            return Err((400, "unsupported_grant_type", 70_003, message));
        }
        None => {
            let message = "The request body must contain the following parameter: 'grant_type'.".to_owned();
            return Err((400, "invalid_request", 900_144, message));
        }
    }
    let client = form.query("client_id").unwrap_or_default();
    if !client.eq_ignore_ascii_case(&credentials.client_id) {
        let message = format!(
            "Application with identifier '{}' was not found in the directory '{tenant}'.",
            client.escape_debug()
        );
        return Err((400, "unauthorized_client", 700_016, message));
    }
    let secret = form.query("client_secret").unwrap_or_default();
    if !is_same(world, secret, credentials.client_secret.expose()) {
        let message = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the \
             client secret ID, for a secret added to app '{client}'."
        );
        return Err((401, "invalid_client", 7_000_215, message));
    }
    let audience = if version == 2 {
        form.query("scope").and_then(|scope| scope.strip_suffix("/.default")).map(str::to_owned)
    } else {
        form.query("resource").map(str::to_owned)
    };
    audience.filter(|audience| !audience.is_empty()).ok_or_else(|| {
        if version == 2 {
            let message = "The provided value for the input parameter 'scope' is not valid. Client credential flows must have a \
                           scope value with /.default suffixed to the resource identifier.";
            (400, "invalid_scope", 1_002_012, message.to_owned())
        } else {
            (400, "invalid_request", 900_144, "The request body must contain the following parameter: 'resource'.".to_owned())
        }
    })
}

/// Comparison in a time that tells nothing about where they differ.
fn is_same(world: &World, one: &str, other: &str) -> bool {
    let key = key(world);
    hmac::verify(&key, one.as_bytes(), hmac::sign(&key, other.as_bytes()).as_ref()).is_ok()
}

/// What the world signs with.
pub(super) fn key(world: &World) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, world.identity.signing_key.expose().as_bytes())
}

fn claims(world: &World, audience: &str, version: u8) -> Json {
    let credentials = &world.identity.credentials;
    let now = world.now.div_euclid(1000);
    json!({
        "aud": audience,
        "iss": format!("{}/{}/", world.url, credentials.tenant_id),
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        "appid": credentials.client_id,
        "oid": credentials.object_id,
        "sub": credentials.object_id,
        "tid": credentials.tenant_id,
        "idtyp": "app",
        "uti": world.uuid(),
        "ver": if version == 2 { "2.0" } else { "1.0" },
    })
}

fn sign(world: &World, claims: &Json) -> String {
    let encode = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let text = format!("{}.{}", encode(&json!({ "typ": "JWT", "alg": "HS256" })), encode(claims));
    let signature = hmac::sign(&key(world), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Lets a request pass that bears a token of ours that is still good.
pub(super) fn check_bearer(world: &World, request: &Request) -> Result<(), Refusal> {
    let challenge = |code: &str, message: String| {
        let authority = format!("{}/{}", world.url, world.identity.credentials.tenant_id);
        Refusal::new(401, code, message.clone()).by_gateway().header(
            "www-authenticate",
            format!(
                "Bearer authorization_uri=\"{authority}\", error=\"invalid_token\", error_description=\"{message}\""
            ),
        )
    };
    let Some(header) = request.header("authorization") else {
        return Err(challenge(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.".to_owned(),
        ));
    };
    let claims = header
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        .and_then(|(_, token)| verify(world, token.trim()));
    let Some(claims) = claims else {
        return Err(challenge("InvalidAuthenticationToken", "The access token is invalid.".to_owned()));
    };
    let expiry = claims["exp"].as_i64().unwrap_or(0);
    if expiry.saturating_mul(1000) <= world.now {
        return Err(challenge(
            "ExpiredAuthenticationToken",
            format!(
                "The access token expiry UTC time '{}' is earlier than current UTC time '{}'.",
                timestamp_short(expiry.saturating_mul(1000)),
                timestamp_short(world.now)
            ),
        ));
    }
    let audience = claims["aud"].as_str().unwrap_or_default().trim_end_matches('/');
    let known = [world.url.as_str(), "https://management.azure.com", "https://management.core.windows.net"];
    if !known.contains(&audience) {
        return Err(challenge(
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for the wrong audience or resource.".to_owned(),
        ));
    }
    Ok(())
}

fn verify(world: &World, token: &str) -> Option<Json> {
    let (text, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    hmac::verify(&key(world), text.as_bytes(), &signature).ok()?;
    let (_, claims) = text.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// The discovery document of the directory.
pub(super) fn discovery(world: &World, tenant: &str) -> Response {
    let url = &world.url;
    Response::json(
        200,
        json!({
            "issuer": format!("{url}/{tenant}/v2.0"),
            "token_endpoint": format!("{url}/{tenant}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["HS256"],
        }),
    )
}

/// What clouds tell about themselves at `/metadata/endpoints`, in the form of the version asked for.
pub(super) fn metadata(world: &World, request: &Request) -> Result<Response, Refusal> {
    let url = &world.url;
    let audiences = [url.as_str(), "https://management.azure.com/"];
    match request.query("api-version") {
        None => Err(Refusal::new(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
        .by_gateway()),
        Some("1.0" | "2015-01-01") => Ok(Response::json(
            200,
            json!({
                "galleryEndpoint": url,
                "graphEndpoint": url,
                "portalEndpoint": url,
                "authentication": { "loginEndpoint": format!("{url}/"), "audiences": audiences },
            }),
        )),
        Some(version) => {
            let cloud = json!({
                "name": "EngineSimulator",
                "portal": url,
                "authentication": {
                    "loginEndpoint": format!("{url}/"),
                    "audiences": audiences,
                    "tenant": world.identity.credentials.tenant_id,
                    "identityProvider": "AAD",
                },
                "resourceManager": format!("{url}/"),
                "graph": url,
                "gallery": url,
                "suffixes": { "storage": "core.windows.net", "keyVaultDns": "vault.azure.net" },
            });
            // The versions between these two tell an array of clouds.
            let body = if version < "2022-09-01" { json!([cloud]) } else { cloud };
            Ok(Response::json(200, body))
        }
    }
}
