//! What the program refuses, with which exit code, and that nothing is written then.

use std::process::Stdio;
use std::time::Duration;

use super::{Place, QUICKSTART, model};

#[test]
fn ten_faults_are_told_in_one_run_and_nothing_is_written() {
    let place = Place::new();
    let faulty = model("tests/models/ten-faults.json");
    let folder = place.cluster();
    for verb in ["deploy", "generate", "plan"] {
        let output = place.engine(&[verb, &faulty, "-o", folder.to_str().unwrap(), "--json"]);
        assert_eq!(output.status.code(), Some(65), "{verb}");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let errors: Vec<_> =
            told["diagnostics"].as_array().unwrap().iter().filter(|fault| fault["severity"] == "error").collect();
        assert_eq!(errors.len(), 10, "{verb}: {errors:#?}");
        for fault in &errors {
            assert!(fault["line"].as_u64().unwrap() > 1 && fault["column"].as_u64().unwrap() > 1, "{fault}");
            assert!(fault["help"].is_string(), "{fault}");
        }
        let codes: std::collections::BTreeSet<_> = errors.iter().map(|fault| fault["code"].to_string()).collect();
        assert_eq!(codes.len(), 10, "ten different faults: {codes:?}");
        assert!(!folder.exists(), "{verb} wrote something");
    }
}

#[test]
fn test_06_a_wrong_command_line_is_64_and_never_2() {
    let place = Place::new();
    for arguments in [
        &["frobnicate"][..],
        &["deploy", "--frobnicate"],
        &["deploy"],
        &["deploy", "does-not-exist.json", "--target", "simulator"],
        &["deploy", &model(QUICKSTART)],
        &["deploy", &model(QUICKSTART), "--target", "moon"],
        &["status"],
        &["resume", "-o", "nowhere"],
        &[],
    ] {
        assert_eq!(place.engine(arguments).status.code(), Some(64), "{arguments:?}");
    }
    let output = place.engine(&["deploy", &model(QUICKSTART)]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("azure, stack, libvirt, simulator"), "{told}");
    let output = place.command(&["deploy", &model(QUICKSTART)]).env("ENGINE_TARGET", "moon").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn help_and_version_are_answers() {
    let place = Place::new();
    for arguments in [&["--help"][..], &["deploy", "--help"], &["--version"], &["version"], &["get-versions"]] {
        assert!(!place.expect(0, arguments).is_empty(), "{arguments:?}");
    }
    for verb in ["generate", "deploy", "scale", "destroy", "plan", "status", "resume", "simulate"] {
        let help = place.expect(0, &[verb, "--help"]);
        assert!(help.contains("Example"), "{verb}");
        assert!(!help.contains('\u{1b}'), "no colour where there is no terminal");
    }
}

#[test]
fn deleting_needs_consent_and_changing_nothing_does_not() {
    let place = Place::new();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let quickstart = model(QUICKSTART);
    place.expect(0, &["deploy", &quickstart, "--target", "simulator", "-o", folder, "--time-scale", "0"]);
    let output = place.engine(&["destroy", "-o", folder]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--yes"));
    // Even under the old name.
    let link = place.path("aks-engine");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_engine"), &link).unwrap();
    let output =
        std::process::Command::new(&link).args(["destroy", "-o", folder]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    place.expect(0, &["deploy", &quickstart, "-o", folder, "--time-scale", "0"]);
    assert_eq!(place.json(&["status", "-o", folder])["missing"], serde_json::json!([]));
}

#[test]
fn test_17_a_second_run_at_the_same_time_is_refused_and_told_by_whom() {
    let place = Place::new();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let quickstart = model(QUICKSTART);
    let arguments = ["deploy", &quickstart, "--target", "simulator", "-o", folder, "--time-scale", "0"];
    let mut first = place
        .command(&arguments)
        .env("ENGINE_JOURNAL_HOLD_AFTER", "5")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let journal = place.cluster().join("state/journal.jsonl");
    for _ in 0..1000 {
        if std::fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() > 5) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = place.engine(&arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(output.status.code(), Some(73), "{told}");
    assert!(told.contains(&format!("{}", first.id())), "the holder's process is named: {told}");
    // The lock died with its process.
    place.expect(0, &["resume", "-o", folder, "--time-scale", "0"]);
}

#[test]
fn no_secret_is_in_what_may_be_published() {
    let place = Place::new();
    let folder = place.cluster();
    let quickstart = model(QUICKSTART);
    let arguments =
        ["deploy", &quickstart, "--target", "simulator", "-o", folder.to_str().unwrap(), "--time-scale", "0", "--json"];
    let output = place.engine(&arguments);
    assert_eq!(output.status.code(), Some(0));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let token = read("bootstrap-token").trim().to_owned();
    let private: String = read("ca.key").lines().nth(1).unwrap().to_owned();
    let parameters: serde_json::Value = serde_json::from_str(&read("azuredeploy.parameters.json")).unwrap();
    let data: String = parameters["parameters"]
        .as_object()
        .unwrap()
        .iter()
        .find(|(name, _)| name.to_lowercase().contains("customdata"))
        .and_then(|(_, value)| Some(value["value"].as_str()?.chars().take(200).collect()))
        .unwrap();
    let public = [
        ("standard output", String::from_utf8_lossy(&output.stdout).into_owned()),
        ("standard error", String::from_utf8_lossy(&output.stderr).into_owned()),
        ("the template", read("azuredeploy.json")),
        ("the state", read("state/state.json")),
        ("the requests' log", read("simulator/requests.jsonl")),
    ];
    for (name, text) in public {
        for (what, secret) in [("token", &token), ("key", &private), ("customData", &data)] {
            assert!(!text.contains(secret.as_str()), "the {what} is in {name}");
        }
    }
}

#[test]
fn another_place_is_refused_and_another_spelling_is_not() {
    let place = Place::new();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let quickstart = model(QUICKSTART);
    place.expect(0, &["deploy", &quickstart, "--target", "simulator", "-o", folder, "--time-scale", "0"]);
    place.expect(0, &["plan", &quickstart, "-o", folder, "-g", "QuickStart", "--exit-code"]);

    let text = std::fs::read_to_string(&quickstart).unwrap().replace("westus2", "eastus");
    let elsewhere = place.path("elsewhere.json");
    std::fs::write(&elsewhere, text).unwrap();
    let elsewhere = elsewhere.to_str().unwrap();
    let other = place.path("other-simulator");
    let other = other.to_str().unwrap();
    for arguments in [
        &["deploy", elsewhere][..],
        &["deploy", &quickstart, "-g", "another"],
        &["deploy", &quickstart, "--simulator", other],
        &["status", "--simulator", other],
        &["destroy", "--simulator", other],
    ] {
        place.expect(64, &[arguments, &["-o", folder, "--yes"]].concat());
    }
    let status = place.json(&["status", "-o", folder]);
    assert_eq!((&status["serial"], &status["missing"]), (&1.into(), &serde_json::json!([])), "nothing was forgotten");
}

#[cfg(not(feature = "libvirt"))]
#[test]
fn a_build_without_libvirt_says_how_to_get_it() {
    let place = Place::new();
    let folder = place.cluster();
    let output = place.engine(&["plan", &model("apimodels/on-prem.json"), "-o", folder.to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(told.contains("--features libvirt"), "{told}");
    assert!(!folder.exists());
}
