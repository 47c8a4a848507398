//! `--rehearse`: a verb on a copy of the world. The real one is looked at and stays as it is, to the byte.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::{Place, QUICKSTART, Simulating, model};

/// Every file of a folder with its content.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(bytes(&path));
        } else {
            found.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
    found
}

fn deployed() -> Place {
    let place = Place::new();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    place.expect(0, &["deploy", &model(QUICKSTART), "--target", "simulator", "-o", folder, "--time-scale", "0"]);
    place
}

/// Rehearses a verb: its exit code, its data, what it noted. Nothing of the cluster's folder changes.
fn rehearse(place: &Place, arguments: &[&str]) -> (i32, Json, String) {
    let folder = place.cluster();
    let before = bytes(&folder);
    let temporary = place.path("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    let also = ["-o", folder.to_str().unwrap(), "--rehearse", "--json"];
    let output = place.command(&[arguments, &also].concat()).env("TMPDIR", &temporary).output().unwrap();
    let notes = String::from_utf8_lossy(&output.stderr).into_owned();
    let after = bytes(&folder);
    let changed: Vec<&String> =
        before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "{arguments:?} changed {changed:?}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "nothing is left of the copy");
    assert!(notes.contains("REHEARSAL"), "{notes}");
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or_default(), notes)
}

#[test]
fn every_verb_is_rehearsed_and_nothing_changes() {
    let place = deployed();
    let folder = place.cluster();
    let apimodel = folder.join("apimodel.json").display().to_string();

    // What is as it should be needs nothing: what was observed is what is rehearsed on.
    let (code, same, notes) = rehearse(&place, &["deploy", "-m", &apimodel]);
    assert_eq!((code, &same["complete"], &same["succeeded"]), (0, &json!(true), &json!(0)), "{notes}");
    assert!(notes.contains("(3 nodes)"), "{notes}");

    let (code, grown, notes) = rehearse(&place, &["scale", "--new-node-count", "3"]);
    assert_eq!((code, &grown["complete"], &grown["rehearsal"]), (0, &json!(true), &json!(true)), "{notes}");
    assert!(grown["succeeded"].as_u64().unwrap() >= 4);
    assert_eq!(grown["folder"], folder.to_str().unwrap());
    // How long it would take, by the longest chain of its steps.
    let expected = &grown["expected"];
    let chain = expected["longestChain"].as_array().unwrap();
    let sum: u64 = chain.iter().map(|step| step["seconds"].as_u64().unwrap()).sum();
    assert!(sum >= 100 && expected["seconds"] == sum, "{expected}");
    assert!(chain.last().unwrap()["step"].as_str().unwrap().ends_with("to be Ready"), "{expected}");

    let (code, shrunk, notes) = rehearse(&place, &["scale", "--new-node-count", "1"]);
    assert_eq!((code, &shrunk["complete"]), (0, &json!(true)), "nobody is asked: {notes}");
    assert!(notes.contains("cordon and drain"), "{notes}");

    let (code, gone, notes) = rehearse(&place, &["destroy"]);
    assert_eq!((code, &gone["complete"], &gone["resources"]), (0, &json!(true), &json!([])), "{notes}");

    // In earnest the same happens, and only now.
    assert_eq!(place.json(&["status", "-o", folder.to_str().unwrap()])["nodes"].as_array().unwrap().len(), 3);
    let scaled = place.json(&["scale", "-o", folder.to_str().unwrap(), "--new-node-count", "3", "--yes"]);
    assert_eq!(scaled["succeeded"], grown["succeeded"]);
    assert_eq!(scaled["plan"]["steps"], grown["plan"]["steps"]);
}

#[test]
fn a_cluster_that_is_not_there_yet_is_rehearsed_without_a_trace() {
    let place = Place::new();
    let (code, told, notes) = rehearse(&place, &["deploy", &model(QUICKSTART), "--target", "simulator"]);
    assert_eq!((code, &told["complete"]), (0, &json!(true)), "{notes}");
    assert!(told["expected"]["seconds"].as_u64().unwrap() > 60);
    assert!(!place.cluster().exists(), "not even its folder was made");
    // People are told in words.
    let folder = place.cluster();
    let arguments =
        ["deploy", &model(QUICKSTART), "--target", "simulator", "-o", folder.to_str().unwrap(), "--rehearse"];
    let text = place.expect(0, &arguments);
    assert!(text.contains("nothing was changed on simulator") && text.contains("the longest chain"), "{text}");
}

#[test]
fn what_goes_wrong_in_a_rehearsal_has_the_exit_code_of_the_verb() {
    let place = deployed();
    let rules = json!([{ "type": "Microsoft.Compute/virtualMachines", "methods": ["PUT"], "times": "always",
        "fault": { "kind": "allocation", "code": "SkuNotAvailable" } }]);
    std::fs::write(place.path("faults.json"), json!({ "format": 1, "rules": rules }).to_string()).unwrap();
    let (code, told, notes) = rehearse(&place, &["scale", "--new-node-count", "4", "--faults", "faults.json"]);
    assert_eq!((code, &told["complete"]), (75, &json!(false)), "{notes}");
    assert_eq!(told["failed"][0]["fault"]["code"], "SkuNotAvailable");
    assert!(notes.contains("In earnest the run would stop here"), "{notes}");
    // What is refused in earnest is refused here.
    let refused =
        place.engine(&["scale", "-o", place.cluster().to_str().unwrap(), "--new-node-count", "0", "--rehearse"]);
    assert_eq!(refused.status.code(), Some(64));
    let refused = place.engine(&["plan", "-m", &model(QUICKSTART), "--rehearse"]);
    assert_eq!(refused.status.code(), Some(64), "a plan changes nothing anyway");
}

#[test]
fn an_interrupted_run_is_rehearsed_to_its_end() {
    let place = Place::new();
    assert!(super::killed::deploy_and_kill(&place, 40));
    let (code, told, notes) = rehearse(&place, &["resume"]);
    assert_eq!((code, &told["complete"]), (0, &json!(true)), "{notes}");
    let status = place.json(&["status", "-o", place.cluster().to_str().unwrap()]);
    assert_eq!(status["interrupted"]["verb"], "deploy", "it is still to be resumed");
}

#[test]
fn a_simulator_in_another_process_is_only_read() {
    let place = deployed();
    let running = Simulating::start(&place);
    let log = place.cluster().join("simulator/requests.jsonl");
    let before = std::fs::read_to_string(&log).unwrap().lines().count();
    let folder = place.cluster();
    let arguments = ["scale", "-o", folder.to_str().unwrap(), "--new-node-count", "3", "--rehearse", "--json"];
    let told: Json = serde_json::from_str(&place.expect(0, &arguments)).unwrap();
    assert_eq!(told["complete"], true);
    let after = std::fs::read_to_string(&log).unwrap();
    let asked: Vec<Json> = after.lines().skip(before).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(asked.len() > 20, "it was looked at");
    let written: Vec<&Json> = asked
        .iter()
        .filter(|line| line["method"] != "GET" && !line["path"].as_str().unwrap().ends_with("/token"))
        .collect();
    assert!(written.is_empty(), "{written:?}");
    drop(running);
}
