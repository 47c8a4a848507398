//! How much room text takes in pictures.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_beginning_and_its_number() {
        assert_eq!(shortened("k8s-master-0", 100), "k8s-master-0");
        assert_eq!(shortened("k8s-agentpool1-81217699-17", 100), "k8s-age…699-17");
        assert!(width(&shortened("k8s-agentpool1-81217699-17", 100)) <= 100);
    }
}
