//! What a cluster needs against what Azure tells, without asking anybody.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{Demand, Finding, Verdict};

fn sku<'a>(skus: &'a [Json], kind: &str, name: &str) -> Option<&'a Json> {
    let is =
        |sku: &Json, field: &str, value: &str| sku[field].as_str().is_some_and(|text| text.eq_ignore_ascii_case(value));
    skus.iter().find(|sku| is(sku, "resourceType", kind) && is(sku, "name", name))
}

fn capability(sku: &Json, name: &str) -> Option<u32> {
    let found = sku.get("capabilities")?.as_array()?.iter().find(|capability| capability["name"] == name)?;
    found.get("value")?.as_str()?.parse().ok()
}

/// Zones that a restriction closes, or all of the location.
fn restricted(sku: &Json) -> (bool, BTreeSet<String>) {
    let (mut everywhere, mut zones) = (false, BTreeSet::new());
    for restriction in sku["restrictions"].as_array().into_iter().flatten() {
        if restriction["type"] == "Zone" {
            let closed = restriction.pointer("/restrictionInfo/zones").and_then(Json::as_array).into_iter().flatten();
            zones.extend(closed.filter_map(Json::as_str).map(str::to_owned));
        } else {
            everywhere = true;
        }
    }
    (everywhere, zones)
}

pub(super) fn judge_sizes(skus: &[Json], demand: &Demand, location: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tell = |about: &str, verdict, message: String, help: &str| {
        let help = Some(help.to_owned()).filter(|_| verdict != Verdict::Good);
        findings.push(Finding { about: about.to_owned(), verdict, message, help });
    };
    let help = "See `az vm list-skus --location <location> --all` for what is on offer; take another size or location.";
    for size in demand.sizes() {
        let about = format!("size {size}");
        let Some(found) = sku(skus, "virtualMachines", size) else {
            tell(&about, Verdict::Bad, format!("{location} does not have it"), help);
            continue;
        };
        let (everywhere, closed) = restricted(found);
        if everywhere {
            tell(&about, Verdict::Bad, format!("the subscription may not use it in {location}"), help);
            continue;
        }
        let offered: BTreeSet<String> = found["locationInfo"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|place| place["zones"].as_array().into_iter().flatten())
            .filter_map(|zone| Some(zone.as_str()?.to_owned()))
            .collect();
        let wanted = demand.zones.get(size).cloned().unwrap_or_default();
        let lacking: Vec<&str> = wanted
            .iter()
            .filter(|zone| !offered.contains(*zone) || closed.contains(*zone))
            .map(String::as_str)
            .collect();
        if lacking.is_empty() {
            tell(&about, Verdict::Good, format!("on offer in {location}"), "");
        } else {
            let free: Vec<&str> = offered.difference(&closed).map(String::as_str).collect();
            let message = format!("not on offer in zone {} of {location}", lacking.join(", "));
            let help = format!(
                "Zones with it: {}. Take those, or another size.",
                if free.is_empty() { "none".to_owned() } else { free.join(", ") }
            );
            tell(&about, Verdict::Bad, message, &help);
        }
    }
    let most =
        sku(skus, "availabilitySets", "Aligned").and_then(|set| capability(set, "MaximumPlatformFaultDomainCount"));
    match most {
        _ if demand.fault_domains == 0 => {}
        Some(most) if most < demand.fault_domains => {
            let message = format!("{} are asked for, {location} has {most}", demand.fault_domains);
            let help = format!("Set `platformFaultDomainCount` to {most}.");
            tell("fault domains", Verdict::Bad, message, &help);
        }
        Some(most) => tell("fault domains", Verdict::Good, format!("{} of {most}", demand.fault_domains), ""),
        None => tell(
            "fault domains",
            Verdict::Untold,
            format!("Azure does not tell of {location}"),
            "Most locations have 2 or 3.",
        ),
    }
    findings
}

/// Azure keeps the first four addresses of a subnet and the last.
const RESERVED: u64 = 5;

