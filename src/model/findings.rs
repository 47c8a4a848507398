//! The faults of one reading: each placed in the text, none told twice in other words.

use crate::base::{Diagnostic, Diagnostics, Severity};

use super::document::{Spans, is_at_or_below};

/// Collects faults, and knows which values are not to be judged further.
#[derive(Debug, Default)]
pub(super) struct Findings {
    diagnostics: Diagnostics,
    spans: Spans,
    /// Pointers with an error, and pointers that an error elsewhere stands for.
    unsound: Vec<String>,
}

impl Findings {
    pub(super) fn new(spans: Spans) -> Self {
        Self { diagnostics: Diagnostics::default(), spans, unsound: Vec::new() }
    }

    /// Adds a fault as it is, placed where its pointer stands if it has no place yet.
    pub(super) fn push(&mut self, mut diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.unsound.push(diagnostic.pointer.clone());
        }
        if diagnostic.span.is_none() {
            diagnostic.span = self.spans.nearest(&diagnostic.pointer);
        }
        self.diagnostics.push(diagnostic);
    }

    /// Adds a fault unless one of the values that it judges was already found faulty. `judged` are the values beside
    /// the one that the fault points to.
    pub(super) fn judge(&mut self, judged: &[&str], diagnostic: Diagnostic) {
        if self.sound(&diagnostic.pointer) && judged.iter().all(|pointer| self.sound(pointer)) {
            self.push(diagnostic);
        }
    }

    /// Says that the value at a pointer is not to be judged, since an error elsewhere stands for it.
    pub(super) fn excuse(&mut self, pointer: impl Into<String>) {
        self.unsound.push(pointer.into());
    }

    /// Whether no error was told at the value, in it, or at what holds it.
    pub(super) fn sound(&self, pointer: &str) -> bool {
        !self.unsound.iter().any(|unsound| {
            !unsound.is_empty() && (is_at_or_below(unsound, pointer) || is_at_or_below(pointer, unsound))
        })
    }

    /// Whether anything was told at just this pointer.
    pub(super) fn told(&self, pointer: &str) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.pointer == pointer)
    }

    pub(super) fn has_errors(&self) -> bool {
        self.diagnostics.has_errors()
    }

    /// Everything, as it stands in the text.
    pub(super) fn into_diagnostics(mut self) -> Diagnostics {
        self.diagnostics.sort();
        self.diagnostics
    }
}
