//! Certificates that the user brings: what an authority and a leaf have to be, so that a cluster can start with them.

use x509_parser::prelude::X509Certificate;

use super::authority::parse;
use super::{CertifiedKey, PkiError, pem};
use crate::base::Secret;

/// The groups that may do everything: with the first, the API server asks no authorizer; the second is kubeadm's.
const ADMINISTRATORS: [&str; 2] = ["system:masters", "kubeadm:cluster-admins"];

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It issues others.
    Authority,
    /// The API server shows it to its clients.
    ApiServer,
    /// The API server shows it to kubelets, which let only those in who may do so.
    KubeletClient,
    /// The administrator, and the engine itself, show it to the API server.
    Administrator,
}

/// A certificate and its key as the user gives them, with the names by which they are told.
#[derive(Debug, Clone, Copy)]
pub struct GivenPair<'a> {
    /// The certificate's name.
    pub certificate_name: &'a str,
    /// The certificate, PEM; certificates behind it are those that lead to the authority.
    pub certificate: &'a str,
    /// The key's name.
    pub key_name: &'a str,
    /// The key, PEM: PKCS#8, PKCS#1 or SEC 1.
    pub key: &'a Secret,
}

impl GivenPair<'_> {
    /// Reads the pair, with its key as PKCS#8, and makes sure that it can be used.
    ///
    /// `authority` is the certificate of the authority that has to have issued it; `None` if that is not known, or it is one
    /// itself. `now` is in seconds since 1970; `None`: its time is not looked at.
    ///
    /// # Errors
    /// What cannot be read, does not belong together, was issued by somebody else, has expired or is not valid yet, or is for
    /// another purpose. The fault names the certificate or the key.
    pub fn check(&self, purpose: Purpose, authority: Option<&str>, now: Option<i64>) -> Result<CertifiedKey, PkiError> {
        let pair = CertifiedKey::read(self.certificate_name, self.certificate, self.key_name, self.key)?;
        let bytes = pem::certificate(self.certificate_name, self.certificate)?;
        let parsed = parse(self.certificate_name, &bytes)?;
        if let Some(now) = now {
            require_now(self.certificate_name, &parsed, now)?;
        }
        if let Some(authority) = authority {
            let bytes = pem::certificate("ca.crt", authority)?;
            let authority = parse("ca.crt", &bytes)?;
            if parsed.verify_signature(Some(authority.public_key())).is_err() {
                return Err(PkiError::NotIssued {
                    name: self.certificate_name.to_owned(),
                    issuer: parsed.issuer().to_string(),
                });
            }
        }
        match unfit(&parsed, purpose) {
            Some(problem) => Err(PkiError::Unfit { name: self.certificate_name.to_owned(), problem }),
            None => Ok(pair),
        }
    }
}

/// Whether a certificate's time has come and not passed.
pub(super) fn require_now(name: &str, parsed: &X509Certificate<'_>, now: i64) -> Result<(), PkiError> {
    let validity = parsed.validity();
    if (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now) {
        return Ok(());
    }
    Err(PkiError::NotValidNow {
        name: name.to_owned(),
        not_before: validity.not_before.to_string(),
        not_after: validity.not_after.to_string(),
    })
}

/// Why a certificate cannot serve a purpose.
fn unfit(parsed: &X509Certificate<'_>, purpose: Purpose) -> Option<&'static str> {
    if purpose == Purpose::Authority {
        return (!parsed.is_ca()).then_some("it is no certificate authority: it lacks the basic constraint `CA`");
    }
    // Without the extension a certificate is for everything.
    let usage = parsed.extended_key_usage().ok().flatten().map(|usage| usage.value);
    let may = |purpose: Purpose| {
        usage.is_none_or(|usage| {
            usage.any || if purpose == Purpose::ApiServer { usage.server_auth } else { usage.client_auth }
        })
    };
    if !may(purpose) {
        return Some(match purpose {
            Purpose::ApiServer => "it is not for servers",
            _ => "it is not for clients",
        });
    }
    let groups = || parsed.subject().iter_organization().filter_map(|group| group.as_str().ok());
    match purpose {
        Purpose::ApiServer => {
            // Which of an API server's certificates a client sees is told by the name that it asks for.
            let names = parsed.subject_alternative_name().ok().flatten();
            let is_named = |name: &x509_parser::prelude::GeneralName<'_>| {
                matches!(name, x509_parser::prelude::GeneralName::DNSName(_))
            };
            (!names.is_some_and(|names| names.value.general_names.iter().any(is_named)))
                .then_some("it has no DNS name, so that no client would ask for it")
        }
        Purpose::KubeletClient => (!groups().any(|group| ADMINISTRATORS.contains(&group))).then_some(
            "it is not of the group system:masters or kubeadm:cluster-admins, and kubelets would not let it in",
        ),
        Purpose::Administrator => (!groups().any(|group| group == ADMINISTRATORS[0])).then_some(
            "it is not of the group system:masters, and could not administer a cluster that has just started",
        ),
        Purpose::Authority => None,
    }
}
