//! How Linux machines are set up below Kubernetes: proxies, trusted authorities, kernel parameters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::pem::Pem;

use crate::base::Diagnostic;

use super::super::cluster::HttpProxy;
use super::super::input::HttpProxyConfig;
use super::super::pointers::{LINUX, STACK};
use super::Resolver;

impl Resolver<'_> {
    pub(super) fn proxy(&mut self, given: Option<HttpProxyConfig>) -> Option<HttpProxy> {
        let given = given?;
        let pointer = format!("{LINUX}/httpProxyConfig/trustedCa");
        Some(HttpProxy {
            http: given.http_proxy.map(|address| address.0),
            https: given.https_proxy.map(|address| address.0),
            bypass: given.no_proxy.unwrap_or_default(),
            trusted_authorities: given.trusted_ca.map_or_else(Vec::new, |text| self.authorities(&[&text], &pointer)),
        })
    }

    /// aks-engine's form: certificates in base64, separated by commas.
    pub(super) fn stack_authorities(&mut self, given: Option<&str>) -> Vec<String> {
        let texts: Vec<&str> = given.iter().flat_map(|text| text.split(',')).map(str::trim).collect();
        self.authorities(&texts, &format!("{STACK}/customCloudRootCertificates"))
    }

    /// Certificates one by one, each of the texts PEM or base64 of PEM or of DER; told if one is none.
    fn authorities(&mut self, texts: &[&str], pointer: &str) -> Vec<String> {
        let mut all = Vec::new();
        for text in texts {
            match certificates(text) {
                Some(found) => all.extend(found),
                None => {
                    let fault = Diagnostic::error("certificate-form", pointer, "this is not a certificate");
                    self.findings
                        .judge(&[], fault.help("give it as PEM (-----BEGIN CERTIFICATE-----), or as base64 of that"));
                }
            }
        }
        all
    }
}

fn certificates(text: &str) -> Option<Vec<String>> {
    let bytes = if text.contains("-----BEGIN ") {
        text.as_bytes().to_vec()
    } else {
        let packed: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        STANDARD.decode(packed).ok()?
    };
    if x509_parser::parse_x509_certificate(&bytes).is_ok() {
        return Some(vec![pem(&bytes)]);
    }
    let blocks: Vec<Pem> = Pem::iter_from_buffer(&bytes).collect::<Result<_, _>>().ok()?;
    let valid = |block: &Pem| block.label == "CERTIFICATE" && block.parse_x509().is_ok();
    (!blocks.is_empty() && blocks.iter().all(valid)).then(|| blocks.iter().map(|block| pem(&block.contents)).collect())
}

/// The same bytes for the same certificate, however it was given.
fn pem(bytes: &[u8]) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let packed = STANDARD.encode(bytes);
    let mut rest = packed.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    text + "-----END CERTIFICATE-----\n"
}
