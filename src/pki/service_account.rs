//! Keys that sign tokens: ECDSA P-256, or RSA-2048 for who asks for it.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
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

/// The key of service-account tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccountKey {
    /// The private half (PKCS#8 PEM).
    pub private: Secret,
    /// The public half (SubjectPublicKeyInfo PEM).
    pub public: String,
}

impl ServiceAccountKey {
    /// A new key: P-256, as kubeadm makes it for a cluster whose `encryptionAlgorithm` is ECDSA-P256. RSA where somebody
    /// outside the cluster is to trust its tokens, since Microsoft Entra takes RS256 only.
    ///
    /// Sources: kubeadm 1.34 to 1.36, tried on 2026-11-28; learn.microsoft.com, "Important considerations and restrictions for
    /// federated identity credentials".
    pub(super) fn new(is_trusted_outside: bool, entropy: &dyn Entropy) -> Result<Self, PkiError> {
        let private = if is_trusted_outside {
            generate(entropy)?
        } else {
            Secret::new(KeyPair::generate().map_err(making)?.serialize_pem())
        };
        let public = public_half("the new key", &private)?;
        Ok(Self { private, public })
    }
}

/// Makes an RSA key: private (PKCS#8 PEM). It takes a hundredth to a tenth of a second of computing, and ten times as long
/// on a processor that is not fit for the fast way.
///
/// # Errors
/// The library's, should it find no key.
pub fn generate(entropy: &dyn Entropy) -> Result<Secret, PkiError> {
    if is_fit() {
        return generate_fast().map_err(making);
    }
    let key = rsa::RsaPrivateKey::new(&mut Source(entropy), BITS).map_err(making)?;
    Ok(Secret::new(key.to_pkcs8_pem(LineEnding::LF).map_err(making)?.as_str()))
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
fn generate_fast() -> Result<Secret, String> {
    use graviola::signing::rsa::{KeySize, SigningKey};
    let failed = |error| format!("{error:?}");
    let key = SigningKey::generate(KeySize::Rsa2048).map_err(failed)?;
    let mut buffer = zeroize::Zeroizing::new([0; 2048]);
    let der = key.to_pkcs8_der(buffer.as_mut_slice()).map_err(failed)?;
    let document = SecretDocument::try_from(der).map_err(|error| error.to_string())?;
    let pem = document.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|error| error.to_string())?;
    Ok(Secret::new(pem.as_str()))
}

/// There is no fast way here, and nobody asks for it.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn generate_fast() -> Result<Secret, String> {
    Err("this processor has no fast way".to_owned())
}

/// The public half (SubjectPublicKeyInfo PEM) of a private key in PKCS#8: RSA, or ECDSA of P-256 or P-384.
pub(super) fn public_half(name: &str, key: &Secret) -> Result<String, PkiError> {
    match rsa::RsaPrivateKey::from_pkcs8_pem(key.expose()) {
        Ok(key) => key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(making),
        Err(rsa::pkcs8::Error::PublicKey(_)) => {
            let pair = KeyPair::from_pem(key.expose()).map_err(|cause| pem::malformed(name, unfit(&cause)))?;
            let is_fit =
                [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384].into_iter().any(|kind| pair.is_compatible(kind));
            if is_fit { Ok(pair.public_key_pem()) } else { Err(pem::malformed(name, unfit(&"its kind is another"))) }
        }
        Err(cause) => Err(pem::malformed(name, unfit(&cause))),
    }
}

fn unfit(cause: &dyn std::fmt::Display) -> String {
    format!("it is no key of RSA, P-256 or P-384: {cause}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::base::SystemEntropy;

    #[test]
    fn keys_are_small_unless_others_are_to_trust_them() {
        let kind = |outside| {
            let key = ServiceAccountKey::new(outside, &SystemEntropy).unwrap();
            assert_eq!(key.public, public_half("the key", &key.private).unwrap());
            assert!(key.private.expose().starts_with("-----BEGIN PRIVATE KEY-----"));
            assert!(key.public.starts_with("-----BEGIN PUBLIC KEY-----"));
            let (_, block) = x509_parser::pem::parse_x509_pem(key.public.as_bytes()).unwrap();
            block.contents.len()
        };
        // SubjectPublicKeyInfo of P-256 (RFC 5480) and of RSA-2048 (RFC 3279).
        assert_eq!((kind(false), kind(true)), (91, 294));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
        for text in ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", ed25519.as_str()] {
            let error = public_half("`sa.key`", &Secret::new(text)).unwrap_err().to_string();
            assert!(error.contains("`sa.key`") && error.contains("RSA, P-256 or P-384"), "{error}");
        }
    }
}
