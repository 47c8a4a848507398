//! Text that must not be seen. The type has no `Display`, and its `Debug` shows nothing.

use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A secret text. It leaves this type only by [`Secret::expose`], whose callers are: a file of mode 0600, a
/// `securestring`, a request body.
///
/// Clones share the text and its digest: a pool's customData is asked for with each of its machines.
#[derive(Clone)]
pub struct Secret(Arc<Inner>);

struct Inner {
    text: Zeroizing<String>,
    digest: OnceLock<String>,
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Secret {}

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Inner { text: Zeroizing::new(text.into()), digest: OnceLock::new() }))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0.text
    }

    /// What may be published about it: `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        self.0.digest.get_or_init(|| digest(self.0.text.as_bytes())).clone()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// The SHA-256 of some bytes as `sha256:` and 64 hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    as_text(&Sha256::digest(bytes))
}

/// The first digits of the SHA-256 of some bytes that come in parts, hexadecimal.
pub fn short_digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>, digits: usize) -> String {
    let mut digest = Sha256::new();
    parts.into_iter().for_each(|part| digest.update(part));
    hexadecimal(&digest.finalize()).take(digits).collect()
}

/// The digest of a value's JSON, which is not kept as a whole: a plan of thousands of machines has 100 MB of it.
pub fn digest_json(value: &impl serde::Serialize) -> String {
    let mut stream = std::io::BufWriter::with_capacity(1 << 16, Sha256::new());
    // What is digested always has a form in JSON, and a digest takes all bytes.
    let _ = serde_json::to_writer(&mut stream, value);
    as_text(&stream.into_inner().unwrap_or_default().finalize())
}

/// A writer that passes on what it is given and knows its SHA-256.
pub struct Digesting<W> {
    inner: W,
    digest: Sha256,
}

impl<W: std::io::Write> Digesting<W> {
    /// A writer over another.
    pub fn new(inner: W) -> Self {
        Self { inner, digest: Sha256::new() }
    }

    /// The other writer, and what [`digest`] says of all that was written.
    pub fn finish(self) -> (W, String) {
        (self.inner, as_text(&self.digest.finalize()))
    }
}

impl<W: std::io::Write> std::io::Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

fn as_text(digest: &[u8]) -> String {
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    text.extend(hexadecimal(digest));
    text
}

/// Formatting each byte would take longer than digesting what most texts have.
fn hexadecimal(bytes: &[u8]) -> impl Iterator<Item = char> {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("canary")), "Secret(…)");
    }

    #[test]
    fn digest_is_sha256() {
        // FIPS 180-2, appendix B.1: the message "abc".
        assert_eq!(
            Secret::new("abc").digest(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn the_digest_of_a_value_is_that_of_its_text() {
        let value = serde_json::json!({ "long": "x".repeat(1 << 17), "list": [1, 2.5, null] });
        assert_eq!(digest_json(&value), digest(value.to_string().as_bytes()));
    }
}
