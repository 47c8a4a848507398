//! Killed at each step, the same command goes on and does nothing twice.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::Home;

/// Begins `create`, which stops moving after so many records of its journal, and kills it there.
fn kill_at(home: &Home, records: usize) {
    let arguments = ["create", "demo", "--nodes", "1", "--target", "simulator", "--time-scale", "0"];
    let mut command = home.command(&arguments);
    command.env("ENGINE_JOURNAL_HOLD_AFTER", records.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    let journal = home.folder().join("state/journal.jsonl");
    let deadline = Instant::now() + Duration::from_secs(60);
    // The header is a line too.
    while !std::fs::read(&journal).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).lines().count() > records) {
        assert!(process.try_wait().unwrap().is_none() && Instant::now() < deadline, "no record {records}");
        std::thread::sleep(Duration::from_millis(2));
    }
    process.kill().unwrap();
    process.wait().unwrap();
}

/// How often each resource was written, where that was more than once.
fn repeated(home: &Home) -> Vec<String> {
    let text = std::fs::read_to_string(home.folder().join("simulator/requests.jsonl")).unwrap();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for line in text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()) {
        if line["method"] == "PUT" && line["status"].as_u64().is_some_and(|status| (200..300).contains(&status)) {
            *seen.entry(line["path"].as_str().unwrap().to_lowercase()).or_default() += 1;
        }
    }
    seen.into_iter().filter(|(_, times)| *times > 1).map(|(path, _)| path).collect()
}

#[test]
fn killed_among_its_machines_it_goes_on_where_it_was() {
    // At the first resource, among the machines, while nodes are waited for.
    for records in [3, 21, 37] {
        let home = Home::new();
        kill_at(&home, records);
        let told = home.create(0, &["--nodes", "1"]);
        assert!(told.contains("going on where it stopped"), "record {records}: {told}");
        assert_eq!(repeated(&home), Vec::<String>::new(), "record {records}");
        assert!(told.contains("2 nodes are Ready") && told.contains("6/6 kubeconfig"), "record {records}: {told}");
    }
}

#[test]
fn stopped_after_its_model_was_written_it_takes_that_as_it_is_by_then() {
    let home = Home::new();
    // A simulator that has no room for itself: the fourth step cannot begin.
    std::fs::write(home.place.path("in-the-way"), "").unwrap();
    let told = home.create(78, &["--nodes", "1", "--simulator", "in-the-way"]);
    assert!(told.contains("3/6 model") && !told.contains("4/6"), "{told}");
    let model = home.folder().join("apimodel.json");
    let text = std::fs::read_to_string(&model).unwrap();
    assert!(text.contains("// Where: `libvirt` for hosts of one's own"), "with its comments");
    let key = std::fs::read_to_string(home.folder().join("azureuser_ed25519.pub")).unwrap();
    // Another request is not mixed with it.
    let told = home.create(64, &["--nodes", "2"]);
    assert!(told.contains("1 worker machines, not 2"), "{told}");
    std::fs::write(&model, text.replace("\"memoryMiB\": 4096", "\"memoryMiB\": 5120")).unwrap();
    assert!(home.create(0, &["--nodes", "1"]).contains("3/6 model       _output/demo/apimodel.json is there"));
    let made = std::fs::read_to_string(&model).unwrap();
    assert!(made.contains("5120") && made.contains(key.trim()), "what a person wrote into it stays");
}

#[test]
fn what_keeps_the_kubeconfig_from_being_written_leaves_it_partly_done() {
    let home = Home::new();
    let lock = home.place.path("home/.kube/config.lock");
    std::fs::write(&lock, "").unwrap();
    let told = home.create(75, &["--nodes", "1"]);
    assert!(told.contains("5/6 nodes") && !told.contains("6/6") && told.contains("config.lock"), "{told}");
    assert!(told.contains("run the same command again: engine create demo"), "{told}");
    let writes = home.writes();
    std::fs::remove_file(&lock).unwrap();
    assert!(home.create(0, &["--nodes", "1"]).contains("6/6 kubeconfig"));
    assert_eq!(home.writes(), writes, "nothing was made a second time");
}

#[test]
fn a_run_that_fails_tells_the_command_that_goes_on() {
    let home = Home::new();
    // What goes wrong is for `engine simulate` to say; it stands for the cloud of the command.
    let faults = home.place.path("faults.json");
    let rule = serde_json::json!({
        "type": "Microsoft.Compute/virtualMachines", "times": "always",
        "fault": { "kind": "fails", "code": "OSProvisioningClientError", "message": "no" },
    });
    std::fs::write(&faults, serde_json::json!({ "format": 1, "rules": [rule] }).to_string()).unwrap();
    let folder = home.folder().join("simulator");
    let arguments = ["simulate", folder.to_str().unwrap(), "--time-scale", "0", "--faults", faults.to_str().unwrap()];
    let mut simulator = home.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..200 {
        if matches!(engine::server::find_running(&folder), Ok(Some(_))) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = home.engine(&["create", "demo", "--target", "simulator", "--json"]);
    simulator.kill().unwrap();
    simulator.wait().unwrap();
    let told = super::said(75, &output);
    assert!(told.contains("To go on where it stopped:\n  engine create demo\n"), "{told}");
    let data: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&data["complete"], &data["exitCode"]), (&false.into(), &75.into()));
    assert_eq!(data["steps"].as_array().unwrap().len(), 3, "{data}");
    assert_eq!(data["run"]["failed"][0]["fault"]["code"], "OSProvisioningClientError");
    // With the cause gone the same command goes on.
    assert!(home.create(0, &[]).contains("2 nodes are Ready"));
}
