//! `engine.toml`: one setting a line. Everything that is wrong with it is told in one run, with its place.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{FILE, Kind, Origin, SETTINGS, Setting};
use crate::base::{Diagnostic, Diagnostics, Source, Span, closest, read_text};
use crate::cli::Exit;
use crate::cli::error::CliError;

/// The settings of a file, by name.
pub(super) fn read(path: &Path) -> Result<Vec<(&'static str, String, Origin)>, CliError> {
    let source = Source { name: path.display().to_string(), text: read_text(path)? };
    let folder = path.parent().unwrap_or(Path::new("."));
    let (settings, mut faults) = parse(&source.text, folder);
    if !faults.is_empty() {
        faults.sort();
        let count = if faults.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", faults.len()) };
        let mut error = CliError::new(Exit::Usage, format!("{} has {count}; nothing was done", source.name));
        error.diagnostics = Some(Box::new((source, faults)));
        return Err(error);
    }
    let line = |start| source.position(start).line;
    Ok(settings
        .into_iter()
        .map(|(name, value, start)| (name, value, Origin::File(path.to_owned(), line(start))))
        .collect())
}

/// The settings of a text as `(name, value, first byte)`, and its faults.
fn parse(text: &str, folder: &Path) -> (Vec<(&'static str, String, usize)>, Diagnostics) {
    let mut faults = Diagnostics::default();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let place = error.span().map_or(Span { start: 0, end: 0 }, span);
        let fault = Diagnostic::error("settings-syntax", "", format!("this is not TOML: {}", error.message()));
        faults.push(fault.at(place).help("write one setting a line, such as `target = \"azure\"`"));
    }
    let mut settings = Vec::new();
    if faults.has_errors() {
        return (settings, faults);
    }
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        match SETTINGS.iter().find(|setting| setting.name == name) {
            None => faults.push(unknown(name, &pointer).at(span(key.span()))),
            Some(setting) => match text_of(setting, value.get_ref(), folder) {
                Some(text) => settings.push((setting.name, text, key.span().start)),
                None => {
                    let message = format!("`{name}` is no {}", value.get_ref().type_str());
                    let message = match text_in(value.get_ref()) {
                        Some(text) => format!("`{name}` cannot be `{text}`"),
                        None => message,
                    };
                    let fault = Diagnostic::error("setting-value", pointer, message).at(span(value.span()));
                    faults.push(fault.help(format!("it has to be {}", setting.takes())));
                }
            },
        }
    }
    (settings, faults)
}

fn unknown(name: &str, pointer: &str) -> Diagnostic {
    let fault = Diagnostic::error("setting-unknown", pointer, format!("there is no setting `{name}`"));
    let help = match name {
        "client-secret" => "a secret does not belong into a file that others read: set AZURE_CLIENT_SECRET".to_owned(),
        "state-passphrase" => {
            "a secret does not belong into a file that others read: set ENGINE_STATE_PASSPHRASE".to_owned()
        }
        "yes" => "consent is given on the command line only: --yes".to_owned(),
        "resource-group" | "location" | "output-directory" | "dns-prefix" => {
            format!("it belongs to one cluster: say it in the model, or by --{name}")
        }
        _ => match closest(name, SETTINGS.iter().map(|setting| setting.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
                format!("{FILE} takes {}", names.join(", "))
            }
        },
    };
    fault.help(help)
}

/// A value as the flag takes it, if it is one.
fn text_of(setting: &Setting, value: &DeValue<'_>, folder: &Path) -> Option<String> {
    let text = match (setting.kind, value) {
        (Kind::Switch, DeValue::Boolean(switch)) => switch.to_string(),
        (Kind::Factor, DeValue::Integer(number)) if number.radix() == 10 => number.as_str().to_owned(),
        (Kind::Factor, DeValue::Float(number)) => number.as_str().to_owned(),
        (Kind::Switch | Kind::Factor, _) => return None,
        (_, DeValue::String(text)) => text.to_string(),
        _ => return None,
    };
    if !setting.accepts(&text) {
        return None;
    }
    Some(if setting.kind == Kind::Path { folder.join(text).display().to_string() } else { text })
}

fn text_in(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

fn span(range: std::ops::Range<usize>) -> Span {
    Span { start: range.start, end: range.end }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(&'static str, String, String)> {
        let source = Source { name: "engine.toml".into(), text: text.into() };
        let (_, faults) = parse(text, Path::new("/x"));
        faults
            .iter()
            .map(|fault| {
                let place = source.position(fault.span.unwrap().start);
                (fault.code, format!("{}:{}", place.line, place.column), fault.help.clone().unwrap())
            })
            .collect()
    }

    #[test]
    fn every_fault_is_told_at_its_place() {
        let told =
            faults("target = 'moon'\nstrict = \"yes\"\ntime-scale = 11\n\ntaget = 'azure'\nclient-secret = 'x'\n");
        let places: Vec<(&str, &str)> = told.iter().map(|(code, place, _)| (*code, place.as_str())).collect();
        assert_eq!(
            {
                let mut sorted = places;
                sorted.sort_by_key(|(_, place)| *place);
                sorted
            },
            [
                ("setting-value", "1:10"),
                ("setting-value", "2:10"),
                ("setting-value", "3:14"),
                ("setting-unknown", "5:1"),
                ("setting-unknown", "6:1"),
            ]
        );
        assert!(told.iter().any(|(_, place, help)| place == "5:1" && help == "did you mean `target`?"));
        assert!(told.iter().any(|(_, place, help)| place == "6:1" && help.contains("AZURE_CLIENT_SECRET")));
        assert_eq!(faults("target = \n")[0].0, "settings-syntax");
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let (settings, faults) = parse("api-model = 'cluster.json'\nsimulator = '/s'\ntime-scale = 0", Path::new("/x"));
        assert!(faults.is_empty());
        let values: Vec<&str> = settings.iter().map(|(_, value, _)| value.as_str()).collect();
        assert_eq!(values, ["/x/cluster.json", "/s", "0"]);
    }
}
