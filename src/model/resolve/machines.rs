//! What control-plane nodes and pools have in common: images, disks, addresses.

use std::collections::BTreeMap;

use crate::base::Diagnostic;
use crate::catalog::{Cloud, MarketplaceImage, ubuntu_image, windows_image};

use super::super::flags::{Component, taken};
use super::super::input::{ImageReference, NodeKubernetesConfig};
use super::super::network::NetworkPlugin;
use super::super::pool::{Availability, Caching, Image, OperatingSystem, OsDisk, Storage};
use super::{Context, Resolver};

/// The distribution that nodes run.
pub(in crate::model) const DISTRO: &str = "ubuntu-24.04";

impl Resolver<'_> {
    pub(super) fn image(
        &mut self,
        context: &Context<'_>,
        root: &str,
        reference: Option<&ImageReference>,
        distro: Option<&str>,
        windows: Option<&Image>,
        operating_system: OperatingSystem,
    ) -> Image {
        let pointer = format!("{root}/distro");
        if let Some(distro) = distro.filter(|distro| *distro != DISTRO)
            && reference.is_none()
            && operating_system == OperatingSystem::Linux
        {
            let message = format!("\"{distro}\" is no longer maintained; Ubuntu 24.04 takes its place");
            let warning = Diagnostic::warning("distro-replaced", &pointer, message);
            self.findings.judge(&[], warning.help(format!("write \"{DISTRO}\"")));
        }
        if let Some(image) = reference.and_then(|reference| self.own_image(root, reference)) {
            return image;
        }
        match operating_system {
            OperatingSystem::Windows => windows.cloned().unwrap_or_else(|| marketplace(windows_image(context.cloud))),
            OperatingSystem::Linux => {
                if distro.is_none() {
                    self.or(None, &pointer, "the newest long-term release", ());
                }
                marketplace(ubuntu_image(context.cloud))
            }
        }
    }

    /// An image of the user's own; told if it is named by halves.
    pub(super) fn own_image(&mut self, root: &str, reference: &ImageReference) -> Option<Image> {
        let pointer = format!("{root}/imageReference");
        let fault = |message: &str| {
            Diagnostic::error("image-reference", &pointer, message)
                .help("name and resourceGroup are needed; for a gallery, subscriptionID, gallery and version, too")
        };
        let (Some(name), Some(resource_group)) = (reference.name.clone(), reference.resource_group.clone()) else {
            self.findings.judge(&[], fault("name or resourceGroup is missing"));
            return None;
        };
        match (reference.subscription_id.clone(), reference.gallery.clone(), reference.version.clone()) {
            (None, None, None) => Some(Image::Managed { resource_group, name }),
            (Some(subscription_id), Some(gallery), Some(version)) => {
                Some(Image::Gallery { subscription_id, resource_group, gallery, name, version })
            }
            _ => {
                self.findings.judge(&[], fault("of subscriptionID, gallery and version one is missing"));
                None
            }
        }
    }

    pub(super) fn os_disk(
        &mut self,
        context: &Context<'_>,
        root: &str,
        size: Option<u32>,
        caching_word: Option<&str>,
        storage: Option<&str>,
    ) -> OsDisk {
        let pointer = format!("{root}/storageProfile");
        let storage = match storage {
            Some("Ephemeral") => Storage::Ephemeral,
            Some("StorageAccount") => {
                // Azure's refusal is "Addition of a managed disk to a VM with blob based disks is not supported"; the disk
                // driver attaches no others (kubernetes-sigs/azuredisk-csi-driver, docs/driver-parameters.md: `kind`).
                let message = match context.cloud {
                    Cloud::Stack => {
                        "a machine with unmanaged disks takes no managed ones, and pods' volumes are such; managed ones \
                         take their place"
                    }
                    _ => "Azure has retired unmanaged disks; managed ones take their place",
                };
                let warning = Diagnostic::warning("unmanaged-disks-replaced", &pointer, message);
                self.findings.push(warning.help("write \"ManagedDisks\""));
                Storage::ManagedDisks
            }
            Some(_) => Storage::ManagedDisks,
            None => self.or(None, &pointer, "they need no storage accounts", Storage::ManagedDisks),
        };
        let caching_pointer = format!("{root}/osDiskCachingType");
        let caching = match (caching(caching_word), storage) {
            (Some(caching), _) => caching,
            (None, Storage::Ephemeral) => {
                self.or(None, &caching_pointer, "ephemeral disks know no other", Caching::ReadOnly)
            }
            (None, _) => self.or(None, &caching_pointer, "aks-engine's value", Caching::ReadWrite),
        };
        OsDisk { size_gib: size.filter(|size| *size != 0), caching, storage }
    }

    pub(super) fn fault_domains(
        &mut self,
        context: &Context<'_>,
        root: &str,
        given: Option<u32>,
        availability: Availability,
        zones: Option<&Vec<String>>,
    ) -> u32 {
        let (default, reason) = match availability {
            Availability::AvailabilitySet if context.cloud == Cloud::Stack => (3, "Azure Stack Hub has three"),
            Availability::AvailabilitySet => (2, "every region has two"),
            Availability::ScaleSet if zones.is_some_and(|zones| !zones.is_empty()) => (1, "zones keep machines apart"),
            Availability::ScaleSet => (5, "Azure's value for scale sets"),
        };
        self.or(given, &format!("{root}/platformFaultDomainCount"), reason, default)
    }

    pub(super) fn addresses_per_node(
        &mut self,
        root: &str,
        given: Option<u32>,
        plugin: NetworkPlugin,
        max_pods: u32,
    ) -> u32 {
        let (default, reason) = match plugin {
            NetworkPlugin::Azure => (max_pods.saturating_add(1), "one for the node and one for each pod"),
            _ => (1, "pods have a range of their own"),
        };
        self.or(given.filter(|count| *count != 0), &format!("{root}/ipAddressCount"), reason, default)
    }
}

pub(super) fn kubelet_flags(config: Option<&NodeKubernetesConfig>) -> BTreeMap<String, String> {
    taken(Component::Kubelet, config.and_then(|config| config.kubelet_config.as_ref()))
}

pub(super) fn caching(word: Option<&str>) -> Option<Caching> {
    match word? {
        "None" => Some(Caching::None),
        "ReadOnly" => Some(Caching::ReadOnly),
        _ => Some(Caching::ReadWrite),
    }
}

fn marketplace(image: MarketplaceImage) -> Image {
    Image::Marketplace {
        publisher: image.publisher.into(),
        offer: image.offer.into(),
        sku: image.sku.into(),
        version: image.version.into(),
    }
}
