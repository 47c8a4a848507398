//! A run that is given up may have done more than its journal tells: what it may have made is the engine's own all the same,
//! to be changed back by the next deployment and to be deleted by a destruction.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::{Place, QUICKSTART, Simulating, model};

const NETWORK: &str = "2025-05-01";
const NARROW: &[&str] = &["192.0.2.0/24"];
const WIDE: &[&str] = &["192.0.2.0/24", "198.51.100.0/24"];

/// The quickstart with SSH open from some ranges.
fn model_with_ssh(place: &Place, ranges: &[&str]) -> PathBuf {
    let mut content: Json = serde_json::from_str(&std::fs::read_to_string(model(QUICKSTART)).unwrap()).unwrap();
    content["properties"]["accessProfile"]["sshSourceRanges"] = json!(ranges);
    let path = place.path(&format!("ssh-from-{}.json", ranges.len()));
    std::fs::write(&path, content.to_string()).unwrap();
    path
}

fn deployment<'a>(model: &'a str, folder: &'a str) -> [&'a str; 8] {
    ["deploy", model, "-o", folder, "--target", "simulator", "--time-scale", "0"]
}

fn deploy(place: &Place, ranges: &[&str]) {
    let (model, folder) = (model_with_ssh(place, ranges), place.cluster());
    place.expect(0, &deployment(model.to_str().unwrap(), folder.to_str().unwrap()));
}

/// Begins a deployment that records no more after so many records.
fn begin(place: &Place, model: &Path, records: usize) -> Child {
    let folder = place.cluster();
    place
        .command(&deployment(model.to_str().unwrap(), folder.to_str().unwrap()))
        .env("ENGINE_JOURNAL_HOLD_AFTER", records.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Begins a deployment that records no more after so many records, waits until the simulator has taken a write on top of
/// `accepted` of what is called `kind`, and kills it.
fn deploy_and_kill(place: &Place, ranges: &[&str], records: usize, kind: &str) {
    let accepted = accepted(place, kind);
    let mut process = begin(place, &model_with_ssh(place, ranges), records);
    let deadline = Instant::now() + Duration::from_secs(60);
    while self::accepted(place, kind) == accepted {
        assert!(process.try_wait().unwrap().is_none() && Instant::now() < deadline, "no {kind} by record {records}");
        std::thread::sleep(Duration::from_millis(2));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let journal = std::fs::read_to_string(place.cluster().join("state/journal.jsonl")).unwrap().to_lowercase();
    let ended = |line: &str| line.contains(kind.trim_matches('/')) && line.contains("\"finished\"");
    assert!(!journal.lines().any(ended), "its end is recorded");
}

/// Begins a deployment that records nothing at all, and kills it when it has taken the place of the one before.
fn begin_and_kill(place: &Place, model: &Path) {
    let folder = place.cluster();
    let plan = || std::fs::read(folder.join("state/plan.json")).ok();
    let before = plan();
    let mut process = begin(place, model, 0);
    let deadline = Instant::now() + Duration::from_secs(60);
    while plan().is_none_or(|plan| before.as_ref() == Some(&plan)) {
        assert!(process.try_wait().unwrap().is_none() && Instant::now() < deadline, "the next run did not begin");
        std::thread::sleep(Duration::from_millis(2));
    }
    process.kill().unwrap();
    process.wait().unwrap();
}

fn accepted(place: &Place, kind: &str) -> usize {
    place.accepted_writes().iter().filter(|(path, _)| path.contains(kind)).map(|(_, times)| times).sum()
}

/// From where the cluster's security group lets SSH in.
fn ssh_sources(place: &Place) -> BTreeSet<String> {
    let simulator = Simulating::start(place);
    let group = format!("/subscriptions/{}/resourceGroups/quickstart", simulator.credentials.subscription_id);
    let path = format!("{group}/providers/Microsoft.Network/networkSecurityGroups?api-version={NETWORK}");
    let listed =
        tokio::runtime::Runtime::new().unwrap().block_on(async { super::foreigners::arm(&simulator).get(&path).await });
    let rules = listed["value"].as_array().unwrap().iter().flat_map(|group| {
        group["properties"]["securityRules"].as_array().unwrap().iter().map(|rule| &rule["properties"])
    });
    rules
        .filter(|rule| rule["destinationPortRange"] == "22")
        .flat_map(|rule| {
            let several = rule["sourceAddressPrefixes"].as_array().cloned().unwrap_or_default();
            several.into_iter().chain([rule["sourceAddressPrefix"].clone()])
        })
        .filter_map(|prefix| prefix.as_str().map(str::to_owned))
        .collect()
}

fn set(ranges: &[&str]) -> BTreeSet<String> {
    ranges.iter().map(|range| (*range).to_owned()).collect()
}

#[test]
fn what_a_killed_update_may_have_opened_is_closed_again() {
    let place = Place::new();
    deploy(&place, NARROW);
    assert_eq!(ssh_sources(&place), set(NARROW));
    // The run's beginning, the intention and the acceptance are recorded; that the write ended is not.
    deploy_and_kill(&place, WIDE, 3, "/networksecuritygroups/");
    assert_eq!(ssh_sources(&place), set(WIDE));
    deploy(&place, NARROW);
    assert_eq!(ssh_sources(&place), set(NARROW));

    // The same, when it is wanted at first and is not later.
    deploy_and_kill(&place, WIDE, 3, "/networksecuritygroups/");
    deploy(&place, WIDE);
    assert_eq!(ssh_sources(&place), set(WIDE));
    deploy(&place, NARROW);
    assert_eq!(ssh_sources(&place), set(NARROW));

    // And when the next run is killed too, before it comes to that.
    deploy_and_kill(&place, WIDE, 3, "/networksecuritygroups/");
    begin_and_kill(&place, &model_with_ssh(&place, NARROW));
    assert_eq!(ssh_sources(&place), set(WIDE));
    deploy(&place, NARROW);
    assert_eq!(ssh_sources(&place), set(NARROW));
}

#[test]
fn what_a_killed_creation_may_have_opened_is_closed_again() {
    let place = Place::new();
    deploy_and_kill(&place, WIDE, 9, "/networksecuritygroups/");
    assert_eq!(ssh_sources(&place), set(WIDE));
    deploy(&place, NARROW);
    assert_eq!(ssh_sources(&place), set(NARROW));
}

/// The first deployment made machines of which it recorded nothing, and the second one was killed before it came to them.
#[test]
fn two_deployments_that_were_killed_can_be_destroyed() {
    let place = Place::new();
    super::killed::deploy_and_kill(&place, 37);
    begin_and_kill(&place, &PathBuf::from(model(QUICKSTART)));
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let destroyed = place.json(&["destroy", "-o", folder, "--yes", "--time-scale", "0"]);
    assert_eq!(destroyed["complete"], true);
    let summary = super::leftovers::left(&place);
    assert_eq!(summary["total"], 0, "{summary}");
}
