//! Storage accounts: names that are free, endpoints, keys. The storage itself is not served.
//!
//! Sources: recorded traffic (2023); the keys as learn.microsoft.com, "StorageAccountKey interface", has them, in a stored copy
//! read 2026-11-28.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value as Json, json};

use super::exchange::{Refusal, Response};
use super::places::{add_defaults, set, text};
use super::world::{Entry, World};

/// What an account must be, and what it gets.
pub(super) fn complete(world: &World, id: &str, body: &mut Json) -> Result<(), Refusal> {
    let name = id.rsplit('/').next().unwrap_or_default();
    let is_odd = |letter: char| !(letter.is_ascii_lowercase() || letter.is_ascii_digit());
    if !(3..=24).contains(&name.len()) || name.chars().any(is_odd) {
        return Err(Refusal::new(
            400,
            "AccountNameInvalid",
            format!(
                "{} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length \
                 and use numbers and lower-case letters only.",
                name.escape_debug()
            ),
        ));
    }
    if is_taken(world, id, name) {
        return Err(Refusal::new(
            409,
            "StorageAccountAlreadyTaken",
            format!("The storage account named {name} is already taken."),
        ));
    }
    let location = text(body, "/location").unwrap_or_default().to_owned();
    let endpoints: serde_json::Map<String, Json> = ["blob", "dfs", "file", "queue", "table"]
        .into_iter()
        .map(|service| (service.to_owned(), format!("https://{name}.{service}.core.windows.net/").into()))
        .collect();
    set(body, "/properties/primaryEndpoints", Json::Object(endpoints));
    set(body, "/properties/primaryLocation", location.into());
    set(body, "/properties/statusOfPrimary", "available".into());
    let now = Json::from(world.timestamp());
    add_defaults(
        body,
        &[
            ("/properties/creationTime", &now.to_string()),
            ("/properties/keyCreationTime", &json!({ "key1": now, "key2": now }).to_string()),
        ],
    );
    Ok(())
}

/// Names are unique in all of Azure.
fn is_taken(world: &World, id: &str, name: &str) -> bool {
    let tail = format!("/microsoft.storage/storageaccounts/{name}");
    let mut ids = world.store.range(&format!("{}/resourceGroups/", world.subscription())).map(|(id, _)| id);
    ids.any(|other| !other.eq_ignore_ascii_case(id) && other.to_ascii_lowercase().ends_with(&tail))
}

/// The two keys of an account. They follow from its id, so that nothing secret is kept.
pub(super) fn keys(world: &World, entry: &Entry) -> Response {
    let signing = hmac::Key::new(hmac::HMAC_SHA512, world.identity.signing_key.expose().as_bytes());
    let key = |name: &str| {
        let value = STANDARD.encode(hmac::sign(&signing, format!("{} {name}", entry.guid).as_bytes()));
        json!({
            "keyName": name, "value": value, "permissions": "FULL",
            "creationTime": entry.body["properties"]["keyCreationTime"][name],
        })
    };
    Response::json(200, json!({ "keys": [key("key1"), key("key2")] })).header("cache-control", "no-cache")
}
