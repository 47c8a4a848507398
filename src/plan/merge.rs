//! Three bodies of one resource: what is wanted, what the engine applied last, what is there. Where do they differ,
//! and what has to be sent so that what others own stays?
//!
//! Ownership goes field by field, and in arrays item by item (see [`crate::contract`]). Items are known by their
//! `name`, else by their `id`, else by their `lun` (a machine's disks may have no name before they exist), else by what
//! they say.

use serde_json::{Map, Value as Json};

use crate::contract::FieldDifference;

/// The differences that a write would mend: fields that are wanted and are not so, and fields that the engine applied
/// last and wants no more. `wanted` and `applied` have secrets by digest.
///
/// `skip` tells for a pointer (array items by name or place) whether differences at or below it are left out; it is
/// given for what belongs to somebody else after creation.
pub fn difference(
    wanted: &Json,
    applied: Option<&Json>,
    observed: &Json,
    skip: &dyn Fn(&str) -> bool,
) -> Vec<FieldDifference> {
    let mut differences = Vec::new();
    compare(wanted, applied, Some(observed), "", skip, &mut differences);
    differences
}

fn compare(
    wanted: &Json,
    applied: Option<&Json>,
    observed: Option<&Json>,
    pointer: &str,
    skip: &dyn Fn(&str) -> bool,
    differences: &mut Vec<FieldDifference>,
) {
    if skip(pointer) {
        return;
    }
    let mut differ = |observed: Option<&Json>, wanted: Option<&Json>, pointer: &str| {
        differences.push(FieldDifference {
            pointer: pointer.to_owned(),
            observed: observed.map(shown),
            wanted: wanted.map(shown),
        });
    };
    if is_secret(wanted) {
        // A read never returns it: what was applied last stands for what is there.
        if applied.is_none_or(|applied| applied["digest"] != wanted["digest"]) {
            differ(applied, Some(wanted), pointer);
        }
        return;
    }
    match (wanted, observed) {
        (Json::Object(wanted), Some(Json::Object(observed))) => {
            let applied = applied.and_then(Json::as_object);
            for (name, value) in wanted {
                compare(
                    value,
                    applied.and_then(|applied| applied.get(name)),
                    entry(observed, name),
                    &format!("{pointer}/{}", escape(name)),
                    skip,
                    differences,
                );
            }
            for (name, value) in applied.into_iter().flatten() {
                let pointer = format!("{pointer}/{}", escape(name));
                if !wanted.contains_key(name)
                    && !skip(&pointer)
                    && !is_empty(value)
                    && let Some(there) = entry(observed, name).filter(|there| !is_empty(there))
                {
                    // Parts of it may have been put there by others: only what the engine applied has to go.
                    compare_gone(value, there, &pointer, differences);
                }
            }
        }
        (Json::Array(wanted_items), Some(Json::Array(observed_items))) => {
            let applied = applied.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            for (place, item) in wanted_items.iter().enumerate() {
                let pointer = format!("{pointer}/{}", label(item, place));
                compare(item, find(applied, item), find(observed_items, item), &pointer, skip, differences);
            }
            for (place, item) in applied.iter().enumerate().filter(|(_, item)| find(wanted_items, item).is_none()) {
                let pointer = format!("{pointer}/{}", label(item, place));
                if let Some(there) = find(observed_items, item).filter(|_| !skip(&pointer)) {
                    differences.push(FieldDifference { pointer, observed: Some(shown(there)), wanted: None });
                }
            }
        }
        (wanted, Some(observed)) if same(wanted, observed) => {}
        // An empty value and an absent one are the same to Azure, which drops either.
        (wanted, observed) if is_empty(wanted) && observed.is_none_or(is_empty) => {}
        (wanted, observed) => differ(observed, Some(wanted), pointer),
    }
}

/// What the engine applied at a place where it wants nothing any more: each part that is still there has to go.
fn compare_gone(applied: &Json, observed: &Json, pointer: &str, differences: &mut Vec<FieldDifference>) {
    match (applied, observed) {
        (Json::Object(applied), Json::Object(observed)) => {
            for (name, value) in applied {
                if let Some(there) = entry(observed, name) {
                    compare_gone(value, there, &format!("{pointer}/{}", escape(name)), differences);
                }
            }
        }
        (Json::Array(applied), Json::Array(observed)) => {
            for (place, item) in applied.iter().enumerate() {
                if let Some(there) = find(observed, item) {
                    compare_gone(item, there, &format!("{pointer}/{}", label(item, place)), differences);
                }
            }
        }
        _ => differences.push(FieldDifference {
            pointer: pointer.to_owned(),
            observed: Some(shown(observed)),
            wanted: None,
        }),
    }
}

