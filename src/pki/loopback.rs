//! Certificates for servers that answer this machine alone: an authority that can vouch for loopback addresses and for
//! nothing else, so that trusting it gives nobody else's server away.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CidrSubnet, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType,
};

use super::PkiError;
use super::authority::{CertifiedKey, making, parameters};
use crate::base::{Clock, Secret};

/// The authority is valid for ten years, a server for as long as one is likely to run.
const AUTHORITY_DAYS: u64 = 10 * 365;
const SERVER_DAYS: u64 = 365;

impl CertifiedKey {
    /// Makes an authority of P-256 for `localhost` and the loopback addresses.
    ///
    /// # Errors
    /// The library's, should it make no key.
    pub fn loopback_authority(common_name: &str, clock: &dyn Clock) -> Result<Self, PkiError> {
        let what = format!("the authority `{common_name}`");
        let key = KeyPair::generate().map_err(making(&what))?;
        let mut parameters = parameters(None, common_name, AUTHORITY_DAYS, clock);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        parameters.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![
                GeneralSubtree::DnsName("localhost".to_owned()),
                GeneralSubtree::IpAddress(CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0])),
                GeneralSubtree::IpAddress(CidrSubnet::V6(IPV6_LOOPBACK, [255; 16])),
            ],
            excluded_subtrees: Vec::new(),
        });
        let certificate = parameters.self_signed(&key).map_err(making(&what))?;
        Ok(Self { certificate: certificate.pem(), key: Secret::new(key.serialize_pem()) })
    }

    /// Issues a server's certificate with a new P-256 key for `localhost`, `127.0.0.1`, `::1` and the address given.
    ///
    /// # Errors
    /// An authority whose key does not fit it.
    pub fn issue_loopback_server(&self, address: IpAddr, clock: &dyn Clock) -> Result<Self, PkiError> {
        let what = format!("the certificate of the server on {address}");
        let authority_key = KeyPair::from_pem(self.key.expose()).map_err(making(&what))?;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, authority_key).map_err(making(&what))?;
        let key = KeyPair::generate().map_err(making(&what))?;
        let mut parameters = parameters(None, "localhost", SERVER_DAYS, clock);
        let mut addresses = vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from(IPV6_LOOPBACK)];
        if !addresses.contains(&address) {
            addresses.push(address);
        }
        let name = rcgen::string::Ia5String::try_from("localhost").map_err(making(&what))?;
        parameters.subject_alt_names =
            std::iter::once(SanType::DnsName(name)).chain(addresses.into_iter().map(SanType::IpAddress)).collect();
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        let certificate = parameters.signed_by(&key, &issuer).map_err(making(&what))?;
        Ok(Self { certificate: certificate.pem(), key: Secret::new(key.serialize_pem()) })
    }
}

const IPV6_LOOPBACK: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
