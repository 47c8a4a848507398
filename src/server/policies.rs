//! Policies that deny: definitions, assignments to scopes, and what they refuse.
//!
//! Sources, in stored copies read 2026-11-28: Microsoft Learn, "Azure Policy definition structure policy rule"; the form of the
//! refusal from "Resolve errors for request disallowed by policy". The other refusals, how things are listed, and the
//! answer of checkPolicyRestrictions (2022-03-01) are from memory.
//!
//! Deliberately absent: initiatives, effects other than deny (audits change no answer), built-in definitions.

use serde_json::{Map, Value as Json, json};

use super::exchange::{Refusal, Request, Response};
use super::index::is_within;
use super::locks::{all, check_scope, listed_scope, scope_of};
use super::places::{set, text};
use super::policy_rule::{Subject, is_known};
use super::provider_other::check_api_version;
use super::render;
use super::resource_id::ResourceId;
use super::resources::page;
use super::world::{Entry, World};
use crate::graph::GROUP_TYPE;

const DEFINITION: &str = "Microsoft.Authorization/policyDefinitions";
const ASSIGNMENT: &str = "Microsoft.Authorization/policyAssignments";

/// What a definition must be.
pub(super) fn check_definition(body: &Json) -> Result<(), Refusal> {
    let rule = &body["properties"]["policyRule"];
    let effect = text(rule, "/then/effect").unwrap_or_default();
    if is_known(&rule["if"]) && !effect.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "InvalidPolicyRule",
        "Failed to parse policy rule: its condition or its effect is missing or is not known to the simulator.",
    ))
}

/// What an assignment must be, and what it gets.
pub(super) fn complete_assignment(world: &World, scope: &str, body: &mut Json) -> Result<(), Refusal> {
    let definition = text(body, "/properties/policyDefinitionId").unwrap_or_default();
    if world.entry(definition).is_none_or(|entry| entry.resource_type != DEFINITION) {
        return Err(Refusal::new(
            404,
            "PolicyDefinitionNotFound",
            format!("The policy definition '{}' could not be found.", definition.escape_debug()),
        ));
    }
    set(body, "/properties/scope", scope.into());
    Ok(())
}

/// The list of the assignments that apply to a scope, and of those within it; or of the definitions. Nothing if something
/// else is asked for.
pub(super) fn list(world: &World, request: &Request) -> Result<Option<Response>, Refusal> {
    for resource_type in [DEFINITION, ASSIGNMENT] {
        let Some(scope) = listed_scope(request, resource_type) else { continue };
        check_api_version(request.query("api-version"), resource_type)?;
        check_scope(world, &scope)?;
        let found = all(world, resource_type).into_iter().filter(|entry| {
            let of = scope_of(&entry.id);
            is_within(&of, &scope) || is_within(&scope, &of)
        });
        return Ok(Some(page(world, request, found.map(|entry| render::read(world, &entry)).collect())));
    }
    Ok(None)
}

/// Refuses a write that an assigned policy denies.
pub(super) fn check(world: &World, request: &Request) -> Result<(), Refusal> {
    if request.method != "PUT" {
        return Ok(());
    }
    let assignments = all(world, ASSIGNMENT);
    if assignments.is_empty() {
        return Ok(());
    }
    let target = request.segments.iter().fold(String::new(), |text, segment| text + "/" + segment);
    let (resource_type, name) = match ResourceId::of_segments(&request.segments) {
        // What policies and locks are made of is not subject to them.
        Some(id) if id.namespace.eq_ignore_ascii_case("Microsoft.Authorization") => return Ok(()),
        Some(id) => (id.full_type(), id.name().to_owned()),
        None => (GROUP_TYPE.to_owned(), request.segments.last().cloned().unwrap_or_default()),
    };
    let denying = denying(world, &assignments, &target, &resource_type, &name, &request.json()?);
    if denying.is_empty() { Ok(()) } else { Err(disallowed(&name, &denying)) }
}

/// The assignments that would deny a write, each with its definition.
fn denying(
    world: &World,
    assignments: &[Entry],
    target: &str,
    resource_type: &str,
    name: &str,
    body: &Json,
) -> Vec<(Entry, Entry)> {
    assignments
        .iter()
        .filter(|assignment| applies(assignment, target))
        .filter_map(|assignment| {
            let definition = world.entry(text(&assignment.body, "/properties/policyDefinitionId")?)?;
            let parameters = parameters(&definition.body, &assignment.body);
            let subject = Subject { resource_type, name, body, parameters: &parameters };
            denies(&definition.body, &subject).then_some((assignment.clone(), definition))
        })
        .collect()
}

