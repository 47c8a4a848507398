//! Who the machines are towards the cloud: a shared identity, or one for each machine, and the role of either.
//!
//! A role assignment's name is derived from the principal, so that a machine made anew gets an assignment of its own
//! (aks-engine's name left the principal out, and Azure refuses to change an assignment's principal).
//!
//! Deliberately absent: roles on a network in another resource group, which its owner has to assign.

use super::ExpandError;
use super::context::{Context, group_id, series, symbol};
use crate::graph::{Function, Member, Reference, Resource, Value};
use crate::model::Identity;

/// Built-in roles of Azure.
///
/// Source: learn.microsoft.com, "Azure built-in roles", read 2026-11-21.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Everything but giving roles.
    Contributor,
    /// Seeing everything.
    Reader,
    /// Giving a shared identity to machines.
    ManagedIdentityOperator,
}

impl Role {
    pub(super) const fn definition(self) -> &'static str {
        match self {
            Self::Contributor => "b24988ac-6180-42a0-ab88-20f7382dd24c",
            Self::Reader => "acdd72a7-3385-48ef-bd42-f606fba81ae7",
            Self::ManagedIdentityOperator => "f1a07417-d97a-45cb-824c-7a7467783830",
        }
    }
}

const ROLE_TYPE: &str = "Microsoft.Authorization/roleAssignments";
const IDENTITY_TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

/// The shared identity, if the engine has to make it, and its role.
pub(super) fn build(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    let Some(name) = context.cluster.identity.name_to_create() else { return Ok(Vec::new()) };
    let identity = context.resource(symbol::IDENTITY, IDENTITY_TYPE, name)?.properties(Value::object([]));
    let principal = Reference::attribute(symbol::IDENTITY, &["properties", "principalId"]);
    Ok(vec![identity, assignment(context, symbol::IDENTITY_ROLE, Role::Contributor, principal)?])
}

/// The roles of the machines of a series, one for each.
pub(super) fn roles_of_series(
    context: &Context<'_>,
    pool: &str,
    count: u32,
    role: Role,
) -> Result<Option<Resource>, ExpandError> {
    if context.cluster.identity != Identity::SystemAssigned {
        return Ok(None);
    }
    let machine = symbol::of(pool, "machine");
    let principal = Reference::attribute(&machine, &["identity", "principalId"]).of(Member::SameIndex);
    let resource = assignment(context, &symbol::of(pool, "role"), role, principal)?;
    Ok(Some(resource.in_series(series(pool, count))))
}

/// The role of a scale set, which all its machines share.
pub(super) fn role_of_scale_set(
    context: &Context<'_>,
    pool: &str,
    role: Role,
) -> Result<Option<Resource>, ExpandError> {
    if context.cluster.identity != Identity::SystemAssigned {
        return Ok(None);
    }
    let principal = Reference::attribute(&symbol::of(pool, "scale-set"), &["identity", "principalId"]);
    Ok(Some(assignment(context, &symbol::of(pool, "role"), role, principal)?))
}

/// A role on the resource group for a principal that another resource brings.
fn assignment(context: &Context<'_>, symbol: &str, role: Role, principal: Reference) -> Result<Resource, ExpandError> {
    let principal = Value::from(principal);
    let name = Value::Call(Function::Guid, vec![group_id(), principal.clone(), role.definition().into()]);
    let resource = context.bare_resource(symbol, ROLE_TYPE, name)?.properties(Value::object([
        ("roleDefinitionId", role_definition(role)),
        ("principalId", principal),
        // Says that the principal may be too new to be found everywhere, so that its absence is no error.
        ("principalType", "ServicePrincipal".into()),
    ]));
    Ok(resource)
}

/// The id of a built-in role.
pub(super) fn role_definition(role: Role) -> Value {
    Value::Call(
        Function::SubscriptionResourceId,
        vec!["Microsoft.Authorization/roleDefinitions".into(), role.definition().into()],
    )
}

/// The body's `identity` of a machine or scale set; `None` with a service principal.
pub(super) fn identity_field(context: &Context<'_>) -> Option<Value> {
    match &context.cluster.identity {
        Identity::SystemAssigned => Some(Value::object([("type", "SystemAssigned".into())])),
        Identity::UserAssigned { id, .. } => {
            let id = match context.cluster.identity.name_to_create() {
                Some(name) => context.scope.resource_id(IDENTITY_TYPE, name),
                None => id.clone(),
            };
            let identities = Value::object([(id.as_str(), Value::object([]))]);
            Some(Value::object([("type", "UserAssigned".into()), ("userAssignedIdentities", identities)]))
        }
        Identity::ServicePrincipal { .. } => None,
    }
}

/// What a machine has to wait for because of its identity. The id of a shared identity is the name of an entry in the
/// machine's body, where no reference can stand.
pub(super) fn awaited_by_machine(context: &Context<'_>) -> Vec<Reference> {
    match context.cluster.identity.name_to_create() {
        Some(_) => vec![Reference::id(symbol::IDENTITY)],
        None => Vec::new(),
    }
}

/// What a machine's script has to wait for: the role with which its node talks to the cloud.
pub(super) fn awaited_by_script(context: &Context<'_>, pool: &str) -> Vec<Reference> {
    match &context.cluster.identity {
        Identity::SystemAssigned => vec![Reference::id(&symbol::of(pool, "role")).of(Member::SameIndex)],
        Identity::UserAssigned { .. } if context.cluster.identity.name_to_create().is_some() => {
            vec![Reference::id(symbol::IDENTITY_ROLE)]
        }
        Identity::UserAssigned { .. } | Identity::ServicePrincipal { .. } => Vec::new(),
    }
}
