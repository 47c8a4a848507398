//! Reading a file of faults: what is wrong with it is told all at once where that can be, each by its place.

use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use super::format::{FaultPlan, Mishap, Rule, Subject, Times};
use crate::base::{Diagnostic, Diagnostics, Source, Span};

/// The schema of a file of faults, as in `schemas/faults.json`.
pub fn faults_schema() -> Json {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<FaultPlan>().to_value()
}

/// Reads a file of faults.
///
/// # Errors
/// What is wrong with it.
pub fn read_faults(source: &Source) -> Result<FaultPlan, Diagnostics> {
    let mut faults = Diagnostics::default();
    let unreadable = |pointer: String, cause: &serde_json::Error| {
        let place = byte_at(&source.text, cause.line(), cause.column());
        // What the reader says of the place is told by the excerpt.
        let message = cause.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        let mut faults = Diagnostics::default();
        faults.push(
            Diagnostic::error("faults", pointer, message)
                .at(Span { start: place, end: (place + 1).min(source.text.len()) })
                .help("`engine schema faults` prints the form, and docs/faults.md shows it by example"),
        );
        faults
    };
    let mut reader = serde_json::Deserializer::from_str(&source.text);
    let plan: FaultPlan = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| unreadable(pointer(error.path()), error.inner()))?;
    reader.end().map_err(|error| unreadable(String::new(), &error))?;
    check(&plan, &mut faults);
    if faults.is_empty() { Ok(plan) } else { Err(faults) }
}

/// The same of JSON that came by a request; what is wrong is one sentence.
pub(super) fn of_json(body: Json) -> Result<FaultPlan, String> {
    let plan: FaultPlan = serde_path_to_error::deserialize(body)
        .map_err(|error| format!("{}: {}", pointer(error.path()), error.inner()))?;
    let mut faults = Diagnostics::default();
    check(&plan, &mut faults);
    let told: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.message)).collect();
    if told.is_empty() { Ok(plan) } else { Err(told.join("; ")) }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{key}")),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// The byte at a line and column, both from 1, as serde_json counts them.
fn byte_at(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut place = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    place
}

fn check(plan: &FaultPlan, faults: &mut Diagnostics) {
    let mut fault = |pointer: String, message: String, help: &str| {
        faults.push(Diagnostic::error("faults", pointer, message).help(help));
    };
    if plan.format != FaultPlan::FORMAT {
        let message = format!("the form {} is not known", plan.format);
        fault("/format".to_owned(), message, "this version of the engine reads format 1");
    }
    for (index, rule) in plan.rules.iter().enumerate() {
        let at = |name: &str| format!("/rules/{index}/{name}");
        if !(0.0..=1.0).contains(&rule.probability) {
            let message = format!("{} is no probability", rule.probability);
            fault(at("probability"), message, "give a number from 0 to 1");
        }
        if rule.every == 0 {
            fault(at("every"), "no request is the first of 0".to_owned(), "give 1 or more");
        }
        if rule.times == Times::Number(0) {
            fault(at("times"), "it would never come to pass".to_owned(), "give 1 or more, or leave the rule out");
        }
        if let Some(name) = rule.resource_type.as_deref().filter(|name| is_misspelt(name)) {
            let message = format!("`{name}` is no full type");
            fault(at("type"), message, "write it like Microsoft.Compute/virtualMachines, or with `*`");
        }
        check_kind(rule, &at, &mut fault);
    }
}

