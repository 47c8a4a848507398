mod others;
mod runs;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::base::{Entropy, Environment, FixedClock, Secret, SeededEntropy, digest};
use crate::contract::{
    Address, Applied, Change, ChangeKind, Fault, FaultClass, Journal, Operation, OperationHandle, Reason, Record, Step,
    StepId, TargetName,
};
use crate::graph::{ResourceKey, Scope, Value};

const TYPE: &str = "Microsoft.Network/virtualNetworks";
const AT: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

/// The part of a plan that the store reads, and one that it does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Plan {
    verb: String,
    steps: Vec<Step>,
    price: f64,
}

struct Place {
    folder: TempDir,
    store: Store,
    entropy: SeededEntropy,
}

fn identity(group: &str) -> Identity {
    let scope = Scope {
        subscription_id: "s".into(),
        tenant_id: "t".into(),
        resource_group: group.into(),
        location: "westus2".into(),
    };
    Identity { cluster: "quickstart".into(), target: TargetName::Simulator, scope }
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path());
        Self { folder, store, entropy: SeededEntropy::new(3) }
    }

    fn lock(&self) -> Locked {
        self.try_lock().unwrap()
    }

    fn try_lock(&self) -> Result<Locked, StateError> {
        let environment = Environment::of([("USER", "ada")]);
        self.store.lock("deploy", &FixedClock(AT), &environment)
    }

    /// A run of this plan that has written these records and stands still.
    fn begin(&self, plan: &Plan, records: &[Record]) -> Locked {
        let locked = self.lock();
        locked.establish(&identity("rg"), &self.entropy).unwrap();
        let mut journal = locked.begin(plan, &secrets(), &milestones(), &self.entropy).unwrap();
        assert_eq!(journal.plan(), crate::base::digest_json(plan));
        for record in records {
            journal.append(vec![record.clone()]).unwrap();
        }
        locked
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.store.folder().join("state").join(name)
    }

    fn snapshot(&self) -> Snapshot {
        self.store.snapshot().unwrap().unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.snapshot().applied.keys().map(|key| key.name().to_owned()).collect()
    }
}

fn secrets() -> BTreeMap<String, Secret> {
    [("agentpool1/customData".to_owned(), Secret::new("canary\n\"ü\""))].into()
}

/// Once `b` is there, a fact holds.
fn milestones() -> [Milestone; 1] {
    [Milestone { step: step(ChangeKind::Create, "b").id, fact: "started".into(), value: "sha256:1".into() }]
}

fn step(kind: ChangeKind, name: &str) -> Step {
    let key = ResourceKey::named(TYPE, name);
    Step {
        id: StepId::of_change(kind, &key),
        operation: Operation::Change(Change {
            kind,
            key,
            symbol: name.into(),
            index: None,
            resource_type: TYPE.into(),
            api_version: "1".into(),
            name: name.into(),
            body: Arc::new(Value::Null),
            initial: Vec::new(),
            after: Vec::new(),
        }),
        after: Vec::new(),
        reason: Reason::Missing,
    }
}

fn plan(steps: &[(ChangeKind, &str)]) -> Plan {
    Plan {
        verb: "deploy".into(),
        steps: steps.iter().map(|(kind, name)| step(*kind, name)).collect(),
        price: 0.1 + 0.2,
    }
}

fn began(plan: &Plan) -> Record {
    Record::Began { at: AT, verb: plan.verb.clone(), plan: digest(&serde_json::to_vec(plan).unwrap()) }
}

fn finished(kind: ChangeKind, name: &str) -> Record {
    let address = Address::new(&identity("rg").scope, TYPE, "1", name);
    let applied = Applied { address: address.into(), body: json!({ "name": "ü" }), after: Vec::new() };
    Record::Finished { at: AT, step: step(kind, name).id, applied: (kind != ChangeKind::Delete).then_some(applied) }
}

fn ended(complete: bool) -> Record {
    Record::Ended { at: AT, complete }
}

fn every_kind_of_record(plan: &Plan) -> Vec<Record> {
    let id = step(ChangeKind::Create, "a").id;
    let operation = OperationHandle {
        url: "https://x/?s=ü&t=\"1\"".into(),
        kind: "location".into(),
        result: None,
        reads_as_made: false,
    };
    vec![
        began(plan),
        Record::Intended { at: AT, step: id.clone(), name: Some("n".into()) },
        Record::Accepted { at: AT, step: id.clone(), operation },
        finished(ChangeKind::Create, "a"),
        Record::Failed { at: AT, step: id, fault: Fault::new(FaultClass::Quota, "QuotaExceeded", "full").help("ask") },
        ended(false),
    ]
}

fn two() -> Plan {
    plan(&[(ChangeKind::Create, "a"), (ChangeKind::Create, "b")])
}
