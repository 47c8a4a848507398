//! Three bodies of one resource: what is wanted, what the engine applied last, what is there. Where do they differ,
//! and what has to be sent so that what others own stays?
//!
//! Ownership goes field by field, and in arrays of named things item by item (see [`crate::contract`]).
//! An array without names is one value, except that an item without a name which the engine never applied stays too
//! if the engine's own items are all there.

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
                if !wanted.contains_key(name) && !skip(&pointer) && !is_empty(value) {
                    if let Some(there) = entry(observed, name).filter(|there| !is_empty(there)) {
                        // Parts of it may have been put there by others: only what the engine applied has to go.
                        compare_gone(value, there, &pointer, differences);
                    }
                }
            }
        }
        (Json::Array(wanted_items), Some(Json::Array(observed_items))) if are_named(wanted_items) => {
            let applied = applied.and_then(Json::as_array);
            for item in wanted_items {
                let Some(name) = name_of(item) else { continue };
                compare(
                    item,
                    applied.and_then(|applied| named(applied, name)),
                    named(observed_items, name),
                    &format!("{pointer}/{}", escape(name)),
                    skip,
                    differences,
                );
            }
            for item in applied.into_iter().flatten() {
                if let Some(name) = name_of(item).filter(|name| named(wanted_items, name).is_none()) {
                    let pointer = format!("{pointer}/{}", escape(name));
                    if let Some(there) = named(observed_items, name).filter(|_| !skip(&pointer)) {
                        differences.push(FieldDifference { pointer, observed: Some(shown(there)), wanted: None });
                    }
                }
            }
        }
        (Json::Array(wanted_items), Some(Json::Array(observed_items))) => {
            let applied = applied.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            let missing = wanted_items.iter().any(|item| !observed_items.iter().any(|there| covers(there, item)));
            let stale = applied.iter().any(|item| {
                !wanted_items.iter().any(|wanted| same(wanted, item))
                    && observed_items.iter().any(|there| covers(there, item))
            });
            if missing || stale {
                differ(observed, Some(wanted), pointer);
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
        (Json::Array(applied), Json::Array(observed)) if are_named(applied) => {
            for item in applied {
                let Some(name) = name_of(item) else { continue };
                if let Some(there) = named(observed, name) {
                    compare_gone(item, there, &format!("{pointer}/{}", escape(name)), differences);
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
                let value = match entry(observed, name) {
                    Some(there) => carry_at(value, below, there, &format!("{pointer}/{}", escape(name)), keep),
                    None => value.clone(),
                };
                body.insert(name.clone(), value);
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
        (Json::Array(wanted_items), Json::Array(observed_items))
            if are_named(wanted_items) && are_named(observed_items) =>
        {
            let applied = applied.and_then(Json::as_array);
            let applied_item = |name: &str| applied.and_then(|applied| named(applied, name));
            let mut body: Vec<Json> = wanted_items
                .iter()
                .map(|item| {
                    let name = name_of(item).unwrap_or_default();
                    named(observed_items, name).map_or_else(
                        || item.clone(),
                        |there| carry_at(item, applied_item(name), there, &format!("{pointer}/{}", escape(name)), keep),
                    )
                })
                .collect();
            body.extend(observed_items.iter().filter_map(|there| {
                let name = name_of(there)?;
                (named(wanted_items, name).is_none() && applied_item(name).is_none()).then(|| there.clone())
            }));
            Json::Array(body)
        }
        (Json::Array(wanted_items), Json::Array(observed_items)) => {
            let applied = applied.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            // Things without a name: the engine's own as wanted, and after them those of others.
            let mut body = wanted_items.clone();
            body.extend(
                observed_items
                    .iter()
                    .filter(|there| !wanted_items.iter().chain(applied).any(|own| covers(there, own)))
                    .filter(|there| there.is_object() || pointer.ends_with("Prefixes") || pointer.ends_with("Zones"))
                    .cloned(),
            );
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
        (Json::Array(observed), Json::Array(applied)) if are_named(applied) && !applied.is_empty() => {
            let rest: Vec<Json> = observed
                .iter()
                .filter(|there| name_of(there).is_none_or(|name| named(applied, name).is_none()))
                .cloned()
                .collect();
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
fn entry<'a>(entries: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    entries
        .get(name)
        .or_else(|| entries.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn name_of(item: &Json) -> Option<&str> {
    item.get("name")?.as_str()
}

fn are_named(items: &[Json]) -> bool {
    items.iter().all(|item| name_of(item).is_some())
}

fn named<'a>(items: &'a [Json], name: &str) -> Option<&'a Json> {
    items.iter().find(|item| name_of(item).is_some_and(|other| other.eq_ignore_ascii_case(name)))
}

fn is_secret(value: &Json) -> bool {
    value.as_object().is_some_and(|entries| entries.len() == 2 && entries.contains_key("$secret"))
}

fn is_empty(value: &Json) -> bool {
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
fn same(left: &Json, right: &Json) -> bool {
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

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
