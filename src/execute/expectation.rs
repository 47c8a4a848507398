//! How long a step is expected to take: the basis of its weight, of its first poll and of its deadline.

use crate::contract::{Act, ChangeKind, Operation};
use crate::plan::facts;

/// How many seconds a step is expected to take. An estimate: the type's own time for a creation, less for an update
/// and a deletion, and fixed figures for acts.
pub fn expected_seconds(operation: &Operation) -> u32 {
    match operation {
        Operation::Change(change) => {
            let creation = facts(&change.resource_type).expected_seconds;
            match change.kind {
                ChangeKind::Create => creation,
                ChangeKind::Update => creation.min(30),
                ChangeKind::Delete => creation.min(45),
            }
        }
        Operation::Act(act) => match act {
            Act::WaitUntilReady { .. } => 90,
            Act::CordonAndDrain { .. } => 60,
            Act::RunCommand { .. } => 30,
            Act::SnapshotEtcd { .. } => 10,
            Act::RemoveEtcdMember { .. } => 5,
            Act::RemoveNode { .. } | Act::RenewBootstrapToken => 1,
        },
    }
}
