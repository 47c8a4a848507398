//! Decides every value: what the model says, or a default whose reason is recorded.
//!
//! A value that cannot be understood is told and replaced by its default, so that everything else can still be
//! judged; no cluster leaves the room then. Deliberately absent: rules about values that are understood (see `rules`).

mod control_plane;
mod custom_files;
mod extensions;
mod feature_gates;
mod hosts;
mod identity;
mod machines;
mod network;
mod on_prem;
mod pools;
mod settings;
mod two_families;
mod version;
mod windows;

pub(super) use machines::DISTRO;
pub(super) use settings::is_secret as is_secret_setting;

use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;

use crate::base::{Diagnostic, parse_network};
use crate::catalog::{Cloud, name_suffix};

use super::cluster::{Cluster, StackSettings};
use super::extension::PreProvisionScript;
use super::findings::Findings;
use super::input::{ApiModel, KubernetesConfig, MasterProfile, Properties};
use super::pointers::{LOCATION, MASTER, PROPERTIES, STACK};
use super::read::{Origin, Origins};
use crate::contract::TargetName;

/// Decides every value. What the model names by a relative path is looked up from `folder`.
pub(super) fn resolve(model: &ApiModel, folder: &Path, findings: &mut Findings) -> (Cluster, Origins) {
    let mut resolver = Resolver { folder, findings, origins: Origins::new() };
    let mut cluster = resolver.cluster(model);
    feature_gates::leave_out(&mut cluster, resolver.findings);
    (cluster, resolver.origins)
}

struct Resolver<'a> {
    folder: &'a Path,
    findings: &'a mut Findings,
    origins: Origins,
}

/// What several builders of the cluster look at.
struct Context<'a> {
    properties: &'a Properties,
    master: &'a MasterProfile,
    kubernetes: &'a KubernetesConfig,
    cloud: Cloud,
    name_suffix: &'a str,
    scripts: &'a [PreProvisionScript],
}

