//! What runs that were given up have left: resources whose creation was requested and of which nobody has told the end.

use serde_json::Value as Json;

use crate::contract::{Address, Applied, AppliedResources, ChangeKind, Operation};
use crate::execute::{Reached, Replay};
use crate::graph::ResourceKey;
use crate::plan::{ObservedResources, Plan};
use crate::state::UnfinishedRun;

/// The resources whose creation a run has requested and not finished. They may be there, or come to be there. Nothing
/// counts as applied of them.
pub(super) fn begun(run: &UnfinishedRun<Plan>) -> AppliedResources {
    let replay = Replay::of(&run.records);
    let mut begun = AppliedResources::new();
    for step in &run.plan.steps {
        let Operation::Change(change) = &step.operation else { continue };
        let name = match replay.steps.get(&step.id) {
            Some(Reached::Intended { name } | Reached::Accepted { name, .. }) => name.as_deref(),
            _ => continue,
        };
        // A name that was deferred is in the journal; any other is in the plan.
        let Some(name) = name.or_else(|| change.name.as_str()).filter(|_| change.kind == ChangeKind::Create) else {
            continue;
        };
        let address = Address::new(&run.plan.scope, &change.resource_type, &change.api_version, name);
        begun.insert(
            change.key.clone(),
            Applied { address: address.into(), body: Json::Null, after: change.after.clone() },
        );
    }
    begun
}

/// Sorts out what is not wanted: the keys of what is gone, and what is there and not `known` to the state yet.
pub(super) fn sort_out(
    applied: &AppliedResources,
    observed: &ObservedResources,
    is_known: impl Fn(&ResourceKey) -> bool,
    is_wanted: impl Fn(&ResourceKey) -> bool,
) -> (Vec<ResourceKey>, AppliedResources) {
    let (mut gone, mut left) = (Vec::new(), AppliedResources::new());
    for (key, own) in applied.iter().filter(|(key, _)| !is_wanted(key)) {
        let is_there = observed.get(key).is_some_and(|seen| seen.observation.is_some());
        match (is_there, is_known(key)) {
            (false, true) => gone.push(key.clone()),
            (true, false) => _ = left.insert(key.clone(), own.clone()),
            _ => {}
        }
    }
    (gone, left)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::contract::{Change, Observation, Reason, Record, Step, StepId};
    use crate::graph::{Scope, Value};
    use crate::plan::Observed;

    fn creation(name: &str, is_deferred: bool) -> Step {
        let key = if is_deferred { ResourceKey::deferred("N/t", name, None) } else { ResourceKey::named("N/t", name) };
        Step {
            id: StepId::of_change(ChangeKind::Create, &key),
            operation: Operation::Change(Change {
                kind: ChangeKind::Create,
                key,
                symbol: name.into(),
                index: None,
                resource_type: "N/t".into(),
                api_version: "1".into(),
                name: if is_deferred { Value::id_of("other") } else { name.into() },
                body: Arc::new(Value::Null),
                initial: Vec::new(),
                after: Vec::new(),
            }),
            after: Vec::new(),
            reason: Reason::Missing,
        }
    }

    #[test]
    fn what_was_requested_and_not_finished_is_not_forgotten() {
        let steps =
            vec![creation("done", false), creation("begun", false), creation("role", true), creation("x", false)];
        let at = Timestamp::UNIX_EPOCH;
        let intended = |place: usize, name: Option<&str>| Record::Intended {
            at,
            step: steps[place].id.clone(),
            name: name.map(str::to_owned),
        };
        let records = vec![
            intended(0, None),
            Record::Finished { at, step: steps[0].id.clone(), applied: None },
            intended(1, None),
            intended(2, Some("a-guid")),
        ];
        let scope = Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "rg".into(),
            location: "westus2".into(),
        };
        let plan = Plan {
            format: Plan::FORMAT,
            verb: "deploy".into(),
            scope,
            steps: steps.clone(),
            unchanged: Vec::new(),
            known: Vec::new(),
            notes: Vec::new(),
        };
        let run = UnfinishedRun { plan, digest: String::new(), secrets: std::collections::BTreeMap::new(), records };
        let begun = begun(&run);
        let names: Vec<&str> = begun.values().map(|own| own.address.name.as_str()).collect();
        assert_eq!(names, ["a-guid", "begun"]);

        let observed: ObservedResources = begun
            .iter()
            .map(|(key, own)| {
                let observation = (own.address.name == "begun").then(|| Observation { body: Json::Null, etag: None });
                (key.clone(), Observed { address: Address::clone(&own.address), observation })
            })
            .collect();
        let (gone, left) = sort_out(&begun, &observed, |key| key.name() == "<role>", |_| false);
        assert_eq!(gone.iter().map(ResourceKey::name).collect::<Vec<_>>(), ["<role>"]);
        assert_eq!(left.keys().map(ResourceKey::name).collect::<Vec<_>>(), ["begun"]);
        assert_eq!(sort_out(&begun, &observed, |_| true, |_| true), (Vec::new(), AppliedResources::new()));
    }
}
