//! The application gateway that the add-on `appgw-ingress` asks for.

use std::net::IpAddr;

use ipnet::IpNet;

use super::cluster::{Addon, Cluster};

/// The add-on's name.
pub(super) const ADD_ON: &str = "appgw-ingress";

/// The setting that holds the range of the gateway's subnet.
pub(super) const SUBNET: &str = "appgw-subnet";
/// The setting that holds the gateway's kind.
pub(super) const SKU: &str = "appgw-sku";
/// The setting that holds the gateway's address in its subnet.
pub(super) const PRIVATE_ADDRESS: &str = "appgw-private-ip";

/// The kinds of gateways that Azure still makes, the first being aks-engine's own choice.
pub(super) const SKUS: [&str; 2] = ["WAF_v2", "Standard_v2"];

/// What the model says of its application gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplicationGateway {
    /// The range of the gateway's own subnet.
    pub subnet: IpNet,
    /// Whether it has a web application firewall.
    pub has_firewall: bool,
    /// Its address in its subnet, if it has one besides the public one.
    pub private_address: Option<IpAddr>,
}

impl Cluster {
    /// The add-on that asks for an application gateway, with its place among the add-ons.
    pub(super) fn application_gateway_add_on(&self) -> Option<(usize, &Addon)> {
        let mut addons = self.addons.iter().enumerate();
        addons.find(|(_, addon)| addon.name == ADD_ON && addon.enabled == Some(true))
    }

    /// The application gateway, if the model asks for one.
    pub fn application_gateway(&self) -> Option<ApplicationGateway> {
        let (_, addon) = self.application_gateway_add_on()?;
        let setting = |name: &str| addon.config.get(name).map(String::as_str);
        Some(ApplicationGateway {
            // The model's rules refuse one that is none.
            subnet: setting(SUBNET)?.parse().ok()?,
            has_firewall: setting(SKU).unwrap_or(SKUS[0]) == SKUS[0],
            private_address: setting(PRIVATE_ADDRESS).and_then(|address| address.parse().ok()),
        })
    }
}
