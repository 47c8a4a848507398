//! Gateways that are machines: beside each network a small one that starts from the same image as all others. Its guest agent
//! takes what it is to do, and gives what it has heard.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::gateways::Gateways;
use super::hypervisor::{DomainState, ErrorKind, Hypervisor};
use super::names::{mac_of, uuid_of};
use super::settings::Settings;
use super::xml::{
    AddressGivers, DiskFormat, DiskPlan, DomainPlan, FilterPlan, InterfacePlan, InterfaceSource, belongs_to,
    content_volume, domain, filter, overlay_volume, read,
};
use super::{agent, image};
use crate::base::{Clock, digest};
use crate::contract::{Fault, FaultClass};
use crate::gateway::{CONFIGURATION_FILE, Configuration, MachineStatus, STATUS_FOLDER};

/// By either of these an image knows that it is to be a gateway: a word of its kernel's command line, and its chassis' asset tag.
const KERNEL_WORD: &str = "engine.gateway";
const ASSET_TAG: &str = "engine-gateway";

/// The gateway's folder in the machine.
const FOLDER: &str = "/var/lib/engine/gateway";

/// What a gateway says that is asked for more than its image has, behind the program's name.
const LACKING: &str = "is not on its image, which is older than this engine";

/// What machines have told is asked for once in so many seconds, for all of them.
const FRESH_SECONDS: i64 = 2;

/// Which gateway of a network: the one, or the other where there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// The only one, or the one that begins.
    First,
    /// The other one.
    Second,
}

impl Member {
    fn word(self) -> &'static str {
        match self {
            Self::First => "gateway",
            Self::Second => "gateway-2",
        }
    }
}

/// Gateways that are machines of a host.
pub struct MachineGateways {
    member: Member,
    hypervisor: Arc<dyn Hypervisor>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    known: Mutex<BTreeMap<String, Known>>,
}

/// What this process knows of a gateway.
#[derive(Default)]
struct Known {
    /// The digest of what it is to do, and of what it was told.
    wanted: Option<String>,
    told: Option<String>,
    /// What machines had told it, and when it was asked.
    heard: Option<(Timestamp, BTreeMap<String, MachineStatus>)>,
}

/// The ARM id that a network's gateway has, though ARM knows none.
pub fn gateway_id(network: &str, member: Member) -> String {
    format!("{network}/{}", member.word())
}

/// The hardware address of a gateway's interface into the site.
pub fn site_mac(gateway: &str) -> String {
    mac_of(&format!("{gateway}/site"))
}

fn system_volume(domain: &str) -> String {
    format!("{domain}.os")
}

/// A volume that is there once the gateway was told something: one that does not answer then is not just about to start.
fn mark(domain: &str) -> String {
    format!("{domain}.told")
}

/// The filter that keeps the site's own DHCP servers from giving addresses to a gateway that stands on the site's bridge.
fn filter_name(domain: &str) -> String {
    format!("{domain}.nic")
}

/// Where a gateway stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// Its network's name.
    network: &'a str,
    /// Its own name.
    domain: &'a str,
    /// Its own id.
    id: &'a str,
    /// The bridge of its interface into the site.
    bridge: Option<&'a str>,
    /// Whether it is the machines' router, on that bridge.
    routes: bool,
}

impl Place<'_> {
    /// The interface in the network, and behind it the one into the site.
    fn interfaces(self) -> Vec<InterfacePlan> {
        let filter = self.routes.then(|| filter_name(self.domain));
        let inner = InterfaceSource::Network(self.network.to_owned());
        let outer = self.bridge.map(|bridge| InterfacePlan {
            mac: site_mac(self.id),
            source: InterfaceSource::Bridge(bridge.to_owned()),
            filter: filter.clone(),
        });
        std::iter::once(InterfacePlan { mac: mac_of(self.id), source: inner, filter }).chain(outer).collect()
    }

    /// Whether a domain has the way into the site that it shall have, and no other, and is filtered as it shall be. What cannot
    /// be read is left as it is.
    fn is_that_of(self, xml: &str) -> bool {
        let Some(domain) = read(xml) else { return true };
        let interfaces: Vec<_> = domain.at(&["devices"]).into_iter().flat_map(|it| it.all("interface")).collect();
        let bridges: Vec<&str> = interfaces
            .iter()
            .filter(|it| it.at(&["mac"]).and_then(|mac| mac.attribute("address")) == Some(&site_mac(self.id)))
            .filter_map(|it| it.at(&["source"])?.attribute("bridge"))
            .collect();
        let filtered = interfaces.iter().any(|it| it.at(&["filterref"]).is_some());
        bridges == Vec::from_iter(self.bridge) && filtered == self.routes
    }
}

