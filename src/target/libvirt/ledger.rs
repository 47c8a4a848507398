//! What was made, kept where it was made: each ARM resource has a record, a small volume of the storage pool, mode 0600.
//!
//! libvirt knows domains and networks, and nothing of balancers, tags or etags; and the machine that runs this program may
//! be another one tomorrow. A record is written before what it describes is started, and removed after that is gone.
//!
//! A record is never overwritten in place: the new one is written beside the old one first, so that at every moment
//! one of the two is whole. A torn one is told by its digest and counts as none.
//! Deliberately absent: secrets. What a read does not return is not kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::body::parent;
use super::host::FACTS_VOLUME;
use super::hypervisor::{Answer, ErrorKind, Hypervisor, HypervisorError};
use super::names::short_digest;
use super::xml::content_volume;
use crate::base::digest_json;
use crate::contract::Address;

/// The version of a record's form.
const FORMAT: u32 = 1;

/// A resource as it was applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Where it is.
    pub address: Address,
    /// A number that grows with each write.
    pub version: u64,
    /// The body as it is read back.
    pub body: Json,
    /// What the target remembers of its making, such as ranges and identities that were given.
    #[serde(default)]
    pub local: Json,
}

impl Record {
    /// The version as Azure writes it.
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// A text of the body.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer)?.as_str()
    }
}

/// All records of a pool, as this process has read them.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By the volume's stem, which is known without the id.
    read: BTreeMap<String, Record>,
    /// By lower-case id.
    stems: BTreeMap<String, String>,
}

/// What names of records' volumes begin with.
const PREFIX: &str = "engine.";

/// What the names of the volumes of a group's records begin with: one that is torn does not tell its group.
pub fn records_of_group(id: &str) -> String {
    let group = parent(id, "/providers/").unwrap_or(id);
    format!("{PREFIX}{}.", short_digest(group, 12))
}

fn stem_of(id: &str) -> String {
    format!("{}{}", records_of_group(id), short_digest(id, 32))
}

impl Ledger {
    /// Reads what was not read before, and forgets what is gone.
    ///
    /// # Errors
    /// The pool cannot be read.
    pub fn refresh(&mut self, hypervisor: &dyn Hypervisor, pool: &str) -> Answer<()> {
        let stems: std::collections::BTreeSet<String> = hypervisor
            .volumes(pool)?
            .iter()
            .filter(|name| name.starts_with(PREFIX))
            .filter_map(|name| name.strip_suffix(".next.json").or_else(|| name.strip_suffix(".json")))
            // What the host was prepared with is nobody's record.
            .filter(|stem| FACTS_VOLUME.strip_suffix(".json") != Some(*stem))
            .map(str::to_owned)
            .collect();
        self.read.retain(|stem, _| stems.contains(stem));
        for stem in stems {
            if !self.read.contains_key(&stem)
                && let Some(record) = read(hypervisor, pool, &stem)?
            {
                self.read.insert(stem, record);
            }
        }
        self.stems = self.read.iter().map(|(stem, record)| (key(&record.address.id), stem.clone())).collect();
        Ok(())
    }

    /// Reads one record anew.
    ///
    /// # Errors
    /// The pool cannot be read.
    pub fn read(&mut self, hypervisor: &dyn Hypervisor, pool: &str, id: &str) -> Answer<Option<&Record>> {
        let stem = stem_of(id);
        match read(hypervisor, pool, &stem)? {
            Some(record) => {
                self.stems.insert(key(id), stem.clone());
                self.read.insert(stem.clone(), record);
            }
            None => self.forget(id),
        }
        Ok(self.read.get(&stem))
    }

    /// A record that was read.
    pub fn get(&self, id: &str) -> Option<&Record> {
        self.read.get(self.stems.get(&key(id))?)
    }

    /// All records that were read, by lower-case id.
    pub fn all(&self) -> impl Iterator<Item = &Record> {
        self.stems.values().filter_map(|stem| self.read.get(stem))
    }

    /// All records of a type, by lower-case id.
    pub fn of_type<'a>(&'a self, resource_type: &'a str) -> impl Iterator<Item = &'a Record> {
        self.all().filter(move |record| record.address.resource_type.eq_ignore_ascii_case(resource_type))
    }

