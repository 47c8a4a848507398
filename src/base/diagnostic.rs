//! What is wrong with an input, said so that it can be mended: code, severity, JSON pointer, position, remedy.
//!
//! Deliberately absent: how a diagnostic looks on a terminal or as JSON. That is `view`'s.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing stops.
    Warning,
    /// Nothing is done until it is mended.
    Error,
}

/// A range of bytes in a source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One after the last byte.
    pub end: usize,
}

/// A place in a text, as people count: from 1; columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A text and the name people know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// A file's path as the user gave it, or a description such as `--set`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Line and column of a byte; past the end, the end's.
    pub fn position(&self, byte: usize) -> Position {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let before = &self.text[..byte];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

/// One fault of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// A stable name of the rule, in kebab case, such as `control-plane-count`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// Where in the document (RFC 6901), such as `/properties/masterProfile/count`.
    pub pointer: String,
    /// Where in the text, if the text says it at all.
    pub span: Option<Span>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a JSON pointer.
    pub fn error(code: &'static str, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            pointer: pointer.into(),
            span: None,
            help: None,
        }
    }

    /// A warning at a JSON pointer.
    pub fn warning(code: &'static str, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, pointer, message) }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with a place in the text.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }
}

/// All faults found in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds many.
    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(diagnostics);
    }

    /// Whether any of them forbids going on.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether an error was told at `pointer` or below it, so that an echo can be left out.
    pub fn has_error_below(&self, pointer: &str) -> bool {
        self.0.iter().any(|diagnostic| {
            diagnostic.severity == Severity::Error
                && diagnostic.pointer.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Sorted as they stand in the text; those without a place come first.
    pub fn sort(&mut self) {
        self.0.sort_by(|left, right| left.span.cmp(&right.span).then_with(|| left.pointer.cmp(&right.pointer)));
    }

    /// Them, one after another.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let source = Source { name: "x".into(), text: "a\nüb\n".into() };
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(2), Position { line: 2, column: 1 });
        assert_eq!(source.position(3), Position { line: 2, column: 1 }, "inside a character: its start");
        assert_eq!(source.position(4), Position { line: 2, column: 2 });
        assert_eq!(source.position(99), Position { line: 3, column: 1 });
    }

    #[test]
    fn an_error_below_a_pointer_is_found() {
        let mut bag = Diagnostics::default();
        bag.push(Diagnostic::error("x", "/properties/masterProfile/count", "no"));
        assert!(bag.has_error_below("/properties/masterProfile"));
        assert!(!bag.has_error_below("/properties/master"));
    }
}
