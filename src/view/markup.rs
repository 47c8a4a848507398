//! Markup: what pages and pictures have in common.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Text for elements and attributes, in XML and in HTML alike. What XML cannot hold is replaced.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push('\n'),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// What a policy lets in by its content. Quotes are fine within an attribute in double quotes.
pub fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// A template with its `{{name}}` places filled. What is put in is not looked at again.
pub fn filled(template: &str, place: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            text.push_str("{{");
            rest = after;
            continue;
        };
        text.push_str(&place(name).unwrap_or_default());
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_markup_could_mistake_is_escaped() {
        assert_eq!(escape("<a b='c' d=\"e\">&\u{1b}[0m"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;\u{fffd}[0m");
    }

    #[test]
    fn what_is_put_into_a_template_is_not_read_as_one() {
        let text = filled("<{{a}}|{{b}}|{{c}}", |name| (name != "c").then(|| format!("{{{{{name}}}}}")));
        assert_eq!(text, "<{{a}}|{{b}}|");
    }
}
