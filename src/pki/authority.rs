//! Certificate authorities and the client certificates that they issue.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::leaf::require_now;
use super::{PkiError, pem};
use crate::base::{Clock, Secret, digest};

/// An authority is valid for 30 years, as aks-engine's.
const AUTHORITY_DAYS: u64 = 30 * 365;
/// The administrator's certificate is valid for ten years. It cannot be revoked, and whoever generates again after it
/// has expired gets a new one from the same authority.
const CLIENT_DAYS: u64 = 10 * 365;
/// Certificates begin an hour back, because the clocks of machines that start differ.
const BACKDATE_SECONDS: i64 = 3600;
const DAY_SECONDS: u64 = 86_400;

/// A certificate and its private key, both PEM; the key is PKCS#8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedKey {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: Secret,
}

pub(super) fn making(what: &str) -> impl FnOnce(rcgen::Error) -> PkiError {
    let what = what.to_owned();
    move |cause| PkiError::Making { what, cause: cause.to_string() }
}

/// Parameters with names and a time that begins an hour back and lasts `days`.
pub(super) fn parameters(
    organization: Option<&str>,
    common_name: &str,
    days: u64,
    clock: &dyn Clock,
) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    let mut name = DistinguishedName::new();
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name.push(DnType::CommonName, common_name);
    parameters.distinguished_name = name;
    let start = u64::try_from(clock.now_plus_seconds(-BACKDATE_SECONDS).as_second()).unwrap_or(0);
    let start = rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(start);
    parameters.not_before = start;
    parameters.not_after = start + std::time::Duration::from_secs(days * DAY_SECONDS);
    parameters
}

impl CertifiedKey {
    /// Makes a new authority of P-256 that may issue leaves only.
    pub(super) fn new_authority(common_name: &str, clock: &dyn Clock) -> Result<Self, PkiError> {
        let what = format!("the authority `{common_name}`");
        let key = KeyPair::generate().map_err(making(&what))?;
        let mut parameters = parameters(None, common_name, AUTHORITY_DAYS, clock);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // As in the authorities that kubeadm makes.
        parameters.subject_alt_names = rcgen::string::Ia5String::try_from(common_name)
            .map(|name| vec![SanType::DnsName(name)])
            .map_err(making(&what))?;
        let certificate = parameters.self_signed(&key).map_err(making(&what))?;
        Ok(Self { certificate: certificate.pem(), key: Secret::new(key.serialize_pem()) })
    }

    /// Issues a client certificate with a new P-256 key.
    pub(super) fn issue_client(
        &self,
        organization: &str,
        common_name: &str,
        clock: &dyn Clock,
    ) -> Result<Self, PkiError> {
        let what = format!("the client certificate `{common_name}`");
        let authority_key = KeyPair::from_pem(self.key.expose()).map_err(making(&what))?;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, authority_key).map_err(making(&what))?;
        let key = KeyPair::generate().map_err(making(&what))?;
        let mut parameters = parameters(Some(organization), common_name, CLIENT_DAYS, clock);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        parameters.use_authority_key_identifier_extension = true;
        let certificate = parameters.signed_by(&key, &issuer).map_err(making(&what))?;
        Ok(Self { certificate: certificate.pem(), key: Secret::new(key.serialize_pem()) })
    }

    /// Reads a pair and makes sure that its halves belong together. The key comes out as PKCS#8.
    pub(super) fn read(
        certificate_name: &str,
        certificate: &str,
        key_name: &str,
        key: &Secret,
    ) -> Result<Self, PkiError> {
        let key = pem::private_key(key_name, key)?;
        let pair = KeyPair::from_pem(key.expose()).map_err(|cause| pem::malformed(key_name, cause))?;
        let bytes = pem::certificate(certificate_name, certificate)?;
        let parsed = parse(certificate_name, &bytes)?;
        if parsed.public_key().subject_public_key.data.as_ref() != pair.public_key_raw() {
            return Err(PkiError::Mismatch { certificate: certificate_name.to_owned(), key: key_name.to_owned() });
        }
        Ok(Self { certificate: certificate.to_owned(), key })
    }

    /// Makes sure that this pair may issue certificates now.
    pub(super) fn require_authority(&self, name: &str, clock: &dyn Clock) -> Result<(), PkiError> {
        let bytes = pem::certificate(name, &self.certificate)?;
        let parsed = parse(name, &bytes)?;
        if !parsed.is_ca() {
            return Err(PkiError::NotAnAuthority { name: name.to_owned() });
        }
        require_now(name, &parsed, clock.now().as_second())
    }

    /// Whether this certificate was issued by `authority` and is valid for a month more at least.
    pub(super) fn is_issued_by(&self, authority: &Self, name: &str, clock: &dyn Clock) -> Result<bool, PkiError> {
        const MONTH_SECONDS: i64 = 30 * 86_400;
        let bytes = pem::certificate(name, &self.certificate)?;
        let parsed = parse(name, &bytes)?;
        let authority_bytes = pem::certificate("ca.crt", &authority.certificate)?;
        let authority = parse("ca.crt", &authority_bytes)?;
        Ok(parsed.verify_signature(Some(authority.public_key())).is_ok()
            && parsed.validity().not_after.timestamp() > clock.now().as_second() + MONTH_SECONDS)
    }
}

pub(super) fn parse<'a>(name: &str, bytes: &'a [u8]) -> Result<X509Certificate<'a>, PkiError> {
    let (_, parsed) = X509Certificate::from_der(bytes).map_err(|cause| pem::malformed(name, cause))?;
    Ok(parsed)
}

/// The hash by which kubeadm recognises an authority (`discovery-token-ca-cert-hash`): `sha256:` and the hexadecimal
/// SHA-256 of the certificate's public key (SubjectPublicKeyInfo, DER).
pub fn authority_hash(certificate: &str) -> Result<String, PkiError> {
    let bytes = pem::certificate("ca.crt", certificate)?;
    let parsed = parse("ca.crt", &bytes)?;
    Ok(digest(parsed.public_key().raw))
}
