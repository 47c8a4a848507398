//! `import`: a cluster that is there comes into a state; nothing of it is changed, and no machine replaced.

use std::path::Path;

use serde_json::Value as Json;

use super::state::deployed;
use super::{Place, QUICKSTART, model};

/// What aks-engine's folder has of the cluster in another folder.
fn as_aks_engine_left_it(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["apimodel.json", "ca.crt", "ca.key", "kubectlClient.crt", "kubectlClient.key"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    // There the API server's key signs service-account tokens.
    std::fs::copy(from.join("sa.key"), to.join("apiserver.key")).unwrap();
}

fn steps(plan: &Json) -> Vec<&str> {
    plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect()
}

#[test]
fn a_folder_of_aks_engines_files_is_imported_with_its_keys() {
    let place = Place::new();
    deployed(&place);
    let old = place.path("old");
    as_aks_engine_left_it(&place.cluster(), &old);
    let simulator = place.cluster().join("simulator");
    let target = ["--target", "simulator", "--simulator", simulator.to_str().unwrap()];
    let requests =
        || place.requests().into_iter().filter(|(method, path, _)| method != "GET" && !path.contains("oauth2"));
    let before = requests().count();
    let imported = place.json(&[&["import", "old"][..], &target].concat());
    assert_eq!(imported["resources"].as_array().unwrap().len(), 21, "{imported:#}");
    assert_eq!((&imported["missing"], &imported["beside"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert_eq!(requests().count(), before, "the world is as it was");
    for (name, source) in [("ca.key", "ca.key"), ("etcd-ca.key", "ca.key"), ("kubectlClient.crt", "kubectlClient.crt")]
    {
        let read = |folder: &Path, name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(read(&old, name), read(&place.cluster(), source), "{name}");
    }
    assert_eq!(
        std::fs::read_to_string(old.join("sa.key")).unwrap().trim(),
        std::fs::read_to_string(place.cluster().join("sa.key")).unwrap().trim()
    );

    // Other customData is a note, no change of a machine.
    let plan = place.json(&["plan", "-m", "old/apimodel.json", "--simulator", simulator.to_str().unwrap()]);
    assert_eq!((&plan["create"], &plan["delete"]), (&0.into(), &0.into()), "{:?}", steps(&plan));
    assert!(!steps(&plan).iter().any(|step| step.contains("Microsoft.Compute/virtualMachines ")), "{:?}", steps(&plan));
    assert!(plan["notes"].to_string().contains("concern new machines only"), "{}", plan["notes"]);

    let again = place.engine(&[&["import", "old"][..], &target].concat());
    assert_eq!(again.status.code(), Some(71), "{}", String::from_utf8_lossy(&again.stderr));
    // It is the cluster's state from now on.
    place.expect(0, &["refresh", "-o", "old", "--simulator", simulator.to_str().unwrap()]);
    place
        .expect(0, &["destroy", "-o", "old", "--yes", "--simulator", simulator.to_str().unwrap(), "--time-scale", "0"]);
}

#[test]
fn what_differs_from_the_model_is_told_honestly() {
    let place = Place::new();
    deployed(&place);
    let old = place.path("old");
    as_aks_engine_left_it(&place.cluster(), &old);
    let simulator = place.cluster().join("simulator");
    let simulator = simulator.to_str().unwrap();
    // The model wants one machine more in the pool, of another size, and one of the old ones is not in it any more.
    let path = old.join("apimodel.json");
    let mut wanted: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let pool = &mut wanted["properties"]["agentPoolProfiles"][0];
    let count = pool["count"].as_u64().unwrap();
    pool["vmSize"] = "Standard_D4s_v5".into();
    for (number, created, kept) in [(count + 1, true, false), (count - 1, false, true)] {
        wanted["properties"]["agentPoolProfiles"][0]["count"] = number.into();
        std::fs::write(&path, wanted.to_string()).unwrap();
        let _ = std::fs::remove_dir_all(old.join("state"));
        let imported = place.json(&["import", "old", "--target", "simulator", "--simulator", simulator]);
        assert_eq!(!imported["missing"].as_array().unwrap().is_empty(), created, "{imported:#}");
        assert_eq!(!imported["beside"].as_array().unwrap().is_empty(), kept, "{imported:#}");
        let plan = place.json(&["plan", "-m", "old/apimodel.json", "--simulator", simulator]);
        assert_eq!((plan["create"] != 0, &plan["delete"]), (created, &0.into()), "{:?}", steps(&plan));
        assert!(!steps(&plan).iter().any(|step| step.starts_with("update Microsoft.Compute/virtualMachines ")));
    }
}

#[test]
fn a_group_is_imported_by_its_tags_and_destroyed_in_order() {
    let place = Place::new();
    deployed(&place);
    let simulator = place.cluster().join("simulator");
    let target = ["--target", "simulator", "--simulator", simulator.to_str().unwrap()];
    place.expect(64, &[&["import", "-g", "empty"][..], &target].concat());
    place.expect(64, &["import"]);
    let imported = place.json(&[&["import", "-g", "quickstart", "-o", "found"][..], &target].concat());
    assert_eq!(imported["cluster"], "quickstart", "by the public address");
    assert!(imported["resources"].as_array().unwrap().len() >= 15, "{imported:#}");
    // With a model the plan knows what it is about.
    let plan = place.json(&[&["plan", &model(QUICKSTART), "-o", "found"][..], &target].concat());
    assert_eq!(plan["delete"], 0);
    let status = place.json(&["status", "-o", "found", "--simulator", simulator.to_str().unwrap()]);
    assert_eq!(status["missing"], serde_json::json!([]));
    let destroyed = place.json(&[
        "destroy",
        "-o",
        "found",
        "--yes",
        "--time-scale",
        "0",
        "--simulator",
        simulator.to_str().unwrap(),
    ]);
    assert_eq!(destroyed["complete"], true);
    let running = super::Simulating::start(&place);
    let summary = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(async { super::foreigners::arm(&running).get("/simulator/summary").await });
    assert_eq!(summary["total"], 0, "{summary}");
}

/// A public address names the gateway that has it, and a firewall policy the gateways that it guards: neither stands on them.
#[test]
fn what_is_named_both_ways_is_destroyed_in_order_too() {
    for (example, group) in [("nat-gateway", "nat-gateway-example"), ("application-gateway", "gateway-example")] {
        let place = Place::new();
        let folder = place.cluster().to_str().unwrap().to_owned();
        let example_model = model(&format!("apimodels/{example}.json"));
        place.expect(0, &["deploy", &example_model, "--target", "simulator", "-o", &folder, "--time-scale", "0"]);
        let simulator = place.cluster().join("simulator").to_str().unwrap().to_owned();
        let target = ["--target", "simulator", "--simulator", &simulator];
        place.json(&[&["import", "-g", group, "-o", "found"][..], &target].concat());
        let destroyed =
            place.json(&["destroy", "-o", "found", "--yes", "--time-scale", "0", "--simulator", &simulator]);
        assert_eq!(destroyed["complete"], true, "{example}");
    }
}