/// What policies say to a resource that might be made, as Policy Insights tells it. Nothing if something else is asked.
pub(super) fn restrictions(world: &World, request: &Request) -> Result<Option<Response>, Refusal> {
    let Some(scope) = asked_scope(request) else { return Ok(None) };
    check_api_version(request.query("api-version"), "Microsoft.PolicyInsights/checkPolicyRestrictions")?;
    check_scope(world, &scope)?;
    let details = &request.json()?["resourceDetails"];
    let content = &details["resourceContent"];
    let resource_type = text(content, "/type").unwrap_or_default();
    if resource_type.is_empty() {
        return Err(Refusal::new(400, "InvalidRequestContent", "The resource content has no type."));
    }
    let name = text(content, "/name").unwrap_or_default();
    let target = text(details, "/scope").unwrap_or(&scope);
    let evaluations: Json = denying(world, &all(world, ASSIGNMENT), target, resource_type, name, content)
        .iter()
        .map(|(assignment, definition)| {
            json!({
                "policyInfo": {
                    "policyDefinitionId": definition.id,
                    "policyDefinitionName": definition.id.rsplit('/').next(),
                    "policyAssignmentId": assignment.id,
                    "policyAssignmentName": assignment.id.rsplit('/').next(),
                },
                "evaluationResult": "NonCompliant",
                "evaluationDetails": { "evaluatedExpressions": [] },
            })
        })
        .collect();
    let answer = json!({ "fieldRestrictions": [], "contentEvaluationResult": { "policyEvaluations": evaluations } });
    Ok(Some(Response::json(200, answer)))
}

/// The scope of which a request asks for restrictions.
fn asked_scope(request: &Request) -> Option<String> {
    let id = ResourceId::of_segments(&request.segments)?;
    let is_asked = request.method == "POST"
        && id.is_collection()
        && id.full_type().eq_ignore_ascii_case("Microsoft.PolicyInsights/checkPolicyRestrictions");
    is_asked.then_some(id.scope)
}

fn applies(assignment: &Entry, target: &str) -> bool {
    let excluded = super::places::items(&assignment.body, "/properties/notScopes");
    is_within(target, &scope_of(&assignment.id))
        && text(&assignment.body, "/properties/enforcementMode") != Some("DoNotEnforce")
        && !excluded.filter_map(Json::as_str).any(|scope| is_within(target, scope))
}

/// The values of the definition's parameters, in which the assignment's go before the defaults.
fn parameters(definition: &Json, assignment: &Json) -> Json {
    let mut values = Map::new();
    for (name, parameter) in definition["properties"]["parameters"].as_object().into_iter().flatten() {
        let given = assignment["properties"]["parameters"].as_object().into_iter().flatten();
        let given =
            given.filter(|(other, _)| other.eq_ignore_ascii_case(name)).find_map(|(_, value)| value.get("value"));
        if let Some(value) = given.or_else(|| parameter.get("defaultValue")) {
            values.insert(name.clone(), value.clone());
        }
    }
    Json::Object(values)
}

fn denies(definition: &Json, subject: &Subject<'_>) -> bool {
    let rule = &definition["properties"]["policyRule"];
    let effect = text(rule, "/then/effect").unwrap_or_default();
    let effect = effect
        .strip_prefix("[parameters('")
        .and_then(|rest| rest.strip_suffix("')]"))
        .and_then(|name| subject.parameters.get(name)?.as_str())
        .unwrap_or(effect);
    effect.eq_ignore_ascii_case("deny") && subject.meets(&rule["if"])
}

fn disallowed(name: &str, denying: &[(Entry, Entry)]) -> Refusal {
    let named = |entry: &Entry| {
        let name = text(&entry.body, "/properties/displayName").or_else(|| entry.id.rsplit('/').next());
        json!({ "name": name, "id": entry.id })
    };
    let policies: Json = denying
        .iter()
        .map(|(assignment, definition)| {
            json!({ "policyAssignment": named(assignment), "policyDefinition": named(definition) })
        })
        .collect();
    Refusal::new(
        403,
        "RequestDisallowedByPolicy",
        format!("Resource '{name}' was disallowed by policy. Policy identifiers: '{policies}'."),
    )
    .by_gateway()
    .target(name)
}
