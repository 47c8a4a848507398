//! The two streams: data on standard output, everything else on standard error. A closed pipe ends quietly.

use std::io::Write as _;

use serde_json::{Value as Json, json};

use super::error::CliError;
use super::options::Form;
use super::preflight::findings_as_json;
use crate::base::{Diagnostics, Environment, Source};
use crate::view::{Style, diagnostics_as_json, harmless, render_diagnostics};

/// Where a verb's words go.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Whether results are data.
    pub json: bool,
    /// The style of standard output.
    pub style: Style,
    /// The style of standard error.
    pub error_style: Style,
}

impl Output {
    /// The streams of this environment.
    pub fn new(environment: &Environment, json: bool) -> Self {
        Self {
            json,
            style: Style::new(environment.colour(environment.output_is_terminal) && !json),
            error_style: Style::new(environment.colour(environment.error_is_terminal)),
        }
    }

    /// The same streams, with results as data if a verb's own option says so too.
    #[must_use]
    pub fn in_form(self, form: Form) -> Self {
        if form == Form::Json { Self { json: true, style: Style::new(false), ..self } } else { self }
    }

    /// A result for people; left out where results are data.
    pub fn text(&self, text: &str) {
        if !self.json {
            write(&mut std::io::stdout(), text);
        }
    }

    /// A result as data; left out where results are for people.
    pub fn data(&self, data: &Json) {
        if self.json {
            // Not as one text: what is told of thousands of steps has megabytes.
            let mut stream = std::io::BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
            // Whoever reads may have gone away: there is nobody to tell.
            let _ = serde_json::to_writer_pretty(&mut stream, data);
            let _ = stream.write_all(b"\n").and_then(|()| stream.flush());
        }
    }

    /// Something beside the result.
    pub fn note(&self, text: &str) {
        write(&mut std::io::stderr(), text);
    }

    /// The diagnostics of a model that is good enough to go on.
    pub fn warnings(&self, source: &Source, diagnostics: &Diagnostics) {
        if !diagnostics.is_empty() {
            self.note(&render_diagnostics(source, diagnostics, self.error_style));
        }
    }

    /// An error, and its remedy.
    pub fn error(&self, error: &CliError) {
        if let Some((source, diagnostics)) = error.diagnostics.as_deref() {
            if self.json {
                self.data(&diagnostics_as_json(source, diagnostics));
            } else {
                self.note(&render_diagnostics(source, diagnostics, self.error_style));
            }
        }
        if error.message.is_empty() {
            return;
        }
        if self.json && error.diagnostics.is_none() {
            let mut data = json!({
                "format": 1, "error": error.message, "help": error.help, "exitCode": error.exit.code(),
            });
            if !error.findings.is_empty() {
                data["preflight"] = findings_as_json(&error.findings);
            }
            self.data(&data);
        }
        let mut text = format!("{} {}\n", self.error_style.bad("error:"), harmless(&error.message));
        if let Some(help) = &error.help {
            text.push_str(&format!("{} {}\n", self.error_style.strong("help:"), harmless(help)));
        }
        self.note(&text);
    }
}

fn write(stream: &mut dyn std::io::Write, text: &str) {
    // Whoever reads has gone away: there is nobody to tell.
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}

/// Asks a question on the terminal. Anything but `yes` or `y` is a no.
pub fn ask(question: &str) -> bool {
    let mut error = std::io::stderr();
    let _ = write!(error, "{question} [y/N] ");
    let _ = error.flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Asks for a text; empty if nobody says anything.
pub fn ask_for(question: &str) -> String {
    let mut error = std::io::stderr();
    let _ = write!(error, "{question} ");
    let _ = error.flush();
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    answer.trim().to_owned()
}

/// Asks for a word to be typed as it is.
pub fn ask_for_word(question: &str, word: &str) -> bool {
    let mut error = std::io::stderr();
    let _ = write!(error, "{question} ");
    let _ = error.flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == word
}
