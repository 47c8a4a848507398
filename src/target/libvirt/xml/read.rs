//! Reading what a hypervisor tells as XML: elements with attributes, text and children.
//!
//! What comes from a host may be anything: a document type, an element that is not closed, an entity of one's own and more
//! than so many levels are no document at all. Deliberately absent: namespaces, which are parts of names here.

/// The most levels of elements.
const DEEPEST: usize = 64;

/// An element as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// Its name, with its prefix.
    pub name: String,
    /// What stands between its tags, without what stands in other elements.
    pub text: String,
    attributes: Vec<(String, String)>,
    children: Vec<Read>,
}

impl Read {
    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The children of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child of each name, one level after the other.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.children.iter().find(|child| child.name == *name))
    }

    /// The text of a descendant, without the spaces around it.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        Some(self.at(path)?.text.trim()).filter(|text| !text.is_empty())
    }
}

/// The document's element, or nothing if this is no document.
pub fn read(text: &str) -> Option<Read> {
    let mut rest = text;
    let mut open: Vec<Read> = Vec::new();
    loop {
        let (before, after) = rest.split_once('<')?;
        match open.last_mut() {
            Some(element) => element.text.push_str(&plain(before)?),
            None if before.trim().is_empty() => {}
            None => return None,
        }
        if let Some(after) = after.strip_prefix('?') {
            rest = after.split_once("?>")?.1;
        } else if let Some(after) = after.strip_prefix("!--") {
            rest = after.split_once("-->")?.1;
        } else if let Some(after) = after.strip_prefix("![CDATA[") {
            let (content, after) = after.split_once("]]>")?;
            open.last_mut()?.text.push_str(content);
            rest = after;
        } else if let Some(after) = after.strip_prefix('/') {
            let (name, after) = after.split_once('>')?;
            let element = open.pop().filter(|element| element.name == name.trim_end())?;
            rest = after;
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => return Some(element),
            }
        } else {
            let (element, is_whole, after) = start(after)?;
            rest = after;
            if !is_whole {
                if open.len() == DEEPEST {
                    return None;
                }
                open.push(element);
                continue;
            }
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => return Some(element),
            }
        }
    }
}

/// A start tag behind its `<`: the element, whether it ends with the tag, and what follows.
fn start(text: &str) -> Option<(Read, bool, &str)> {
    let end = text.find(|letter: char| letter.is_ascii_whitespace() || matches!(letter, '/' | '>'))?;
    let (name, mut rest) = text.split_at(end);
    if !name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') {
        return None;
    }
    let mut element = Read { name: name.to_owned(), ..Read::default() };
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            return Some((element, true, after));
        }
        if let Some(after) = rest.strip_prefix('>') {
            return Some((element, false, after));
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let mark = after.chars().next().filter(|mark| matches!(mark, '\'' | '"'))?;
        let (value, after) = after.get(1..)?.split_once(mark)?;
        element.attributes.push((name.trim_end().to_owned(), plain(value)?));
        rest = after;
    }
}

/// A text without entities.
fn plain(text: &str) -> Option<String> {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, after) = part.split_once(';')?;
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "apos" => '\'',
            "quot" => '"',
            number => {
                let number = number.strip_prefix('#')?;
                let number = match number.strip_prefix('x') {
                    Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(number)?
            }
        });
        plain.push_str(after);
    }
    Some(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_with_attributes_and_text() {
        let text = "<?xml version='1.0'?>\n<!-- a > b --><network a='1'>\n <name>it&apos;s &#x41;<!-- c --></name>\n \
                    <ip address=\"10.0.0.1\" prefix = '24'/><ip address='fd00::1'/><![CDATA[<raw>]]></network> behind";
        let network = read(text).unwrap();
        assert_eq!((network.name.as_str(), network.attribute("a")), ("network", Some("1")));
        assert_eq!(network.text_at(&["name"]), Some("it's A"));
        assert!(network.text.contains("<raw>"));
        let addresses: Vec<_> = network.all("ip").map(|ip| (ip.attribute("address"), ip.attribute("prefix"))).collect();
        assert_eq!(addresses, [(Some("10.0.0.1"), Some("24")), (Some("fd00::1"), None)]);
        assert_eq!(network.at(&["ip", "dhcp"]), None);
    }

    #[test]
    fn what_is_written_here_is_read_again() {
        let tree = super::super::element("a").set("b", "<'\"&>\n").with(super::super::element("c").text("]]>"));
        let found = read(&tree.render()).unwrap();
        assert_eq!((found.attribute("b"), found.text_at(&["c"])), (Some("<'\"&>\n"), Some("]]>")));
    }

    #[test]
    fn what_is_no_document_is_nothing() {
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        for wrong in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a b></a>",
            "<a b='1></a>",
            "<a>&own;</a>",
            "<a>&#xd800;</a>",
            "<!DOCTYPE a [<!ENTITY own 'x'>]><a/>",
            "< a/>",
            "x<a/>",
            &deep,
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
