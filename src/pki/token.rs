//! Random texts with which machines prove themselves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{PkiError, pem};
use crate::base::{Entropy, Secret};

const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const IDENTIFIER_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;

/// A bootstrap token: `[a-z0-9]{6}.[a-z0-9]{16}`, the part before the dot public.
///
/// Source: <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>, read 2026-11-22.
pub(super) fn bootstrap_token(entropy: &dyn Entropy) -> Secret {
    let identifier = entropy.text(ALPHABET, IDENTIFIER_LENGTH);
    Secret::new(format!("{identifier}.{}", entropy.text(ALPHABET, SECRET_LENGTH)))
}

/// Makes sure that a text has the form of a bootstrap token.
pub(super) fn require_bootstrap_token(name: &str, text: &str) -> Result<(), PkiError> {
    let part = |text: &str, length| text.len() == length && text.bytes().all(|byte| ALPHABET.contains(&byte));
    let fits = text
        .split_once('.')
        .is_some_and(|(identifier, secret)| part(identifier, IDENTIFIER_LENGTH) && part(secret, SECRET_LENGTH));
    if fits { Ok(()) } else { Err(pem::malformed(name, "a bootstrap token looks like `abcdef.0123456789abcdef`")) }
}

/// kubeadm's certificate key: 32 random bytes in hexadecimal.
pub(super) fn certificate_key(entropy: &dyn Entropy) -> Secret {
    Secret::new(entropy.text(b"0123456789abcdef", 64))
}

/// The key of secretbox (and of AES-256): 32 random bytes, in base64 as Kubernetes takes it.
pub(super) fn encryption_key(entropy: &dyn Entropy) -> Secret {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    entropy.fill(bytes.as_mut());
    Secret::new(STANDARD.encode(bytes.as_ref()))
}

/// Makes sure that a text is base64 of 32 bytes.
pub(super) fn require_encryption_key(name: &str, text: &Secret) -> Result<(), PkiError> {
    let fits = STANDARD.decode(text.expose()).is_ok_and(|bytes| zeroize::Zeroizing::new(bytes).len() == 32);
    if fits { Ok(()) } else { Err(pem::malformed(name, "an encryption key is base64 of 32 bytes")) }
}
