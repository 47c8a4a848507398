//! Who logs in, where software comes from, flags and add-ons.

use crate::base::{Diagnostic, Secret};
use crate::catalog::{ContainerName, add_on_containers, is_image_of_aks_engine};

use super::super::cluster::{
    Addon, AddonContainer, AddonPool, ComponentFlags, KeyVaultSku, LinuxSettings, SoftwareSource,
};
use super::super::flags::{Component, taken};
use super::super::input::{AddonContainerInput, AddonPoolInput, KubernetesConfig};
use super::super::pointers::{LINUX, SOFTWARE};
use super::identity::vault_secrets;
use super::{Context, Resolver, kubernetes_pointer};

impl Resolver<'_> {
    pub(super) fn linux(&mut self, context: &Context<'_>) -> LinuxSettings {
        let profile = context.properties.linux_profile.clone().unwrap_or_default();
        let keys = profile.ssh.unwrap_or_default().public_keys.unwrap_or_default();
        let dns_pointer = format!("{LINUX}/customNodesDNS/dnsServer");
        LinuxSettings {
            admin_username: profile.admin_username.unwrap_or_default(),
            ssh_public_keys: keys.into_iter().map(|key| key.key_data.unwrap_or_default().trim().to_owned()).collect(),
            upgrade_on_bootstrap: self.or(
                profile.run_unattended_upgrades_on_bootstrap,
                &format!("{LINUX}/runUnattendedUpgradesOnBootstrap"),
                "nodes start from the newest image, and its timer installs what came since",
                false,
            ),
            unattended_upgrades: self.or(
                profile.enable_unattended_upgrades,
                &format!("{LINUX}/enableUnattendedUpgrades"),
                "fixes for security should not wait",
                true,
            ),
            vault_secrets: vault_secrets(profile.secrets.as_ref()),
            mtu: profile.eth0_mtu.filter(|mtu| *mtu != 0),
            dns_server: profile.custom_nodes_dns.and_then(|dns| self.address(dns.dns_server.as_deref(), &dns_pointer)),
            search_domain: profile.custom_search_domain.and_then(|domain| domain.name).filter(|name| !name.is_empty()),
            proxy: self.proxy(profile.http_proxy_config),
        }
    }

    pub(super) fn key_vault_encryption(&mut self, kubernetes: &KubernetesConfig) -> Option<KeyVaultSku> {
        let wanted = self.or(
            kubernetes.enable_encryption_with_external_kms,
            &kubernetes_pointer("enableEncryptionWithExternalKms"),
            "a vault costs, and has to answer whenever a control-plane node starts",
            false,
        );
        let pointer = kubernetes_pointer("keyVaultSku");
        if !wanted {
            if kubernetes.key_vault_sku.as_deref().is_some_and(|sku| sku != KeyVaultSku::Standard.word()) {
                let message = "keyVaultSku has no effect: there is no key vault";
                let warning = Diagnostic::warning("no-effect", pointer, message);
                self.findings.judge(&[], warning.help("leave it out, or set enableEncryptionWithExternalKms to true"));
            }
            return None;
        }
        let sku = kubernetes.key_vault_sku.as_deref().map(|word| match word {
            "premium" => KeyVaultSku::Premium,
            _ => KeyVaultSku::Standard,
        });
        Some(self.or(sku, &pointer, "a hardware security module costs more", KeyVaultSku::Standard))
    }

    pub(super) fn software(&mut self, context: &Context<'_>) -> SoftwareSource {
        let profile = context.properties.software_profile.clone().unwrap_or_default();
        let source_pointer = format!("{SOFTWARE}/source");
        let mirror_pointer = format!("{SOFTWARE}/mirror");
        let mirror = profile.mirror.map(|url| url.trim_end_matches('/').to_owned());
        match (profile.source.as_deref(), mirror) {
            (Some("mirror"), None) => {
                let fault = Diagnostic::error("mirror-url", &mirror_pointer, "the mirror's address is missing");
                self.findings.judge(&[], fault.help("add \"mirror\": \"https://…\""));
                SoftwareSource::Distribution
            }
            (Some("mirror"), Some(url)) => {
                if !url.starts_with("https://") && !url.starts_with("http://") {
                    let fault =
                        Diagnostic::error("mirror-url", &mirror_pointer, format!("\"{url}\" is not a web address"));
                    self.findings.judge(&[], fault.help("write https://…"));
                }
                SoftwareSource::Mirror { url }
            }
            (source, mirror) => {
                if mirror.is_some() {
                    let warning = Diagnostic::warning(
                        "no-effect",
                        &mirror_pointer,
                        "mirror has no effect: source is not \"mirror\"",
                    );
                    self.findings.judge(&[], warning.help("write \"source\": \"mirror\""));
                }
                match source {
                    Some("image") => SoftwareSource::Image,
                    Some(_) => SoftwareSource::Distribution,
                    None => self.or(
                        None,
                        &source_pointer,
                        "the packages of Ubuntu and of Kubernetes",
                        SoftwareSource::Distribution,
                    ),
                }
            }
        }
    }
}

