//! The connections to libvirt hosts.

#[cfg(not(feature = "libvirt"))]
use std::sync::Arc;

use super::error::CliError;
use super::options::TargetOptions;
use super::session::{Connected, Wanted};
use super::{Call, Exit};
use crate::model::OnPrem;
use crate::target::libvirt::DEFAULT_URI;
#[cfg(not(feature = "libvirt"))]
use crate::target::libvirt::host::HostHypervisor;

/// The first host's libvirt: the model's, then what the command line or the environment names, then this machine's.
pub fn uri<'a>(on_prem: Option<&'a OnPrem>, connect: Option<&'a str>) -> &'a str {
    let host = on_prem.and_then(|on_prem| on_prem.hosts.first()).map(|host| host.uri.as_str());
    host.or(connect).unwrap_or(DEFAULT_URI)
}

/// All hosts: name (empty where the model names none) and URI.
pub fn hosts<'a>(on_prem: &'a OnPrem, connect: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    if on_prem.hosts.is_empty() {
        return vec![("", uri(None, connect))];
    }
    on_prem.hosts.iter().map(|host| (host.name.as_str(), host.uri.as_str())).collect()
}

#[cfg(not(feature = "libvirt"))]
fn without_library() -> CliError {
    CliError::new(Exit::Usage, "this engine was built without the target `libvirt`").help(
        "build it with `cargo build --features libvirt`; it needs libvirt's library (Debian: apt install libvirt-dev)",
    )
}

/// Connects to the libvirt hosts. Nothing is changed on them.
///
/// # Errors
/// A build without libvirt; nothing answers; a host lacks its storage pool.
#[cfg(not(feature = "libvirt"))]
pub fn connect(_: &Call, _: &TargetOptions, _: Wanted<'_>) -> Result<Connected, CliError> {
    Err(without_library())
}

/// Connects to a host that may lack everything.
///
/// # Errors
/// A build without libvirt; nothing answers.
#[cfg(not(feature = "libvirt"))]
pub fn open_host(_: &str) -> Result<Arc<dyn HostHypervisor>, CliError> {
    Err(without_library())
}

#[cfg(feature = "libvirt")]
pub use with_library::{connect, open_host};

