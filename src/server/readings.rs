//! What is read before something is made: permissions, sizes on offer, usages, free names, images.
//!
//! Sources: the REST references on learn.microsoft.com of Authorization "Permissions - List For Resource Group", Compute
//! "Resource Skus - List" and "Usage - List", Network "Usages - List" and "Check DNS Name Availability", and Compute
//! "Virtual Machine Images - List"; read 2026-11-25.

use serde_json::{Value as Json, json};

use super::exchange::{Refusal, Request, Response};
use super::places::text;
use super::resources::page;
use super::world::World;
use super::{permissions, quotas};
use crate::catalog::{Cloud, machine_sizes, ubuntu_image, windows_image};

/// The answer, if it is one of these that is asked for.
pub(super) fn answer(world: &World, request: &Request, parts: &[&str]) -> Option<Response> {
    if request.method != "GET" {
        return None;
    }
    let list = |items: Vec<Json>| Some(page(world, request, items));
    match parts {
        [.., "providers", "microsoft.authorization", "permissions"] => list(permissions::told(world)),
        [_, _, "providers", "microsoft.compute", "skus"] => list(skus(request)),
        [_, _, "providers", "microsoft.compute", "locations", location, "usages"] => {
            list(quotas::processors(world, location))
        }
        [_, _, "providers", "microsoft.compute", "locations", _, "vmsizes"] => list(sizes()),
        [_, _, "providers", "microsoft.network", "locations", location, "usages"] => {
            list(quotas::addresses(world, location))
        }
        [_, _, "providers", "microsoft.network", "locations", location, "checkdnsnameavailability"] => {
            let label = request.query("domainnamelabel").unwrap_or_default();
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
        ] => Some(match versions(location, publisher, offer, sku) {
            Some(versions) => Response::json(200, versions),
            None => Refusal::new(404, "NotFound", "Artifact: VMImage was not found.").into(),
        }),
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
pub(super) fn family(name: &str) -> String {
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

fn is_free(world: &World, location: &str, label: &str) -> bool {
    let prefix = format!("{}/resourceGroups/", world.subscription());
    !world.entries(&prefix).iter().any(|entry| {
        entry.resource_type == "Microsoft.Network/publicIPAddresses"
            && text(&entry.body, "/location").is_some_and(|place| place.eq_ignore_ascii_case(location))
            && text(&entry.body, "/properties/dnsSettings/domainNameLabel") == Some(label)
    })
}

/// The sizes of a region, in the older form.
fn sizes() -> Vec<Json> {
    machine_sizes()
        .map(|(name, size)| {
            json!({
                "name": spelt(&name), "numberOfCores": size.cpus, "memoryInMB": size.memory_gib * 1024.0,
                "maxDataDiskCount": size.data_disks, "osDiskSizeInMB": 1_047_552, "resourceDiskSizeInMB": 0,
            })
        })
        .collect()
}

/// One version of each image that the engine starts machines from, and none of others of the same publishers. Of publishers
/// besides them nothing is known.
fn versions(location: &str, publisher: &str, offer: &str, sku: &str) -> Option<Json> {
    let known = [ubuntu_image(Cloud::Public), windows_image(Cloud::Public)];
    let of_publisher = known.iter().filter(|image| image.publisher.eq_ignore_ascii_case(publisher));
    let of_publisher: Vec<_> = of_publisher.collect();
    let is_it =
        of_publisher.iter().any(|image| image.offer.eq_ignore_ascii_case(offer) && image.sku.eq_ignore_ascii_case(sku));
    let version = json!({ "name": "1.0.0", "location": location });
    match of_publisher.as_slice() {
        [] => None,
        _ if is_it => Some(json!([version])),
        _ => Some(json!([])),
    }
}
