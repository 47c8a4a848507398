//! Whether a model is plainly what the schema takes. The crate `jsonschema` says what is wrong and where, and takes longer
//! to be made ready (5 ms) than all that becomes of a small model; most models need none of that.

use serde_json::Value;

use super::schema::resolve;

/// Whether a value is surely what a schema takes. It knows the keywords of derived schemas only, so `false` is no answer.
pub(super) fn plainly_conforms(value: &Value, schema: &'static Value) -> bool {
    let Value::Object(keywords) = schema else { return *schema == Value::Bool(true) };
    keywords.iter().all(|(keyword, rule)| keeps(value, keyword, rule, schema))
}

/// Whether a value keeps one rule of a schema.
fn keeps(value: &Value, keyword: &str, rule: &'static Value, schema: &'static Value) -> bool {
    // A rule for one type says nothing about values of others.
    let within = |number: Option<f64>, holds: fn(f64, f64) -> bool| match (number, rule.as_f64()) {
        (Some(number), Some(bound)) => holds(number, bound),
        (number, _) => number.is_none(),
    };
    let length = value.as_array().map(|items| items.len() as f64);
    match keyword {
        "$defs" | "$schema" | "default" | "deprecated" | "description" | "format" | "title" | "writeOnly" => true,
        "$ref" => {
            let meant = resolve(schema);
            !std::ptr::eq(meant, schema) && plainly_conforms(value, meant)
        }
        "type" => match rule {
            Value::Array(kinds) => kinds.iter().any(|kind| is_of(value, kind)),
            kind => is_of(value, kind),
        },
        "enum" => rule.as_array().is_some_and(|words| words.contains(value)),
        "required" => match (value, rule) {
            (Value::Object(members), Value::Array(names)) => {
                names.iter().all(|name| name.as_str().is_some_and(|name| members.contains_key(name)))
            }
            (value, _) => !value.is_object(),
        },
        "properties" => of_members(value, |name| rule.get(name)),
        "additionalProperties" => {
            let named = &schema["properties"];
            of_members(value, |name| named.get(name).is_none().then_some(rule))
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| plainly_conforms(item, rule))),
        "minimum" => within(value.as_f64(), |number, bound| number >= bound),
        "maximum" => within(value.as_f64(), |number, bound| number <= bound),
        "minItems" => within(length, |number, bound| number >= bound),
        "maxItems" => within(length, |number, bound| number <= bound),
        "pattern" => value.as_str().is_none_or(|text| {
            let pattern = rule.as_str().and_then(|pattern| regex::Regex::new(pattern).ok());
            pattern.is_some_and(|pattern| pattern.is_match(text))
        }),
        other => other.starts_with("x-"),
    }
}

/// Whether each member of an object is what the schema that is found for it takes.
fn of_members(value: &Value, schema: impl Fn(&str) -> Option<&'static Value>) -> bool {
    value.as_object().is_none_or(|members| {
        members.iter().all(|(name, member)| schema(name).is_none_or(|schema| plainly_conforms(member, schema)))
    })
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        // 3.0 is one too; whoever writes it may wait.
        Some("integer") => value.is_i64() || value.is_u64(),
        _ => false,
    }
}
