//! `--set`: values from the command line, laid over the document before it is typed.
//!
//! aks-engine's rules: a path is relative to `properties`, `a.b=v` and `list[0].c=v`; several stand behind one another
//! with commas between; a comma inside quotes belongs to the value, and the quotes are dropped. A dot that belongs to a
//! key is written `\.`. Keys are matched without regard to case. What a value is follows from the schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::base::{Diagnostic, closest};

use super::document::child;
use super::normalise::{coerced, without_effect};
use super::schema::{allows, resolve, schema};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Lays `--set` arguments over a document in the schema's spelling. Gives the pointers that were set, and the faults.
pub(super) fn apply(document: &mut Value, arguments: &[String]) -> (BTreeSet<String>, Vec<Diagnostic>) {
    let mut set = BTreeSet::new();
    let mut diagnostics = Vec::new();
    if arguments.is_empty() {
        return (set, diagnostics);
    }
    for assignment in arguments.iter().flat_map(|argument| assignments(argument)) {
        match parse(&assignment).and_then(|(path, text)| assign(document, &path, &text)) {
            Ok((pointer, warning)) => {
                set.insert(pointer);
                diagnostics.extend(warning);
            }
            Err(diagnostic) => {
                let message = format!("--set {assignment}: {}", diagnostic.message);
                diagnostics.push(Diagnostic { message, ..diagnostic });
            }
        }
    }
    drop_nulls(document);
    (set, diagnostics)
}

