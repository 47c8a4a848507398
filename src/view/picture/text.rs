//! Text in pictures: escaping, and how much room it takes.

/// Text for elements and attributes, in XML and in HTML alike. What XML cannot hold is replaced.
pub(super) fn escape(text: &str) -> String {
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

/// How wide a letter of the fixed-width font of names is, in tenths of a unit. A little more than most fonts take.
const LETTER: i32 = 67;

/// How wide a name is at most, in units of the picture.
pub(super) fn width(text: &str) -> i32 {
    i32::try_from(text.chars().count()).map_or(i32::MAX, |letters| letters.saturating_mul(LETTER) / 10 + 1)
}

/// The text, or its beginning and its end where it does not fit: the end of a machine's name is its number.
pub(super) fn shortened(text: &str, room: i32) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let fitting = usize::try_from(room * 10 / LETTER - 1).unwrap_or(0).clamp(2, letters.len());
    let end = fitting / 2;
    let begin = fitting - end;
    letters[..begin].iter().chain(&['…']).chain(&letters[letters.len() - end..]).collect()
}

/// A template with its `{{name}}` places filled. What is put in is not looked at again.
pub(super) fn filled(template: &str, place: impl Fn(&str) -> Option<String>) -> String {
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
    fn a_long_name_keeps_its_beginning_and_its_number() {
        assert_eq!(shortened("k8s-master-0", 100), "k8s-master-0");
        assert_eq!(shortened("k8s-agentpool1-81217699-17", 100), "k8s-age…699-17");
        assert!(width(&shortened("k8s-agentpool1-81217699-17", 100)) <= 100);
    }

    #[test]
    fn what_is_put_into_a_template_is_not_read_as_one() {
        let text = filled("<{{a}}|{{b}}|{{c}}", |name| (name != "c").then(|| format!("{{{{{name}}}}}")));
        assert_eq!(text, "<{{a}}|{{b}}|");
    }
}
