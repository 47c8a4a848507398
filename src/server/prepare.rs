//! From the body of a request to what is kept of it.

use serde_json::{Map, Value as Json};

use super::exchange::Refusal;
use super::places::{add_defaults, first, items, remove, set, text};
use super::provider::{Behaviour, Provider, Style};
use super::provider_other::{LOCATIONS, location};
use super::world::Entry;

/// Top-level fields that a resource can have. Others are not kept.
pub(super) const FIELDS: [&str; 10] =
    ["location", "extendedLocation", "tags", "plan", "kind", "sku", "zones", "identity", "managedBy", "properties"];

/// What is kept of a body: cleaned of what is the server's or is never told, completed by what was there before and by
/// the type's defaults. What depends on other resources is not looked at.
pub(super) fn prepare(mut body: Json, provider: &Provider, old: Option<&Entry>, id: &str) -> Result<Json, Refusal> {
    check_shape(&body, id)?;
    drop_nulls(&mut body);
    let Json::Object(fields) = &mut body else { return Ok(body) };
    let mut kept: Map<String, Json> =
        FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), fields.shift_remove(*field)?))).collect();
    kept.entry("properties").or_insert_with(|| Json::Object(Map::new()));
    let mut body = Json::Object(kept);
    settle_location(&mut body, provider, old, id)?;
    for array in provider.children {
        clean_children(&mut body, array, id)?;
    }
    remove(&mut body, provider.server_owned);
    for back in provider.back_references {
        let place = match back.holder {
            "" => format!("/properties/{}", back.property),
            holder => format!("/properties/{holder}/*/properties/{}", back.property),
        };
        remove(&mut body, &[place.as_str()]);
    }
    remove(&mut body, &["/properties/provisioningState", "/properties/resourceGuid"]);
    remove(&mut body, provider.write_only);
    if provider.style == Style::Network {
        spell(&mut body);
    }
    if provider.behaviour == Behaviour::NetworkInterface {
        drop_empty_pools(&mut body);
    }
    if let Some(old) = old {
        for place in provider.kept {
            if let (Some(value), None) = (first(&old.body, place), first(&body, place)) {
                set(&mut body, place, value.clone());
            }
        }
    }
    // Defaults of a profile are for a profile that is there.
    add_defaults(&mut body, provider.defaults);
    if body["identity"]["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("None")) {
        remove(&mut body, &["/identity"]);
    }
    if provider.resource_type.is_empty() || body["properties"].as_object().is_some_and(Map::is_empty) {
        drop_empty_properties(&mut body);
    }
    Ok(body)
}

/// Refuses a change of what cannot change.
pub(super) fn check_immutable(new: &Json, old: &Entry, provider: &Provider) -> Result<(), Refusal> {
    for place in provider.immutable {
        let (Some(new), Some(old)) = (first(new, place), first(&old.body, place)) else { continue };
        let same = match (new, old) {
            (Json::String(new), Json::String(old)) => new.eq_ignore_ascii_case(old),
            (new, old) => new == old,
        };
        if !same {
            let property = place.trim_start_matches('/').trim_start_matches("properties/").replace('/', ".");
            return Err(property_change(&property));
        }
    }
    Ok(())
}

/// 409 `PropertyChangeNotAllowed`.
pub(super) fn property_change(property: &str) -> Refusal {
    Refusal::new(409, "PropertyChangeNotAllowed", format!("Changing property '{property}' is not allowed."))
        .target(property)
}

fn check_shape(body: &Json, id: &str) -> Result<(), Refusal> {
    let invalid = |what: &str| {
        Refusal::new(
            400,
            "InvalidRequestContent",
            format!(
                "The request content was invalid and could not be deserialized: '{what} of {id} is of the wrong kind.'."
            ),
        )
        .by_gateway()
    };
    for (field, is_right) in [
        ("properties", Json::is_object as fn(&Json) -> bool),
        ("tags", Json::is_object),
        ("sku", Json::is_object),
        ("identity", Json::is_object),
        ("location", Json::is_string),
        ("zones", Json::is_array),
    ] {
        if body.get(field).is_some_and(|value| !value.is_null() && !is_right(value)) {
            return Err(invalid(field));
        }
    }
    if body["tags"].as_object().is_some_and(|tags| tags.values().any(|value| !value.is_string())) {
        return Err(invalid("tags"));
    }
    Ok(())
}