#[cfg(feature = "libvirt")]
mod with_library {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::{Call, CliError, Connected, Exit, TargetOptions, Wanted};
    use crate::base::{Clock, Secret, SystemClock};
    use crate::cli::chosen_image::ChosenImage;
    use crate::cli::session::{administrator, session};
    use crate::cluster::{HostOfUri, host_of_uri};
    use crate::contract::{Fault, FaultClass, Future, KeyVaultSecret, KeyVaults};
    use crate::graph::Scope;
    use crate::model::{self, OnPrem};
    use crate::target::http::{HttpSettings, Names};
    use crate::target::libvirt::host::{HostFacts, HostHypervisor, host_facts};
    use crate::target::libvirt::{
        AbsentHost, ErrorKind, FolderGateways, GatewayPairs, Gateways, Host, Hosts, Hypervisor, LibvirtConnection,
        LibvirtTarget, MachineGateways, Member, NetworkMode, Settings, Site, pool_id,
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

    /// What the model says.
    fn settings(on_prem: &OnPrem, facts: Option<HostFacts>, image: &ChosenImage) -> Result<Settings, CliError> {
        let network_mode = match on_prem.network_mode {
            model::NetworkMode::Nat => NetworkMode::Nat,
            model::NetworkMode::Routed => NetworkMode::Routed,
            model::NetworkMode::Bridged => NetworkMode::Bridged,
        };
        // What the host was prepared with counts where the model says nothing.
        let facts = facts.unwrap_or_default();
        let addresses = if on_prem.addresses.is_empty() { facts.ranges()? } else { on_prem.addresses.clone() };
        let bridge = on_prem.bridge.clone().or(facts.bridge);
        // The model's own rules have not seen what the host was prepared with.
        for range in &addresses {
            let router =
                on_prem.router.filter(|router| !router.contains(&range.first) || !router.contains(&range.last));
            let services = on_prem.service_addresses.iter().find(|services| services.overlaps(*range));
            let problem = match (router, services) {
                (Some(router), _) => format!("outside of {}, the network of onPremProfile.router", router.trunc()),
                (_, Some(services)) => format!("also among onPremProfile.serviceAddresses: {services}"),
                _ => continue,
            };
            let message = format!("the host's addresses {range} are {problem}");
            let help = "name others in the model, or by `engine host init --addresses`";
            return Err(CliError::new(Exit::Definition, message).help(help));
        }
        Ok(Settings {
            storage_pool: on_prem.storage_pool.clone(),
            image: image.volume.clone(),
            image_files: image.files(),
            data_source: on_prem.data_source,
            network_mode,
            addresses,
            service_addresses: on_prem.service_addresses.clone(),
            site: bridge.map(|bridge| Site { bridge, router: on_prem.router }),
            name_servers: on_prem.name_servers.clone(),
            sizes: on_prem.sizes.clone(),
            gateway: on_prem.gateway,
            // Who says that a host is slow says that it emulates.
            emulated: on_prem.slow_host,
        })
    }

    /// Connects to a host. Where nothing answers, the remedy depends on the way.
    fn open(uri: &str) -> Result<LibvirtConnection, Fault> {
        LibvirtConnection::open(uri).map_err(|mut error| {
            let way = host_of_uri(uri);
            // libvirt's library does not tell a socket that refuses somebody from one that is not there.
            if matches!(way, HostOfUri::Here) && error.message.contains("Permission denied") {
                error.kind = ErrorKind::Forbidden;
            }
            let unreachable = error.kind == ErrorKind::Unreachable;
            let told = Fault::from(error);
            match (unreachable, way) {
                (true, HostOfUri::Here) => told.help(
                    "install libvirt and start it (Debian: `apt install libvirt-daemon-system qemu-system-x86 qemu-utils \
                     dnsmasq-base iptables`, `systemctl enable --now libvirtd`)",
                ),
                (true, HostOfUri::BySsh(_)) => {
                    told.help("see that `ssh` gets there without a question, and that libvirtd runs on the host")
                }
                (_, HostOfUri::Otherwise) if uri.starts_with("qemu+tls:") => told.help(
                    "see that libvirtd listens there and lets this account's certificate in, and that each side has one of an \
                     authority that the other one knows: https://libvirt.org/kbase/tlscerts.html",
                ),
                _ => told,
            }
        })
    }

    /// Connects to a host that may lack everything.
    ///
    /// # Errors
    /// Nothing answers, or lets nobody in.
    pub fn open_host(uri: &str) -> Result<Arc<dyn HostHypervisor>, CliError> {
        Ok(Arc::new(open(uri)?))
    }

    /// Gateways that are machines: two of each network where there are several hosts.
    fn machine_gateways(hosts: &Hosts, settings: &Settings, clock: &Arc<dyn Clock>) -> Arc<dyn Gateways> {
        let of = |member: Member, host: &Host| {
            MachineGateways::new(member, Arc::clone(&host.hypervisor), settings.clone(), Arc::clone(clock))
        };
        let first = of(Member::First, hosts.first());
        if hosts.count() == 1 {
            return Arc::new(first);
        }
        Arc::new(GatewayPairs::new(first, hosts.all().skip(1).map(|host| of(Member::Second, host)).collect()))
    }

    /// Connects to the libvirt hosts. Nothing is changed on them.
    ///
    /// # Errors
    /// A host does not answer, or lacks its storage pool: any of them, or where the cluster is only looked at the first.
    pub fn connect(call: &Call, options: &TargetOptions, wanted: Wanted<'_>) -> Result<Connected, CliError> {
        let on_prem = wanted.cluster.and_then(|cluster| cluster.on_prem.clone()).unwrap_or_default();
        let host = |name: &str, uri: &str| {
            let hypervisor: Arc<dyn Hypervisor> = Arc::new(open(uri)?);
            let id = pool_id(&*hypervisor, name, &on_prem.storage_pool)?;
            Ok::<_, Fault>(Host { name: name.to_owned(), id, hypervisor })
        };
        let (mut present, mut absent) = (Vec::new(), Vec::new());
        for (name, uri) in super::hosts(&on_prem, options.connect.as_deref()) {
            match host(name, uri) {
                Ok(host) => present.push(host),
                // Without the first one, where the records are, there is nothing to look at.
                Err(fault) if wanted.only_looks && !present.is_empty() => {
                    absent.push(AbsentHost { name: name.to_owned(), fault });
                }
                Err(fault) => return Err(fault.into()),
            }
        }
        let mut present = present.into_iter();
        let Some(first) = present.next() else { return Err(CliError::usage("no host is named")) };
        let others: Vec<Host> = present.collect();
        for (place, host) in others.iter().enumerate() {
            if let Some(same) = std::iter::once(&first).chain(&others[..place]).find(|other| other.id == host.id) {
                let message =
                    format!("the hosts {} and {} have one storage pool: they are the same", same.name, host.name);
                return Err(CliError::new(Exit::Definition, message).help("name each host once in onPremProfile.hosts"));
            }
        }
        let hosts = Hosts::new(first, others).without(absent);
        let absence = hosts.require_all().err().map(|fault| fault.message);
        let first = &hosts.first().hypervisor;
        let facts = host_facts(&**first, &on_prem.storage_pool)?;
        let settings = settings(&on_prem, facts, &ChosenImage::of(call, wanted.cluster)?)?;
        let emulates = |host: &&Host| !settings.emulated && matches!(host.hypervisor.has_kvm(), Ok(false));
        let cautions = hosts.all().filter(emulates).map(|host| {
            let host = if host.name.is_empty() { "the host" } else { &host.name };
            format!(
                "{host} runs no machines by KVM, and the model does not say onPremProfile.slowHost: they are emulated, ten \
                 times as slow, and may be given up before they are done"
            )
        });
        let cautions = cautions.collect();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let gateways: Arc<dyn Gateways> = match &options.gateways {
            Some(folder) => Arc::new(FolderGateways::new(folder.clone())),
            None => machine_gateways(&hosts, &settings, &clock),
        };
        let target = LibvirtTarget::new(hosts, Some(gateways), settings, clock);
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
        Ok(Connected { session, arm: None, bootstrap_token, cautions, absence, simulator: None })
    }
}
