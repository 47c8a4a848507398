//! Scale sets of orchestration mode Flexible: their instances are machines of their own, with interfaces and disks, and the
//! set counts those that name it.
//!
//! Sources, in stored copies read 2026-11-28: learn.microsoft.com, "Orchestration modes for Virtual Machine Scale Sets" and
//! "Orchestration modes API comparison"; "Understand names and instance IDs for Azure Virtual Machine Scale Set VMs" (machines
//! are called `<set>_<eight digits>`, hosts have six behind the prefix); "Use scale-in policies with Azure Virtual Machine Scale
//! Sets"; "Migrate deployments and resources to Virtual Machine Scale Sets in Flexible orchestration" (overprovisioning is not
//! for this mode). Refusals are as users quote them: Azure/bicep-registry-modules#2671 (identity),
//! Azure/azure-sdk-for-python#33268 (fault domains, the network's version), Azure/azure-cli#5920 and #21834 (a single placement
//! group goes with several fault domains); the words of the one against overprovisioning, and the names of interfaces, are the simulator's own.

use serde_json::{Map, Value as Json, json};

use super::exchange::Refusal;
use super::places::{add_defaults, items, remove, set, text};
use super::prepare::prepare;
use super::resource_id::ResourceId;
use super::world::{Entry, World};
use super::{addresses, finish, machines, provider};

const MACHINE: &str = "Microsoft.Compute/virtualMachines";
const CARD: &str = "Microsoft.Network/networkInterfaces";
const ADDRESS: &str = "Microsoft.Network/publicIPAddresses";
const EXTENSION: &str = "Microsoft.Compute/virtualMachines/extensions";

/// Where a machine keeps the addresses that go with it.
const ADDRESSES: &str = "addresses";

/// What a host's name ends in.
const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

pub(super) fn is_flexible(body: &Json) -> bool {
    text(body, "/properties/orchestrationMode").is_some_and(|mode| mode.eq_ignore_ascii_case("Flexible"))
}

/// What such a set cannot have, in a body as it was sent; and what it gets otherwise than sets whose instances are all alike.
pub(super) fn begin(sent: &mut Json) -> Result<(), Refusal> {
    if !is_flexible(sent) {
        return Ok(());
    }
    let refuse =
        |target: &str, message: String| Err(Refusal::new(400, "InvalidParameter", message).target(target.to_owned()));
    if let Some(kind) = text(sent, "/identity/type").filter(|kind| kind.to_ascii_lowercase().contains("systemassigned"))
    {
        let message = format!(
            "The value '{}' of parameter 'identity' is not allowed. Allowed values are: UserAssigned, None.",
            kind.escape_debug()
        );
        return refuse("identity", message);
    }
    let properties = &sent["properties"];
    if properties["overprovision"] == true {
        return refuse("overprovision", "The value 'True' of parameter 'overprovision' is not allowed.".to_owned());
    }
    let domains = "platformFaultDomainCount";
    match properties[domains].as_u64() {
        None => return refuse(domains, format!("Required parameter '{domains}' is missing (null).")),
        Some(1) if properties["singlePlacementGroup"] == true => {
            let message = "With platform fault domain count 1, you must use multiple placement groups.";
            return refuse("singlePlacementGroup", message.to_owned());
        }
        Some(_) => {}
    }
    let network = &properties["virtualMachineProfile"]["networkProfile"];
    if network.get("networkInterfaceConfigurations").is_some() && network.get("networkApiVersion").is_none() {
        let code = "NetworkApiVersionMustBeSpecifiedWithNetworkInterfaceConfigurations";
        let message = "Network api version in network profile must be specified if network interface configurations are \
                       specified.";
        return Err(Refusal::new(400, code, message));
    }
    // Azure goes by the first machine's size, which seldom asks for one.
    add_defaults(sent, &[("/properties/singlePlacementGroup", "false")]);
    Ok(())
}

/// Takes out the defaults of sets whose instances are all alike.
pub(super) fn settle(body: &mut Json) {
    if is_flexible(body) {
        remove(body, &["/properties/overprovision", "/properties/doNotRunExtensionsOnOverprovisionedVMs"]);
    }
}

