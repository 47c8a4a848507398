//! Texts for machines: XML of the wire server, the configurations of haproxy, dnsmasq and keepalived. The only place of this room that knows handlebars.

use std::sync::LazyLock;

use handlebars::Handlebars;
use serde::Serialize;

use super::GatewayError;

pub(super) const VERSIONS: &str = "gateway/versions.xml";
pub(super) const GOAL_STATE: &str = "gateway/goal-state.xml";
pub(super) const HAPROXY: &str = "gateway/haproxy.cfg";
pub(super) const DNSMASQ: &str = "gateway/dnsmasq.conf";
pub(super) const KEEPALIVED: &str = "gateway/keepalived.conf";

/// A template, and how its values are written.
struct Source {
    name: &'static str,
    text: &'static str,
    escape: fn(&str) -> String,
}

macro_rules! source {
    ($name:literal, $escape:ident) => {
        Source { name: $name, text: include_str!(concat!("../../templates/", $name, ".hbs")), escape: $escape }
    };
}

/// Every template.
static SOURCES: [Source; 5] = [
    source!("gateway/versions.xml", xml),
    source!("gateway/goal-state.xml", xml),
    source!("gateway/haproxy.cfg", haproxy_word),
    source!("gateway/dnsmasq.conf", plain_value),
    source!("gateway/keepalived.conf", plain_value),
];

/// A registry for each, since each has its own way to write values; or what is wrong with the template.
static REGISTRIES: LazyLock<Vec<(&str, Result<Handlebars<'static>, String>)>> = LazyLock::new(|| {
    let registry = |source: &'static Source| {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(source.escape);
        let parsed = registry.register_template_string(source.name, source.text).map_err(|cause| cause.to_string());
        (source.name, parsed.map(|()| registry))
    };
    SOURCES.iter().map(registry).collect()
});

/// Renders a template from values of which none may be missing.
pub(super) fn render(template: &'static str, values: &impl Serialize) -> Result<String, GatewayError> {
    let failed = |cause: String| GatewayError::Template { template, cause };
    let found = REGISTRIES.iter().find(|(name, _)| *name == template);
    let (_, registry) = found.ok_or_else(|| failed("there is no such template".to_owned()))?;
    let registry = registry.as_ref().map_err(|cause| failed(cause.clone()))?;
    registry.render(template, values).map_err(|cause| failed(cause.to_string()))
}

/// A text in XML. What XML has no letter for is left out.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push(letter),
            _ if letter.is_control() || letter == '\u{fffe}' || letter == '\u{ffff}' => {}
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// One word of a line of haproxy's configuration, which knows quotes, backslashes, comments and variables, and ends at a
/// line's end. Letters outside of ASCII are not needed.
fn haproxy_word(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            ' ' | '"' | '\'' | '\\' | '#' | '$' => {
                word.push('\\');
                word.push(letter);
            }
            '!'..='~' => word.push(letter),
            _ => word.push('_'),
        }
    }
    word
}

/// A value in a configuration that has no way to write a comma, a space or a line's end in one: dnsmasq's, keepalived's.
fn plain_value(text: &str) -> String {
    text.chars()
        .map(|letter| if "./:_-".contains(letter) || letter.is_ascii_alphanumeric() { letter } else { '_' })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses() {
        for (name, registry) in REGISTRIES.iter() {
            assert!(registry.is_ok(), "{name}: {:?}", registry.as_ref().err());
        }
    }

    #[test]
    fn values_stay_values() {
        assert_eq!(xml("a<b> & \"c\"\0'"), "a&lt;b&gt; &amp; &quot;c&quot;&apos;");
        assert_eq!(haproxy_word("a b#$HOME\n\"x\" ä"), "a\\ b\\#\\$HOME_\\\"x\\\"\\ _");
    }
}