fn check_kind(rule: &Rule, at: &dyn Fn(&str) -> String, fault: &mut dyn FnMut(String, String, &str)) {
    if (rule.fault.is_of_operation() || matches!(rule.fault, Mishap::Unaddressed {} | Mishap::Allocation { .. }))
        && rule.on != Subject::Resource
    {
        let message = "this befalls writes and deletions of resources".to_owned();
        fault(at("on"), message, "leave `on` out");
    }
    let (name, status, range) = match rule.fault {
        Mishap::Refused { status, .. } => ("fault/status", status, 400..=599),
        Mishap::Page { status, .. } => ("fault/status", status, 200..=599),
        Mishap::Huge { mebibytes } if !(1..=1024).contains(&mebibytes) => {
            fault(at("fault/mebibytes"), format!("{mebibytes} MiB cannot be sent"), "give a number from 1 to 1024");
            return;
        }
        Mishap::Slow { bytes_per_second: 0 } => {
            fault(at("fault/bytesPerSecond"), "nothing would ever come".to_owned(), "give 1 or more");
            return;
        }
        Mishap::Stuck { seconds: Some(seconds) } if !(0.0..=1e9).contains(&seconds) => {
            fault(at("fault/seconds"), format!("{seconds} is no span"), "leave it out for what never ends");
            return;
        }
        _ => return,
    };
    if !range.contains(&status) {
        let help = format!("give a number from {} to {}", range.start(), range.end());
        fault(at(name), format!("{status} is no such status"), &help);
    }
}

fn is_misspelt(name: &str) -> bool {
    !name.contains(['/', '*'])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(String, String)> {
        let source = Source { name: "faults.json".to_owned(), text: text.to_owned() };
        match read_faults(&source) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| (fault.pointer.clone(), fault.message.clone())).collect(),
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place() {
        let rule = |text: &str| faults(&format!("{{\"format\": 1, \"rules\": [{{{text}}}]}}"));
        assert_eq!(rule("\"fault\": {\"kind\": \"reset\"}"), []);
        for (text, pointer, part) in [
            ("\"fault\": {\"kind\": \"rest\"}", "/rules/0/fault/kind", "unknown variant `rest`"),
            ("\"falt\": {\"kind\": \"reset\"}", "/rules/0/falt", "unknown field `falt`"),
            ("\"fault\": {\"kind\": \"reset\", \"efect\": true}", "/rules/0/fault", "unknown field `efect`"),
            ("\"fault\": {\"kind\": \"reset\"}, \"probability\": 1.5", "/rules/0/probability", "no probability"),
            ("\"fault\": {\"kind\": \"reset\"}, \"times\": 0", "/rules/0/times", "never"),
            ("\"fault\": {\"kind\": \"reset\"}, \"every\": 0", "/rules/0/every", "first of 0"),
            ("\"fault\": {\"kind\": \"reset\"}, \"type\": \"virtualMachines\"", "/rules/0/type", "no full type"),
            ("\"fault\": {\"kind\": \"reset\"}, \"methods\": [\"put\"]", "/rules/0/methods/0", "unknown variant `put`"),
            ("\"fault\": {\"kind\": \"refused\", \"status\": 200}", "/rules/0/fault/status", "no such status"),
            ("\"fault\": {\"kind\": \"slow\", \"bytesPerSecond\": 0}", "/rules/0/fault/bytesPerSecond", "ever come"),
            ("\"fault\": {\"kind\": \"huge\", \"mebibytes\": 5000}", "/rules/0/fault/mebibytes", "cannot be sent"),
            ("\"fault\": {\"kind\": \"stuck\", \"seconds\": -1}", "/rules/0/fault/seconds", "no span"),
            ("\"fault\": {\"kind\": \"lies\"}, \"on\": \"poll\"", "/rules/0/on", "befalls writes"),
        ] {
            let told = rule(text);
            assert_eq!(told.len(), 1, "{text}: {told:?}");
            assert!(told[0].0 == pointer && told[0].1.contains(part), "{text}: {told:?}");
        }
        assert_eq!(faults("{\"format\": 2, \"rules\": []}")[0].0, "/format");
        let source = Source { name: "faults.json".to_owned(), text: "{\n  \"format\": 1,\n  oh\n}".to_owned() };
        let told = read_faults(&source).unwrap_err();
        let place = source.position(told.iter().next().unwrap().span.unwrap().start);
        assert_eq!((place.line, place.column), (3, 3));
        assert_eq!(faults("").len(), 1);
        assert_eq!(faults("{\"format\": 1, \"rules\": []} x").len(), 1);
    }
}
