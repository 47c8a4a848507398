//! Deployments that are killed: after each of the journal's records, between acceptance and record, at random moments.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{Place, QUICKSTART, model};

/// Begins a deployment that stops moving after so many records.
fn hold_at(place: &Place, records: usize, more: &[&str]) -> Child {
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let arguments = ["deploy", &model(QUICKSTART), "--target", "simulator", "-o", folder, "--time-scale", "0"];
    place
        .command(&[&arguments, more].concat())
        .env("ENGINE_JOURNAL_HOLD_AFTER", records.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn journal(place: &Place) -> String {
    // It may be read in the middle of a letter.
    let bytes = std::fs::read(place.cluster().join("state/journal.jsonl")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Begins a deployment that stops moving after so many records, and kills it there. Tells whether it came so far.
pub fn deploy_and_kill(place: &Place, records: usize) -> bool {
    let mut process = hold_at(place, records, &[]);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        // The header is a line too.
        if journal(place).lines().count() > records {
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

/// A place with keys: making them is what takes longest, and all deployments share them.
fn with_keys(keys: &Place) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.cluster()).unwrap();
    for entry in std::fs::read_dir(keys.cluster()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, place.cluster().join(path.file_name().unwrap())).unwrap();
        }
    }
    place
}

/// What was killed is resumed to its end, nothing was accepted twice, and nothing is left to do.
fn converges(place: &Place, when: &str) {
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let resumed = place.json(&["resume", "-o", folder, "--time-scale", "0"]);
    assert_eq!(resumed["complete"], true, "killed at {when}");
    let repeated: Vec<(String, usize)> =
        place.accepted_writes().into_iter().filter(|(path, times)| *times > 1 && !path.contains("/secrets/")).collect();
    assert_eq!(repeated, [], "killed at {when}: accepted more than once");
    place.expect(0, &["plan", "-m", &format!("{folder}/apimodel.json"), "--exit-code"]);
}

/// Kills at one record, resumes, and checks what is left. Tells whether there was a record to be killed at.
fn survives(keys: &Place, records: usize) -> bool {
    let place = with_keys(keys);
    if !deploy_and_kill(&place, records) {
        return false;
    }
    converges(&place, &format!("record {records}"));
    true
}

#[test]
fn test_15_a_deployment_survives_kill_9_after_every_record() {
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

/// Killed between the acceptance of a request and the record of where to ask for it: the journal holds at a record, so
/// that what is accepted after it is lost.
#[test]
fn test_15_killed_between_acceptance_and_record_nothing_is_made_twice() {
    let keys = Place::new();
    place_keys(&keys);
    let mut lost = 0;
    // Whether something is under way at a record is a matter of moments: after the first turn, as many more are tried as it
    // takes.
    let moments = (0..5).flat_map(|turn| (3 + turn..48).step_by(5).map(move |records| (turn, records)));
    for (turn, records) in moments {
        if turn > 0 && lost >= 4 {
            break;
        }
        let place = with_keys(&keys);
        let mut process = hold_at(&place, records, &[]);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let journal = journal(&place);
            // The header is a line too.
            if journal.lines().count() > records {
                break;
            }
            assert!(process.try_wait().unwrap().is_none() && Instant::now() < deadline, "no record {records}");
            std::thread::sleep(Duration::from_millis(2));
        }
        // What is under way arrives; of that nothing is recorded any more.
        for _ in 0..100 {
            if place.accepted_writes().len() > answered(&journal(&place)) {
                lost += 1;
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        process.kill().unwrap();
        process.wait().unwrap();
        converges(&place, &format!("record {records}"));
    }
    println!("the URL was lost {lost} times");
    assert!(lost >= 4, "only {lost} times");
}

/// Of how many creations a journal knows that they were accepted.
fn answered(journal: &str) -> usize {
    let mut steps = std::collections::BTreeSet::new();
    for line in journal.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let record = &line["record"];
        let step = record["step"].as_str().unwrap_or_default();
        let kind = record["record"].as_str().unwrap_or_default();
        if ["accepted", "finished"].contains(&kind) && step.starts_with("create ") {
            steps.insert(step.to_owned());
        }
    }
    steps.len()
}

/// How many moments the large deployment is killed at. The suite can bear a few; `ENGINE_KILL_MOMENTS=200` is the whole.
fn moments() -> u64 {
    std::env::var_os("ENGINE_KILL_MOMENTS").and_then(|number| number.to_str()?.parse().ok()).unwrap_or(6)
}

/// The machines of a pool with which a deployment has 300 resources.
const LARGE: &str = "agentPoolProfiles[0].count=72";

#[test]
fn test_15_a_deployment_of_300_resources_survives_kill_9_at_random_moments() {
    let keys = Place::new();
    let planned = keys.json(&[
        "plan",
        &model(QUICKSTART),
        "--target",
        "simulator",
        "-o",
        keys.cluster().to_str().unwrap(),
        "--set",
        LARGE,
    ]);
    let resources = planned["create"].as_u64().unwrap();
    assert!((295..=305).contains(&resources), "{resources} resources");
    // Each is at least intended and finished, and there are machines to wait for.
    let records = planned["steps"].as_array().unwrap().len() * 2;
    place_keys(&keys);
    let next = std::sync::atomic::AtomicU64::new(0);
    let killed = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let moment = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if moment >= moments() {
                        break;
                    }
                    let (at, more) = (chance(moment) as usize % records, chance(moment + 1_000_000) % 20_000);
                    let place = with_keys(&keys);
                    let mut process = hold_at(&place, usize::MAX, &["--set", LARGE]);
                    let deadline = Instant::now() + Duration::from_secs(300);
                    while process.try_wait().unwrap().is_none() && journal(&place).lines().count() <= at {
                        assert!(Instant::now() < deadline, "moment {moment}: it neither went on nor ended");
                        std::thread::sleep(Duration::from_millis(3));
                    }
                    std::thread::sleep(Duration::from_micros(more));
                    let is_over = process.try_wait().unwrap().is_some();
                    process.kill().unwrap();
                    process.wait().unwrap();
                    if is_over || !place.cluster().join("state/plan.json").exists() {
                        continue;
                    }
                    killed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    converges(&place, &format!("moment {moment}, after record {at}"));
                }
            });
        }
    });
    let killed = killed.into_inner();
    println!("killed at {killed} of {} moments", moments());
    assert!(killed * 10 >= moments() * 8, "only {killed} of {} moments came before the end", moments());
}

/// A number of a seed (SplitMix64).
fn chance(seed: u64) -> u64 {
    let mut number = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
