//! What a host was prepared with: its site's addresses and its bridge, kept in the storage pool for whoever connects.
//!
//! A small volume, `{"format":1,"addresses":["192.168.1.48/28"],"bridge":"br0"}`. The model's own `addresses` and `bridge`
//! count before it.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::contract::Fault;
use crate::model::AddressRange;
use crate::target::libvirt::body::invalid;
use crate::target::libvirt::hypervisor::{Answer, ErrorKind, Hypervisor, HypervisorError};
use crate::target::libvirt::xml::content_volume;

/// The volume.
pub const FACTS_VOLUME: &str = "engine.host.json";

/// The volume while it is written: what a process that is killed leaves is whole in one of both.
const NEXT_VOLUME: &str = "engine.host.next.json";

/// The version of the volume's form.
const FORMAT: u64 = 1;

/// What a host was prepared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Public addresses of the site that are the engine's to give: ranges, networks or single ones.
    pub addresses: Vec<String>,
    /// The host's bridge into its site's network.
    pub bridge: Option<String>,
}

/// The volume's whole content.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    format: u64,
    addresses: Vec<String>,
    bridge: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The host was not prepared.
    Nothing,
    /// What it was prepared with cannot be read.
    Damaged,
    /// What it was prepared with.
    Facts(HostFacts),
}

impl HostFacts {
    /// Facts that make sense.
    ///
    /// # Errors
    /// An address that is none, one that stands there twice, and a bridge that Linux would not name so.
    pub fn new(addresses: Vec<String>, bridge: Option<String>) -> Result<Self, Fault> {
        let facts = Self { addresses, bridge };
        let ranges = facts.ranges()?;
        for (index, range) in ranges.iter().enumerate() {
            if let Some(other) = ranges.iter().take(index).find(|other| other.overlaps(*range)) {
                return Err(invalid(format!("the addresses {range} and {other} overlap"), "name each address once"));
            }
        }
        if let Some(bridge) = &facts.bridge {
            // As Linux names interfaces: `dev_valid_name` (net/core/dev.c), from memory; no more than these letters.
            let fits = (1..16).contains(&bridge.len())
                && bridge.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
                && !bridge.starts_with(['.', '-']);
            if !fits {
                let help = "name one of the host's bridges, such as br0: `ip link show type bridge`";
                return Err(invalid(format!("`{bridge}` is no bridge's name"), help));
            }
        }
        Ok(facts)
    }

    /// The addresses as ranges.
    ///
    /// # Errors
    /// One that is none.
    pub fn ranges(&self) -> Result<Vec<AddressRange>, Fault> {
        let range = |text: &String| {
            let help = "write 192.168.1.48/28, 192.168.1.40-192.168.1.49 or 192.168.1.40";
            AddressRange::parse(text).ok_or_else(|| invalid(format!("`{text}` is no range of addresses"), help))
        };
        self.addresses.iter().map(range).collect()
    }
}

/// What a host was prepared with; nothing if it was not.
///
/// # Errors
/// The pool cannot be read; what lies there is damaged, or a newer engine's.
pub fn host_facts(hypervisor: &dyn Hypervisor, pool: &str) -> Result<Option<HostFacts>, Fault> {
    match find(hypervisor, pool)? {
        Found::Nothing => Ok(None),
        Found::Facts(facts) => Ok(Some(facts)),
        Found::Damaged => Err(invalid(
            format!("the volume {FACTS_VOLUME} of the pool {pool} is damaged"),
            "write it anew by `engine host init`, with the host's addresses and bridge",
        )),
    }
}

/// What is there of it.
pub(super) fn find(hypervisor: &dyn Hypervisor, pool: &str) -> Result<Found, Fault> {
    let mut found = Found::Nothing;
    for volume in [FACTS_VOLUME, NEXT_VOLUME] {
        let Some(content) = hypervisor.download(pool, volume)? else { continue };
        match format_of(&content) {
            Some(format) if format > FORMAT => {
                let message = format!("the volume {volume} of the pool {pool} was written by a newer engine");
                return Err(invalid(message, "use that engine, or a newer one"));
            }
            Some(_) => {
                // A pool of another kind than a folder rounds sizes up.
                if let Ok(Kept { addresses, bridge, .. }) = serde_json::from_slice(whole(&content))
                    && let Ok(facts) = HostFacts::new(addresses, bridge)
                {
                    return Ok(Found::Facts(facts));
                }
                found = Found::Damaged;
            }
            None => found = Found::Damaged,
        }
    }
    Ok(found)
}

/// Whether somebody was stopped while writing.
pub(super) fn is_unfinished(hypervisor: &dyn Hypervisor, pool: &str) -> Answer<bool> {
    Ok(hypervisor.volume(pool, NEXT_VOLUME)?.is_some())
}

/// A content without the zeros behind it.
fn whole(content: &[u8]) -> &[u8] {
    let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    content.get(..end).unwrap_or_default()
}

/// The version of a content's form, if it has one.
fn format_of(content: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Json>(whole(content)).ok()?.get("format")?.as_u64()
}