impl Resolver<'_> {
    fn cluster(&mut self, model: &ApiModel) -> Cluster {
        let properties = model.properties.clone().unwrap_or_default();
        let master = properties.master_profile.clone().unwrap_or_default();
        let orchestrator = properties.orchestrator_profile.clone().unwrap_or_default();
        let kubernetes = orchestrator.kubernetes_config.clone().unwrap_or_default();

        let location = model.location.as_deref().map(normal_location).unwrap_or_default();
        if location.is_empty() {
            let missing = Diagnostic::error("location-required", LOCATION, "the model does not say where");
            self.findings
                .judge(&[], missing.help("add \"location\" beside \"properties\", or give --location westus2"));
        }
        let stack = self.stack(&properties, &location);
        let cloud = if stack.is_some() { Cloud::Stack } else { Cloud::of_location(&location) };
        let dns_prefix = master.dns_prefix.clone().unwrap_or_default();
        let name_suffix = name_suffix(&dns_prefix);
        let scripts = self.scripts(&properties);
        let context = Context {
            properties: &properties,
            master: &master,
            kubernetes: &kubernetes,
            cloud,
            name_suffix: &name_suffix,
            scripts: &scripts,
        };

        let kubernetes_version = self.kubernetes_version(&orchestrator);
        let network = self.network(&context);
        let control_plane = self.control_plane(&context, &network);
        let windows = self.windows(&context);
        let pools = self.pools(&context, &network, windows.as_ref().map(|windows| &windows.image));
        let identity = self.identity(&context);
        Cluster {
            location,
            cloud,
            stack,
            on_prem: self.on_prem(properties.on_prem_profile.as_ref()),
            target: properties.target.as_deref().and_then(TargetName::from_word),
            kubernetes_version,
            dns_prefix,
            linux: self.linux(&context),
            windows,
            identity,
            sign_in: properties.aad_profile.as_ref().map(identity::sign_in),
            tags: model.tags.clone().unwrap_or_default(),
            software: self.software(&context),
            component_flags: settings::component_flags(&kubernetes),
            encrypt_secrets_at_rest: self.or(
                kubernetes.enable_data_encryption_at_rest,
                &kubernetes_pointer("enableDataEncryptionAtRest"),
                "Azure encrypts the etcd disks already",
                false,
            ),
            etcd_encryption_key: kubernetes.etcd_encryption_key.clone().map(|key| key.0),
            key_vault_encryption: self.key_vault_encryption(&kubernetes),
            addons: settings::addons(&kubernetes),
            certificates: identity::certificates(properties.certificate_profile.as_ref()),
            control_plane,
            pools,
            network,
            name_suffix,
        }
    }

    fn stack(&mut self, properties: &Properties, location: &str) -> Option<StackSettings> {
        let profile = properties.custom_cloud_profile.as_ref()?;
        let portal_url = profile.portal_url.clone().unwrap_or_default();
        let domain = portal_url
            .trim_end_matches('/')
            .strip_prefix("https://portal.")
            .and_then(|rest| rest.split_once('.'))
            .filter(|(own, domain)| !domain.is_empty() && (location.is_empty() || own.eq_ignore_ascii_case(location)))
            .map(|(_, domain)| domain.to_owned());
        if domain.is_none() {
            self.findings.judge(
                &[],
                Diagnostic::error(
                    "portal-url",
                    format!("{STACK}/portalURL"),
                    "this is not the portal of this location",
                )
                .help(format!(
                    "write https://portal.{}.<domain>/",
                    if location.is_empty() { "<location>" } else { location }
                )),
            );
        }
        let identity_system = self.or(
            profile.identity_system.clone(),
            &format!("{STACK}/identitySystem"),
            "most stamps sign in by Microsoft Entra ID",
            "azure_ad".to_owned(),
        );
        Some(StackSettings {
            portal_url,
            domain: domain.unwrap_or_default(),
            uses_adfs: identity_system == "adfs",
            root_certificates: self.stack_authorities(profile.custom_cloud_root_certificates.as_deref()),
        })
    }

    /// The given value, or a default whose reason is recorded.
    fn or<T>(&mut self, given: Option<T>, pointer: &str, reason: &str, default: T) -> T {
        given.unwrap_or_else(|| {
            self.origins.insert(pointer.to_owned(), Origin::Default { reason: reason.to_owned() });
            default
        })
    }

    /// A network in CIDR notation; told if it is none.
    fn cidr(&mut self, text: Option<&str>, pointer: &str) -> Option<IpNet> {
        let text = text?;
        let network = parse_network(text);
        if network.is_none() {
            let fault = Diagnostic::error("cidr-form", pointer, format!("\"{text}\" is not a range of addresses"));
            let help = match text.parse::<IpAddr>() {
                Ok(IpAddr::V4(address)) => format!("write {address}/32 for this one address"),
                _ => "write CIDR notation, such as 10.240.0.0/16".to_owned(),
            };
            self.findings.judge(&[], fault.help(help));
        }
        network
    }

    /// An address; told if it is none.
    fn address(&mut self, text: Option<&str>, pointer: &str) -> Option<IpAddr> {
        let text = text?;
        let address = text.parse().ok();
        if address.is_none() {
            let fault = Diagnostic::error("address-form", pointer, format!("\"{text}\" is not an address"));
            self.findings.judge(&[], fault.help("write an address such as 10.240.255.5"));
        }
        address
    }
}

/// The pointer of a property of `kubernetesConfig`.
fn kubernetes_pointer(name: &str) -> String {
    format!("{PROPERTIES}/orchestratorProfile/kubernetesConfig/{name}")
}

/// The pointer of a property of `masterProfile`.
fn master_pointer(name: &str) -> String {
    format!("{MASTER}/{name}")
}

/// A region as Azure Resource Manager writes it: `West US 2` is `westus2`.
pub(super) fn normal_location(location: &str) -> String {
    location.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect()
}
