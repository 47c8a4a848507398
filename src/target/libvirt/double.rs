//! A hypervisor in memory, for tests of the target's logic. Like the real one it keeps what it was told by name, refuses
//! what is in use or missing, and can stop at any call, as if the process had been killed there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::host::StoragePool;
use super::host::double::{HostTold, prepared_pools};
use super::hypervisor::{
    Answer, Domain, DomainState, ErrorKind, Hypervisor, HypervisorError, Network, NetworkChange, Pool, Volume,
};

/// What is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Things {
    pub(super) volumes: BTreeMap<String, (Volume, Vec<u8>)>,
    pub(super) networks: BTreeMap<String, Network>,
    pub(super) filters: BTreeMap<String, String>,
    pub(super) domains: BTreeMap<String, Domain>,
}

/// What the guest agent of every machine answers to a command.
type Agent = dyn Fn(&str, &str) -> Answer<String> + Send + Sync;

pub(super) struct Double {
    things: Mutex<Things>,
    /// After so many changes nothing is done any more.
    left: Mutex<Option<usize>>,
    changes: Mutex<Vec<String>>,
    agent: Mutex<Box<Agent>>,
    /// The storage pools, and what the host tells of itself.
    pub(super) pools: Mutex<BTreeMap<String, StoragePool>>,
    pub(super) told: Mutex<HostTold>,
}

fn error<T>(kind: ErrorKind, message: &str) -> Answer<T> {
    Err(HypervisorError::new(kind, message))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).and_then(|(_, rest)| rest.split(end).next()).unwrap_or_default()
}

impl Double {
    pub(super) fn new() -> Self {
        let this = Self {
            things: Mutex::default(),
            left: Mutex::new(None),
            changes: Mutex::default(),
            agent: Mutex::new(Box::new(|_, _| error(ErrorKind::Agent, "the guest agent is not connected"))),
            pools: Mutex::new(prepared_pools()),
            told: Mutex::default(),
        };
        let image = Volume { path: "/pool/engine-image".into(), capacity: 12 << 30, format: "raw".into() };
        this.things().volumes.insert("engine-image".into(), (image, Vec::new()));
        this
    }

    pub(super) fn things(&self) -> MutexGuard<'_, Things> {
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on only so many changes are done; the next ones fail, as all do.
    pub(super) fn stop_after(&self, changes: Option<usize>) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = changes;
    }

    pub(super) fn agent(&self, agent: impl Fn(&str, &str) -> Answer<String> + Send + Sync + 'static) {
        *self.agent.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(agent);
    }

    /// The changes that were made since the last time this was asked.
    pub(super) fn changes(&self) -> Vec<String> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change(&self, what: String) -> Answer<MutexGuard<'_, Things>> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *left {
            Some(0) => return error(ErrorKind::Unreachable, "the connection is gone"),
            Some(left) => *left -= 1,
            None => {}
        }
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        Ok(self.things())
    }
}

impl Hypervisor for Double {
    fn has_kvm(&self) -> Answer<bool> {
        Ok(false)
    }

    fn pool(&self, pool: &str) -> Answer<Option<Pool>> {
        let uuid = "6f1c2d5e-7d6f-5b3a-9c1d-444444444444".to_owned();
        let is_active = self.pools().get(pool).is_some_and(|pool| pool.is_active);
        Ok(is_active.then_some(Pool { uuid }))
    }

    fn volumes(&self, _: &str) -> Answer<Vec<String>> {
        Ok(self.things().volumes.keys().cloned().collect())
    }

    fn volume(&self, _: &str, name: &str) -> Answer<Option<Volume>> {
        Ok(self.things().volumes.get(name).map(|(volume, _)| volume.clone()))
    }

    fn create_volume(&self, _: &str, xml: &str) -> Answer<()> {
        let name = between(xml, "<name>", "</name>").to_owned();
        let mut things = self.change(format!("create volume {name}"))?;
        if things.volumes.contains_key(&name) {
            return error(ErrorKind::Exists, "storage volume exists already");
        }
        let capacity = between(xml, "<capacity unit='bytes'>", "</capacity>").parse().unwrap_or_default();
        let format = between(xml, "<format type='", "'").to_owned();
        let volume = Volume { path: format!("/pool/{name}"), capacity, format };
        things.volumes.insert(name, (volume, Vec::new()));
        Ok(())
    }

