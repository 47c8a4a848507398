//! A client certificate with its key, out of PEM or PFX, and the assertions that it signs.
//!
//! Sources: learn.microsoft.com, "Microsoft Entra application authentication certificate credentials" (PS256 with
//! `x5t#S256`; RS256 with `x5t` is what AD FS and old tenants read); RFC 7515, 7523; read 2026-11-25.
//! Deliberately absent: keys of elliptic curves, which Entra does not take, and PEM keys behind a passphrase.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p12_keystore::Pkcs12ImportPolicy;
use reqwest::Url;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value as Json, json};

use super::assertion::AssertionSource;
use crate::base::{Clock, Entropy, Secret};
use crate::contract::{Fault, FaultClass, Future};

/// How long an assertion lives; ten minutes is the most that is accepted.
const LIFETIME: i64 = 600;

/// How an assertion is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// PS256, with the SHA-256 of the certificate: Microsoft Entra ID.
    Ps256,
    /// RS256, with the SHA-1 of the certificate as well: AD FS.
    Rs256,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {cause}")]
    File {
        /// Which.
        path: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// There is no certificate.
    #[error("{0} holds no certificate, neither in PEM nor as PFX")]
    NoCertificate(String),
    /// There is no key.
    #[error("{0} holds no private key that can be read; a PEM key must not be behind a passphrase")]
    NoKey(String),
    /// The PFX cannot be opened.
    #[error("{0} cannot be opened as PFX: the password is wrong, or the file is damaged")]
    Pfx(String),
    /// The key is not one that can be used.
    #[error("the client certificate's key must be RSA of at least 2048 bits")]
    KeyKind,
    /// The key does not belong to the certificate.
    #[error("the private key does not belong to the client certificate")]
    Mismatch,
}

/// A client certificate, its key and its chain.
pub struct ClientCertificate {
    /// In DER, the client's own first.
    chain: Vec<Vec<u8>>,
    key: RsaKeyPair,
}

impl ClientCertificate {
    /// Reads a certificate, and its key out of the same file or another one.
    ///
    /// # Errors
    /// Files that cannot be read or hold something else.
    pub fn read(path: &Path, key: Option<&Path>, password: Option<&Secret>) -> Result<Self, CertificateError> {
        let read = |path: &Path| {
            let bytes = std::fs::read(path).map(zeroize::Zeroizing::new);
            bytes.map_err(|cause| CertificateError::File { path: path.display().to_string(), cause })
        };
        let (name, bytes) = (path.display().to_string(), read(path)?);
        if !bytes.windows(11).any(|window| window == b"-----BEGIN ") {
            return Self::from_pfx(&name, &bytes, password);
        }
        let key_bytes = key.map(read).transpose()?;
        let key_name = key.map_or_else(|| name.clone(), |path| path.display().to_string());
        Self::from_pem(&name, &bytes, &key_name, key_bytes.as_ref().unwrap_or(&bytes))
    }

    fn from_pem(name: &str, bytes: &[u8], key_name: &str, key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<Vec<u8>> =
            CertificateDer::pem_slice_iter(bytes).filter_map(Result::ok).map(|der| der.to_vec()).collect();
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate(name.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey(key_name.to_owned()))?;
        let key = match &key {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            _ => return Err(CertificateError::KeyKind),
        };
        Self::matching(chain, key.map_err(|_| CertificateError::KeyKind)?)
    }