    /// Writes a record with the next version.
    ///
    /// # Errors
    /// The pool cannot be written.
    pub fn put(
        &mut self,
        hypervisor: &dyn Hypervisor,
        pool: &str,
        address: &Address,
        body: Json,
        local: Json,
    ) -> Answer<&Record> {
        let version = self.get(&address.id).map_or(1, |record| record.version + 1);
        let record = Record { address: address.clone(), version, body, local };
        let stem = stem_of(&address.id);
        let (name, next) = (format!("{stem}.json"), format!("{stem}.next.json"));
        let content = text_of(&record)?;
        if volume_record(hypervisor, pool, &name)?.is_some() {
            write(hypervisor, pool, &next, &content)?;
        }
        write(hypervisor, pool, &name, &content)?;
        hypervisor.remove_volume(pool, &next)?;
        self.stems.insert(key(&address.id), stem.clone());
        self.read.insert(stem.clone(), record);
        self.read.get(&stem).ok_or_else(|| HypervisorError::new(ErrorKind::Failed, "the record was lost"))
    }

    /// Removes a record. One that is not there is none.
    ///
    /// # Errors
    /// The pool cannot be written.
    pub fn remove(&mut self, hypervisor: &dyn Hypervisor, pool: &str, id: &str) -> Answer<()> {
        let stem = stem_of(id);
        // In this order: what is left after a crash is the newer one, or nothing.
        hypervisor.remove_volume(pool, &format!("{stem}.json"))?;
        hypervisor.remove_volume(pool, &format!("{stem}.next.json"))?;
        self.forget(id);
        Ok(())
    }

    fn forget(&mut self, id: &str) {
        self.read.remove(&stem_of(id));
        self.stems.remove(&key(id));
    }
}

fn key(id: &str) -> String {
    id.to_ascii_lowercase()
}

fn text_of(record: &Record) -> Answer<Vec<u8>> {
    let failed = |cause: serde_json::Error| HypervisorError::new(ErrorKind::Failed, cause.to_string());
    let record = serde_json::to_value(record).map_err(failed)?;
    let whole = json!({ "format": FORMAT, "digest": digest_json(&record), "record": record });
    let mut content = serde_json::to_vec(&whole).map_err(failed)?;
    content.push(b'\n');
    Ok(content)
}

fn write(hypervisor: &dyn Hypervisor, pool: &str, name: &str, content: &[u8]) -> Answer<()> {
    hypervisor.remove_volume(pool, name)?;
    hypervisor.create_volume(pool, &content_volume(name, content.len()).render())?;
    hypervisor.upload(pool, name, content)
}

/// The record of a stem: the newer one, where it is whole.
fn read(hypervisor: &dyn Hypervisor, pool: &str, stem: &str) -> Answer<Option<Record>> {
    let next = volume_record(hypervisor, pool, &format!("{stem}.next.json"))?;
    let record = volume_record(hypervisor, pool, &format!("{stem}.json"))?;
    Ok(next.into_iter().chain(record).max_by_key(|record| record.version))
}

/// The record that a volume holds, if it is there and whole. A newer program's is an error: nothing may be done by halves
/// of what it says.
fn volume_record(hypervisor: &dyn Hypervisor, pool: &str, name: &str) -> Answer<Option<Record>> {
    let Some(content) = hypervisor.download(pool, name)? else { return Ok(None) };
    // A pool of another kind than a folder rounds sizes up.
    let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let Ok(whole) = serde_json::from_slice::<Json>(content.get(..end).unwrap_or_default()) else { return Ok(None) };
    let format = whole["format"].as_u64().unwrap_or_default();
    if format > u64::from(FORMAT) {
        let message = format!("the volume {name} of pool {pool} was written by a newer engine (format {format})");
        return Err(HypervisorError::new(ErrorKind::Invalid, message));
    }
    if whole["digest"].as_str() != Some(digest_json(&whole["record"]).as_str()) {
        return Ok(None);
    }
    Ok(serde_json::from_value(whole["record"].clone()).ok())
}
