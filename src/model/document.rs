//! JSON with a place for every key and value.
//!
//! JSON with comments (`// …` and `/* … */`), as `engine init` writes; otherwise strict: no trailing commas. A byte order mark is skipped, as editors on Windows write one.
//! Deliberately absent: what the keys mean. A key that stands twice is still there twice.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use serde_json::Value;

use crate::base::{Diagnostic, Source, Span};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// A text, a number, a truth value or null.
    Scalar(Value),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

/// Where keys and values stand, by JSON pointer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Spans(BTreeMap<String, (Option<Span>, Span)>);

impl Spans {
    /// Remembers a value and, for an object's member, its key.
    pub(super) fn insert(&mut self, pointer: &str, key: Option<Span>, value: Span) {
        self.0.insert(pointer.to_owned(), (key, value));
    }

    /// Forgets a place and what is below it: its value now comes from somewhere else.
    pub(super) fn remove_below(&mut self, pointer: &str) {
        self.0.retain(|candidate, _| !is_at_or_below(candidate, pointer));
    }

    /// The value at `pointer`, if the text has it; otherwise the key, or the first character, of what should hold it.
    pub(super) fn nearest(&self, pointer: &str) -> Option<Span> {
        if let Some((_, value)) = self.0.get(pointer) {
            return Some(*value);
        }
        let mut rest = pointer;
        while let Some((above, _)) = rest.rsplit_once('/') {
            if let Some((key, value)) = self.0.get(above) {
                return Some(key.unwrap_or(Span { start: value.start, end: value.start + 1 }));
            }
            rest = above;
        }
        None
    }
}

/// Whether `pointer` is `root` or lies below it.
pub(super) fn is_at_or_below(pointer: &str, root: &str) -> bool {
    pointer.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The pointer of a member or an element.
pub(super) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Reads a text. The error has code `syntax` and the place where reading stopped.
pub(super) fn parse(source: &Source) -> Result<Node, Diagnostic> {
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let offset = source.text.len() - text.len();
    let text = &*without_comments(text);
    let options = jsonc_parser::ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    // serde_json is asked first: it is the stricter of the two, and refuses more than 128 levels.
    let strict = serde_json::from_str::<Value>(text);
    let parsed = jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &options);
    let fault = |message: String, start: usize| {
        let mut start = (start + offset).min(source.text.len());
        // Where a comment was, each byte counts, so reading may have stopped within a letter of it.
        while !source.text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = (start + 1).min(source.text.len());
        while !source.text.is_char_boundary(end) {
            end += 1;
        }
        Diagnostic::error("syntax", "", message).at(Span { start, end }).help(
            "the file has to be JSON (RFC 8259), and may have comments: no comma behind the last item, texts in double quotes",
        )
    };
    let error = match (parsed, strict) {
        (Ok(parsed), Ok(_)) => match &parsed.value {
            Some(value) => return Ok(node(value, offset)),
            None => return Err(fault("the file is empty".into(), 0)),
        },
        (_, Err(error)) => {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            (message, byte_of(text, error.line(), error.column()))
        }
        (Err(error), Ok(_)) => (error.kind().to_string(), error.range().start),
    };
    Err(fault(format!("this is not JSON: {}", error.0), error.1))
}

/// The text with spaces in place of comments, byte for byte, so that every place stays where it was.
fn without_comments(text: &str) -> Cow<'_, str> {
    if !text.contains("//") && !text.contains("/*") {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(['"', '/']) {
        kept.push_str(&rest[..place]);
        rest = &rest[place..];
        let (length, is_comment) = if rest.starts_with('"') {
            (string_length(rest), false)
        } else if rest.starts_with("//") {
            (rest.find(['\n', '\r']).unwrap_or(rest.len()), true)
        } else if rest.starts_with("/*")
            && let Some(end) = rest[2..].find("*/")
        {
            (end + 4, true)
        } else {
            (1, false)
        };
        let (piece, after) = rest.split_at(length);
        if is_comment {
            kept.extend(piece.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' }));
        } else {
            kept.push_str(piece);
        }
        rest = after;
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// The length of the quoted text at the beginning; of all there is, if no quote ends it.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return place + 1,
            _ => {}
        }
    }
    text.len()
}

