//! Tests 18 to 20 and 27: what is kept on the disk, and growing and shrinking.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::Faulty;
use crate::commands::{Place, QUICKSTART, model};

fn text(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn test_18_a_state_that_cannot_be_written_stays_as_it_was() {
    let faulty = Faulty::new(json!([]));
    assert_eq!(faulty.deploy().code, 0);
    let state = faulty.place.cluster().join("state");
    let before = text(&state.join("state.json"));
    let scale = ["scale", "--new-node-count", "3", "--yes", "-o", &faulty.folder(), "--time-scale", "0"];
    let limited = |kilobytes: &str| {
        // The whole process may write no longer files than this: what a full disk does, without one.
        let script = format!("ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
        let mut command = std::process::Command::new("/bin/bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_engine")]).args(scale).env_clear();
        command.output().unwrap()
    };
    let output = limited("1");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() != Some(0) && !told.contains("panicked"), "{:?} {told}", output.status);
    assert_eq!(text(&state.join("state.json")), before, "the old state is whole");

    // A folder that nobody may write; the tests may run as somebody who may do everything.
    if !is_root() {
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o500)).unwrap();
        let output = faulty.place.engine(&scale);
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(output.status.code(), Some(78));
        assert_eq!(text(&state.join("state.json")), before);
    }
    let scaled = faulty.run(&["scale", "--new-node-count", "3", "--yes"]);
    assert_eq!(scaled.code, 0, "{}", scaled.notes);
    faulty.place.expect(0, &["plan", "-m", &format!("{}/apimodel.json", faulty.folder()), "--exit-code"]);
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn test_19_a_damaged_or_newer_state_is_told_and_never_guessed() {
    let faulty = Faulty::new(json!([]));
    assert_eq!(faulty.deploy().code, 0);
    // A second generation, so that there is one to go back to.
    let scaled = faulty.run(&["scale", "--new-node-count", "3", "--yes"]);
    assert_eq!(scaled.code, 0, "{}", scaled.notes);
    let path = faulty.place.cluster().join("state/state.json");
    let whole = text(&path);
    let flipped = whole.replacen("westus2", "westus3", 1);
    assert_ne!(whole, flipped);
    let cut = whole[..whole.len() / 2].to_owned();
    let version = |text: &str| {
        let mut document: serde_json::Value = serde_json::from_str(text).unwrap();
        document["format"] = 99.into();
        document.to_string()
    };
    let apimodel = format!("{}/apimodel.json", faulty.folder());
    for (what, damaged, part) in [
        ("truncated", cut, "damaged"),
        ("bit-flipped or edited by hand", flipped, "checksum"),
        ("of a newer engine", version(&whole), "99"),
        ("empty", String::new(), "damaged"),
    ] {
        std::fs::write(&path, &damaged).unwrap();
        for verb in [
            &["plan", "-m", &apimodel][..],
            &["destroy", "--yes", "-o", &faulty.folder()],
            &["status", "-o", &faulty.folder()],
        ] {
            let output = faulty.place.engine(verb);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(72), "{what}: {verb:?} {told}");
            assert!(told.contains("state.json") && told.contains(part), "{what}: {told}");
            if what != "of a newer engine" {
                assert!(told.contains("state.json.backup") || told.contains("backup"), "{what}: {told}");
            }
        }
        assert_eq!(text(&path), damaged, "{what}: it was left as it is");
    }
    std::fs::write(&path, &whole).unwrap();
    faulty.place.expect(0, &["plan", "-m", &apimodel, "--exit-code"]);
}

#[test]
fn test_20_a_kept_plan_is_refused_when_the_world_has_moved() {
    let faulty = Faulty::new(json!([]));
    assert_eq!(faulty.deploy().code, 0);
    let place = &faulty.place;
    let apimodel = format!("{}/apimodel.json", faulty.folder());
    let more = ["--set", "agentPoolProfiles[0].count=3", "--out", "cluster.plan"];
    place.expect(0, &[&["plan", "-m", &apimodel][..], &more].concat());
    // Somebody deletes a machine of the pool meanwhile.
    let simulator = crate::commands::Simulating::start(place);
    let deleted = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = crate::commands::foreigners::arm(&simulator);
        let subscription = &simulator.credentials.subscription_id;
        let machines = format!(
            "/subscriptions/{subscription}/resourceGroups/quickstart/providers/Microsoft.Compute/virtualMachines"
        );
        let all = client.get(&format!("{machines}?api-version=2025-04-01")).await;
        let name =
            all["value"].as_array().unwrap().iter().find_map(|machine| {
                machine["name"].as_str().filter(|name| name.contains("agentpool1")).map(str::to_owned)
            });
        let name = name.unwrap();
        client.delete(&format!("{machines}/{name}?api-version=2025-04-01")).await;
        name
    });
    let output = place.engine(&["deploy", "cluster.plan"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(76), "{told}");
    assert!(told.contains(&deleted), "{told}");
}

#[test]
fn test_27_to_the_same_number_is_nothing_and_to_too_few_is_refused() {
    let faulty = Faulty::new(json!([]));
    assert_eq!(faulty.deploy().code, 0);
    let before = faulty.log().iter().filter(|line| line["method"] != "GET").count();
    let same = faulty.run(&["scale", "--new-node-count", "2"]);
    assert_eq!(
        (same.code, &same.data["succeeded"]),
        (0, &json!(0)),
        "nothing is asked and nothing done: {}",
        same.notes
    );
    let writes =
        faulty.log().iter().filter(|line| !["GET", "POST"].contains(&line["method"].as_str().unwrap())).count();
    assert!(writes <= before, "nothing was written");
    for count in ["0", "-1", "many", "100000"] {
        let told = faulty.run(&["scale", &format!("--new-node-count={count}"), "--yes"]);
        assert!([64, 65].contains(&told.code), "{count}: {} {}", told.code, told.notes);
    }
    // Fewer machines: what runs on those that go is moved first, and that is said before anybody agrees.
    let place = &faulty.place;
    let output = place.engine(&["scale", "--new-node-count", "1", "-o", &faulty.folder(), "--time-scale", "0"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(told.contains("cordon and drain"), "{told}");
    let shrunk = faulty.run(&["scale", "--new-node-count", "1", "--yes"]);
    assert_eq!(shrunk.code, 0, "{}", shrunk.notes);
}

#[test]
fn test_27_scale_sets_are_not_shrunk_behind_azures_back() {
    let place = Place::new();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let set = ["--set", "agentPoolProfiles[0].availabilityProfile=VirtualMachineScaleSets"];
    let deploy = ["deploy", &model(QUICKSTART), "--target", "simulator", "-o", folder, "--time-scale", "0"];
    place.expect(0, &[&deploy[..], &set].concat());
    let output = place.engine(&["scale", "-o", folder, "--new-node-count", "1", "--yes"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(told.contains("without draining"), "{told}");
}
