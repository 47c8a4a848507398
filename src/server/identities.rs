//! Identities and what they may do: principals are known everywhere only some time after they were made, and a role is
//! assigned once.

use serde_json::{Map, Value as Json, json};

use super::exchange::Refusal;
use super::places::{set, text};
use super::world::{Entry, World};

/// How long a fresh principal is unknown to role assignments, in real seconds.
const REPLICATION: f64 = 15.0;

fn remember(world: &mut World, principal: &str) {
    let visible = world.now.saturating_add(world.milliseconds(REPLICATION));
    world.store.put(&format!("principal/{principal}"), json!({ "visible": visible }));
}

/// What a user-assigned identity gets.
pub(super) fn begin(world: &mut World, body: &mut Json) {
    if text(body, "/properties/principalId").is_some() {
        return;
    }
    let principal = world.uuid();
    set(body, "/properties/tenantId", world.identity.credentials.tenant_id.clone().into());
    set(body, "/properties/principalId", principal.clone().into());
    set(body, "/properties/clientId", world.uuid().into());
    remember(world, &principal);
}

/// What the `identity` block of any resource gets: a principal of its own, and those of the identities assigned.
pub(super) fn complete_block(world: &mut World, body: &mut Json, old: Option<&Entry>) {
    let Some(kind) = text(body, "/identity/type").map(str::to_ascii_lowercase) else { return };
    if kind.contains("systemassigned") {
        let there = old.and_then(|old| text(&old.body, "/identity/principalId")).map(str::to_owned);
        let principal = there.unwrap_or_else(|| {
            let fresh = world.uuid();
            remember(world, &fresh);
            fresh
        });
        set(body, "/identity/principalId", principal.into());
        set(body, "/identity/tenantId", world.identity.credentials.tenant_id.clone().into());
    }
    if let Some(Json::Object(assigned)) = body.pointer_mut("/identity/userAssignedIdentities") {
        for (id, value) in assigned {
            if let Some(identity) = world.entry(id) {
                *value = json!({
                    "principalId": identity.body["properties"]["principalId"],
                    "clientId": identity.body["properties"]["clientId"],
                });
            }
        }
    }
}

/// What a role assignment must be, and what it gets.
pub(super) fn complete_assignment(
    world: &World,
    id: &str,
    scope: &str,
    body: &mut Json,
    old: Option<&Entry>,
) -> Result<(), Refusal> {
    let missing =
        |name: &str| Refusal::new(400, "InvalidRoleAssignmentRequest", format!("The role assignment has no '{name}'."));
    let principal = text(body, "/properties/principalId").ok_or_else(|| missing("principalId"))?.to_owned();
    let role = text(body, "/properties/roleDefinitionId").ok_or_else(|| missing("roleDefinitionId"))?.to_owned();
    if uuid::Uuid::parse_str(id.rsplit('/').next().unwrap_or_default()).is_err() {
        return Err(Refusal::new(400, "InvalidRoleAssignmentId", "The role assignment ID must be a GUID."));
    }
    if let Some(old) = old {
        let same =
            |pointer: &str, value: &str| text(&old.body, pointer).is_some_and(|old| old.eq_ignore_ascii_case(value));
        if !same("/properties/principalId", &principal) || !same("/properties/roleDefinitionId", &role) {
            return Err(Refusal::new(
                400,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            ));
        }
    } else {
        check_principal(world, &principal)?;
        let twin = world
            .entries(&format!("{scope}/providers/Microsoft.Authorization/roleAssignments/"))
            .into_iter()
            .find(|other| {
                let same = |pointer: &str, value: &str| {
                    text(&other.body, pointer).is_some_and(|other| other.eq_ignore_ascii_case(value))
                };
                same("/properties/principalId", &principal) && same("/properties/roleDefinitionId", &role)
            });
        if twin.is_some() {
            return Err(Refusal::new(409, "RoleAssignmentExists", "The role assignment already exists."));
        }
    }
    let me = world.identity.credentials.object_id.clone();
    let now = world.timestamp();
    let mut also = Map::new();
    also.insert("scope".to_owned(), scope.into());
    also.insert("updatedOn".to_owned(), now.clone().into());
    also.insert("updatedBy".to_owned(), me.clone().into());
    for (name, value) in also {
        set(body, &format!("/properties/{name}"), value);
    }
    super::places::add_defaults(
        body,
        &[
            ("/properties/createdOn", &Json::from(now).to_string()),
            ("/properties/createdBy", &Json::from(me).to_string()),
        ],
    );
    Ok(())
}

fn check_principal(world: &World, principal: &str) -> Result<(), Refusal> {
    if principal.eq_ignore_ascii_case(&world.identity.credentials.object_id) {
        return Ok(());
    }
    let visible = world.note(&format!("principal/{principal}")).and_then(|note| note["visible"].as_i64());
    if visible.is_some_and(|visible| visible <= world.now) {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "PrincipalNotFound",
        format!(
            "Principal {} does not exist in the directory {}. Check that you have the correct principal ID. If you are \
             creating this principal and then immediately assigning a role, this error might be related to a replication \
             delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, \
             or Group.  See https://aka.ms/docs-principaltype",
            principal.replace('-', ""),
            world.identity.credentials.tenant_id
        ),
    ))
}
