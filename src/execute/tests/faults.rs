//! Every class of fault, where it may come.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::fake::{Fake, Tape, Trouble, carry_out, fault, run};
use super::plans::*;
use crate::contract::{Act, ChangeKind, FaultClass, Operation};
use crate::execute::execute;

fn one() -> std::sync::Arc<crate::plan::Plan> {
    plan(vec![create(NETWORK, "net", properties(json!({ "addressPrefixes": ["10.0.0.0/8"] })), &[])])
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_made_again_without_looking() {
    for class in [FaultClass::Throttled, FaultClass::Busy, FaultClass::NotYet] {
        let world = Fake::new();
        world.script("put", "net", [Trouble::Refused(fault(class)), Trouble::Refused(fault(class))]);
        let (summary, records) = carry_out(&one(), &world).await;
        assert!(summary.is_complete(), "{class:?}");
        assert_eq!((world.requests("put", "net"), world.requests("get", "net")), (3, 0), "{class:?}");
        assert_eq!(records.len(), 5, "one intention is enough: {records:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_target_says_how_long_to_wait() {
    let world = Fake::new();
    let mut throttled = fault(FaultClass::Throttled);
    throttled.retry_after = Some(Duration::from_secs(100));
    world.script("put", "net", [Trouble::Refused(throttled)]);
    let began = Instant::now();
    carry_out(&one(), &world).await;
    assert!(world.moment("put", "net") - began >= Duration::from_secs(100));
}

#[tokio::test(start_paused = true)]
async fn when_the_answer_is_lost_it_looks_and_does_not_write_again() {
    for class in [FaultClass::Transient, FaultClass::Unavailable, FaultClass::Conflict, FaultClass::OperationLost] {
        let world = Fake::new();
        world.script("put", "net", [Trouble::AnswerLost(fault(class))]);
        let (summary, _) = carry_out(&one(), &world).await;
        assert!(summary.is_complete(), "{class:?}");
        assert_eq!(world.effects("put", "net"), 1, "{class:?}");
        assert!(world.requests("get", "net") > 0, "{class:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_request_had_no_effect_it_looks_and_writes() {
    let world = Fake::new();
    world.script("put", "net", [Trouble::Refused(fault(FaultClass::Transient))]);
    world.script("get", "net", [Trouble::Refused(fault(FaultClass::Transient))]);
    let (summary, _) = carry_out(&one(), &world).await;
    assert!(summary.is_complete());
    assert_eq!((world.requests("put", "net"), world.effects("put", "net")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_machine_whose_answer_is_lost_is_not_made_again_for_its_secrets() {
    let world = Fake::new();
    world.script("put", "vm-0", [Trouble::AnswerLost(fault(FaultClass::Transient))]);
    let (summary, _) = carry_out(&cluster(), &world).await;
    assert!(summary.is_complete());
    assert_eq!(world.effects("put", "vm-0"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_fails_the_step_the_first_time() {
    use FaultClass::*;
    for class in [NotFound, Quota, Capacity, Forbidden, Authentication, Invalid, Failed, TimedOut] {
        let world = Fake::new();
        world.script("put", "net", [Trouble::Refused(fault(class))]);
        let (summary, _) = carry_out(&one(), &world).await;
        assert_eq!(summary.failed.len(), 1, "{class:?}");
        assert_eq!(summary.failed[0].1, fault(class));
        assert_eq!(world.requests("put", "net"), 1, "{class:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_fails_the_step_in_the_end() {
    for class in [
        FaultClass::Throttled,
        FaultClass::Transient,
        FaultClass::Busy,
        FaultClass::NotYet,
        FaultClass::Conflict,
        FaultClass::OperationLost,
        FaultClass::Unavailable,
    ] {
        let world = Fake::new();
        world.script("put", "net", vec![Trouble::Refused(fault(class)); 200]);
        let began = Instant::now();
        let (summary, _) = carry_out(&one(), &world).await;
        let (_, last) = &summary.failed[0];
        assert!(last.class == class || last.class == FaultClass::TimedOut, "{last:?}");
        assert!(last.message.contains(&format!("{class:?}")), "{last}");
        assert!(began.elapsed() <= Duration::from_secs(15 * 60 + 1), "{class:?}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_fails_fails_the_step_or_is_begun_again() {
    let world = Fake::new();
    world.script("put", "net", [Trouble::Fails(fault(FaultClass::Failed))]);
    let (summary, _) = carry_out(&one(), &world).await;
    assert_eq!(summary.failed[0].1.class, FaultClass::Failed);
    for class in [FaultClass::Busy, FaultClass::NotYet, FaultClass::Transient] {
        let world = Fake::new();
        world.script("put", "net", [Trouble::Fails(fault(class))]);
        let (summary, _) = carry_out(&one(), &world).await;
        assert!(summary.is_complete(), "{class:?}: {summary:?}");
        assert_eq!(world.effects("put", "net"), 2, "{class:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_fails_is_asked_again() {
    for class in [FaultClass::Throttled, FaultClass::Transient, FaultClass::Unavailable] {
        let world = Fake::new();
        world.script("poll", "net", [Trouble::Refused(fault(class)), Trouble::Refused(fault(class))]);
        let (summary, _) = carry_out(&one(), &world).await;
        assert!(summary.is_complete(), "{class:?}");
        assert_eq!((world.requests("put", "net"), world.requests("get", "net")), (1, 0), "{class:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_operation_is_looked_for_in_its_resource() {
    let world = Fake::new();
    world.script("poll", "net", [Trouble::Refused(fault(FaultClass::OperationLost))]);
    let (summary, _) = carry_out(&one(), &world).await;
    assert!(summary.is_complete());
    assert_eq!(world.requests("put", "net"), 1);
    assert!(world.requests("get", "net") > 1, "until it is no longer in progress");
}

#[tokio::test(start_paused = true)]
async fn a_step_without_an_answer_ends_at_its_deadline() {
    for verb in ["put", "poll"] {
        let world = Fake::new();
        world.script(verb, "net", [Trouble::Silence]);
        let began = Instant::now();
        let (summary, _) = carry_out(&one(), &world).await;
        assert_eq!(summary.failed[0].1.class, FaultClass::TimedOut, "{verb}");
        assert!(summary.failed[0].1.help.is_some());
        assert!(began.elapsed() <= Duration::from_secs(15 * 60 + 1), "{verb}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_survives_what_an_update_does() {
    for (trouble, effects) in [
        (Trouble::Refused(fault(FaultClass::Busy)), 1),
        (Trouble::Refused(fault(FaultClass::Transient)), 1),
        (Trouble::AnswerLost(fault(FaultClass::Transient)), 1),
        (Trouble::Refused(fault(FaultClass::NotFound)), 0),
    ] {
        let world = Fake::new();
        world.put(&address(NETWORK, "net"), json!({}));
        world.script("delete", "net", [trouble.clone()]);
        let deletion = change(ChangeKind::Delete, NETWORK, "net", crate::graph::Value::Null, &[]);
        let (summary, _) = carry_out(&plan(vec![deletion]), &world).await;
        assert!(summary.is_complete(), "{trouble:?}");
        assert_eq!(world.effects("delete", "net"), effects, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_act_whose_answer_is_lost_is_probed() {
    let name = "wait for n to be Ready";
    for (verb, trouble, starts) in [
        ("start", Trouble::AnswerLost(fault(FaultClass::Transient)), 1..=20),
        ("start", Trouble::Refused(fault(FaultClass::Busy)), 1..=1),
        ("probe", Trouble::Refused(fault(FaultClass::Unavailable)), 1..=1),
        ("ask", Trouble::Refused(fault(FaultClass::Transient)), 1..=1),
    ] {
        let world = Fake::new();
        world.script(verb, name, [trouble.clone()]);
        let (summary, _) = carry_out(&plan(vec![act(Act::WaitUntilReady { node: "n".into() }, &[])]), &world).await;
        assert!(summary.is_complete(), "{verb}: {summary:?}");
        assert!(starts.contains(&world.effects("start", name)), "{verb}");
    }
}

/// An update of a balancer on which a cloud controller works as well.
fn update(world: &Fake, initial: &[&str]) -> (std::sync::Arc<crate::plan::Plan>, Json) {
    let before = json!({ "rules": [{ "name": "tls", "port": 443 }], "capacity": 2 });
    let mut there = before.clone();
    there["rules"] = json!([{ "name": "tls", "port": 443 }, { "name": "service", "port": 80 }]);
    there["capacity"] = json!(5);
    world.put(&address(BALANCER, "lb"), json!({ "location": "westus2", "properties": there }));
    let wanted = properties(json!({ "rules": [{ "name": "tls", "port": 6443 }], "capacity": 3 }));
    let mut step = change(ChangeKind::Update, BALANCER, "lb", wanted, &[]);
    if let Operation::Change(change) = &mut step.operation {
        change.initial = initial.iter().map(|pointer| (*pointer).into()).collect();
    }
    (plan(vec![step]), before)
}

#[tokio::test(start_paused = true)]
async fn an_update_carries_what_others_own_and_depends_on_what_was_read() {
    let world = Fake::new();
    let (plan, before) = update(&world, &["/properties/capacity"]);
    let mut run = run(&plan, &world, &Tape::endless());
    let Operation::Change(change) = &plan.steps[0].operation else { unreachable!() };
    run.applied.insert(change.key.clone(), applied(BALANCER, "lb", before));
    assert!(execute(run).await.unwrap().is_complete());
    let sent = world.sent("lb");
    assert_eq!(
        sent["properties"]["rules"],
        json!([{ "name": "tls", "port": 6443 }, { "name": "service", "port": 80 }])
    );
    assert_eq!(sent["properties"]["capacity"], 5, "the autoscaler's");
    assert_eq!(world.sent_etag("lb").as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_comes_too_late_reads_again() {
    let world = Fake::new();
    let (plan, before) = update(&world, &[]);
    world.script("put", "lb", [Trouble::Meddled(json!({ "probes": [{ "name": "service-probe" }] }))]);
    let mut run = run(&plan, &world, &Tape::endless());
    let Operation::Change(change) = &plan.steps[0].operation else { unreachable!() };
    run.applied.insert(change.key.clone(), applied(BALANCER, "lb", before));
    assert!(execute(run).await.unwrap().is_complete());
    assert_eq!(world.requests("put", "lb"), 2);
    assert_eq!(world.sent("lb")["properties"]["probes"], json!([{ "name": "service-probe" }]));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_done_already_writes_nothing() {
    let world = Fake::new();
    world.put(&address(NETWORK, "net"), json!({ "location": "WestUS2", "properties": { "size": 2, "etc": 1 } }));
    let step = change(ChangeKind::Update, NETWORK, "net", properties(json!({ "size": 2 })), &[]);
    let (summary, _) = carry_out(&plan(vec![step]), &world).await;
    assert!(summary.is_complete());
    assert_eq!(world.requests("put", "net"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_not_at_hand_fails_the_step() {
    let body = crate::graph::Value::object([("properties", crate::graph::Value::secret("elsewhere"))]);
    let (summary, _) = carry_out(&plan(vec![create(NETWORK, "net", body, &[])]), &Fake::new()).await;
    assert_eq!(summary.failed[0].1.class, FaultClass::Invalid);
    assert!(summary.failed[0].1.message.contains("elsewhere"));
}
