//! A gateway at work: it follows its configuration, serves, and balances.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::balancers::balancing;
use super::configuration::{CONFIGURATION_FILE, Configuration};
use super::keeper::Keeper;
use super::program::Program;
use super::router::lead;
use super::serve::{Knowledge, listen, metadata_router, serve, wire_router};
use super::site::{behave_all, hold_site, interface_into};
use super::{GatewayError, Tell};
use super::{addresses, askers, dnsmasq, haproxy, keepalived};
use crate::base::{Clock, create_private_directory, read_own_text};

/// Where the metadata service is, on Azure as here.
pub const METADATA: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 169, 254)), 80);
/// Where the wire server is.
pub const WIRE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(168, 63, 129, 16)), 80);

/// How long a gateway waits for an address that its interface is still about to get.
const BINDING: Duration = Duration::from_secs(30);
/// The addresses are seen to once in so many looks, too: a network that is made anew has lost them.
const ADDRESSES: u32 = 10;

/// What a gateway works with.
#[derive(Clone)]
pub struct GatewaySettings {
    /// Its folder: `gateway.json` is read there, all else is written there.
    pub folder: PathBuf,
    /// Where the metadata service listens.
    pub metadata: SocketAddr,
    /// Where the wire server listens.
    pub wire: SocketAddr,
    /// The interface that is given the configuration's addresses; none: somebody else gives them.
    pub interface: Option<String>,
    /// Whether it is a machine of the network, so that who asks is known by the hardware address alone.
    pub is_machine: bool,
    /// haproxy; none: nothing is balanced.
    pub haproxy: Option<PathBuf>,
    /// dnsmasq, for a gateway with an interface that is the machines' router.
    pub dnsmasq: PathBuf,
    /// keepalived, for such a gateway that is one of two.
    pub keepalived: PathBuf,
    /// How often the configuration is looked at.
    pub look_every: Duration,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who hears what happens, a line each.
    pub tell: Tell,
}

/// A gateway at work. It ends with [`Gateway::shutdown`].
pub struct Gateway {
    metadata: SocketAddr,
    wire: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// Starts a gateway. One without a configuration yet answers nobody until it has one.
    ///
    /// # Errors
    /// A folder that cannot be written, and addresses that cannot be listened on.
    pub async fn start(settings: GatewaySettings) -> Result<Self, GatewayError> {
        create_private_directory(&settings.folder)?;
        let (stop, stopped) = watch::channel(false);
        let (sender, configuration) = watch::channel(Arc::new(Configuration::default()));
        let keeper = Arc::new(Keeper::load(&settings.folder));
        let mut follower = Follower::new(settings.clone(), sender, Arc::clone(&keeper));
        for (_, program) in follower.programs() {
            program.end_left_over().await;
        }
        // First the addresses, for somebody listens on two of them.
        follower.look().await;
        let knowledge = Knowledge {
            folder: settings.folder.clone(),
            configuration,
            services: keeper,
            clock: Arc::clone(&settings.clock),
            tell: Arc::clone(&settings.tell),
        };
        let (metadata, metadata_address) = follower.patiently(settings.metadata).await?;
        let (wire, wire_address) = follower.patiently(settings.wire).await?;
        let tasks = vec![
            tokio::spawn(serve(metadata, metadata_router(knowledge.clone()), stopped.clone())),
            tokio::spawn(serve(wire, wire_router(knowledge), stopped.clone())),
            tokio::spawn(follower.follow(stopped)),
        ];
        Ok(Self { metadata: metadata_address, wire: wire_address, stop, tasks })
    }

    /// Where the metadata service listens.
    pub fn metadata_address(&self) -> SocketAddr {
        self.metadata
    }

    /// Where the wire server listens.
    pub fn wire_address(&self) -> SocketAddr {
        self.wire
    }

    /// Ends it, with what it has started. Addresses stay where they are.
    pub async fn shutdown(self) {
        _ = self.stop.send(true);
        for task in self.tasks {
            _ = task.await;
        }
    }
}

/// Whoever follows the configuration.
struct Follower {
    settings: GatewaySettings,
    sender: watch::Sender<Arc<Configuration>>,
    services: Arc<Keeper>,
    /// Which change of the services was carried out last.
    services_seen: u64,
    haproxy: Option<Program>,
    dnsmasq: Option<Program>,
    keepalived: Option<Program>,
    /// Whether it does the work: it is the only one, or has the addresses.
    leads: bool,
    /// The text that was looked at last, well or not.
    seen: Option<String>,
    /// What was told last of what does not work, so that it is told once.
    told: Option<String>,
    /// Whether all that follows from the configuration is done.
    done: bool,
    /// What was told that is not balanced.
    left_out: Vec<String>,
    /// Whether there was a configuration. Before, nobody knows which addresses are wanted, so none is taken away.
    is_known: bool,
    /// How many looks there were.
    looks: u32,
}

