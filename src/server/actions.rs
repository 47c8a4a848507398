//! What a POST does to machines and scale sets: power, and the deletion of instances.

use serde_json::{Value as Json, json};

use super::exchange::{Refusal, Response};
use super::operations::{self, Start};
use super::places::text;
use super::world::{Entry, Verb, World};

/// An action on a machine, on a scale set, or on one of its instances: power, and the deletion of instances.
pub(super) fn act(
    world: &mut World,
    entry: &mut Entry,
    instance: Option<&str>,
    action: &str,
    body: &Json,
    api_version: &str,
) -> Result<Response, Refusal> {
    let provider = super::provider::of_type_or_plain(&entry.resource_type);
    if let Some(refusal) = operations::busy(world, entry, provider) {
        return Err(refusal);
    }
    let is_set = entry.resource_type.ends_with("virtualMachineScaleSets");
    if let Some(id) = instance.filter(|id| entry.hidden.get("instances").and_then(|all| all.get(*id)).is_none()) {
        return Err(no_instance(entry, id));
    }
    let (verb, arguments, seconds) = match action.to_ascii_lowercase().as_str() {
        "delete" if is_set => {
            let named = instance.map_or_else(|| body["instanceIds"].clone(), |id| json!([id]));
            (Verb::DeleteInstances, named, 45.0)
        }
        "manualupgrade" | "reimage" | "redeploy" | "restart" => (Verb::Nothing, Json::Null, 20.0),
        "start" | "poweroff" | "deallocate" => {
            let power = match action.to_ascii_lowercase().as_str() {
                "start" => "running",
                "poweroff" => "stopped",
                _ => "deallocated",
            };
            set_power(entry, instance, &body["instanceIds"], power);
            (Verb::Nothing, Json::Null, 20.0)
        }
        _ => {
            return Err(Refusal::new(
                400,
                "InvalidResourceType",
                format!("The action '{}' is not known for type '{}'.", action.escape_debug(), entry.resource_type),
            )
            .by_gateway());
        }
    };
    let location = text(&entry.body, "/location").unwrap_or_default().to_owned();
    let operation = operations::start(
        world,
        Start {
            verb,
            resource: &entry.id,
            resource_type: &entry.resource_type,
            location: &location,
            api_version,
            seconds,
            arguments,
        },
    );
    if verb == Verb::DeleteInstances {
        entry.state = "Updating".to_owned();
        entry.operation = Some(operation.id.clone());
    }
    world.put_entry(entry);
    let response = Response::empty(202)
        .header("azure-asyncoperation", operations::signed_url(world, &operation, &operation.status_target))
        .header("location", operations::signed_url(world, &operation, &operation.result_target))
        .header("azure-asyncnotification", "Enabled");
    Ok(operations::retry_after(world, response, 10))
}

/// 404 for an instance that is not there.
pub(super) fn no_instance(entry: &Entry, id: &str) -> Refusal {
    let set = entry.id.rsplit('/').next().unwrap_or_default();
    Refusal::new(404, "InvalidResource", format!("The entity was not found: instance {} of {set}.", id.escape_debug()))
}

/// Of the machine; of one instance; of those that are named; of all.
fn set_power(entry: &mut Entry, instance: Option<&str>, named: &Json, power: &str) {
    let Some(Json::Object(instances)) = entry.hidden.get_mut("instances") else {
        entry.hidden.insert("power".to_owned(), power.into());
        return;
    };
    let is_meant = |id: &str| match (instance, named.as_array()) {
        (Some(instance), _) => id == instance,
        (None, Some(named)) => named.iter().any(|one| one == id || one == "*"),
        (None, None) => true,
    };
    for (_, hidden) in instances.iter_mut().filter(|(id, _)| is_meant(id)) {
        hidden["power"] = power.into();
    }
}
