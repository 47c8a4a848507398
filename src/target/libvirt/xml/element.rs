//! XML as a tree of elements, and its text.

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: Option<String>,
    children: Vec<Element>,
}

/// An element without anything in it.
pub fn element(name: &'static str) -> Element {
    Element { name, attributes: Vec::new(), text: None, children: Vec::new() }
}

impl Element {
    /// With an attribute.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl ToString) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// With an attribute, if there is a value.
    #[must_use]
    pub fn set_some(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// With a text. An element has a text or children.
    #[must_use]
    pub fn text(mut self, text: impl ToString) -> Self {
        self.text = Some(text.to_string());
        self
    }

    /// With one child more.
    #[must_use]
    pub fn with(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    /// With more children.
    #[must_use]
    pub fn with_all(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// The text of the whole: two spaces a level, attributes in apostrophes.
    pub fn render(&self) -> String {
        let mut text = String::new();
        self.render_at(&mut text, 0);
        text
    }

    fn render_at(&self, out: &mut String, level: usize) {
        let indent = "  ".repeat(level);
        out.push_str(&indent);
        out.push('<');
        out.push_str(self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("='");
            escape(value, out);
            out.push('\'');
        }
        match (&self.text, self.children.as_slice()) {
            (None, []) => out.push_str("/>\n"),
            (Some(text), _) => {
                out.push('>');
                escape(text, out);
                self.close(out);
            }
            (None, children) => {
                out.push_str(">\n");
                children.iter().for_each(|child| child.render_at(out, level + 1));
                out.push_str(&indent);
                self.close(out);
            }
        }
    }

    fn close(&self, out: &mut String) {
        out.push_str("</");
        out.push_str(self.name);
        out.push_str(">\n");
    }
}

/// Whatever is special in XML as an entity; what XML 1.0 cannot hold at all becomes U+FFFD.
fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            '\u{0}'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_stays_text() {
        let tree = element("a").set("b", "<'\"&>\n").with(element("c").text("]]>\u{1}")).with(element("d"));
        assert_eq!(tree.render(), "<a b='&lt;&apos;&quot;&amp;&gt;&#10;'>\n  <c>]]&gt;\u{fffd}</c>\n  <d/>\n</a>\n");
    }
}