/// The components' flags, with those that a property stands for.
pub(super) fn component_flags(kubernetes: &KubernetesConfig) -> ComponentFlags {
    let mut kubelet = taken(Component::Kubelet, kubernetes.kubelet_config.as_ref());
    for (flag, percent) in [
        ("--image-gc-high-threshold", kubernetes.gc_high_threshold),
        ("--image-gc-low-threshold", kubernetes.gc_low_threshold),
    ] {
        if let Some(percent) = percent {
            kubelet.entry(flag.to_owned()).or_insert_with(|| percent.to_string());
        }
    }
    ComponentFlags {
        kubelet,
        api_server: taken(Component::ApiServer, kubernetes.api_server_config.as_ref()),
        controller_manager: taken(Component::ControllerManager, kubernetes.controller_manager_config.as_ref()),
        cloud_controller_manager: kubernetes.cloud_controller_manager_config.clone().unwrap_or_default(),
        scheduler: taken(Component::Scheduler, kubernetes.scheduler_config.as_ref()),
    }
}

/// The add-ons that a model names.
pub(super) fn addons(kubernetes: &KubernetesConfig) -> Vec<Addon> {
    let addons = kubernetes.addons.iter().flatten().map(|addon| {
        let number = |pool: &AddonPoolInput, name: &str| pool.config.as_ref()?.get(name)?.parse().ok();
        let pool = |pool: &AddonPoolInput| AddonPool {
            name: pool.name.clone().unwrap_or_default(),
            minimum: number(pool, "min-nodes"),
            maximum: number(pool, "max-nodes"),
        };
        let manifest = addon.data.as_deref().filter(|data| !data.is_empty()).and_then(decoded);
        let (secrets, config) = addon
            .config
            .clone()
            .unwrap_or_default()
            .into_iter()
            .partition::<std::collections::BTreeMap<_, _>, _>(|(name, _)| is_secret(name));
        Addon {
            name: addon.name.clone().unwrap_or_default(),
            enabled: addon.enabled,
            pools: addon.pools.iter().flatten().map(pool).collect(),
            containers: containers(addon.name.as_deref().unwrap_or_default(), addon.containers.as_ref()),
            manifest,
            config,
            secrets: secrets.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
        }
    });
    addons.collect()
}

/// What is said of containers that there are, by their names of today. What is left out is told by `rules::containers`.
fn containers(add_on: &str, given: Option<&Vec<AddonContainerInput>>) -> Vec<AddonContainer> {
    let Some(known) = add_on_containers(add_on) else { return Vec::new() };
    let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let container = |container: &AddonContainerInput| match known.container(container.name.as_deref()?) {
        ContainerName::Known(name) => Some(AddonContainer {
            name: name.to_owned(),
            image: said(&container.image).filter(|image| !is_image_of_aks_engine(image)),
            cpu_request: said(&container.cpu_requests),
            memory_request: said(&container.memory_requests),
            cpu_limit: said(&container.cpu_limits),
            memory_limit: said(&container.memory_limits),
        }),
        ContainerName::Gone | ContainerName::Unknown => None,
    };
    given.into_iter().flatten().filter_map(container).collect()
}

fn decoded(data: &str) -> Option<String> {
    use base64::Engine as _;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data).ok()?).ok()
}

/// Whether an add-on's setting must not be seen.
pub(in crate::model) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "key", "password", "token"].iter().any(|end| name.ends_with(end))
}
