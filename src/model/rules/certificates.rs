//! Certificates that the model brings: halves that are missing, what cannot be used, and what would have no effect.
//!
//! What the authority that issued a leaf is, is known here only if the model names it; one from the command line or from the
//! cluster's folder is held against the leaves when the keys are put together (`pki`).

use jiff::Timestamp;

use crate::base::{Diagnostic, Secret};
use crate::pki::{GivenPair, PkiError, Purpose};

use super::super::cluster::Cluster;
use super::super::findings::Findings;
use super::super::identity::Certificates;
use super::super::pointers::PROPERTIES;

/// A certificate and its key by their properties' names.
struct Pair<'a> {
    names: [&'static str; 2],
    certificate: Option<&'a Secret>,
    key: Option<&'a Secret>,
    purpose: Purpose,
}

pub(super) fn judge(cluster: &Cluster, now: Option<Timestamp>, findings: &mut Findings) {
    let given = &cluster.certificates;
    let authority = given.ca_certificate.as_ref().filter(|text| !in_key_vault(text));
    for pair in pairs(given) {
        let leaf = pair.purpose != Purpose::Authority;
        if halves(&pair, findings) && at_hand(&pair, leaf, findings) {
            check(&pair, authority.filter(|_| leaf), now, findings);
        }
    }
    service_account(given, findings);
    unused(given, findings);
}

fn pairs(given: &Certificates) -> [Pair<'_>; 6] {
    [
        Pair {
            names: ["caCertificate", "caPrivateKey"],
            certificate: given.ca_certificate.as_ref(),
            key: given.ca_private_key.as_ref(),
            purpose: Purpose::Authority,
        },
        Pair {
            names: ["etcdCaCertificate", "etcdCaPrivateKey"],
            certificate: given.etcd_ca_certificate.as_ref(),
            key: given.etcd_ca_private_key.as_ref(),
            purpose: Purpose::Authority,
        },
        Pair {
            names: ["frontProxyCaCertificate", "frontProxyCaPrivateKey"],
            certificate: given.front_proxy_ca_certificate.as_ref(),
            key: given.front_proxy_ca_private_key.as_ref(),
            purpose: Purpose::Authority,
        },
        Pair {
            names: ["apiServerCertificate", "apiServerPrivateKey"],
            certificate: given.api_server_certificate.as_ref(),
            key: given.api_server_private_key.as_ref(),
            purpose: Purpose::ApiServer,
        },
        Pair {
            names: ["clientCertificate", "clientPrivateKey"],
            certificate: given.client_certificate.as_ref(),
            key: given.client_private_key.as_ref(),
            purpose: Purpose::KubeletClient,
        },
        Pair {
            names: ["kubeConfigCertificate", "kubeConfigPrivateKey"],
            certificate: given.kube_config_certificate.as_ref(),
            key: given.kube_config_private_key.as_ref(),
            purpose: Purpose::Administrator,
        },
    ]
}

fn at(name: &str) -> String {
    format!("{PROPERTIES}/certificateProfile/{name}")
}

fn in_key_vault(text: &Secret) -> bool {
    text.expose().starts_with("/subscriptions/")
}

/// Whether both halves are there. Only one is told at the other's place, neither is nothing to look at.
fn halves(pair: &Pair<'_>, findings: &mut Findings) -> bool {
    let [certificate, key] = pair.names;
    let (present, missing) = match (pair.certificate, pair.key) {
        (Some(_), Some(_)) => return true,
        (None, None) => return false,
        (Some(_), None) => (certificate, key),
        (None, Some(_)) => (key, certificate),
    };
    let fault =
        Diagnostic::error("certificate-incomplete", at(missing), format!("{present} is given without {missing}"));
    findings.judge(&[&at(present)], fault.help(format!("add {missing}, or leave {present} out")));
    false
}

