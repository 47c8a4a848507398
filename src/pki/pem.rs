//! PEM texts, and private keys in the three forms that occur, brought into the one that signs (PKCS#8).

use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};

use super::PkiError;
use crate::base::Secret;

pub(super) fn malformed(name: &str, cause: impl std::fmt::Display) -> PkiError {
    PkiError::Malformed { name: name.to_owned(), cause: cause.to_string() }
}

/// The first block of a PEM text: its label and its bytes.
pub(super) fn block(name: &str, text: &str) -> Result<(String, Vec<u8>), PkiError> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(text.as_bytes()).map_err(|_| malformed(name, "it is not PEM"))?;
    Ok((pem.label, pem.contents))
}

/// The bytes of a certificate.
pub(super) fn certificate(name: &str, text: &str) -> Result<Vec<u8>, PkiError> {
    let (label, bytes) = block(name, text)?;
    if label == "CERTIFICATE" { Ok(bytes) } else { Err(malformed(name, format!("it holds a `{label}`"))) }
}

/// A private key as PKCS#8 PEM. PKCS#1 (`RSA PRIVATE KEY`) and SEC 1 (`EC PRIVATE KEY`, P-256 and P-384) are converted,
/// because that is what OpenSSL wrote for long and what the engines before wrote.
pub(super) fn private_key(name: &str, text: &Secret) -> Result<Secret, PkiError> {
    // `openssl ecparam -genkey` writes the curve in a block of its own before the key.
    let start = text.expose().find("-----BEGIN EC PRIVATE KEY-----").unwrap_or(0);
    let (label, bytes) = block(name, &text.expose()[start..])?;
    match label.as_str() {
        "PRIVATE KEY" => Ok(text.clone()),
        "RSA PRIVATE KEY" => {
            let key = rsa::RsaPrivateKey::from_pkcs1_der(&bytes).map_err(|cause| malformed(name, cause))?;
            let converted = key.to_pkcs8_pem(LineEnding::LF).map_err(|cause| malformed(name, cause))?;
            Ok(Secret::new(converted.as_str()))
        }
        "EC PRIVATE KEY" => {
            let wrapped = wrap_sec1(&bytes).ok_or_else(|| malformed(name, "its curve is neither P-256 nor P-384"))?;
            Ok(Secret::new(encode("PRIVATE KEY", &wrapped)))
        }
        "ENCRYPTED PRIVATE KEY" => Err(malformed(name, "it is protected by a passphrase; give it without")),
        other => Err(malformed(name, format!("it holds a `{other}`, not a private key"))),
    }
}

/// The DER encodings of the object identifiers 1.2.840.10045.2.1 (EC public key), P-256 and P-384 (RFC 5480, 2.1.1).
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];

/// `ECPrivateKey` (RFC 5915) inside `PrivateKeyInfo` (RFC 5208).
fn wrap_sec1(key: &[u8]) -> Option<Vec<u8>> {
    let has = |identifier: &[u8]| key.windows(identifier.len()).any(|window| window == identifier);
    let curve = [P256, P384].into_iter().find(|identifier| has(identifier))?;
    let algorithm = element(0x30, &[EC_PUBLIC_KEY, curve].concat());
    Some(element(0x30, &[&[0x02, 0x01, 0x00], algorithm.as_slice(), &element(0x04, key)].concat()))
}

/// One DER element: tag, length, content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    match significant.as_slice() {
        [] => bytes.push(0),
        [short] if *short < 0x80 => bytes.push(*short),
        long => {
            // A length has at most eight bytes.
            bytes.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            bytes.extend_from_slice(long);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// Bytes as PEM with lines of 64 characters.
pub(super) fn encode(label: &str, bytes: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}
