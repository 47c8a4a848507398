//! The connection to a libvirt host.

use super::error::CliError;
use super::options::TargetOptions;
use super::session::{Connected, Wanted};
use super::{Call, Exit};

/// Connects to a libvirt host. Nothing is changed on it.
///
/// # Errors
/// A build without libvirt; nothing answers; the host lacks its storage pool.
#[cfg(not(feature = "libvirt"))]
pub fn connect(_: &Call, _: &TargetOptions, _: Wanted<'_>) -> Result<Connected, CliError> {
    Err(not_built())
}

/// How to get what this build lacks.
#[cfg(not(feature = "libvirt"))]
pub fn not_built() -> CliError {
    CliError::new(Exit::Usage, "this engine was built without the target `libvirt`").help(
        "build it with `cargo build --features libvirt`; it needs libvirt's library (Debian: apt install libvirt-dev)",
    )
}

#[cfg(feature = "libvirt")]
pub use with_library::connect;

#[cfg(feature = "libvirt")]
mod with_library {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::{Call, CliError, Connected, Exit, TargetOptions, Wanted};
    use crate::base::{Secret, SystemClock};
    use crate::cli::session::{administrator, session};
    use crate::contract::{Fault, FaultClass, Future, KeyVaultSecret, KeyVaults};
    use crate::graph::Scope;
    use crate::model::{self, OnPrem, OnPremImage};
    use crate::target::http::{HttpSettings, Names};
    use crate::target::libvirt::{
        DEFAULT_IMAGE, DEFAULT_URI, FolderGateways, Gateways, LibvirtConnection, LibvirtTarget, NetworkMode, Settings,
        Size,
    };

    /// On-prem there are no key vaults.
    struct NoVaults;

    impl KeyVaults for NoVaults {
        fn read<'a>(&'a self, secret: &'a KeyVaultSecret) -> Future<'a, Result<Secret, Fault>> {
            let message = format!("the key vault {} cannot be read on-prem", secret.vault_name());
            let fault = Fault::new(FaultClass::Invalid, "", message).help("write the secret itself into the model");
            Box::pin(std::future::ready(Err(fault)))
        }
    }

    /// The names of the cluster's public addresses, which nobody's name server knows.
    struct ClusterNames(LibvirtTarget);

    impl std::fmt::Debug for ClusterNames {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("ClusterNames")
        }
    }

    impl Names for ClusterNames {
        fn address_of(&self, name: &str) -> Option<IpAddr> {
            self.0.address_of(name)
        }
    }

    /// What the model says, as far as it is built.
    fn settings(on_prem: &OnPrem) -> Result<Settings, CliError> {
        let refuse = |what: &str, help: &str| {
            CliError::new(Exit::Definition, format!("{what}: this version does not build that on-prem")).help(help)
        };
        if on_prem.hosts.len() > 1 {
            return Err(refuse("onPremProfile.hosts has several hosts", "name one"));
        }
        let image = match &on_prem.image {
            Some(OnPremImage::Folder(_)) => {
                return Err(refuse(
                    "onPremProfile.image is a folder",
                    "put the image into the storage pool, and name the volume",
                ));
            }
            Some(OnPremImage::Volume(volume)) => volume.clone(),
            None => DEFAULT_IMAGE.to_owned(),
        };
        let network_mode = match on_prem.network_mode {
            model::NetworkMode::Nat => NetworkMode::Nat,
            model::NetworkMode::Routed => NetworkMode::Routed,
            model::NetworkMode::Bridged => {
                return Err(refuse("onPremProfile.networkMode is `bridged`", "use `nat` or `routed`"));
            }
        };
        if on_prem.bridge.is_some() {
            return Err(refuse("onPremProfile.bridge is given", "leave it out: machines have a network of their own"));
        }
        if !on_prem.service_addresses.is_empty() {
            return Err(refuse(
                "onPremProfile.serviceAddresses are given",
                "leave them out: services of type LoadBalancer stay without an address",
            ));
        }
        if !on_prem.addresses.is_empty() {
            return Err(refuse(
                "onPremProfile.addresses are given",
                "leave them out: front ends are reached from the host",
            ));
        }
        let size =
            |size: &model::OnPremSize| Size { processors: size.processors, memory_mib: u64::from(size.memory_mib) };
        Ok(Settings {
            storage_pool: on_prem.storage_pool.clone(),
            image,
            network_mode,
            sizes: on_prem.sizes.iter().map(|(name, own)| (name.to_ascii_lowercase(), size(own))).collect(),
            // Who says that a host is slow says that it emulates.
            emulated: on_prem.slow_host,
            ..Settings::default()
        })
    }

    /// Connects to a libvirt host. Nothing is changed on it.
    ///
    /// # Errors
    /// Nothing answers; the host lacks its storage pool; a model that asks for what is not built.
    pub fn connect(call: &Call, options: &TargetOptions, wanted: Wanted<'_>) -> Result<Connected, CliError> {
        let on_prem = wanted.on_prem.unwrap_or_default();
        let host = on_prem.hosts.first().map(|host| host.uri.as_str());
        let uri = host.or(options.connect.as_deref()).unwrap_or(DEFAULT_URI);
        let settings = settings(&on_prem)?;
        let connection = LibvirtConnection::open(uri).map_err(Fault::from)?;
        let gateways =
            options.gateways.clone().map(|folder| Arc::new(FolderGateways::new(folder)) as Arc<dyn Gateways>);
        let target = LibvirtTarget::new(Arc::new(connection), gateways, settings, Arc::new(SystemClock));
        let scope = Scope {
            subscription_id: target.subscription()?,
            tenant_id: LibvirtTarget::tenant(),
            resource_group: wanted.resource_group,
            location: wanted.location,
        };
        let names: Arc<dyn Names> = Arc::new(ClusterNames(target.clone()));
        // It is near: no proxy stands between.
        let http = HttpSettings { names: Some(names), ..HttpSettings::default() };
        let (kubernetes, members) = administrator(wanted.keys, http)?;
        let bootstrap_token = members.bootstrap_token.clone();
        let session = session(call, Arc::new(target), Arc::new(NoVaults), kubernetes, members, scope);
        Ok(Connected { session, arm: None, bootstrap_token, simulator: None })
    }
}