impl Follower {
    fn new(settings: GatewaySettings, sender: watch::Sender<Arc<Configuration>>, services: Arc<Keeper>) -> Self {
        let folder = &settings.folder;
        let haproxy = settings.haproxy.clone().map(|program| haproxy::haproxy(program, folder));
        let has_interface = settings.interface.is_some();
        let dnsmasq = has_interface.then(|| dnsmasq::dnsmasq(settings.dnsmasq.clone(), folder));
        let keepalived = has_interface.then(|| keepalived::keepalived(settings.keepalived.clone(), folder));
        Self {
            settings,
            sender,
            services,
            services_seen: 0,
            haproxy,
            dnsmasq,
            keepalived,
            leads: true,
            seen: None,
            told: None,
            done: true,
            left_out: Vec::new(),
            is_known: false,
            looks: 0,
        }
    }

    /// The programs that work for it, with their names.
    fn programs(&mut self) -> impl Iterator<Item = (&'static str, &mut Program)> {
        let programs = [
            ("keepalived", self.keepalived.as_mut()),
            ("dnsmasq", self.dnsmasq.as_mut()),
            ("haproxy", self.haproxy.as_mut()),
        ];
        programs.into_iter().filter_map(|(name, program)| Some((name, program?)))
    }

    fn tell_once(&mut self, line: String) {
        if self.told.as_ref() != Some(&line) {
            (self.settings.tell)(&line);
            self.told = Some(line);
        }
    }

    /// A socket at an address that may be on its way to the interface: somebody else's, or this gateway's, which it cannot give
    /// before there is a network.
    async fn patiently(&mut self, address: SocketAddr) -> Result<(tokio::net::TcpListener, SocketAddr), GatewayError> {
        let end = tokio::time::Instant::now() + BINDING;
        loop {
            match listen(address).await {
                Err(GatewayError::Listen { cause, .. })
                    if cause.kind() == std::io::ErrorKind::AddrNotAvailable && tokio::time::Instant::now() < end =>
                {
                    tokio::time::sleep(self.settings.look_every).await;
                    self.look().await;
                }
                other => return other,
            }
        }
    }

    /// Looks at the configuration, and does what follows from it.
    async fn look(&mut self) {
        let path = self.settings.folder.join(CONFIGURATION_FILE);
        match read_own_text(&path) {
            Ok(text) if self.seen.as_ref() == Some(&text) => {}
            Ok(text) => {
                match Configuration::parse(&text) {
                    Ok(configuration) => {
                        self.told = None;
                        _ = self.sender.send(Arc::new(configuration));
                        self.done = false;
                        self.is_known = true;
                    }
                    // What is known stays so until there is something better.
                    Err(error) => self.tell_once(error.to_string()),
                }
                self.seen = Some(text);
            }
            Err(error) => self.tell_once(error.to_string()),
        }
        if self.is_known && self.services.changes() != self.services_seen {
            self.done = false;
        }
        self.look_who_leads().await;
        self.looks = self.looks.wrapping_add(1);
        if !self.done {
            match self.carry_out().await {
                Ok(()) => self.done = true,
                Err(error) => self.tell_once(error.to_string()),
            }
        } else if self.is_known
            && self.looks.is_multiple_of(ADDRESSES)
            && let Err(error) = self.hold_addresses().await
        {
            self.tell_once(error.to_string());
        }
        self.keep_programs();
    }

    /// Looks whether the addresses have come or gone, where keepalived gives them.
    async fn look_who_leads(&mut self) {
        let configuration = Arc::clone(&self.sender.borrow());
        let leads = match (&configuration.pair, &self.settings.interface) {
            (Some(_), Some(interface)) => addresses::has_some(interface, &configuration.addresses).await,
            _ => Ok(true),
        };
        match leads {
            Ok(leads) if leads == self.leads => {}
            Ok(leads) => {
                self.leads = leads;
                self.done = false;
                (self.settings.tell)(if leads { "has the addresses" } else { "stands by" });
            }
            Err(error) => self.tell_once(error.to_string()),
        }
    }

    /// What is to be done by now: what the target has told, and what services add to it.
    fn wanted(&self) -> Configuration {
        let configuration = Arc::clone(&self.sender.borrow());
        self.services.current().in_configuration(&configuration)
    }

    async fn hold_inner(&self, wanted: &Configuration) -> Result<(), GatewayError> {
        let Some(interface) = &self.settings.interface else { return Ok(()) };
        let own = wanted.pair.as_ref().map(|pair| [pair.own]);
        let held = own.as_ref().map_or(wanted.addresses.as_slice(), |own| own.as_slice());
        addresses::hold(&self.settings.folder.join(addresses::HELD), interface, held).await
    }