/// Whether both halves stand in the model. One in a key vault cannot be used: an authority has to issue certificates, and
/// what is put into customData is written before anything is deployed.
fn at_hand(pair: &Pair<'_>, leaf: bool, findings: &mut Findings) -> bool {
    let mut all = true;
    for (name, text) in pair.names.into_iter().zip([pair.certificate, pair.key]) {
        if !text.is_some_and(in_key_vault) {
            continue;
        }
        all = false;
        if leaf {
            let message =
                format!("{name} lies in a key vault, and is not used: a certificate of the engine's takes its place");
            let warning = Diagnostic::warning("certificate-unused", at(name), message);
            findings.judge(&[], warning.help("write it as PEM, or leave it out"));
        } else {
            let message =
                format!("{name} lies in a key vault, and the engine issues certificates by it: it cannot do so yet");
            let help = if name.starts_with("ca") {
                "write it as PEM, give --ca-certificate-path and --ca-private-key-path, or leave it out"
            } else {
                "write it as PEM, or leave it out"
            };
            findings.judge(&[], Diagnostic::error("not-supported-yet", at(name), message).help(help));
        }
    }
    all
}

fn check(pair: &Pair<'_>, authority: Option<&Secret>, now: Option<Timestamp>, findings: &mut Findings) {
    let ([certificate_name, key_name], Some(certificate), Some(key)) = (pair.names, pair.certificate, pair.key) else {
        return;
    };
    let given = GivenPair { certificate_name, certificate: certificate.expose(), key_name, key };
    let checked = given.check(pair.purpose, authority.map(Secret::expose), now.map(Timestamp::as_second));
    if let Err(error) = checked {
        let place = match error.place() {
            Some("ca.crt") => "caCertificate",
            place => place.filter(|place| pair.names.contains(place)).unwrap_or(certificate_name),
        };
        let help = match &error {
            PkiError::Malformed { .. } => "write it as PEM, -----BEGIN and all, with \\n between its lines",
            PkiError::Mismatch { .. } => "give the key that the certificate was made for",
            PkiError::NotIssued { .. } => "give one that caCertificate has issued, or the authority that has",
            PkiError::NotValidNow { .. } => "give one that is valid today, or leave it and its key out",
            _ => "give one that can be used so, or leave it and its key out",
        };
        let fault = Diagnostic::error("certificate-invalid", at(place), error.to_string()).help(help);
        // Of an authority with a fault nothing is said once more at what it has issued.
        let issuer = at("caCertificate");
        let judged: &[&str] = if authority.is_some() { &[&issuer] } else { &[] };
        findings.judge(judged, fault);
    }
}

fn service_account(given: &Certificates, findings: &mut Findings) {
    if given.service_account_public_key.is_some() && given.service_account_private_key.is_none() {
        let message = "serviceAccountPublicKey is given without serviceAccountPrivateKey";
        let fault = Diagnostic::error("certificate-incomplete", at("serviceAccountPrivateKey"), message);
        findings.judge(&[], fault.help("add serviceAccountPrivateKey, or leave serviceAccountPublicKey out"));
    }
}

/// etcd's leaves name the machine that shows them, so that no given one serves all; kubeadm makes one for each machine.
fn unused(given: &Certificates, findings: &mut Findings) {
    let has = |name: &'static str, there: bool| there.then_some(name);
    let names = [
        has("etcdServerCertificate", given.etcd_server_certificate.is_some()),
        has("etcdServerPrivateKey", given.etcd_server_private_key.is_some()),
        has("etcdClientCertificate", given.etcd_client_certificate.is_some()),
        has("etcdClientPrivateKey", given.etcd_client_private_key.is_some()),
        has("etcdPeerCertificates", !given.etcd_peer_certificates.is_empty()),
        has("etcdPeerPrivateKeys", !given.etcd_peer_private_keys.is_empty()),
    ];
    for name in names.into_iter().flatten() {
        let message = format!("{name} is not used: each machine makes its own by etcd's CA");
        let warning = Diagnostic::warning("certificate-unused", at(name), message);
        findings
            .judge(&[], warning.help("leave it out; etcd's CA may be given as etcdCaCertificate and etcdCaPrivateKey"));
    }
}
