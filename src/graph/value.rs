//! The deferred value: what a property is, or what it will be once other resources exist.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Function;

/// A value of a resource. There is one representation: the expander builds it, the template reader builds it, the
/// emitter prints it as an ARM expression, the executor resolves it to JSON.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// JSON's null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    String(Arc<str>),
    /// Values in order.
    Array(Vec<Value>),
    /// Named values in the order in which they were put in.
    Object(IndexMap<Arc<str>, Value>),
    /// A secret, by the handle under which the vault holds it. Its text is never part of a graph, plan or state.
    Secret(Arc<str>),
    /// An attribute of another resource. This is what makes an edge.
    Reference(Reference),
    /// A function of other values.
    Call(Function, Vec<Value>),
}

/// An attribute of a resource that may not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The [`Resource::symbol`](super::Resource::symbol) of the resource.
    pub symbol: Arc<str>,
    /// Which instance, where the symbol is a series.
    pub member: Member,
    /// The path to the attribute. `["id"]` and `["name"]` are known before the resource exists if its name is;
    /// anything else (`["identity", "principalId"]`, `["properties", "ipAddress"]`) is read from the finished resource.
    pub path: Vec<Arc<str>>,
}

/// Which instance of a series a reference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Member {
    /// The resource is no series.
    Only,
    /// The instance with the same index as the one that holds the reference: a machine's own network interface.
    SameIndex,
    /// The instance with this index.
    Index(u32),
    /// All instances. Orders; as a value it is the array of the attribute over all instances.
    Every,
}

impl Reference {
    /// The `id` of a resource that is no series.
    pub fn id(symbol: &str) -> Self {
        Self::attribute(symbol, &["id"])
    }

    /// An attribute of a resource that is no series.
    pub fn attribute(symbol: &str, path: &[&str]) -> Self {
        Self {
            symbol: symbol.into(),
            member: Member::Only,
            path: path.iter().map(|segment| (*segment).into()).collect(),
        }
    }

    /// The same reference to another instance.
    #[must_use]
    pub fn of(mut self, member: Member) -> Self {
        self.member = member;
        self
    }

    /// Whether the attribute is known before the resource exists, given its name.
    pub fn is_static(&self) -> bool {
        matches!(&*self.path, [only] if &**only == "id" || &**only == "name")
    }
}

impl Value {
    /// An object with these entries, in this order.
    pub fn object<const N: usize>(entries: [(&str, Value); N]) -> Self {
        Self::Object(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// An array of these values.
    pub fn array(values: impl IntoIterator<Item = Value>) -> Self {
        Self::Array(values.into_iter().collect())
    }

    /// The texts put together; a part that is deferred makes the whole deferred.
    pub fn concat(parts: impl IntoIterator<Item = Value>) -> Self {
        Self::Call(Function::Concat, parts.into_iter().collect())
    }

    /// The index of the instance within its series, offset included.
    pub fn index() -> Self {
        Self::Call(Function::CopyIndex, Vec::new())
    }

    /// `prefix` followed by the index of the instance.
    pub fn indexed(prefix: &str) -> Self {
        Self::concat([prefix.into(), Self::index()])
    }

    /// The id of the resource with this symbol, which is no series.
    pub fn id_of(symbol: &str) -> Self {
        Self::Reference(Reference::id(symbol))
    }

    /// The id of the instance of a series that has the same index as the holder of this value.
    pub fn id_of_same_index(symbol: &str) -> Self {
        Self::Reference(Reference::id(symbol).of(Member::SameIndex))
    }

    /// The id of a part of a resource, such as a load balancer's pool: `<id>/<collection>/<name>`.
    pub fn part_of(symbol: &str, collection: &str, name: &str) -> Self {
        Self::concat([Self::id_of(symbol), format!("/{collection}/{name}").into()])
    }

    /// An object with only an `id`, as ARM refers to other resources.
    pub fn sub_resource(id: Value) -> Self {
        Self::object([("id", id)])
    }

    /// A secret by its handle.
    pub fn secret(handle: &str) -> Self {
        Self::Secret(handle.into())
    }

    /// The text, if it is a literal one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The entry of an object.
    pub fn get(&self, name: &str) -> Option<&Value> {
        if let Self::Object(entries) = self { entries.get(name) } else { None }
    }

    /// Adds an entry to an object; anything else is left alone.
    pub fn insert(&mut self, name: &str, value: Value) {
        if let Self::Object(entries) = self {
            entries.insert(name.into(), value);
        }
    }

    /// Calls `visit` with this value and all within, outermost first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Value)) {
        visit(self);
        match self {
            Self::Array(values) | Self::Call(_, values) => values.iter().for_each(|value| value.walk(visit)),
            Self::Object(entries) => entries.values().for_each(|value| value.walk(visit)),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Secret(_) | Self::Reference(_) => {}
        }
    }

    /// Every reference within, in order of appearance, repeats included.
    pub fn references(&self) -> Vec<&Reference> {
        let mut references = Vec::new();
        self.walk(&mut |value| {
            if let Self::Reference(reference) = value {
                references.push(reference);
            }
        });
        references
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<Reference> for Value {
    fn from(reference: Reference) -> Self {
        Self::Reference(reference)
    }
}

/// Plain JSON is a literal value.
impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => Self::Number(number),
            serde_json::Value::String(text) => Self::String(text.into()),
            serde_json::Value::Array(values) => Self::Array(values.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(entries) => {
                Self::Object(entries.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
            }
        }
    }
}
