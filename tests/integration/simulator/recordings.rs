//! Recorded PUTs of real traffic, sent to the simulator: it answers with the same status, the same headers that announce an
//! operation, and the same properties, except where a table says otherwise and why.

use std::collections::BTreeSet;
use std::path::Path;

use engine::catalog::ApiProfile;
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::Cloud;
use crate::shared;

const FILES: [&str; 13] = [
    "resourceGroups",
    "virtualNetworks",
    "networkSecurityGroups",
    "routeTables",
    "publicIPAddresses",
    "loadBalancers",
    "networkInterfaces",
    "natGateways",
    "availabilitySets",
    "disks",
    "virtualMachines",
    "virtualMachines-extensions",
    "virtualMachineScaleSets",
];

/// File, property (or header, or `status`), and why the two differ. An empty file stands for all.
const KNOWN: &[(&str, &str, &str)] = &[
    ("virtualNetworks", "enableVmProtection", "told by versions before 2020 only"),
    ("virtualMachines", "timeCreated", "told since 2022"),
    ("virtualMachineScaleSets", "timeCreated", "told since 2022"),
    ("virtualMachineScaleSets", "orchestrationMode", "told since 2020-12"),
    ("networkInterfaces", "vnetEncryptionSupported", "told by some regions only"),
    ("networkInterfaces", "azure-asyncoperation", "there or not without a visible reason"),
    ("networkInterfaces", "enableAcceleratedNetworking", "told by some regions only"),
    ("loadBalancers", "outboundRules", "told since 2020"),
    ("virtualMachines-extensions", "settings", "told since 2022 where none were sent"),
    ("networkSecurityGroups", "networkInterfaces", "of network cards that are not in the recording"),
    ("routeTables", "subnets", "of networks that are not in the recording"),
    ("publicIPAddresses", "natGateway", "of a gateway that is not in the recording"),
    ("virtualMachines", "resources", "of an extension that is not in the recording"),
    ("", "tier", "told since 2020-08"),
];

fn is_known(file: &str, what: &str) -> bool {
    KNOWN.iter().any(|(in_file, name, _)| (in_file.is_empty() || *in_file == file) && *name == what)
}

