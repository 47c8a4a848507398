//! Places in a body: JSON pointers in which `*` stands for every item of an array.

use serde_json::{Map, Value as Json};

/// Calls `act` with every object that holds the pointer's last name, and that name.
fn visit(value: &mut Json, pointer: &str, act: &mut dyn FnMut(&mut Map<String, Json>, &str)) {
    let pointer = pointer.strip_prefix('/').unwrap_or(pointer);
    match pointer.split_once('/') {
        None => {
            if let Json::Object(entries) = value {
                act(entries, pointer);
            }
        }
        Some(("*", rest)) => match value {
            Json::Array(items) => items.iter_mut().for_each(|item| visit(item, rest, act)),
            Json::Object(entries) => entries.values_mut().for_each(|entry| visit(entry, rest, act)),
            _ => {}
        },
        Some((name, rest)) => {
            if let Some(below) = value.get_mut(name) {
                visit(below, rest, act);
            }
        }
    }
}

/// Adds what is absent. What is null counts as absent.
pub(super) fn add_defaults(body: &mut Json, defaults: &[(&str, &str)]) {
    for (pointer, text) in defaults {
        let Ok(value) = serde_json::from_str::<Json>(text) else { continue };
        visit(body, pointer, &mut |entries, name| {
            if entries.get(name).is_none_or(Json::is_null) {
                entries.insert(name.to_owned(), value.clone());
            }
        });
    }
}

/// Removes what is there.
pub(super) fn remove(body: &mut Json, pointers: &[&str]) {
    for pointer in pointers {
        visit(body, pointer, &mut |entries, name| _ = entries.shift_remove(name));
    }
}

/// The first value at a place.
pub(super) fn first<'a>(body: &'a Json, pointer: &str) -> Option<&'a Json> {
    let mut value = body;
    let mut rest = pointer.strip_prefix('/').unwrap_or(pointer);
    loop {
        let (name, after) = rest.split_once('/').map_or((rest, None), |(name, after)| (name, Some(after)));
        value = if name == "*" { value.as_array()?.first()? } else { value.get(name)? };
        match after {
            None => return Some(value),
            Some(after) => rest = after,
        }
    }
}

/// Puts a value at a place without `*`, making the objects on the way. What is no object on the way is left alone.
pub(super) fn set(body: &mut Json, pointer: &str, value: Json) {
    let pointer = pointer.strip_prefix('/').unwrap_or(pointer);
    let mut place = body;
    let mut names = pointer.split('/').peekable();
    while let Some(name) = names.next() {
        let Json::Object(entries) = place else { return };
        if names.peek().is_none() {
            entries.insert(name.to_owned(), value);
            return;
        }
        place = entries.entry(name).or_insert_with(|| Json::Object(Map::new()));
    }
}

/// The items of an array in a body; nothing if there is none.
pub(super) fn items<'a>(body: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    body.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

/// The text at a place. Names have neither slashes nor tildes here, so that nothing has to be unescaped: this is asked for
/// very often.
pub(super) fn text<'a>(body: &'a Json, pointer: &str) -> Option<&'a str> {
    let mut value = body;
    for name in pointer.strip_prefix('/')?.split('/') {
        value = match value {
            Json::Array(items) => items.get(name.parse::<usize>().ok()?)?,
            value => value.get(name)?,
        };
    }
    value.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stars_stand_for_items() {
        let mut body = json!({"properties": {"rules": [{"properties": {"a": 1}}, {"properties": {"a": null}}, 7]}});
        add_defaults(
            &mut body,
            &[("/properties/rules/*/properties/a", "4"), ("/properties/none/x", "4"), ("/sku", "{}")],
        );
        assert_eq!(
            body,
            json!({"properties": {"rules": [{"properties": {"a": 1}}, {"properties": {"a": 4}}, 7]}, "sku": {}})
        );
        remove(&mut body, &["/properties/rules/*/properties/a", "/sku"]);
        assert_eq!(body, json!({"properties": {"rules": [{"properties": {}}, {"properties": {}}, 7]}}));
        set(&mut body, "/a/b", json!(1));
        assert_eq!(first(&body, "/a/b"), Some(&json!(1)));
        assert_eq!(first(&body, "/properties/rules/*/properties"), Some(&json!({})));
    }
}