    async fn hold_outer(&self, wanted: &Configuration) -> Result<(), GatewayError> {
        let (Some(inner), Some(site)) = (&self.settings.interface, &wanted.site) else { return Ok(()) };
        let outer = interface_into(site).await?;
        hold_site(&self.settings.folder, &outer, site, wanted.pair.is_none(), wanted.router.is_some()).await?;
        match &wanted.router {
            Some(router) => lead(self.leads, inner, &outer, router, wanted, site).await,
            None => Ok(()),
        }
    }

    /// Has keepalived give the addresses, where there are two gateways.
    async fn stand_by(&mut self, wanted: &Configuration) -> Result<(), GatewayError> {
        let (Some(keepalived), Some(inner)) = (&mut self.keepalived, &self.settings.interface) else { return Ok(()) };
        let Some(pair) = &wanted.pair else { return keepalived.take(None).await };
        // Somebody listens on addresses that are the other one's now.
        behave_all("ip_nonlocal_bind", "1")?;
        let outer = match &wanted.site {
            Some(site) => Some(interface_into(site).await?),
            None => None,
        };
        keepalived.take(Some(&keepalived::rendered(wanted, pair, inner, outer.as_deref())?)).await
    }

    async fn hold_addresses(&self) -> Result<(), GatewayError> {
        let wanted = self.wanted();
        self.hold_inner(&wanted).await?;
        self.hold_outer(&wanted).await
    }

    async fn carry_out(&mut self) -> Result<(), GatewayError> {
        let changes = self.services.changes();
        let configuration = self.wanted();
        if configuration.pair.is_none() {
            // It takes its addresses with it when it ends.
            self.stand_by(&configuration).await?;
        }
        self.hold_inner(&configuration).await?;
        // Each works also where another does not.
        let mut site = self.hold_outer(&configuration).await;
        if configuration.pair.is_some() {
            site = site.and(self.stand_by(&configuration).await);
        }
        let askers = match self.settings.is_machine {
            true => askers::apply(&askers::rules(&configuration)).await,
            false => Ok(()),
        };
        let addresses = match (&mut self.dnsmasq, &self.settings.interface) {
            (Some(program), Some(interface)) => {
                let router = configuration.router.as_ref().filter(|_| self.leads);
                let text = router.map(|router| dnsmasq::rendered(&configuration, router, interface)).transpose();
                match text {
                    Ok(text) => program.take(text.as_deref()).await,
                    Err(error) => Err(error),
                }
            }
            _ => Ok(()),
        };
        let balanced = self.balance(&configuration).await;
        if balanced.is_ok() {
            self.services_seen = changes;
        }
        site.and(askers).and(addresses).and(balanced)?;
        let (machines, balancers) = (configuration.machines.len(), configuration.balancers.len());
        (self.settings.tell)(&format!("knows {machines} machines and {balancers} balancers"));
        Ok(())
    }

    /// Has haproxy balance. If it refuses what services have it do, it does the rest: the API server is behind it, too.
    async fn balance(&mut self, configuration: &Configuration) -> Result<(), GatewayError> {
        let mut balancing = balancing(configuration)?;
        if !self.leads {
            balancing.text = None;
        }
        for line in balancing.left_out.iter().filter(|line| !self.left_out.contains(line)) {
            (self.settings.tell)(line);
        }
        self.left_out = balancing.left_out;
        let Some(haproxy) = &mut self.haproxy else { return Ok(()) };
        let refused = match haproxy.take(balancing.text.as_deref()).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let told = Arc::clone(&self.sender.borrow());
        let without = super::balancers::balancing(&told)?;
        if without.text == balancing.text {
            return Err(refused);
        }
        haproxy.take(without.text.as_deref()).await?;
        self.tell_once(format!("services are not balanced: {refused}"));
        Ok(())
    }

    /// Starts programs again where they have ended.
    fn keep_programs(&mut self) {
        let kept: Vec<_> = self.programs().map(|(name, program)| (name, program.keep())).collect();
        for (name, kept) in kept {
            match kept {
                Ok(false) => {}
                Ok(true) => (self.settings.tell)(&format!("{name} has ended, and is started again")),
                Err(error) => self.tell_once(error.to_string()),
            }
        }
    }

    async fn follow(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            let stop = async { _ = stopped.wait_for(|stop| *stop).await };
            tokio::select! {
                () = stop => break,
                () = tokio::time::sleep(self.settings.look_every) => self.look().await,
            }
        }
        for (_, program) in self.programs() {
            program.stop().await;
        }
    }
}
