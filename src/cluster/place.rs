//! A folder belongs to one cluster in one place. Whatever contradicts that is refused before anything is looked at:
//! in another place nothing of the cluster would be found, and the state would be told that all of it is gone.

use super::{ClusterError, Definition, Session};
use crate::state::{Identity, Snapshot};

/// The session for a model: as given, with the resource group spelled as the state has it.
///
/// # Errors
/// Another place than the one in which the state knows resources.
pub(super) fn of_model(session: &Session, definition: &Definition) -> Result<Session, ClusterError> {
    let mut session = session.clone();
    let Some(snapshot) = definition.snapshot.as_ref().filter(|snapshot| !snapshot.applied.is_empty()) else {
        return Ok(session);
    };
    let known = &snapshot.identity;
    refuse_other(known, &session.identity(&definition.cluster.dns_prefix))?;
    // Azure has no case in names; keys and ids have.
    session.scope.resource_group.clone_from(&known.scope.resource_group);
    Ok(session)
}

/// For verbs that take the place from the state: the session may still be one with another target or subscription.
///
/// # Errors
/// Another place than the one in which the state knows resources.
pub(super) fn of_state(session: &Session, snapshot: &Snapshot) -> Result<(), ClusterError> {
    if snapshot.applied.is_empty() {
        return Ok(());
    }
    refuse_other(&snapshot.identity, &session.identity(&snapshot.identity.cluster))
}

fn refuse_other(known: &Identity, asked: &Identity) -> Result<(), ClusterError> {
    // A location may be written as people read it, `West US 2`.
    let plain = |location: &str| location.replace(' ', "");
    let pairs = [
        ("target", known.target.word().to_owned(), asked.target.word().to_owned()),
        ("subscription", known.scope.subscription_id.clone(), asked.scope.subscription_id.clone()),
        ("resource group", known.scope.resource_group.clone(), asked.scope.resource_group.clone()),
        ("location", plain(&known.scope.location), plain(&asked.scope.location)),
        ("name", known.cluster.clone(), asked.cluster.clone()),
    ];
    match pairs.into_iter().find(|(_, known, asked)| !known.eq_ignore_ascii_case(asked)) {
        None => Ok(()),
        Some((what, known, asked)) => Err(ClusterError::OtherPlace { what, known, asked }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;
    use crate::contract::TargetName;
    use crate::graph::Scope;

    fn identity(change: impl FnOnce(&mut Identity)) -> Identity {
        let scope = Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "rg".into(),
            location: "westus2".into(),
        };
        let mut identity = Identity { cluster: "c".into(), target: TargetName::Simulator, scope };
        change(&mut identity);
        identity
    }

    #[test]
    fn another_place_is_named_and_another_spelling_is_the_same_place() {
        let known = identity(|_| {});
        let refused = |asked: Identity| match refuse_other(&known, &asked) {
            Err(ClusterError::OtherPlace { what, .. }) => Some(what),
            _ => None,
        };
        assert_eq!(refused(identity(|_| {})), None);
        assert_eq!(refused(identity(|asked| asked.scope.resource_group = "RG".into())), None);
        assert_eq!(refused(identity(|asked| asked.scope.location = "West US 2".into())), None);
        assert_eq!(refused(identity(|asked| asked.target = TargetName::Azure)), Some("target"));
        assert_eq!(refused(identity(|asked| asked.scope.subscription_id = "o".into())), Some("subscription"));
        assert_eq!(refused(identity(|asked| asked.scope.resource_group = "o".into())), Some("resource group"));
        assert_eq!(refused(identity(|asked| asked.scope.location = "eastus".into())), Some("location"));
        assert_eq!(refused(identity(|asked| asked.cluster = "o".into())), Some("name"));
    }
}
