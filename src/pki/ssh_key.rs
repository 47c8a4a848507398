//! A key pair for signing in to machines by SSH, for people who have none.
//!
//! Source of the private key's form: OpenSSH's `PROTOCOL.key`, from memory; a test lets `ssh-keygen` read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use super::PkiError;
use crate::base::{Entropy, Secret};

const KIND: &[u8] = b"ssh-ed25519";
/// The length of a line of the private key, as `ssh-keygen` writes it.
const LINE: usize = 70;
/// A key that is not encrypted is filled up to a multiple of this.
const BLOCK: usize = 8;

/// A pair of keys of Ed25519.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshKey {
    /// The private key as OpenSSH keeps it, without a passphrase.
    pub private: Secret,
    /// The public key in one line, without a newline.
    pub public: String,
}

impl SshKey {
    /// Makes a new pair.
    ///
    /// # Errors
    /// The library makes none.
    pub fn generate(comment: &str, entropy: &dyn Entropy) -> Result<Self, PkiError> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        entropy.fill(seed.as_mut_slice());
        let mut check = [0_u8; 4];
        entropy.fill(&mut check);
        let making = |cause: String| PkiError::Making { what: "an SSH key".to_owned(), cause };
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|error| making(error.to_string()))?;
        let point = pair.public_key().as_ref();

        let mut public = Vec::new();
        text(&mut public, KIND);
        text(&mut public, point);

        let mut both = Zeroizing::new(Vec::with_capacity(64));
        both.extend_from_slice(seed.as_slice());
        both.extend_from_slice(point);
        let mut section = Zeroizing::new(Vec::with_capacity(256 + comment.len()));
        // Twice the same number: whoever decrypts sees by it that the passphrase was right.
        section.extend_from_slice(&check);
        section.extend_from_slice(&check);
        text(&mut section, KIND);
        text(&mut section, point);
        text(&mut section, &both);
        text(&mut section, comment.as_bytes());
        let mut filling = 1;
        while !section.len().is_multiple_of(BLOCK) {
            section.push(filling);
            filling += 1;
        }

        let mut whole = Zeroizing::new(Vec::with_capacity(512 + comment.len()));
        whole.extend_from_slice(b"openssh-key-v1\0");
        text(&mut whole, b"none");
        text(&mut whole, b"none");
        text(&mut whole, b"");
        whole.extend_from_slice(&1_u32.to_be_bytes());
        text(&mut whole, &public);
        text(&mut whole, &section);
        let encoded = Zeroizing::new(STANDARD.encode(whole.as_slice()));
        let mut private = String::with_capacity(encoded.len() + encoded.len() / LINE + 80);
        private.push_str("-----BEGIN OPENSSH PRIVATE KEY-----\n");
        for line in encoded.as_bytes().chunks(LINE) {
            private.extend(line.iter().map(|letter| char::from(*letter)));
            private.push('\n');
        }
        private.push_str("-----END OPENSSH PRIVATE KEY-----\n");
        let public = format!("ssh-ed25519 {} {comment}", STANDARD.encode(public));
        Ok(Self { private: Secret::new(private), public })
    }
}

/// Appends a `string` of the protocol: its length, then its bytes.
fn text(to: &mut Vec<u8>, bytes: &[u8]) {
    // Nothing here is longer than a comment.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(bytes);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::base::SeededEntropy;

    /// Gives the seed of RFC 8032, 7.1, test 1.
    struct OfTheRfc;

    impl Entropy for OfTheRfc {
        fn fill(&self, bytes: &mut [u8]) {
            const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
            let seed = STANDARD.decode(SEED).unwrap();
            bytes.copy_from_slice(&seed[..bytes.len()]);
        }
    }

    #[test]
    fn the_public_key_is_that_of_the_rfc() {
        let key = SshKey::generate("me", &OfTheRfc).unwrap();
        assert_eq!(key.public, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea me");
    }

    #[test]
    fn the_private_key_is_one_block_of_lines_that_holds_the_public_one() {
        // Comments of each length up to a block, so that each filling comes up.
        for length in 0..9 {
            let comment = "x".repeat(length);
            let key = SshKey::generate(&comment, &SeededEntropy::new(length as u64)).unwrap();
            let lines: Vec<&str> = key.private.expose().lines().collect();
            assert!(lines.iter().all(|line| line.len() <= LINE));
            let inner = STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
            let public = STANDARD.decode(key.public.split(' ').nth(1).unwrap()).unwrap();
            assert!(inner.windows(public.len()).any(|part| part == public));
            assert_ne!(key, SshKey::generate(&comment, &SeededEntropy::new(99)).unwrap());
        }
    }
}
