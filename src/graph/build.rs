//! From declarations to the graph of instances: series are spelled out, names resolved, references become edges,
//! and what does not hold together is refused by name.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use serde_json::Value as Json;

use super::{Context, GROUP_TYPE, Lookup, Member, Reference, Resource, ResourceKey, Scope, Unresolved, Value};
use crate::base::Secret;

/// One instance: a declaration and, in a series, its index.
#[derive(Debug, Clone)]
pub struct Node {
    /// What identifies it.
    pub key: ResourceKey,
    /// The declaration, shared by all instances of a series.
    pub resource: Arc<Resource>,
    /// The index within the series, offset included.
    pub index: Option<u32>,
    /// The name, unless it is known only once other resources exist.
    pub name: Option<Arc<str>>,
    /// Whether this node stands for a whole series whose number is not known yet.
    pub unexpanded: bool,
}

/// The declarations do not make a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two declarations have one symbol.
    #[error("two resources are declared with the symbol `{0}`")]
    DuplicateSymbol(Arc<str>),
    /// Two instances have one type and name.
    #[error("two resources would be `{0}`")]
    DuplicateResource(ResourceKey),
    /// A reference to nothing.
    #[error("`{holder}` refers to `{symbol}`{member}, which is not declared")]
    Dangling {
        /// The symbol of the declaration that holds the reference.
        holder: Arc<str>,
        /// The symbol that is not there.
        symbol: Arc<str>,
        /// Which instance was meant, such as ` number 7`.
        member: String,
    },
    /// Resources that wait for each other; the first is repeated at the end.
    #[error("resources wait for each other: {}", .0.iter().map(ResourceKey::as_str).collect::<Vec<_>>().join(" → "))]
    Cycle(Vec<ResourceKey>),
    /// A name that cannot be worked out although nothing unknown is in it.
    #[error("the name of `{symbol}` cannot be worked out: {cause}")]
    Name {
        /// The declaration.
        symbol: Arc<str>,
        /// Why.
        cause: Unresolved,
    },
    /// A series' count that is no number of instances.
    #[error("the number of instances of `{0}` is not a whole number from 0 to 4294967295")]
    Count(Arc<str>),
}

/// All instances of a cluster and what each waits for. Iteration is in the order of declaration.
#[derive(Debug, Clone)]
pub struct ResourceGraph {
    scope: Scope,
    declarations: IndexMap<Arc<str>, Arc<Resource>>,
    /// The instances of each symbol, by index.
    instances: HashMap<Arc<str>, Vec<NodeIndex>>,
    graph: StableDiGraph<Node, ()>,
    by_key: IndexMap<ResourceKey, NodeIndex>,
}

impl ResourceGraph {
    /// Builds the graph. A resource group among the declarations contains all the others, so that each waits for it:
    /// their ids begin with its id.
    ///
    /// # Errors
    /// Symbols or resources that stand twice, references to nothing, and cycles, each by name.
    pub fn build(scope: Scope, resources: Vec<Resource>) -> Result<Self, GraphError> {
        let mut declarations = IndexMap::with_capacity(resources.len());
        for resource in resources {
            let symbol = Arc::clone(&resource.symbol);
            if declarations.insert(Arc::clone(&symbol), Arc::new(resource)).is_some() {
                return Err(GraphError::DuplicateSymbol(symbol));
            }
        }
        let mut this = Self {
            scope,
            declarations,
            instances: HashMap::new(),
            graph: StableDiGraph::new(),
            by_key: IndexMap::new(),
        };
        this.add_nodes()?;
        this.add_edges()?;
        this.refuse_cycles()?;
        Ok(this)
    }

    /// Gives the resource group a tag besides those that it has. Without a group among the declarations nothing changes.
    pub fn tag_group(&mut self, name: &str, value: &str) {
        let is_group = |resource: &Resource| resource.resource_type.eq_ignore_ascii_case(GROUP_TYPE);
        let Some(declaration) = self.declarations.values_mut().find(|resource| is_group(resource)) else { return };
        let mut tagged = Resource::clone(declaration);
        let mut tags = tagged.fields.get("tags").cloned().unwrap_or_else(|| Value::object([]));
        tags.insert(name, value.into());
        tagged.fields.insert("tags", tags);
        *declaration = Arc::new(tagged);
        for at in &self.instances[&declaration.symbol] {
            self.graph[*at].resource = Arc::clone(declaration);
        }
    }

