//! Parses templates without a look at each character of their plain text.
//!
//! Handlebars' parser does look at each, which took half of the time of all that is done for a cluster. So it is given
//! the template with a short mark in the place of each long plain text, and the texts are put back into what it gives.
//! Nothing else tells the two ways apart: lines, columns and the rules for blanks around tags stay as they were.

use handlebars::Template;
use handlebars::template::TemplateElement;

/// Begins and ends a mark; between are a number, and as many line breaks as the text has.
const MARK: char = '\u{e000}';
/// What is shorter than this stays where it is.
const SHORTEST: usize = 64;

/// Parses a template.
pub(super) fn parse(source: &str) -> Result<Template, String> {
    // A mark has to be one, and of these two it depends on more than the text between tags what is plain.
    let is_odd = source.contains(MARK) || source.contains("{{{{") || source.contains("\\{{");
    let (shortened, texts) = if is_odd { (source.to_owned(), Vec::new()) } else { shorten(source) };
    let mut template = Template::compile(&shortened).map_err(|cause| cause.to_string())?;
    put_back(&mut template, &texts);
    Ok(template)
}

/// The template with its marks, and the texts that they stand for.
fn shorten(source: &str) -> (String, Vec<&str>) {
    let (mut shortened, mut texts) = (String::with_capacity(source.len() / 2), Vec::new());
    let mut rest = source;
    while !rest.is_empty() {
        let plain = rest.find("{{").unwrap_or(rest.len());
        let (before, tag) = rest.split_at(plain);
        // Only whole lines, and no blanks at their ends: tags beside them take those away.
        let first = if rest.len() == source.len() { 0 } else { before.find('\n').map_or(plain, |at| at + 1) };
        let last = if tag.is_empty() { plain } else { before.rfind('\n').unwrap_or(0) };
        let text = before.get(first..last).unwrap_or_default().trim();
        if text.len() >= SHORTEST {
            let start = first + before[first..].find(text).unwrap_or_default();
            let breaks = "\n".repeat(text.matches('\n').count());
            shortened.push_str(&before[..start]);
            shortened.push_str(&format!("{MARK}{}{breaks}{MARK}", texts.len()));
            shortened.push_str(&before[start + text.len()..]);
            texts.push(text);
        } else {
            shortened.push_str(before);
        }
        let end = if tag.starts_with("{{!--") { "--}}" } else { "}}" };
        let (tag, after) = tag.split_at(tag.find(end).map_or(tag.len(), |at| at + end.len()));
        shortened.push_str(tag);
        rest = after;
    }
    (shortened, texts)
}

fn put_back(template: &mut Template, texts: &[&str]) {
    for element in &mut template.elements {
        let parts = match element {
            TemplateElement::RawString(raw) => {
                fill(raw, texts);
                continue;
            }
            TemplateElement::HtmlExpression(helper)
            | TemplateElement::Expression(helper)
            | TemplateElement::HelperBlock(helper) => [helper.template.as_mut(), helper.inverse.as_mut()],
            TemplateElement::DecoratorExpression(part)
            | TemplateElement::DecoratorBlock(part)
            | TemplateElement::PartialExpression(part)
            | TemplateElement::PartialBlock(part) => [part.template.as_mut(), None],
            _ => continue,
        };
        parts.into_iter().flatten().for_each(|part| put_back(part, texts));
    }
}

fn fill(raw: &mut String, texts: &[&str]) {
    let mut parts = raw.splitn(3, MARK);
    let (Some(before), Some(mark), Some(after)) = (parts.next(), parts.next(), parts.next()) else { return };
    let text = mark.trim_end().parse().ok().and_then(|number: usize| texts.get(number)).copied().unwrap_or_default();
    *raw = [before, text, after].concat();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::super::templates;
    use super::*;

    #[test]
    fn a_template_is_what_handlebars_makes_of_it() {
        for (name, source) in templates::all() {
            assert_eq!(parse(source).unwrap(), Template::compile(source).unwrap(), "{name}");
        }
        let long = "a line that is longer than the shortest that is put aside, so that it is one\n".repeat(3);
        for source in [
            long.clone(),
            format!("{long}{{{{#if it}}}}\n{long}  {{{{~else}}}}\n\n  {long}\n  {{{{/if}}}}\n{long}"),
            format!(
                "{{{{it}}}}{long}{{{{it}}}} and {long}{{{{!-- {{{{no}}}}\n{long} --}}}}\n{long}\n\t{{{{~ it ~}}}}  \n {long}"
            ),
            format!("\\{{{{it}}}}\n{long}\u{e000}0{long}"),
            format!("{{{{#each list}}}}\r\n{long}\r\n{{{{/each}}}}\r\n{long}é{{{{it}}}}{long}"),
        ] {
            assert_eq!(parse(&source).unwrap(), Template::compile(&source).unwrap(), "{source}");
        }
    }

    #[test]
    fn texts_are_put_aside() {
        let long = "x".repeat(SHORTEST);
        let source = format!("{long}\n{{{{it}}}}\n  {long}\n{long}\n{{{{it}}}}");
        let (shortened, texts) = shorten(&source);
        assert_eq!(shortened, "\u{e000}0\u{e000}\n{{it}}\n  \u{e000}1\n\u{e000}\n{{it}}");
        assert_eq!(texts, [long.clone(), format!("{long}\n{long}")]);
    }

    #[test]
    fn what_does_not_parse_is_an_error() {
        assert!(parse(&format!("{}\n{{{{#if it}}}}", "x".repeat(80))).is_err());
    }
}
