//! From the written document to one with the schema's own spelling: keys and fixed words matched without regard to
//! case, unknown keys and twins told, nulls and empty texts taken for missing (as aks-engine does).

use serde_json::{Map, Value};

use crate::base::{Diagnostic, Diagnostics, Span, closest};

use super::document::{Content, Member, Node, Spans, child};
use super::schema::{allows, resolve, schema};

/// A document in the schema's spelling.
pub(super) struct Normalised {
    pub(super) value: Value,
    pub(super) spans: Spans,
    pub(super) diagnostics: Diagnostics,
    /// Properties that unknown keys seem to mean: whatever else is wrong with these follows from the key.
    pub(super) meant: Vec<String>,
}

/// Brings a document into the schema's spelling.
pub(super) fn normalise(node: &Node) -> Normalised {
    let mut normaliser = Normaliser { spans: Spans::default(), diagnostics: Diagnostics::default(), meant: Vec::new() };
    normaliser.spans.insert("", None, node.span);
    let value = normaliser.value(node, schema(), "").unwrap_or(Value::Null);
    Normalised { value, spans: normaliser.spans, diagnostics: normaliser.diagnostics, meant: normaliser.meant }
}

/// Keys of early acs-engine, and what they became.
const RENAMED: [(&str, &str); 2] =
    [("servicePrincipalClientID", "clientId"), ("servicePrincipalClientSecret", "secret")];

/// The property that an early key became.
fn renamed<'a>(properties: &'a Map<String, Value>, key: &str) -> Option<(&'a String, &'a Value)> {
    let (_, name) = RENAMED.iter().find(|(old, _)| old.eq_ignore_ascii_case(key))?;
    properties.get_key_value(*name)
}

/// Whether today's key stands beside the early one, which has the same value, or none: an empty text or `<…>`.
fn says_nothing_more(early: &Node, name: &str, members: &[Member]) -> bool {
    let Some(today) = members.iter().find(|member| member.key.eq_ignore_ascii_case(name)) else { return false };
    match (&early.content, &today.value.content) {
        (Content::Scalar(Value::Null), _) => true,
        (Content::Scalar(Value::String(text)), _)
            if text.is_empty() || (text.starts_with('<') && text.ends_with('>')) =>
        {
            true
        }
        (early, today) => early == today,
    }
}

struct Normaliser {
    spans: Spans,
    diagnostics: Diagnostics,
    meant: Vec<String>,
}

impl Normaliser {
    /// The value in the schema's spelling; `None` if it counts as missing.
    fn value(&mut self, node: &Node, outer: &'static Value, pointer: &str) -> Option<Value> {
        let schema = resolve(outer);
        Some(match &node.content {
            Content::Scalar(Value::Null) => return None,
            Content::Scalar(Value::String(text)) => {
                // A text of a map is somebody's own and may be empty; any other empty text is aks-engine's "not given".
                if text.is_empty() && outer["description"].is_string() {
                    return None;
                }
                Value::String(spelled(text, outer))
            }
            Content::Scalar(value) => value.clone(),
            Content::Array(items) => Value::Array(self.items(items, &schema["items"], pointer)),
            Content::Object(members) => Value::Object(self.members(members, schema, pointer)),
        })
    }