/// The byte at a line (from 1) and a column in bytes (from 1; 0 is the end of the line before).
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut byte = (line_start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

fn node(value: &ast::Value<'_>, offset: usize) -> Node {
    let content = match value {
        ast::Value::StringLit(text) => Content::Scalar(Value::String(text.value.to_string())),
        // serde_json has read the same text without an error, so the number is one it can hold.
        ast::Value::NumberLit(number) => Content::Scalar(serde_json::from_str(number.value).unwrap_or(Value::Null)),
        ast::Value::BooleanLit(truth) => Content::Scalar(Value::Bool(truth.value)),
        ast::Value::NullKeyword(_) => Content::Scalar(Value::Null),
        ast::Value::Array(array) => Content::Array(array.elements.iter().map(|value| node(value, offset)).collect()),
        ast::Value::Object(object) => Content::Object(
            object
                .properties
                .iter()
                .map(|property| Member {
                    key: property.name.as_str().to_owned(),
                    key_span: span(
                        match &property.name {
                            ast::ObjectPropName::String(name) => name.range,
                            ast::ObjectPropName::Word(name) => name.range,
                        },
                        offset,
                    ),
                    value: node(&property.value, offset),
                })
                .collect(),
        ),
    };
    Node { span: span(value.range(), offset), content }
}

fn span(range: jsonc_parser::common::Range, offset: usize) -> Span {
    Span { start: range.start + offset, end: range.end + offset }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { name: "test".into(), text: text.into() }
    }

    #[test]
    fn keeps_places_and_twins() {
        let text = "\u{feff}{\"ä\": [1, true], \"ä\": \"x\"}";
        let node = parse(&source(text)).unwrap();
        let Content::Object(members) = node.content else { panic!("an object") };
        assert_eq!(members.len(), 2);
        assert_eq!(&text[members[1].key_span.start..members[1].key_span.end], "\"ä\"");
        assert_eq!(&text[members[0].value.span.start..members[0].value.span.end], "[1, true]");
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            "{,}",
            "{\"a\":1,}",
            "{}// x\n{}",
            "{} /* x",
            "{\"a\": 1 / 2}",
            "{'a':1}",
            "{\"a\":01}",
            "{} {}",
            "{\"a\":\"\u{1}\"}",
            "\"\\ud800\"",
            "1e999",
        ] {
            let error = parse(&source(text)).unwrap_err();
            assert_eq!(error.code, "syntax", "{text}");
            assert!(error.span.is_some(), "{text}");
        }
        assert_eq!(parse(&source(&"[".repeat(100_000))).unwrap_err().code, "syntax");
        assert_eq!(parse(&source(&(("[".repeat(200)) + &"]".repeat(200)))).unwrap_err().code, "syntax");
    }

    #[test]
    fn a_fault_within_a_comments_letter_is_told_at_the_letter() {
        let source = Source { name: "model".to_owned(), text: " // \u{feff}".to_owned() };
        let span = parse(&source).unwrap_err().span.unwrap();
        assert!(source.text.is_char_boundary(span.start) && source.text.is_char_boundary(span.end), "{span:?}");
    }

    #[test]
    fn comments_are_nothing_and_move_nothing() {
        let text = "// ä \" {\n{ /* ü\r\n */ \"a // b\": \"c /* \\\" */ d\", // e\n  \"f\": 2 }// end";
        let node = parse(&source(text)).unwrap();
        let Content::Object(members) = node.content else { panic!("an object") };
        assert_eq!(members[0].key, "a // b");
        assert_eq!(members[0].value.content, Content::Scalar("c /* \" */ d".into()));
        assert_eq!(&text[members[1].key_span.start..members[1].key_span.end], "\"f\"");
    }

    #[test]
    fn points_to_where_reading_stopped() {
        let text = "{\n  \"a\": 1\n  \"b\": 2\n}";
        let error = parse(&source(text)).unwrap_err();
        assert_eq!(source(text).position(error.span.unwrap().start).line, 3);
    }
}
