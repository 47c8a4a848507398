//! What the simulator's one principal may do: everything, unless `/simulator/settings` says otherwise.
//!
//! How grants are read and the words of the refusal are from memory.

use serde_json::{Value as Json, json};

use super::exchange::{Refusal, Request};
use super::faults::is_like;
use super::resource_id::ResourceId;
use super::world::World;

/// The grants, as they are listed.
pub(super) fn told(world: &World) -> Vec<Json> {
    match world.setting("permissions").and_then(Json::as_array) {
        Some(grants) => grants.clone(),
        None => vec![json!({ "actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": [] })],
    }
}

/// Whether grants are what they must be: a list of objects with lists of words.
pub(super) fn are_valid(grants: &Json) -> bool {
    let is_list_of_words = |list: &Json| list.as_array().is_some_and(|words| words.iter().all(Json::is_string));
    grants.as_array().is_some_and(|grants| {
        grants.iter().all(|grant| grant.as_object().is_some_and(|grant| grant.values().all(is_list_of_words)))
    })
}

/// Refuses a request that nothing grants.
pub(super) fn check(world: &World, request: &Request) -> Result<(), Refusal> {
    if world.setting("permissions").is_none_or(Json::is_null) {
        return Ok(());
    }
    let Some((action, scope)) = action_of(request) else { return Ok(()) };
    let is_granted = told(world).iter().any(|grant| {
        let has = |list: &str| {
            let patterns = grant.get(list).and_then(Json::as_array).into_iter().flatten();
            patterns.filter_map(Json::as_str).any(|pattern| covers(pattern, &action))
        };
        has("actions") && !has("notActions")
    });
    if is_granted {
        return Ok(());
    }
    let client = &world.identity.credentials.client_id;
    Err(Refusal::new(
        403,
        "AuthorizationFailed",
        format!(
            "The client '{client}' with object id '{client}' does not have authorization to perform action '{action}' over \
             scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
        ),
    )
    .by_gateway())
}

/// What a request does, in lower case, and to what.
fn action_of(request: &Request) -> Option<(String, String)> {
    let scope = request.segments.iter().fold(String::new(), |text, segment| text + "/" + segment);
    let verb = match request.method.as_str() {
        "GET" | "HEAD" => "read",
        "PUT" | "PATCH" => "write",
        "DELETE" => "delete",
        _ => "action",
    };
    let kind = match ResourceId::of_segments(&request.segments) {
        Some(id) => id.full_type(),
        None if request.segments.len() == 4 => "Microsoft.Resources/subscriptions/resourceGroups".to_owned(),
        // The subscription and what is listed in it.
        None => return None,
    };
    // Anybody may ask what they may.
    let action = format!("{kind}/{verb}").to_ascii_lowercase();
    (!action.ends_with("/permissions/read")).then_some((action, scope))
}

/// Whether a pattern, in which `*` stands for any text and nothing else for another, covers a text that has no `?`.
fn covers(pattern: &str, text: &str) -> bool {
    !pattern.contains('?') && is_like(pattern, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_covers_any_text() {
        assert!(covers("*", "a/b/write") && covers("*/write", "a/b/write") && covers("a/*/write", "a/b/c/write"));
        assert!(!covers("*/read", "a/b/write") && !covers("a/b", "a/b/write"));
    }
}