pub(super) fn judge_subnet(id: &str, needed: u32, found: Option<&Json>) -> Finding {
    let about = "subnet".to_owned();
    let name = id.rsplit('/').next().unwrap_or(id);
    let Some(found) = found else {
        let (message, help) = (format!("{id} does not exist"), "Make it, or correct `vnetSubnetId`.");
        return Finding { about, verdict: Verdict::Bad, message, help: Some(help.to_owned()) };
    };
    // One with several ranges has a list of them.
    let several = found.pointer("/properties/addressPrefixes").and_then(Json::as_array).into_iter().flatten();
    let ranges = found.pointer("/properties/addressPrefix").into_iter().chain(several).filter_map(Json::as_str);
    let prefix = ranges.into_iter().find(|range| !range.contains(':')).and_then(|range| range.rsplit('/').next());
    let size = prefix
        .and_then(|bits| bits.parse::<u32>().ok())
        .and_then(|bits| 32_u32.checked_sub(bits))
        .map(|bits| 1_u64 << bits);
    let used = found.pointer("/properties/ipConfigurations").and_then(Json::as_array).map_or(0, Vec::len) as u64;
    let usage = size.map(|size| (used, size.saturating_sub(RESERVED)));
    judge_quota(
        "subnet",
        u64::from(needed),
        usage,
        name,
        "Take a larger subnet, fewer machines, or fewer pods on each.",
    )
}

/// A usage by its name: what is in use, and the limit.
fn usage(usages: &[Json], name: &str) -> Option<(u64, u64)> {
    let is_it = |usage: &&Json| {
        usage.pointer("/name/value").and_then(Json::as_str).is_some_and(|value| value.eq_ignore_ascii_case(name))
    };
    let found = usages.iter().find(is_it)?;
    let number = |field: &str| found.get(field)?.as_u64();
    Some((number("currentValue")?, number("limit")?))
}

fn judge_quota(about: &str, needed: u64, usage: Option<(u64, u64)>, location: &str, help: &str) -> Finding {
    let (verdict, message) = match usage {
        Some((used, limit)) if used + needed > limit => {
            let free = limit.saturating_sub(used);
            (Verdict::Bad, format!("{needed} are needed in {location}, {free} are free ({used} of {limit} in use)"))
        }
        Some((used, limit)) => {
            (Verdict::Good, format!("{needed} are needed, {} are free ({used} of {limit} in use)", limit - used))
        }
        None => (Verdict::Untold, format!("{needed} are needed in {location}; Azure does not tell how many are free")),
    };
    let help = Some(help.to_owned()).filter(|_| verdict != Verdict::Good);
    Finding { about: about.to_owned(), verdict, message, help }
}

pub(super) fn judge_processors(skus: &[Json], usages: &[Json], demand: &Demand, location: &str) -> Vec<Finding> {
    let mut by_family: BTreeMap<String, u64> = BTreeMap::new();
    let processors = |size: &str, count: u32| {
        let each = sku(skus, "virtualMachines", size).and_then(|found| capability(found, "vCPUs"));
        u64::from(each.unwrap_or_default()) * u64::from(count)
    };
    for (size, count) in &demand.machines {
        let family = sku(skus, "virtualMachines", size).and_then(|found| found["family"].as_str());
        if let Some(family) = family {
            *by_family.entry(family.to_owned()).or_default() += processors(size, *count);
        }
    }
    let sum = |machines: &BTreeMap<String, u32>| machines.iter().map(|(size, count)| processors(size, *count)).sum();
    let (total, spare): (u64, u64) = (sum(&demand.machines), sum(&demand.spot_machines));
    let help = "Ask for more quota (Azure portal: Quotas), take fewer or smaller machines, or another location.";
    let mut findings = Vec::new();
    if !demand.machines.is_empty() {
        findings.push(judge_quota("vCPUs", total, usage(usages, "cores"), location, help));
    }
    // Spot machines count for no family; from memory of Azure's documentation of quotas.
    if !demand.spot_machines.is_empty() {
        findings.push(judge_quota("Spot vCPUs", spare, usage(usages, "lowPriorityCores"), location, help));
    }
    for (family, needed) in by_family {
        findings.push(judge_quota(&format!("vCPUs of {family}"), needed, usage(usages, &family), location, help));
    }
    findings
}

