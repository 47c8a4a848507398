//! What others do to a cluster's resources between two runs of the engine: the cloud controller, the disk driver, the
//! autoscaler. And what a test wants to know.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::exchange::{Refusal, Request, Response};
use super::index::is_within;
use super::places::{items, text};
use super::resource_id::ResourceId;
use super::world::{Entry, World};
use super::{finish, scale_sets};

/// Answers a request under `/simulator/`.
pub(super) fn answer(world: &mut World, request: &Request, path: &[&str]) -> Result<Response, Refusal> {
    match (request.method.as_str(), &path[1..]) {
        ("GET", ["summary"]) => Ok(summary(world)),
        ("GET", ["clock"]) => Ok(Response::json(
            200,
            json!({ "now": world.now, "virtual": world.is_virtual, "timeScale": world.time_scale }),
        )),
        ("POST", ["clock"]) => Err(Refusal::new(
            409,
            "Conflict",
            "This simulator's clock goes by itself. Start it with --virtual-clock to have one that moves on demand.",
        )),
        ("GET", ["settings"]) => Ok(Response::json(200, settings(world))),
        ("PATCH", ["settings"]) => change_settings(world, &request.json()?),
        ("POST", ["play", "cloud-controller"]) => cloud_controller(world, request),
        ("POST", ["play", "csi"]) => disk_driver(world, request),
        ("POST", ["play", "autoscaler"]) => autoscaler(world, request),
        ("POST", ["play", "budget"]) => {
            let group = parameter(request, "group")?.to_ascii_lowercase();
            let refusals = number(request, "refusals")?;
            world.store.put(&format!("budget/{group}"), json!(refusals));
            Ok(Response::json(200, json!({ "refusals": refusals })))
        }
        _ => Err(Refusal::new(404, "NotFound", "There is no such thing to play.")),
    }
}

fn parameter<'a>(request: &'a Request, name: &str) -> Result<&'a str, Refusal> {
    request
        .query(&name.to_ascii_lowercase())
        .ok_or_else(|| Refusal::new(400, "InvalidParameter", format!("The query parameter '{name}' is required.")))
}

fn number(request: &Request, name: &str) -> Result<u64, Refusal> {
    parameter(request, name)?.parse().ok().filter(|number| *number <= 100_000).ok_or_else(|| {
        Refusal::new(400, "InvalidParameter", format!("The query parameter '{name}' is not a number up to 100000."))
    })
}

fn settings(world: &World) -> Json {
    world.note("settings").cloned().unwrap_or_else(|| json!({}))
}

/// How this world is to be: who gives tokens as `metadata/endpoints` tells (`identityProvider`: `AAD` or `ADFS`), and how
/// much there may be of what in a region (`quotas`: `cores`, a family such as `standardDSv3Family`, `PublicIPAddresses`), and
/// what may be done (`permissions`: grants with `actions` and `notActions`).
fn change_settings(world: &mut World, patch: &Json) -> Result<Response, Refusal> {
    let invalid = |what: &str| Refusal::new(400, "InvalidParameter", format!("The setting {what} is not valid."));
    for (name, value) in patch.as_object().into_iter().flatten() {
        match name.as_str() {
            "identityProvider" if value.is_null() || value == "AAD" || value == "ADFS" => {}
            "permissions" if value.is_null() || super::permissions::are_valid(value) => {}
            "quotas" if value.is_null() => {}
            "quotas" => {
                let quotas = value.as_object().ok_or_else(|| invalid("'quotas'"))?;
                if let Some((name, _)) = quotas.iter().find(|(_, limit)| !limit.is_null() && limit.as_u64().is_none()) {
                    return Err(invalid(&format!("'quotas.{}'", name.escape_debug())));
                }
            }
            other => return Err(invalid(&format!("'{}'", other.escape_debug()))),
        }
    }
    let mut settings = settings(world);
    super::resources::merge_patch(&mut settings, patch);
    world.store.put("settings", settings.clone());
    Ok(Response::json(200, settings))
}

