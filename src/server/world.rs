//! All that there is: resources and operations, kept in a store, and what is derived from them. The world stands still
//! between requests: whatever came due meanwhile is made up for at the beginning of the next one.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::faults::{Fate, Faults};
use super::identity::Identity;
use super::index::Index;
use super::limits::{Limiting, Limits};
use crate::base::{Clock, Entropy};
use crate::target::memory::{Store, StoreError};

/// A resource as it is kept: what was sent, without what is write-only, with what the server added for good. What follows
/// from other resources, and what names its parts, is added when it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    /// Its id, in the spelling of its creation.
    pub(super) id: String,
    /// Its type, in Azure's spelling.
    pub(super) resource_type: String,
    /// Top-level fields and `properties`.
    pub(super) body: Json,
    /// `provisioningState`; empty for types without one.
    pub(super) state: String,
    /// A GUID that changes with every version.
    pub(super) etag: String,
    /// `resourceGuid`, `vmId` and the like come from this.
    pub(super) guid: String,
    /// The operation that works on it.
    pub(super) operation: Option<String>,
    /// What only the server knows.
    pub(super) hidden: Map<String, Json>,
}

/// What an operation does when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Verb {
    /// A resource is created or updated.
    Put,
    /// A resource is deleted.
    Delete,
    /// A resource group is deleted with all that is in it.
    DeleteGroup,
    /// Instances of a scale set are deleted; which ones is in the arguments.
    DeleteInstances,
    /// Nothing changes.
    Nothing,
}

/// Something that takes time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    /// Its GUID.
    pub(super) id: String,
    /// What it does.
    pub(super) verb: Verb,
    /// The id of the resource it works on.
    pub(super) resource: String,
    /// The resource's type.
    pub(super) resource_type: String,
    /// When it began, in milliseconds of Unix time.
    pub(super) start: i64,
    /// When it ends.
    pub(super) end: i64,
    /// `InProgress`, `Succeeded`, `Failed`, `Canceled`.
    pub(super) status: String,
    /// Why it failed.
    pub(super) error: Option<Json>,
    /// The path and query under which its status is told, to the byte.
    pub(super) status_target: String,
    /// The path and query under which its result is told.
    pub(super) result_target: String,
    /// What else it needs to know.
    pub(super) arguments: Json,
    /// How it ends, if not as it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fate: Option<Fate>,
}

/// The state of a simulator.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) index: Index,
    pub(super) limits: Limits,
    /// What goes wrong.
    pub(super) faults: Faults,
    /// What the operation that the present request begins was given to end by.
    pub(super) fate: Option<Fate>,
    /// When which operation ends.
    due: BTreeSet<(i64, String)>,
    pub(super) identity: Identity,
    pub(super) url: String,
    pub(super) time_scale: f64,
    /// Whether the clock moves on demand only.
    pub(super) is_virtual: bool,
    clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// The moment of the request that is being answered, in milliseconds of Unix time.
    pub(super) now: i64,
}

const OPERATION: &str = "operation/";
/// How long an operation can be asked for after its end: a day.
const REMEMBERED: i64 = 24 * 3600 * 1000;

/// The last moment that a store knows of, in milliseconds of Unix time: when the last operation began.
pub(super) fn last_moment(store: &Store) -> Option<i64> {
    store.range(OPERATION).filter_map(|(_, document)| document.get("start")?.as_i64()).max()
}

impl World {
    /// Takes up what the store holds.
    pub(super) fn new(
        store: Store,
        identity: Identity,
        url: String,
        time_scale: f64,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        limiting: Limiting,
    ) -> Self {
        let mut world = Self {
            store,
            index: Index::default(),
            limits: Limits::new(limiting),
            faults: Faults::default(),
            fate: None,
            due: BTreeSet::new(),
            identity,
            url,
            time_scale,
            is_virtual: false,
            now: clock.now().as_millisecond(),
            clock,
            entropy,
        };
        for entry in world.entries("/") {
            world.index.update(&entry.id, Some(&entry.body));
        }
        let operations: Vec<Operation> =
            world.store.range(OPERATION).filter_map(|(_, document)| Operation::deserialize(document).ok()).collect();
        for operation in operations {
            if operation.status == "InProgress" {
                world.due.insert((operation.end, operation.id));
            } else if operation.end + REMEMBERED < world.now {
                world.store.remove(&format!("{OPERATION}{}", operation.id));
            }
        }
        world
    }

