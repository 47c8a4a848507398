//! Whether the world is still as a plan was made for. Asked after a person has thought about the plan: what was shown is
//! what runs, or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::observe::read_all;
use super::{ClusterError, Prepared, Session};
use crate::contract::{Address, ChangeKind, Operation, Target};
use crate::plan::{ObservedResources, Plan};

impl Prepared {
    /// Refuses the plan if something that it creates is there by now, or something that it changes or deletes is not.
    ///
    /// # Errors
    /// [`ClusterError::Stale`] with what has moved, or a target that does not answer.
    pub async fn refuse_stale(&self, session: &Session) -> Result<(), ClusterError> {
        refuse_stale(&session.target, &self.plan).await
    }
}

async fn refuse_stale(target: &Arc<dyn Target>, plan: &Plan) -> Result<(), ClusterError> {
    let mut kinds = BTreeMap::new();
    let mut wanted = Vec::new();
    for step in &plan.steps {
        let Operation::Change(change) = &step.operation else { continue };
        // What has no name yet cannot be there.
        let Some(name) = change.name.as_str() else { continue };
        // Of a deletion and a creation in its place, the one that comes first says how things are now.
        kinds.entry(change.key.clone()).or_insert(change.kind);
        let address = Address::new(&plan.scope, &change.resource_type, &change.api_version, name);
        wanted.push((change.key.clone(), address));
    }
    let mut observed = ObservedResources::new();
    read_all(target, wanted, &mut observed).await?;
    let mut moved: Vec<String> = kinds
        .into_iter()
        .filter_map(|(key, kind)| {
            let seen = observed.get(&key)?;
            match (kind, seen.observation.is_some()) {
                (ChangeKind::Create, true) => Some(format!("{} is there by now", seen.address.name)),
                (ChangeKind::Update | ChangeKind::Delete, false) => {
                    Some(format!("{} is not there any more", seen.address.name))
                }
                _ => None,
            }
        })
        .collect();
    moved.sort();
    if moved.is_empty() { Ok(()) } else { Err(ClusterError::Stale { moved }) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::{Change, Reason, Step, StepId};
    use crate::graph::{ResourceKey, Scope, Value};
    use crate::target::memory::MemoryTarget;

    const TYPE: &str = "Microsoft.Network/virtualNetworks";

    fn plan(kinds: &[(ChangeKind, &str)]) -> Plan {
        let steps = kinds.iter().map(|(kind, name)| {
            let key = ResourceKey::named(TYPE, name);
            let change = Change {
                kind: *kind,
                key: key.clone(),
                symbol: (*name).into(),
                index: None,
                resource_type: TYPE.into(),
                api_version: "1".into(),
                name: (*name).into(),
                body: Arc::new(Value::object([])),
                initial: Vec::new(),
                after: Vec::new(),
            };
            let id = StepId::of_change(*kind, &key);
            Step { id, operation: Operation::Change(change), after: Vec::new(), reason: Reason::Missing }
        });
        let scope = Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "g".into(),
            location: "l".into(),
        };
        Plan {
            format: Plan::FORMAT,
            verb: "deploy".into(),
            scope,
            steps: steps.collect(),
            unchanged: Vec::new(),
            known: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_world_that_has_moved_since_is_told_by_name() {
        let target: Arc<dyn Target> = Arc::new(MemoryTarget::new());
        let shown = plan(&[(ChangeKind::Create, "new"), (ChangeKind::Delete, "old")]);
        let address = |name: &str| Address::new(&shown.scope, TYPE, "1", name);
        assert!(target.apply(&address("old"), &json!({}), None).await.is_ok());
        assert!(refuse_stale(&target, &shown).await.is_ok());

        assert!(target.apply(&address("new"), &json!({}), None).await.is_ok());
        assert!(target.delete(&address("old")).await.is_ok());
        let error = refuse_stale(&target, &shown).await;
        let Err(ClusterError::Stale { moved }) = error else { panic!("{error:?}") };
        assert_eq!(moved, ["new is there by now", "old is not there any more"]);
    }
}
