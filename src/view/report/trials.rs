//! A run with one failure, as a page, as a timeline and as lines.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::record::{RunRecord, StepState};
use super::rows::{Look, rows};
use super::{EventLine, events_schema, fragment, live_page, report_page};
use crate::contract::{Event, Fault, FaultClass, Outcome, StepId, Summary};
use crate::plan::Plan;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

/// A change of a resource of a series, or of one of its own.
fn change(kind: &str, resource_type: &str, name: &str, index: Option<u32>, after: &[&str]) -> Json {
    json!({
        "id": format!("create {resource_type} {name}"),
        "operation": { "change": {
            "kind": kind, "key": format!("{resource_type} {name}"), "symbol": "x", "index": index,
            "resource_type": resource_type, "resourceType": resource_type, "apiVersion": "2024-01-01",
            "name": name, "body": {}, "initial": [], "after": [],
        }},
        "after": after,
        "reason": { "because": "missing" },
    })
}

fn plan(steps: Vec<Json>) -> Plan {
    let plan = json!({
        "format": 1, "verb": "deploy",
        "scope": { "subscriptionId": "s", "tenantId": "t", "resourceGroup": "demo", "location": "westus2" },
        "steps": steps, "unchanged": [], "known": [], "notes": ["a <note>"],
    });
    serde_json::from_value(plan).unwrap()
}

const VNET: &str = "create Microsoft.Network/virtualNetworks vnet";
const NIC: &str = "create Microsoft.Network/networkInterfaces nic-0";
const MACHINE: &str = "create Microsoft.Compute/virtualMachines vm-0";
const SCRIPT: &str = "create Microsoft.Compute/virtualMachines/extensions vm-0/cse";
const DISK: &str = "create Microsoft.Compute/disks disk";

fn small() -> RunRecord {
    let steps = vec![
        change("create", "Microsoft.Network/virtualNetworks", "vnet", None, &[]),
        change("create", "Microsoft.Compute/disks", "disk", None, &[]),
        change("create", "Microsoft.Network/networkInterfaces", "nic-0", Some(0), &[VNET]),
        change("create", "Microsoft.Compute/virtualMachines", "vm-0", Some(0), &[NIC, DISK]),
        change("create", "Microsoft.Compute/virtualMachines/extensions", "vm-0/cse", Some(0), &[MACHINE]),
    ];
    RunRecord::new(&plan(steps), "simulator", true)
}

fn id(step: &str) -> StepId {
    serde_json::from_value(json!(step)).unwrap()
}

fn hostile() -> Fault {
    Fault::new(FaultClass::Quota, "QuotaExceeded", "no <script>alert(1)</script> cores\u{1b}[31m")
        .help("ask for more \"cores\"")
}

/// The machine fails for want of quota, after one throttled attempt.
fn events() -> Vec<Event> {
    let started = |seconds, step| Event::StepStarted { at: at(seconds), step: id(step) };
    let ended = |seconds, step, outcome| Event::StepEnded {
        at: at(seconds),
        step: id(step),
        outcome,
        took: Duration::from_secs(1),
    };
    vec![
        Event::RunStarted { at: at(0), total: 5, already_done: 0 },
        started(0, VNET),
        started(0, DISK),
        ended(2, DISK, Outcome::Succeeded),
        ended(4, VNET, Outcome::Succeeded),
        started(4, NIC),
        ended(9, NIC, Outcome::Succeeded),
        started(9, MACHINE),
        Event::StepRetried {
            at: at(11),
            step: id(MACHINE),
            fault: Fault::new(FaultClass::Throttled, "TooManyRequests", "too many"),
            after: Duration::from_secs(2),
        },
        ended(20, MACHINE, Outcome::Failed { fault: hostile() }),
        ended(20, SCRIPT, Outcome::Blocked { by: id(MACHINE) }),
        Event::RunEnded {
            at: at(20),
            summary: Summary {
                succeeded: 3,
                failed: vec![(id(MACHINE), hostile())],
                blocked: 1,
                cancelled: 0,
                took: Duration::from_secs(20),
            },
        },
    ]
}

fn failed() -> RunRecord {
    let mut run = small();
    events().iter().for_each(|event| run.take(event));
    run.next = vec![("engine resume -o <x>".to_owned(), "goes on".to_owned())];
    run
}

#[test]
fn the_slowest_chain_is_what_the_last_step_waited_for() {
    let run = failed();
    let chain: Vec<&str> = run.slowest_chain().into_iter().map(|position| run.steps[position].id.as_str()).collect();
    // The disk was ready long before the interface; the script was never started.
    assert_eq!(chain, [VNET, NIC, MACHINE]);
    assert!(small().slowest_chain().is_empty());
}

#[test]
fn a_report_tells_the_cause_once_with_its_remedy_and_how_to_go_on() {
    let page = report_page(&failed(), at(100));
    assert_eq!(page.matches("What to do:").count(), 1);
    for expected in [
        "create virtualMachines vm-0",
        "no &lt;script&gt;alert(1)&lt;/script&gt; cores\u{fffd}[31m (QuotaExceeded)",
        "ask for more &quot;cores&quot;",
        "1 step that waits for it was not started",
        "<code>engine resume -o &lt;x&gt;</code>",
        "too many (TooManyRequests)",
        "a &lt;note&gt;",
        "SIMULATED",
        "not finished",
        "not started: create virtualMachines vm-0 failed",
    ] {
        assert!(page.contains(expected), "{expected} is missing in {page}");
    }
    assert!(!page.contains("<script"), "the page that is kept has no script");
    assert!(page.contains("default-src 'none'") && !page.contains("script-src"));
}