    /// Lets time go on to the present: what has come due happens, in its order.
    pub(super) fn catch_up(&mut self) {
        self.now = self.clock.now().as_millisecond();
        while let Some((end, id)) = self.due.first().cloned().filter(|(end, _)| *end <= self.now) {
            self.due.remove(&(end, id.clone()));
            if let Some(mut operation) = self.operation(&id).filter(|operation| operation.status == "InProgress") {
                super::operations::finish(self, &mut operation);
                self.put_operation(&operation);
            }
        }
    }

    /// Makes what was changed durable.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.store.commit()
    }

    /// A span of real seconds in this world's milliseconds.
    #[expect(clippy::cast_possible_truncation, reason = "rounded and bounded: the cast saturates")]
    pub(super) fn milliseconds(&self, seconds: f64) -> i64 {
        (seconds * self.time_scale * 1000.0).round().clamp(0.0, 1e15) as i64
    }

    /// The present as RFC 3339 with seven digits of a second, as Azure writes it.
    pub(super) fn timestamp(&self) -> String {
        timestamp(self.now)
    }

    pub(super) fn uuid(&self) -> String {
        self.entropy.uuid().to_string()
    }

    pub(super) fn entry(&self, id: &str) -> Option<Entry> {
        Entry::deserialize(self.store.get(id)?).ok()
    }

    /// All resources whose ids begin with this.
    pub(super) fn entries(&self, prefix: &str) -> Vec<Entry> {
        self.store.range(prefix).filter_map(|(_, document)| Entry::deserialize(document).ok()).collect()
    }

    pub(super) fn put_entry(&mut self, entry: &Entry) {
        self.index.update(&entry.id, Some(&entry.body));
        if let Ok(document) = serde_json::to_value(entry) {
            self.store.put(&entry.id, document);
        }
    }

    pub(super) fn remove_entry(&mut self, id: &str) {
        self.index.update(id, None);
        self.store.remove(id);
    }

    /// Gives a resource a new version.
    pub(super) fn touch(&mut self, id: &str) {
        if let Some(mut entry) = self.entry(id) {
            entry.etag = self.uuid();
            self.put_entry(&entry);
        }
    }

    /// Gives new versions to the resources that a change of this one shows in: those it refers to now or did before.
    pub(super) fn touch_referred(&mut self, id: &str, before: &[super::index::Link]) {
        let now = self.index.links_of(id).to_vec();
        let changed = |some: &[super::index::Link], others: &[super::index::Link]| {
            some.iter()
                .filter(|link| !others.iter().any(|other| other.to.eq_ignore_ascii_case(&link.to)))
                .filter_map(|link| top_level(&link.to))
                .collect::<BTreeSet<String>>()
        };
        let mut referred = changed(&now, before);
        referred.extend(changed(before, &now));
        for other in referred {
            if !super::index::is_within(&other, id) {
                self.touch(&other);
            }
        }
    }

    pub(super) fn operation(&self, id: &str) -> Option<Operation> {
        Operation::deserialize(self.store.get(&format!("{OPERATION}{id}"))?).ok()
    }

    pub(super) fn put_operation(&mut self, operation: &Operation) {
        if operation.status == "InProgress" {
            self.due.insert((operation.end, operation.id.clone()));
        }
        if let Ok(document) = serde_json::to_value(operation) {
            self.store.put(&format!("{OPERATION}{}", operation.id), document);
        }
    }

    /// A document that is neither a resource nor an operation.
    pub(super) fn note(&self, key: &str) -> Option<&Json> {
        self.store.get(key)
    }

    /// How this world is set to be, of what `/simulator/settings` takes.
    pub(super) fn setting(&self, name: &str) -> Option<&Json> {
        self.note("settings")?.get(name)
    }

    /// The id of the service principal's subscription, `/subscriptions/…`.
    pub(super) fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.identity.credentials.subscription_id)
    }
}

/// The id of the whole resource that an id is of, or is of a part of.
pub(super) fn top_level(id: &str) -> Option<String> {
    let mut resource = super::resource_id::ResourceId::of_text(id)?;
    resource.types.truncate(1);
    resource.names.truncate(1);
    Some(resource.text())
}

/// Milliseconds of Unix time as RFC 3339 with seven digits of a second.
pub(super) fn timestamp(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.%3f0000+00:00").to_string())
        .unwrap_or_default()
}

/// The same without fractions and with a `Z`, as Kubernetes writes it.
pub(super) fn timestamp_short(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

/// `[{"id": …}]`.
pub(super) fn id_objects<'a>(ids: impl IntoIterator<Item = &'a str>) -> Json {
    ids.into_iter().map(|id| json!({ "id": id })).collect()
}
