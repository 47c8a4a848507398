//! How much there may be of what in a region, and what there is: processors by family, public addresses.
//!
//! Sources: the errors in reported traffic (Azure's users, 2023 to 2025; read 2026-11-22) for processors, and
//! nforgeio/neonKUBE#1671; openshift/openshift-azure#2252 and coreos/tectonic-installer#1454 for addresses (in stored copies
//! read 2026-11-28). The limits at the start are large ones that Microsoft grants on request.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::exchange::Refusal;
use super::places::text;
use super::readings::family;
use super::world::World;
use crate::catalog::{machine_size, machine_sizes};

/// vCPUs of a region, and of one family in it.
const PROCESSORS: u64 = 20_000;
/// Public addresses of a region.
const ADDRESSES: u64 = 1000;
/// All processors of a region.
const ALL: &str = "cores";
/// Processors on spare capacity, which count neither for their family nor for the region.
const SPARE: &str = "lowPriorityCores";
/// All public addresses of a region.
const PUBLIC: &str = "PublicIPAddresses";

/// What one resource uses of a quota of its region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Usage {
    /// In lower case.
    location: String,
    /// Of the quota.
    name: String,
    amount: u64,
}

impl Usage {
    /// Of a resource by its id and body; nothing if it uses none.
    pub(super) fn of(id: &str, body: &Json) -> Option<Self> {
        let processors = |size: &str, machines: u64| {
            let each = machine_size(size).map_or(0, |size| u64::from(size.cpus));
            let places = ["/properties/priority", "/properties/virtualMachineProfile/priority"];
            let is_spare = places.iter().any(|place| matches!(text(body, place), Some("Spot" | "Low")));
            (if is_spare { SPARE.to_owned() } else { family(&size.to_ascii_lowercase()) }, each * machines)
        };
        let (name, amount) = match id.rsplit('/').nth(1)?.to_ascii_lowercase().as_str() {
            "virtualmachines" => processors(text(body, "/properties/hardwareProfile/vmSize")?, 1),
            // The instances of a flexible set are machines, which count themselves.
            "virtualmachinescalesets" if super::flexible::is_flexible(body) => return None,
            "virtualmachinescalesets" => {
                processors(text(body, "/sku/name")?, body.pointer("/sku/capacity").and_then(Json::as_u64)?)
            }
            "publicipaddresses" => (PUBLIC.to_owned(), 1),
            _ => return None,
        };
        Some(Self { location: text(body, "/location")?.to_ascii_lowercase(), name, amount })
    }
}

/// What is used in each region: by region and name.
#[derive(Debug, Default)]
pub(super) struct Usages(BTreeMap<(String, String), u64>);

impl Usages {
    /// Takes note of what came.
    pub(super) fn add(&mut self, usage: &Usage) {
        let level = self.0.entry((usage.location.clone(), usage.name.clone())).or_default();
        *level = level.saturating_add(usage.amount);
    }

    /// Takes note of what went.
    pub(super) fn remove(&mut self, usage: &Usage) {
        let level = self.0.entry((usage.location.clone(), usage.name.clone())).or_default();
        *level = level.saturating_sub(usage.amount);
    }

    fn of(&self, location: &str, name: &str) -> u64 {
        self.0.get(&(location.to_ascii_lowercase(), name.to_owned())).copied().unwrap_or(0)
    }

    /// All families of a region together.
    fn processors(&self, location: &str) -> u64 {
        let location = location.to_ascii_lowercase();
        let counts = |name: &str| name != PUBLIC && name != SPARE;
        self.0.iter().filter(|((place, name), _)| *place == location && counts(name)).map(|(_, level)| level).sum()
    }
}

fn limit(world: &World, name: &str) -> u64 {
    let set = world.setting("quotas").and_then(Json::as_object);
    let set = set.and_then(|quotas| quotas.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)));
    set.and_then(|(_, limit)| limit.as_u64()).unwrap_or(if name == PUBLIC { ADDRESSES } else { PROCESSORS })
}