impl MachineGateways {
    /// The gateways of a host.
    pub fn new(member: Member, hypervisor: Arc<dyn Hypervisor>, settings: Settings, clock: Arc<dyn Clock>) -> Self {
        Self { member, hypervisor, settings, clock, known: Mutex::default() }
    }

    fn domain_name(&self, network: &str) -> String {
        format!("{network}.{}", self.member.word())
    }

    /// Whether there is something for it to hear.
    pub(super) fn wants(&self, network: &str) -> bool {
        self.known().get(network).is_some_and(|known| known.wanted.is_some())
    }

    /// Whether a network's gateway is on this host, running or not.
    ///
    /// # Errors
    /// The host does not answer.
    pub(super) fn has(&self, network: &str) -> Result<bool, Fault> {
        Ok(self.hypervisor.domain(&self.domain_name(network))?.is_some())
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that a gateway runs. One that was never started is made anew: nothing on it is worth anything.
    fn ensure(&self, place: Place<'_>) -> Result<(), Fault> {
        let Place { domain: name, id, .. } = place;
        let there = self.hypervisor.domain(name)?;
        if there.as_ref().is_some_and(|there| !belongs_to(&there.xml, id)) {
            let message = format!("there is a domain {name} that is not the network's gateway");
            return Err(Fault::new(FaultClass::Invalid, "", message).help("rename or undefine it"));
        }
        // A way into the site is there from the start or not at all. Nothing on a gateway is worth anything.
        let there = match there {
            Some(there) if !place.is_that_of(&there.xml) => {
                // Before the one that runs goes, it has to be sure that there can be another.
                image::volume(&*self.hypervisor, &self.settings)?;
                self.hypervisor.remove_domain(name)?;
                None
            }
            there => there,
        };
        match there.map(|there| there.state) {
            Some(DomainState::Running) => Ok(()),
            Some(_) if self.hypervisor.volume(&self.settings.storage_pool, &system_volume(name))?.is_some() => {
                Ok(self.hypervisor.start_domain(name)?)
            }
            _ => self.make(place),
        }
    }

    fn make(&self, place: Place<'_>) -> Result<(), Fault> {
        let Place { network, domain: name, id, .. } = place;
        let (hypervisor, pool) = (&*self.hypervisor, &self.settings.storage_pool);
        self.known().remove(network);
        let base = image::volume(hypervisor, &self.settings)?;
        for volume in [mark(name), system_volume(name)] {
            hypervisor.remove_volume(pool, &volume)?;
        }
        let overlay = overlay_volume(&system_volume(name), base.capacity, &base.path, &base.format);
        hypervisor.create_volume(pool, &overlay.render())?;
        let kvm = !self.settings.emulated && hypervisor.has_kvm()?;
        let plan = DomainPlan {
            id: id.to_owned(),
            name: name.to_owned(),
            uuid: uuid_of(id).to_string(),
            kvm,
            processors: self.settings.gateway.processors,
            memory_mib: self.settings.gateway.memory_mib,
            boot: image::boot(hypervisor, &self.settings, !kvm, KERNEL_WORD)?,
            asset_tag: Some(ASSET_TAG),
            disks: vec![DiskPlan {
                path: hypervisor.path_of(pool, &system_volume(name))?,
                format: DiskFormat::Qcow2,
                device: "vda".to_owned(),
                serial: None,
                read_only: false,
            }],
            interfaces: place.interfaces(),
        };
        if place.routes {
            let name = filter_name(name);
            let plan = FilterPlan {
                uuid: uuid_of(&format!("filter:{name}")).to_string(),
                name,
                includes: Vec::new(),
                rules: Vec::new(),
                of_interface: false,
                address_givers: AddressGivers::None,
            };
            hypervisor.define_filter(&filter(&plan).render())?;
        }
        hypervisor.define_domain(&domain(&plan).render())?;
        Ok(hypervisor.start_domain(&plan.name)?)
    }

    /// Writes what a gateway is to do, by a rename, so that it never reads half of it.
    fn tell(&self, network: &str, text: &str, needed: &[&str]) -> Result<bool, Fault> {
        let name = self.domain_name(network);
        // What an image of before lacks, machines would wait for in vain.
        let needed: String = needed
            .iter()
            .map(|program| {
                format!("command -v {program} >/dev/null || {{ echo '{program} {LACKING}' >&2; exit 1; }}; ")
            })
            .collect();
        let script = format!(
            "{needed}umask 077 && mkdir -p {FOLDER} && cat >{FOLDER}/.told && mv {FOLDER}/.told {FOLDER}/{CONFIGURATION_FILE}"
        );
        let pool = &self.settings.storage_pool;
        let is_known = self.hypervisor.volume(pool, &mark(&name))?.is_some();
        match agent::run(&*self.hypervisor, &name, &script, Some(text.as_bytes())) {
            Ok(_) if is_known => Ok(true),
            Ok(_) => {
                self.hypervisor.create_volume(pool, &content_volume(&mark(&name), 1).render())?;
                Ok(true)
            }
            // It is starting. Who waits for a machine tells it again, until it has heard.
            Err(error) if error.kind == ErrorKind::Agent && !is_known => Ok(false),
            Err(error) if error.kind == ErrorKind::Agent => {
                let message = format!("the gateway {name} does not answer: {error}");
                Err(Fault::new(FaultClass::NotYet, "", message)
                    .help(format!("look at it: `virsh console {name}`; deleted, it is made anew")))
            }
            Err(error) if error.message.ends_with(LACKING) => {
                let message = format!("the gateway {name} cannot do what it shall: {}", error.message);
                let fault = Fault::new(FaultClass::Invalid, "", message);
                if is_known {
                    // It goes on to do what it did before, until somebody is ready for another one.
                    return Err(fault.help(format!(
                        "build the image anew (`engine image build --replace`), then `virsh destroy {name}; virsh undefine {name}`, \
                         and run this again: it makes another one"
                    )));
                }
                // Nothing on it is worth anything, and the next one is made of a newer image.
                self.remove(network)?;
                Err(fault.help("build the image anew (`engine image build --replace`), and run this again"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What all machines have told a gateway.
    fn ask(&self, network: &str) -> Result<BTreeMap<String, MachineStatus>, Fault> {
        let script = format!("cat {FOLDER}/{STATUS_FOLDER}/*.json 2>/dev/null || true");
        let text = match agent::run(&*self.hypervisor, &self.domain_name(network), &script, None) {
            Ok(text) => text,
            Err(error) if error.kind == ErrorKind::Agent => return Ok(BTreeMap::new()),
            Err(error) => return Err(error.into()),
        };
        // Each is written by a rename. One of another form is not a status.
        let all = serde_json::Deserializer::from_slice(&text).into_iter::<MachineStatus>().map_while(Result::ok);
        Ok(all.map(|status| (super::body::last(&status.id).to_ascii_lowercase(), status)).collect())
    }
}

impl Gateways for MachineGateways {
    fn configure(&self, network: &str, configuration: &Configuration) -> Result<(), Fault> {
        self.ensure(Place {
            network,
            domain: &self.domain_name(network),
            id: &gateway_id(&configuration.network, self.member),
            bridge: configuration.site.as_ref().map(|site| site.bridge.as_str()),
            routes: configuration.router.is_some(),
        })?;
        let text = configuration.text().map_err(|error| Fault::new(FaultClass::Failed, "", error.to_string()))?;
        let wanted = digest(text.as_bytes());
        if self.known().get(network).is_some_and(|known| known.told.as_ref() == Some(&wanted)) {
            self.known().entry(network.to_owned()).or_default().wanted = Some(wanted);
            return Ok(());
        }
        self.known().entry(network.to_owned()).or_default().wanted = Some(wanted.clone());
        let routes = configuration.router.as_ref().map(|_| "dnsmasq");
        let needed: Vec<&str> = routes.into_iter().chain(configuration.pair.as_ref().map(|_| "keepalived")).collect();
        if self.tell(network, &text, &needed)? {
            self.known().entry(network.to_owned()).or_default().told = Some(wanted);
        }
        Ok(())
    }

    fn is_there(&self, network: &str) -> Result<bool, Fault> {
        let there = self.hypervisor.domain(&self.domain_name(network))?;
        Ok(there.is_some_and(|there| there.state == DomainState::Running))
    }

    fn is_told(&self, network: &str) -> bool {
        self.known().get(network).is_some_and(|known| known.wanted.is_some() && known.told == known.wanted)
    }

    fn status(&self, network: &str, machine: &str) -> Result<Option<MachineStatus>, Fault> {
        let now = self.clock.now();
        let key = machine.to_ascii_lowercase();
        if let Some((asked, heard)) = self.known().get(network).and_then(|known| known.heard.as_ref())
            && now.duration_since(*asked).as_secs() < FRESH_SECONDS
        {
            return Ok(heard.get(&key).cloned());
        }
        let heard = self.ask(network)?;
        let status = heard.get(&key).cloned();
        self.known().entry(network.to_owned()).or_default().heard = Some((now, heard));
        Ok(status)
    }

    fn remove(&self, network: &str) -> Result<(), Fault> {
        self.known().remove(network);
        let name = self.domain_name(network);
        self.hypervisor.remove_domain(&name)?;
        self.hypervisor.remove_filter(&filter_name(&name))?;
        for volume in [mark(&name), system_volume(&name)] {
            self.hypervisor.remove_volume(&self.settings.storage_pool, &volume)?;
        }
        Ok(())
    }
}