#[test]
fn only_the_live_page_has_a_script_and_asks_nobody_but_its_own_listener() {
    let page = live_page(&small(), at(0));
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(page.contains("connect-src 'self'; script-src 'sha256-"));
    assert!(page.contains("not begun"));
}

#[test]
fn a_step_under_way_grows_until_now() {
    let mut run = small();
    events().iter().take(8).for_each(|event| run.take(event));
    assert!(fragment(&run, at(15)).contains("virtualMachines vm-0: running 6.0 s"), "{}", fragment(&run, at(15)));
    assert!(fragment(&run, at(29)).contains("virtualMachines vm-0: running 20 s"));
    assert!(fragment(&run, at(29)).contains("under way"));
}

/// 60 machines in two pools; one of them fails.
#[test]
fn machines_of_a_pool_share_a_row_and_the_one_that_failed_has_its_own() {
    let machines = |pool: &str| -> Vec<Json> {
        let name = |index: u32| format!("k8s-{pool}-{index}");
        (0..30)
            .map(|index| change("create", "Microsoft.Compute/virtualMachines", &name(index), Some(index), &[]))
            .collect()
    };
    let mut run = RunRecord::new(&plan([machines("a"), machines("b")].concat()), "azure", false);
    run.take(&Event::RunStarted { at: at(0), total: 60, already_done: 0 });
    let step = |position: usize| run.steps[position].id.clone();
    let (first, last) = (step(0), step(7));
    for step in [first.clone(), last.clone()] {
        run.take(&Event::StepStarted { at: at(1), step });
    }
    let ended = |step, outcome| Event::StepEnded { at: at(5), step, outcome, took: Duration::from_secs(4) };
    run.take(&ended(first, Outcome::Succeeded));
    run.take(&ended(last, Outcome::Failed { fault: hostile() }));
    let (rows, left_out) = rows(&run);
    assert_eq!(left_out, 0);
    let shown: Vec<(&str, Look)> = rows.iter().map(|row| (&*row.label, row.look)).collect();
    assert_eq!(
        shown,
        [
            ("create virtualMachines k8s-a-… × 29", Look::Running),
            ("create virtualMachines k8s-a-0", Look::Succeeded),
            ("create virtualMachines k8s-a-7", Look::Failed),
            ("create virtualMachines k8s-b-… × 30", Look::Waiting),
        ]
    );
    assert_eq!(rows[0].beside.as_deref(), Some("1 of 29"));
    assert_eq!(rows.iter().filter_map(|row| row.done).collect::<Vec<_>>(), [1.0 / 29.0]);
}

#[test]
fn what_an_earlier_run_finished_is_told_as_such() {
    let mut run = small();
    run.take(&Event::RunStarted { at: at(0), total: 5, already_done: 4 });
    run.take(&Event::StepStarted { at: at(0), step: id(SCRIPT) });
    let outcome = Outcome::Succeeded;
    run.take(&Event::StepEnded { at: at(3), step: id(SCRIPT), outcome, took: Duration::from_secs(3) });
    run.take(&Event::RunEnded { at: at(3), summary: Summary::default() });
    assert!(run.is_complete());
    assert_eq!(run.count(|state| *state == StepState::Waiting), 4);
    assert_eq!(report_page(&run, at(9)).matches("finished before").count(), 4);
}

#[test]
fn every_line_of_events_is_as_the_schema_says() {
    let run = failed();
    let validator = jsonschema::validator_for(&events_schema()).unwrap();
    let mut lines = vec![EventLine::planned(&run, at(0))];
    lines.extend(events().iter().map(EventLine::from));
    lines.push(EventLine::Concluded { at: String::new(), exit_code: 0, complete: true, slowest_chain: Vec::new() });
    lines.push(EventLine::concluded(&run, 3, at(21)));
    for line in &lines {
        let text = line.text();
        let line: Json = serde_json::from_str(&text).unwrap();
        assert!(validator.is_valid(&line), "{line}");
    }
    let words: Vec<Json> =
        lines.iter().map(|line| serde_json::from_str::<Json>(&line.text()).unwrap()["event"].clone()).collect();
    assert_eq!(words.first(), Some(&json!("planned")));
    assert!(!validator.is_valid(&json!({ "event": "stepStarted", "at": "x" })), "a step is missing");
    let failure: Json = serde_json::from_str(&lines[10].text()).unwrap();
    assert_eq!((&failure["outcome"], &failure["fault"]["class"]), (&json!("failed"), &json!("quota")));
    assert_eq!(failure["fault"]["message"], "no <script>alert(1)</script> cores\u{fffd}[31m");
}

#[test]
fn the_committed_schema_of_events_is_fresh() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/events.json");
    let fresh = serde_json::to_string_pretty(&events_schema()).unwrap() + "\n";
    if std::env::var_os("ENGINE_UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == fresh, "schemas/events.json is stale: run the tests with ENGINE_UPDATE_GOLDENS=1");
}
