//! TLS: whose certificates are trusted, and the client's own.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::Method;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::http::{Answer, HttpClient, HttpSettings, parse_url};
use crate::base::Secret;
use crate::contract::{Fault, FaultClass};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `127.0.0.1`, and its key.
fn leaf(authority: &Issuer) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    (certificate, key)
}

/// Answers one connection over TLS, and tells whether the client showed a certificate.
fn serve(authority: &Issuer, asks_for_certificate: bool) -> String {
    let (certificate, key) = leaf(authority);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = if asks_for_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.der().to_vec())).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let settings = Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(settings).unwrap(), stream);
        let mut bytes = [0; 4096];
        // A client that does not trust us goes away here.
        if stream.read(&mut bytes).is_ok_and(|read| read > 0) {
            let body = if stream.conn.peer_certificates().is_some() { "known" } else { "unknown" };
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    url
}

async fn ask(url: &str, settings: &HttpSettings) -> Result<Answer, Fault> {
    let client = HttpClient::new(settings).unwrap();
    client.send(client.request(Method::GET, parse_url(url).unwrap())).await
}

#[tokio::test]
async fn a_root_certificate_that_was_given_is_trusted() {
    let authority = authority();
    for only_these_roots in [true, false] {
        let settings =
            HttpSettings { root_certificates: vec![authority.pem()], only_these_roots, ..HttpSettings::default() };
        let answer = ask(&serve(&authority, false), &settings).await.unwrap();
        assert_eq!(answer.body, b"unknown");
    }
}

#[tokio::test]
async fn a_wrong_root_certificate_says_so() {
    let (own, other) = (authority(), authority());
    let settings =
        HttpSettings { root_certificates: vec![other.pem()], only_these_roots: true, ..HttpSettings::default() };
    for settings in [settings, HttpSettings::default()] {
        let fault = ask(&serve(&own, false), &settings).await.unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Unavailable, "TlsCertificate"), "{fault:?}");
        assert!(fault.help.unwrap().contains("root certificate"));
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let authority = authority();
    let (certificate, key) = leaf(&authority);
    let settings = HttpSettings {
        root_certificates: vec![authority.pem()],
        only_these_roots: true,
        identity: Some(Secret::new(format!("{}{}", certificate.pem(), key.serialize_pem()))),
        ..HttpSettings::default()
    };
    assert_eq!(ask(&serve(&authority, true), &settings).await.unwrap().body, b"known");
}
