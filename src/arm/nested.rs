//! Nested deployments: around a resource whose name another resource gives, and around a pool's machines where the whole
//! does not fit into one template. All are of inner scope, so that each is a template of its own.

use std::sync::Arc;

use indexmap::IndexSet;
use serde_json::{Map, Value as Json, json};

use super::EmitError;
use super::emit::{Body, DEPLOYMENT_TYPE, declarations, deployment_stem, document, pool_loop};
use super::expression::{Index, Need};
use super::template::{RESOURCE_LIMIT, TEMPLATE_LIMIT};
use super::text::quote;
use crate::graph::{Member, Reference, Resource, Value};

/// A deployment that makes one resource, whose name and body may hold attributes of other resources: they come in as
/// parameters, which the template language allows in names.
pub(super) fn assignment_template(body: &mut Body<'_, '_>, resource: &Resource) -> Result<Json, EmitError> {
    let index = Index::of(resource);
    let inner_index = if resource.series.is_some() { Index::Parameter } else { Index::None };
    let mut inner = body.printer.within(true);
    let mut object = Map::new();
    object.insert("type".to_owned(), Json::String(resource.resource_type.to_string()));
    object.insert("apiVersion".to_owned(), Json::String(resource.api_version.to_string()));
    object.insert("name".to_owned(), inner.json(&resource.name, &inner_index)?);
    if let Json::Object(fields) = inner.json(&resource.fields, &inner_index)? {
        object.extend(fields);
    }
    if resource.properties != Value::Null {
        object.insert("properties".to_owned(), inner.json(&resource.properties, &inner_index)?);
    }
    let template = document(declarations(&inner.needs), vec![Json::Object(object)]);
    let needs = inner.needs;
    let mut given = Map::new();
    for (name, need) in needs {
        let value = match &need {
            Need::Index => body.printer.index(&index)?,
            Need::Attribute(reference) => body.printer.expression(&Value::from(reference.clone()), &index)?,
            other => body.printer.parameter(other.clone()),
        };
        given.insert(name, json!({ "value": format!("[{value}]") }));
    }
    let name = body.deployment_name(resource, &index)?;
    let mut deployment = Map::new();
    body.add_loop(resource, &mut deployment)?;
    body.add_dependencies(resource, &mut deployment)?;
    Ok(deployment_around(body.emission.deployments_api_version, literal(name), deployment, given, template))
}

/// What a template has besides its resources: parameters, and the metadata of the request.
const ROOM: usize = 256 * 1024;

/// Deployments that make the machines of a pool, so many in each that its resources fit, by number and
/// by size. How many deployments follows
/// from `<pool>Count`, so that the template holds for any number of machines.
pub(super) fn pool_template(body: &mut Body<'_, '_>, pool: &Arc<str>) -> Result<Json, EmitError> {
    let members = body.pools[pool].clone();
    let machines = members.first().map_or(0, |symbol| body.printer.graph.instances(symbol).count()).max(1);
    let by_resources = RESOURCE_LIMIT / members.len().max(1);
    let mut inner_printer = body.printer.within(false);
    let mut inner = Body::new(body.emission, &mut inner_printer, members);
    let resources = inner.resources()?;
    let by_size = (TEMPLATE_LIMIT - ROOM) / inner.size.div_ceil(machines).max(1);
    let each = by_resources.min(by_size).max(1);
    let outside = inner.hoisted;
    let template = document(declarations(&inner_printer.needs), resources);
    let needs = inner_printer.needs;
    let mut given = Map::new();
    let mut count = None;
    for (name, need) in needs {
        let parameter = body.printer.parameter(need.clone());
        let done = format!("mul({each}, copyIndex())");
        let value = match &need {
            Need::Count { pool: of, .. } if of == pool => {
                count = Some(parameter.clone());
                format!("min({each}, sub({parameter}, {done}))")
            }
            Need::Offset { pool: of, .. } if of == pool => format!("add({parameter}, {done})"),
            _ => parameter,
        };
        given.insert(name, json!({ "value": format!("[{value}]") }));
    }
    let count = count.ok_or_else(|| body.printer.inexpressible("a pool without machines"))?;
    let mut deployment = Map::new();
    let deployments = format!("[div(add({count}, {}), {each})]", each - 1);
    deployment.insert("copy".to_owned(), json!({ "name": pool_loop(pool), "count": deployments }));
    let mut dependencies = IndexSet::new();
    for symbol in outside {
        let target = body.printer.declaration(&Reference::id(&symbol))?;
        let member = if target.series.is_some() { Member::Every } else { Member::Only };
        dependencies.extend(body.dependency(&Reference::id(&symbol).of(member), &Index::None)?);
    }
    if !dependencies.is_empty() {
        deployment.insert("dependsOn".to_owned(), dependencies.into_iter().map(Json::String).collect());
    }
    let stem = deployment_stem(body.emission.cluster, &pool_loop(pool));
    let name = format!("[concat({}, copyIndex())]", quote(&format!("{stem}-")));
    let deployment = deployment_around(body.emission.deployments_api_version, name, deployment, given, template);
    body.size += body.grown(&deployment) * machines.div_ceil(each);
    Ok(deployment)
}

fn deployment_around(
    api_version: &str,
    name: String,
    loop_and_dependencies: Map<String, Json>,
    parameters: Map<String, Json>,
    template: Map<String, Json>,
) -> Json {
    let mut deployment = Map::new();
    deployment.insert("type".to_owned(), DEPLOYMENT_TYPE.into());
    deployment.insert("apiVersion".to_owned(), api_version.into());
    deployment.insert("name".to_owned(), name.into());
    deployment.extend(loop_and_dependencies);
    deployment.insert(
        "properties".to_owned(),
        json!({
            "mode": "Incremental",
            "expressionEvaluationOptions": { "scope": "Inner" },
            "parameters": parameters,
            "template": template,
        }),
    );
    Json::Object(deployment)
}

/// An expression as a value; a quoted text is a literal.
fn literal(expression: String) -> String {
    match expression.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(text) if !text.contains('\'') => text.to_owned(),
        _ => format!("[{expression}]"),
    }
}
