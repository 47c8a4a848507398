//! Values as the template language writes them: literals in place, everything deferred as an expression in brackets.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::EmitError;
use super::text::{Piece, access, camel_case, escape, join, push_text, quote, split};
use crate::graph::{Function, GROUP_TYPE, Member, Reference, Resource, ResourceGraph, Value};

/// What a parameter of a template stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Need {
    /// How many machines a pool has.
    Count { pool: Arc<str>, count: u32 },
    /// The index of a pool's first machine in this deployment.
    Offset { pool: Arc<str>, offset: u32 },
    /// A secret.
    Secret(Arc<str>),
    /// The index of the instance that a nested deployment is for.
    Index,
    /// An attribute of another resource, which the parent reads.
    Attribute(Reference),
}

/// The index of the instance in which a value stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Index {
    /// No series.
    None,
    /// The iteration of the loop over this pool.
    Loop { pool: Arc<str>, offset: u32 },
    /// A number.
    Fixed(u32),
    /// A parameter of a nested deployment.
    Parameter,
}

impl Index {
    /// Where the values of a declaration stand.
    pub fn of(resource: &Resource) -> Self {
        resource
            .series
            .as_ref()
            .map_or(Self::None, |series| Self::Loop { pool: Arc::clone(&series.name), offset: series.offset })
    }
}

/// Prints the values of one template and notes which parameters they need.
pub(super) struct Printer<'a> {
    pub graph: &'a ResourceGraph,
    /// The ids of resources by symbol, for texts that are such an id where no reference can stand (names of entries).
    ids: HashMap<String, Arc<str>>,
    /// The parameters that were needed, by name.
    pub needs: IndexMap<String, Need>,
    /// Whether attributes of other resources come in as parameters.
    attributes_are_parameters: bool,
    /// The symbol of the resource at hand, for errors.
    pub symbol: Arc<str>,
}

impl<'a> Printer<'a> {
    pub fn new(graph: &'a ResourceGraph) -> Self {
        let ids = graph
            .declarations()
            .filter(|resource| resource.series.is_none())
            .filter_map(|resource| {
                let id = graph.static_attribute(&Reference::id(&resource.symbol), None)?;
                Some((id.as_str()?.to_owned(), Arc::clone(&resource.symbol)))
            })
            .collect();
        Self { graph, ids, needs: IndexMap::new(), attributes_are_parameters: false, symbol: "".into() }
    }

    /// A printer for a template within, with needs of its own.
    pub fn within(&self, attributes_are_parameters: bool) -> Self {
        Self {
            graph: self.graph,
            ids: self.ids.clone(),
            needs: IndexMap::new(),
            attributes_are_parameters,
            symbol: Arc::clone(&self.symbol),
        }
    }

    pub fn inexpressible(&self, problem: impl Into<String>) -> EmitError {
        EmitError::Inexpressible { symbol: self.symbol.to_string(), problem: problem.into() }
    }

    /// A parameter for a need; the same need has the same name.
    pub fn parameter(&mut self, need: Need) -> String {
        let wanted = match &need {
            Need::Count { pool, .. } => format!("{pool}Count"),
            Need::Offset { pool, .. } => format!("{pool}Offset"),
            Need::Secret(handle) => camel_case(handle),
            Need::Index => "index".to_owned(),
            Need::Attribute(reference) => reference.path.last().map_or("value", |segment| &**segment).to_owned(),
        };
        // Parameters' names differ in more than letter case.
        let is_taken = |name: &str| {
            self.needs.iter().any(|(other, taken_by)| other.eq_ignore_ascii_case(name) && *taken_by != need)
        };
        let mut name = wanted.clone();
        for number in 2_u32.. {
            if !is_taken(&name) {
                break;
            }
            name = format!("{wanted}{number}");
        }
        let text = format!("parameters('{name}')");
        self.needs.entry(name).or_insert(need);
        text
    }