fn names(body: &Json, pointer: &str) -> BTreeSet<String> {
    body.pointer(pointer).and_then(Json::as_object).into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// The recorded text as this simulator has it: its subscription, its versions, a region that it knows.
fn translate(value: &Json, subscription: &str) -> Json {
    let text = value.to_string().replace("/subscriptions/00000000-0000-0000-0000-000000000000", subscription);
    let mut value: Json = serde_json::from_str(&text).unwrap();
    if value.get("location").is_some() {
        value["location"] = "westus2".into();
    }
    value
}

fn gather_ids(value: &Json, found: &mut Vec<String>) {
    match value {
        Json::Object(entries) => {
            for (name, value) in entries {
                match value {
                    Json::String(id) if name == "id" && id.starts_with("/subscriptions/") => found.push(id.clone()),
                    other => gather_ids(other, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| gather_ids(item, found)),
        _ => {}
    }
}

/// Makes what a body refers to, as plainly as can be.
async fn prepare(cloud: &Cloud, own: &str, body: &Json) {
    let mut ids = Vec::new();
    gather_ids(body, &mut ids);
    for id in ids.into_iter().filter(|id| !id.to_ascii_lowercase().starts_with(&own.to_ascii_lowercase())) {
        let segments: Vec<&str> = id.split('/').collect();
        let (Some(kind), Some(version)) = (segments.get(7), ApiProfile::Azure.api_version("Microsoft.Network/x"))
        else {
            continue;
        };
        let resource = segments[..9].join("/");
        let group = segments[..5].join("/");
        let part = segments.get(10).copied().unwrap_or_default();
        cloud.put(&group, super::GROUPS, json!({"location": "westus2"})).await;
        let exists = cloud.get(&resource, version).await;
        let mut properties = if exists.status == 200 { exists.body["properties"].clone() } else { json!({}) };
        let (api_version, properties) = match *kind {
            "virtualNetworks" => {
                properties["addressSpace"] = json!({"addressPrefixes": ["10.0.0.0/8"]});
                let there = properties["subnets"].as_array().cloned().unwrap_or_default();
                let mut subnets: Vec<Json> = there.iter().filter(|subnet| subnet["name"] != part).cloned().collect();
                let prefix = format!("10.{}.0.0/16", subnets.len());
                if subnets.len() == there.len() {
                    subnets.push(json!({"name": part, "properties": {"addressPrefix": prefix}}));
                    properties["subnets"] = subnets.into();
                }
                (version, properties)
            }
            "loadBalancers" => {
                let array = segments[9];
                let mut items = properties[array].as_array().cloned().unwrap_or_default();
                if !items.iter().any(|item| item["name"] == part) {
                    items.push(json!({"name": part, "properties": {}}));
                }
                properties[array] = items.into();
                (version, properties)
            }
            "publicIPAddresses" => (version, json!({"publicIPAllocationMethod": "Static"})),
            "networkInterfaces" | "networkSecurityGroups" | "routeTables" | "natGateways" => (version, properties),
            "disks" => (super::DISKS, json!({"creationData": {"createOption": "Empty"}, "diskSizeGB": 8})),
            "availabilitySets" | "virtualMachines" => (
                super::COMPUTE,
                json!({
                    "hardwareProfile": {"vmSize": "Standard_A1"}, "networkProfile": {"networkInterfaces": []},
                }),
            ),
            _ => continue,
        };
        if exists.status != 200 || matches!(*kind, "virtualNetworks" | "loadBalancers") {
            let made =
                cloud.put(&resource, api_version, json!({"location": "westus2", "properties": properties})).await;
            assert!(made.status < 300, "{resource}: {made:?}");
        }
        cloud.clock.go_on(100.0);
    }
}

fn compare(file: &str, what: &str, recorded: &Json, told: &Json, differences: &mut Vec<String>) {
    for pointer in ["", "/properties", "/sku"] {
        let (theirs, ours) = (names(recorded, pointer), names(told, pointer));
        for name in theirs.symmetric_difference(&ours).filter(|name| !is_known(file, name)) {
            let who = if theirs.contains(name) { "lacks" } else { "has" };
            differences.push(format!("{file}: {what}: {who} {pointer}/{name}"));
        }
    }
}

async fn replay(cloud: &Cloud, file: &str, recording: &Json) -> (usize, Vec<String>) {
    let mut differences = Vec::new();
    let mut made: BTreeSet<String> = BTreeSet::new();
    let mut count = 0;
    for exchange in recording["exchanges"].as_array().unwrap() {
        let (request, response) = (&exchange["request"], &exchange["response"]);
        let path = request["path"].as_str().unwrap().split('?').next().unwrap();
        let path = path.replace("/subscriptions/00000000-0000-0000-0000-000000000000", &cloud.subscription);
        let status = response["status"].as_u64().unwrap();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let resource_type = match segments.as_slice() {
            [_, _, _, _] => "Microsoft.Resources/resourceGroups".to_owned(),
            [_, _, _, _, _, namespace, rest @ ..] if rest.len() % 2 == 0 => {
                let types: Vec<&str> = rest.iter().step_by(2).copied().collect();
                format!("{namespace}/{}", types.join("/"))
            }
            _ => continue,
        };
        let Some(version) = ApiProfile::Azure.api_version(&resource_type) else { continue };
        let key = path.to_ascii_lowercase();
        let label = format!("{} {} ({status})", request["method"].as_str().unwrap(), segments.last().unwrap());
        match request["method"].as_str().unwrap() {
            "PUT" if status < 300 => {
                let creates = !made.contains(&key);
                // What was made before the recording begins cannot be replayed.
                let is_update = status == 200 && file != "availabilitySets";
                let parent = segments
                    .len()
                    .checked_sub(2)
                    .map(|end| format!("/{}", segments[..end].join("/")).to_ascii_lowercase());
                let is_orphan = segments.len() > 8 && !parent.is_some_and(|parent| made.contains(&parent));
                if (creates && is_update) || (is_orphan && file != "virtualMachines-extensions") {
                    continue;
                }
                let body = translate(&request["body"], &cloud.subscription);
                let group = format!("/{}", segments[..4].join("/"));
                if file != "resourceGroups" {
                    cloud.put(&group, super::GROUPS, json!({"location": "westus2"})).await;
                    if file == "virtualMachines-extensions" {
                        prepare(cloud, &key, &json!({"id": format!("/{}", segments[..8].join("/"))})).await;
                    }
                    prepare(cloud, &key, &body).await;
                }
                let answer = cloud.put(&path, version, body).await;
                cloud.clock.go_on(200.0);
                if answer.code() == "PrivateIPAddressNotInSubnet" {
                    // What it refers to is made by this test, and nothing tells what prefix it had.
                    continue;
                }
                assert!(answer.status < 300, "{file}: {label}: {answer:?}");
                made.insert(key);
                count += 1;
                if u64::from(answer.status) != status && !is_known(file, "status") {
                    differences.push(format!("{file}: {label}: status {}", answer.status));
                }
                for header in ["azure-asyncoperation", "location"] {
                    let theirs = response["headers"].get(header).is_some();
                    if theirs != answer.header(header).is_some() && !is_known(file, header) {
                        differences.push(format!("{file}: {label}: header {header} recorded: {theirs}"));
                    }
                }
                let state = response["body"]
                    .pointer("/properties/provisioningState")
                    .and_then(Json::as_str)
                    .unwrap_or_default();
                if state != answer.state() && !is_known(file, "provisioningState") {
                    differences.push(format!("{file}: {label}: state {} instead of {state}", answer.state()));
                }
                compare(file, &label, &response["body"], &answer.body, &mut differences);
            }
            "GET" if status == 200 && made.contains(&key) && !request["path"].as_str().unwrap().contains("$expand") => {
                let answer = cloud.get(&path, version).await;
                assert_eq!(answer.status, 200, "{file}: {label}");
                compare(file, &label, &response["body"], &answer.body, &mut differences);
            }
            "DELETE" if made.contains(&key) => {
                let answer = cloud.send(Method::DELETE, &format!("{path}?api-version={version}"), &[], None).await;
                cloud.clock.go_on(200.0);
                made.remove(&key);
                if u64::from(answer.status) != status {
                    differences.push(format!("{file}: {label}: status {} {}", answer.status, answer.code()));
                }
            }
            _ => {}
        }
    }
    (count, differences)
}

#[tokio::test]
async fn recorded_writes_are_answered_as_recorded() {
    let Some(folder) = shared::folder("recordings") else { return };
    let mut differences = Vec::new();
    for file in FILES {
        let own = tempfile::tempdir().unwrap();
        let mut cloud = Cloud::start(own.path()).await;
        let recording = read(&folder.join(format!("{file}.json")));
        // Each recording starts in an empty world; a long one outlives its token.
        cloud.clock.go_on(0.0);
        cloud.token = cloud.new_token().await;
        let (count, found) = replay(&cloud, file, &recording).await;
        assert!(count > 0, "{file}: nothing was replayed");
        differences.extend(found);
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

fn read(path: &Path) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
