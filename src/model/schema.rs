//! The JSON Schema of the API model, and the only place that knows the crate `jsonschema`.
//!
//! The schema is derived from the input types and committed as `schemas/apimodel.json`, for editors and for people.

use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::base::{Diagnostic, closest};

use super::conforms::plainly_conforms;
use super::document::child;
use super::input::ApiModel;

/// The schema, as in `schemas/apimodel.json`.
pub fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<ApiModel>().to_value();
        forbid_null(&mut schema);
        mark_deprecated(&mut schema);
        if let Some(object) = schema.as_object_mut() {
            object.shift_insert(1, "title".into(), "API model".into());
        }
        schema
    })
}

/// A property that may be missing is not one that may be null: the reader drops nulls before anything else.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [single] = types.as_slice() {
                    let single = single.clone();
                    object.insert("type".into(), single);
                }
            }
            if let Some(Value::Array(alternatives)) = object.get_mut("anyOf") {
                alternatives.retain(|alternative| alternative["type"] != "null");
                if let [Value::Object(single)] = alternatives.as_slice() {
                    let single = single.clone();
                    object.shift_remove("anyOf");
                    object.extend(single);
                }
            }
            object.values_mut().for_each(forbid_null);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        _ => {}
    }
}

/// Editors strike out what is deprecated: properties that are read and do nothing.
fn mark_deprecated(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("x-engine-no-effect") {
                object.insert("deprecated".into(), true.into());
            }
            object.values_mut().for_each(mark_deprecated);
        }
        Value::Array(items) => items.iter_mut().for_each(mark_deprecated),
        _ => {}
    }
}

/// The schema that a `$ref` means, or the schema itself.
pub(super) fn resolve(schema: &'static Value) -> &'static Value {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => self::schema().pointer(pointer).unwrap_or(&Value::Null),
        None => schema,
    }
}

/// The schema of the value at a pointer into a model; null where there is none.
pub(super) fn at(pointer: &str) -> &'static Value {
    pointer.split('/').skip(1).fold(schema(), |outer, key| {
        let schema = resolve(outer);
        match (schema["properties"].get(key), schema.get("items"), schema.get("additionalProperties")) {
            (Some(property), ..) => property,
            (None, Some(items), _) => items,
            (None, None, Some(values)) => values,
            (None, None, None) => &Value::Null,
        }
    })
}

/// An empty value that a schema takes, to keep a place in a list.
pub(super) fn placeholder(outer: &Value) -> Value {
    let reference = outer["$ref"].is_string();
    if reference || allows(outer, "object") {
        Value::Object(serde_json::Map::new())
    } else if allows(outer, "string") {
        Value::String(String::new())
    } else {
        outer["minimum"].as_i64().unwrap_or_default().into()
    }
}

/// Whether a schema takes values of a type.
pub(super) fn allows(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::String(name) => name == kind,
        Value::Array(names) => names.iter().any(|name| name == kind),
        _ => false,
    }
}

/// A value that the schema does not take.
pub(super) struct SchemaFault {
    pub(super) diagnostic: Diagnostic,
    /// Whether the value has to be taken out before the types are filled (a missing one cannot be).
    pub(super) remove: bool,
}

/// Compares a model with the schema.
pub(super) fn check(model: &Value) -> Vec<SchemaFault> {
    if plainly_conforms(model, schema()) { Vec::new() } else { thoroughly(model) }
}

/// The same by the crate `jsonschema` alone.
fn thoroughly(model: &Value) -> Vec<SchemaFault> {
    static VALIDATOR: OnceLock<Option<jsonschema::Validator>> = OnceLock::new();
    let Some(validator) = VALIDATOR.get_or_init(|| jsonschema::validator_for(schema()).ok()) else {
        let diagnostic = Diagnostic::error("wrong-type", "", "the engine's own schema cannot be compiled");
        return vec![SchemaFault { diagnostic, remove: true }];
    };
    validator.iter_errors(model).map(|error| fault(&error)).collect()
}

