//! What was observed, as far as values of a graph ask for it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::base::Secret;
use crate::contract::{Address, Observation};
use crate::graph::{Context, Lookup, Member, Node, Reference, ResourceGraph, ResourceKey, Unresolved};

/// One place that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Where.
    pub address: Address,
    /// What is there, if anything.
    pub observation: Option<Observation>,
}

/// All places that were looked at. A resource whose name is not known yet was not looked at, and is not there.
pub type ObservedResources = BTreeMap<ResourceKey, Observed>;

/// Whether a resource was looked at, and is there.
pub fn is_there(observed: &ObservedResources, key: &ResourceKey) -> bool {
    observed.get(key).is_some_and(|seen| seen.observation.is_some())
}

/// Where secrets come from, by handle.
pub trait Secrets: Send + Sync {
    /// The secret under this handle.
    fn secret(&self, handle: &str) -> Option<Secret>;
}

/// Secrets held in memory.
impl Secrets for BTreeMap<String, Secret> {
    fn secret(&self, handle: &str) -> Option<Secret> {
        self.get(handle).cloned()
    }
}

/// Answers references of a graph's values from what was observed.
pub struct World<'a> {
    /// The graph whose values ask.
    pub graph: &'a ResourceGraph,
    /// What was observed.
    pub observed: &'a ObservedResources,
    /// The secrets at hand.
    pub secrets: &'a dyn Secrets,
}

impl World<'_> {
    /// The address of an instance; `None` while its name waits for resources that are not there.
    ///
    /// # Errors
    /// A name that cannot be worked out at all.
    pub fn address(&self, node: &Node) -> Result<Option<Address>, Unresolved> {
        let name = match &node.name {
            Some(name) => name.to_string(),
            None => match node.resource.name.resolve(&self.context(node)) {
                Ok(Json::String(name)) => name,
                Ok(other) => other.to_string(),
                Err(Unresolved::Attribute(_)) => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        let resource = &node.resource;
        Ok(Some(Address::new(self.graph.scope(), &resource.resource_type, &resource.api_version, &name)))
    }

    /// Where the values of an instance stand.
    pub fn context(&self, node: &Node) -> Context<'_> {
        Context { scope: self.graph.scope(), index: node.index, lookup: self }
    }

    fn attribute_of(&self, node: &Node, path: &[std::sync::Arc<str>]) -> Option<Json> {
        let seen = self.observed.get(&node.key)?;
        if let [only] = path {
            match &**only {
                "id" => return Some(Json::String(seen.address.id.clone())),
                "name" => return Some(Json::String(seen.address.name.clone())),
                _ => {}
            }
        }
        path.iter().try_fold(&seen.observation.as_ref()?.body, |value, name| value.get(&**name)).cloned()
    }
}

impl Lookup for World<'_> {
    fn attribute(&self, reference: &Reference, index: Option<u32>) -> Option<Json> {
        if let Some(known) = self.graph.static_attribute(reference, index) {
            return Some(known);
        }
        let mut nodes = self.graph.meant(reference, index);
        if reference.member == Member::Every {
            return nodes.map(|node| self.attribute_of(node, &reference.path)).collect();
        }
        self.attribute_of(nodes.next()?, &reference.path)
    }

    fn secret(&self, handle: &str) -> Option<Secret> {
        self.secrets.secret(handle)
    }
}
