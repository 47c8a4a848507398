//! From a graph to a template.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value as Json, json};

use super::expression::{Index, Need, Printer};
use super::nested::{assignment_template, pool_template};
use super::template::{CONTENT_VERSION, RESOURCE_LIMIT, TEMPLATE_LIMIT, TEMPLATE_SCHEMA};
use super::text::quote;
use super::{EmitError, Parameter, Template};
use crate::contract::KeyVaultSecret;
use crate::graph::{GROUP_TYPE, Member, Reference, Resource, ResourceGraph, Value};

/// The type of a nested deployment.
pub(super) const DEPLOYMENT_TYPE: &str = "Microsoft.Resources/deployments";

/// What a template says besides the graph.
#[derive(Debug, Clone)]
pub struct Emission<'a> {
    /// The cluster's name; nested deployments' names begin with it.
    pub cluster: &'a str,
    /// The API version of nested deployments.
    pub deployments_api_version: &'a str,
    /// The outputs by name, in order.
    pub outputs: Vec<(&'a str, Value)>,
    /// How long the secrets are, by handle: Azure measures a template with its values in place. Those that are not in it
    /// count nothing.
    pub secret_lengths: BTreeMap<String, usize>,
    /// The secrets that lie in key vaults, by handle: Azure takes them from there.
    pub in_key_vaults: BTreeMap<String, KeyVaultSecret>,
}

/// Writes a graph as a template for its resource group. The group itself is not part of it: a deployment goes into one
/// that exists.
///
/// What a [`Resource::initial`] field means cannot be said in a template: deploying the template again writes it again.
///
/// # Errors
/// Values that the language cannot express, and the language's limits.
pub fn emit(graph: &ResourceGraph, emission: &Emission<'_>) -> Result<Template, EmitError> {
    let members: IndexSet<Arc<str>> = graph
        .declarations()
        .filter(|resource| !resource.resource_type.eq_ignore_ascii_case(GROUP_TYPE))
        .map(|resource| Arc::clone(&resource.symbol))
        .collect();
    let instances: usize = members.iter().map(|symbol| graph.instances(symbol).count()).sum();
    if instances <= RESOURCE_LIMIT {
        let (template, size) = write(graph, emission, members.clone(), false)?;
        if size <= TEMPLATE_LIMIT {
            return Ok(template);
        }
    }
    let (template, size) = write(graph, emission, members, true)?;
    if size > TEMPLATE_LIMIT {
        return Err(EmitError::TooMany { what: "bytes with its values in place", count: size, limit: TEMPLATE_LIMIT });
    }
    Ok(template)
}

/// Writes the template, with the pools in deployments of their own or not, and gives the size to which it grows when
/// Azure writes its loops out and puts its values in.
fn write(
    graph: &ResourceGraph,
    emission: &Emission<'_>,
    members: IndexSet<Arc<str>>,
    pools_apart: bool,
) -> Result<(Template, usize), EmitError> {
    let mut printer = Printer::new(graph);
    let mut body = Body::new(emission, &mut printer, members);
    if pools_apart {
        body.move_pools_out();
    }
    let resources = body.resources()?;
    let mut size = body.size;
    let mut outputs = Map::new();
    for (name, value) in &emission.outputs {
        body.printer.symbol = format!("output {name}").into();
        let value = body.printer.json(value, &Index::None)?;
        outputs.insert((*name).to_owned(), json!({ "type": "string", "value": value }));
    }
    let parameters = printer.needs.iter().map(|(name, need)| (name.clone(), emission.value_of(need))).collect();
    let mut template = document(declarations(&printer.needs), resources);
    template.insert("outputs".to_owned(), Json::Object(outputs));
    let template = Template { template: Json::Object(template), parameters, compact: false };
    size += template.check()?;
    Ok((template, size))
}