/// The machines of a set, the oldest first.
fn members(world: &World, set_id: &str) -> Vec<Entry> {
    let mut members: Vec<Entry> = world
        .index
        .referrers(set_id)
        .filter_map(|from| world.entry(from))
        .filter(|entry| entry.resource_type == MACHINE)
        .collect();
    members.sort_by_key(|entry| entry.hidden.get("instance").and_then(Json::as_u64).unwrap_or(0));
    members
}

/// The set's operation has ended: it has as many machines as it should.
pub(super) fn complete(world: &mut World, entry: &mut Entry, at: i64) {
    let capacity = usize::try_from(entry.body["sku"]["capacity"].as_u64().unwrap_or(0)).unwrap_or(0).min(1000);
    let mut members = members(world, &entry.id);
    // The newest go first, as with Azure's default scale-in policy without zones.
    while members.len() > capacity {
        if let Some(newest) = members.pop() {
            finish::delete(world, &newest);
        }
    }
    let mut next = entry.hidden.get("nextInstance").and_then(Json::as_u64).unwrap_or(0);
    let mut there = members.len();
    while there < capacity && make_machine(world, entry, next, at).is_ok() {
        next += 1;
        there += 1;
    }
    // A subnet may be full: the set has what it could get.
    set(&mut entry.body, "/sku/capacity", json!(there));
    entry.hidden.insert("nextInstance".to_owned(), json!(next));
}

/// All machines of a set that goes.
pub(super) fn delete_members(world: &mut World, set_id: &str) {
    for member in members(world, set_id) {
        finish::delete(world, &member);
    }
}

/// Some machines of a set, by their names.
pub(super) fn delete_named(world: &mut World, set_id: &str, names: &[&str]) {
    let is_wanted = |name: &str| names.iter().any(|wanted| *wanted == "*" || wanted.eq_ignore_ascii_case(name));
    for member in members(world, set_id) {
        if is_wanted(member.id.rsplit('/').next().unwrap_or_default()) {
            finish::delete(world, &member);
        }
    }
}

/// A machine is gone, and its interfaces are: their addresses go, too, and the set that it named has one less.
pub(super) fn member_gone(world: &mut World, machine: &Entry) {
    for id in machine.hidden.get(ADDRESSES).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
        if let Some(address) = world.entry(id) {
            finish::delete(world, &address);
        }
    }
    let set_id = text(&machine.body, "/properties/virtualMachineScaleSet/id");
    let Some(mut entry) = set_id.and_then(|id| world.entry(id)) else { return };
    let left = members(world, &entry.id).len();
    set(&mut entry.body, "/sku/capacity", json!(left));
    world.put_entry(&entry);
}

/// Makes a resource that is there at once.
fn make(
    world: &mut World,
    kind: &str,
    id: String,
    body: Json,
    hidden: Map<String, Json>,
    at: i64,
) -> Result<(), Refusal> {
    let provider = provider::of_type_or_plain(kind);
    let guid = world.uuid();
    let mut body = prepare(body, provider, None, &id)?;
    match kind {
        CARD => addresses::assign(world, &id, &mut body, "ipConfigurations", None)?,
        MACHINE => machines::begin(world, &mut body, &guid),
        _ => {}
    }
    let entry = Entry {
        id,
        resource_type: kind.to_owned(),
        body,
        state: "Updating".to_owned(),
        etag: world.uuid(),
        guid,
        operation: None,
        hidden,
    };
    finish::put(world, entry, at);
    Ok(())
}

