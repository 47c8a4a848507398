//! From the settings of Windows machines back to the API model.

use super::cluster::WindowsSettings;
use super::input::{SecretText, WindowsProfile};
use super::pool::{Image, OperatingSystem};
use super::write::{image, vault_secrets};

/// The profile, with every value that a reading fills in.
pub(super) fn windows_profile(windows: &WindowsSettings, admin_password: Option<SecretText>) -> WindowsProfile {
    let mut profile = WindowsProfile {
        admin_username: Some(windows.admin_username.clone()),
        admin_password,
        secrets: vault_secrets(&windows.vault_secrets),
        ssh_enabled: Some(windows.ssh_enabled),
        enable_automatic_updates: Some(windows.automatic_updates),
        enable_ahub: Some(windows.azure_hybrid_benefit),
        ..WindowsProfile::default()
    };
    match &windows.image {
        Image::Marketplace { publisher, offer, sku, version } => {
            profile.windows_publisher = Some(publisher.clone());
            profile.windows_offer = Some(offer.clone());
            profile.windows_sku = Some(sku.clone());
            profile.image_version = Some(version.clone());
        }
        Image::Disk { url } => profile.windows_image_source_url = Some(url.clone()),
        own => profile.image_reference = image(own, OperatingSystem::Windows).1,
    }
    profile
}
