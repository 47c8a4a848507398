//! [`LibvirtConnection`]: the hypervisor behind a libvirt URI, by libvirt's own library. The only file that knows it.
//!
//! A connection may be used by several threads at once: the library takes care of that. It tells errors by values alone: the
//! default of printing them is switched off.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use virt::connect::Connect;
use virt::domain::{Domain as VirtDomain, DomainShutoffReason, DomainStateReason};
use virt::enumutil::Enum;
use virt::error::{Error, ErrorNumber};
use virt::network::Network as VirtNetwork;
use virt::nwfilter::NWFilter;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;
use virt::stream::Stream;
use virt::sys;

use super::hypervisor::{
    Answer, Domain, DomainState, ErrorKind, Hypervisor, HypervisorError, Network, NetworkChange, Pool, Volume,
};

/// The most bytes of a volume that are read.
const MOST_BYTES: u64 = 16 << 20;

/// How much of a volume is sent at once: more than a message of libvirt's holds is cut by it.
const SENT_AT_ONCE: usize = 256 << 10;

/// How long the guest agent may take to answer, in seconds.
const AGENT_SECONDS: i32 = 10;

/// A connection.
#[derive(Debug)]
pub struct LibvirtConnection {
    pub(super) connect: Connect,
}

fn kind(error: &Error) -> ErrorKind {
    let Enum::Known(code) = error.code() else { return ErrorKind::Failed };
    match code {
        ErrorNumber::NoDomain
        | ErrorNumber::NoNetwork
        | ErrorNumber::NoNwfilter
        | ErrorNumber::NoStoragePool
        | ErrorNumber::NoStorageVolume => ErrorKind::Missing,
        ErrorNumber::DomExist | ErrorNumber::NetworkExist | ErrorNumber::StorageVolExist => ErrorKind::Exists,
        ErrorNumber::OperationInvalid | ErrorNumber::OperationTimeout | ErrorNumber::ResourceBusy => ErrorKind::Busy,
        ErrorNumber::XmlError
        | ErrorNumber::XmlDetail
        | ErrorNumber::ConfigUnsupported
        | ErrorNumber::NoSupport
        | ErrorNumber::InvalidArg => ErrorKind::Invalid,
        ErrorNumber::AuthFailed | ErrorNumber::AccessDenied | ErrorNumber::OperationDenied => ErrorKind::Forbidden,
        ErrorNumber::AgentUnresponsive | ErrorNumber::AgentUnsynced | ErrorNumber::AgentCommandTimeout => {
            ErrorKind::Agent
        }
        ErrorNumber::SystemError if error.message().contains("No space left") => ErrorKind::Failed,
        ErrorNumber::NoConnect | ErrorNumber::SystemError | ErrorNumber::Rpc => ErrorKind::Unreachable,
        _ => ErrorKind::Failed,
    }
}

pub(super) fn told(error: Error) -> HypervisorError {
    HypervisorError::new(kind(&error), error.message().to_owned())
}

/// What is found, or nothing if it is not there.
pub(super) fn found<T>(answer: Result<T, Error>) -> Answer<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if kind(&error) == ErrorKind::Missing => Ok(None),
        Err(error) => Err(told(error)),
    }
}

/// What between two marks is the first.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split(end).next()
}

/// In one line why a connection does not come about. What SSH says of a host with another key than the known one fills a screen,
/// and its last two lines tell what it comes to; what is said in three lines or fewer is told whole.
pub(super) fn in_short(message: &str) -> String {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let first = lines.len().saturating_sub(if lines.len() > 3 { 2 } else { 3 });
    lines.get(first..).unwrap_or_default().join(" ")
}

impl LibvirtConnection {
    /// Connects to `qemu:///system`, `qemu+ssh://host/system`, `qemu+tls://host/system`, or `test:///default` for tests.
    ///
    /// # Errors
    /// Nothing answers there, or it lets nobody in.
    pub fn open(uri: &str) -> Answer<Self> {
        virt::error::clear_error_callback();
        match Connect::open(Some(uri)) {
            Ok(connect) => Ok(Self { connect }),
            Err(error) => {
                let error = told(error);
                let kind = if error.kind == ErrorKind::Forbidden { error.kind } else { ErrorKind::Unreachable };
                Err(HypervisorError::new(kind, format!("{uri}: {}", in_short(&error.message))))
            }
        }
    }

