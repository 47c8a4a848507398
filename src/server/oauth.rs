//! Tokens as Azure's directory and AD FS give them: client credentials in, a signed JWT out, which is verified with every
//! request.
//!
//! Deliberately absent: certificates, federated tokens, people who sign in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::json;

use super::exchange::{Refusal, Request, Response};
use super::world::{World, timestamp_short};

/// How long a token is good, in seconds.
const LIFETIME: i64 = 3599;

/// Which of the endpoints for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Entra's first: the audience is a `resource`.
    First,
    /// Entra's second: the audience is a `scope` that ends in `/.default`.
    Second,
    /// AD FS, which takes both and answers briefly.
    Adfs,
}

impl Dialect {
    /// Who issues its tokens, after the origin.
    fn issuer(self, tenant: &str) -> String {
        match self {
            Self::First => format!("/{tenant}/"),
            Self::Second => format!("/{tenant}/v2.0"),
            Self::Adfs => "/adfs/services/trust".to_owned(),
        }
    }
}

/// Answers a request for a token.
pub(super) fn give_token(world: &World, request: &Request, tenant: &str, dialect: Dialect) -> Response {
    let denial = match check_request(world, request, tenant, dialect) {
        Ok(audience) => match sign(world, &audience, dialect, LIFETIME) {
            Some(token) => return granted(world, &audience, dialect, &token),
            None => (500, "server_error", 90_033, "A transient error has occurred. Please try again.".to_owned()),
        },
        Err(denial) => denial,
    };
    denied(world, dialect, denial)
}

fn granted(world: &World, audience: &str, dialect: Dialect, token: &str) -> Response {
    let mut body = match dialect {
        Dialect::Second => json!({ "token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME }),
        Dialect::Adfs => json!({ "token_type": "bearer", "expires_in": LIFETIME }),
        Dialect::First => {
            // The first version tells numbers as text.
            let now = world.now.div_euclid(1000);
            json!({
                "token_type": "Bearer",
                "expires_in": LIFETIME.to_string(),
                "ext_expires_in": LIFETIME.to_string(),
                "expires_on": (now + LIFETIME).to_string(),
                "not_before": now.to_string(),
                "resource": audience,
            })
        }
    };
    body["access_token"] = token.into();
    Response::json(200, body).header("cache-control", "no-store, no-cache")
}

fn denied(world: &World, dialect: Dialect, (status, error, number, description): Denial) -> Response {
    if dialect == Dialect::Adfs {
        // AD FS has numbers of its own, of which two are for wrong clients.
        let code = if error == "invalid_client" { "MSIS9622" } else { "MSIS9605" };
        let description = format!("{code}: {description}");
        return Response::json(400, json!({ "error": error, "error_description": description }));
    }
    let (trace, correlation) = (world.uuid(), world.uuid());
    let time = timestamp_short(world.now).replace('T', " ");
    let description =
        format!("AADSTS{number}: {description} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}");
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

type Denial = (u16, &'static str, u32, String);

/// The audience that a token is asked for, or why there is none.
fn check_request(world: &World, request: &Request, tenant: &str, dialect: Dialect) -> Result<String, Denial> {
    let credentials = &world.identity.credentials;
    if request.method != "POST" {
        return Err((400, "invalid_request", 900_561, "The endpoint only accepts POST requests.".to_owned()));
    }
    if dialect != Dialect::Adfs && !tenant.eq_ignore_ascii_case(&credentials.tenant_id) {
        return Err((400, "invalid_request", 90_002, unknown_tenant(tenant)));
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
    let basic = basic_credentials(request);
    let (client, secret) = match &basic {
        Some((client, secret)) => (client.as_str(), secret.as_str()),
        None => (form.query("client_id").unwrap_or_default(), form.query("client_secret").unwrap_or_default()),
    };
    if !client.eq_ignore_ascii_case(&credentials.client_id) {
        let message = format!(
            "Application with identifier '{}' was not found in the directory '{tenant}'.",
            client.escape_debug()
        );
        return Err((400, "unauthorized_client", 700_016, message));
    }
    if !is_same(world, secret, credentials.client_secret.expose()) {
        let message = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the \
             client secret ID, for a secret added to app '{client}'."
        );
        return Err((401, "invalid_client", 7_000_215, message));
    }
    let of_scope = form.query("scope").and_then(|scope| scope.split(' ').find_map(|one| one.strip_suffix("/.default")));
    let audience = match dialect {
        Dialect::Second => of_scope,
        Dialect::First => form.query("resource"),
        Dialect::Adfs => form.query("resource").or(of_scope),
    };
    audience.filter(|audience| !audience.is_empty()).map(str::to_owned).ok_or_else(|| {
        if dialect == Dialect::Second {
            let message = "The provided value for the input parameter 'scope' is not valid. Client credential flows must have a \
                           scope value with /.default suffixed to the resource identifier.";
            (400, "invalid_scope", 1_002_012, message.to_owned())
        } else {
            (400, "invalid_request", 900_144, "The request body must contain the following parameter: 'resource'.".to_owned())
        }
    })
}

/// Why a tenant's endpoints are not there.
pub(super) fn unknown_tenant(tenant: &str) -> String {
    format!("Tenant '{}' not found. Check to make sure you have the correct tenant ID.", tenant.escape_debug())
}

/// Client and secret in the header, each escaped as in a form (RFC 6749, 2.3.1).
fn basic_credentials(request: &Request) -> Option<(String, String)> {
    let (scheme, text) = request.header("authorization")?.split_once(' ')?;
    let text = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (client, secret) = text.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("Basic"))?;
    let form = Request::new("POST", &format!("/?client={client}&secret={secret}"), Default::default(), Vec::new());
    Some((form.query("client")?.to_owned(), form.query("secret")?.to_owned()))
}

/// Comparison in a time that tells nothing about where they differ.
fn is_same(world: &World, one: &str, other: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, world.identity.signing_key.expose().as_bytes());
    hmac::verify(&key, one.as_bytes(), hmac::sign(&key, other.as_bytes()).as_ref()).is_ok()
}

/// What the world signs with for itself.
pub(super) fn key(world: &World) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, world.identity.signing_key.expose().as_bytes())
}

