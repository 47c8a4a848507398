//! A model's text as it may be shown: the values of secret properties are hidden, and every byte keeps its place.
//!
//! It works on any text, since faults of the text itself are shown, too; rather too much is hidden than too little.

/// Whether values under a name are secrets. Public keys are none; the manifest of an add-on (`data`) may hold one.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let ends = ["secret", "password", "token", "key", "privatekeys", "extensionparameters", "urlquery"];
    (ends.iter().any(|end| name.ends_with(end)) && !name.ends_with("publickey")) || name == "data"
}

/// The text with a star for each byte of a secret.
pub(super) fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut hide = |range: std::ops::Range<usize>| {
        bytes[range].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
    };
    let (mut place, mut secret) = (0, false);
    while let Some(quote) = text[place..].find('"') {
        let start = place + quote + 1;
        let end = start + length_of_text(&text[start..]);
        let rest = text.get(end + 1..).unwrap_or_default().trim_start();
        place = (end + 1).min(text.len());
        if let Some(value) = rest.strip_prefix(':') {
            secret = is_secret(&text[start..end]);
            let value = value.trim_start();
            // A value that lacks its quotes.
            if secret && !value.starts_with(['"', '[', '{']) {
                let from = text.len() - value.len();
                hide(from..from + value.find([',', '}', ']', '\n', '"']).unwrap_or(value.len()));
            }
        } else if secret {
            hide(start..end);
        }
    }
    // Whole characters were replaced by ASCII.
    String::from_utf8(bytes).unwrap_or_default()
}

/// The bytes up to the quote that ends a text.
fn length_of_text(text: &str) -> usize {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return place,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn secrets_are_stars_and_the_rest_stays() {
        for (text, shown) in [
            (r#"{"clientSecret": "a\"é", "clientId": "b"}"#, r#"{"clientSecret": "*****", "clientId": "b"}"#),
            (r#"{"etcdPeerPrivateKeys" : ["a", "b"], "x": 1}"#, r#"{"etcdPeerPrivateKeys" : ["*", "*"], "x": 1}"#),
            (r#"{"secret": abc, "x": "y"}"#, r#"{"secret": ***, "x": "y"}"#),
            ("{\"adminPassword\": \"abc\n}", "{\"adminPassword\": \"***\n*"),
            (r#"{"publicKey": "k", "secretName": "n"}"#, r#"{"publicKey": "k", "secretName": "n"}"#),
            (r#""secret"#, r#""secret"#),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