/// A template's fixed part around parameters and resources.
pub(super) fn document(parameters: Map<String, Json>, resources: Vec<Json>) -> Map<String, Json> {
    let mut template = Map::new();
    template.insert("$schema".to_owned(), TEMPLATE_SCHEMA.into());
    template.insert("contentVersion".to_owned(), CONTENT_VERSION.into());
    template.insert("parameters".to_owned(), Json::Object(parameters));
    template.insert("resources".to_owned(), Json::Array(resources));
    template
}

/// The parameters that a template declares.
pub(super) fn declarations(needs: &IndexMap<String, Need>) -> Map<String, Json> {
    let declare = |need: &Need| {
        let (kind, description) = match need {
            Need::Count { pool, .. } => ("int", format!("How many machines {pool} has.")),
            Need::Offset { pool, .. } => ("int", format!("The index of the first machine of {pool} to deploy.")),
            Need::Secret(handle) => ("securestring", format!("The secret {handle}.")),
            Need::Index => ("int", "The index of the machine.".to_owned()),
            Need::Attribute(reference) => ("string", format!("{} of {}.", reference.path.join("."), reference.symbol)),
        };
        json!({ "type": kind, "metadata": { "description": description } })
    };
    needs.iter().map(|(name, need)| (name.clone(), declare(need))).collect()
}

/// The resources of one template, outer or nested.
pub(super) struct Body<'p, 'g> {
    pub emission: &'p Emission<'p>,
    pub printer: &'p mut Printer<'g>,
    /// The symbols of the resources in this template.
    pub members: IndexSet<Arc<str>>,
    /// Pools that stand in nested deployments of this template, with their members.
    pub pools: IndexMap<Arc<str>, IndexSet<Arc<str>>>,
    /// What the members refer to outside of this template.
    pub hoisted: IndexSet<Arc<str>>,
    /// How many bytes its resources have once every loop is written out and every secret stands in its place.
    pub size: usize,
}

impl<'p, 'g> Body<'p, 'g> {
    pub fn new(emission: &'p Emission<'p>, printer: &'p mut Printer<'g>, members: IndexSet<Arc<str>>) -> Self {
        Self { emission, printer, members, pools: IndexMap::new(), hoisted: IndexSet::new(), size: 0 }
    }

    /// Moves each pool's series into a nested deployment of its own.
    fn move_pools_out(&mut self) {
        for symbol in std::mem::take(&mut self.members) {
            match self.printer.graph.declaration(&symbol).and_then(|resource| resource.series.as_ref()) {
                Some(series) => {
                    self.pools.entry(Arc::clone(&series.name)).or_default().insert(symbol);
                }
                None => {
                    self.members.insert(symbol);
                }
            }
        }
    }

    pub fn resources(&mut self) -> Result<Vec<Json>, EmitError> {
        let mut resources = Vec::new();
        let declarations: Vec<Arc<Resource>> = self.printer.graph.declarations().cloned().collect();
        for resource in declarations {
            self.printer.symbol = Arc::clone(&resource.symbol);
            let series = resource.series.as_ref().map(|series| &series.name);
            if self.members.contains(&resource.symbol) {
                let json = self.resource(&resource)?;
                let iterations = self.printer.graph.instances(&resource.symbol).count();
                self.size += self.grown(&json) * iterations;
                resources.push(json);
            } else if let Some(pool) = series.filter(|pool| self.pools.contains_key(*pool)).cloned() {
                // The deployment stands where the pool's first series would.
                if self.pools[&pool].first() == Some(&resource.symbol) {
                    resources.push(pool_template(self, &pool)?);
                }
            }
        }
        let limit = RESOURCE_LIMIT;
        if resources.len() > limit {
            return Err(EmitError::TooMany { what: "resources", count: resources.len(), limit });
        }
        Ok(resources)
    }

