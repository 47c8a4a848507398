//! `--set`: values from the command line, laid over the document before it is typed.
//!
//! aks-engine's rules: a path is relative to `properties`, `a.b=v` and `list[0].c=v`; several stand behind one another
//! with commas between; a comma inside quotes belongs to the value, and the quotes are dropped. A dot that belongs to a
//! key is written `\.`, a quote or comma that belongs to a value `\"` or `\,`; `[a,b]` is a list. What stands beside
//! `properties`, such as `location`, is named alone. Keys are matched without regard to case. What a value is follows from the schema.

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
    let mut all = Vec::new();
    for argument in arguments {
        match assignments(argument) {
            Ok(parts) => all.extend(parts),
            Err(fault) => diagnostics.push(fault),
        }
    }
    for assignment in all {
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

/// Splits an argument at the commas outside quotes and lists, and drops the quotes. A quote or comma behind a backslash
/// is itself.
fn assignments(argument: &str) -> Result<Vec<String>, Diagnostic> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut quote = None;
    // Whether a value that began with `[` is not closed yet.
    let mut in_list = false;
    let mut letters = argument.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', _) if letters.peek().is_some_and(|next| matches!(next, '"' | '\'' | ',')) => {
                part.extend(letters.next())
            }
            ('"' | '\'', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            (',', None) if !in_list => parts.push(std::mem::take(&mut part)),
            (letter, quoted) => {
                if quoted.is_none() {
                    in_list = match letter {
                        '[' => in_list || part.trim_end().ends_with('='),
                        ']' => false,
                        _ => in_list,
                    };
                }
                part.push(letter);
            }
        }
    }
    if let Some(open) = quote {
        let fault = Diagnostic::error("set-form", "", format!("--set {argument}: the quote {open} is not closed"));
        return Err(fault.help(format!("close it, or write \\{open} for one that belongs to the value")));
    }
    parts.push(part);
    parts.retain(|part| !part.trim().is_empty());
    Ok(parts)
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
    // What is beside `properties`, such as the location, is named without more ado, unless `properties` has the same.
    let has = |schema: &Value, key: &str| {
        schema["properties"].as_object().into_iter().flatten().any(|(name, _)| name.eq_ignore_ascii_case(key))
    };
    let beside = match path.first() {
        Some(Step::Key(key)) => {
            !has(resolve(outer), key) && has(schema(), key) && !key.eq_ignore_ascii_case("properties")
        }
        _ => false,
    };
    let mut place = if beside {
        pointer = String::new();
        outer = schema();
        document
    } else {
        &mut document["properties"]
    };
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
    let value = listed(text, outer);
    let warning = without_effect(outer, &name, &pointer, &value);
    // An empty text unsets, as it means "not given" in a file.
    let unsets = value == "" && outer["description"].is_string();
    *place = if unsets { Value::Null } else { value };
    Ok((pointer, warning))
}

/// The value that a text is for a schema; `[a,b]` is a list where the schema has one of texts or numbers.
fn listed(text: &str, outer: &'static Value) -> Value {
    let schema = if outer["type"].is_null() { resolve(outer) } else { outer };
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inside {
        Some(inside) if allows(schema, "array") && !resolve(&schema["items"])["properties"].is_object() => {
            let items = inside.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| coerced(item, resolve(&schema["items"]))).collect())
        }
        _ => coerced(text, schema),
    }
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
    fn lists_quotes_and_escapes_are_understood() {
        let (document, faults) = applied(&[
            "location=eastus,tags.team=\"a, b\"",
            "agentPoolProfiles[0].availabilityZones=[1, '2'],agentPoolProfiles[1].diskSizesGB=[10,20]",
            r#"windowsProfile.adminPassword=a\,b\"c\d='e,=f'"#,
            "agentPoolProfiles[1].availabilityZones=[]",
            "agentPoolProfiles[0].nodeTaints=['a=b:NoSchedule']",
            " agentPoolProfiles[1].vmSize = Standard_D2s_v5 , ,",
            r"agentPoolProfiles[0].customNodeLabels.a\.b/c=[x]",
        ]);
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!((&document["location"], &document["tags"]["team"]), (&json!("eastus"), &json!("a, b")));
        let pools = &document["properties"]["agentPoolProfiles"];
        assert_eq!(pools[0]["availabilityZones"], json!(["1", "2"]));
        assert_eq!((&pools[1]["diskSizesGB"], &pools[1]["availabilityZones"]), (&json!([10, 20]), &json!([])));
        assert_eq!(pools[0]["nodeTaints"], json!(["a=b:NoSchedule"]));
        assert_eq!(pools[0]["customNodeLabels"]["a.b/c"], "[x]");
        assert_eq!(pools[1]["vmSize"], "Standard_D2s_v5");
        assert_eq!(document["properties"]["windowsProfile"]["adminPassword"], r#"a,b"c\d=e,=f"#);
    }

    #[test]
    fn forms_that_mean_nothing_are_told_by_what_is_wrong_with_them() {
        for (argument, message) in [
            ("masterProfile.count='3", "not closed"),
            ("masterProfile.vmSize=a\"b", "not closed"),
            ("=3", "a name is missing"),
            ("masterProfile..count=3", "a name is missing"),
            (".=3", "a name is missing"),
            ("agentPoolProfiles[0=3", "no \"]\""),
            ("agentPoolProfiles[-1].count=3", "a number from 0"),
            ("agentPoolProfiles[0]x.count=3", "behind \"]\""),
            ("agentPoolProfiles[99999999999999999999].count=3", "a number from 0"),
            ("[0].count=3", "a name is missing"),
            ("masterProfile.count", "no \"=\""),
            ("properties.masterProfile.count=3", "there is no property"),
        ] {
            let mut document = json!({"properties": {"agentPoolProfiles": [{"name": "one"}]}});
            let (set, faults) = apply(&mut document, &[argument.to_owned()]);
            assert!(set.is_empty(), "{argument}");
            assert_eq!(faults.len(), 1, "{argument}: {faults:?}");
            assert!(faults[0].message.contains(message), "{argument}: {}", faults[0].message);
            assert!(faults[0].help.is_some(), "{argument}");
            assert_eq!(document, json!({"properties": {"agentPoolProfiles": [{"name": "one"}]}}), "{argument}");
        }
        let mut document = json!({});
        let (_, faults) = apply(&mut document, &["masterProfile.vmSzie=x".to_owned()]);
        assert_eq!(faults[0].help.as_deref(), Some("did you mean \"vmSize\"?"));
    }

    #[test]
    fn tells_what_does_not_exist() {
        let (_, faults) = applied(&[
            "masterProfile.vmSzie=x",
            "agentPoolProfiles[2].count=1",
            "agentPoolProfiles[x].count=1",
            "masterProfile",
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
                "set-path /properties/masterProfile/count/x",
                "set-path /properties/agentPoolProfiles/count",
            ]
        );
    }
}