    fn upload(&self, _: &str, name: &str, content: &[u8]) -> Answer<()> {
        let mut things = self.change(format!("upload {name}"))?;
        match things.volumes.get_mut(name) {
            Some((volume, place)) if u64::try_from(content.len()).is_ok_and(|length| length <= volume.capacity) => {
                content.clone_into(place);
                Ok(())
            }
            Some(_) => error(ErrorKind::Failed, "no room in the volume"),
            None => error(ErrorKind::Missing, "no such volume"),
        }
    }

    fn upload_file(&self, pool: &str, name: &str, path: &Path) -> Answer<()> {
        let content =
            std::fs::read(path).map_err(|cause| HypervisorError::new(ErrorKind::Failed, cause.to_string()))?;
        self.upload(pool, name, &content)
    }

    fn download(&self, _: &str, name: &str) -> Answer<Option<Vec<u8>>> {
        Ok(self.things().volumes.get(name).map(|(_, content)| content.clone()))
    }

    fn remove_volume(&self, _: &str, name: &str) -> Answer<()> {
        if !self.things().volumes.contains_key(name) {
            return Ok(());
        }
        self.change(format!("remove volume {name}"))?.volumes.remove(name);
        Ok(())
    }

    fn networks(&self) -> Answer<Vec<String>> {
        Ok(self.things().networks.keys().cloned().collect())
    }

    fn network(&self, name: &str) -> Answer<Option<Network>> {
        Ok(self.things().networks.get(name).cloned())
    }

    fn define_network(&self, xml: &str) -> Answer<()> {
        let name = between(xml, "<name>", "</name>").to_owned();
        let mut things = self.change(format!("define network {name}"))?;
        let is_active = things.networks.get(&name).is_some_and(|network| network.is_active);
        things.networks.insert(name, Network { is_active, xml: xml.to_owned() });
        Ok(())
    }

    fn start_network(&self, name: &str) -> Answer<()> {
        match self.change(format!("start network {name}"))?.networks.get_mut(name) {
            Some(network) => network.is_active = true,
            None => return error(ErrorKind::Missing, "no such network"),
        }
        Ok(())
    }

    fn change_network(&self, name: &str, change: &NetworkChange) -> Answer<()> {
        let mut things = self.change(format!("change network {name}"))?;
        let Some(network) = things.networks.get_mut(name).filter(|network| network.is_active) else {
            return error(ErrorKind::Busy, "the network is not active");
        };
        let mark = "</network>";
        match change {
            NetworkChange::AddReservation(host) | NetworkChange::AddName(host) => {
                if let NetworkChange::AddReservation(host) = change
                    && network.xml.contains(&format!("<host mac='{}'", between(host, "mac='", "'")))
                {
                    return error(ErrorKind::Busy, "there is an existing dhcp host entry");
                }
                network.xml = network.xml.replace(mark, &format!("{host}{mark}"));
            }
            NetworkChange::RemoveReservation(host) => {
                let start = format!("<host mac='{}'", between(host, "mac='", "'"));
                if !network.xml.contains(&start) {
                    return error(ErrorKind::Busy, "couldn't locate a matching dhcp host entry");
                }
                let rest = between(&network.xml, &start, "/>").to_owned();
                network.xml = network.xml.replace(&format!("{start}{rest}/>"), "");
            }
            NetworkChange::RemoveName(host) => {
                let start = format!("<host ip='{}'", between(host, "ip='", "'"));
                let rest = between(&network.xml, &start, "</host>").to_owned();
                network.xml = network.xml.replace(&format!("{start}{rest}</host>"), "");
            }
        }
        Ok(())
    }

    fn stop_network(&self, name: &str) -> Answer<()> {
        if let Some(network) = self.change(format!("stop network {name}"))?.networks.get_mut(name) {
            network.is_active = false;
        }
        Ok(())
    }

    fn remove_network(&self, name: &str) -> Answer<()> {
        self.change(format!("remove network {name}"))?.networks.remove(name);
        Ok(())
    }

    fn filters(&self) -> Answer<Vec<String>> {
        Ok(self.things().filters.keys().cloned().collect())
    }

