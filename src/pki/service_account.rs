//! The key that signs service-account tokens: RSA-2048.

use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::{CryptoRng, Error, RngCore};

use super::{PkiError, pem};
use crate::base::{Entropy, Secret};

const BITS: usize = 2048;

/// The engine's randomness in the shape that the RSA library wants.
struct Source<'a>(&'a dyn Entropy);

impl RngCore for Source<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Source<'_> {}

fn making(cause: impl std::fmt::Display) -> PkiError {
    PkiError::Making { what: "the service-account key".to_owned(), cause: cause.to_string() }
}

/// Makes a key: private (PKCS#8 PEM). A tenth of a second to a second of computing.
pub(super) fn generate(entropy: &dyn Entropy) -> Result<Secret, PkiError> {
    let key = rsa::RsaPrivateKey::new(&mut Source(entropy), BITS).map_err(making)?;
    Ok(Secret::new(key.to_pkcs8_pem(LineEnding::LF).map_err(making)?.as_str()))
}

/// The public half (SubjectPublicKeyInfo PEM) of a private key, which has to be RSA.
pub(super) fn public_half(name: &str, key: &Secret) -> Result<String, PkiError> {
    let key = rsa::RsaPrivateKey::from_pkcs8_pem(key.expose())
        .map_err(|cause| pem::malformed(name, format!("it is no RSA key: {cause}")))?;
    key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(making)
}