/// Writes what the host is prepared with.
pub(super) fn write(hypervisor: &dyn Hypervisor, pool: &str, facts: &HostFacts) -> Answer<()> {
    let kept = Kept { format: FORMAT, addresses: facts.addresses.clone(), bridge: facts.bridge.clone() };
    let mut content =
        serde_json::to_vec(&kept).map_err(|cause| HypervisorError::new(ErrorKind::Failed, cause.to_string()))?;
    content.push(b'\n');
    for volume in [NEXT_VOLUME, FACTS_VOLUME] {
        hypervisor.remove_volume(pool, volume)?;
        hypervisor.create_volume(pool, &content_volume(volume, content.len()).render())?;
        hypervisor.upload(pool, volume, &content)?;
    }
    hypervisor.remove_volume(pool, NEXT_VOLUME)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::target::libvirt::double::Double;
    use crate::target::libvirt::hypervisor::Volume;
    use crate::target::libvirt::ledger::Ledger;

    fn facts(addresses: &[&str], bridge: Option<&str>) -> Result<HostFacts, Fault> {
        HostFacts::new(addresses.iter().map(|text| (*text).to_owned()).collect(), bridge.map(str::to_owned))
    }

    fn put(host: &Double, volume: &str, content: &[u8]) {
        let about = Volume { path: format!("/pool/{volume}"), capacity: 4096, format: "raw".into() };
        host.things().volumes.insert(volume.to_owned(), (about, content.to_vec()));
    }

    #[test]
    fn facts_are_kept_in_the_form_that_others_read() {
        let host = Double::new();
        assert_eq!(host_facts(&host, "engine"), Ok(None));
        let facts = facts(&["192.168.1.48/28", "192.168.1.80-192.168.1.89"], Some("br0")).unwrap();
        write(&host, "engine", &facts).unwrap();
        let content = host.download("engine", "engine.host.json").unwrap().unwrap();
        assert_eq!(
            String::from_utf8(content).unwrap(),
            "{\"format\":1,\"addresses\":[\"192.168.1.48/28\",\"192.168.1.80-192.168.1.89\"],\"bridge\":\"br0\"}\n"
        );
        assert_eq!(host_facts(&host, "engine"), Ok(Some(facts.clone())));
        assert_eq!(facts.ranges().unwrap().len(), 2);
        write(&host, "engine", &HostFacts::default()).unwrap();
        let content = host.download("engine", "engine.host.json").unwrap().unwrap();
        assert_eq!(String::from_utf8(content).unwrap(), "{\"format\":1,\"addresses\":[],\"bridge\":null}\n");
    }

    #[test]
    fn who_is_killed_while_writing_leaves_the_old_or_the_new() {
        let (old, new) = (facts(&["10.0.0.1"], None).unwrap(), facts(&["10.0.0.2"], Some("br1")).unwrap());
        let mut seen = Vec::new();
        for changes in 0..6 {
            let host = Double::new();
            write(&host, "engine", &old).unwrap();
            host.stop_after(Some(changes));
            assert!(write(&host, "engine", &new).is_err(), "{changes}");
            host.stop_after(None);
            seen.push(host_facts(&host, "engine").unwrap().unwrap());
            write(&host, "engine", &new).unwrap();
            assert_eq!(host_facts(&host, "engine"), Ok(Some(new.clone())));
            assert_eq!(host.volumes("engine").unwrap(), ["engine-image", "engine.host.json"]);
        }
        assert!(seen.contains(&old) && seen.contains(&new), "{seen:?}");
    }

    #[test]
    fn what_is_damaged_or_newer_is_told_with_a_way_out() {
        let host = Double::new();
        let long = [b"{\"format\":1,\"addresses\":[],\"bridge\":null}\n".as_slice(), &[0; 500]].concat();
        put(&host, FACTS_VOLUME, &long);
        assert_eq!(host_facts(&host, "engine"), Ok(Some(HostFacts::default())));
        for damaged in [
            b"".as_slice(),
            b"\0\0\0",
            b"{\"format\":1,\"addr",
            b"[]",
            b"{\"format\":1}",
            b"{\"format\":1,\"addresses\":[\"x\"],\"bridge\":null}",
            b"{\"format\":1,\"addresses\":[],\"bridge\":\"a b\"}",
        ] {
            put(&host, FACTS_VOLUME, damaged);
            let fault = host_facts(&host, "engine").unwrap_err();
            assert!(fault.message.contains("damaged") && fault.help.unwrap().contains("engine host init"));
        }
        put(&host, FACTS_VOLUME, b"{\"format\":2,\"more\":[]}");
        assert!(host_facts(&host, "engine").unwrap_err().message.contains("newer engine"));
        // It is no record of a resource, whose newer form would stop everything.
        assert_eq!(Ledger::default().refresh(&host, "engine"), Ok(()));
    }

    #[test]
    fn addresses_and_bridges_that_are_none_are_refused() {
        for (addresses, bridge, part) in [
            (&["10.0.0.0/33"][..], None, "no range of addresses"),
            (&["10.0.0.1", "10.0.0.0/24"], None, "overlap"),
            (&[], Some("a/b"), "no bridge's name"),
            (&[], Some("-br0"), "no bridge's name"),
            (&[], Some("a-name-of-16-char"), "no bridge's name"),
        ] {
            let fault = facts(addresses, bridge).unwrap_err();
            assert!(fault.message.contains(part) && fault.help.is_some(), "{fault}");
        }
    }
}
