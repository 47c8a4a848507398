//! How Azure respells what it is given, so that both sides of a comparison are spelt alike.
//!
//! Source: the recorded traffic, every PUT against the answers after it (read 2026-11-21). Ids in another letter case and
//! fields that the server adds need nothing here: comparisons take both into account.

use serde_json::Value as Json;

/// Words that come back in a letter case of the server's own, by the field that holds them.
const WORDS: &[(&str, &[&str])] =
    &[("privateIPAllocationMethod", &["Dynamic", "Static"]), ("publicIPAllocationMethod", &["Dynamic", "Static"])];

/// The body as Azure would store it.
pub(super) fn normalise(mut body: Json) -> Json {
    if let Some(entries) = body.as_object_mut() {
        if let Some(Json::String(location)) = entries.get_mut("location") {
            *location = location_name(location);
        }
        // An identity of no kind is stored as none.
        let no_identity =
            |identity: &Json| identity["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("None"));
        if entries.get("identity").is_some_and(no_identity) {
            entries.shift_remove("identity");
        }
        // Zones are a set; reads bring them in any order.
        if let Some(Json::Array(zones)) = entries.get_mut("zones") {
            zones.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
        }
    }
    if let Some(vault) = body.pointer_mut("/properties/vaultUri").filter(|vault| vault.is_string()) {
        let text = vault.as_str().unwrap_or_default().trim_end_matches('/').to_owned() + "/";
        *vault = Json::String(text);
    }
    if let Some(properties) = body.get_mut("properties") {
        respell(properties);
    }
    body
}

/// `West US 2` is the display name of `westus2`.
fn location_name(location: &str) -> String {
    location.chars().filter(|letter| !letter.is_whitespace()).map(|letter| letter.to_ascii_lowercase()).collect()
}

fn respell(value: &mut Json) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(respell),
        Json::Object(entries) => {
            for (name, value) in entries.iter_mut() {
                let words = WORDS.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, words)| *words);
                if let (Some(words), Some(text)) = (words, value.as_str()) {
                    if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
                        *value = Json::String((*word).to_owned());
                    }
                } else {
                    respell(value);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_spelt_as_azure_does() {
        let body = json!({
            "location": "West US 2", "zones": ["3", "1"], "identity": { "type": "None" },
            "tags": { "location": "West US 2" },
            "properties": { "frontendIPConfigurations": [{ "name": "f", "properties": { "privateIPAllocationMethod": "dynamic" } }] },
        });
        assert_eq!(
            normalise(body),
            json!({
                "location": "westus2", "zones": ["1", "3"],
                "tags": { "location": "West US 2" },
                "properties": { "frontendIPConfigurations": [{ "name": "f", "properties": { "privateIPAllocationMethod": "Dynamic" } }] },
            })
        );
        assert_eq!(
            normalise(json!({ "properties": { "vaultUri": "https://v.vault" } }))["properties"]["vaultUri"],
            "https://v.vault/"
        );
        assert_eq!(normalise(json!({ "name": "no properties" })), json!({ "name": "no properties" }));
    }
}
