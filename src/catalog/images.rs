//! Marketplace images that machines start from.
//!
//! Source: the publishers' marketplace listings (Canonical "Ubuntu on Azure", Microsoft "Windows Server"), read
//! 2026-11-21. All are of generation 2, except where Azure Stack Hub has generation 1 only.

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

/// Windows Server 2022 without desktop.
pub const fn windows_image(cloud: Cloud) -> MarketplaceImage {
    MarketplaceImage {
        publisher: "MicrosoftWindowsServer",
        offer: "WindowsServer",
        sku: match cloud {
            Cloud::Stack => "2022-datacenter-core",
            Cloud::Public | Cloud::China | Cloud::UsGovernment => "2022-datacenter-core-g2",
        },
        version: "latest",
    }
}