    fn from_pfx(name: &str, bytes: &[u8], password: Option<&Secret>) -> Result<Self, CertificateError> {
        let password = password.map(Secret::expose).unwrap_or_default();
        let store = p12_keystore::KeyStore::from_pkcs12(bytes, password, Pkcs12ImportPolicy::Relaxed)
            .map_err(|_| CertificateError::Pfx(name.to_owned()))?;
        let (_, found) = store.private_key_chain().ok_or_else(|| CertificateError::NoKey(name.to_owned()))?;
        let key = RsaKeyPair::from_pkcs8(found.key().as_der()).map_err(|_| CertificateError::KeyKind)?;
        let chain: Vec<Vec<u8>> = found.certs().iter().map(|certificate| certificate.as_der().to_vec()).collect();
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate(name.to_owned()));
        }
        Self::matching(chain, key)
    }

    /// Puts the certificate of the key in front; chains stand in any order in files.
    fn matching(mut chain: Vec<Vec<u8>>, key: RsaKeyPair) -> Result<Self, CertificateError> {
        let public = key.public().as_ref();
        let own = chain.iter().position(|der| {
            x509_parser::parse_x509_certificate(der)
                .is_ok_and(|(_, parsed)| parsed.public_key().subject_public_key.data.as_ref() == public)
        });
        let own = own.ok_or(CertificateError::Mismatch)?;
        chain.swap(0, own);
        Ok(Self { chain, key })
    }

    /// Whether it has ended, or has not begun, and on which day.
    pub fn outside_validity(&self, now: jiff::Timestamp) -> Option<String> {
        let (_, parsed) = x509_parser::parse_x509_certificate(self.chain.first()?).ok()?;
        let (validity, now) = (parsed.validity(), now.as_second());
        if now > validity.not_after.timestamp() {
            Some(format!("the client certificate ended on {}", validity.not_after))
        } else if now < validity.not_before.timestamp() {
            Some(format!("the client certificate is valid from {} on only", validity.not_before))
        } else {
            None
        }
    }

    fn header(&self, signing: Signing, with_chain: bool) -> Json {
        let own = self.chain.first().map(Vec::as_slice).unwrap_or_default();
        let mut header = json!({
            "alg": if signing == Signing::Ps256 { "PS256" } else { "RS256" },
            "typ": "JWT",
            "x5t#S256": URL_SAFE_NO_PAD.encode(digest(&SHA256, own)),
        });
        if signing == Signing::Rs256 {
            header["x5t"] = json!(URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, own)));
        }
        if with_chain {
            header["x5c"] = self.chain.iter().map(|der| STANDARD.encode(der)).collect();
        }
        header
    }

    fn sign(&self, header: &Json, claims: &Json, signing: Signing) -> Result<Secret, Fault> {
        let part = |value: &Json| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let padding: &dyn RsaEncoding = match signing {
            Signing::Ps256 => &RSA_PSS_SHA256,
            Signing::Rs256 => &RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(padding, &SystemRandom::new(), text.as_bytes(), &mut signature).map_err(|_| {
            Fault::new(FaultClass::Authentication, "CertificateKey", "the client certificate's key cannot sign")
        })?;
        Ok(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// Assertions that a client certificate signs.
pub struct CertificateAssertions {
    /// The certificate.
    pub certificate: ClientCertificate,
    /// How they are signed.
    pub signing: Signing,
    /// Whether the chain goes along (`x5c`), for applications that trust a subject and its issuer.
    pub with_chain: bool,
    /// Says from when on they are valid.
    pub clock: Arc<dyn Clock>,
    /// Makes their ids.
    pub entropy: Arc<dyn Entropy>,
}

impl AssertionSource for CertificateAssertions {
    fn assertion<'a>(&'a self, audience: &'a Url, client_id: &'a str) -> Future<'a, Result<Secret, Fault>> {
        let now = self.clock.now();
        if let Some(problem) = self.certificate.outside_validity(now) {
            let fault = Fault::new(FaultClass::Authentication, "CertificateValidity", problem)
                .help("Make a new certificate and upload it to the application, or set this machine's clock.");
            return Box::pin(std::future::ready(Err(fault)));
        }
        let now = now.as_second();
        let claims = json!({
            "aud": audience.as_str(), "iss": client_id, "sub": client_id,
            "jti": self.entropy.uuid().to_string(),
            "nbf": now, "iat": now, "exp": now + LIFETIME,
        });
        let header = self.certificate.header(self.signing, self.with_chain);
        Box::pin(std::future::ready(self.certificate.sign(&header, &claims, self.signing)))
    }
}
