//! One resource as it is declared, or a whole series that shares the declaration.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Reference, Value};

/// What identifies one instance in graph, plan, journal and state: its type and name, such as
/// `Microsoft.Compute/virtualMachines k8s-master-11600910-0`. Where the name is not known before other resources
/// exist, its symbol (and index) in `<>` takes the name's place, and stays so for good: the journal records the name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceKey(Arc<str>);

impl ResourceKey {
    /// The key of a resource with a known name.
    pub fn named(resource_type: &str, name: &str) -> Self {
        Self(format!("{resource_type} {name}").into())
    }

    /// The key of a resource whose name is deferred.
    pub fn deferred(resource_type: &str, symbol: &str, index: Option<u32>) -> Self {
        match index {
            None => Self::named(resource_type, &format!("<{symbol}>")),
            Some(index) => Self::named(resource_type, &format!("<{symbol} {index}>")),
        }
    }

    /// The resource's type.
    pub fn resource_type(&self) -> &str {
        self.0.split_once(' ').map_or(&self.0, |(resource_type, _)| resource_type)
    }

    /// The resource's name, or its symbol in `<>`.
    pub fn name(&self) -> &str {
        self.0.split_once(' ').map_or("", |(_, name)| name)
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ResourceKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A declaration that stands for several instances. They share one body, in which `copyIndex()` is the instance's
/// index and [`Member::SameIndex`](super::Member::SameIndex) its sibling in another series, so that thousands cost little.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The name of the machines' pool, such as `agentpool1` or `master`. The emitter derives the parameters
    /// `<name>Count` and `<name>Offset` from it; series of one pool have the same name, count and offset.
    pub name: Arc<str>,
    /// The index of the first instance.
    pub offset: u32,
    /// How many instances. It may be deferred (another resource's output): then the graph holds one node for
    /// the whole series until the number is known.
    pub count: Value,
}

/// One ARM resource, whatever the target. Its values may refer to other resources by their symbols.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// The name by which values of other resources refer to this one, unique in the graph, such as `agentpool1-machine`.
    pub symbol: Arc<str>,
    /// The full type, such as `Microsoft.Network/networkInterfaces`.
    pub resource_type: Arc<str>,
    /// The version of the type's interface.
    pub api_version: Arc<str>,
    /// The name: a text, or deferred. A child's name holds its parent's, and so refers to it.
    pub name: Value,
    /// The body's top-level fields besides `properties`, in ARM's names: `location`, `tags`, `sku`, `zones`,
    /// `identity`, `plan`, `kind`. Absent ones are not there.
    pub fields: Value,
    /// The body's `properties`; null where the type has none.
    pub properties: Value,
    /// What this resource has to wait for although no value of it says so (a script that needs a role that its
    /// machine was given). Each is a reference, and makes an edge like any other.
    pub after: Vec<Reference>,
    /// JSON pointers into the body whose value is the engine's to give only at creation; afterwards they belong to
    /// somebody else (a scale set's `/sku/capacity` under an autoscaler) and never make a difference.
    pub initial: Vec<Arc<str>>,
    /// The series, if the declaration stands for several instances.
    pub series: Option<Series>,
}

impl Resource {
    /// A resource with just a name; the rest is filled in by its builder.
    pub fn new(symbol: &str, resource_type: &str, api_version: &str, name: impl Into<Value>) -> Self {
        Self {
            symbol: symbol.into(),
            resource_type: resource_type.into(),
            api_version: api_version.into(),
            name: name.into(),
            fields: Value::object([]),
            properties: Value::Null,
            after: Vec::new(),
            initial: Vec::new(),
            series: None,
        }
    }

    /// The same with a top-level field, such as `location`.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name, value.into());
        self
    }

    /// The same with `properties`.
    #[must_use]
    pub fn properties(mut self, properties: Value) -> Self {
        self.properties = properties;
        self
    }

    /// The same as a series.
    #[must_use]
    pub fn in_series(mut self, series: Series) -> Self {
        self.series = Some(series);
        self
    }

    /// The whole body of a request: the top-level fields, then `properties`.
    pub fn body(&self) -> Value {
        let mut body = self.fields.clone();
        if self.properties != Value::Null {
            body.insert("properties", self.properties.clone());
        }
        body
    }

    /// Every reference of the declaration: in name, fields, properties and `after`.
    pub fn references(&self) -> Vec<&Reference> {
        let mut references = self.name.references();
        references.extend(self.fields.references());
        references.extend(self.properties.references());
        references.extend(&self.after);
        if let Some(series) = &self.series {
            references.extend(series.count.references());
        }
        references
    }
}
