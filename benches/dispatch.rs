//! What the executor itself costs: steps that the target ends at once, through the dispatcher, with the journal in
//! memory, on one core. The figure is steps per second; the goal is 150,000.
//!
//! `cargo bench --bench dispatch`. Half of the steps wait for one of the other half, as a machine waits for its
//! interface.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and may fail by a panic"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::base::{Secret, SystemClock, SystemEntropy, SystemTimer};
use engine::contract::{
    Address, AppliedResources, Change, ChangeKind, Fault, Future, Observation, Operation, OperationHandle, Progress,
    Reason, Record, Step, StepId, Support, Target, TargetName,
};
use engine::execute::{Cancel, Replay, Run, Settings, execute};
use engine::graph::{ResourceKey, Scope, Value};
use engine::plan::Plan;
use serde_json::Value as Json;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STEPS: u32 = 100_000;

/// Everything is done at once.
struct AtOnce;

impl Target for AtOnce {
    fn name(&self) -> TargetName {
        TargetName::Simulator
    }

    fn supports(&self, _: &str, _: &str) -> Support {
        Support::Yes
    }

    fn observe<'a>(&'a self, _: &'a Address) -> Future<'a, Result<Option<Observation>, Fault>> {
        Box::pin(async { Ok(None) })
    }

    fn normalise(&self, _: &Address, body: Json) -> Json {
        body
    }

    fn apply<'a>(&'a self, _: &'a Address, _: &'a Json, _: Option<&'a str>) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(async { Ok(Progress::Done(None)) })
    }

    fn delete<'a>(&'a self, _: &'a Address) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(async { Ok(Progress::Done(None)) })
    }

    fn poll<'a>(&'a self, _: &'a OperationHandle) -> Future<'a, Result<Progress, Fault>> {
        Box::pin(async { Ok(Progress::Done(None)) })
    }
}

fn plan() -> Plan {
    let step = |name: &str, index: u32, after: Vec<StepId>| {
        let resource_type = "Microsoft.Test/things";
        let key = ResourceKey::named(resource_type, &format!("{name}-{index}"));
        let change = Change {
            kind: ChangeKind::Create,
            key: key.clone(),
            symbol: name.into(),
            index: Some(index),
            resource_type: resource_type.into(),
            api_version: "2026-01-01".into(),
            name: Value::from(format!("{name}-{index}").as_str()),
            body: Arc::new(Value::object([])),
            initial: Vec::new(),
            after: Vec::new(),
        };
        let id = StepId::of_change(ChangeKind::Create, &key);
        Step { id, operation: Operation::Change(change), after, reason: Reason::Missing }
    };
    let mut steps = Vec::new();
    for index in 0..STEPS / 2 {
        let first = step("interface", index, Vec::new());
        let second = step("machine", index, vec![first.id.clone()]);
        steps.push(first);
        steps.push(second);
    }
    let scope = Scope {
        subscription_id: "00000000-0000-0000-0000-000000000000".into(),
        tenant_id: "00000000-0000-0000-0000-000000000000".into(),
        resource_group: "benchmark".into(),
        location: "westus2".into(),
    };
    Plan {
        format: Plan::FORMAT,
        verb: "deploy".into(),
        scope,
        steps,
        unchanged: Vec::new(),
        known: Vec::new(),
        notes: Vec::new(),
    }
}

fn run(plan: &Arc<Plan>, digest: &str) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = Run {
        plan: Arc::clone(plan),
        digest: digest.to_owned(),
        target: Arc::new(AtOnce),
        actions: Vec::new(),
        secrets: Arc::new(BTreeMap::<String, Secret>::new()),
        applied: AppliedResources::new(),
        replay: Replay::default(),
        journal: Box::new(Vec::<Record>::new()),
        events: Arc::new(()),
        clock: Arc::new(SystemClock),
        timer: Arc::new(SystemTimer),
        entropy: Arc::new(SystemEntropy),
        settings: Settings::default(),
        cancel: Cancel::new(),
    };
    let started = Instant::now();
    let summary = runtime.block_on(execute(run)).unwrap();
    let took = started.elapsed();
    assert_eq!(summary.succeeded, STEPS as usize);
    took
}

fn main() {
    let plan = Arc::new(plan());
    // It is known to whoever keeps the plan.
    let digest = plan.digest();
    let mut took: Vec<Duration> = (0..5).map(|_| run(&plan, &digest)).collect();
    took.sort();
    let rate = |took: Duration| f64::from(STEPS) / took.as_secs_f64();
    println!(
        "{STEPS} steps: best {:.0}, middle {:.0}, worst {:.0} steps a second",
        rate(took[0]),
        rate(took[2]),
        rate(took[4])
    );
}