/// A token for an audience that is good for some seconds.
pub(super) fn sign(world: &World, audience: &str, dialect: Dialect, lifetime: i64) -> Option<String> {
    let credentials = &world.identity.credentials;
    let now = world.now.div_euclid(1000);
    let mut claims = json!({
        "aud": audience,
        "iss": format!("{}{}", world.url, dialect.issuer(&credentials.tenant_id)),
        "iat": now,
        "nbf": now,
        "exp": now + lifetime,
    });
    let more = match dialect {
        Dialect::Adfs => json!({
            "appid": credentials.client_id, "apptype": "Confidential", "ver": "1.0", "scp": "openid",
            "authmethod": "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password",
        }),
        Dialect::First => json!({ "appid": credentials.client_id, "appidacr": "1", "ver": "1.0" }),
        Dialect::Second => json!({ "azp": credentials.client_id, "azpacr": "1", "ver": "2.0" }),
    };
    super::resources::merge_patch(&mut claims, &more);
    if dialect != Dialect::Adfs {
        let who = json!({
            "oid": credentials.object_id, "sub": credentials.object_id, "tid": credentials.tenant_id, "idtyp": "app",
            "uti": world.uuid(),
        });
        super::resources::merge_patch(&mut claims, &who);
    }
    world.identity.token_key.sign(&claims)
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
        .and_then(|(_, token)| world.identity.token_key.verify(token.trim()));
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
    if !is_own_issuer(world, claims["iss"].as_str().unwrap_or_default()) {
        let message = format!("The access token is from the wrong issuer. It must match '{}'.", issuer_told(world));
        return Err(challenge("InvalidAuthenticationTokenTenant", message));
    }
    let audience = claims["aud"].as_str().unwrap_or_default().trim_end_matches('/');
    let known = ["https://management.azure.com", "https://management.core.windows.net"];
    if !known.contains(&audience) && own_path(world, audience) != Some("") {
        return Err(challenge(
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for the wrong audience or resource.".to_owned(),
        ));
    }
    Ok(())
}

fn issuer_told(world: &World) -> String {
    format!("{}{}", world.url, Dialect::First.issuer(&world.identity.credentials.tenant_id))
}

fn is_own_issuer(world: &World, issuer: &str) -> bool {
    let tenant = &world.identity.credentials.tenant_id;
    let path = own_path(world, issuer);
    [Dialect::First, Dialect::Second, Dialect::Adfs].into_iter().any(|one| path == Some(&one.issuer(tenant)))
}

/// What follows the origin in a URL of this simulator, whatever the name by which it was asked.
fn own_path<'a>(world: &World, url: &'a str) -> Option<&'a str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let port = world.identity.address?.port();
    super::http::is_own_host(host, port).then_some(path)
}