/// The body to send so that the engine's fields are as wanted and those of others stay: `wanted`, with every field and
/// item of `observed` that is neither wanted nor was applied by the engine. `wanted` has its secrets in clear;
/// `applied` by digest, which does not matter here. `keep` tells for a pointer whether what is observed there wins over
/// what is wanted: what belongs to somebody else after creation.
pub fn carry(wanted: &Json, applied: Option<&Json>, observed: &Json, keep: &dyn Fn(&str) -> bool) -> Json {
    carry_at(wanted, applied, observed, "", keep)
}

fn carry_at(
    wanted: &Json,
    applied: Option<&Json>,
    observed: &Json,
    pointer: &str,
    keep: &dyn Fn(&str) -> bool,
) -> Json {
    if keep(pointer) {
        return observed.clone();
    }
    match (wanted, observed) {
        (Json::Object(wanted), Json::Object(observed)) => {
            let applied = applied.and_then(Json::as_object);
            let mut body = Map::with_capacity(observed.len());
            for (name, value) in wanted {
                let below = applied.and_then(|applied| applied.get(name));
                let pointer = format!("{pointer}/{}", escape(name));
                match entry(observed, name) {
                    Some(there) => _ = body.insert(name.clone(), carry_at(value, below, there, &pointer, keep)),
                    // What was given at creation and is never told again is not sent again either.
                    None if keep(&pointer) => {}
                    None => _ = body.insert(name.clone(), value.clone()),
                }
            }
            for (name, there) in observed {
                let is_wanted = wanted.keys().any(|wanted| wanted.eq_ignore_ascii_case(name));
                if is_wanted || (pointer.is_empty() && is_servers(name)) {
                    continue;
                }
                match applied.and_then(|applied| entry(applied, name)) {
                    None => _ = body.insert(name.clone(), there.clone()),
                    Some(applied) => {
                        if let Some(rest) = without(there, applied) {
                            body.insert(name.clone(), rest);
                        }
                    }
                }
            }
            Json::Object(body)
        }
        (Json::Array(wanted_items), Json::Array(observed_items)) => {
            let applied = applied.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            let mut body: Vec<Json> = wanted_items
                .iter()
                .enumerate()
                .map(|(place, item)| {
                    find(observed_items, item).map_or_else(
                        || item.clone(),
                        |there| {
                            let pointer = format!("{pointer}/{}", label(item, place));
                            carry_at(item, find(applied, item), there, &pointer, keep)
                        },
                    )
                })
                .collect();
            // Whatever matches neither what is wanted nor what was applied is somebody else's.
            let is_own = |there: &Json| wanted_items.iter().chain(applied).any(|own| matches(there, own));
            body.extend(observed_items.iter().filter(|there| !is_own(there)).cloned());
            Json::Array(body)
        }
        (wanted, _) => wanted.clone(),
    }
}

/// What remains of `observed` when all that the engine `applied` is taken away; nothing if nothing remains.
fn without(observed: &Json, applied: &Json) -> Option<Json> {
    match (observed, applied) {
        (Json::Object(observed), Json::Object(applied)) => {
            let rest: Map<String, Json> = observed
                .iter()
                .filter_map(|(name, there)| match entry(applied, name) {
                    None => Some((name.clone(), there.clone())),
                    Some(applied) => Some((name.clone(), without(there, applied)?)),
                })
                .collect();
            (!rest.is_empty()).then_some(Json::Object(rest))
        }
        (Json::Array(observed), Json::Array(applied)) => {
            let rest: Vec<Json> =
                observed.iter().filter(|there| !applied.iter().any(|own| matches(there, own))).cloned().collect();
            (!rest.is_empty()).then_some(Json::Array(rest))
        }
        _ => None,
    }
}

/// Fields of a whole resource that the server writes itself; sending them back means nothing, or is refused.
fn is_servers(name: &str) -> bool {
    ["id", "name", "type", "etag", "systemData", "resourceGuid", "resources"].contains(&name)
}

/// An entry by name; letter case does not count, since providers change it.
pub(super) fn entry<'a>(entries: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    entries
        .get(name)
        .or_else(|| entries.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// What an item of an array is known by: its `name`, else its `id`.
fn identity(item: &Json) -> Option<&str> {
    item.get("name").or_else(|| item.get("id"))?.as_str()
}

/// Whether `there` is the item that `own` means.
pub(super) fn matches(there: &Json, own: &Json) -> bool {
    match (identity(there), identity(own)) {
        (Some(there), Some(own)) => there.eq_ignore_ascii_case(own),
        (_, None) => match own.get("lun") {
            Some(lun) => there.get("lun").is_some_and(|there| same(there, lun)),
            None => covers(there, own),
        },
        (None, Some(_)) => false,
    }
}

pub(super) fn find<'a>(items: &'a [Json], own: &Json) -> Option<&'a Json> {
    items.iter().find(|there| matches(there, own))
}