    fn add_nodes(&mut self) -> Result<(), GraphError> {
        let declarations: Vec<Arc<Resource>> = self.declarations.values().cloned().collect();
        for resource in declarations {
            let (indices, unexpanded): (Vec<Option<u32>>, bool) = match &resource.series {
                None => (vec![None], false),
                Some(series) => match self.count(&resource, &series.count)? {
                    Some(count) => {
                        let end = series.offset.checked_add(count);
                        let end = end.ok_or_else(|| GraphError::Count(Arc::clone(&resource.symbol)))?;
                        ((series.offset..end).map(Some).collect(), false)
                    }
                    None => (vec![None], true),
                },
            };
            let mut instances = Vec::with_capacity(indices.len());
            for index in indices {
                let name = if unexpanded { None } else { self.static_name(&resource, index)? };
                let key = name.as_deref().map_or_else(
                    || ResourceKey::deferred(&resource.resource_type, &resource.symbol, index),
                    |name| ResourceKey::named(&resource.resource_type, name),
                );
                let node = Node { key: key.clone(), resource: Arc::clone(&resource), index, name, unexpanded };
                let at = self.graph.add_node(node);
                if self.by_key.insert(key.clone(), at).is_some() {
                    return Err(GraphError::DuplicateResource(key));
                }
                instances.push(at);
            }
            self.instances.insert(Arc::clone(&resource.symbol), instances);
        }
        Ok(())
    }

    fn count(&self, resource: &Resource, count: &Value) -> Result<Option<u32>, GraphError> {
        let lookup = Names { graph: self, depth: 0 };
        match count.resolve(&Context { scope: &self.scope, index: None, lookup: &lookup }) {
            Ok(json) => match json.as_u64().and_then(|count| u32::try_from(count).ok()) {
                Some(count) => Ok(Some(count)),
                None => Err(GraphError::Count(Arc::clone(&resource.symbol))),
            },
            Err(Unresolved::Attribute(_)) => Ok(None),
            Err(cause) => Err(GraphError::Name { symbol: Arc::clone(&resource.symbol), cause }),
        }
    }

    /// The name of an instance as far as it follows from declarations alone.
    fn static_name(&self, resource: &Resource, index: Option<u32>) -> Result<Option<Arc<str>>, GraphError> {
        self.static_name_at(resource, index, 0)
    }

    fn static_name_at(
        &self,
        resource: &Resource,
        index: Option<u32>,
        depth: u8,
    ) -> Result<Option<Arc<str>>, GraphError> {
        let lookup = Names { graph: self, depth };
        match resource.name.resolve(&Context { scope: &self.scope, index, lookup: &lookup }) {
            Ok(Json::String(name)) => Ok(Some(name.into())),
            Ok(other) => Ok(Some(other.to_string().into())),
            Err(Unresolved::Attribute(_)) => Ok(None),
            Err(cause) => Err(GraphError::Name { symbol: Arc::clone(&resource.symbol), cause }),
        }
    }

    fn add_edges(&mut self) -> Result<(), GraphError> {
        let group = self
            .declarations
            .values()
            .find(|resource| resource.resource_type.eq_ignore_ascii_case(GROUP_TYPE))
            .map(|resource| Arc::clone(&resource.symbol));
        let mut edges = Vec::new();
        let mut seen = IndexSet::new();
        for resource in self.declarations.values() {
            // The references of a declaration are the same for all its instances; look at the body once.
            let references: IndexSet<&Reference> = resource.references().into_iter().collect();
            let names_itself = resource.name.references().iter().any(|reference| reference.symbol == resource.symbol);
            let group = group.as_ref().filter(|group| **group != resource.symbol);
            let group = group.map(|group| self.instances[group].as_slice()).unwrap_or_default();
            for &at in &self.instances[&resource.symbol] {
                let index = self.graph[at].index;
                seen.clear();
                if names_itself {
                    seen.insert(at);
                }
                for reference in &references {
                    let targets = self.targets(reference, index).ok_or_else(|| GraphError::Dangling {
                        holder: Arc::clone(&resource.symbol),
                        symbol: Arc::clone(&reference.symbol),
                        member: match reference.member {
                            Member::Only | Member::Every => String::new(),
                            Member::SameIndex => index.map_or_else(String::new, |index| format!(" number {index}")),
                            Member::Index(index) => format!(" number {index}"),
                        },
                    })?;
                    // A resource may name its own id: that is known, and waits for nothing.
                    seen.extend(targets.iter().copied().filter(|target| *target != at || !reference.is_static()));
                }
                seen.extend(group);
                edges.extend(seen.iter().map(|target| (at, *target)));
            }
        }
        for (from, to) in edges {
            self.graph.add_edge(from, to, ());
        }
        Ok(())
    }

    /// The instances a reference means, seen from an instance with `index`.
    fn targets(&self, reference: &Reference, index: Option<u32>) -> Option<&[NodeIndex]> {
        let instances = self.instances.get(&reference.symbol)?;
        let wanted = match reference.member {
            Member::Every => return Some(instances),
            Member::Only => None,
            Member::SameIndex => index,
            Member::Index(index) => Some(index),
        };
        let first = &self.graph[*instances.first()?];
        if first.unexpanded {
            return Some(&instances[..1]);
        }
        // A series has no holes, so the index says the place.
        let position = match (wanted, first.index) {
            (None, None) => 0,
            (Some(wanted), Some(offset)) => wanted.checked_sub(offset)? as usize,
            _ => return None,
        };
        instances.get(position..=position)
    }

