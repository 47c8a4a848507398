//! Keys that sign tokens: RSA-2048.

use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding, SecretDocument};
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

/// Makes a key: private (PKCS#8 PEM). It takes a hundredth to a tenth of a second of computing, and ten times as long
/// on a processor that is not fit for the fast way.
///
/// # Errors
/// The library's, should it find no key.
pub fn generate(entropy: &dyn Entropy) -> Result<Secret, PkiError> {
    if is_fit()
        && let Some(pem) = race()?
    {
        return Ok(pem);
    }
    let key = rsa::RsaPrivateKey::new(&mut Source(entropy), BITS).map_err(making)?;
    Ok(Secret::new(key.to_pkcs8_pem(LineEnding::LF).map_err(making)?.as_str()))
}

/// Two searches for primes take much less time than one until the first of them ends: how long one takes is a matter of
/// luck. The other one is left alone; nobody waits for it, and it writes nothing.
fn race() -> Result<Option<Secret>, PkiError> {
    let (found, first) = std::sync::mpsc::channel();
    let searches = std::thread::available_parallelism().map_or(1, |processors| processors.get().min(2));
    for _ in 1..searches {
        let found = found.clone();
        std::thread::spawn(move || {
            // Nobody listens any more if this one came second.
            let _ = found.send(generate_fast());
        });
    }
    std::thread::spawn(move || _ = found.send(generate_fast()));
    first.recv().map_err(|_| making("its search stopped early"))?
}

/// Whether the processor has all that graviola needs; it would panic on another (its documentation, 0.4, "Limitations").
fn is_fit() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("aes")
        && is_x86_feature_detected!("ssse3")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("avx")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("adx");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("neon")
        && std::arch::is_aarch64_feature_detected!("pmull")
        && std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// By graviola, which takes its randomness from the operating system by itself.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn generate_fast() -> Result<Option<Secret>, PkiError> {
    use graviola::signing::rsa::{KeySize, SigningKey};
    let failed = |error| making(format!("{error:?}"));
    let key = SigningKey::generate(KeySize::Rsa2048).map_err(failed)?;
    let mut buffer = zeroize::Zeroizing::new([0; 2048]);
    let der = key.to_pkcs8_der(buffer.as_mut_slice()).map_err(failed)?;
    let document = SecretDocument::try_from(der).map_err(making)?;
    let pem = document.to_pem("PRIVATE KEY", LineEnding::LF).map_err(making)?;
    Ok(Some(Secret::new(pem.as_str())))
}

/// There is no fast way here.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn generate_fast() -> Result<Option<Secret>, PkiError> {
    Ok(None)
}

/// The public half (SubjectPublicKeyInfo PEM) of a private key, which has to be RSA.
pub(super) fn public_half(name: &str, key: &Secret) -> Result<String, PkiError> {
    let key = rsa::RsaPrivateKey::from_pkcs8_pem(key.expose())
        .map_err(|cause| pem::malformed(name, format!("it is no RSA key: {cause}")))?;
    key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(making)
}