    fn find_pool(&self, pool: &str) -> Answer<StoragePool> {
        self.connect.lookup_storage_pool_by_name(pool).map_err(told)
    }

    fn find_volume(&self, pool: &str, name: &str) -> Answer<Option<StorageVol>> {
        found(self.find_pool(pool)?.lookup_storage_vol_by_name(name))
    }

    fn find_network(&self, name: &str) -> Answer<Option<VirtNetwork>> {
        found(self.connect.lookup_network_by_name(name))
    }

    fn find_filter(&self, name: &str) -> Answer<Option<NWFilter>> {
        found(self.connect.lookup_nwfilter_by_name(name))
    }

    fn find_domain(&self, name: &str) -> Answer<Option<VirtDomain>> {
        found(self.connect.lookup_domain_by_name(name))
    }

    /// Sends so many bytes into a volume.
    fn send(&self, pool: &str, name: &str, content: &mut dyn Read, length: u64) -> Answer<()> {
        let missing = || HypervisorError::new(ErrorKind::Missing, format!("there is no volume {name}"));
        let volume = self.find_volume(pool, name)?.ok_or_else(missing)?;
        let stream = Stream::new(&self.connect, 0).map_err(told)?;
        volume.upload(&stream, 0, length, 0).map_err(told)?;
        let mut content = content.take(length);
        let mut buffer = vec![0; SENT_AT_ONCE];
        loop {
            let read = content
                .read(&mut buffer)
                .map_err(|cause| HypervisorError::new(ErrorKind::Failed, cause.to_string()))?;
            let mut rest = buffer.get(..read).unwrap_or_default();
            if rest.is_empty() {
                return stream.finish().map_err(told);
            }
            while !rest.is_empty() {
                let sent = usize::try_from(stream.send(rest).map_err(told)?).unwrap_or_default();
                if sent == 0 {
                    return Err(HypervisorError::new(ErrorKind::Unreachable, format!("{name} was not taken whole")));
                }
                rest = rest.get(sent..).unwrap_or_default();
            }
        }
    }

    fn must_find_network(&self, name: &str) -> Answer<VirtNetwork> {
        self.connect.lookup_network_by_name(name).map_err(told)
    }

    fn must_find_domain(&self, name: &str) -> Answer<VirtDomain> {
        self.connect.lookup_domain_by_name(name).map_err(told)
    }
}

impl Hypervisor for LibvirtConnection {
    fn has_kvm(&self) -> Answer<bool> {
        Ok(self.connect.capabilities().map_err(told)?.contains("<domain type='kvm'"))
    }

    fn pool(&self, pool: &str) -> Answer<Option<Pool>> {
        let Some(found) = found(self.connect.lookup_storage_pool_by_name(pool))? else { return Ok(None) };
        if !found.is_active().map_err(told)? {
            return Ok(None);
        }
        Ok(Some(Pool { uuid: found.uuid_string().map_err(told)? }))
    }

    fn volumes(&self, pool: &str) -> Answer<Vec<String>> {
        self.find_pool(pool)?.list_volumes().map_err(told)
    }

    fn volume(&self, pool: &str, name: &str) -> Answer<Option<Volume>> {
        let Some(volume) = self.find_volume(pool, name)? else { return Ok(None) };
        let xml = volume.xml_desc(0).map_err(told)?;
        let target = between(&xml, "<target>", "</target>").unwrap_or_default();
        let format = between(target, "<format type='", "'").unwrap_or("raw").to_owned();
        let path = volume.path().map_err(told)?;
        Ok(Some(Volume { path, capacity: volume.info().map_err(told)?.capacity, format }))
    }

    fn create_volume(&self, pool: &str, xml: &str) -> Answer<()> {
        StorageVol::create_xml(&self.find_pool(pool)?, xml, 0).map(drop).map_err(told)
    }

    fn upload(&self, pool: &str, name: &str, content: &[u8]) -> Answer<()> {
        self.send(pool, name, &mut &*content, u64::try_from(content.len()).unwrap_or(u64::MAX))
    }