    fn refuse_cycles(&self) -> Result<(), GraphError> {
        for component in petgraph::algo::tarjan_scc(&self.graph) {
            let own_loop = |at: NodeIndex| self.graph.find_edge(at, at).is_some();
            if component.len() == 1 && !own_loop(component[0]) {
                continue;
            }
            return Err(GraphError::Cycle(self.name_cycle(&component)));
        }
        Ok(())
    }

    /// A shortest closed way through a strongly connected component, beginning at its first-declared node.
    fn name_cycle(&self, component: &[NodeIndex]) -> Vec<ResourceKey> {
        let Some(start) = component.iter().copied().min() else { return Vec::new() };
        let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
        let mut queue = std::collections::VecDeque::from([start]);
        'search: while let Some(at) = queue.pop_front() {
            for next in self.graph.neighbors_directed(at, Direction::Outgoing) {
                if next == start {
                    came_from.insert(start, at);
                    break 'search;
                }
                if component.contains(&next) && !came_from.contains_key(&next) {
                    came_from.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
        let mut cycle = vec![self.graph[start].key.clone()];
        let mut at = start;
        while let Some(previous) = came_from.get(&at) {
            cycle.push(self.graph[*previous].key.clone());
            if *previous == start {
                break;
            }
            at = *previous;
        }
        cycle.reverse();
        cycle
    }

    /// Where the resources live.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The declarations in order.
    pub fn declarations(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.declarations.values()
    }

    /// The declaration with this symbol.
    pub fn declaration(&self, symbol: &str) -> Option<&Arc<Resource>> {
        self.declarations.get(symbol)
    }

    /// The instances in order of declaration.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.by_key.values().map(|at| &self.graph[*at])
    }

    /// How many instances there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The instance with this key.
    pub fn node(&self, key: &ResourceKey) -> Option<&Node> {
        self.by_key.get(key).map(|at| &self.graph[*at])
    }

    /// The instances a reference means, seen from an instance with `index`.
    pub fn meant<'a>(&'a self, reference: &Reference, index: Option<u32>) -> impl Iterator<Item = &'a Node> + use<'a> {
        self.targets(reference, index).unwrap_or_default().iter().map(|at| &self.graph[*at])
    }

    /// The instances of a symbol, by index.
    pub fn instances(&self, symbol: &str) -> impl Iterator<Item = &Node> {
        self.instances.get(symbol).into_iter().flatten().map(|at| &self.graph[*at])
    }

    /// What the instance waits for, in order of declaration.
    pub fn dependencies(&self, key: &ResourceKey) -> Vec<&Node> {
        self.neighbours(key, Direction::Outgoing)
    }

    /// What waits for the instance, in order of declaration.
    pub fn dependents(&self, key: &ResourceKey) -> Vec<&Node> {
        self.neighbours(key, Direction::Incoming)
    }

    fn neighbours(&self, key: &ResourceKey, direction: Direction) -> Vec<&Node> {
        let Some(at) = self.by_key.get(key) else { return Vec::new() };
        let mut neighbours: Vec<NodeIndex> = self.graph.neighbors_directed(*at, direction).collect();
        neighbours.sort_unstable();
        neighbours.into_iter().map(|at| &self.graph[at]).collect()
    }

    /// The instances so that each stands after all it waits for.
    pub fn in_order(&self) -> Vec<&Node> {
        // The graph has no cycle, so the components have one member each, and Tarjan's algorithm gives those
        // first that wait for nothing that comes later.
        petgraph::algo::tarjan_scc(&self.graph).into_iter().flatten().map(|at| &self.graph[at]).collect()
    }

    /// What follows from the declarations alone about an attribute: ids and names.
    pub fn static_attribute(&self, reference: &Reference, index: Option<u32>) -> Option<Json> {
        Names { graph: self, depth: 0 }.attribute(reference, index)
    }
}

/// Looks up what is known before anything exists.
struct Names<'a> {
    graph: &'a ResourceGraph,
    /// How many names this one is part of. Names that contain each other have no end; the cycle is told as such later.
    depth: u8,
}

impl Lookup for Names<'_> {
    fn attribute(&self, reference: &Reference, index: Option<u32>) -> Option<Json> {
        let graph = self.graph;
        if !reference.is_static() || self.depth > 8 {
            return None;
        }
        let resource = graph.declarations.get(&reference.symbol)?;
        let one = |index: Option<u32>| -> Option<Json> {
            let name = graph.static_name_at(resource, index, self.depth + 1).ok()??;
            Some(Json::String(if &*reference.path[0] == "name" {
                name.to_string()
            } else {
                graph.scope.resource_id(&resource.resource_type, &name)
            }))
        };
        match reference.member {
            Member::Only => one(None),
            Member::SameIndex => one(index),
            Member::Index(index) => one(Some(index)),
            Member::Every => {
                let series = resource.series.as_ref()?;
                let count = graph.count(resource, &series.count).ok()??;
                (series.offset..series.offset.checked_add(count)?)
                    .map(|index| one(Some(index)))
                    .collect::<Option<Vec<_>>>()
                    .map(Json::Array)
            }
        }
    }

    fn secret(&self, _: &str) -> Option<Secret> {
        None
    }
}
