//! A run that was killed, at every moment that the journal tells apart.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::fake::{Fake, Tape, carry_out, carry_out_until, run};
use super::plans::{cluster, scope};
use super::running::assert_order;
use crate::base::{Environment, FixedClock, Secret, SeededEntropy};
use crate::contract::{Journal, JournalError, Record, StepId, Summary, TargetName};
use crate::execute::{Replay, execute};
use crate::plan::Plan;
use crate::state::{Identity, RunJournal, Store};

async fn resume(plan: &Arc<Plan>, world: &Arc<Fake>, records: &[Record]) -> (Summary, Vec<Record>) {
    let tape = Tape::endless();
    let mut run = run(plan, world, &tape);
    run.replay = Replay::of(records);
    (execute(run).await.unwrap(), tape.records())
}

fn finished(records: &[Record]) -> BTreeSet<StepId> {
    records
        .iter()
        .filter_map(|record| match record {
            Record::Finished { step, .. } => Some(step.clone()),
            _ => None,
        })
        .collect()
}

/// The names of the resources, each of which must have been written just once.
fn assert_each_written_once(world: &Fake, names: &BTreeSet<String>, context: &str) {
    assert_eq!(&world.names(), names, "{context}");
    for name in names {
        assert_eq!(world.effects("put", name), 1, "{context}: {name}");
    }
    // An act is started again if its probe does not see it yet: those that may not be have a probe that does.
    assert!(world.effects("start", "wait for vm-0 to be Ready") >= 1, "{context}");
}

async fn resume_after_every_record(pause: Duration, is_forgetful: bool) {
    let plan = cluster();
    let (whole_world, whole) = {
        let world = Fake::new();
        let (_, records) = carry_out(&plan, &world).await;
        (world.names(), records)
    };
    for limit in 0..=whole.len() {
        let world = Fake::new();
        let before = carry_out_until(&plan, &world, limit).await;
        assert_eq!(before.len(), limit.min(whole.len()));
        tokio::time::sleep(pause).await;
        if is_forgetful {
            world.forget_operations();
        }
        let context = format!("after {limit} records");
        let (summary, after) = resume(&plan, &world, &before).await;
        assert!(summary.is_complete(), "{context}: {summary:?}");
        assert_eq!(summary.succeeded, plan.steps.len(), "{context}");
        let done = finished(&before);
        for record in &after {
            if let Record::Intended { step, .. } | Record::Finished { step, .. } = record {
                assert!(!done.contains(step), "{context}: {step} again");
            }
        }
        let all: Vec<Record> = before.iter().chain(&after).cloned().collect();
        assert_eq!(finished(&all).len(), plan.steps.len(), "{context}");
        assert_order(&plan, &all);
        assert_each_written_once(&world, &whole_world, &context);
    }
}

#[tokio::test(start_paused = true)]
async fn resumed_at_once_it_converges_and_writes_nothing_twice() {
    resume_after_every_record(Duration::ZERO, false).await;
}

#[tokio::test(start_paused = true)]
async fn resumed_hours_later_it_converges_and_writes_nothing_twice() {
    resume_after_every_record(Duration::from_secs(3600), false).await;
}

#[tokio::test(start_paused = true)]
async fn resumed_when_the_operations_are_forgotten_it_converges_and_writes_nothing_twice() {
    resume_after_every_record(Duration::from_secs(5), true).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_again_and_again_converges() {
    let plan = cluster();
    let world = Fake::new();
    let mut records = Vec::new();
    let mut rounds = 0;
    loop {
        rounds += 1;
        assert!(rounds < 100);
        // The record of the beginning and two more each time.
        let tape = Tape::of(3);
        let mut run = run(&plan, &world, &tape);
        run.replay = Replay::of(&records);
        let result = execute(run).await;
        records.extend(tape.records());
        if result.is_ok() {
            break;
        }
    }
    assert_eq!(finished(&records).len(), plan.steps.len());
    assert_each_written_once(&world, &world.names(), "killed again and again");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_ended_has_nothing_left_to_do() {
    let (plan, world) = (cluster(), Fake::new());
    let (_, records) = carry_out(&plan, &world).await;
    let before = world.all_requests();
    let (summary, after) = resume(&plan, &world, &records).await;
    assert!(summary.is_complete());
    assert_eq!(summary.succeeded, plan.steps.len());
    assert_eq!(world.all_requests(), before, "nothing is even read");
    assert_eq!(after.len(), 2);
}

/// A journal on the disk that takes no more after so many records.
struct Cut(RunJournal, usize);

impl Journal for Cut {
    fn append(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        let room = self.1.min(records.len());
        self.1 -= room;
        self.0.append(records[..room].to_vec())?;
        if room < records.len() { Err(JournalError("cut".into())) } else { Ok(()) }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_taken_up_from_nothing_but_its_folder() {
    let plan = cluster();
    for limit in (0..42).step_by(7) {
        let (folder, world, entropy) = (tempfile::tempdir().unwrap(), Fake::new(), SeededEntropy::new(5));
        let store = Store::open(folder.path());
        let (clock, environment) = (FixedClock(jiff::Timestamp::UNIX_EPOCH), Environment::default());
        let identity = Identity { cluster: "c".into(), target: TargetName::Simulator, scope: scope() };
        {
            let locked = store.lock("deploy", &clock, &environment).unwrap();
            locked.establish(&identity, &entropy).unwrap();
            let secrets = [("customData".to_owned(), Secret::new("canary"))].into();
            let journal = locked.begin(&*plan, &secrets, &[], &entropy).unwrap();
            let mut run = run(&plan, &world, &Tape::endless());
            run.digest = journal.plan().to_owned();
            run.journal = Box::new(Cut(journal, limit));
            let _ = execute(run).await;
        }
        let locked = store.lock("resume", &clock, &environment).unwrap();
        if let Some(unfinished) = locked.unfinished::<Plan>().unwrap() {
            let mut run = run(&Arc::new(unfinished.plan), &world, &Tape::endless());
            run.applied = locked.snapshot().unwrap().unwrap().applied;
            run.replay = Replay::of(&unfinished.records);
            run.secrets = Arc::new(unfinished.secrets);
            let journal = locked.resume().unwrap();
            run.digest = journal.plan().to_owned();
            run.journal = Box::new(journal);
            assert!(execute(run).await.unwrap().is_complete(), "after {limit} records");
        }
        let snapshot = locked.finish().unwrap();
        assert_eq!(snapshot.applied.len(), 10, "after {limit} records");
        assert!(snapshot.applied.values().any(|applied| applied.address.name.len() == 36), "the deferred name");
        assert_each_written_once(&world, &world.names(), &format!("after {limit} records"));
    }
}