/// An item's segment in a pointer: its identity, else its place.
pub(super) fn label(item: &Json, place: usize) -> String {
    identity(item).map_or_else(|| place.to_string(), escape)
}

pub(super) fn is_secret(value: &Json) -> bool {
    value.as_object().is_some_and(|entries| entries.len() == 2 && entries.contains_key("$secret"))
}

pub(super) fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

/// Whether `there` has everything that `own` says; it may say more.
fn covers(there: &Json, own: &Json) -> bool {
    match (there, own) {
        (Json::Object(there), Json::Object(own)) => {
            own.iter().all(|(name, value)| entry(there, name).is_some_and(|there| covers(there, value)))
        }
        (Json::Array(there), Json::Array(own)) => own.iter().all(|own| there.iter().any(|there| covers(there, own))),
        _ => same(there, own),
    }
}

/// Equality as Azure has it: ids are compared without case, numbers by value, everything else exactly.
pub(super) fn same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::String(left), Json::String(right)) => {
            left == right || (left.starts_with('/') && left.eq_ignore_ascii_case(right))
        }
        (Json::Number(left), Json::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| entry(right, name).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

/// A value as a person reads it in a plan: short, and never a secret.
fn shown(value: &Json) -> String {
    if is_secret(value) {
        return "(secret)".to_owned();
    }
    const LIMIT: usize = 200;
    let text = value.to_string();
    match text.char_indices().nth(LIMIT) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(wanted: &Json, applied: Option<&Json>, observed: &Json) -> Vec<String> {
        difference(wanted, applied, observed, &|_| false).into_iter().map(|field| field.pointer).collect()
    }

    fn balancer() -> Json {
        json!({ "location": "westus2", "properties": {
            "frontendIPConfigurations": [{ "name": "front", "properties": { "publicIPAddress": { "id": "/subscriptions/S/x" } } }],
            "loadBalancingRules": [{ "name": "tls", "properties": { "frontendPort": 443 } }],
        } })
    }

    /// As a cloud controller leaves it, with defaults, back-references and ids in another case.
    fn balancer_with_services() -> Json {
        json!({ "id": "/x", "etag": "W/1", "location": "westus2", "properties": {
            "provisioningState": "Succeeded",
            "frontendIPConfigurations": [
                { "name": "front", "properties": {
                    "publicIPAddress": { "id": "/SUBSCRIPTIONS/s/x" }, "loadBalancingRules": [{ "id": "/r" }] } },
                { "name": "service", "properties": { "publicIPAddress": { "id": "/y" } } },
            ],
            "loadBalancingRules": [
                { "name": "service-80", "properties": { "frontendPort": 80 } },
                { "name": "tls", "properties": { "frontendPort": 443, "idleTimeoutInMinutes": 4 } },
            ],
            "probes": [{ "name": "service-probe", "properties": { "port": 30080 } }],
        } })
    }

    #[test]
    fn what_others_added_is_no_difference() {
        let applied = balancer();
        assert_eq!(pointers(&balancer(), Some(&applied), &balancer_with_services()), Vec::<String>::new());
    }

    #[test]
    fn what_others_added_is_carried_when_the_engine_changes_its_own() {
        let mut wanted = balancer();
        wanted["properties"]["loadBalancingRules"][0]["properties"]["frontendPort"] = json!(6443);
        let observed = balancer_with_services();
        assert_eq!(
            pointers(&wanted, Some(&balancer()), &observed),
            ["/properties/loadBalancingRules/tls/properties/frontendPort"]
        );
        let body = carry(&wanted, Some(&balancer()), &observed, &|_| false);
        let rules = body["properties"]["loadBalancingRules"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0]["properties"], json!({ "frontendPort": 6443, "idleTimeoutInMinutes": 4 }));
        assert_eq!(body["properties"]["probes"], observed["properties"]["probes"]);
        assert!(body.get("etag").is_none(), "the server's own fields are not sent back");
    }

    #[test]
    fn what_the_engine_applied_and_wants_no_more_goes_and_nothing_else() {
        let mut applied = balancer();
        applied["properties"]["probes"] = json!([{ "name": "old-probe" }]);
        applied["tags"] = json!({ "ours": "1" });
        let mut observed = balancer_with_services();
        observed["properties"]["probes"] =
            json!([{ "name": "service-probe" }, { "name": "old-probe", "properties": { "port": 1 } }]);
        observed["tags"] = json!({ "ours": "1", "theirs": "2" });
        assert_eq!(
            pointers(&balancer(), Some(&applied), &observed),
            ["/properties/probes/old-probe/name", "/tags/ours"]
        );
        let body = carry(&balancer(), Some(&applied), &observed, &|_| false);
        assert_eq!(body["properties"]["probes"], json!([{ "name": "service-probe" }]));
        assert_eq!(body["tags"], json!({ "theirs": "2" }));
        // Once they are gone, there is nothing to mend any more.
        assert_eq!(pointers(&balancer(), Some(&applied), &body), Vec::<String>::new());
    }

    #[test]
    fn an_item_without_a_name_is_known_by_its_id() {
        let pools = |ids: &[&str]| json!({ "pools": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() });
        let (own, observed) = (pools(&["/a/POOL"]), pools(&["/b/service", "/a/pool"]));
        assert_eq!(pointers(&own, Some(&own), &observed), Vec::<String>::new());
        assert_eq!(carry(&pools(&["/a/other"]), Some(&own), &observed, &|_| false), pools(&["/a/other", "/b/service"]));
    }

    #[test]
    fn a_disk_without_a_name_is_known_by_its_unit() {
        let disk = |size: u32| json!({ "disks": [{ "lun": 0, "diskSizeGB": size }] });
        let observed = json!({ "disks": [
            { "lun": 1, "name": "somebody's", "diskSizeGB": 8 },
            { "lun": 0, "name": "given", "diskSizeGB": 64, "managedDisk": { "id": "/d" } },
        ] });
        assert_eq!(pointers(&disk(32), Some(&disk(32)), &observed), ["/disks/0/diskSizeGB"]);
        let body = carry(&disk(128), Some(&disk(32)), &observed, &|_| false);
        let own = json!({ "lun": 0, "name": "given", "diskSizeGB": 128, "managedDisk": { "id": "/d" } });
        assert_eq!(body, json!({ "disks": [own, observed["disks"][0]] }), "the same disk, and nobody's twice");
    }

    #[test]
    fn plain_items_are_kept_if_they_are_others() {
        let (own, there) = (json!({ "zones": ["1"] }), json!({ "zones": ["3", "1"] }));
        assert_eq!(pointers(&own, Some(&own), &there), Vec::<String>::new());
        assert_eq!(pointers(&json!({ "zones": ["2"] }), Some(&own), &there), ["/zones/0", "/zones/0"]);
        assert_eq!(carry(&json!({ "zones": ["2"] }), Some(&own), &there, &|_| false), json!({ "zones": ["2", "3"] }));
    }

    #[test]
    fn a_secret_is_compared_by_the_digest_last_applied() {
        let secret = |digest: &str| json!({ "settings": { "$secret": "handle", "digest": digest } });
        assert_eq!(pointers(&secret("1"), Some(&secret("1")), &json!({})), Vec::<String>::new());
        let changed = difference(&secret("2"), Some(&secret("1")), &json!({}), &|_| false);
        assert_eq!(changed[0].wanted.as_deref(), Some("(secret)"));
        assert_eq!(pointers(&secret("1"), None, &json!({})), ["/settings"]);
    }

    #[test]
    fn what_belongs_to_others_after_creation_wins_over_what_is_wanted() {
        let wanted = json!({ "sku": { "name": "D2", "capacity": 2 } });
        let observed = json!({ "sku": { "name": "D2", "capacity": 7 } });
        let skip = |pointer: &str| pointer == "/sku/capacity" || pointer == "/properties/customData";
        assert!(difference(&wanted, Some(&wanted), &observed, &skip).is_empty());
        assert_eq!(carry(&wanted, Some(&wanted), &observed, &skip), observed);
        let with_data = json!({ "sku": { "capacity": 2 }, "properties": { "customData": "x", "size": 1 } });
        let body = carry(&with_data, None, &json!({ "properties": {} }), &skip);
        assert_eq!(body["properties"], json!({ "size": 1 }), "never told again, never sent again");
    }

    #[test]
    fn nothing_and_empty_are_the_same() {
        let wanted = json!({ "tags": {}, "rules": [], "plan": null });
        assert_eq!(pointers(&wanted, None, &json!({})), Vec::<String>::new());
        assert_eq!(pointers(&json!({ "a": 1 }), None, &json!({ "a": 1.0, "A": 2 })), Vec::<String>::new());
    }
}
