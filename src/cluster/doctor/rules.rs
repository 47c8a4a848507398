//! What is allowed: permissions, locks and policies, held against what is to be done, without asking anybody.

use serde_json::Value as Json;

use super::{Demand, Finding, Verdict};
use crate::graph::Scope;

/// Whether an action is among those that one of the grants gives and does not take back. `*` stands for anything.
pub(super) fn is_granted(granted: &[Json], action: &str) -> bool {
    granted.iter().any(|grant| {
        let any = |field: &str| {
            let patterns = grant.get(field).and_then(Json::as_array).into_iter().flatten();
            patterns.filter_map(Json::as_str).any(|pattern| matches(pattern, action))
        };
        any("actions") && !any("notActions")
    })
}

fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return pattern == action };
    let Some(mut rest) = action.strip_prefix(first) else { return false };
    for part in middle {
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
    }
    rest.ends_with(last)
}

/// Whether an id is that of a scope or of something in it.
fn is_within(id: &str, scope: &str) -> bool {
    id.get(..scope.len()).is_some_and(|head| head.eq_ignore_ascii_case(scope))
        && matches!(id.as_bytes().get(scope.len()), None | Some(b'/'))
}

/// Locks, each with its level, that forbid what is to be done; and those that let it be done but keep the cluster from being
/// deleted. What a lock forbids is from memory of Azure's documentation of locks.
pub(super) fn judge_locks(locks: &[Json], demand: &Demand, scope: &Scope) -> Finding {
    let of = |lock: &Json| {
        let id = lock["id"].as_str().unwrap_or_default();
        let end = id.to_ascii_lowercase().find("/providers/microsoft.authorization/locks/");
        end.map_or_else(String::new, |end| id[..end].to_owned())
    };
    let told = |lock: &Json, of: &str| {
        let level = lock.pointer("/properties/level").and_then(Json::as_str).unwrap_or_default();
        format!("{} ({level}, on {of})", lock["name"].as_str().unwrap_or_default())
    };
    let (mut against_writing, mut against_deleting, mut later) = (Vec::new(), Vec::new(), Vec::new());
    for lock in locks {
        let on = of(lock);
        let is_read_only = lock
            .pointer("/properties/level")
            .and_then(Json::as_str)
            .is_some_and(|level| level.eq_ignore_ascii_case("ReadOnly"));
        // With what is deleted goes what is in it.
        if demand.deletes.iter().any(|id| is_within(id, &on) || is_within(&on, id)) {
            against_deleting.push(told(lock, &on));
        } else if is_read_only && demand.writes.iter().any(|id| is_within(id, &on)) {
            against_writing.push(told(lock, &on));
        } else if is_within(&scope.group_id(), &on) || is_within(&on, &scope.group_id()) {
            later.push(told(lock, &on));
        }
    }
    let about = "locks".to_owned();
    let finding = |verdict, message, help: &str| Finding { about, verdict, message, help: Some(help.to_owned()) };
    let forbidding: Vec<String> = [("changed", against_writing), ("deleted", against_deleting)]
        .into_iter()
        .filter(|(_, locks)| !locks.is_empty())
        .map(|(what, locks)| format!("nothing can be {what} because of {}", locks.join(", ")))
        .collect();
    if !forbidding.is_empty() {
        let help = "Remove the lock (`az lock list`, `az lock delete --ids`), or ask whoever set it.";
        return finding(Verdict::Bad, forbidding.join("; "), help);
    }
    if !later.is_empty() {
        let help = "What is to be done now works. `destroy` and scaling down need the lock removed first.";
        return finding(Verdict::Note, format!("there is {}", later.join(", ")), help);
    }
    Finding { help: None, ..finding(Verdict::Good, "none stands in the way".to_owned(), "") }
}