    fn items(&mut self, items: &[Node], schema: &'static Value, pointer: &str) -> Vec<Value> {
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let pointer = child(pointer, &index.to_string());
            self.spans.insert(&pointer, None, item.span);
            // A null keeps its place, so that the others keep their numbers; the schema refuses it.
            values.push(self.value(item, schema, &pointer).unwrap_or(Value::Null));
        }
        values
    }

    fn members(&mut self, members: &[Member], schema: &'static Value, pointer: &str) -> Map<String, Value> {
        let properties = schema["properties"].as_object();
        let open = !schema["additionalProperties"].is_boolean();
        let mut seen: Vec<(String, Span)> = Vec::new();
        let mut object = Map::new();
        for member in members {
            let known = properties.and_then(|properties| {
                properties
                    .get_key_value(&member.key)
                    .or_else(|| properties.iter().find(|(name, _)| name.eq_ignore_ascii_case(&member.key)))
            });
            let renamed = || properties.and_then(|properties| renamed(properties, &member.key));
            let (name, schema) = match known.or_else(renamed) {
                Some((name, schema)) => {
                    if !name.eq_ignore_ascii_case(&member.key) {
                        let message = format!("\"{}\" is called \"{name}\" today", member.key);
                        let warning = Diagnostic::warning("key-renamed", child(pointer, name), message);
                        self.diagnostics.push(warning.at(member.key_span).help(format!("write \"{name}\"")));
                        if says_nothing_more(&member.value, name, members) {
                            continue;
                        }
                    }
                    (name.clone(), schema)
                }
                None if properties.is_none() || open => (member.key.clone(), &schema["additionalProperties"]),
                None => {
                    self.unknown_key(member, properties, pointer);
                    continue;
                }
            };
            let pointer = child(pointer, &name);
            if seen.iter().any(|(other, _)| *other == name) {
                self.diagnostics.push(
                    Diagnostic::error(
                        "duplicate-key",
                        &pointer,
                        format!("\"{}\" stands here a second time", member.key),
                    )
                    .at(member.key_span)
                    .help("keep one of the two; aks-engine would take the last"),
                );
                continue;
            }
            seen.push((name.clone(), member.key_span));
            self.spans.insert(&pointer, Some(member.key_span), member.value.span);
            if let Some(value) = self.value(&member.value, schema, &pointer) {
                self.warn_without_effect(schema, &name, &pointer, member.key_span, &value);
                object.insert(name, value);
            }
        }
        object
    }

    fn unknown_key(&mut self, member: &Member, properties: Option<&Map<String, Value>>, pointer: &str) {
        let names = properties.into_iter().flat_map(Map::keys).map(String::as_str);
        let mut diagnostic = Diagnostic::error(
            "unknown-key",
            child(pointer, &member.key),
            format!("there is no property \"{}\"", member.key),
        )
        .at(member.key_span);
        if let Some(near) = closest(&member.key, names) {
            diagnostic = diagnostic.help(format!("did you mean \"{near}\"?"));
            self.meant.push(child(pointer, near));
        }
        self.diagnostics.push(diagnostic);
    }

    fn warn_without_effect(&mut self, schema: &Value, name: &str, pointer: &str, key: Span, value: &Value) {
        if let Some(diagnostic) = without_effect(schema, name, pointer, value) {
            self.diagnostics.push(diagnostic.at(key));
        }
    }
}

/// The warning about a property that does nothing; `None` if it does something, or says what is so anyway.
pub(super) fn without_effect(schema: &Value, name: &str, pointer: &str, value: &Value) -> Option<Diagnostic> {
    let reason = schema["x-engine-no-effect"].as_str()?;
    let empty = match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    let anyway = schema.get("x-engine-always").is_some_and(|always| always == value);
    (!empty && !anyway).then(|| {
        Diagnostic::warning("no-effect", pointer, format!("{name} has no effect: {reason}"))
            .help("leave it out to be rid of this warning")
    })
}

/// One of the schema's fixed words, if the text is one but for the case of its letters; otherwise the text.
pub(super) fn spelled(text: &str, schema: &Value) -> String {
    let word = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .find(|word| word.eq_ignore_ascii_case(text));
    word.unwrap_or(text).to_owned()
}

/// The value that a text of the command line is for a schema: a number or a truth value where the schema takes one and
/// the text is one, otherwise the text. Without a schema aks-engine's order counts: whole number, truth value, text.
pub(super) fn coerced(text: &str, schema: &Value) -> Value {
    let untyped = schema["type"].is_null();
    if (untyped || allows(schema, "integer") || allows(schema, "number"))
        && let Ok(number) = text.parse::<i64>()
    {
        return number.into();
    }
    if allows(schema, "number")
        && let Some(number) = text.parse().ok().and_then(serde_json::Number::from_f64)
    {
        return Value::Number(number);
    }
    if untyped || allows(schema, "boolean") {
        match text.to_ascii_lowercase().as_str() {
            "true" => return true.into(),
            "false" => return false.into(),
            _ => {}
        }
    }
    Value::String(spelled(text, schema))
}
