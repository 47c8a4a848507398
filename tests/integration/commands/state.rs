//! The state in the cluster's folder: shown, pulled, pushed, unlocked, refreshed; damaged, and on a full disk.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{Place, QUICKSTART, model};

/// A cluster on the simulator, made from keys that are there already if `keys` has some.
pub fn deployed(place: &Place) -> String {
    let folder = place.cluster().to_str().unwrap().to_owned();
    place.expect(0, &["deploy", &model(QUICKSTART), "--target", "simulator", "-o", &folder, "--time-scale", "0"]);
    folder
}

/// A deployment that stops moving after so many records, once it has written them.
fn held(place: &Place, records: usize) -> Child {
    let folder = place.cluster();
    let arguments = ["deploy", &model(QUICKSTART), "--target", "simulator", "-o", folder.to_str().unwrap()];
    let mut process = place
        .command(&[&arguments[..], &["--time-scale", "0"]].concat())
        .env("ENGINE_JOURNAL_HOLD_AFTER", records.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let journal = folder.join("state/journal.jsonl");
    for _ in 0..6000 {
        if std::fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() > records) {
            return process;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    panic!("the deployment did not come to record {records}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_state_is_shown_pulled_and_pushed() {
    let place = Place::new();
    let nothing = place.engine(&["state", "show", "-o", "nowhere"]);
    assert_eq!(nothing.status.code(), Some(64), "{}", text(&nothing.stderr));
    let folder = deployed(&place);
    let shown = place.json(&["state", "show", "-o", &folder]);
    assert_eq!((&shown["format"], &shown["serial"], &shown["lock"]), (&1.into(), &1.into(), &Json::Null));
    assert_eq!(shown["resources"].as_array().unwrap().len(), 21);
    assert!(shown["facts"]["clusterCaHash"].as_str().unwrap().starts_with("sha256:"));
    let told = place.expect(0, &["state", "show", &folder]);
    for part in ["kept in", "lineage", "serial", "free", "virtualMachines"] {
        assert!(told.contains(part), "`{part}` is missing:\n{told}");
    }

    let pulled = place.path("state.json");
    let file = pulled.to_str().unwrap();
    place.expect(0, &["state", "pull", "-o", &folder, "--out", file]);
    assert_eq!(std::fs::metadata(&pulled).unwrap().permissions().mode() & 0o777, 0o600);
    let printed = place.expect(0, &["state", "pull", "-o", &folder]);
    assert_eq!(printed, std::fs::read_to_string(&pulled).unwrap());
    place.expect(0, &["state", "push", file, "-o", &folder]);

    // Somebody else went on.
    let apimodel = format!("{folder}/apimodel.json");
    place.expect(0, &["scale", "-m", &apimodel, "-c", "3", "--yes", "--time-scale", "0"]);
    let refused = place.engine(&["state", "push", file, "-o", &folder]);
    assert_eq!(refused.status.code(), Some(71), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("serial 1, and the one in"), "{}", text(&refused.stderr));
    let newer = place.json(&["state", "show", "-o", &folder])["serial"].as_u64().unwrap();
    let forced = place.json(&["state", "push", file, "-o", &folder, "--force"]);
    assert_eq!(forced["serial"].as_u64(), Some(newer + 1));

    // A state of another cluster.
    let other = Place::new();
    let other_folder = deployed(&other);
    let refused = other.engine(&["state", "push", file, "-o", &other_folder]);
    assert_eq!(refused.status.code(), Some(71), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("lineage"), "{}", text(&refused.stderr));
    place.expect(72, &["state", "push", &apimodel, "-o", &folder]);
    place.expect(64, &["state", "push", "missing.json", "-o", &folder]);
}

#[test]
fn a_damaged_state_is_told_and_the_backup_put_in_place() {
    let place = Place::new();
    let folder = deployed(&place);
    let apimodel = format!("{folder}/apimodel.json");
    place.expect(0, &["scale", "-m", &apimodel, "-c", "3", "--yes", "--time-scale", "0"]);
    let state = place.cluster().join("state/state.json");
    let whole = std::fs::read(&state).unwrap();
    let damaged = &whole[..whole.len() - 20];
    std::fs::write(&state, damaged).unwrap();
    for verb in ["status", "destroy", "refresh"] {
        let output = place.engine(&[verb, "-o", &folder, "--yes"]);
        assert_eq!(output.status.code(), Some(72), "{verb}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("state.json.backup"), "{}", text(&output.stderr));
    }
    assert_eq!(std::fs::read(&state).unwrap(), damaged, "nothing was guessed");
    let backup = place.path("backup.json");
    place.expect(0, &["state", "pull", "-o", &folder, "--backup", "--out", backup.to_str().unwrap()]);
    place.expect(72, &["state", "push", backup.to_str().unwrap(), "-o", &folder]);
    place.expect(0, &["state", "push", backup.to_str().unwrap(), "-o", &folder, "--force"]);
    place.expect(0, &["status", "-o", &folder]);
}

#[test]
fn a_lock_is_taken_away_by_the_id_that_was_told() {
    let place = Place::new();
    let mut first = held(&place, 8);
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let refused = place.engine(&["destroy", "-o", folder, "--yes"]);
    let told = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(73), "{told}");
    let id = told.split("lock ").nth(1).unwrap().split_whitespace().next().unwrap();
    assert!(told.contains(&format!("engine unlock {id}")), "{told}");
    let shown = place.json(&["state", "show", "-o", folder]);
    assert_eq!((&shown["lock"]["id"], &shown["run"]["underWay"]), (&json!(id), &json!(true)));

    place.expect(64, &["unlock", "another", "-o", folder]);
    let unlocked = place.json(&["unlock", id, "-o", folder]);
    assert_eq!(unlocked["unlocked"]["pid"].as_u64(), Some(u64::from(first.id())));
    place.expect(64, &["unlock", id, "-o", folder]);
    assert!(first.try_wait().unwrap().is_none(), "it still stands there");
    first.kill().unwrap();
    first.wait().unwrap();
    place.expect(0, &["resume", "-o", folder, "--time-scale", "0"]);
}

#[test]
fn refresh_tells_what_moved_and_writes_nothing_but_the_state() {
    let place = Place::new();
    let folder = deployed(&place);
    let calm = place.json(&["refresh", "-o", &folder]);
    assert_eq!((&calm["gone"], &calm["changed"], &calm["serial"]), (&json!([]), &json!([]), &1.into()));

    let running = super::Simulating::start(&place);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let shown = place.json(&["state", "show", "-o", &folder]);
    let id_of = |part: &str| {
        let resources = shown["resources"].as_array().unwrap().iter();
        resources.map(|own| own["id"].as_str().unwrap()).find(|id| id.contains(part)).unwrap().to_owned()
    };
    let group = id_of("/networkSecurityGroups/");
    let extension = id_of("/extensions/");
    runtime.block_on(async {
        let client = super::foreigners::arm(&running);
        client
            .change(&format!("{group}?api-version=2025-05-01"), |body| {
                let rules = body["properties"]["securityRules"].as_array_mut().unwrap();
                rules[0]["properties"]["priority"] = 177.into();
                body["tags"] = json!({ "others": "tag" });
            })
            .await;
        client.delete(&format!("{extension}?api-version=2025-04-01")).await;
    });
    let writes = place.requests().iter().filter(|(method, ..)| method != "GET").count();
    let moved = place.json(&["refresh", "-o", &folder]);
    assert_eq!(moved["gone"].as_array().unwrap().len(), 1, "{moved:#}");
    let changed = moved["changed"].as_array().unwrap();
    assert_eq!(changed.len(), 1, "what others added is not the engine's: {moved:#}");
    let field = &changed[0]["fields"][0];
    assert!(field["pointer"].as_str().unwrap().ends_with("/priority"), "{field}");
    assert_eq!(field["now"], "177");
    assert_eq!(moved["serial"], 2);
    let again = place.json(&["refresh", "-o", &folder]);
    assert_eq!((&again["gone"], &again["changed"], &again["serial"]), (&json!([]), &json!([]), &2.into()));
    let later = place.requests().into_iter().filter(|(method, path, _)| method != "GET" && !path.contains("oauth2"));
    assert!(later.count() <= writes, "a refresh wrote something");
    // The plan mends both.
    let plan = place.json(&["plan", "-m", &format!("{folder}/apimodel.json")]);
    assert_eq!((&plan["create"], &plan["update"], &plan["delete"]), (&1.into(), &1.into(), &0.into()));
}

#[test]
fn an_interrupted_run_is_not_refreshed_over() {
    let place = Place::new();
    let mut first = held(&place, 12);
    first.kill().unwrap();
    first.wait().unwrap();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    place.expect(71, &["refresh", "-o", folder]);
    place.expect(0, &["resume", "-o", folder, "--time-scale", "0"]);
}

/// A disk that is full at any moment, as a limit on the size of files: the old state stays, or the new one is whole.
#[test]
fn a_full_disk_leaves_a_whole_state() {
    let place = Place::new();
    let folder = deployed(&place);
    let apimodel = format!("{folder}/apimodel.json");
    let file = place.cluster().join("state/state.json");
    let size = std::fs::metadata(&file).unwrap().len();
    let mut refused = 0;
    for blocks in [0, 1, 4, 16, size / 512 - 1] {
        let before = std::fs::read(&file).unwrap();
        // The shell's limit is in blocks of 512 or 1024 bytes, and a write beyond it is an error where the signal is ignored.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let output = std::process::Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_engine")])
            .args(["scale", "-m", &apimodel, "-c", "3", "--yes", "--time-scale", "0", "-o", &folder])
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let _ = output;
        // Whatever happened: what is there is whole, and the cluster's files too.
        let shown = place.engine(&["state", "show", "-o", &folder, "--json"]);
        assert_eq!(shown.status.code(), Some(0), "{blocks}: {}", text(&shown.stderr));
        if std::fs::read(&file).unwrap() == before {
            refused += 1;
        }
    }
    assert!(refused > 0);
    let run = place.engine(&["resume", "-o", &folder, "--time-scale", "0"]);
    assert!([Some(0), Some(64)].contains(&run.status.code()), "{}", text(&run.stderr));
    place.expect(0, &["scale", "-m", &apimodel, "-c", "3", "--yes", "--time-scale", "0"]);
    place.expect(0, &["plan", "-m", &apimodel, "--exit-code"]);
}