pub(super) fn judge_addresses(usages: &[Json], needed: u32, location: &str) -> Vec<Finding> {
    let help = "Ask for more quota, release addresses that nobody uses, or make the API server private.";
    // The one that is nearer to its limit decides.
    let names = ["PublicIPAddresses", "IPv4StandardSkuPublicIpAddresses"];
    let tightest =
        names.iter().filter_map(|name| usage(usages, name)).min_by_key(|(used, limit)| limit.saturating_sub(*used));
    vec![judge_quota("public addresses", u64::from(needed), tightest, location, help)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn demand() -> Demand {
        Demand {
            machines: [("Standard_D2s_v5".to_owned(), 6)].into(),
            zones: [("Standard_D2s_v5".to_owned(), ["1".to_owned(), "3".to_owned()].into())].into(),
            fault_domains: 3,
            public_addresses: 2,
            ..Demand::default()
        }
    }

    fn skus(restrictions: &Json) -> Vec<Json> {
        vec![
            json!({ "resourceType": "availabilitySets", "name": "Aligned", "capabilities": [{ "name": "MaximumPlatformFaultDomainCount", "value": "2" }] }),
            json!({
                "resourceType": "virtualMachines", "name": "Standard_D2s_v5", "family": "standardDSv5Family",
                "locationInfo": [{ "location": "westus2", "zones": ["1", "2", "3"] }],
                "capabilities": [{ "name": "vCPUs", "value": "2" }], "restrictions": restrictions,
            }),
        ]
    }

    fn verdicts(findings: &[Finding]) -> Vec<(&str, Verdict)> {
        findings.iter().map(|finding| (finding.about.as_str(), finding.verdict)).collect()
    }

    #[test]
    fn sizes_zones_and_fault_domains_are_held_against_what_is_on_offer() {
        let found = judge_sizes(&skus(&json!([])), &demand(), "westus2");
        assert_eq!(verdicts(&found), [("size Standard_D2s_v5", Verdict::Good), ("fault domains", Verdict::Bad)]);
        assert_eq!(found[1].message, "3 are asked for, westus2 has 2");
        assert_eq!(found[1].help.as_deref(), Some("Set `platformFaultDomainCount` to 2."));
        let closed = json!([{ "type": "Zone", "reasonCode": "NotAvailableForSubscription", "restrictionInfo": { "zones": ["3"] } }]);
        let found = judge_sizes(&skus(&closed), &demand(), "westus2");
        assert_eq!(found[0].message, "not on offer in zone 3 of westus2");
        assert_eq!(found[0].help.as_deref(), Some("Zones with it: 1, 2. Take those, or another size."));
        let everywhere = json!([{ "type": "Location", "reasonCode": "NotAvailableForSubscription" }]);
        assert_eq!(judge_sizes(&skus(&everywhere), &demand(), "westus2")[0].verdict, Verdict::Bad);
        assert_eq!(judge_sizes(&[], &demand(), "westus2")[0].message, "westus2 does not have it");
    }

    #[test]
    fn quotas_are_told_with_their_numbers() {
        let usages = [
            json!({ "name": { "value": "cores" }, "currentValue": 10, "limit": 100 }),
            json!({ "name": { "value": "standardDSv5Family" }, "currentValue": 2, "limit": 10 }),
        ];
        let found = judge_processors(&skus(&json!([])), &usages, &demand(), "westus2");
        assert_eq!(verdicts(&found), [("vCPUs", Verdict::Good), ("vCPUs of standardDSv5Family", Verdict::Bad)]);
        assert_eq!(found[1].message, "12 are needed in westus2, 8 are free (2 of 10 in use)");
        assert!(found[1].help.as_ref().unwrap().contains("quota"));
        let usages = [
            json!({ "name": { "value": "PublicIPAddresses" }, "currentValue": 0, "limit": 1000 }),
            json!({ "name": { "value": "IPv4StandardSkuPublicIpAddresses" }, "currentValue": 19, "limit": 20 }),
        ];
        assert_eq!(judge_addresses(&usages, 2, "westus2")[0].verdict, Verdict::Bad);
        assert_eq!(judge_addresses(&[], 2, "westus2")[0].verdict, Verdict::Untold);
    }

    #[test]
    fn a_subnet_has_to_have_room() {
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/nodes";
        let subnet = json!({ "properties": { "addressPrefix": "10.0.0.0/27", "ipConfigurations": [{}, {}] } });
        let found = judge_subnet(id, 30, Some(&subnet));
        assert_eq!(
            (found.verdict, found.message.as_str()),
            (Verdict::Bad, "30 are needed in nodes, 25 are free (2 of 27 in use)")
        );
        assert_eq!(judge_subnet(id, 25, Some(&subnet)).verdict, Verdict::Good);
        assert_eq!(judge_subnet(id, 1, None).verdict, Verdict::Bad);
        assert_eq!(judge_subnet(id, 1, Some(&json!({}))).verdict, Verdict::Untold);
    }
}
