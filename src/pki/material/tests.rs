use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;
use crate::base::{FixedClock, SeededEntropy};

const NOW: i64 = 1_790_000_000;

fn clock(seconds: i64) -> FixedClock {
    FixedClock(jiff::Timestamp::from_second(NOW + seconds).unwrap())
}

fn material() -> KeyMaterial {
    KeyMaterial::generate(&Given::default(), &clock(0), &SeededEntropy::new(1)).unwrap()
}

fn der(certificate: &str) -> Vec<u8> {
    pem::certificate("test", certificate).unwrap()
}

/// Writes the material's files and reads them again at another time.
fn again(material: &KeyMaterial, change: impl FnOnce(&Path), seconds: i64) -> Result<KeyMaterial, PkiError> {
    let folder = tempfile::tempdir().unwrap();
    material.files().write(folder.path()).unwrap();
    change(folder.path());
    KeyMaterial::load_or_generate(folder.path(), &Given::default(), &clock(seconds), &SeededEntropy::new(2))
}

#[test]
fn authorities_are_what_kubeadm_expects() {
    let material = material();
    let names = [
        (&material.cluster_ca, "CN=kubernetes"),
        (&material.etcd_ca, "CN=etcd-ca"),
        (&material.front_proxy_ca, "CN=front-proxy-ca"),
    ];
    for (authority, name) in names {
        let bytes = der(&authority.certificate);
        let (_, parsed) = X509Certificate::from_der(&bytes).unwrap();
        assert_eq!(parsed.subject().to_string(), name);
        assert!(parsed.is_ca());
        assert!(parsed.key_usage().unwrap().unwrap().value.key_cert_sign());
        assert_eq!(parsed.validity().not_before.timestamp(), NOW - 3600);
        assert_eq!(parsed.validity().not_after.timestamp(), NOW - 3600 + 30 * 365 * 86_400);
        parsed.verify_signature(None).unwrap();
        // The curve P-256, RFC 5480, 2.1.1.1.
        let curve = parsed.public_key().algorithm.parameters.as_ref().unwrap().as_oid().unwrap();
        assert_eq!(curve.to_id_string(), "1.2.840.10045.3.1.7");
    }
}

#[test]
fn the_administrator_chains_to_the_authority() {
    let material = material();
    let bytes = der(&material.administrator.certificate);
    let (_, parsed) = X509Certificate::from_der(&bytes).unwrap();
    let authority = der(&material.cluster_ca.certificate);
    let (_, authority) = X509Certificate::from_der(&authority).unwrap();
    parsed.verify_signature(Some(authority.public_key())).unwrap();
    assert_eq!(parsed.issuer(), authority.subject());
    assert_eq!(parsed.subject().to_string(), "O=system:masters, CN=engine-administrator");
    assert!(parsed.extended_key_usage().unwrap().unwrap().value.client_auth);
    assert!(!parsed.is_ca());

    let document: serde_json::Value =
        serde_json::from_str(material.kubeconfig("demo", "https://demo.example").expose()).unwrap();
    assert_eq!(document["clusters"][0]["cluster"]["server"], "https://demo.example");
    assert_eq!(document["current-context"], "demo");
}

#[test]
fn running_again_reuses_everything() {
    let material = material();
    assert_eq!(again(&material, |_| {}, 0).unwrap(), material);
    assert_eq!(material.bootstrap_token, token::bootstrap_token(&SeededEntropy::new(1)));
}

#[test]
fn what_is_lost_is_made_anew_and_the_rest_stays() {
    let material = material();
    let made = again(&material, |folder| std::fs::remove_file(folder.join("bootstrap-token")).unwrap(), 0).unwrap();
    assert_ne!(made.bootstrap_token, material.bootstrap_token);
    assert_eq!(made.cluster_ca, material.cluster_ca);

    let nine_years_eleven_months = 10 * 365 * 86_400 - 20 * 86_400;
    let made = again(&material, |_| {}, nine_years_eleven_months).unwrap();
    assert_ne!(made.administrator, material.administrator);
    assert_eq!(made.cluster_ca, material.cluster_ca);
}

