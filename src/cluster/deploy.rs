//! `deploy` and `plan`: makes the world as the model says. Never deletes a machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::leftovers::{begun, sort_out};
use super::lost::lost;
use super::{Basis, ClusterError, Definition, Demand, Form, Prepared, Session, generate, observe, place, vaults};
use crate::contract::{Address, Applied, AppliedResources, ChangeKind, Operation, Support};
use crate::expand::{Instruction, instructions};
use crate::graph::{ResourceGraph, ResourceKey};
use crate::plan::{ObservedResources, Plan, Removal, Request, Secrets, World, is_there, plan};

/// Observes and plans. With `lock`, the state's lock is taken first and held by what is returned, for a run to follow.
///
/// # Errors
/// Whatever keeps a plan from being made; nothing has been changed then.
pub async fn prepare_deploy(session: &Session, definition: Definition, lock: bool) -> Result<Prepared, ClusterError> {
    prepare(session, definition, "deploy", Removal::KeepMachines, lock).await
}

/// The part that `deploy` and `scale` share.
pub(super) async fn prepare(
    session: &Session,
    mut definition: Definition,
    verb: &str,
    removal: Removal,
    lock: bool,
) -> Result<Prepared, ClusterError> {
    let store = definition.store.clone();
    let locked = if lock {
        let locked = store.lock(verb, session.clock.as_ref(), &session.environment)?;
        // Somebody may have finished between the first look and the lock.
        definition.snapshot = locked.snapshot()?;
        Some(locked)
    } else {
        None
    };
    let session = &place::of_model(session, &definition)?;
    let given_up = store.unfinished::<Plan>()?;
    let identity = session.identity(&definition.cluster.dns_prefix);

    let mut expansion = definition.expand(&session.scope)?;
    refuse_unsupported(session, &expansion.graph)?;
    expansion.secrets.extend(vaults::read(session, &expansion.in_key_vaults).await?);
    let known = definition.applied();
    let mut applied = definition.comparable(known.clone(), &expansion.secrets)?;
    // A run in another place, which has finished nothing there, tells nothing of this one.
    let is_here = definition.snapshot.as_ref().is_some_and(|snapshot| snapshot.identity.is_same_place(&identity));
    let begun = given_up.as_ref().filter(|_| is_here).map(|run| begun(run, &applied)).unwrap_or_default();
    applied.extend(definition.comparable(begun.clone(), &expansion.secrets)?);
    let observed =
        observe(&session.target, &session.scope, Some(&expansion.graph), &expansion.secrets, &applied).await?;
    let normalise = |address: &Address, body| session.target.normalise(address, body);
    let mut plan = plan(&Request {
        verb,
        graph: &expansion.graph,
        observed: &observed,
        applied: &applied,
        secrets: &expansion.secrets,
        normalise: &normalise,
        removal,
    })?;
    plan.notes.extend(lost(&definition, &expansion.graph, &known, &observed)?);
    let due = instructions(&definition.cluster, &session.scope.resource_group);
    let due: Vec<String> = due.iter().filter(|told| is_due(told, &plan)).map(Instruction::lines).collect();
    plan.notes.extend(due);
    let mut adopted = adopted(&expansion.graph, &observed, &plan, &applied, &expansion.secrets);
    // Should this run be given up too before it comes to them, the next one still knows what may be the engine's own; and so it does
    // where a request that is on its way yet changes what seems to be as it should be.
    adopted.extend(begun.into_iter().filter(|(key, _)| is_there(&observed, key)));
    let is_wanted = |key: &ResourceKey| expansion.graph.node(key).is_some();
    let (gone, left) = sort_out(&applied, &observed, |key| known.contains_key(key), is_wanted);
    adopted.extend(left);
    let files = generate(&definition, &Form::default())?.files;
    let model = files.content(std::path::Path::new("apimodel.json")).map(String::from_utf8_lossy).unwrap_or_default();
    let basis = Basis::new(
        definition.snapshot.as_ref(),
        &definition.keys.cluster_ca.key,
        &model,
        &expansion.secrets,
        &observed,
        &plan,
    );
    let world = World { graph: &expansion.graph, observed: &observed, secrets: &expansion.secrets };
    let demand = Demand::of_plan(&plan, Some(&world));
    Ok(Prepared {
        demand,
        basis,
        gives_up: given_up.map(|run| run.plan.verb),
        gone,
        identity,
        secrets: expansion.secrets,
        files,
        adopted,
        applied,
        authority_hash: Some(definition.keys.authority_hash()?),
        store,
        locked,
        plan,
    })
}

/// Whether a step makes what calls for it: who has done as told is not told again.
fn is_due(instruction: &Instruction, plan: &Plan) -> bool {
    plan.steps.iter().any(|step| match &step.operation {
        Operation::Change(change) => {
            change.kind == ChangeKind::Create && instruction.after.iter().any(|symbol| **symbol == *change.symbol)
        }
        Operation::Act(_) => false,
    })
}

/// What the target cannot make is told before anything is made.
fn refuse_unsupported(session: &Session, graph: &ResourceGraph) -> Result<(), ClusterError> {
    let mut reasons = BTreeMap::new();
    let mut helps = Vec::new();
    for resource in graph.declarations() {
        if let Support::No { reason, help } = session.target.supports(&resource.resource_type, &resource.api_version) {
            reasons.insert(Arc::clone(&resource.resource_type), reason);
            if !helps.contains(&help) {
                helps.push(help);
            }
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    let reasons = reasons.into_iter().map(|(resource_type, reason)| format!("{resource_type}: {reason}")).collect();
    Err(ClusterError::Unsupported { target: session.target.name(), reasons, help: helps.join("; ") })
}

/// Resources that are as they should be and that the state does not know: another run of the engine made them, and its
/// state was lost.
fn adopted(
    graph: &ResourceGraph,
    observed: &ObservedResources,
    plan: &Plan,
    applied: &AppliedResources,
    secrets: &dyn Secrets,
) -> AppliedResources {
    let world = World { graph, observed, secrets };
    let mut adopted = AppliedResources::new();
    for key in plan.unchanged.iter().filter(|key| !applied.contains_key(*key)) {
        let (Some(node), Some(seen)) = (graph.node(key), observed.get(key)) else { continue };
        if let Ok(body) = node.resource.body().resolve_digested(&world.context(node)) {
            let after = graph.dependencies(key).into_iter().map(|needed| needed.key.clone()).collect();
            adopted.insert(key.clone(), Applied { address: seen.address.clone().into(), body, after });
        }
    }
    adopted
}
