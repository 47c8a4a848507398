//! What is read before something is made: permissions, locks, policies, sizes on offer, usages, free names, images.
//!
//! Sources: the REST references on learn.microsoft.com of Authorization "Permissions - List For Resource Group", Compute
//! "Resource Skus - List" and "Usage - List", Network "Usages - List" and "Check DNS Name Availability", and Compute
//! "Virtual Machine Images - List"; read 2026-11-25. Numbers of limits are those of a new pay-as-you-go subscription.

use serde_json::{Value as Json, json};

use super::exchange::{Request, Response};
use super::places::text;
use super::resources::page;
use super::world::World;
use crate::catalog::{Cloud, machine_size, machine_sizes, ubuntu_image, windows_image};

/// vCPUs of a region, and of one family in it.
const PROCESSORS: u64 = 20_000;
/// Public addresses of a region.
const ADDRESSES: u64 = 1000;

/// The answer, if it is one of these that is asked for.
pub(super) fn answer(world: &World, request: &Request, parts: &[&str]) -> Option<Response> {
    if request.method != "GET" {
        return None;
    }
    let list = |items: Vec<Json>| Some(page(world, request, items));
    match parts {
        [.., "providers", "microsoft.authorization", "permissions"] => {
            // The simulator's one principal owns everything.
            list(vec![json!({ "actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": [] })])
        }
        [.., "providers", "microsoft.authorization", "locks" | "policyassignments"] => list(Vec::new()),
        [_, _, "providers", "microsoft.compute", "skus"] => list(skus(request)),
        [_, _, "providers", "microsoft.compute", "locations", location, "usages"] => list(processors(world, location)),
        [_, _, "providers", "microsoft.network", "locations", location, "usages"] => list(addresses(world, location)),
        [_, _, "providers", "microsoft.network", "locations", location, "checkdnsnameavailability"] => {
            let label = request.query("domainNameLabel").unwrap_or_default();
            Some(Response::json(200, json!({ "available": is_free(world, location, label) })))
        }
        [
            _,
            _,
            "providers",
            "microsoft.compute",
            "locations",
            location,
            "publishers",
            publisher,
            "artifacttypes",
            "vmimage",
            "offers",
            offer,
            "skus",
            sku,
            "versions",
        ] => Some(Response::json(200, versions(location, publisher, offer, sku))),
        _ => None,
    }
}

/// `standard_d2s_v5` as Azure writes it.
fn spelt(name: &str) -> String {
    name.split('_')
        .map(|part| if part.starts_with('v') { part.to_owned() } else { capital(part) })
        .collect::<Vec<_>>()
        .join("_")
}

fn capital(part: &str) -> String {
    part.get(..1).unwrap_or_default().to_ascii_uppercase() + part.get(1..).unwrap_or_default()
}

/// The family of a size: its name without the number of processors.
fn family(name: &str) -> String {
    let core: String = name.trim_start_matches("standard_").chars().filter(char::is_ascii_alphanumeric).collect();
    let digits = core.find(|letter: char| letter.is_ascii_digit()).unwrap_or(core.len());
    let rest = core[digits..].trim_start_matches(|letter: char| letter.is_ascii_digit());
    format!("standard{}{}Family", core[..digits].to_ascii_uppercase(), rest)
}

fn skus(request: &Request) -> Vec<Json> {
    let filter = request.query("$filter").unwrap_or_default().to_owned();
    let location = filter.split('\'').nth(1).unwrap_or("westus2").to_owned();
    let mut skus = vec![json!({
        "resourceType": "availabilitySets", "name": "Aligned", "locations": [location],
        "capabilities": [{ "name": "MaximumPlatformFaultDomainCount", "value": "3" }], "restrictions": [],
    })];
    skus.extend(machine_sizes().map(|(name, size)| {
        let capability = |name: &str, value: String| json!({ "name": name, "value": value });
        json!({
            "resourceType": "virtualMachines", "name": spelt(&name), "family": family(&name), "locations": [location],
            "locationInfo": [{ "location": location, "zones": ["1", "2", "3"] }],
            "capabilities": [
                capability("vCPUs", size.cpus.to_string()),
                capability("MemoryGB", size.memory_gib.to_string()),
                capability("MaxDataDiskCount", size.data_disks.to_string()),
                capability("PremiumIO", size.premium_storage.to_string()),
                capability("AcceleratedNetworkingEnabled", size.accelerated_networking.to_string()),
            ],
            "restrictions": [],
        })
    }));
    skus
}

fn usage(name: &str, used: u64, limit: u64) -> Json {
    json!({ "name": { "value": name, "localizedValue": name }, "currentValue": used, "limit": limit, "unit": "Count" })
}

/// Bodies of a type in a location.
fn of_type(world: &World, resource_type: &str, location: &str) -> Vec<Json> {
    let prefix = format!("{}/resourceGroups/", world.subscription());
    let all =
        world.entries(&prefix).into_iter().filter(|entry| entry.resource_type.eq_ignore_ascii_case(resource_type));
    let here = |body: &Json| text(body, "/location").is_some_and(|place| place.eq_ignore_ascii_case(location));
    all.map(|entry| entry.body).filter(here).collect()
}

fn processors(world: &World, location: &str) -> Vec<Json> {
    let mut by_family = std::collections::BTreeMap::<String, u64>::new();
    by_family.extend(machine_sizes().map(|(name, _)| (family(&name), 0)));
    let mut count = |name: &str, machines: u64| {
        let processors = machine_size(name).map_or(0, |size| u64::from(size.cpus)) * machines;
        *by_family.entry(family(&name.to_ascii_lowercase())).or_default() += processors;
    };
    for machine in of_type(world, "Microsoft.Compute/virtualMachines", location) {
        count(text(&machine, "/properties/hardwareProfile/vmSize").unwrap_or_default(), 1);
    }
    for set in of_type(world, "Microsoft.Compute/virtualMachineScaleSets", location) {
        let machines = set.pointer("/sku/capacity").and_then(Json::as_u64).unwrap_or_default();
        count(text(&set, "/sku/name").unwrap_or_default(), machines);
    }
    let total = by_family.values().sum();
    let families = by_family.iter().map(|(family, used)| usage(family, *used, PROCESSORS));
    std::iter::once(usage("cores", total, PROCESSORS)).chain(families).collect()
}

fn addresses(world: &World, location: &str) -> Vec<Json> {
    let used = of_type(world, "Microsoft.Network/publicIPAddresses", location).len() as u64;
    vec![usage("PublicIPAddresses", used, ADDRESSES), usage("IPv4StandardSkuPublicIpAddresses", used, ADDRESSES)]
}

fn is_free(world: &World, location: &str, label: &str) -> bool {
    let taken = of_type(world, "Microsoft.Network/publicIPAddresses", location);
    !taken.iter().any(|address| text(address, "/properties/dnsSettings/domainNameLabel") == Some(label))
}

/// One version of each image that the engine starts machines from.
fn versions(location: &str, publisher: &str, offer: &str, sku: &str) -> Json {
    let known = [ubuntu_image(Cloud::Public), windows_image(Cloud::Public)].into_iter().any(|image| {
        image.publisher.eq_ignore_ascii_case(publisher)
            && image.offer.eq_ignore_ascii_case(offer)
            && image.sku.eq_ignore_ascii_case(sku)
    });
    let version = json!({ "name": "1.0.0", "location": location });
    if known { json!([version]) } else { json!([]) }
}
