//! A deployment that is killed after each of its journal's records, and resumed.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Place, QUICKSTART, model};

/// Begins a deployment that stops moving after so many records, and kills it there. Tells how many steps it had
/// finished, or nothing if it ended before.
fn deploy_and_kill(place: &Place, records: usize) -> bool {
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let arguments = ["deploy", &model(QUICKSTART), "--target", "simulator", "-o", folder, "--time-scale", "0"];
    let mut process = place
        .command(&arguments)
        .env("ENGINE_JOURNAL_HOLD_AFTER", records.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let journal = place.cluster().join("state/journal.jsonl");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        let lines = std::fs::read_to_string(&journal).map(|text| text.lines().count()).unwrap_or_default();
        // The header is a line too.
        if lines > records {
            // Requests that were allowed by then may still be under way: let some of them be answered.
            std::thread::sleep(Duration::from_millis((records as u64 % 4) * 5));
            process.kill().unwrap();
            process.wait().unwrap();
            return true;
        }
        assert!(Instant::now() < deadline, "the deployment neither reached record {records} nor ended");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Kills at one record, resumes, and checks what is left. Tells whether there was a record to be killed at.
fn survives(keys: &Place, records: usize) -> bool {
    let place = Place::new();
    std::fs::create_dir(place.cluster()).unwrap();
    // Making keys is what takes longest: all deployments share them.
    for entry in std::fs::read_dir(keys.cluster()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, place.cluster().join(path.file_name().unwrap())).unwrap();
        }
    }
    if !deploy_and_kill(&place, records) {
        return false;
    }
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let resumed = place.json(&["resume", "-o", folder, "--time-scale", "0"]);
    assert_eq!(resumed["complete"], true, "killed at record {records}");
    let repeated: Vec<(String, usize)> =
        place.accepted_writes().into_iter().filter(|(path, times)| *times > 1 && !path.contains("/secrets/")).collect();
    assert_eq!(repeated, [], "killed at record {records}: accepted more than once");
    place.expect(0, &["plan", "-m", &format!("{folder}/apimodel.json"), "--exit-code"]);
    true
}

#[test]
fn a_deployment_survives_kill_9_after_every_record() {
    let keys = Place::new();
    place_keys(&keys);
    // Two at a time: most of the time goes into starting processes.
    let next = std::sync::atomic::AtomicUsize::new(1);
    let reached = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let records = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if !survives(&keys, records) {
                        break;
                    }
                    reached.fetch_max(records, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    // 24 steps: each is at least intended and finished, and the run begins and ends.
    let reached = reached.into_inner();
    println!("killed after each of {reached} records");
    assert!(reached >= 50, "only {reached} records were reached");
}

fn place_keys(place: &Place) {
    place.expect(0, &["generate", &model(QUICKSTART), "-o", place.cluster().to_str().unwrap()]);
}

#[test]
fn a_killed_deployment_is_shown_as_such() {
    let place = Place::new();
    assert!(deploy_and_kill(&place, 20));
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let status = place.expect(0, &["status", "-o", folder]);
    assert!(status.contains("`deploy` was interrupted after"), "{status}");
    let again = place.json(&["status", "-o", folder]);
    assert_eq!(again["interrupted"]["verb"], "deploy");
    // Whoever begins anew instead of resuming is told, and gets there too.
    let output = place.engine(&["deploy", &model(QUICKSTART), "-o", folder, "--time-scale", "0"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("an interrupted `deploy` is given up"));
    place.expect(0, &["plan", "-m", &format!("{folder}/apimodel.json"), "--exit-code"]);
}

/// Machines whose creation was under way are in no state yet; with them in place, nothing they stand on can be deleted.
#[test]
fn a_killed_deployment_can_be_destroyed() {
    for records in [34, 37, 40] {
        let place = Place::new();
        assert!(deploy_and_kill(&place, records));
        let folder = place.cluster();
        let folder = folder.to_str().unwrap();
        let destroyed = place.json(&["destroy", "-o", folder, "--yes", "--time-scale", "0"]);
        assert_eq!(destroyed["complete"], true, "killed at record {records}");
        assert!(place.expect(0, &["status", "-o", folder]).contains("Nothing of it exists"));
    }
}
