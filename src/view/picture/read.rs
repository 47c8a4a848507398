//! Reading single settings out of resources whose values may be deferred. What cannot be told yet is left out.

use serde_json::Value as Json;

use crate::graph::{Context, NothingKnown, Resource, ResourceGraph, Value};

/// The value under a path of names.
pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// The literal text or number under a path; empty if there is none.
pub(super) fn text(value: &Value, path: &[&str]) -> String {
    match at(value, path) {
        Some(Value::String(text)) => text.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The items of the array under a path.
pub(super) fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    if let Some(Value::Array(items)) = at(value, path) { items } else { &[] }
}

/// A value of an instance as text, arrays with commas, if it follows from the declaration alone.
pub(super) fn resolved(graph: &ResourceGraph, value: Option<&Value>, index: Option<u32>) -> String {
    let context = Context { scope: graph.scope(), index, lookup: &NothingKnown };
    match value.and_then(|value| value.resolve(&context).ok()) {
        Some(Json::String(text)) => text,
        Some(Json::Number(number)) => number.to_string(),
        Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    }
}

/// The first value that stands under a name anywhere within.
pub(super) fn anywhere<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let mut found = None;
    value.walk(&mut |value| {
        if found.is_none() {
            found = value.get(name);
        }
    });
    found
}

/// The last part of a type, such as `loadBalancers`.
pub(super) fn last_type(resource: &Resource) -> &str {
    resource.resource_type.rsplit('/').next().unwrap_or_default()
}

/// Whether the resource is of a type, told by its last part.
pub(super) fn is(resource: &Resource, last: &str) -> bool {
    last_type(resource).eq_ignore_ascii_case(last)
}

/// The name of a declaration that is no series; its symbol where the name is not known yet.
pub(super) fn name(graph: &ResourceGraph, resource: &Resource) -> String {
    let node = graph.instances(&resource.symbol).next();
    node.and_then(|node| node.name.as_deref()).unwrap_or(&resource.symbol).to_owned()
}

/// A type in words: `networkSecurityGroups` is `Network security group`.
pub(super) fn words(resource: &Resource) -> String {
    let known = match last_type(resource) {
        "publicIPAddresses" => "Public address",
        "networkInterfaces" => "Interface",
        "userAssignedIdentities" => "Identity",
        "virtualMachines" => "Machine",
        "virtualMachineScaleSets" => "Scale set",
        "extensions" => "Start check",
        "natGateways" => "NAT gateway",
        "vaults" => "Key vault",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let mut words = String::new();
    for letter in last_type(resource).chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        if words.is_empty() {
            words.extend(letter.to_uppercase());
        } else {
            words.extend(letter.to_lowercase());
        }
    }
    if words.ends_with('s') && !words.ends_with("ss") {
        words.pop();
    }
    words
}
