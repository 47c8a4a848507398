//! Reading and completing ARM bodies.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde_json::{Map, Value as Json, json};

use crate::base::parse_network;
use crate::contract::{Address, Fault, FaultClass};

/// The items of an array, or none.
pub fn items<'a>(body: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    body.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

/// A text, if there is one.
pub fn text<'a>(body: &'a Json, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer)?.as_str()
}

/// The `id` behind a pointer.
pub fn id<'a>(body: &'a Json, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer)?.get("id")?.as_str()
}

/// A number, also one that is written as text.
pub fn number(body: &Json, pointer: &str) -> Option<u64> {
    let value = body.pointer(pointer)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// An address.
pub fn address(body: &Json, pointer: &str) -> Option<IpAddr> {
    text(body, pointer)?.parse().ok()
}

/// Texts from a single value and from a list: `addressPrefix` and `addressPrefixes`.
pub fn texts<'a>(body: &'a Json, one: &str, several: &str) -> Vec<&'a str> {
    let single = body.get(one).and_then(Json::as_str).filter(|text| !text.is_empty());
    single.into_iter().chain(items(body, &format!("/{several}")).filter_map(Json::as_str)).collect()
}

/// The networks that a body names.
pub fn networks(body: &Json, one: &str, several: &str) -> Vec<IpNet> {
    texts(body, one, several).into_iter().filter_map(parse_network).collect()
}

/// Whether two ARM ids are the same.
pub fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// What comes before a segment of an id: the network's id of a subnet's, by `/subnets/`.
pub fn parent<'a>(id: &'a str, segment: &str) -> Option<&'a str> {
    let at = id.to_ascii_lowercase().find(&segment.to_ascii_lowercase())?;
    id.get(..at)
}

/// The last segment of an id.
pub fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// The resource group that an id names.
pub fn group(id: &str) -> &str {
    let mut segments = id.split('/').skip_while(|segment| !segment.eq_ignore_ascii_case("resourceGroups"));
    segments.nth(1).unwrap_or_default()
}

/// The subscription that an id names.
pub fn subscription(id: &str) -> &str {
    let mut segments = id.split('/').skip_while(|segment| !segment.eq_ignore_ascii_case("subscriptions"));
    segments.nth(1).unwrap_or_default()
}

/// A body as it is read back: with id, name and type, and with its state.
pub fn completed(address: &Address, body: Json, state: &str) -> Json {
    let mut whole = Map::new();
    whole.insert("id".to_owned(), json!(address.id));
    whole.insert("name".to_owned(), json!(last(&address.name)));
    whole.insert("type".to_owned(), json!(address.resource_type));
    if let Json::Object(fields) = body {
        whole.extend(fields.into_iter().filter(|(name, _)| !["id", "name", "type"].contains(&name.as_str())));
    }
    let mut whole = Json::Object(whole);
    if !whole["properties"].is_object() {
        whole["properties"] = json!({});
    }
    whole["properties"]["provisioningState"] = json!(state);
    whole
}

/// Gives every item of an array that has a name its own id below the resource's.
pub fn give_ids(address: &Address, body: &mut Json, array: &str) {
    let Some(list) = body.pointer_mut(&format!("/properties/{array}")).and_then(Json::as_array_mut) else { return };
    for item in list {
        if let Some(name) = item.get("name").and_then(Json::as_str) {
            let id = format!("{}/{array}/{name}", address.id);
            item["id"] = json!(id);
            if !item["properties"].is_object() {
                item["properties"] = json!({});
            }
            item["properties"]["provisioningState"] = json!("Succeeded");
        }
    }
}

/// A request that will be wrong again.
pub fn invalid(message: impl Into<String>, help: impl Into<String>) -> Fault {
    Fault::new(FaultClass::Invalid, "", message).help(help)
}

/// The IPv4 address at an offset of a network.
pub fn ipv4_at(network: ipnet::Ipv4Net, offset: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(network.network().to_bits().saturating_add(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_apart() {
        let id = "/subscriptions/S/resourcegroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/a";
        assert_eq!((subscription(id), group(id), last(id)), ("S", "rg", "a"));
        assert_eq!(
            parent(id, "/Subnets/"),
            Some("/subscriptions/S/resourcegroups/rg/providers/Microsoft.Network/virtualNetworks/v")
        );
    }
}
