//! Certificates that a model brings: what cannot be used, told at its place.

use serde_json::json;

use super::broken::{Case, case};
use super::*;

const PROFILE: &str = "/properties/certificateProfile";
const CA: [&str; 2] = [include_str!("../../../tests/keys/ca.crt"), include_str!("../../../tests/keys/ca.key")];
const ETCD_CA: [&str; 2] =
    [include_str!("../../../tests/keys/etcd-ca.crt"), include_str!("../../../tests/keys/etcd-ca.key")];
const CLIENT: [&str; 2] =
    [include_str!("../../../tests/keys/kubectlClient.crt"), include_str!("../../../tests/keys/kubectlClient.key")];
const VAULT: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/my-vault/secrets/ca";

/// A profile with these properties.
fn profile(properties: &[(&str, &str)]) -> Value {
    properties.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect::<serde_json::Map<_, _>>().into()
}

fn with_ca(ca: [&'static str; 2], properties: &[(&'static str, &'static str)]) -> Value {
    profile(&[&[("caCertificate", ca[0]), ("caPrivateKey", ca[1])], properties].concat())
}

pub(super) fn cases() -> Vec<Case> {
    let one = |code, name: &str, profile: Value| case(code, format!("{PROFILE}/{name}"), &[(PROFILE.into(), profile)]);
    let invalid = |name: &str, profile| one("certificate-invalid", name, profile);
    vec![
        one("certificate-incomplete", "caPrivateKey", profile(&[("caCertificate", CA[0])])),
        one("certificate-incomplete", "etcdCaCertificate", profile(&[("etcdCaPrivateKey", ETCD_CA[1])])),
        one("certificate-incomplete", "serviceAccountPrivateKey", profile(&[("serviceAccountPublicKey", "x")])),
        // No PEM; another's key; no authority.
        invalid("caPrivateKey", with_ca([CA[0], "x"], &[])),
        invalid("caCertificate", with_ca(["x", CA[1]], &[])),
        invalid("caPrivateKey", with_ca([CA[0], ETCD_CA[1]], &[])),
        invalid("caCertificate", with_ca(CLIENT, &[])),
        invalid(
            "frontProxyCaCertificate",
            profile(&[("frontProxyCaCertificate", CLIENT[0]), ("frontProxyCaPrivateKey", CLIENT[1])]),
        ),
        // Another authority's leaf; a client's certificate for a server.
        invalid(
            "kubeConfigCertificate",
            with_ca(ETCD_CA, &[("kubeConfigCertificate", CLIENT[0]), ("kubeConfigPrivateKey", CLIENT[1])]),
        ),
        invalid(
            "apiServerCertificate",
            with_ca(CA, &[("apiServerCertificate", CLIENT[0]), ("apiServerPrivateKey", CLIENT[1])]),
        ),
        one("not-supported-yet", "caCertificate", with_ca([VAULT, CA[1]], &[])),
        one(
            "not-supported-yet",
            "etcdCaPrivateKey",
            profile(&[("etcdCaCertificate", ETCD_CA[0]), ("etcdCaPrivateKey", VAULT)]),
        ),
    ]
}

/// What is told of a profile at a moment.
fn told(profile: Value, now: Option<i64>) -> Vec<String> {
    let mut model = quickstart();
    model["properties"]["certificateProfile"] = profile;
    let now = now.map(|second| jiff::Timestamp::from_second(second).unwrap());
    let reading = read(&source(&model.to_string()), &ReadOptions { now, ..ReadOptions::default() });
    let ours = |fault: &&crate::base::Diagnostic| fault.pointer.starts_with(PROFILE);
    reading
        .diagnostics
        .iter()
        .filter(ours)
        .map(|fault| format!("{} {}", fault.code, &fault.pointer[PROFILE.len()..]))
        .collect()
}

#[test]
fn what_fits_is_taken_while_its_time_lasts() {
    let given = || {
        with_ca(
            CA,
            &[
                ("etcdCaCertificate", ETCD_CA[0]),
                ("etcdCaPrivateKey", ETCD_CA[1]),
                ("clientCertificate", CLIENT[0]),
                ("clientPrivateKey", CLIENT[1]),
                ("kubeConfigCertificate", CLIENT[0]),
                ("kubeConfigPrivateKey", CLIENT[1]),
            ],
        )
    };
    assert_eq!(told(given(), None), Vec::<String>::new());
    // 1970 is before and 2200 after all of them.
    for second in [0, 7_258_118_400] {
        let names = ["/caCertificate", "/etcdCaCertificate"];
        assert_eq!(told(given(), Some(second)), names.map(|name| format!("certificate-invalid {name}")), "{second}");
    }
}

#[test]
fn a_leaf_in_a_key_vault_and_those_of_etcd_are_left_with_a_word() {
    let given =
        with_ca(CA, &[("apiServerCertificate", VAULT), ("apiServerPrivateKey", VAULT), ("etcdClientCertificate", "x")]);
    let names = ["/apiServerCertificate", "/apiServerPrivateKey", "/etcdClientCertificate"];
    assert_eq!(told(given, None), names.map(|name| format!("certificate-unused {name}")));
}