fn fault(error: &jsonschema::ValidationError<'_>) -> SchemaFault {
    let pointer = error.instance_path().to_string();
    let name = pointer.rsplit('/').next().unwrap_or_default().to_owned();
    let given = error.instance();
    let out_of_range = |bound: String| {
        Diagnostic::error("out-of-range", &pointer, format!("{name} is {given}, which is out of range")).help(bound)
    };
    let diagnostic = match error.kind() {
        ValidationErrorKind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            let diagnostic =
                Diagnostic::error("required-property", child(&pointer, property), format!("{property} is missing"));
            return SchemaFault { diagnostic: diagnostic.help(format!("add \"{property}\"")), remove: false };
        }
        ValidationErrorKind::Type { .. } => {
            let wanted = types_at(error.schema_path().as_str());
            Diagnostic::error("wrong-type", &pointer, format!("{name} is {}, not {wanted}", type_in_words(given)))
                .help(format!("write {wanted}"))
        }
        ValidationErrorKind::Enum { options } => {
            let words: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let near = given.as_str().and_then(|given| closest(given, words.iter().copied()));
            let allowed = format!("allowed: {}", words.join(", "));
            Diagnostic::error("not-one-of", &pointer, format!("{name} cannot be {given}"))
                .help(near.map_or_else(|| allowed.clone(), |near| format!("did you mean \"{near}\"? {allowed}")))
        }
        ValidationErrorKind::Minimum { limit } => out_of_range(format!("the least is {limit}")),
        ValidationErrorKind::Maximum { limit } => out_of_range(format!("the most is {limit}")),
        ValidationErrorKind::MinItems { limit } => {
            Diagnostic::error("out-of-range", &pointer, format!("{name} has too few items"))
                .help(format!("at least {limit}"))
        }
        ValidationErrorKind::MaxItems { limit } => {
            Diagnostic::error("out-of-range", &pointer, format!("{name} has too many items"))
                .help(format!("at most {limit}"))
        }
        ValidationErrorKind::Pattern { pattern } => {
            Diagnostic::error("wrong-form", &pointer, format!("{name} cannot be {given}"))
                .help(format!("it has to fit {pattern}"))
        }
        // Everything else that a derived schema can say. The value may be a secret, so it is not shown.
        other => Diagnostic::error(
            "wrong-form",
            &pointer,
            format!("{name} breaks the schema's rule \"{}\"", other.keyword()),
        ),
    };
    SchemaFault { diagnostic, remove: true }
}

/// The types that the schema at a path of its own takes, in words.
fn types_at(schema_path: &str) -> String {
    let types = schema().pointer(schema_path).cloned().unwrap_or_default();
    let names: Vec<&str> = match &types {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let words: Vec<&str> = names
        .iter()
        .map(|name| match *name {
            "string" => "a text",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "a list",
            _ => "an object",
        })
        .collect();
    if words.is_empty() { "what the schema says".into() } else { words.join(" or ") }
}

fn type_in_words(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_committed_schema_is_that_of_the_types() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/apimodel.json");
        let fresh = serde_json::to_string_pretty(schema()).unwrap() + "\n";
        if std::env::var_os("ENGINE_UPDATE_GOLDENS").is_some_and(|value| value == "1") {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &fresh).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == fresh, "schemas/apimodel.json is stale: run the tests with ENGINE_UPDATE_GOLDENS=1");
    }

    #[test]
    fn the_schema_is_one_and_takes_no_null() {
        assert!(jsonschema::meta::is_valid(schema()));
        assert!(!schema().to_string().contains("\"null\""));
        assert!(!schema().to_string().contains("anyOf"));
    }

    /// Every model of `apimodels/` again and again, each time with one of its values replaced by one of another kind: whoever
    /// is plainly right has no fault.
    #[test]
    fn what_plainly_conforms_has_no_fault() {
        let (mut right, mut wrong, mut unsure, mut plain) = (0, 0, 0, 0);
        let mut compare = |model: &Value| {
            let plainly = plainly_conforms(model, schema());
            let faults = thoroughly(model).len();
            assert!(!plainly || faults == 0, "{model}");
            right += usize::from(plainly);
            wrong += usize::from(faults > 0);
            unsure += usize::from(!plainly && faults == 0);
        };
        let others = [
            json!(null),
            json!(true),
            json!(-1),
            json!(3),
            json!(3.5),
            json!(1e12),
            json!("1.35"),
            json!("word"),
            json!([]),
            json!([7]),
            json!({}),
            json!({ "unheardOf": 1 }),
        ];
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/apimodels")).unwrap() {
            let path = entry.unwrap().path();
            let Ok(model) = serde_json::from_str::<Value>(&std::fs::read_to_string(&path).unwrap()) else { continue };
            // Some have keys in another case, which the reader mends before.
            plain += usize::from(plainly_conforms(&model, schema()));
            let mut pointers = Vec::new();
            collect(&model, String::new(), &mut pointers);
            for pointer in pointers {
                for other in &others {
                    let mut changed = model.clone();
                    *changed.pointer_mut(&pointer).unwrap() = other.clone();
                    compare(&changed);
                }
            }
        }
        assert!(plain > 30, "{plain}");
        // Unsure: whole numbers with a fraction of nothing.
        assert!(right > 500 && wrong > 500 && unsure < right / 10, "{right} {wrong} {unsure}");
    }

    fn collect(value: &Value, pointer: String, pointers: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, member)| collect(member, child(&pointer, name), pointers));
            }
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, item)| collect(item, format!("{pointer}/{index}"), pointers));
            }
            _ => {}
        }
        pointers.push(pointer);
    }

    #[test]
    fn every_property_is_described() {
        let roots = std::iter::once(schema()).chain(schema()["$defs"].as_object().unwrap().values());
        for root in roots {
            for (name, property) in root["properties"].as_object().into_iter().flatten() {
                assert!(property["description"].is_string(), "{name} of {}", root["title"]);
            }
        }
    }
}
