//! Values of a model and where they came from.

use serde_json::{Value as Json, json};

use super::{Style, harmless};
use crate::model::{Explained, Origin};

/// A value longer than this is cut in a table; the data has it in full.
const LONGEST_VALUE: usize = 40;

/// Values as a table: where it stands, the value, where it came from.
pub fn render_explained(values: &[Explained], style: Style) -> String {
    let rows: Vec<(&str, String, &Explained)> =
        values.iter().map(|value| (value.pointer.as_str(), shown(value), value)).collect();
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let pointers = width(&mut rows.iter().map(|(pointer, ..)| pointer.chars().count()));
    let texts = width(&mut rows.iter().map(|(_, text, _)| text.chars().count()));
    let mut table = String::new();
    for (pointer, text, value) in rows {
        let origin = match &value.origin {
            Some(Origin::File) => "file".to_owned(),
            Some(Origin::Set) => style.good("command line"),
            Some(Origin::Default { reason }) if reason.is_empty() => style.faint("default"),
            Some(Origin::Default { reason }) => style.faint(&format!("default: {}", harmless(reason))),
            None => style.faint("follows from other values"),
        };
        table.push_str(&format!("{:<pointers$}  {text:<texts$}  {origin}\n", harmless(pointer)));
    }
    table
}

fn shown(value: &Explained) -> String {
    let Some(value) = &value.value else { return "(secret)".to_owned() };
    let text = harmless(&value.to_string());
    if text.chars().count() <= LONGEST_VALUE {
        return text;
    }
    text.chars().take(LONGEST_VALUE - 1).chain(['…']).collect()
}

/// Values as data: `pointer`, `value` (null if secret), `secret`, `origin` (`file`, `set`, `default`, `derived`), `reason`.
pub fn explained_as_json(values: &[Explained]) -> Json {
    let values: Vec<Json> = values
        .iter()
        .map(|value| {
            let (origin, reason) = match &value.origin {
                Some(Origin::File) => ("file", None),
                Some(Origin::Set) => ("set", None),
                Some(Origin::Default { reason }) => ("default", Some(reason.as_str())),
                None => ("derived", None),
            };
            json!({
                "pointer": value.pointer,
                "value": value.value,
                "secret": value.value.is_none(),
                "origin": origin,
                "reason": reason,
            })
        })
        .collect();
    json!({ "format": 1, "values": values })
}