/// How many resources there are of each type, groups included.
fn summary(world: &World) -> Response {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for entry in world.entries("/") {
        *counts.entry(entry.resource_type).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    Response::json(200, json!({ "total": total, "types": counts }))
}

fn in_group(world: &World, request: &Request, resource_type: &str) -> Result<Vec<Entry>, Refusal> {
    let group = super::groups::find(world, parameter(request, "group")?)?;
    Ok(world
        .entries(&format!("{}/", group.id))
        .into_iter()
        .filter(|entry| entry.resource_type.eq_ignore_ascii_case(resource_type))
        .collect())
}

fn named(entries: Vec<Entry>, name: &str) -> Result<Entry, Refusal> {
    entries
        .into_iter()
        .find(|entry| entry.id.rsplit('/').next().is_some_and(|other| other.eq_ignore_ascii_case(name)))
        .ok_or_else(|| Refusal::new(404, "ResourceNotFound", format!("There is no '{}' here.", name.escape_debug())))
}

/// Writes what a controller changed, as a new version.
fn write(world: &mut World, mut entry: Entry) {
    let before = world.index.links_of(&entry.id).to_vec();
    entry.etag = world.uuid();
    world.put_entry(&entry);
    world.touch_referred(&entry.id, &before);
}

fn push(body: &mut Json, array: &str, item: Json) {
    if let Json::Object(properties) = &mut body["properties"]
        && let Json::Array(items) = properties.entry(array).or_insert_with(|| json!([]))
    {
        items.push(item);
    }
}

/// A service of type LoadBalancer is made: an address, a front end, a rule, a probe; and a node gets its route.
fn cloud_controller(world: &mut World, request: &Request) -> Result<Response, Refusal> {
    let balancers = in_group(world, request, "Microsoft.Network/loadBalancers")?;
    let mut balancer = match request.query("loadbalancer") {
        Some(name) => named(balancers, name)?,
        None => {
            let is_agents = |entry: &Entry| {
                let name = entry.id.rsplit('/').next().unwrap_or_default();
                !name.contains("master") && !name.contains("internal")
            };
            let place = balancers.iter().position(is_agents).unwrap_or(0);
            balancers
                .into_iter()
                .nth(place)
                .ok_or_else(|| Refusal::new(404, "ResourceNotFound", "There is no load balancer in the group."))?
        }
    };
    let Some(scope) = ResourceId::of_text(&balancer.id).map(|id| id.scope) else {
        return Err(Refusal::new(404, "ResourceNotFound", "The load balancer is in no group."));
    };
    // The cloud controller names what it makes for a service after the service's uid.
    let name = format!("a{}", &world.uuid().replace('-', "")[..31]);
    let sku = text(&balancer.body, "/sku/name").unwrap_or("Standard").to_owned();
    let address = Entry {
        id: format!("{scope}/providers/Microsoft.Network/publicIPAddresses/kubernetes-{name}"),
        resource_type: "Microsoft.Network/publicIPAddresses".to_owned(),
        body: json!({
            "location": balancer.body["location"],
            "tags": { "k8s-azure-cluster-name": "kubernetes", "k8s-azure-service": "default/web" },
            "sku": { "name": sku, "tier": "Regional" },
            "properties": {
                "publicIPAddressVersion": "IPv4", "publicIPAllocationMethod": "Static", "idleTimeoutInMinutes": 4, "ipTags": [],
            },
        }),
        state: "Updating".to_owned(),
        etag: world.uuid(),
        guid: world.uuid(),
        operation: None,
        hidden: Map::new(),
    };
    let address_id = address.id.clone();
    let now = world.now;
    finish::put(world, address, now);
    let id = balancer.id.clone();
    push(
        &mut balancer.body,
        "frontendIPConfigurations",
        json!({ "name": name, "properties": {
            "privateIPAllocationMethod": "Dynamic", "publicIPAddress": { "id": address_id },
        } }),
    );
    push(
        &mut balancer.body,
        "probes",
        json!({ "name": format!("{name}-TCP-80"), "properties": {
            "protocol": "Tcp", "port": 30080, "intervalInSeconds": 5, "numberOfProbes": 2, "probeThreshold": 2,
        } }),
    );
    let pool = items(&balancer.body, "/properties/backendAddressPools")
        .next()
        .and_then(|pool| text(pool, "/name"))
        .map(str::to_owned);
    let mut rule = json!({ "name": format!("{name}-TCP-80"), "properties": {
        "frontendIPConfiguration": { "id": format!("{id}/frontendIPConfigurations/{name}") },
        "probe": { "id": format!("{id}/probes/{name}-TCP-80") },
        "protocol": "Tcp", "frontendPort": 80, "backendPort": 80, "idleTimeoutInMinutes": 4, "enableFloatingIP": true,
        "enableTcpReset": true, "enableDestinationServiceEndpoint": false, "allowBackendPortConflict": false,
        "loadDistribution": "Default", "disableOutboundSnat": false,
    } });
    if let Some(pool) = pool {
        rule["properties"]["backendAddressPool"] = json!({ "id": format!("{id}/backendAddressPools/{pool}") });
    }
    push(&mut balancer.body, "loadBalancingRules", rule);
    write(world, balancer);

    let mut route_table = None;
    if let Some(mut table) = in_group(world, request, "Microsoft.Network/routeTables")?.into_iter().next() {
        let count = items(&table.body, "/properties/routes").count();
        let route = format!("node-{}____{count}", &name[1..9]);
        push(
            &mut table.body,
            "routes",
            json!({ "name": route, "properties": {
                "addressPrefix": format!("10.244.{}.0/24", count % 256), "nextHopType": "VirtualAppliance",
                "nextHopIpAddress": format!("10.240.0.{}", 4 + count % 250), "hasBgpOverride": false,
            } }),
        );
        route_table = Some(table.id.clone());
        write(world, table);
    }
    Ok(Response::json(
        200,
        json!({ "loadBalancer": id, "publicIPAddress": address_id, "rule": format!("{name}-TCP-80"), "routeTable": route_table }),
    ))
}

/// A volume is made and attached to a machine.
fn disk_driver(world: &mut World, request: &Request) -> Result<Response, Refusal> {
    let machines = in_group(world, request, "Microsoft.Compute/virtualMachines")?;
    let mut machine = named(machines, parameter(request, "machine")?)?;
    if machine.state != "Succeeded" {
        return Err(Refusal::new(409, "Conflict", "The machine is not ready."));
    }
    let Some(scope) = ResourceId::of_text(&machine.id).map(|id| id.scope) else {
        return Err(Refusal::new(404, "ResourceNotFound", "The machine is in no group."));
    };
    let name = format!("pvc-{}", world.uuid());
    let taken: Vec<u64> =
        items(&machine.body, "/properties/storageProfile/dataDisks").filter_map(|disk| disk["lun"].as_u64()).collect();
    let lun = (10..64)
        .find(|lun| !taken.contains(lun))
        .ok_or_else(|| Refusal::new(409, "OperationNotAllowed", "All places are taken."))?;
    let mut body = json!({
        "location": machine.body["location"],
        "tags": { "kubernetes.io-created-for-pvc-name": "data" },
        "sku": { "name": "StandardSSD_LRS" },
        "properties": { "creationData": { "createOption": "Empty" }, "diskSizeGB": 10 },
    });
    if let Some(zones) = machine.body.get("zones") {
        body["zones"] = zones.clone();
    }
    let disk = Entry {
        id: format!("{scope}/providers/Microsoft.Compute/disks/{name}"),
        resource_type: "Microsoft.Compute/disks".to_owned(),
        body,
        state: "Updating".to_owned(),
        etag: world.uuid(),
        guid: world.uuid(),
        operation: None,
        hidden: Map::new(),
    };
    let id = disk.id.clone();
    let now = world.now;
    finish::put(world, disk, now);
    if let Some(Json::Array(disks)) = machine.body.pointer_mut("/properties/storageProfile/dataDisks") {
        disks.push(json!({
            "lun": lun, "name": name, "createOption": "Attach", "caching": "ReadOnly", "deleteOption": "Detach",
            "diskSizeGB": 10, "toBeDetached": false,
            "managedDisk": { "id": id, "storageAccountType": "StandardSSD_LRS" },
        }));
    }
    debug_assert!(is_within(&id, &scope));
    write(world, machine);
    Ok(Response::json(200, json!({ "disk": id, "lun": lun })))
}

/// A scale set gets another size.
fn autoscaler(world: &mut World, request: &Request) -> Result<Response, Refusal> {
    let sets = in_group(world, request, "Microsoft.Compute/virtualMachineScaleSets")?;
    let mut set = named(sets, parameter(request, "scaleSet")?)?;
    let capacity = number(request, "capacity")?.min(1000);
    if set.state != "Succeeded" {
        return Err(Refusal::new(409, "Conflict", "The scale set is not ready."));
    }
    set.body["sku"]["capacity"] = json!(capacity);
    let now = world.now;
    scale_sets::complete_set(world, &mut set, now);
    write(world, set);
    Ok(Response::json(200, json!({ "capacity": capacity })))
}