    fn upload_file(&self, pool: &str, name: &str, path: &Path) -> Answer<()> {
        let failed = |cause: std::io::Error| {
            HypervisorError::new(ErrorKind::Invalid, format!("cannot read {}: {cause}", path.display()))
        };
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        self.send(pool, name, &mut file, length)
    }

    fn download(&self, pool: &str, name: &str) -> Answer<Option<Vec<u8>>> {
        let Some(volume) = self.find_volume(pool, name)? else { return Ok(None) };
        let length = volume.info().map_err(told)?.capacity.min(MOST_BYTES);
        let stream = Stream::new(&self.connect, 0).map_err(told)?;
        volume.download(&stream, 0, length, 0).map_err(told)?;
        let mut content = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = usize::try_from(stream.recv(&mut buffer).map_err(told)?).unwrap_or_default();
            if read == 0 {
                break;
            }
            content.extend_from_slice(buffer.get(..read).unwrap_or_default());
        }
        stream.finish().map_err(told)?;
        Ok(Some(content))
    }

    fn remove_volume(&self, pool: &str, name: &str) -> Answer<()> {
        match self.find_volume(pool, name)? {
            Some(volume) => found(volume.delete(0)).map(drop),
            None => Ok(()),
        }
    }

    fn networks(&self) -> Answer<Vec<String>> {
        let all = self.connect.list_all_networks(0).map_err(told)?;
        all.iter().map(|network| network.name().map_err(told)).collect()
    }

    fn network(&self, name: &str) -> Answer<Option<Network>> {
        let Some(network) = self.find_network(name)? else { return Ok(None) };
        let is_active = network.is_active().map_err(told)?;
        // Not what is running now: what was changed for good is in both.
        let xml = network.xml_desc(sys::VIR_NETWORK_XML_INACTIVE).or_else(|error| match kind(&error) {
            ErrorKind::Invalid => network.xml_desc(0),
            _ => Err(error),
        });
        let xml = xml.map_err(told)?;
        Ok(Some(Network { is_active, xml }))
    }

    fn define_network(&self, xml: &str) -> Answer<()> {
        self.connect.define_network_xml(xml).map(drop).map_err(told)
    }

    fn start_network(&self, name: &str) -> Answer<()> {
        let network = self.must_find_network(name)?;
        // First, so that one whose maker is killed right now is there after the host's next start too.
        network.set_autostart(true).map_err(told)?;
        if !network.is_active().map_err(told)? {
            network.create().map_err(told)?;
        }
        Ok(())
    }

    fn change_network(&self, name: &str, change: &NetworkChange) -> Answer<()> {
        let add = sys::VIR_NETWORK_UPDATE_COMMAND_ADD_LAST;
        let remove = sys::VIR_NETWORK_UPDATE_COMMAND_DELETE;
        let (command, section, xml) = match change {
            NetworkChange::AddReservation(xml) => (add, sys::VIR_NETWORK_SECTION_IP_DHCP_HOST, xml),
            NetworkChange::RemoveReservation(xml) => (remove, sys::VIR_NETWORK_SECTION_IP_DHCP_HOST, xml),
            NetworkChange::AddName(xml) => (add, sys::VIR_NETWORK_SECTION_DNS_HOST, xml),
            NetworkChange::RemoveName(xml) => (remove, sys::VIR_NETWORK_SECTION_DNS_HOST, xml),
        };
        let flags = sys::VIR_NETWORK_UPDATE_AFFECT_LIVE | sys::VIR_NETWORK_UPDATE_AFFECT_CONFIG;
        self.must_find_network(name)?.update(command, section, -1, xml, flags).map_err(told)
    }

    fn stop_network(&self, name: &str) -> Answer<()> {
        let network = self.must_find_network(name)?;
        if network.is_active().map_err(told)? {
            network.destroy().map_err(told)?;
        }
        Ok(())
    }

    fn remove_network(&self, name: &str) -> Answer<()> {
        let Some(network) = self.find_network(name)? else { return Ok(()) };
        if network.is_active().map_err(told)? {
            found(network.destroy())?;
        }
        found(network.undefine()).map(drop)
    }

    fn filters(&self) -> Answer<Vec<String>> {
        match self.connect.list_all_nw_filters(0) {
            Ok(all) => all.iter().map(|filter| filter.name().map_err(told)).collect(),
            Err(error) => Err(told(error)),
        }
    }

    fn filter(&self, name: &str) -> Answer<Option<String>> {
        self.find_filter(name)?.map(|filter| filter.xml_desc(0).map_err(told)).transpose()
    }

    fn define_filter(&self, xml: &str) -> Answer<()> {
        self.connect.define_nwfilter_xml(xml).map(drop).map_err(told)
    }

    fn remove_filter(&self, name: &str) -> Answer<()> {
        match self.find_filter(name)? {
            Some(filter) => found(filter.undefine()).map(drop),
            None => Ok(()),
        }
    }

    fn domains(&self) -> Answer<Vec<String>> {
        let all = self.connect.list_all_domains(0).map_err(told)?;
        all.iter().map(|domain| domain.name().map_err(told)).collect()
    }

    fn domain(&self, name: &str) -> Answer<Option<Domain>> {
        let Some(domain) = self.find_domain(name)? else { return Ok(None) };
        let (state, reason) = domain.state().map_err(told)?;
        // An emulator that crashes leaves a domain that is off.
        let emulator_crashed = Enum::Known(DomainStateReason::Shutoff(Enum::Known(DomainShutoffReason::Crashed)));
        let state = match state {
            Enum::Known(
                virt::domain::DomainState::Running
                | virt::domain::DomainState::Blocked
                | virt::domain::DomainState::Shutdown,
            ) => DomainState::Running,
            Enum::Known(virt::domain::DomainState::Paused | virt::domain::DomainState::PMSuspended) => {
                DomainState::Paused
            }
            Enum::Known(virt::domain::DomainState::Crashed) => DomainState::Crashed,
            _ if reason == emulator_crashed => DomainState::Crashed,
            _ => DomainState::Off,
        };
        let uuid = domain.uuid_string().map_err(told)?;
        let xml = domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE).map_err(told)?;
        Ok(Some(Domain { uuid, state, xml }))
    }

    fn define_domain(&self, xml: &str) -> Answer<()> {
        self.connect.define_domain_xml(xml).map(drop).map_err(told)
    }

    fn start_domain(&self, name: &str) -> Answer<()> {
        let domain = self.must_find_domain(name)?;
        domain.set_autostart(true).map_err(told)?;
        if !domain.is_active().map_err(told)? {
            domain.create().map_err(told)?;
        }
        Ok(())
    }

    fn remove_domain(&self, name: &str) -> Answer<()> {
        let Some(domain) = self.find_domain(name)? else { return Ok(()) };
        if domain.is_active().map_err(told)? {
            found(domain.destroy())?;
        }
        let all = sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
            | sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
            | sys::VIR_DOMAIN_UNDEFINE_NVRAM
            | sys::VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;
        let gone = domain.undefine_flags(all).or_else(|error| match kind(&error) {
            // A driver that keeps none of these does not take the flags.
            ErrorKind::Invalid => domain.undefine(),
            _ => Err(error),
        });
        found(gone).map(drop)
    }

    fn detach_device(&self, name: &str, xml: &str) -> Answer<()> {
        let domain = self.must_find_domain(name)?;
        let device = |error: Error| match error.code() {
            // It is gone already.
            Enum::Known(ErrorNumber::DeviceMissing | ErrorNumber::OperationFailed | ErrorNumber::InvalidArg) => Ok(()),
            _ => Err(told(error)),
        };
        domain.detach_device_flags(xml, sys::VIR_DOMAIN_AFFECT_CONFIG).or_else(device)?;
        if domain.is_active().map_err(told)? {
            // The guest has to agree. If it does not now, the device is gone with its next start.
            domain.detach_device_flags(xml, sys::VIR_DOMAIN_AFFECT_LIVE).or_else(device)?;
        }
        Ok(())
    }

    fn ask_agent(&self, name: &str, command: &str) -> Answer<String> {
        let domain = self.must_find_domain(name)?;
        domain.qemu_agent_command(command, AGENT_SECONDS, 0).map_err(told)
    }
}