/// Null means absent, except in what is handed through to somebody else.
fn drop_nulls(value: &mut Json) {
    match value {
        Json::Object(entries) => {
            entries.retain(|_, value| !value.is_null());
            for (name, value) in entries {
                if name != "settings" && name != "protectedSettings" && name != "tags" {
                    drop_nulls(value);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn settle_location(body: &mut Json, provider: &Provider, old: Option<&Entry>, id: &str) -> Result<(), Refusal> {
    let Some(wanted) = text(body, "/location").map(str::to_owned) else {
        let is_tracked = provider.listed && !provider.resource_type.is_empty();
        return match old.and_then(|old| text(&old.body, "/location")) {
            Some(there) => {
                body["location"] = there.into();
                Ok(())
            }
            None if is_tracked => {
                Err(Refusal::new(400, "LocationRequired", "The location property is required for this definition.")
                    .by_gateway())
            }
            None => Ok(()),
        };
    };
    let Some(name) = location(&wanted) else {
        let known = LOCATIONS.map(|(name, _)| name).join(",");
        return Err(Refusal::new(
            400,
            "LocationNotAvailableForResourceType",
            format!(
                "The provided location '{}' is not available for resource type '{}'. List of available regions for the \
                 resource type is '{known}'.",
                wanted.escape_debug(),
                provider.resource_type
            ),
        )
        .by_gateway());
    };
    if let Some(there) = old.and_then(|old| text(&old.body, "/location")).filter(|there| *there != name) {
        let resource = id.rsplit('/').next().unwrap_or_default();
        return Err(Refusal::new(
            409,
            "InvalidResourceLocation",
            format!(
                "The resource '{resource}' already exists in location '{there}' in resource group. A resource with the \
                 same name cannot be created in location '{name}'. Please select a new resource name."
            ),
        )
        .by_gateway());
    }
    body["location"] = name.into();
    Ok(())
}

/// Children keep their name, their properties and their zones; what names and dates them is the server's.
fn clean_children(body: &mut Json, array: &str, id: &str) -> Result<(), Refusal> {
    let invalid =
        |problem: String| Refusal::new(400, "InvalidRequestFormat", format!("Cannot parse the request: {problem}"));
    let Some(properties) = body.get_mut("properties").and_then(Json::as_object_mut) else { return Ok(()) };
    // Names of properties are found whatever their case.
    if let Some(other) = properties.keys().find(|name| name.eq_ignore_ascii_case(array) && *name != array).cloned()
        && let Some(value) = properties.shift_remove(&other)
    {
        properties.insert(array.to_owned(), value);
    }
    let Some(children) = properties.get_mut(array) else { return Ok(()) };
    let Json::Array(children) = children else {
        return Err(invalid(format!("{array} of {id} is not an array.")));
    };
    let mut names = std::collections::BTreeSet::new();
    for child in children {
        let Json::Object(fields) = child else {
            return Err(invalid(format!("an item of {array} of {id} is not an object.")));
        };
        let Some(name) = fields.get("name").and_then(Json::as_str).filter(|name| !name.is_empty()) else {
            return Err(invalid(format!("an item of {array} of {id} has no name.")));
        };
        if !names.insert(name.to_ascii_lowercase()) {
            return Err(Refusal::new(
                400,
                "DuplicateResourceName",
                format!("Resource {id} has two child resources with the same name ({name})."),
            ));
        }
        for field in ["id", "etag", "type"] {
            fields.shift_remove(field);
        }
        match fields.entry("properties").or_insert_with(|| Json::Object(Map::new())) {
            Json::Object(properties) => _ = properties.shift_remove("provisioningState"),
            _ => return Err(invalid(format!("the properties of an item of {array} of {id} are no object."))),
        }
    }
    Ok(())
}

/// Network's own spelling, in ids and in the words for how addresses are given.
fn spell(value: &mut Json) {
    match value {
        Json::Object(entries) => {
            for (name, value) in entries {
                match value {
                    Json::String(text) if name == "id" => {
                        for right in ["/frontendIPConfigurations/", "/publicIPPrefixes/", "/ipConfigurations/"] {
                            respell(text, right);
                        }
                    }
                    Json::String(text) if name.ends_with("IPAllocationMethod") => {
                        for right in ["Dynamic", "Static"] {
                            if text.eq_ignore_ascii_case(right) {
                                *text = right.to_owned();
                            }
                        }
                    }
                    other => spell(other),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(spell),
        _ => {}
    }
}

fn respell(text: &mut String, right: &str) {
    let lower = text.to_ascii_lowercase();
    if let Some(at) = lower.find(&right.to_ascii_lowercase()) {
        // Lower-casing ASCII moves nothing.
        text.replace_range(at..at + right.len(), right);
    }
}

fn drop_empty_pools(body: &mut Json) {
    let Some(configurations) = body.pointer_mut("/properties/ipConfigurations").and_then(Json::as_array_mut) else {
        return;
    };
    for configuration in configurations {
        if let Some(properties) = configuration.get_mut("properties").and_then(Json::as_object_mut) {
            for name in ["loadBalancerBackendAddressPools", "loadBalancerInboundNatRules", "applicationSecurityGroups"]
            {
                if properties.get(name).and_then(Json::as_array).is_some_and(Vec::is_empty) {
                    properties.shift_remove(name);
                }
            }
        }
    }
}

fn drop_empty_properties(body: &mut Json) {
    if body["properties"].as_object().is_some_and(Map::is_empty) {
        remove(body, &["/properties"]);
    }
}

/// Whether a child of that name is in an array of a body.
pub(super) fn has_child(body: &Json, array: &str, name: &str) -> bool {
    items(body, &format!("/properties/{array}"))
        .any(|child| text(child, "/name").is_some_and(|other| other.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::super::provider::of_type;
    use super::*;

    #[test]
    fn a_balancer_is_cleaned_and_completed() {
        let provider = of_type("microsoft.network/LOADBALANCERS").unwrap();
        let body = json!({
            "name": "lb", "etag": "x", "location": "West US 2", "tags": null,
            "properties": {
                "provisioningState": "Failed",
                "frontendIpConfigurations": [{"name": "f", "id": "/x", "properties": {"loadBalancingRules": [{"id": "/y"}],
                    "privateIPAllocationMethod": "dynamic"}}],
                "probes": [{"name": "p", "properties": {"port": 80}}],
                "loadBalancingRules": [{"name": "r", "properties": {
                    "frontendIPConfiguration": {"id": "/subscriptions/s/lb/frontendIpConfigurations/f"}}}],
            },
        });
        let kept = prepare(body, provider, None, "/lb").unwrap();
        assert_eq!(kept["location"], "westus2");
        assert_eq!(kept.get("tags"), None);
        assert_eq!(
            kept["properties"]["frontendIPConfigurations"],
            json!([{"name": "f", "properties": {"privateIPAllocationMethod": "Dynamic"}}])
        );
        assert_eq!(kept["properties"]["probes"][0]["properties"]["intervalInSeconds"], 15);
        assert_eq!(
            kept["properties"]["loadBalancingRules"][0]["properties"]["frontendIPConfiguration"]["id"],
            "/subscriptions/s/lb/frontendIPConfigurations/f"
        );
        assert_eq!(kept["sku"], json!({"name": "Basic", "tier": "Regional"}));
    }

    #[test]
    fn wrong_kinds_are_refused() {
        let provider = of_type("Microsoft.Network/virtualNetworks").unwrap();
        for body in [
            json!({"location": "westus2", "properties": []}),
            json!({"location": 7}),
            json!({"location": "mars"}),
            json!({"properties": {}}),
            json!({"location": "westus2", "tags": {"a": 1}}),
            json!({"location": "westus2", "properties": {"subnets": {}}}),
            json!({"location": "westus2", "properties": {"subnets": [{"properties": {}}]}}),
            json!({"location": "westus2", "properties": {"subnets": [{"name": "a"}, {"name": "A"}]}}),
            json!({"location": "westus2", "properties": {"subnets": [{"name": "a", "properties": 1}]}}),
        ] {
            assert!(prepare(body.clone(), provider, None, "/net").is_err(), "{body}");
        }
    }
}