/// Takes out the members that were unset, and those that a failed path has begun.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(drop_nulls);
            members.retain(|_, member| !member.is_null());
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Splits an argument at the commas outside quotes, and drops the quotes.
fn assignments(argument: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for letter in argument.chars() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            (',', None) => parts.push(String::new()),
            (letter, _) => {
                if let Some(part) = parts.last_mut() {
                    part.push(letter);
                }
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Path and value of `path=value`.
fn parse(assignment: &str) -> Result<(Vec<Step>, String), Diagnostic> {
    let malformed = |message: &str| {
        Diagnostic::error("set-form", "", message)
            .help("write --set path=value, such as --set agentPoolProfiles[0].count=3")
    };
    let (path, value) = assignment.split_once('=').ok_or_else(|| malformed("there is no \"=\""))?;
    let mut steps = Vec::new();
    for part in path.replace("\\.", "\0").split('.') {
        let part = part.trim().replace('\0', ".");
        let (key, mut brackets) = part.split_once('[').map_or((part.as_str(), ""), |(key, rest)| (key, rest));
        if key.is_empty() {
            return Err(malformed("a name is missing in the path"));
        }
        steps.push(Step::Key(key.to_owned()));
        while !brackets.is_empty() {
            let (index, rest) = brackets.split_once(']').ok_or_else(|| malformed("there is no \"]\""))?;
            steps.push(Step::Index(index.parse().map_err(|_| malformed("between brackets stands a number from 0"))?));
            brackets = rest.strip_prefix('[').unwrap_or(rest);
            if !rest.is_empty() && !rest.starts_with('[') {
                return Err(malformed("behind \"]\" comes \".\" or \"=\""));
            }
        }
    }
    Ok((steps, value.trim().to_owned()))
}

/// Sets one value. Gives its pointer, and a warning if it has no effect.
fn assign(document: &mut Value, path: &[Step], text: &str) -> Result<(String, Option<Diagnostic>), Diagnostic> {
    let nowhere = |pointer: &str, message: String| Diagnostic::error("set-path", pointer, message);
    let mut pointer = "/properties".to_owned();
    let mut outer = &schema()["properties"]["properties"];
    let mut name = String::new();
    if !document.is_object() {
        return Err(nowhere("", "the document is not an object".into()));
    }
    let mut place = &mut document["properties"];
    for step in path {
        let kind = resolve(outer);
        match step {
            Step::Key(key) => {
                let properties = kind["properties"].as_object();
                let known = properties
                    .and_then(|properties| properties.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)));
                (name, outer) = match known {
                    Some((name, schema)) => (name.clone(), schema),
                    None if properties.is_none() && allows(kind, "object") => {
                        (key.clone(), &kind["additionalProperties"])
                    }
                    None => {
                        let names = properties.into_iter().flat_map(Map::keys).map(String::as_str);
                        let diagnostic = nowhere(&child(&pointer, key), format!("there is no property \"{key}\""));
                        return Err(match closest(key, names) {
                            Some(near) => diagnostic.help(format!("did you mean \"{near}\"?")),
                            None if key.eq_ignore_ascii_case("location") => diagnostic.help("use --location"),
                            None => diagnostic.help("paths start below \"properties\""),
                        });
                    }
                };
                pointer = child(&pointer, &name);
                if place.is_null() {
                    *place = Value::Object(Map::new());
                }
                match place {
                    Value::Object(members) => place = members.entry(name.clone()).or_insert(Value::Null),
                    _ => return Err(nowhere(&pointer, "what should hold it is not an object".into())),
                }
            }
            Step::Index(index) => {
                outer = &kind["items"];
                pointer = child(&pointer, &index.to_string());
                let length = place.as_array().map_or(0, Vec::len);
                place = place.get_mut(*index).ok_or_else(|| {
                    nowhere(&pointer, format!("there is no item {index} in a list of {length}"))
                        .help("items are counted from 0")
                })?;
            }
        }
    }
    let value = coerced(text, if outer["type"].is_null() { resolve(outer) } else { outer });
    let warning = without_effect(outer, &name, &pointer, &value);
    // An empty text unsets, as it means "not given" in a file.
    let unsets = value == "" && outer["description"].is_string();
    *place = if unsets { Value::Null } else { value };
    Ok((pointer, warning))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(arguments: &[&str]) -> (Value, Vec<String>) {
        let mut document = json!({"properties": {
            "masterProfile": {"count": 1, "vmSize": "a"},
            "agentPoolProfiles": [{"name": "one"}, {"name": "two"}],
        }});
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (_, diagnostics) = apply(&mut document, &arguments);
        (
            document,
            diagnostics.into_iter().map(|diagnostic| format!("{} {}", diagnostic.code, diagnostic.pointer)).collect(),
        )
    }

    #[test]
    fn sets_values_of_the_schemas_types() {
        let (document, faults) = applied(&[
            "masterProfile.count=3,masterProfile.VMSIZE=7",
            "agentPoolProfiles[1].count=5",
            "orchestratorProfile.orchestratorRelease=1.35",
            "orchestratorProfile.kubernetesConfig.useManagedIdentity=True",
            "orchestratorProfile.kubernetesConfig.kubeletConfig.--max-pods=30",
            "agentPoolProfiles[0].customNodeLabels.example\\.com/a=\"x,y=z\"",
        ]);
        assert_eq!(faults, Vec::<String>::new());
        let properties = &document["properties"];
        assert_eq!(properties["masterProfile"], json!({"count": 3, "vmSize": "7"}));
        assert_eq!(properties["agentPoolProfiles"][1]["count"], 5);
        let orchestrator = &properties["orchestratorProfile"];
        assert_eq!(orchestrator["orchestratorRelease"], "1.35");
        assert_eq!(orchestrator["kubernetesConfig"]["useManagedIdentity"], true);
        assert_eq!(orchestrator["kubernetesConfig"]["kubeletConfig"]["--max-pods"], "30");
        assert_eq!(properties["agentPoolProfiles"][0]["customNodeLabels"]["example.com/a"], "x,y=z");
    }

    #[test]
    fn tells_what_does_not_exist() {
        let (_, faults) = applied(&[
            "masterProfile.vmSzie=x",
            "agentPoolProfiles[2].count=1",
            "agentPoolProfiles[x].count=1",
            "masterProfile",
            "location=westus2",
            "masterProfile.count.x=1",
            "agentPoolProfiles.count=1",
        ]);
        assert_eq!(
            faults,
            [
                "set-path /properties/masterProfile/vmSzie",
                "set-path /properties/agentPoolProfiles/2",
                "set-form ",
                "set-form ",
                "set-path /properties/location",
                "set-path /properties/masterProfile/count/x",
                "set-path /properties/agentPoolProfiles/count",
            ]
        );
    }
}
