//! `docs/apimodel.md`: every property of the API model, from its schema, with the defaults that a small model gets.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use engine::base::Source;
use engine::model::{Origin, ReadOptions, explain, read, schema};
use serde_json::{Value, json};

use crate::documents::compare_or_update;

const INTRODUCTION: &str = "\
<!-- Made from the types in src/model/input by a test; ENGINE_UPDATE_GOLDENS=1 cargo test writes it anew. -->

# The API model

A cluster is described by one JSON document. Keys and fixed words are matched without regard to case; a key that is not
here is an error. `schemas/apimodel.json` says the same for editors. The defaults are those of a model that says only what
is required; `engine explain MODEL` shows the values of yours, and where each came from. The schema has those defaults that
depend on nothing else. Rules that concern several properties are in [rules.md](rules.md).

A property with **no effect** is accepted, because models of the engines before have it, and told in a warning; the schema has it
as deprecated.

";

/// A path's defaults: the value, and why it is that.
type Defaults = BTreeMap<String, (Value, String)>;

fn defaults() -> Defaults {
    let model = json!({
        "apiVersion": "vlabs",
        "location": "westus2",
        "properties": {
            "masterProfile": { "count": 1, "dnsPrefix": "defaults", "vmSize": "Standard_D2s_v5" },
            "agentPoolProfiles": [{ "name": "pool", "count": 1, "vmSize": "Standard_D2s_v5" }],
            "linuxProfile": {
                "adminUsername": "azureuser",
                "ssh": { "publicKeys": [{ "keyData": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVYQU1QTEUtS0VZLVJFUExBQ0UtV0lUSC1ZT1VSUy0t" }] }
            }
        }
    });
    let reading = read(&Source { name: "defaults".into(), text: model.to_string() }, &ReadOptions::default());
    let cluster = reading.cluster.unwrap();
    let mut defaults = Defaults::new();
    for value in explain(&cluster, &reading.origins, "").unwrap() {
        if let (Some(Origin::Default { reason }), Some(default)) = (value.origin, value.value) {
            let path = value.pointer.trim_start_matches('/').replace("/0", "[]").replace('/', ".");
            // Of a list, the property is the list.
            match path.strip_suffix("[]") {
                Some(list) => defaults.insert(list.to_owned(), (json!([default]), reason)),
                None => defaults.insert(path, (default, reason)),
            };
        }
    }
    defaults
}

/// The schema that a reference means, and its name.
fn resolved(schema: &Value) -> (&Value, Option<&str>) {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
        Some(name) => (&self::schema()["$defs"][name], Some(name)),
        None => (schema, None),
    }
}

fn anchor(heading: &str) -> String {
    heading.chars().filter(|letter| letter.is_ascii_alphanumeric()).collect::<String>().to_lowercase()
}

/// The sections that are still to be written, and where each named type has its own.
struct Sections {
    waiting: VecDeque<(String, Value)>,
    named: BTreeMap<String, String>,
}

impl Sections {
    /// The heading of the section about an object; one that has none yet gets one.
    fn heading(&mut self, path: String, schema: &Value, name: Option<&str>) -> String {
        if let Some(known) = name.and_then(|name| self.named.get(name)) {
            return known.clone();
        }
        if let Some(name) = name {
            self.named.insert(name.to_owned(), path.clone());
        }
        self.waiting.push_back((path.clone(), schema.clone()));
        path
    }

    /// A property's type in words.
    fn kind(&mut self, path: &str, outer: &Value, descend: bool) -> String {
        let (schema, name) = resolved(outer);
        if schema["properties"].is_object() {
            if !descend {
                return "object".to_owned();
            }
            let heading = self.heading(path.to_owned(), schema, name);
            return format!("[object](#{})", anchor(&heading));
        }
        if let Some(items) = schema.get("items") {
            return format!("list of {}", self.kind(&format!("{path}[]"), items, descend));
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            return format!("map of {}", self.kind(&format!("{path}.*"), values, descend));
        }
        let words: Vec<&str> = match &schema["type"] {
            Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
            word => word.as_str().into_iter().collect(),
        };
        let mut text = words.join(" or ");
        if let Some(words) = schema["enum"].as_array() {
            let words: Vec<String> =
                words.iter().map(|word| format!("`{}`", word.as_str().unwrap_or_default())).collect();
            text = words.join(", ");
        }
        let bound = |name: &str| schema[name].as_i64().filter(|bound| *bound < i64::from(u32::MAX));
        match (bound("minimum"), bound("maximum")) {
            (Some(least), Some(most)) => text = format!("{text}, {least} to {most}"),
            (Some(least), None) if least > 0 => text = format!("{text}, {least} or more"),
            _ => {}
        }
        if schema["writeOnly"] == true { format!("secret {text}") } else { text }
    }
}

fn document() -> String {
    let defaults = defaults();
    let (mut used, mut fixed_ones) = (0, 0);
    let mut text = INTRODUCTION.to_owned();
    let mut sections = Sections { waiting: VecDeque::new(), named: BTreeMap::new() };
    sections.waiting.push_back((String::new(), schema().clone()));
    while let Some((path, section)) = sections.waiting.pop_front() {
        let heading = if path.is_empty() { "The document".to_owned() } else { format!("`{path}`") };
        let _ = writeln!(text, "## {heading}\n\n{}\n", section["description"].as_str().unwrap_or_default());
        text.push_str("| property | type | default | |\n| --- | --- | --- | --- |\n");
        let required: Vec<&str> =
            section["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in section["properties"].as_object().unwrap() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let no_effect = property["x-engine-no-effect"].as_str();
            let kind = sections.kind(&path, property, no_effect.is_none());
            if let Some(fixed) = property.get("default") {
                assert_eq!(Some(fixed), defaults.get(&path).map(|(value, _)| value), "{path}");
                fixed_ones += 1;
            }
            let default = match defaults.get(&path) {
                Some((value, reason)) => {
                    used += 1;
                    if reason.is_empty() { format!("`{value}`") } else { format!("`{value}`: {reason}") }
                }
                None if required.contains(&name.as_str()) => "required".to_owned(),
                None => String::new(),
            };
            let description = property["description"].as_str().unwrap_or_default();
            let effect = no_effect.map(|reason| format!(" **No effect**: {reason}.")).unwrap_or_default();
            let row = format!("| `{name}` | {kind} | {default} | {description}{effect} |");
            let _ = writeln!(text, "{}", row.replace('\n', " "));
        }
        text.push('\n');
    }
    assert!(fixed_ones >= 20, "only {fixed_ones} defaults stand in the schema");
    assert!(used > 40, "only {used} of {} defaults have a property", defaults.len());
    text.trim_end().to_owned() + "\n"
}

#[test]
fn every_property_of_the_api_model_is_documented() {
    compare_or_update("docs/apimodel.md", &document());
}
