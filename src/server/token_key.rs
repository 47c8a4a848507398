//! The key that signs tokens (RS256, RFC 7518), and how it is told to those who verify them (RFC 7517).

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents as Components};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value as Json, json};

use super::ServerError;
use crate::base::{Entropy, Secret, digest};
use crate::pki;

/// A key for RS256.
pub(super) struct TokenKey {
    pair: RsaKeyPair,
    public: Components<Vec<u8>>,
    id: String,
}

/// A new key, PKCS#8 in PEM. All folders that one process makes get the same: a search for primes is the longest part of a
/// start, and no token of one folder is good for another, whose tenant it names.
pub(super) fn generate(entropy: &dyn Entropy) -> Result<Secret, ServerError> {
    static KEY: OnceLock<Secret> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key.clone());
    }
    let fresh = pki::generate_signing_key(entropy).map_err(|cause| ServerError::Certificate(cause.to_string()))?;
    Ok(KEY.get_or_init(|| fresh).clone())
}

impl TokenKey {
    /// Reads a key.
    pub(super) fn new(pem: &Secret) -> Result<Self, ServerError> {
        let unusable = |cause: &dyn std::fmt::Display| ServerError::Certificate(cause.to_string());
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose().as_bytes()).map_err(|cause| unusable(&cause))?;
        let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|cause| unusable(&cause))?;
        let public = Components::<Vec<u8>>::from(pair.public());
        let id = digest(&public.n).rsplit(':').next().unwrap_or_default().chars().take(32).collect();
        Ok(Self { pair, public, id })
    }

    /// A JWT with these claims.
    pub(super) fn sign(&self, claims: &Json) -> Option<String> {
        let encode = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let head = json!({ "typ": "JWT", "alg": "RS256", "kid": self.id, "x5t": self.id });
        let text = format!("{}.{}", encode(&head), encode(claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
        Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a JWT that this key signed.
    pub(super) fn verify(&self, token: &str) -> Option<Json> {
        let (text, signature) = token.rsplit_once('.')?;
        let (head, claims) = text.split_once('.')?;
        let read = |part: &str| serde_json::from_slice::<Json>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        // What the head says about the algorithm is not for the bearer to choose.
        if read(head)?["alg"] != "RS256" {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.public.verify(&RSA_PKCS1_2048_8192_SHA256, text.as_bytes(), &signature).ok()?;
        read(claims)
    }

    /// The public half as a JSON Web Key.
    pub(super) fn tell(&self) -> Json {
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "x5t": self.id,
            "n": URL_SAFE_NO_PAD.encode(&self.public.n), "e": URL_SAFE_NO_PAD.encode(&self.public.e),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::base::SystemEntropy;

    #[test]
    fn only_what_the_key_signed_is_believed() {
        let key = TokenKey::new(&generate(&SystemEntropy).unwrap()).unwrap();
        let token = key.sign(&json!({ "aud": "me" })).unwrap();
        assert_eq!(key.verify(&token).unwrap()["aud"], "me");
        let (head, rest) = token.split_once('.').unwrap();
        let (claims, signature) = rest.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(json!({ "aud": "you" }).to_string());
        let unsigned = URL_SAFE_NO_PAD.encode(json!({ "alg": "none" }).to_string());
        for forged in [
            format!("{head}.{other}.{signature}"),
            format!("{unsigned}.{claims}."),
            format!("{unsigned}.{claims}.{signature}"),
            format!("{head}.{claims}.{}", &signature[1..]),
            head.to_owned(),
            String::new(),
        ] {
            assert_eq!(key.verify(&forged), None, "{forged}");
        }
    }
}