    /// A value as it stands in a template.
    pub fn json(&mut self, value: &Value, index: &Index) -> Result<Json, EmitError> {
        Ok(match value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => Json::Number(number.clone()),
            Value::String(text) => Json::String(self.literal(text)?),
            Value::Array(values) => {
                Json::Array(values.iter().map(|value| self.json(value, index)).collect::<Result<_, _>>()?)
            }
            Value::Object(entries) => {
                let mut object = serde_json::Map::new();
                for (name, value) in entries {
                    object.insert(self.literal(name)?, self.json(value, index)?);
                }
                Json::Object(object)
            }
            value if is_text(value) => {
                let pieces = self.pieces(value, index)?;
                match &*pieces {
                    [] => Json::String(String::new()),
                    [Piece::Text(text)] => Json::String(escape(text)),
                    _ => Json::String(format!("[{}]", self.expression(value, index)?)),
                }
            }
            Value::Secret(_) | Value::Reference(_) | Value::Call(..) => {
                Json::String(format!("[{}]", self.expression(value, index)?))
            }
        })
    }

    /// A text in place. The id of a resource of the graph is written so that it holds in any subscription and group.
    fn literal(&mut self, text: &str) -> Result<String, EmitError> {
        match self.ids.get(text).cloned() {
            Some(symbol) => Ok(format!("[{}]", self.expression(&Value::id_of(&symbol), &Index::None)?)),
            None => Ok(escape(text)),
        }
    }

    /// A value inside an expression.
    pub fn expression(&mut self, value: &Value, index: &Index) -> Result<String, EmitError> {
        Ok(match value {
            Value::Null => "null()".to_owned(),
            Value::Bool(value) => format!("{value}()"),
            Value::Number(number) if number.is_f64() => format!("json('{number}')"),
            Value::Number(number) => number.to_string(),
            Value::String(text) => quote(text),
            Value::Array(values) => format!("createArray({})", self.arguments(values, index)?),
            Value::Object(entries) => {
                let mut parts = Vec::with_capacity(entries.len());
                for (name, value) in entries {
                    parts.push(format!("{}, {}", quote(name), self.expression(value, index)?));
                }
                format!("createObject({})", parts.join(", "))
            }
            Value::Secret(handle) => self.parameter(Need::Secret(Arc::clone(handle))),
            Value::Reference(reference) => self.reference(reference, index)?,
            Value::Call(Function::Concat, _) => match self.part_of_resource(value, index)? {
                Some(id) => id,
                None => {
                    let pieces = self.pieces(value, index)?;
                    join(&pieces)
                }
            },
            Value::Call(Function::CopyIndex, _) => self.index(index)?,
            Value::Call(Function::Property, arguments) => {
                let Some((target, names)) = arguments.split_first() else {
                    return Err(self.inexpressible("an access to nothing"));
                };
                let mut text = self.expression(target, index)?;
                for name in names {
                    match name.as_str() {
                        Some(name) => text.push_str(&access(name)),
                        None => text.push_str(&format!("[{}]", self.expression(name, index)?)),
                    }
                }
                text
            }
            Value::Call(Function::Item, arguments) => match &**arguments {
                [array, place] => {
                    format!("{}[{}]", self.expression(array, index)?, self.expression(place, index)?)
                }
                _ => return Err(self.inexpressible("an item needs an array and an index")),
            },
            Value::Call(function, arguments) => {
                format!("{}({})", function.name(), self.arguments(arguments, index)?)
            }
        })
    }

    fn arguments(&mut self, values: &[Value], index: &Index) -> Result<String, EmitError> {
        let values: Vec<String> = values.iter().map(|value| self.expression(value, index)).collect::<Result<_, _>>()?;
        Ok(values.join(", "))
    }

    pub fn index(&mut self, index: &Index) -> Result<String, EmitError> {
        match index {
            Index::None => Err(self.inexpressible("an index outside a series")),
            Index::Loop { pool, offset } => {
                let offset = self.parameter(Need::Offset { pool: Arc::clone(pool), offset: *offset });
                Ok(format!("copyIndex({offset})"))
            }
            Index::Fixed(index) => Ok(index.to_string()),
            Index::Parameter => Ok(self.parameter(Need::Index)),
        }
    }

    /// The declaration that a reference means.
    pub fn declaration(&self, reference: &Reference) -> Result<Arc<Resource>, EmitError> {
        let found = self.graph.declaration(&reference.symbol).cloned();
        found.ok_or_else(|| self.inexpressible(format!("`{}` is not declared", reference.symbol)))
    }

    fn reference(&mut self, reference: &Reference, index: &Index) -> Result<String, EmitError> {
        let target = self.declaration(reference)?;
        let at = match reference.member {
            Member::Only => Index::None,
            Member::SameIndex => index.clone(),
            Member::Index(fixed) => Index::Fixed(fixed),
            Member::Every => {
                let indices: Vec<u32> = self.graph.instances(&reference.symbol).filter_map(|node| node.index).collect();
                let each = |index: u32| Value::from(reference.clone().of(Member::Index(index)));
                let values: Vec<Value> = indices.into_iter().map(each).collect();
                return self.expression(&Value::Array(values), index);
            }
        };
        if target.resource_type.eq_ignore_ascii_case(GROUP_TYPE) {
            let mut text = "resourceGroup()".to_owned();
            reference.path.iter().for_each(|segment| text.push_str(&access(segment)));
            return Ok(text);
        }
        if reference.is_static() {
            return match &*reference.path[0] {
                "name" => {
                    let pieces = self.pieces(&target.name, &at)?;
                    Ok(join(&pieces))
                }
                _ => self.resource_id(&target, &at, &[], &[]),
            };
        }
        if self.attributes_are_parameters {
            return Ok(self.parameter(Need::Attribute(reference.clone())));
        }
        let id = self.resource_id(&target, &at, &[], &[])?;
        let version = quote(&target.api_version);
        let (mut text, rest) = match reference.path.split_first() {
            Some((first, rest)) if &**first == "properties" => (format!("reference({id}, {version})"), rest),
            _ => (format!("reference({id}, {version}, 'Full')"), &reference.path[..]),
        };
        rest.iter().for_each(|segment| text.push_str(&access(segment)));
        Ok(text)
    }

    /// `resourceId('type/more types', names, more names)`.
    pub fn resource_id(
        &mut self,
        target: &Resource,
        at: &Index,
        more_types: &[String],
        more_names: &[String],
    ) -> Result<String, EmitError> {
        let pieces = self.pieces(&target.name, at)?;
        let mut names: Vec<String> = split(pieces).iter().map(|part| join(part)).collect();
        if names.len() + 1 != target.resource_type.split('/').count() {
            return Err(self.inexpressible(format!(
                "the name of `{}` has {} parts and its type `{}` wants another number",
                target.symbol,
                names.len(),
                target.resource_type
            )));
        }
        let mut resource_type = target.resource_type.to_string();
        for more in more_types {
            resource_type.push('/');
            resource_type.push_str(more);
        }
        names.extend_from_slice(more_names);
        Ok(format!("resourceId({}, {})", quote(&resource_type), names.join(", ")))
    }

    /// An id followed by `/collection/name` is the id of a part of that resource.
    fn part_of_resource(&mut self, value: &Value, index: &Index) -> Result<Option<String>, EmitError> {
        let Value::Call(Function::Concat, arguments) = value else { return Ok(None) };
        let Some((Value::Reference(reference), rest)) = arguments.split_first() else { return Ok(None) };
        if !reference.is_static() || &*reference.path[0] != "id" || reference.member == Member::Every {
            return Ok(None);
        }
        let target = self.declaration(reference)?;
        if target.resource_type.eq_ignore_ascii_case(GROUP_TYPE) {
            return Ok(None);
        }
        let rest = self.pieces(&Value::concat(rest.iter().cloned()), index)?;
        let parts = split(rest);
        // The text begins with a slash, so the first part is empty.
        let Some((first, parts)) = parts.split_first() else { return Ok(None) };
        if !first.is_empty() || parts.is_empty() || parts.len() % 2 != 0 {
            return Ok(None);
        }
        let (mut types, mut names) = (Vec::new(), Vec::new());
        for pair in parts.chunks(2) {
            let [Piece::Text(kind)] = &*pair[0] else { return Ok(None) };
            types.push(kind.clone());
            names.push(join(&pair[1]));
        }
        let at = match reference.member {
            Member::Index(fixed) => Index::Fixed(fixed),
            Member::SameIndex => index.clone(),
            Member::Only | Member::Every => Index::None,
        };
        self.resource_id(&target, &at, &types, &names).map(Some)
    }

    /// A text as literal parts and expressions; neighbouring literals are one.
    fn pieces(&mut self, value: &Value, index: &Index) -> Result<Vec<Piece>, EmitError> {
        let mut pieces = Vec::new();
        self.collect(value, index, &mut pieces)?;
        Ok(pieces)
    }

    fn collect(&mut self, value: &Value, index: &Index, pieces: &mut Vec<Piece>) -> Result<(), EmitError> {
        match value {
            Value::String(text) => push_text(pieces, text),
            Value::Number(number) if !number.is_f64() => push_text(pieces, &number.to_string()),
            Value::Call(Function::CopyIndex, _) if matches!(index, Index::Fixed(_)) => {
                let text = self.index(index)?;
                push_text(pieces, &text);
            }
            Value::Call(Function::Concat, parts) => {
                for part in parts {
                    self.collect(part, index, pieces)?;
                }
            }
            Value::Reference(reference) if reference.is_static() && &*reference.path[0] == "name" => {
                let target = self.declaration(reference)?;
                match reference.member {
                    Member::Only => self.collect(&target.name, &Index::None, pieces)?,
                    Member::SameIndex => self.collect(&target.name, index, pieces)?,
                    Member::Index(fixed) => self.collect(&target.name, &Index::Fixed(fixed), pieces)?,
                    Member::Every => return Err(self.inexpressible("a text cannot hold the names of a whole series")),
                }
            }
            other => {
                let code = self.expression(other, index)?;
                pieces.push(Piece::Code(code));
            }
        }
        Ok(())
    }
}

/// Whether a value is put together of texts, so that it may turn out to be a literal.
fn is_text(value: &Value) -> bool {
    match value {
        Value::Call(function, _) => *function == Function::Concat,
        Value::Reference(reference) => {
            reference.is_static() && &*reference.path[0] == "name" && reference.member != Member::Every
        }
        _ => false,
    }
}
