//! Marketplace images that machines start from.
//!
//! Source: the publishers' marketplace listings (Canonical "Ubuntu on Azure"), read 2026-11-21. All are of generation 2, except where Azure Stack Hub has generation 1 only.

use super::Cloud;

/// A marketplace image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketplaceImage {
    /// Who offers it.
    pub publisher: &'static str,
    /// The product.
    pub offer: &'static str,
    /// The plan.
    pub sku: &'static str,
    /// `latest`, or one version.
    pub version: &'static str,
}

/// Ubuntu Server 24.04, the Linux that nodes run.
pub const fn ubuntu_image(cloud: Cloud) -> MarketplaceImage {
    MarketplaceImage {
        publisher: "Canonical",
        offer: "ubuntu-24_04-lts",
        sku: match cloud {
            Cloud::Stack => "server-gen1",
            Cloud::Public | Cloud::China | Cloud::UsGovernment => "server",
        },
        version: "latest",
    }
}