fn make_machine(world: &mut World, entry: &Entry, number: u64, at: i64) -> Result<(), Refusal> {
    let scope = ResourceId::of_text(&entry.id).map(|id| id.scope).unwrap_or_default();
    let set_name = entry.id.rsplit('/').next().unwrap_or_default();
    let digits: String = world.uuid().chars().take(8).collect();
    let profile = entry.body["properties"]["virtualMachineProfile"].clone();
    let id = format!("{scope}/providers/{MACHINE}/{set_name}_{digits}");
    let (mut addresses, mut made) = (Vec::new(), Vec::new());
    let cards = match make_cards(world, entry, &profile, (&scope, &digits), (&mut addresses, &mut made), at) {
        Ok(cards) => cards,
        Err(refusal) => {
            for half in made.iter().rev().filter_map(|id| world.entry(id)).collect::<Vec<_>>() {
                finish::delete(world, &half);
            }
            return Err(refusal);
        }
    };

    let prefix = text(&profile, "/osProfile/computerNamePrefix").unwrap_or(set_name);
    let host = format!("{prefix}{}", world.entropy.text(LETTERS, 6));
    let mut system = profile["osProfile"].clone();
    remove(&mut system, &["/computerNamePrefix"]);
    set(&mut system, "/computerName", host.into());
    let mut properties = json!({
        "virtualMachineScaleSet": { "id": entry.id },
        "hardwareProfile": { "vmSize": entry.body["sku"]["name"] },
        "storageProfile": profile["storageProfile"],
        "osProfile": system,
        "networkProfile": { "networkInterfaces": cards },
    });
    for name in ["securityProfile", "licenseType", "priority", "evictionPolicy", "billingProfile"] {
        if let Some(value) = profile.get(name) {
            properties[name] = value.clone();
        }
    }
    let mut body = common(entry);
    body["properties"] = properties;
    if let Some(identity) = entry.body.get("identity") {
        body["identity"] = identity.clone();
    }
    if let Some(zones) = entry.body["zones"].as_array().filter(|zones| !zones.is_empty()) {
        let turn = usize::try_from(number).unwrap_or(0) % zones.len();
        body["zones"] = json!([zones[turn]]);
    }
    let hidden = Map::from_iter([("instance".to_owned(), json!(number)), (ADDRESSES.to_owned(), json!(addresses))]);
    make(world, MACHINE, id.clone(), body, hidden, at)?;
    for extension in items(&profile, "/extensionProfile/extensions") {
        let name = text(extension, "/name").unwrap_or_default();
        let body = json!({ "location": entry.body["location"], "properties": extension["properties"] });
        make(world, EXTENSION, format!("{id}/extensions/{name}"), body, Map::new(), at)?;
    }
    Ok(())
}

/// The interfaces of a machine, and the references to them. Public addresses that go with them are put to the first list,
/// all that is made to the second.
fn make_cards(
    world: &mut World,
    entry: &Entry,
    profile: &Json,
    (scope, digits): (&str, &str),
    (addresses, made): (&mut Vec<String>, &mut Vec<String>),
    at: i64,
) -> Result<Vec<Json>, Refusal> {
    let mut cards = Vec::new();
    for configuration in items(profile, "/networkProfile/networkInterfaceConfigurations") {
        let id = format!("{scope}/providers/{CARD}/{}-{digits}", text(configuration, "/name").unwrap_or_default());
        let mut properties = configuration["properties"].clone();
        let (primary, deletion) = (properties["primary"].clone(), properties.get("deleteOption").cloned());
        remove(&mut properties, &["/primary", "/deleteOption"]);
        for address in properties["ipConfigurations"].as_array_mut().into_iter().flatten() {
            let public = address["properties"].get("publicIPAddressConfiguration").cloned();
            remove(address, &["/properties/publicIPAddressConfiguration"]);
            if let Some(public) = public {
                let name = text(&public, "/name").unwrap_or_default();
                let public_id = format!("{scope}/providers/{ADDRESS}/{name}-{digits}");
                let mut body = common(entry);
                body["sku"] = json!({ "name": "Standard" });
                body["properties"] = public.get("properties").cloned().unwrap_or(json!({}));
                body["properties"]["publicIPAllocationMethod"] = "Static".into();
                remove(&mut body, &["/properties/deleteOption"]);
                make(world, ADDRESS, public_id.clone(), body, Map::new(), at)?;
                made.push(public_id.clone());
                if text(&public, "/properties/deleteOption") == Some("Delete") {
                    addresses.push(public_id.clone());
                }
                address["properties"]["publicIPAddress"] = json!({ "id": public_id });
            }
        }
        let mut body = common(entry);
        body["properties"] = properties;
        make(world, CARD, id.clone(), body, Map::new(), at)?;
        made.push(id.clone());
        let deletion = deletion.unwrap_or("Delete".into());
        cards.push(json!({ "id": id, "properties": { "primary": primary, "deleteOption": deletion } }));
    }
    Ok(cards)
}

/// What all that a set makes has of it.
fn common(entry: &Entry) -> Json {
    let mut body = json!({ "location": entry.body["location"] });
    if let Some(tags) = entry.body.get("tags") {
        body["tags"] = tags.clone();
    }
    body
}