/// Refuses what would exceed a quota. `old` is the body that the new one replaces.
pub(super) fn check(world: &World, id: &str, new: &Json, old: Option<&Json>) -> Result<(), Refusal> {
    let Some(Usage { location, name, amount }) = Usage::of(id, new) else { return Ok(()) };
    let before = old.and_then(|old| Usage::of(id, old));
    let before_of_name = before.as_ref().filter(|before| before.name == name).map_or(0, |before| before.amount);
    let usages = &world.index.usages;
    let wanted = amount.saturating_sub(before_of_name);
    if wanted == 0 {
        return Ok(());
    }
    let level = usages.of(&location, &name);
    if name == PUBLIC {
        let limit = limit(world, PUBLIC);
        return if level + wanted <= limit { Ok(()) } else { Err(too_many_addresses(limit)) };
    }
    let all_before = before.filter(|before| before.name != SPARE).map_or(0, |before| before.amount);
    let all_wanted = if name == SPARE { 0 } else { amount.saturating_sub(all_before) };
    let checks = [
        (name.as_str(), name.as_str(), level, wanted),
        ("Total Regional", ALL, usages.processors(&location), all_wanted),
    ];
    for (told, name, level, wanted) in checks {
        let limit = limit(world, name);
        if wanted > 0 && level + wanted > limit {
            return Err(too_many_processors(told, &location, limit, level, wanted));
        }
    }
    Ok(())
}

fn too_many_processors(name: &str, location: &str, limit: u64, level: u64, wanted: u64) -> Refusal {
    let message = processors_exceeded(name, location, limit, level, wanted);
    Refusal::new(409, PROCESSORS_EXCEEDED, message)
}

/// The code by which processors beyond a quota are refused.
pub(super) const PROCESSORS_EXCEEDED: &str = "OperationNotAllowed";

/// The words that go with it.
pub(super) fn processors_exceeded(name: &str, location: &str, limit: u64, level: u64, wanted: u64) -> String {
    format!(
        "Operation could not be completed as it results in exceeding approved {name} Cores quota. Additional details - \
         Deployment Model: Resource Manager, Location: {location}, Current Limit: {limit}, Current Usage: {level}, Additional \
         Required: {wanted}, (Minimum) New Limit Required: {}. Setup Alerts when Quota reaches threshold. Learn more at \
         https://aka.ms/quotamonitoringalerting .",
        level + wanted
    )
}

fn too_many_addresses(limit: u64) -> Refusal {
    Refusal::new(
        400,
        "PublicIPCountLimitReached",
        format!("Cannot create more than {limit} public IP addresses for this subscription in this region."),
    )
    .details(Vec::new())
}

fn usage(name: &str, used: u64, limit: u64) -> Json {
    json!({ "name": { "value": name, "localizedValue": name }, "currentValue": used, "limit": limit, "unit": "Count" })
}

/// The processors of a region, as Compute lists usages.
pub(super) fn processors(world: &World, location: &str) -> Vec<Json> {
    let usages = &world.index.usages;
    let mut families: Vec<String> = machine_sizes().map(|(name, _)| family(&name)).collect();
    families.sort_unstable();
    families.dedup();
    let each = families.iter().map(|family| usage(family, usages.of(location, family), limit(world, family)));
    let all = usage(ALL, usages.processors(location), limit(world, ALL));
    let spare = usage(SPARE, usages.of(location, SPARE), limit(world, SPARE));
    [all, spare].into_iter().chain(each).collect()
}

/// The public addresses of a region, as Network lists usages.
pub(super) fn addresses(world: &World, location: &str) -> Vec<Json> {
    let (used, limit) = (world.index.usages.of(location, PUBLIC), limit(world, PUBLIC));
    vec![usage(PUBLIC, used, limit), usage("IPv4StandardSkuPublicIpAddresses", used, limit)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn machines_sets_and_addresses_use_what_they_have() {
        let machine = json!({"location": "WestUS2", "properties": {"hardwareProfile": {"vmSize": "Standard_D4s_v3"}}});
        let used = Usage::of("/s/virtualMachines/a", &machine).unwrap();
        assert_eq!((used.location.as_str(), used.name.as_str(), used.amount), ("westus2", "standardDsv3Family", 4));
        let set = json!({"location": "westus2", "sku": {"name": "Standard_D2s_v3", "capacity": 3}});
        let set = Usage::of("/s/virtualMachineScaleSets/a", &set).unwrap();
        assert_eq!(set.amount, 6);
        assert_eq!(Usage::of("/s/disks/a", &machine), None);
        let mut spot = machine.clone();
        spot["properties"]["priority"] = "Spot".into();
        assert_eq!(Usage::of("/s/virtualMachines/a", &spot).unwrap().name, SPARE);
        let mut usages = Usages::default();
        usages.add(&used);
        usages.add(&set);
        usages.add(&Usage::of("/s/publicIPAddresses/a", &machine).unwrap());
        assert_eq!((usages.processors("westus2"), usages.of("westus2", PUBLIC)), (10, 1));
        usages.remove(&used);
        assert_eq!(usages.processors("WestUS2"), 6);
    }
}
