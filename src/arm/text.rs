//! Texts of the template language: literal parts and expressions, quoting, escaping, and names made of handles.

/// A part of a text: literal, or an expression.
pub(super) enum Piece {
    Text(String),
    Code(String),
}

/// Adds a literal part; neighbouring ones are one.
pub(super) fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if text.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// The parts between slashes.
pub(super) fn split(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut parts = vec![Vec::new()];
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                for (place, segment) in text.split('/').enumerate() {
                    if place > 0 {
                        parts.push(Vec::new());
                    }
                    if let Some(part) = parts.last_mut() {
                        push_text(part, segment);
                    }
                }
            }
            code @ Piece::Code(_) => {
                if let Some(part) = parts.last_mut() {
                    part.push(code);
                }
            }
        }
    }
    parts
}

/// The pieces as one expression.
pub(super) fn join(pieces: &[Piece]) -> String {
    let one = |piece: &Piece| match piece {
        Piece::Text(text) => quote(text),
        Piece::Code(code) => code.clone(),
    };
    match pieces {
        [] => "''".to_owned(),
        [only @ Piece::Text(_)] => one(only),
        [Piece::Code(code)] if !code.starts_with("copyIndex(") => code.clone(),
        // Put together even if it is one number: a name is a text.
        pieces => format!("concat({})", pieces.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}

/// A text inside an expression.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A text outside an expression: one that looks like an expression is marked as none.
pub(super) fn escape(text: &str) -> String {
    if text.starts_with('[') && text.ends_with(']') { format!("[{text}") } else { text.to_owned() }
}

/// Access to an entry, or to an item if the name is a number.
pub(super) fn access(name: &str) -> String {
    let starts_well = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    if starts_well && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        format!(".{name}")
    } else if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("[{name}]")
    } else {
        format!("[{}]", quote(name))
    }
}

/// `agentpool1/customData` as `agentpool1CustomData`.
pub(super) fn camel_case(handle: &str) -> String {
    let mut name = String::with_capacity(handle.len());
    for (place, word) in handle.split(|letter: char| !letter.is_ascii_alphanumeric()).enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if place > 0 => name.extend(first.to_uppercase()),
            Some(first) => name.push(first),
            None => {}
        }
        name.push_str(letters.as_str());
    }
    name
}
