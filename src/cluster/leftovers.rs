//! What runs that were given up have left: resources that were requested and of which nobody has told the end.

use crate::contract::AppliedResources;
use crate::execute::attempted;
use crate::graph::ResourceKey;
use crate::plan::{ObservedResources, Plan, is_there};
use crate::state::UnfinishedRun;

/// The resources that a run has requested to be written and not finished, each with all that the engine may own of it (see
/// [`attempted`]). They may be there as the run wanted them, or come to be there. `applied` is what the state knows.
pub(super) fn begun(run: &UnfinishedRun<Plan>, applied: &AppliedResources) -> AppliedResources {
    attempted(&run.plan, applied, &run.records, &run.secrets)
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
        match (is_there(observed, key), is_known(key)) {
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
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use jiff::Timestamp;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::base::Secret;
    use crate::contract::{
        Address, Applied, Change, ChangeKind, Fault, FaultClass, Observation, Operation, Reason, Record, Step, StepId,
    };
    use crate::graph::{Reference, Scope, Value};
    use crate::plan::Observed;

    fn write(kind: ChangeKind, name: &str, is_deferred: bool, body: Value) -> Step {
        let key = if is_deferred { ResourceKey::deferred("N/t", name, None) } else { ResourceKey::named("N/t", name) };
        Step {
            id: StepId::of_change(kind, &key),
            operation: Operation::Change(Change {
                kind,
                key,
                symbol: name.into(),
                index: None,
                resource_type: "N/t".into(),
                api_version: "1".into(),
                name: if is_deferred { Value::id_of("other") } else { name.into() },
                body: Arc::new(body),
                initial: Vec::new(),
                after: Vec::new(),
            }),
            after: Vec::new(),
            reason: Reason::Missing,
        }
    }

    fn scope() -> Scope {
        Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "rg".into(),
            location: "westus2".into(),
        }
    }

    fn rules(names: &[&str]) -> Json {
        json!({ "rules": names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>() })
    }

    #[test]
    fn what_was_requested_and_not_finished_is_not_forgotten() {
        use ChangeKind::{Create, Delete, Update};
        let ssh = Value::object([("rules", Value::array([Value::object([("name", "ssh".into())])]))]);
        // An attribute that only a read tells, and that nobody reads any more.
        let address = Value::Reference(Reference::attribute("done", &["properties", "ip"]));
        let body = Value::object([("id", Value::id_of("done")), ("key", Value::secret("key")), ("ip", address)]);
        let steps = vec![
            write(Create, "done", false, Value::Null),
            write(Create, "begun", false, body),
            write(Create, "role", true, Value::Null),
            write(Create, "not-begun", false, Value::Null),
            write(Update, "group", false, ssh.clone()),
            write(Update, "failed", false, ssh),
            write(Delete, "deleted", false, Value::Null),
            write(Create, "refused", false, Value::Null),
            write(Create, "hindered", false, Value::Null),
        ];
        let at = Timestamp::UNIX_EPOCH;
        let intended = |place: usize, name: Option<&str>| Record::Intended {
            at,
            step: steps[place].id.clone(),
            name: name.map(str::to_owned),
        };
        let fault = |class| Fault::new(class, "", "no");
        let records = vec![
            intended(0, None),
            Record::Finished { at, step: steps[0].id.clone(), applied: None },
            intended(1, None),
            intended(2, Some("a-guid")),
            intended(4, None),
            intended(5, None),
            Record::Failed { at, step: steps[5].id.clone(), fault: fault(FaultClass::Unavailable) },
            intended(6, None),
            // If it is there, it is somebody else's.
            intended(7, None),
            Record::Failed { at, step: steps[7].id.clone(), fault: fault(FaultClass::Invalid) },
            // It failed before anything was requested.
            Record::Failed { at, step: steps[8].id.clone(), fault: fault(FaultClass::Unavailable) },
        ];
        let plan = Plan {
            format: Plan::FORMAT,
            verb: "deploy".into(),
            scope: scope(),
            steps: steps.clone(),
            unchanged: Vec::new(),
            known: Vec::new(),
            notes: Vec::new(),
        };
        let secrets = BTreeMap::from([("key".to_owned(), Secret::new("secret"))]);
        let run = UnfinishedRun { plan, digest: String::new(), secrets, records };
        let applied: AppliedResources = ["group", "failed", "deleted"]
            .into_iter()
            .map(|name| {
                let address = Address::new(&scope(), "N/t", "1", name).into();
                let own = Applied { address, body: rules(&["api"]), after: Vec::new() };
                (ResourceKey::named("N/t", name), own)
            })
            .collect();
        let begun = begun(&run, &applied);
        let names: Vec<&str> = begun.values().map(|own| own.address.name.as_str()).collect();
        assert_eq!(names, ["a-guid", "begun", "failed", "group"]);
        // Both what was there and what may be there by now are the engine's own.
        assert_eq!(begun[&ResourceKey::named("N/t", "group")].body, rules(&["ssh", "api"]));
        assert_eq!(begun[&ResourceKey::named("N/t", "failed")].body, rules(&["ssh", "api"]));
        let made = &begun[&ResourceKey::named("N/t", "begun")].body;
        assert_eq!((&made["id"], &made["ip"]), (&json!(scope().resource_id("N/t", "done")), &json!("")));
        assert!(made["key"]["digest"].as_str().unwrap().starts_with("sha256:"), "{made}");
    }

    #[test]
    fn what_is_not_wanted_is_gone_or_left() {
        let of = |name: &str| {
            let address = Address::new(&scope(), "N/t", "1", name).into();
            (ResourceKey::named("N/t", name), Applied { address, body: Json::Null, after: Vec::new() })
        };
        let applied = AppliedResources::from([of("known"), of("new")]);
        let observed: ObservedResources = applied
            .iter()
            .map(|(key, own)| {
                let observation = (key.name() == "new").then(|| Observation { body: Json::Null, etag: None });
                (key.clone(), Observed { address: Address::clone(&own.address), observation })
            })
            .collect();
        let (gone, left) = sort_out(&applied, &observed, |key| key.name() == "known", |_| false);
        assert_eq!(gone.iter().map(ResourceKey::name).collect::<Vec<_>>(), ["known"]);
        assert_eq!(left.keys().map(ResourceKey::name).collect::<Vec<_>>(), ["new"]);
        assert_eq!(sort_out(&applied, &observed, |_| true, |_| true), (Vec::new(), AppliedResources::new()));
    }
}
