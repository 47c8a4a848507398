//! Budgets, lists, and what is learnt.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::fake::{Fake, Tape, Trouble, carry_out, fault, run, takes};
use super::plans::*;
use crate::contract::{Allowance, Budget, ChangeKind, Fault, FaultClass, Record, Step};
use crate::execute::{Cancel, Durations, Replay, execute};
use crate::plan::Plan;

const NIC: &str = "Microsoft.Network/networkInterfaces";

fn several(resource_type: &str, prefix: &str, count: usize) -> Vec<Step> {
    (0..count).map(|index| create(resource_type, &format!("{prefix}-{index:03}"), properties(json!({})), &[])).collect()
}

fn interfaces(count: usize) -> Arc<Plan> {
    plan(several(NIC, "nic", count))
}

const WRITES: Budget = Budget { name: "writes", allowance: Allowance::Bucket { capacity: 4.0, per_second: 1.0 } };

#[tokio::test(start_paused = true)]
async fn writes_go_as_the_budget_of_the_target_allows() {
    let (plan, world) = (interfaces(20), Fake::new());
    world.allow(&[WRITES]);
    let began = Instant::now();
    let (summary, _) = carry_out(&plan, &world).await;
    assert!(summary.is_complete(), "{summary:?}");
    let mut moments: Vec<Duration> =
        (0..20).map(|index| world.moment("put", &format!("nic-{index:03}")).duration_since(began)).collect();
    moments.sort();
    assert!(moments[3] < Duration::from_millis(100));
    for (number, moment) in moments.iter().enumerate().skip(4) {
        let wanted = Duration::from_secs(number as u64 - 3);
        assert!(*moment >= wanted && *moment < wanted + Duration::from_millis(100), "{number}: {moment:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_waits_for_its_turn_and_so_do_others() {
    let (plan, world) = (interfaces(8), Fake::new());
    world.allow(&[WRITES]);
    let refused = Fault { retry_after: Some(Duration::from_secs(30)), ..fault(FaultClass::Throttled) };
    world.script("put", "nic-000", [Trouble::Refused(refused)]);
    let began = Instant::now();
    let (summary, _) = carry_out(&plan, &world).await;
    assert!(summary.is_complete(), "{summary:?}");
    // Three were on their way with it; nobody else asks before the target wants to hear of it.
    let moment = |index: usize| world.moment("put", &format!("nic-{index:03}")).duration_since(began).as_secs();
    assert_eq!((1..4).map(moment).max(), Some(0));
    assert!((4..8).chain([0]).all(|index| moment(index) >= 30));
    assert_eq!(world.requests("put", "nic-000"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_list_tells_of_many_at_once_and_a_few_ask_for_themselves() {
    let (plan, world) = (interfaces(60), Fake::new());
    world.have_lists(25);
    let began = Instant::now();
    let (summary, _) = carry_out(&plan, &world).await;
    assert!(summary.is_complete(), "{summary:?}");
    let (lists, polls) = (world.requests("list", NIC), world.polls());
    assert!((3..=30).contains(&lists), "{lists} pages");
    assert_eq!(polls, 0, "{polls} questions about 60 interfaces");
    assert!(began.elapsed() < takes("nic") + Duration::from_secs(4), "{:?}", began.elapsed());

    let (plan, world) = (interfaces(3), Fake::new());
    world.have_lists(25);
    assert!(carry_out(&plan, &world).await.0.is_complete());
    assert_eq!(world.requests("list", NIC), 0, "three are not worth a list");
}

#[tokio::test(start_paused = true)]
async fn what_a_list_says_has_failed_tells_why_and_what_a_list_hides_is_asked_for() {
    let (plan, world) = (interfaces(30), Fake::new());
    world.have_lists(100);
    world.script("put", "nic-007", [Trouble::Fails(fault(FaultClass::Failed))]);
    // A list that does not come keeps nobody waiting.
    world.script("list", NIC, [Trouble::Refused(fault(FaultClass::Forbidden))]);
    let (summary, _) = carry_out(&plan, &world).await;
    assert_eq!((summary.succeeded, summary.failed.len()), (29, 1), "{summary:?}");
    assert_eq!(summary.failed[0].1.code, "Scripted");
}

#[tokio::test(start_paused = true)]
async fn what_a_run_learns_spares_the_next_one_questions() {
    let learnt = Arc::new(Durations::default());
    let mut polls = Vec::new();
    for _ in 0..2 {
        let world = Fake::new();
        let mut run = run(&plan(several(MACHINE, "vm", 20)), &world, &Tape::endless());
        run.settings.durations = Arc::clone(&learnt);
        let began = Instant::now();
        assert!(execute(run).await.unwrap().is_complete());
        assert!(began.elapsed() < takes("vm") + Duration::from_secs(8), "{:?}", began.elapsed());
        polls.push(world.polls());
    }
    let seconds = learnt.seconds()["create Microsoft.Compute/virtualMachines"];
    assert!((55.0..66.0).contains(&seconds), "{seconds}");
    assert!(polls[1] * 2 < polls[0], "{polls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_resource_is_looked_at_and_its_operation_left_alone() {
    let (plan, world) = (plan(several(MACHINE, "vm", 5)), Fake::new());
    world.tell_by_reading();
    let (summary, records) = carry_out(&plan, &world).await;
    assert!(summary.is_complete(), "{summary:?}");
    let reads = world.requests("get", "vm-000");
    assert!(reads > 0 && reads >= world.requests("poll", "vm-000"), "{reads}");
    // What takes just as long as expected is asked about once.
    let learnt = Arc::new(Durations::new([("create Microsoft.Compute/virtualMachines".to_owned(), 61.0)].into()));
    let world = Fake::new();
    world.tell_by_reading();
    let mut run = run(&plan, &world, &Tape::endless());
    run.settings.durations = learnt;
    assert!(execute(run).await.unwrap().is_complete());
    assert_eq!((world.requests("get", "vm-000"), world.polls()), (1, 0));
    let accepted = records.iter().filter(|record| matches!(record, Record::Accepted { .. })).count();
    assert_eq!(accepted, 5, "where to ask is kept all the same");
}

#[tokio::test(start_paused = true)]
async fn what_was_there_before_its_change_is_not_taken_for_the_change() {
    let world = Fake::new();
    world.tell_by_reading();
    world.put(&address(NIC, "nic"), json!({ "location": "westus2", "properties": { "a": 1 } }));
    let plan = plan(vec![change(ChangeKind::Update, NIC, "nic", properties(json!({ "a": 2 })), &[])]);
    assert!(carry_out(&plan, &world).await.0.is_complete());
    assert_eq!(world.requests("get", "nic"), 1, "looked at before it is written");
    assert!(world.polls() > 0);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_failed_is_noticed_whatever_the_resource_tells() {
    let troubles = [Trouble::Fails(fault(FaultClass::Failed)), Trouble::FailsUnseen(fault(FaultClass::Failed))];
    for trouble in troubles {
        let (plan, world) = (interfaces(1), Fake::new());
        world.tell_by_reading();
        world.script("put", "nic-000", [trouble]);
        let began = Instant::now();
        let (summary, _) = carry_out(&plan, &world).await;
        assert_eq!(summary.failed.len(), 1, "{summary:?}");
        assert_eq!(summary.failed[0].1.code, "Scripted", "why is told by the operation");
        assert!(began.elapsed() < takes("nic") * 6, "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn what_reads_as_made_before_its_operation_has_ended_is_not_believed() {
    // New ones that are looked at, and changed ones that lists tell of.
    for (kind, lists) in [(ChangeKind::Create, false), (ChangeKind::Create, true), (ChangeKind::Update, true)] {
        let world = Fake::new();
        world.tell_by_reading();
        if lists {
            world.have_lists(100);
        }
        let names: Vec<String> = (0..12).map(|index| format!("nic-{index}")).collect();
        for name in &names {
            if kind == ChangeKind::Update {
                world.put(&address(NIC, name), json!({ "location": "westus2", "properties": { "a": 1 } }));
            }
            world.script("put", name, [Trouble::SeemsDone(fault(FaultClass::Failed))]);
        }
        let plan = plan(names.iter().map(|name| change(kind, NIC, name, properties(json!({ "a": 2 })), &[])).collect());
        let (summary, _) = carry_out(&plan, &world).await;
        assert_eq!((summary.succeeded, summary.failed.len()), (0, 12), "{kind:?}, {lists}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_reads_as_made_is_written_again_when_its_operation_does_not_tell() {
    for class in [FaultClass::Busy, FaultClass::OperationLost] {
        let (plan, world) = (interfaces(1), Fake::new());
        world.tell_by_reading();
        world.script("put", "nic-000", [Trouble::SeemsDone(fault(class))]);
        let (summary, _) = carry_out(&plan, &world).await;
        assert!(summary.is_complete(), "{class:?}: {summary:?}");
        assert_eq!(world.requests("put", "nic-000"), 2, "{class:?}: that it reads as made says nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_failed_is_noticed_while_lists_tell_of_others() {
    let troubles = [Trouble::Fails(fault(FaultClass::Failed)), Trouble::FailsUnseen(fault(FaultClass::Failed))];
    for trouble in troubles {
        let world = Fake::new();
        world.have_lists(100);
        let names: Vec<String> = (0..12).map(|index| format!("nic-{index}")).collect();
        for name in &names {
            world.put(&address(NIC, name), json!({ "location": "westus2", "properties": {} }));
            world.script("delete", name, [trouble.clone()]);
        }
        let delete = |name: &String| change(ChangeKind::Delete, NIC, name, properties(json!({})), &[]);
        let plan = plan(names.iter().map(delete).collect());
        let began = Instant::now();
        let (summary, _) = carry_out(&plan, &world).await;
        assert_eq!(summary.failed.len(), 12, "{summary:?}");
        assert!(summary.failed.iter().all(|(_, fault)| fault.code == "Scripted"), "{summary:?}");
        assert!(began.elapsed() < Duration::from_secs(300), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn who_still_waits_to_begin_when_the_run_is_to_stop_does_not_begin() {
    let (plan, world, tape) = (interfaces(50), Fake::new(), Tape::endless());
    world.allow(&[WRITES]);
    let cancel = Cancel::new();
    let mut first = run(&plan, &world, &tape);
    first.cancel = cancel.clone();
    let running = tokio::spawn(execute(first));
    tokio::time::sleep(Duration::from_secs(3)).await;
    cancel.request();
    let asked = Instant::now();
    let summary = running.await.unwrap().unwrap();
    assert!(asked.elapsed() < takes("nic") * 2, "{:?}", asked.elapsed());
    let begun = world.names().len();
    assert!((4..=8).contains(&begun), "{begun}");
    assert_eq!((summary.succeeded, summary.cancelled), (begun, 50 - begun), "{summary:?}");
    let mut second = run(&plan, &world, &Tape::endless());
    second.replay = Replay::of(&tape.records());
    assert!(execute(second).await.unwrap().is_complete());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_when_it_is_looked_at_is_asked_for() {
    let (plan, world) = (interfaces(1), Fake::new());
    world.tell_by_reading();
    let lost = {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            world.lose(&address(NIC, "nic-000"));
        })
    };
    let (summary, _) = carry_out(&plan, &world).await;
    lost.await.unwrap();
    assert!(world.polls() > 0, "its operation knows what became of it");
    assert!(summary.is_complete(), "{summary:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_list_is_not_read_for_a_few() {
    let first = create(MACHINE, "vm", properties(json!({})), &[]);
    let late = (0..5).map(|index| create(NIC, &format!("late-{index}"), properties(json!({})), &[&first.id]));
    let late: Vec<Step> = late.collect();
    let plan = plan(several(NIC, "nic", 100).into_iter().chain([first]).chain(late).collect());
    let world = Fake::new();
    world.have_lists(1_000);
    assert!(carry_out(&plan, &world).await.0.is_complete());
    assert!(world.requests("list", NIC) > 0, "for a hundred it is");
    // It was known how long it is, although nobody waited meanwhile.
    assert!((0..5).all(|index| world.requests("poll", &format!("late-{index}")) > 0));
}
