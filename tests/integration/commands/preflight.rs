//! What a plan needs is held against what the cloud tells, before anything is written.

use serde_json::{Value as Json, json};

use super::foreigners::{Arm, arm};
use super::state::deployed;
use super::{Place, QUICKSTART, Simulating, model};

const LOCKS: &str = "2020-05-01";
const POLICIES: &str = "2023-04-01";
const NETWORK: &str = "2025-05-01";
const GROUPS: &str = "2021-04-01";

/// Runs a verb; gives what it said on standard error.
fn told(place: &Place, code: i32, arguments: &[&str]) -> String {
    let output = place.engine(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{text}");
    text
}

/// A deployment that must be refused with all of these words, and writes nothing.
fn refused(place: &Place, parts: &[&str]) {
    let folder = place.cluster();
    let before = place.accepted_writes();
    let quickstart = model(QUICKSTART);
    let text = told(place, 78, &["deploy", &quickstart, "--target", "simulator", "-o", folder.to_str().unwrap()]);
    for part in parts.iter().chain(&["nothing was changed", "--skip-preflight"]) {
        assert!(text.contains(part), "`{part}` is missing:\n{text}");
    }
    assert_eq!(place.accepted_writes(), before);
    for file in ["apimodel.json", "state/state.json", "ca.key"] {
        assert!(!folder.join(file).exists(), "{file} was written");
    }
}

fn lock(scope: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/locks/keep?api-version={LOCKS}")
}

async fn deny_machines(arm: &Arm<'_>, scope: &str) -> String {
    let definition = format!("{}/providers/Microsoft.Authorization/policyDefinitions/none", arm.subscription());
    let rule = json!({
        "if": { "allOf": [
            { "field": "type", "equals": "Microsoft.Compute/virtualMachines" },
            { "field": "Microsoft.Compute/virtualMachines/sku.name", "equals": "Standard_D2s_v5" },
        ] },
        "then": { "effect": "deny" },
    });
    let body = json!({ "properties": { "policyRule": rule } });
    arm.put(&format!("{definition}?api-version={POLICIES}"), &body).await;
    let assignment =
        format!("{scope}/providers/Microsoft.Authorization/policyAssignments/small?api-version={POLICIES}");
    arm.put(&assignment, &json!({ "properties": { "policyDefinitionId": definition } })).await;
    assignment
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_cannot_be_is_refused_with_every_reason_at_once() {
    let place = Place::new();
    let simulating = Simulating::start(&place);
    let arm = arm(&simulating);
    let subscription = arm.subscription();

    arm.set(&json!({ "quotas": { "standardDsv5Family": 5, "PublicIPAddresses": 0 } })).await;
    arm.put(&lock(&subscription), &json!({ "properties": { "level": "ReadOnly" } })).await;
    refused(
        &place,
        &[
            "3 things stand in the way of `deploy`",
            "6 are needed in westus2, 5 are free (0 of 5 in use)",
            "2 are needed in westus2, 0 are free (0 of 0 in use)",
            "Ask for more quota",
            &format!("nothing can be changed because of keep (ReadOnly, on {subscription})"),
        ],
    );
    arm.delete(&lock(&subscription)).await;

    let permissions = json!([{ "actions": ["*"], "notActions": ["Microsoft.Authorization/*/write", "Microsoft.Compute/virtualMachines/write"] }]);
    let group = format!("{subscription}/resourceGroups/other");
    arm.put(&format!("{group}?api-version={GROUPS}"), &json!({ "location": "westus2" })).await;
    let address = format!("{group}/providers/Microsoft.Network/publicIPAddresses/taken?api-version={NETWORK}");
    let label = json!({ "domainNameLabel": "quickstart" });
    arm.set(&json!({ "quotas": null })).await;
    arm.put(&address, &json!({ "location": "westus2", "sku": { "name": "Standard" }, "properties": { "publicIPAllocationMethod": "Static", "dnsSettings": label } })).await;
    deny_machines(&arm, &subscription).await;
    arm.set(&json!({ "permissions": permissions })).await;
    refused(
        &place,
        &[
            "3 things stand",
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Compute/virtualMachines/write",
            "User Access Administrator",
            "quickstart.westus2 is somebody's already",
            "policyAssignments/small",
            "Microsoft.Compute/virtualMachines k8s-",
        ],
    );
    arm.set(&json!({ "permissions": null })).await;
    // As data.
    let quickstart = model(QUICKSTART);
    let simulator = place.cluster().join("simulator");
    let place_of = ["--target", "simulator", "-o", "elsewhere", "--simulator", simulator.to_str().unwrap(), "--json"];
    let size = "agentPoolProfiles[0].vmSize=Standard_M416ms_v2";
    let arguments = [&["deploy", &quickstart, "--set", size][..], &place_of].concat();
    let output: Json = serde_json::from_str(&place.expect(78, &arguments)).unwrap();
    assert_eq!((&output["exitCode"], &output["preflight"]["format"]), (&json!(78), &json!(1)));
    let findings = output["preflight"]["findings"].as_array().unwrap();
    let size = findings.iter().find(|finding| finding["about"] == "size Standard_M416ms_v2").unwrap();
    assert_eq!((&size["verdict"], &size["message"]), (&json!("bad"), &json!("westus2 does not have it")));
    // A machine of that size is denied by nobody.
    let of_policy = findings.iter().filter(|finding| finding["about"] == "policy").count();
    assert_eq!(of_policy, 1, "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn growing_is_counted_from_what_is_new() {
    let place = Place::new();
    let simulating = Simulating::start(&place);
    let arm = arm(&simulating);
    let folder = deployed(&place);
    let folder = folder.as_str();
    // 3 machines of 2 processors are there: one more just fits.
    arm.set(&json!({ "quotas": { "cores": 8 } })).await;
    let text = told(&place, 0, &["scale", "-o", folder, "-c", "3"]);
    assert!(!text.contains("Preflight"), "{text}");

    let state = std::fs::read(place.cluster().join("state/state.json")).unwrap();
    let apimodel = std::fs::read(place.cluster().join("apimodel.json")).unwrap();
    let writes = place.accepted_writes();
    const WHY: &str = "vCPUs: 2 are needed in westus2, 0 are free (8 of 8 in use)";
    let text = told(&place, 78, &["scale", "-o", folder, "-c", "4"]);
    assert!(text.contains(WHY) && text.contains("something stands in the way of `scale`"), "{text}");
    // A plan tells the same, and ends as it would.
    let path = place.cluster().join("apimodel.json").display().to_string();
    let plan = ["plan", "-m", &path, "--set", "agentPoolProfiles[0].count=4"];
    assert!(told(&place, 0, &plan).contains(WHY));
    assert!(told(&place, 2, &[&plan[..], &["--exit-code"]].concat()).contains(WHY));
    let data = place.json(&plan);
    assert_eq!(data["preflight"]["format"], 1);
    assert_eq!(data["preflight"]["findings"][0]["about"], "vCPUs");
    assert!(!told(&place, 0, &[&plan[..], &["--skip-preflight"]].concat()).contains(WHY));
    assert_eq!(std::fs::read(place.cluster().join("state/state.json")).unwrap(), state);
    assert_eq!(std::fs::read(place.cluster().join("apimodel.json")).unwrap(), apimodel);
    assert_eq!(place.accepted_writes(), writes);

    // Nothing to do, nothing asked.
    let asked = || {
        let is_asked = |path: &str| {
            ["usages", "permissions", "/locks", "/skus", "policyassignments"]
                .iter()
                .any(|word| path.to_lowercase().contains(word))
        };
        place.requests().iter().filter(|(_, path, _)| is_asked(path)).count()
    };
    let before = asked();
    assert!(before > 0);
    place.expect(0, &["deploy", "-m", &path]);
    assert_eq!(asked(), before);

    // Whoever goes on all the same is told by the cloud itself.
    let text = told(&place, 75, &["scale", "-o", folder, "-c", "4", "--skip-preflight"]);
    assert!(text.contains("Current Limit: 8"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_keeps_what_would_be_deleted_and_nothing_else() {
    let place = Place::new();
    let simulating = Simulating::start(&place);
    let arm = arm(&simulating);
    let folder = deployed(&place);
    let folder = folder.as_str();
    let group = format!("{}/resourceGroups/quickstart", arm.subscription());
    arm.put(&lock(&group), &json!({ "properties": { "level": "CanNotDelete" } })).await;
    let state = std::fs::read(place.cluster().join("state/state.json")).unwrap();
    const WHY: &str = "nothing can be deleted because of keep (CanNotDelete, on ";
    let shrink = ["scale", "-o", folder, "-c", "1", "--yes"];
    let destroy = ["destroy", "-o", folder, "--yes"];
    assert!(told(&place, 78, &shrink).contains(WHY));
    assert!(told(&place, 78, &destroy).contains(WHY));
    // Growing is no deletion; it is told all the same.
    let text =
        told(&place, 0, &["plan", "-m", &format!("{folder}/apimodel.json"), "--set", "agentPoolProfiles[0].count=3"]);
    assert!(text.contains("there is keep (CanNotDelete"), "{text}");
    arm.delete(&lock(&group)).await;

    let grants = |not: &str| json!({ "permissions": [{ "actions": ["*"], "notActions": [not] }] });
    arm.set(&grants("Microsoft.Compute/virtualMachines/delete")).await;
    assert!(told(&place, 78, &shrink).contains("Microsoft.Compute/virtualMachines/delete"));
    assert!(told(&place, 78, &destroy).contains("Microsoft.Compute/virtualMachines/delete"));
    assert_eq!(std::fs::read(place.cluster().join("state/state.json")).unwrap(), state);
    // What may not be read is told, and is no refusal.
    arm.set(&grants("Microsoft.Authorization/locks/read")).await;
    let text = told(&place, 0, &shrink);
    assert!(text.contains("untold") && text.contains("locks: Azure does not tell"), "{text}");
    place.expect(0, &destroy);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnet_that_is_too_small_is_told_with_its_numbers() {
    let place = Place::new();
    let simulating = Simulating::start(&place);
    let arm = arm(&simulating);
    let group = format!("{}/resourceGroups/network", arm.subscription());
    arm.put(&format!("{group}?api-version={GROUPS}"), &json!({ "location": "westus2" })).await;
    let network = format!("{group}/providers/Microsoft.Network/virtualNetworks/office");
    let subnet = |name: &str, range: &str| json!({ "name": name, "properties": { "addressPrefix": range } });
    let subnets = json!([subnet("control-plane", "10.0.0.0/24"), subnet("workers", "10.0.1.0/29")]);
    let space = json!({ "addressPrefixes": ["10.0.0.0/16"] });
    let body = json!({ "location": "westus2", "properties": { "addressSpace": space, "subnets": subnets } });
    arm.put(&format!("{network}?api-version={NETWORK}"), &body).await;
    let planes = format!("masterProfile.vnetSubnetId={network}/subnets/control-plane");
    let workers = format!("agentPoolProfiles[0].vnetSubnetId={network}/subnets/workers");
    let model = model("apimodels/custom-vnet.json");
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let text = told(
        &place,
        78,
        &["deploy", &model, "--target", "simulator", "-o", folder, "--set", &planes, "--set", &workers],
    );
    assert!(text.contains("are needed in workers, 3 are free (0 of 3 in use)"), "{text}");
    assert!(text.contains("Take a larger subnet") && !text.contains("in control-plane"), "{text}");
}
