//! The texts of a small XML document from somebody who may mean harm: elements by their path and nothing else. Attributes are
//! skipped, and documents that define their own entities are none.

/// How deep elements may stand in each other, and how many there may be.
const DEEPEST: usize = 16;
const MOST: usize = 256;

/// The texts of a document's elements.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Texts {
    /// Path and text of each element that has no others in it, in the document's order.
    leaves: Vec<(Vec<String>, String)>,
}

impl Texts {
    /// Reads a document that is well formed, as far as that concerns elements.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut leaves = Vec::new();
        let mut open: Vec<String> = Vec::new();
        // The text since the innermost element began, unless another has stood in it.
        let mut inner: Option<String> = None;
        let mut rest = text.trim_start_matches('\u{feff}');
        let mut count = 0;
        let mut closed = false;
        while let Some(start) = rest.find('<') {
            let (before, tag) = (rest.get(..start)?, rest.get(start + 1..)?);
            if open.is_empty() && !before.trim().is_empty() {
                return None;
            }
            if let Some(inner) = &mut inner {
                inner.push_str(&unescaped(before)?);
            }
            if let Some(comment) = tag.strip_prefix("!--") {
                rest = comment.split_once("-->")?.1;
                continue;
            }
            if let Some(instruction) = tag.strip_prefix('?') {
                rest = instruction.split_once("?>")?.1;
                continue;
            }
            let (tag, after) = tag.split_once('>')?;
            rest = after;
            if let Some(name) = tag.strip_prefix('/') {
                let opened = open.pop()?;
                if opened != local(name.trim_end()) {
                    return None;
                }
                if let Some(text) = inner.take() {
                    let path = open.iter().cloned().chain([opened]).collect();
                    leaves.push((path, text.trim().to_owned()));
                }
                closed = open.is_empty();
                continue;
            }
            count += 1;
            let name = tag.split([' ', '\t', '\r', '\n', '/']).next()?;
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte));
            if name.is_empty() || !plain || closed || count > MOST || open.len() >= DEEPEST {
                return None;
            }
            if tag.ends_with('/') {
                inner = None;
                closed = open.is_empty();
            } else {
                open.push(local(name).to_owned());
                inner = Some(String::new());
            }
        }
        (closed && rest.trim().is_empty()).then_some(Self { leaves })
    }

    /// The text at a path, if just one element stands there.
    pub(super) fn at(&self, path: &[&str]) -> Option<&str> {
        let mut found =
            self.leaves.iter().filter(|(known, _)| known.iter().map(String::as_str).eq(path.iter().copied()));
        let (_, text) = found.next()?;
        found.next().is_none().then_some(text.as_str())
    }

    /// Whether the text at a path is this one.
    pub(super) fn is(&self, path: &[&str], text: &str) -> bool {
        self.at(path) == Some(text)
    }
}

/// A name without its namespace's prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// A text with XML's own five entities and numbers read; `None` for others.
fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, entity)) = rest.split_once('&') {
        plain.push_str(before);
        let (name, after) = entity.split_once(';')?;
        plain.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let digits = name.strip_prefix('#')?;
                let number = match digits.strip_prefix('x') {
                    Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                    None => digits.parse(),
                };
                char::from_u32(number.ok()?)?
            }
        });
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_found_by_their_path() {
        let texts = Texts::read(
            "<?xml version=\"1.0\"?><!-- a > b --><n:a x=\"1\"><b> one &amp;&#32;&#x41; </b><c/><d><b>two</b></d></n:a>",
        )
        .unwrap();
        assert_eq!(texts.at(&["a", "b"]), Some("one & A"));
        assert_eq!(texts.at(&["a", "d", "b"]), Some("two"));
        assert_eq!(texts.at(&["a"]), None);
        // Two of them say nothing.
        assert_eq!(Texts::read("<a><b>1</b><b>2</b></a>").unwrap().at(&["a", "b"]), None);
    }

    #[test]
    fn what_is_not_well_formed_is_none() {
        for wrong in [
            "",
            "a",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a></a>b",
            "b<a/>",
            "<a>&b;</a>",
            "<a>&#xD800;</a>",
            "<a",
            "<!DOCTYPE a><a/>",
            "<![CDATA[a]]>",
            "<a>&amp</a>",
            "< a></a>",
        ] {
            assert_eq!(Texts::read(wrong), None, "{wrong}");
        }
        assert_eq!(Texts::read(&format!("{}{}", "<a>".repeat(17), "</a>".repeat(17))), None);
        assert_eq!(Texts::read(&format!("<a>{}</a>", "<b/>".repeat(300))), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[<>/?!a&;# -]{0,64}") {
            let _ = Texts::read(&text);
        }
    }
}