    /// The size of a resource with its secrets in place. What a nested template says of them is put in later, there.
    pub fn grown(&self, resource: &Json) -> usize {
        let secrets = self.printer.needs.iter().filter_map(|(name, need)| match need {
            Need::Secret(handle) => Some((format!("parameters({})", quote(name)), self.emission.secret_length(handle))),
            _ => None,
        });
        let secrets: Vec<(String, usize)> = secrets.filter(|(_, length)| *length > 0).collect();
        resource.to_string().len() + put_in(resource, &secrets)
    }

    fn resource(&mut self, resource: &Resource) -> Result<Json, EmitError> {
        if has_deferred_name(resource) {
            return assignment_template(self, resource);
        }
        let index = Index::of(resource);
        let mut object = Map::new();
        object.insert("type".to_owned(), Json::String(resource.resource_type.to_string()));
        object.insert("apiVersion".to_owned(), Json::String(resource.api_version.to_string()));
        object.insert("name".to_owned(), self.printer.json(&resource.name, &index)?);
        self.add_loop(resource, &mut object)?;
        self.add_dependencies(resource, &mut object)?;
        let fields = self.fields(resource, &index)?;
        object.extend(with_capacity_of_pool(self.printer, resource, fields));
        if resource.properties != Value::Null {
            object.insert("properties".to_owned(), self.printer.json(&resource.properties, &index)?);
        }
        Ok(Json::Object(object))
    }

    fn fields(&mut self, resource: &Resource, index: &Index) -> Result<Map<String, Json>, EmitError> {
        match self.printer.json(&resource.fields, index)? {
            Json::Object(fields) => Ok(fields),
            _ => Err(self.printer.inexpressible("its fields are no object")),
        }
    }

    /// `copy`, if the declaration stands for a series.
    pub fn add_loop(&mut self, resource: &Resource, object: &mut Map<String, Json>) -> Result<(), EmitError> {
        let Some(series) = &resource.series else { return Ok(()) };
        let count = match &series.count {
            Value::Number(number) => number.as_u64().and_then(|count| u32::try_from(count).ok()),
            _ => None,
        };
        let count = count.ok_or_else(|| self.printer.inexpressible("the number of its instances is not known yet"))?;
        let count = self.printer.parameter(Need::Count { pool: Arc::clone(&series.name), count });
        object.insert("copy".to_owned(), json!({ "name": &*resource.symbol, "count": format!("[{count}]") }));
        Ok(())
    }

    /// `dependsOn`, from the references of name, body and `after`.
    pub fn add_dependencies(&mut self, resource: &Resource, object: &mut Map<String, Json>) -> Result<(), EmitError> {
        let index = Index::of(resource);
        let mut dependencies = IndexSet::new();
        for reference in resource.references() {
            if reference.symbol == resource.symbol {
                continue;
            }
            dependencies.extend(self.dependency(reference, &index)?);
        }
        if !dependencies.is_empty() {
            object.insert("dependsOn".to_owned(), dependencies.into_iter().map(Json::String).collect());
        }
        Ok(())
    }

    /// How a template says that it waits for a resource; nothing for the group, which is there, and for what stands
    /// outside of this template, which then waits as a whole.
    pub fn dependency(&mut self, reference: &Reference, index: &Index) -> Result<Option<String>, EmitError> {
        let target = self.printer.declaration(reference)?;
        if target.resource_type.eq_ignore_ascii_case(GROUP_TYPE) {
            return Ok(None);
        }
        if !self.members.contains(&target.symbol) {
            let pool = target.series.as_ref().map(|series| &series.name);
            return Ok(match pool.filter(|pool| self.pools.contains_key(*pool)) {
                Some(pool) => Some(pool_loop(pool)),
                None => {
                    self.hoisted.insert(Arc::clone(&target.symbol));
                    None
                }
            });
        }
        let at = match reference.member {
            // A loop is waited for by its name; so is one of its instances, from wherever it is.
            Member::Every | Member::Index(_) => return Ok(Some(target.symbol.to_string())),
            Member::Only => Index::None,
            Member::SameIndex => index.clone(),
        };
        let id = if has_deferred_name(&target) {
            let name = self.deployment_name(&target, &at)?;
            format!("resourceId({}, {name})", quote(DEPLOYMENT_TYPE))
        } else {
            self.printer.resource_id(&target, &at, &[], &[])?
        };
        Ok(Some(format!("[{id}]")))
    }

