//! Diagnostics with an excerpt of the source, and as data.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value as Json, json};

use super::masked::masked;
use super::{Style, harmless};
use crate::base::{Diagnostic, Diagnostics, Severity, Source};

/// All diagnostics as people read them, one after another, each with the place in the text if it has one.
/// Secrets in the text are hidden.
pub fn render_diagnostics(source: &Source, diagnostics: &Diagnostics, style: Style) -> String {
    let renderer = if style.is_coloured() { Renderer::styled() } else { Renderer::plain() };
    let shown = Source { name: source.name.clone(), text: masked(&source.text) };
    let mut text = String::new();
    for diagnostic in diagnostics.iter() {
        text.push_str(&renderer.render(&report(&shown, diagnostic)));
        text.push_str("\n\n");
    }
    text
}

fn report<'a>(source: &'a Source, diagnostic: &'a Diagnostic) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(harmless(&diagnostic.message)).id(diagnostic.code);
    let mut group = Group::with_title(title);
    if let Some(span) = diagnostic.span {
        let end = span.end.min(source.text.len());
        // A long value would fill the screen: its first line says enough.
        let end = source.text[span.start.min(end)..end].find('\n').map_or(end, |newline| span.start + newline);
        group = group.element(
            Snippet::source(&source.text)
                .path(&source.name)
                .annotation(AnnotationKind::Primary.span(span.start.min(end)..end).label(diagnostic.pointer.as_str())),
        );
    } else if !diagnostic.pointer.is_empty() {
        group = group.element(Level::NOTE.message(format!("at {} of {}", diagnostic.pointer, source.name)));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(harmless(help)));
    }
    vec![group]
}

/// All diagnostics as data: `code`, `severity`, `message`, `pointer`, `file`, `line`, `column`, `help`.
pub fn diagnostics_as_json(source: &Source, diagnostics: &Diagnostics) -> Json {
    let all: Vec<Json> = diagnostics
        .iter()
        .map(|diagnostic| {
            let position = diagnostic.span.map(|span| source.position(span.start));
            json!({
                "code": diagnostic.code,
                "severity": diagnostic.severity,
                "message": diagnostic.message,
                "pointer": diagnostic.pointer,
                "file": source.name,
                "line": position.map(|position| position.line),
                "column": position.map(|position| position.column),
                "help": diagnostic.help,
            })
        })
        .collect();
    json!({ "format": 1, "diagnostics": all })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    #[test]
    fn a_fault_is_shown_where_it_stands() {
        let source = Source { name: "model.json".into(), text: "{\n  \"count\": 2\n}\n".into() };
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(
            Diagnostic::error("control-plane-count", "/count", "2 control-plane nodes have no majority")
                .at(Span { start: 13, end: 14 })
                .help("use 1, 3 or 5"),
        );
        let text = render_diagnostics(&source, &diagnostics, Style::new(false));
        assert!(text.starts_with("error[control-plane-count]: 2 control-plane nodes have no majority"), "{text}");
        assert!(text.contains("model.json:2:12"), "{text}");
        assert!(text.contains("help: use 1, 3 or 5"), "{text}");
        let data = diagnostics_as_json(&source, &diagnostics);
        assert_eq!((&data["diagnostics"][0]["line"], &data["diagnostics"][0]["column"]), (&json!(2), &json!(12)));
    }
}
