//! The gateway of an on-prem virtual network: the small machine that stands for what Azure's fabric does beside a network.
//! It answers the instance metadata service and the wire server, and balances load, also for the cluster's own services. Where
//! machines stand on the site's bridge it is their router, too, with addresses by DHCP and names; there it may be one of two.
//!
//! What crosses between it and the target that makes machines: [`Configuration`], which the target writes as
//! `gateway.json`, and [`MachineStatus`], which the gateway records as `status/<name>.json`.
//! Deliberately absent: making machines or networks, and outbound translation where the host does it.

mod addresses;
mod askers;
mod balancers;
mod configuration;
mod dnsmasq;
mod error;
mod haproxy;
mod keepalived;
mod keeper;
mod listener;
mod metadata;
mod program;
mod router;
mod run;
mod serve;
mod services;
mod site;
mod status;
mod text;
mod wire;
mod xml;

pub use configuration::{
    Administrator, Backend, Balancer, CONFIGURATION_FILE, Configuration, ConfigurationError, FORMAT, Frontend, Image,
    Interface, Machine, MachineAddress, Pair, Probe, ProbeProtocol, Router, Rule, Site, SystemKind, TransportProtocol,
};
pub use error::GatewayError;
pub use run::{Gateway, GatewaySettings, METADATA, WIRE};
pub use services::{Allotment, Allotments, SERVICES_FORMAT, SERVICES_PATH, Service, ServicePort, ToldServices};
pub use status::{MachineState, MachineStatus, STATUS_FOLDER, STATUS_FORMAT, status_file};

/// Who hears what a gateway has to say, a line each.
pub type Tell = std::sync::Arc<dyn Fn(&str) + Send + Sync>;