/// What the answer to `checkPolicyRestrictions` says of something that is to be made: the assignments that would deny it.
/// The path, version and request are those of the specification's example for 2022-03-01 (azure-rest-api-specs-examples,
/// a stored copy read 2026-11-28); the form of the answer is from memory.
pub(super) fn denying(answer: &Json) -> Vec<String> {
    let evaluations = answer.pointer("/contentEvaluationResult/policyEvaluations").and_then(Json::as_array);
    let denies = |evaluation: &&Json| {
        // Later versions tell of policies that only audit, too.
        let effect = evaluation.pointer("/effectDetails/policyEffect").and_then(Json::as_str).unwrap_or("Deny");
        evaluation["evaluationResult"] == "NonCompliant" && effect.eq_ignore_ascii_case("Deny")
    };
    let name = |evaluation: &Json| {
        let part = |name: &str| evaluation.pointer(&format!("/policyInfo/{name}")).and_then(Json::as_str);
        let assignment = part("policyAssignmentId").or_else(|| part("policyAssignmentName"));
        assignment.or_else(|| part("policyDefinitionId")).unwrap_or("a policy").to_owned()
    };
    evaluations.into_iter().flatten().filter(denies).map(name).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::super::demand::{ACTIONS, ASSIGN_ROLES};
    use super::*;

    #[test]
    fn what_is_allowed_is_read_with_its_wildcards() {
        let contributor = json!({ "actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write", "Microsoft.Authorization/*/Delete"] });
        let administrator = json!({ "actions": ["*/read", "Microsoft.Authorization/*"], "notActions": [] });
        let both = [contributor.clone(), administrator];
        assert!(ACTIONS.iter().all(|action| is_granted(std::slice::from_ref(&contributor), action)));
        assert!(!is_granted(&[contributor], ASSIGN_ROLES));
        assert!(is_granted(&both, ASSIGN_ROLES));
        let network = [json!({ "actions": ["Microsoft.Network/virtualNetworks/*"] })];
        assert!(is_granted(&network, "microsoft.network/virtualnetworks/write"));
        assert!(!is_granted(&network, "Microsoft.Network/networkInterfaces/write"));
        assert!(!is_granted(&[], ACTIONS[0]));
    }

    #[test]
    fn a_lock_counts_where_something_is_to_be_done() {
        let scope = Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "g".into(),
            location: "l".into(),
        };
        let lock = |of: &str, level: &str| {
            let id = format!("{of}/providers/Microsoft.Authorization/locks/keep");
            json!({ "id": id, "name": "keep", "properties": { "level": level } })
        };
        let machine = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m";
        let other = "/subscriptions/s/resourceGroups/g2";
        let verdict = |locks: &[Json], writes: &str, deletes: &str| {
            let set = |id: &str| Some(id.to_owned()).filter(|id| !id.is_empty()).into_iter().collect();
            let demand = Demand { writes: set(writes), deletes: set(deletes), ..Demand::default() };
            judge_locks(locks, &demand, &scope).verdict
        };
        let (of_group, of_all) = (scope.group_id().to_uppercase(), "/subscriptions/s");
        assert_eq!(verdict(&[lock(&of_group, "ReadOnly")], machine, ""), Verdict::Bad);
        assert_eq!(verdict(&[lock(of_all, "ReadOnly")], machine, ""), Verdict::Bad);
        assert_eq!(verdict(&[lock(of_all, "CanNotDelete")], machine, ""), Verdict::Note);
        assert_eq!(verdict(&[lock(&of_group, "CanNotDelete")], "", machine), Verdict::Bad);
        // Another machine's.
        assert_eq!(verdict(&[lock(&format!("{machine}2"), "CanNotDelete")], "", machine), Verdict::Note);
        // With the group goes what is in it.
        assert_eq!(verdict(&[lock(machine, "CanNotDelete")], "", &scope.group_id()), Verdict::Bad);
        assert_eq!(verdict(&[lock(other, "ReadOnly")], machine, &scope.group_id()), Verdict::Good);
        assert_eq!(verdict(&[], machine, machine), Verdict::Good);
    }

    #[test]
    fn only_what_denies_is_denying() {
        let evaluation = |result: &str, effect: Option<&str>| {
            let mut told = json!({ "policyInfo": { "policyAssignmentId": "/a/small" }, "evaluationResult": result });
            if let Some(effect) = effect {
                told["effectDetails"] = json!({ "policyEffect": effect });
            }
            told
        };
        let answer = |told: Json| json!({ "contentEvaluationResult": { "policyEvaluations": [told] } });
        assert_eq!(denying(&answer(evaluation("NonCompliant", None))), ["/a/small"]);
        assert_eq!(denying(&answer(evaluation("NonCompliant", Some("deny")))), ["/a/small"]);
        assert!(denying(&answer(evaluation("NonCompliant", Some("Audit")))).is_empty());
        assert!(denying(&answer(evaluation("Compliant", None))).is_empty());
        assert!(denying(&json!({})).is_empty());
    }
}
