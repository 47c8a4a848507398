//! Windows machines: who logs in, and what they start from.

use crate::base::{Diagnostic, Secret};
use crate::catalog::{is_maintained_windows, windows_image};

use super::super::cluster::WindowsSettings;
use super::super::input::WindowsProfile;
use super::super::pointers::WINDOWS;
use super::super::pool::Image;
use super::identity::vault_secrets;
use super::{Context, Resolver};

/// What an image's version of Windows Server 2022 begins with, the only one that fits the engine's own plan.
const BUILD: &str = "20348.";

impl Resolver<'_> {
    pub(super) fn windows(&mut self, context: &Context<'_>) -> Option<WindowsSettings> {
        let profile = context.properties.windows_profile.as_ref()?;
        let at = |name: &str| format!("{WINDOWS}/{name}");
        Some(WindowsSettings {
            admin_username: profile.admin_username.clone().unwrap_or_default(),
            admin_password: profile.admin_password.clone().map_or_else(|| Secret::new(""), |password| password.0),
            image: self.windows_image(context, profile),
            vault_secrets: vault_secrets(profile.secrets.as_ref()),
            ssh_enabled: self.or(profile.ssh_enabled, &at("sshEnabled"), "logs are fetched by SSH", true),
            automatic_updates: self.or(
                profile.enable_automatic_updates,
                &at("enableAutomaticUpdates"),
                "updates restart a node without draining it",
                false,
            ),
            azure_hybrid_benefit: self.or(
                profile.enable_ahub,
                &at("enableAHUB"),
                "it needs licences of one's own",
                false,
            ),
        })
    }

    /// A disk before an image of one's own before the marketplace, as with aks-engine.
    fn windows_image(&mut self, context: &Context<'_>, profile: &WindowsProfile) -> Image {
        if let Some(url) = given(profile.windows_image_source_url.as_ref()) {
            return Image::Disk { url };
        }
        if let Some(image) = profile.image_reference.as_ref().and_then(|reference| self.own_image(WINDOWS, reference)) {
            return image;
        }
        let at = |name: &str| format!("{WINDOWS}/{name}");
        let own = windows_image(context.cloud);
        let (publisher, offer) = (given(profile.windows_publisher.as_ref()), given(profile.windows_offer.as_ref()));
        let (sku, version) = (given(profile.windows_sku.as_ref()), given(profile.image_version.as_ref()));
        let named = publisher.clone().unwrap_or_else(|| own.publisher.to_owned());
        let plan = sku.clone().unwrap_or_else(|| own.sku.to_owned());
        let gone = !is_maintained_windows(&named, &plan);
        let other_build = sku.is_none()
            && publisher.is_none()
            && version.as_ref().is_some_and(|version| version != "latest" && !version.starts_with(BUILD));
        if gone || other_build {
            let (name, value) = match (&sku, &version) {
                _ if other_build => ("imageVersion", version.unwrap_or_default()),
                (Some(sku), _) => ("windowsSku", sku.clone()),
                _ => ("windowsPublisher", named),
            };
            let message = format!("nodes cannot start from \"{value}\" any more; Windows Server 2022 takes its place");
            let warning = Diagnostic::warning("windows-image-replaced", at(name), message);
            self.findings.push(
                warning.help(format!(
                    "leave the image out, or write \"windowsSku\": \"{}\", or the same of 2025",
                    own.sku
                )),
            );
            return marketplace([own.publisher, own.offer, own.sku, own.version].map(ToOwned::to_owned));
        }
        let reason = "the Windows Server that most containers are made for";
        marketplace([
            self.or(publisher, &at("windowsPublisher"), reason, own.publisher.to_owned()),
            self.or(offer, &at("windowsOffer"), reason, own.offer.to_owned()),
            self.or(sku, &at("windowsSku"), reason, own.sku.to_owned()),
            self.or(version, &at("imageVersion"), "the newest has the newest fixes", own.version.to_owned()),
        ])
    }
}

/// A text that says something.
fn given(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

fn marketplace([publisher, offer, sku, version]: [String; 4]) -> Image {
    Image::Marketplace { publisher, offer, sku, version }
}
