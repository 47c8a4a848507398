//! [`MemoryTarget`]: a target whose every operation is over when the call returns.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value as Json, json};

use super::{Store, StoreError};
use crate::contract::{
    Address, Fault, FaultClass, Future, Observation, OperationHandle, Progress, Support, Target, TargetName,
};

/// Resources in memory, for tests and rehearsals. It realises every type, keeps bodies as they are given plus `id`,
/// `name`, `type` and `properties.provisioningState`, and knows versions (etags): a number that grows with each write.
#[derive(Debug)]
pub struct MemoryTarget {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    store: Store,
    version: u64,
}

impl MemoryTarget {
    /// A target without resources, forgotten in the end.
    pub fn new() -> Self {
        Self::over(Store::in_memory())
    }

    /// A target whose resources are kept in this file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Store::open(path).map(Self::over)
    }

    fn over(store: Store) -> Self {
        let version =
            store.range("/").filter_map(|(_, document)| document["etag"].as_str()?.parse().ok()).max().unwrap_or(0);
        Self { state: Mutex::new(State { store, version }) }
    }

    /// Every resource as it is, by id.
    pub fn resources(&self) -> Vec<Json> {
        self.lock().store.range("/").map(|(_, document)| document["body"].clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves whole documents behind: there is nothing half done in the store.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryTarget {
    fn default() -> Self {
        Self::new()
    }
}

fn lost(error: &StoreError) -> Fault {
    Fault::new(FaultClass::Failed, "", error.to_string()).help("Make room on the disk, or the folder writable.")
}

impl Target for MemoryTarget {
    fn name(&self) -> TargetName {
        TargetName::Simulator
    }

    fn supports(&self, _: &str, _: &str) -> Support {
        Support::Yes
    }

    fn observe<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Option<Observation>, Fault>> {
        let found = self.lock().store.get(&address.id).map(observation);
        Box::pin(std::future::ready(Ok(found)))
    }

    fn normalise(&self, _: &Address, body: Json) -> Json {
        body
    }

    fn apply<'a>(
        &'a self,
        address: &'a Address,
        body: &'a Json,
        etag: Option<&'a str>,
    ) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(std::future::ready(self.write(address, body, etag)))
    }

    fn delete<'a>(&'a self, address: &'a Address) -> Future<'a, Result<Progress, Fault>> {
        let removed = self.remove(address);
        Box::pin(std::future::ready(removed.map(|()| Progress::Done(None)).map_err(|error| lost(&error))))
    }

    fn poll<'a>(&'a self, operation: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>> {
        let message = format!("no operation is ever under way here, `{}` neither", operation.url);
        Box::pin(std::future::ready(Err(Fault::new(FaultClass::OperationLost, "", message))))
    }
}

impl MemoryTarget {
    fn write(&self, address: &Address, body: &Json, etag: Option<&str>) -> Result<Progress, Fault> {
        let mut state = self.lock();
        let there = state.store.get(&address.id).and_then(|document| document["etag"].as_str());
        if let Some(wanted) = etag.filter(|wanted| there != Some(wanted)) {
            let message = format!("`{}` is not in version {wanted} any more", address.id);
            return Err(Fault::new(FaultClass::Conflict, "PreconditionFailed", message));
        }
        let Json::Object(fields) = body else {
            let message = format!("the body of `{}` is not a JSON object", address.id);
            return Err(Fault::new(FaultClass::Invalid, "InvalidRequestContent", message));
        };
        let mut whole = serde_json::Map::new();
        whole.insert("id".to_owned(), address.id.clone().into());
        whole.insert("name".to_owned(), address.name.rsplit('/').next().unwrap_or_default().into());
        whole.insert("type".to_owned(), address.resource_type.clone().into());
        whole.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        if let Json::Object(properties) = whole.entry("properties").or_insert_with(|| json!({})) {
            properties.insert("provisioningState".to_owned(), "Succeeded".into());
        }
        state.version += 1;
        let document = json!({ "body": whole, "etag": state.version.to_string() });
        let result = observation(&document);
        state.store.put(&address.id, document);
        state.store.commit().map_err(|error| lost(&error))?;
        Ok(Progress::Done(Some(result)))
    }

    /// Removes a resource and everything below its id, children and a group's resources alike.
    fn remove(&self, address: &Address) -> Result<(), StoreError> {
        let mut state = self.lock();
        let below = format!("{}/", address.id);
        let keys: Vec<String> = state.store.range(&below).map(|(key, _)| key.to_owned()).collect();
        keys.iter().for_each(|key| state.store.remove(key));
        state.store.remove(&address.id);
        state.store.commit()
    }
}

fn observation(document: &Json) -> Observation {
    Observation { body: document["body"].clone(), etag: document["etag"].as_str().map(str::to_owned) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn address(resource_type: &str, name: &str) -> Address {
        let scope = crate::graph::Scope {
            subscription_id: "s".to_owned(),
            tenant_id: "t".to_owned(),
            resource_group: "rg".to_owned(),
            location: "westus2".to_owned(),
        };
        Address::new(&scope, resource_type, "2025-05-01", name)
    }

    fn done(progress: Result<Progress, Fault>) -> Observation {
        match progress {
            Ok(Progress::Done(Some(observation))) => observation,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_resource_is_there_at_once_and_goes_with_its_group() {
        let target = MemoryTarget::new();
        let network = address("Microsoft.Network/virtualNetworks", "Net");
        let first = done(target.apply(&network, &json!({"location": "westus2"}), None).await);
        assert_eq!(first.provisioning_state(), Some("Succeeded"));
        let shouted = Address { id: network.id.to_ascii_uppercase(), ..network.clone() };
        assert_eq!(target.observe(&shouted).await.unwrap(), Some(first));
        let group = address(crate::graph::GROUP_TYPE, "rg");
        assert_eq!(target.delete(&group).await, Ok(Progress::Done(None)));
        assert_eq!(target.observe(&network).await, Ok(None));
    }

    #[tokio::test]
    async fn a_stale_version_is_refused_and_versions_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resources.jsonl");
        let network = address("Microsoft.Network/virtualNetworks", "net");
        let target = MemoryTarget::open(&path).unwrap();
        let first = done(target.apply(&network, &json!({}), None).await);
        drop(target);
        let target = MemoryTarget::open(&path).unwrap();
        let second = done(target.apply(&network, &json!({"tags": {}}), first.etag.as_deref()).await);
        assert_ne!(first.etag, second.etag);
        let refused = target.apply(&network, &json!({}), first.etag.as_deref()).await.unwrap_err();
        assert_eq!(refused.class, FaultClass::Conflict);
    }
}
