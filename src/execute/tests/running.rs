//! Order, parallelism, isolation of failures, cancelling.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::fake::{Events, Fake, Tape, Trouble, carry_out, fault, run, takes};
use super::plans::*;
use crate::contract::{Act, ChangeKind, Event, FaultClass, Journal, JournalError, Operation, Outcome, Record, StepId};
use crate::execute::{Cancel, CancelLevel, ExecuteError, Replay, execute};

/// Every step intends before it is accepted, is accepted before it ends, and starts after what it waits for has ended.
pub(super) fn assert_order(plan: &crate::plan::Plan, records: &[Record]) {
    let mut place: BTreeMap<(&str, &StepId), usize> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let entry = match record {
            Record::Intended { step, .. } => ("intended", step),
            Record::Accepted { step, .. } => ("accepted", step),
            Record::Finished { step, .. } => ("finished", step),
            Record::Failed { step, .. } => ("failed", step),
            Record::Began { .. } | Record::Ended { .. } => continue,
        };
        place.entry(entry).or_insert(index);
    }
    for step in &plan.steps {
        let Some(finished) = place.get(&("finished", &step.id)) else { continue };
        if let Some(intended) = place.get(&("intended", &step.id)) {
            let accepted = place.get(&("accepted", &step.id)).unwrap_or(intended);
            assert!(intended <= accepted && accepted < finished, "{}", step.id);
            for after in &step.after {
                assert!(place[&("finished", after)] < *intended, "{} before {after}", step.id);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_carried_out_in_order_and_in_parallel() {
    let (plan, world) = (cluster(), Fake::new());
    let began = Instant::now();
    let (summary, records) = carry_out(&plan, &world).await;
    assert!(summary.is_complete(), "{summary:?}");
    assert_eq!(summary.succeeded, plan.steps.len());
    assert_order(&plan, &records);
    // Network, interface, machine, role, extension, readiness: the longest chain, and hardly more.
    assert!(began.elapsed() < Duration::from_secs(10 + 10 + 60 + 10 + 60 + 20 + 30), "{:?}", began.elapsed());
    assert!(matches!(records.first(), Some(Record::Began { verb, .. }) if verb == "deploy"));
    assert!(matches!(records.last(), Some(Record::Ended { complete: true, .. })));
    assert_eq!(world.sent("vm-1")["properties"]["osProfile"]["customData"], "canary");
    assert!(!serde_json::to_string(&records).unwrap().contains("canary"), "a secret in the journal");
}

#[tokio::test(start_paused = true)]
async fn what_was_applied_is_told_with_its_name_and_without_secrets() {
    let (plan, world) = (cluster(), Fake::new());
    let (_, records) = carry_out(&plan, &world).await;
    let applied: BTreeMap<&str, _> = records
        .iter()
        .filter_map(|record| match record {
            Record::Finished { step, applied: Some(applied), .. } => Some((step.as_str(), applied)),
            _ => None,
        })
        .collect();
    assert_eq!(applied.len(), 10);
    let role = applied["create Microsoft.Authorization/roleAssignments <role>"];
    assert_eq!(role.address.name.len(), 36, "a GUID: {}", role.address.name);
    assert_eq!(role.body["properties"]["principalId"], "principal-of-vm-0");
    assert_eq!(role.after.len(), 1);
    let intended = records.iter().find_map(|record| match record {
        Record::Intended { step, name, .. } if step.as_str().ends_with("<role>") => name.clone(),
        _ => None,
    });
    assert_eq!(intended.as_ref(), Some(&role.address.name), "the journal knows the name before the request");
    let extension = applied["create Microsoft.Compute/virtualMachines/extensions vm-0/cse"];
    assert_eq!(extension.body["properties"]["role"], role.address.id);
    let machine = &applied["create Microsoft.Compute/virtualMachines vm-0"].body;
    assert_eq!(machine["properties"]["osProfile"]["customData"]["$secret"], "customData");
}

#[tokio::test(start_paused = true)]
async fn no_step_waits_for_a_level() {
    let slow = create(MACHINE, "vm-slow", properties(json!({})), &[]);
    let first = create(NETWORK, "a", properties(json!({})), &[]);
    let second = create(NETWORK, "b", properties(json!({})), &[&first.id]);
    let world = Fake::new();
    carry_out(&plan(vec![slow, first, second]), &world).await;
    let apart = world.moment("put", "b") - world.moment("put", "vm-slow");
    assert!(apart < takes("vm-slow"), "{apart:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_once_than_allowed_and_the_weightiest_first() {
    let light = create(NETWORK, "a-light", properties(json!({})), &[]);
    let root = create(NETWORK, "z-root", properties(json!({})), &[]);
    let leaf = create(MACHINE, "vm-leaf", properties(json!({})), &[&root.id]);
    let world = Fake::new();
    let mut run = run(&plan(vec![light, root, leaf]), &world, &Tape::endless());
    run.settings.concurrency = 1;
    assert!(execute(run).await.unwrap().is_complete());
    assert!(world.moment("put", "z-root") < world.moment("put", "vm-leaf"));
    assert!(world.moment("put", "vm-leaf") < world.moment("put", "a-light"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_only_what_depends_on_it() {
    let (plan, world) = (cluster(), Fake::new());
    world.script("put", "nic-1", [Trouble::Refused(fault(FaultClass::Invalid))]);
    let (tape, events) = (Tape::endless(), Arc::new(Events::default()));
    let mut run = run(&plan, &world, &tape);
    run.events = events.clone();
    let summary = execute(run).await.unwrap();
    assert_eq!(summary.failed.len(), 1);
    assert_eq!(summary.failed[0].0.as_str(), "create Microsoft.Network/networkInterfaces nic-1");
    assert_eq!((summary.blocked, summary.cancelled), (1, 0));
    assert_eq!(summary.succeeded, plan.steps.len() - 2);
    assert_eq!(world.requests("put", "vm-1"), 0);
    assert!(matches!(tape.records().last(), Some(Record::Ended { complete: false, .. })));
    let blocked: Vec<_> = events
        .all()
        .into_iter()
        .filter_map(|event| match event {
            Event::StepEnded { step, outcome: Outcome::Blocked { by }, .. } => Some((step, by)),
            _ => None,
        })
        .collect();
    assert_eq!(blocked.len(), 1);
    assert_eq!(blocked[0].0, id(ChangeKind::Create, MACHINE, "vm-1"));
    assert_eq!(blocked[0].1, summary.failed[0].0);
}

#[tokio::test(start_paused = true)]
async fn every_step_is_told_from_start_to_end() {
    let (plan, world, events) = (cluster(), Fake::new(), Arc::new(Events::default()));
    world.script("put", "net", [Trouble::Refused(fault(FaultClass::Busy))]);
    let mut run = run(&plan, &world, &Tape::endless());
    run.events = events.clone();
    execute(run).await.unwrap();
    let events = events.all();
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    assert_eq!(count(|event| matches!(event, Event::StepStarted { .. })), plan.steps.len());
    assert_eq!(count(|event| matches!(event, Event::StepEnded { outcome: Outcome::Succeeded, .. })), plan.steps.len());
    assert_eq!(count(|event| matches!(event, Event::StepRetried { .. })), 1);
    assert!(matches!(&events[0], Event::RunStarted { total: 12, already_done: 0, .. }));
    assert!(matches!(&events[events.len() - 1], Event::RunEnded { summary, .. } if summary.is_complete()));
}

#[tokio::test(start_paused = true)]
async fn cancelled_once_it_finishes_what_runs_and_starts_nothing() {
    let (plan, world, tape) = (cluster(), Fake::new(), Tape::endless());
    let cancel = Cancel::new();
    let mut first = run(&plan, &world, &tape);
    first.cancel = cancel.clone();
    let running = tokio::spawn(execute(first));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(cancel.request(), CancelLevel::Finish);
    let summary = running.await.unwrap().unwrap();
    // Network, balancer and the token were under way.
    assert_eq!((summary.succeeded, summary.cancelled), (3, plan.steps.len() - 3));
    assert!(summary.failed.is_empty() && !summary.is_complete());
    assert!(matches!(tape.records().last(), Some(Record::Ended { complete: false, .. })));
    assert_eq!(world.names(), ["lb".to_owned(), "net".to_owned()].into());
    // And it can be taken up.
    let mut second = run(&plan, &world, &Tape::endless());
    second.replay = Replay::of(&tape.records());
    assert!(execute(second).await.unwrap().is_complete());
    assert_eq!(world.effects("put", "net"), 1);
}

#[tokio::test(start_paused = true)]
async fn cancelled_twice_it_returns_at_once() {
    let (plan, world, tape) = (cluster(), Fake::new(), Tape::endless());
    let cancel = Cancel::new();
    let mut first = run(&plan, &world, &tape);
    first.cancel = cancel.clone();
    let running = tokio::spawn(execute(first));
    tokio::time::sleep(Duration::from_secs(5)).await;
    cancel.request();
    tokio::time::sleep(Duration::from_secs(1)).await;
    cancel.request();
    let asked = Instant::now();
    let summary = running.await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_millis(100), "{:?}", asked.elapsed());
    assert_eq!((summary.succeeded, summary.cancelled), (0, plan.steps.len()));
    assert!(
        !tape.records().iter().any(|record| matches!(record, Record::Ended { .. })),
        "something is still under way"
    );
    let mut second = run(&plan, &world, &Tape::endless());
    second.replay = Replay::of(&tape.records());
    assert!(execute(second).await.unwrap().is_complete());
    assert_eq!(world.effects("put", "net"), 1);
    assert_eq!(world.effects("start", "renew the bootstrap token"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_nothing_is_requested() {
    struct Full;
    impl Journal for Full {
        fn append(&mut self, _: Vec<Record>) -> Result<(), JournalError> {
            Err(JournalError("no space left on the disk".into()))
        }
    }
    let (plan, world) = (cluster(), Fake::new());
    let mut run = run(&plan, &world, &Tape::endless());
    run.journal = Box::new(Full);
    assert!(matches!(execute(run).await, Err(ExecuteError::Journal(_))));
    assert_eq!(world.all_requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_journal_of_another_plan_is_refused() {
    let world = Fake::new();
    let (_, records) = carry_out(&plan(vec![create(NETWORK, "a", properties(json!({})), &[])]), &world).await;
    let mut run = run(&cluster(), &world, &Tape::endless());
    run.replay = Replay::of(&records);
    assert!(matches!(execute(run).await, Err(ExecuteError::OtherPlan { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_resource_is_deleted_and_what_was_deleted_already_too() {
    let world = Fake::new();
    let (there, gone) = (address(MACHINE, "vm-there"), address(MACHINE, "vm-gone"));
    world.put(&there, json!({}));
    let delete = |name: &str| change(ChangeKind::Delete, MACHINE, name, crate::graph::Value::Null, &[]);
    let (summary, records) = carry_out(&plan(vec![delete(&there.name), delete(&gone.name)]), &world).await;
    assert_eq!(summary.succeeded, 2);
    assert!(world.names().is_empty());
    assert!(records.iter().all(|record| !matches!(record, Record::Finished { applied: Some(_), .. })));
}

#[tokio::test(start_paused = true)]
async fn a_deferred_name_is_remembered_for_its_deletion() {
    let world = Fake::new();
    let place = address("Microsoft.Authorization/roleAssignments", "4f6c");
    world.put(&place, json!({}));
    let mut step = change(ChangeKind::Delete, &place.resource_type, "<role>", crate::graph::Value::Null, &[]);
    let Operation::Change(change) = &mut step.operation else { unreachable!() };
    change.name = crate::graph::Reference::attribute("nowhere", &["name"]).into();
    let key = change.key.clone();
    let mut run = run(&plan(vec![step]), &world, &Tape::endless());
    run.applied.insert(key, applied(&place.resource_type, "4f6c", json!({})));
    assert!(execute(run).await.unwrap().is_complete());
    assert_eq!(world.effects("delete", "4f6c"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_act_that_has_happened_is_not_started_and_one_that_nobody_performs_fails() {
    let world = Fake::new();
    let ready = || act(Act::WaitUntilReady { node: "n".into() }, &[]);
    let command = act(Act::RunCommand { node: "n".into(), command: vec!["true".into()], marker: "/m".into() }, &[]);
    let (summary, _) = carry_out(&plan(vec![ready(), command]), &world).await;
    assert_eq!((summary.succeeded, summary.failed.len()), (1, 1));
    assert_eq!(summary.failed[0].1.class, FaultClass::Invalid);
    let (summary, _) = carry_out(&plan(vec![ready()]), &world).await;
    assert!(summary.is_complete());
    assert_eq!(world.effects("start", "wait for n to be Ready"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_step_at_which_the_engine_itself_fails_is_a_step_that_failed() {
    let (plan, world) = (cluster(), Fake::new());
    world.script("put", "nic-1", [Trouble::Breaks]);
    let (summary, _) = carry_out(&plan, &world).await;
    assert_eq!((summary.failed.len(), summary.blocked), (1, 1));
    assert_eq!(summary.failed[0].1.code, "EngineFault");
}

#[tokio::test(start_paused = true)]
async fn answers_that_come_one_soon_after_another_are_made_durable_together() {
    /// Counts how often something is written.
    struct Counting(Arc<std::sync::atomic::AtomicUsize>, Tape);
    impl Journal for Counting {
        fn append(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.1.append(records)
        }
    }
    let steps = (0..20).map(|index| create(NETWORK, &format!("net-{index}"), properties(json!({})), &[])).collect();
    let (plan, world, tape) = (plan(steps), Fake::new(), Tape::endless());
    world.stagger(Duration::from_millis(2));
    let written = Arc::default();
    let mut run = run(&plan, &world, &tape);
    run.journal = Box::new(Counting(Arc::clone(&written), tape.clone()));
    assert!(execute(run).await.unwrap().is_complete());
    let records = tape.records();
    assert_order(&plan, &records);
    assert_eq!(records.len(), 62, "three for each step, the beginning and the end");
    // Answers come over 40 ms, in which nobody waits longer than 10 for another.
    let written = written.load(std::sync::atomic::Ordering::Relaxed);
    assert!(written < 25, "{written} times");
}
