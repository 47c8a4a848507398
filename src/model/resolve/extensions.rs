//! Scripts that machines run before they become nodes (`preProvisionExtension`).
//!
//! Source: Azure/aks-engine, `docs/topics/extensions.md` and `pkg/engine/engine.go` (`makeExtensionScriptCommands`), f634f52,
//! read 2026-11-28. Deliberately absent: extensions that link to a template. Their links are written for the variables of
//! aks-engine's own template, and each replaces the machine's script, of which Azure allows one.

use crate::base::Diagnostic;

use super::super::extension::PreProvisionScript;
use super::super::input::{ExtensionProfile, ExtensionReference, Properties};
use super::super::pointers::PROPERTIES;
use super::super::pool::OperatingSystem;
use super::{Context, Resolver};

/// Where aks-engine's own extensions lie.
const ROOT: &str = "https://raw.githubusercontent.com/Azure/aks-engine/master/";

impl Resolver<'_> {
    /// The scripts that are asked for, each once.
    pub(super) fn scripts(&mut self, properties: &Properties) -> Vec<PreProvisionScript> {
        let master = properties.master_profile.as_ref().and_then(|master| master.pre_provision_extension.as_ref());
        let pools = properties.agent_pool_profiles.iter().flatten();
        let pools = pools.filter(|pool| pool.os_type.as_deref() != Some("Windows"));
        let named: Vec<&ExtensionReference> =
            master.into_iter().chain(pools.filter_map(|pool| pool.pre_provision_extension.as_ref())).collect();
        let is_named = |profile: &ExtensionProfile| named.iter().any(|reference| is_of(reference, profile));
        let profiles = properties.extension_profiles.iter().flatten().enumerate();
        profiles.filter(|(_, profile)| is_named(profile)).map(|(index, profile)| self.script(index, profile)).collect()
    }

    fn script(&mut self, index: usize, profile: &ExtensionProfile) -> PreProvisionScript {
        let at = |name: &str| format!("{PROPERTIES}/extensionProfiles/{index}/{name}");
        let mut tell = |name: &str, message: &str, help: &str| {
            self.findings.judge(&[], Diagnostic::error("extension-script", at(name), message).help(help));
        };
        let is_word = |text: &str| {
            !text.starts_with('.')
                && !text.is_empty()
                && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
        };
        let (name, version) = (profile.name.clone().unwrap_or_default(), profile.version.clone().unwrap_or_default());
        for (property, value) in [("name", &name), ("version", &version)] {
            if !is_word(value) {
                let message = format!("\"{value}\" is no folder's name");
                tell(property, &message, "write letters, digits, -, _ and .");
            }
        }
        let script = profile.script.clone().unwrap_or_default();
        if !script.split('/').all(is_word) {
            let help = "name the shell script by its path from the extension's folder, such as install.sh";
            tell("script", "the script that the machines shall run is not named", help);
        }
        // It becomes a line of curl's configuration.
        let fits = |text: &str| text.chars().all(|letter| letter.is_ascii_graphic() && !"\"\\".contains(letter));
        if let Some(url) = &profile.root_url
            && !(url.starts_with("https://") && url.len() > "https://".len() && fits(url) && !url.contains(['?', '#']))
        {
            let help = "write https://…/, below which the folder \"extensions\" lies; a key goes into urlQuery";
            tell("rootURL", "what runs as root is fetched by https from a plain address", help);
        }
        if profile.url_query.as_ref().is_some_and(|query| !fits(query.0.expose())) {
            tell("urlQuery", "this cannot stand in an address", "escape what is no letter, digit or sign by %");
        }
        if profile.parameters_keyvault_secret_ref.is_some() {
            let message = "machines would have to take what the script is handed from a key vault: the engine cannot do \
                           it yet";
            let fault = Diagnostic::error("not-supported-yet", at("parametersKeyvaultSecretRef"), message);
            self.findings.judge(&[], fault.help("write it into extensionParameters, or let the script fetch it"));
        }
        let default = "aks-engine's own extensions, whose repository is archived";
        let root_url = self.or(profile.root_url.clone(), &at("rootURL"), default, ROOT.to_owned());
        PreProvisionScript {
            name,
            version,
            root_url: format!("{}/", root_url.trim_end_matches('/')),
            script,
            query: profile.url_query.clone().map(|text| text.0).filter(|text| !text.expose().is_empty()),
            parameters: profile
                .extension_parameters
                .clone()
                .map(|text| text.0)
                .filter(|text| !text.expose().is_empty()),
        }
    }

    /// The script of some machines.
    pub(super) fn pre_provision(
        &mut self,
        context: &Context<'_>,
        root: &str,
        reference: Option<&ExtensionReference>,
        operating_system: OperatingSystem,
    ) -> Option<PreProvisionScript> {
        let name = reference?.name.as_deref().unwrap_or_default();
        if operating_system == OperatingSystem::Windows {
            let pointer = format!("{root}/preProvisionExtension");
            let message = "preProvisionExtension has no effect on Windows: only Linux machines run a script before they \
                           become nodes";
            let help = "bring what it does in an image of your own (imageReference)";
            self.findings.judge(&[], Diagnostic::warning("no-effect", pointer, message).help(help));
            return None;
        }
        context.scripts.iter().find(|script| script.name.eq_ignore_ascii_case(name)).cloned()
    }
}

fn is_of(reference: &ExtensionReference, profile: &ExtensionProfile) -> bool {
    match (&reference.name, &profile.name) {
        (Some(reference), Some(profile)) => reference.eq_ignore_ascii_case(profile),
        _ => false,
    }
}