    /// The name of the deployment around a resource, as an expression.
    pub fn deployment_name(&mut self, resource: &Resource, index: &Index) -> Result<String, EmitError> {
        let stem = deployment_stem(self.emission.cluster, &resource.symbol);
        if resource.series.is_none() {
            return Ok(quote(&stem));
        }
        let index = self.printer.index(index)?;
        Ok(format!("concat({}, {index})", quote(&format!("{stem}-"))))
    }
}

impl Emission<'_> {
    fn value_of(&self, need: &Need) -> Parameter {
        match need {
            Need::Count { count, .. } => Parameter::Value((*count).into()),
            Need::Offset { offset, .. } => Parameter::Value((*offset).into()),
            Need::Secret(handle) => match self.in_key_vaults.get(&**handle) {
                Some(place) => Parameter::KeyVault(place.clone()),
                None => Parameter::Secret(Arc::clone(handle)),
            },
            // These two are needs of nested templates only.
            Need::Index | Need::Attribute(_) => Parameter::Value(Json::Null),
        }
    }

    fn secret_length(&self, handle: &str) -> usize {
        self.secret_lengths.get(handle).copied().unwrap_or_default()
    }
}

/// How many bytes the secrets add to a text that names them.
fn put_in(json: &Json, secrets: &[(String, usize)]) -> usize {
    match json {
        Json::String(text) if text.starts_with('[') => {
            secrets.iter().map(|(name, length)| text.matches(name.as_str()).count() * length).sum()
        }
        Json::Array(items) => items.iter().map(|item| put_in(item, secrets)).sum(),
        Json::Object(entries) => {
            entries.iter().filter(|(name, _)| *name != "template").map(|(_, entry)| put_in(entry, secrets)).sum()
        }
        _ => 0,
    }
}

/// The copy name of the deployments of a pool.
pub(super) fn pool_loop(pool: &str) -> String {
    format!("{pool}-machines")
}

/// `<cluster>-<what>`, of which a deployment's name allows 64 characters; five are left for an index.
pub(super) fn deployment_stem(cluster: &str, what: &str) -> String {
    const LIMIT: usize = 58;
    let room = LIMIT.saturating_sub(what.len() + 1);
    let cluster: String = cluster.chars().take(room).collect();
    format!("{cluster}-{what}")
}

/// Whether a resource's name is known only once another resource exists. The language has no such names: the resource
/// stands in a deployment of its own, which takes what the name is made of as a parameter.
fn has_deferred_name(resource: &Resource) -> bool {
    resource.name.references().iter().any(|reference| !reference.is_static())
}

/// A scale set's capacity is its pool's `<pool>Count`, as that of a series is.
fn with_capacity_of_pool(
    printer: &mut Printer<'_>,
    resource: &Resource,
    mut fields: Map<String, Json>,
) -> Map<String, Json> {
    let is_scale_set = resource.resource_type.eq_ignore_ascii_case("Microsoft.Compute/virtualMachineScaleSets");
    let pool = resource.fields.get("tags").and_then(|tags| tags.get("poolName")).and_then(Value::as_str);
    let capacity =
        fields.get("sku").and_then(|sku| sku["capacity"].as_u64()).and_then(|count| u32::try_from(count).ok());
    if let (true, Some(pool), Some(count)) = (is_scale_set, pool, capacity) {
        let parameter = printer.parameter(Need::Count { pool: pool.into(), count });
        fields["sku"]["capacity"] = format!("[{parameter}]").into();
    }
    fields
}