#[test]
fn what_does_not_fit_together_is_told() {
    let material = material();
    let told = |change: &dyn Fn(&Path)| again(&material, change, 0).unwrap_err().to_string();
    let other = KeyMaterial::generate(&Given::default(), &clock(0), &SeededEntropy::new(3)).unwrap();
    let write =
        |name: &'static str, text: String| move |folder: &Path| std::fs::write(folder.join(name), &text).unwrap();

    let mismatch = told(&write("ca.key", other.cluster_ca.key.expose().to_owned()));
    assert_eq!(mismatch, "`ca.crt` and `ca.key` do not belong together: the certificate holds another public key");
    let mismatch = told(&write("sa.pub", other.service_account.public.clone()));
    assert!(mismatch.starts_with("`sa.pub` and `sa.key` do not belong together"));
    let incomplete = told(&|folder| std::fs::remove_file(folder.join("etcd-ca.key")).unwrap());
    assert_eq!(incomplete, "`etcd-ca.crt` is there but `etcd-ca.key` is not: give both or neither");
    let malformed = told(&write("ca.crt", "hello".to_owned()));
    assert_eq!(malformed, "`ca.crt` cannot be read: it is not PEM");
    let token = told(&write("bootstrap-token", "Abcdef.0123456789abcdef".to_owned()));
    assert_eq!(token, "`bootstrap-token` cannot be read: a bootstrap token looks like `abcdef.0123456789abcdef`");
    let leaf = told(&|folder| {
        std::fs::write(folder.join("ca.crt"), &material.administrator.certificate).unwrap();
        std::fs::write(folder.join("ca.key"), material.administrator.key.expose()).unwrap();
    });
    assert_eq!(leaf, "`ca.crt` is no certificate authority: it lacks the basic constraint `CA`");
    let late = again(&material, |_| {}, 31 * 365 * 86_400).unwrap_err().to_string();
    assert!(late.starts_with("`ca.crt` is valid from "), "{late}");
}

/// An authority with an RSA key, which the library here cannot make but can sign with.
fn rsa_authority(entropy: u64) -> CertifiedKey {
    let key = service_account::generate(&SeededEntropy::new(entropy)).unwrap();
    let pair = rcgen::KeyPair::from_pem(key.expose()).unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    CertifiedKey { certificate: parameters.self_signed(&pair).unwrap().pem(), key }
}

#[test]
fn a_given_rsa_authority_issues_and_stays() {
    let given = rsa_authority(4);
    // As OpenSSL 1 and the engines before wrote it: PKCS#1.
    let pkcs1 = rsa::RsaPrivateKey::from_pkcs8_pem(given.key.expose()).unwrap();
    let pkcs1 = Secret::new(pkcs1.to_pkcs1_pem(rsa::pkcs8::LineEnding::LF).unwrap().as_str());
    let given =
        Given { cluster_ca: Some(CertifiedKey { certificate: given.certificate, key: pkcs1 }), ..Given::default() };
    let entropy = SeededEntropy::new(5);
    let material = KeyMaterial::generate(&given, &clock(0), &entropy).unwrap();
    let bytes = der(&material.administrator.certificate);
    let (_, parsed) = X509Certificate::from_der(&bytes).unwrap();
    let authority = der(&material.cluster_ca.certificate);
    let (_, authority) = X509Certificate::from_der(&authority).unwrap();
    parsed.verify_signature(Some(authority.public_key())).unwrap();

    let folder = tempfile::tempdir().unwrap();
    material.files().write(folder.path()).unwrap();
    let read = |given: &Given| KeyMaterial::load_or_generate(folder.path(), given, &clock(0), &entropy);
    assert_eq!(read(&given).unwrap(), material);
    assert_eq!(read(&Given::default()).unwrap(), material);
    let other = Given { cluster_ca: Some(rsa_authority(6)), ..Given::default() };
    assert!(matches!(read(&other), Err(PkiError::Conflict { .. })));
}

