//! Tests 6, 16 and 17: the command line, interruption, and two at once.

use std::io::BufRead as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Faulty;
use crate::commands::{Place, QUICKSTART, Simulating, model};

/// Begins a deployment that takes its time, and waits until machines are being made.
fn begin(place: &Place, time_scale: &str) -> std::process::Child {
    let folder = place.cluster();
    let arguments = [
        "deploy",
        &model(QUICKSTART),
        "--target",
        "simulator",
        "-o",
        folder.to_str().unwrap(),
        "--time-scale",
        time_scale,
    ];
    let mut child = place.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let journal = folder.join("state/journal.jsonl");
    while !std::fs::read_to_string(&journal)
        .is_ok_and(|text| text.contains("accepted") && text.contains("virtualMachines"))
    {
        assert!(child.try_wait().unwrap().is_none() && Instant::now() < deadline, "it did not come to machines");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn interrupt(child: &std::process::Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[test]
fn test_06_a_usage_error_is_64_and_a_pipeline_gets_lines_without_escapes_or_questions() {
    let place = Place::new();
    for arguments in [&["deploy", "--no-such-flag"][..], &["plan", "--exit-code", "--what"], &["scale"]] {
        assert_eq!(place.engine(arguments).status.code(), Some(64), "{arguments:?}");
    }
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let deploy = ["deploy", &model(QUICKSTART), "--target", "simulator", "-o", folder, "--time-scale", "0"];
    let output = place.command(&deploy).envs([("CI", "true"), ("TERM", "xterm")]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.contains(&0x1b), "{}", String::from_utf8_lossy(text));
    }
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.lines().filter(|line| line.contains("✓")).count() >= 20, "a line for each step: {told}");
    // What would be asked is refused where nobody can answer.
    assert_eq!(place.engine(&["destroy", "-o", folder]).status.code(), Some(64));
    // Whoever reads goes away in the middle.
    for arguments in [&["status", "-o", folder][..], &["plan", "-m", &format!("{folder}/apimodel.json"), "--json"]] {
        let mut child = place.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    }
}

#[test]
fn test_16_one_ctrl_c_finishes_what_runs_and_two_stop_at_once() {
    for times in [1, 2] {
        let place = Place::new();
        // The second comes while machines are still being made.
        let mut child = begin(&place, if times == 1 { "0.02" } else { "0.3" });
        let began = Instant::now();
        interrupt(&child);
        let mut told = String::new();
        for line in std::io::BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if times == 2 && line.contains("stopping: ") {
                interrupt(&child);
            }
            told.push_str(&line);
            told.push('\n');
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{times}: {told}");
        assert!(told.contains("engine resume -o"), "{told}");
        let folder = place.cluster();
        let journal = std::fs::read_to_string(folder.join("state/journal.jsonl")).unwrap();
        assert!(journal.ends_with('\n'), "the journal is whole");
        let (accepted, ended) = (journal.matches("\"accepted\"").count(), journal.contains("\"ended\""));
        if times == 1 {
            // Every step that was begun was brought to its end, and recorded.
            assert!(ended && !told.contains("left under way"), "{told}");
        } else {
            assert!(!ended && accepted > 0 && began.elapsed() < Duration::from_secs(15), "{told}");
        }
        let folder = folder.to_str().unwrap();
        let resumed = place.json(&["resume", "-o", folder, "--time-scale", "0"]);
        assert_eq!(resumed["complete"], true);
        place.expect(0, &["plan", "-m", &format!("{folder}/apimodel.json"), "--exit-code"]);
    }
}

#[test]
fn test_17_the_second_of_two_deployments_is_told_who_was_first() {
    let faulty = Faulty::new(serde_json::json!([]));
    let place = &faulty.place;
    let folder = faulty.folder();
    let _simulator = Simulating::start(place);
    let mut first = place
        .command(&["deploy", &model(QUICKSTART), "--target", "simulator", "-o", &folder])
        .env("ENGINE_JOURNAL_HOLD_AFTER", "5")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let journal = place.cluster().join("state/journal.jsonl");
    while !std::fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() > 5) {
        assert!(Instant::now() < deadline, "the first did not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    for verb in [&["deploy", &model(QUICKSTART), "--target", "simulator"][..], &["destroy", "--yes"], &["resume"]] {
        let output = place.engine(&[verb, &["-o", &folder]].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(73), "{verb:?} {told}");
        for part in [&first.id().to_string(), "deploy", "since"] {
            assert!(told.contains(part), "{part} is missing: {told}");
        }
    }
    first.kill().unwrap();
    first.wait().unwrap();
    // The lock of a process that is gone is none.
    place.expect(0, &["resume", "-o", &folder]);
}