    fn filter(&self, name: &str) -> Answer<Option<String>> {
        Ok(self.things().filters.get(name).cloned())
    }

    fn define_filter(&self, xml: &str) -> Answer<()> {
        let name = between(xml, "<filter name='", "'").to_owned();
        let mut things = self.change(format!("define filter {name}"))?;
        for included in xml.split("<filterref filter='").skip(1).filter_map(|rest| rest.split('\'').next()) {
            if !things.filters.contains_key(included) {
                return error(ErrorKind::Failed, "referenced filter is missing");
            }
        }
        things.filters.insert(name, xml.to_owned());
        Ok(())
    }

    fn remove_filter(&self, name: &str) -> Answer<()> {
        if !self.things().filters.contains_key(name) {
            return Ok(());
        }
        let mut things = self.change(format!("remove filter {name}"))?;
        let reference = format!("<filterref filter='{name}'");
        let domains = things.domains.values().map(|domain| &domain.xml);
        if things.filters.values().chain(domains).any(|xml| xml.contains(&reference)) {
            return error(ErrorKind::Busy, "nwfilter is in use");
        }
        things.filters.remove(name);
        Ok(())
    }

    fn domains(&self) -> Answer<Vec<String>> {
        Ok(self.things().domains.keys().cloned().collect())
    }

    fn domain(&self, name: &str) -> Answer<Option<Domain>> {
        Ok(self.things().domains.get(name).cloned())
    }

    fn define_domain(&self, xml: &str) -> Answer<()> {
        let name = between(xml, "<name>", "</name>").to_owned();
        let uuid = between(xml, "<uuid>", "</uuid>").to_owned();
        let mut things = self.change(format!("define domain {name}"))?;
        let before = things.domains.get(&name);
        if before.is_some_and(|before| before.uuid != uuid) {
            return error(ErrorKind::Exists, "domain already exists with another uuid");
        }
        let state = before.map_or(DomainState::Off, |before| before.state);
        things.domains.insert(name, Domain { uuid, state, xml: xml.to_owned() });
        Ok(())
    }

    fn start_domain(&self, name: &str) -> Answer<()> {
        let mut things = self.change(format!("start domain {name}"))?;
        let Some(domain) = things.domains.get(name).cloned() else {
            return error(ErrorKind::Missing, "no such domain");
        };
        for path in domain.xml.split("<source file='").skip(1).filter_map(|rest| rest.split('\'').next()) {
            if !things.volumes.values().any(|(volume, _)| volume.path == path) {
                return error(ErrorKind::Failed, &format!("Cannot access storage file '{path}'"));
            }
        }
        for network in domain.xml.split("<source network='").skip(1).filter_map(|rest| rest.split('\'').next()) {
            if !things.networks.get(network).is_some_and(|network| network.is_active) {
                return error(ErrorKind::Busy, &format!("network {network} is not active"));
            }
        }
        for filter in domain.xml.split("<filterref filter='").skip(1).filter_map(|rest| rest.split('\'').next()) {
            if !things.filters.contains_key(filter) {
                return error(ErrorKind::Missing, &format!("no filter {filter}"));
            }
        }
        if let Some(domain) = things.domains.get_mut(name) {
            domain.state = DomainState::Running;
        }
        Ok(())
    }

    fn remove_domain(&self, name: &str) -> Answer<()> {
        self.change(format!("remove domain {name}"))?.domains.remove(name);
        Ok(())
    }

    fn detach_device(&self, name: &str, xml: &str) -> Answer<()> {
        // As libvirt does, by the device.
        let device = between(xml, "<target ", "/>").to_owned();
        let mut things = self.change(format!("detach {device}"))?;
        if let Some(domain) = things.domains.get_mut(name) {
            let target = format!("<target {device}/>");
            let disks = domain.xml.split("<disk ").skip(1).filter_map(|rest| rest.split("</disk>").next());
            if let Some(gone) =
                disks.filter(|disk| disk.contains(&target)).map(|disk| format!("<disk {disk}</disk>")).next()
            {
                domain.xml = domain.xml.replace(&gone, "");
            }
        }
        Ok(())
    }

    fn ask_agent(&self, name: &str, command: &str) -> Answer<String> {
        (self.agent.lock().unwrap_or_else(PoisonError::into_inner))(name, command)
    }
}
