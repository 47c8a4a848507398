//! The work on a member of the cluster: ask whether it has happened, start it, ask until it has.

use std::sync::Arc;

use super::Then;
use super::ask::{Aim, Answer};
use super::unit::{Finish, Start, Unit};
use crate::contract::{Act, Action, Fault, FaultClass, OperationHandle, Progress};

enum Stage {
    Probe,
    Start,
    Ask { operation: OperationHandle, told: Option<std::time::Duration>, is_recorded: bool },
}

impl Unit {
    /// Does the act, unless its effect is there already.
    pub(super) async fn act(mut self, act: &Act, start: Start) -> Result<Option<Finish>, Fault> {
        let action = self.shared.actions.iter().find(|action| action.performs(act)).cloned().ok_or_else(|| {
            Fault::new(FaultClass::Invalid, "", format!("nothing here can {}", act.describe()))
                .help("the cluster cannot be reached in the way that this needs")
        })?;
        let mut stage = match start {
            Start::Fresh | Start::Unknown { .. } => Stage::Probe,
            Start::Accepted(operation) => {
                Stage::Ask { operation, told: Some(std::time::Duration::ZERO), is_recorded: true }
            }
        };
        loop {
            stage = match stage {
                Stage::Probe => match self.within(action.probe(act)).await {
                    Ok(true) => break,
                    Ok(false) => Stage::Start,
                    Err(fault) => {
                        self.after(fault).await?;
                        Stage::Probe
                    }
                },
                Stage::Start => {
                    if self.gives_up() {
                        return Ok(None);
                    }
                    self.intend(None).await;
                    match self.within(action.start(act)).await {
                        Ok(Progress::Done(_)) => break,
                        Ok(Progress::Running(operation, told)) => Stage::Ask { operation, told, is_recorded: false },
                        Err(fault) => match self.after(fault).await? {
                            Then::Repeat => Stage::Start,
                            Then::Look => Stage::Probe,
                        },
                    }
                }
                Stage::Ask { operation, told, is_recorded } => {
                    match self.ask_action(&action, act, operation, told, is_recorded).await? {
                        Answer::Done(_) => break,
                        Answer::Look => Stage::Probe,
                    }
                }
            };
        }
        Ok(Some(Finish { address: None, observation: None, applied: None }))
    }

    async fn ask_action(
        &mut self,
        action: &Arc<dyn Action>,
        act: &Act,
        operation: OperationHandle,
        told: Option<std::time::Duration>,
        is_recorded: bool,
    ) -> Result<Answer, Fault> {
        let poll = |operation: OperationHandle| async move { action.poll(act, &operation).await };
        // The peers are the cluster's own and have no budget.
        let aim = Aim { resource: None, goes: false, is_new: false };
        self.ask(aim, operation, told, is_recorded, poll).await
    }
}