#[test]
fn a_sec1_key_is_read() {
    // RFC 5915 around a P-256 key: what `openssl ecparam -genkey` prints is the middle of PKCS#8.
    let material = material();
    let (_, pkcs8) = pem::block("test", material.cluster_ca.key.expose()).unwrap();
    // PKCS#8 of P-256: 26 bytes of header, then the octet string's content.
    let start = pkcs8.windows(3).position(|window| window == [0x02, 0x01, 0x01]).unwrap();
    let mut length = vec![0x30, u8::try_from(pkcs8.len() - start + 12).unwrap()];
    // OpenSSL names the curve inside.
    let private = &pkcs8[start..start + 3 + 34];
    let public = &pkcs8[start + 3 + 34..];
    let curve = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    length.extend_from_slice(&[private, &curve, public].concat());
    let sec1 = Secret::new(pem::encode("EC PRIVATE KEY", &length));
    let read = CertifiedKey::read("ca.crt", &material.cluster_ca.certificate, "ca.key", &sec1).unwrap();
    assert_eq!(read.certificate, material.cluster_ca.certificate);
}

#[test]
fn the_hash_is_over_the_public_key() {
    use base64::Engine as _;
    let material = material();
    let pair = rcgen::KeyPair::from_pem(material.cluster_ca.key.expose()).unwrap();
    let public = pair.public_key_pem();
    let body: String = public.lines().filter(|line| !line.starts_with("---")).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    assert_eq!(material.authority_hash().unwrap(), crate::base::digest(&bytes));
}

#[test]
fn the_encryption_key_is_made_where_needed_and_kept() {
    assert_eq!(material().encryption_key, None);
    let wanting = Given { encrypts_secrets: true, ..Given::default() };
    let made = KeyMaterial::generate(&wanting, &clock(0), &SeededEntropy::new(1)).unwrap();
    let key = made.encryption_key.clone().unwrap();
    token::require_encryption_key("test", &key).unwrap();

    let folder = tempfile::tempdir().unwrap();
    made.files().write(folder.path()).unwrap();
    let read = |given: &Given| KeyMaterial::load_or_generate(folder.path(), given, &clock(0), &SeededEntropy::new(2));
    // What was encrypted has to stay readable, also once nothing is encrypted any more.
    assert_eq!(read(&wanting).unwrap(), made);
    assert_eq!(read(&Given::default()).unwrap(), made);
    let brought = |key: Secret| Given { encryption_key: Some(key), ..wanting.clone() };
    assert_eq!(read(&brought(key)).unwrap(), made);
    let other = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert!(matches!(read(&brought(other.clone())), Err(PkiError::Conflict { .. })));
    let fresh = KeyMaterial::generate(&brought(other.clone()), &clock(0), &SeededEntropy::new(1)).unwrap();
    assert_eq!(fresh.encryption_key, Some(other));
    let short = brought(Secret::new("c2hvcnQ="));
    assert!(matches!(
        KeyMaterial::generate(&short, &clock(0), &SeededEntropy::new(1)),
        Err(PkiError::Malformed { .. })
    ));
}

/// A server's certificate with a DNS name, of an authority.
fn server_of(authority: &CertifiedKey) -> CertifiedKey {
    let key = rcgen::KeyPair::from_pem(authority.key.expose()).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&authority.certificate, key).unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec!["api.example".to_owned()]).unwrap();
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.signed_by(&key, &issuer).unwrap().pem();
    CertifiedKey { certificate, key: Secret::new(key.serialize_pem()) }
}

