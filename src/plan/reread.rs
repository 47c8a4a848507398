//! What was applied, brought up to date with what is there: the fields that the engine applied keep being its own, with the
//! values that they have by now.

use serde_json::{Map, Value as Json};

use super::merge::{entry, escape, find, is_empty, is_secret, label, same};

/// The body of `applied` with the values that `observed` has for its fields. A field that is gone is left out; one that a
/// read never returns, or that `skip` names, stays as it was applied. Nothing that the engine did not apply comes in.
pub fn reread(applied: &Json, observed: &Json, skip: &dyn Fn(&str) -> bool) -> Json {
    reread_at(applied, Some(observed), "", skip).unwrap_or(Json::Null)
}

fn reread_at(applied: &Json, observed: Option<&Json>, pointer: &str, skip: &dyn Fn(&str) -> bool) -> Option<Json> {
    if skip(pointer) || is_secret(applied) {
        return Some(applied.clone());
    }
    match (applied, observed) {
        (Json::Object(applied), Some(Json::Object(observed))) => {
            let mut body = Map::with_capacity(applied.len());
            for (name, value) in applied {
                let below = reread_at(value, entry(observed, name), &format!("{pointer}/{}", escape(name)), skip);
                body.extend(below.map(|below| (name.clone(), below)));
            }
            Some(Json::Object(body))
        }
        (Json::Array(applied), Some(Json::Array(observed))) => {
            let items = applied.iter().enumerate().filter_map(|(place, item)| {
                let there = find(observed, item)?;
                reread_at(item, Some(there), &format!("{pointer}/{}", label(item, place)), skip)
            });
            Some(Json::Array(items.collect()))
        }
        (applied, Some(observed)) if same(applied, observed) => Some(applied.clone()),
        (_, Some(observed)) => Some(observed.clone()),
        // An empty value and an absent one are the same to Azure, which drops either. An object may hold secrets only.
        (applied, None) => (is_empty(applied) || holds_secret(applied)).then(|| applied.clone()),
    }
}

fn holds_secret(value: &Json) -> bool {
    match value {
        Json::Object(entries) => is_secret(value) || entries.values().any(holds_secret),
        Json::Array(items) => items.iter().any(holds_secret),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn own_fields_have_the_values_of_now_and_others_stay_outside() {
        let applied = json!({
            "location": "westus2", "tags": { "mine": "1", "gone": "2" },
            "properties": {
                "rules": [{ "name": "a", "port": 1 }, { "name": "b", "port": 2 }],
                "data": { "$secret": "h", "digest": "d" }, "settled": 1, "empty": [],
                "inner": { "key": { "$secret": "h", "digest": "d" } },
            },
        });
        let observed = json!({
            "location": "westus2", "tags": { "MINE": "3", "theirs": "4" },
            "properties": { "rules": [{ "name": "c", "port": 9 }, { "name": "A", "port": 7, "more": true }], "settled": 2 },
        });
        assert_eq!(
            reread(&applied, &observed, &|pointer| pointer == "/properties/settled"),
            json!({
                "location": "westus2", "tags": { "mine": "3" },
                "properties": {
                    "rules": [{ "name": "A", "port": 7 }],
                    "data": { "$secret": "h", "digest": "d" }, "settled": 1, "empty": [],
                    "inner": { "key": { "$secret": "h", "digest": "d" } },
                },
            })
        );
    }
}