#[test]
fn given_authorities_and_leaves_are_the_clusters() {
    let other = material();
    let client = |group: &str| other.cluster_ca.issue_client(group, "x", &clock(0)).unwrap();
    let given = Given {
        cluster_ca: Some(other.cluster_ca.clone()),
        etcd_ca: Some(other.etcd_ca.clone()),
        front_proxy_ca: Some(other.front_proxy_ca.clone()),
        service_account_key: Some(other.service_account.private.clone()),
        service_account_public_key: Some(other.service_account.public.clone()),
        api_server: Some(server_of(&other.cluster_ca)),
        kubelet_client: Some(client("kubeadm:cluster-admins")),
        administrator: Some(client("system:masters")),
        ..Given::default()
    };
    let made = KeyMaterial::generate(&given, &clock(0), &SeededEntropy::new(3)).unwrap();
    assert_eq!((&made.etcd_ca, &made.front_proxy_ca), (&other.etcd_ca, &other.front_proxy_ca));
    assert_eq!(made.service_account, other.service_account);
    assert_eq!((&made.api_server, &made.kubelet_client), (&given.api_server, &given.kubelet_client));
    assert_eq!(Some(&made.administrator), given.administrator.as_ref());
    // The same again over a folder that holds them, and not over another cluster's.
    let folder = tempfile::tempdir().unwrap();
    made.files().write(folder.path()).unwrap();
    let again = |given: &Given| KeyMaterial::load_or_generate(folder.path(), given, &clock(0), &SeededEntropy::new(4));
    assert_eq!(again(&given).unwrap(), made);
    let third = KeyMaterial::generate(&Given::default(), &clock(0), &SeededEntropy::new(5)).unwrap();
    for changed in [
        Given { etcd_ca: Some(third.etcd_ca.clone()), ..given.clone() },
        Given { front_proxy_ca: Some(third.front_proxy_ca.clone()), ..given.clone() },
        Given {
            service_account_key: Some(third.service_account.private.clone()),
            service_account_public_key: None,
            ..given.clone()
        },
    ] {
        assert!(matches!(again(&changed), Err(PkiError::Conflict { .. })));
    }
}

#[test]
fn a_leaf_that_cannot_serve_is_refused() {
    let ours = material();
    let strange = KeyMaterial::generate(&Given::default(), &clock(0), &SeededEntropy::new(6)).unwrap();
    let client = |group: &str| ours.cluster_ca.issue_client(group, "x", &clock(0)).unwrap();
    let with = |change: &dyn Fn(&mut Given), seconds: i64| {
        let mut given = Given { cluster_ca: Some(ours.cluster_ca.clone()), ..Given::default() };
        change(&mut given);
        KeyMaterial::generate(&given, &clock(seconds), &SeededEntropy::new(7)).map(|_| ())
    };
    let error = with(&|given| given.administrator = Some(strange.administrator.clone()), 0).unwrap_err();
    assert!(matches!(&error, PkiError::NotIssued { .. }), "{error}");
    assert_eq!(error.place(), Some("the given administrator's certificate"));
    let crossed =
        CertifiedKey { certificate: client("system:masters").certificate, key: strange.administrator.key.clone() };
    let error = with(&|given| given.kubelet_client = Some(crossed.clone()), 0).unwrap_err();
    assert!(matches!(&error, PkiError::Mismatch { .. }), "{error}");
    assert_eq!(error.place(), Some("the given client key"));
    // Eleven years later the client's ten are over, the authority's thirty not.
    let late = 11 * 365 * 86_400;
    let error = with(&|given| given.administrator = Some(client("system:masters")), late).unwrap_err();
    assert!(matches!(error, PkiError::NotValidNow { .. }), "{error}");
    let server = server_of(&ours.cluster_ca);
    for change in [
        &(|given: &mut Given| given.api_server = Some(client("system:masters"))) as &dyn Fn(&mut Given),
        &|given| given.kubelet_client = Some(client("developers")),
        &|given| given.administrator = Some(client("kubeadm:cluster-admins")),
        &|given| given.administrator = Some(server.clone()),
    ] {
        assert!(matches!(with(change, 0), Err(PkiError::Unfit { .. })));
    }
}
