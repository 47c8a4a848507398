//! The work on a resource: create, update, delete.
//!
//! A creation that nobody has begun is written at once, since the plan saw that nothing is there. Everything else begins
//! by looking: what is there, is the target still at work on it, is it as wanted already?

use std::sync::Arc;

use super::Then;
use super::ask::{Aim, Answer};
use super::compare::{Wanted, applied, body_to_send, is_settled};
use super::unit::{Finish, Start, Unit};
use crate::contract::{
    Address, Change, ChangeKind, Fault, FaultClass, Observation, OperationHandle, Progress, RequestKind,
};
use crate::graph::{Reference, Unresolved};
use crate::plan::facts;

/// What is done next.
enum Stage {
    Look,
    Write(Option<Observation>),
    Ask { operation: OperationHandle, told: Option<std::time::Duration>, is_recorded: bool },
}

impl Stage {
    fn first(start: Start, is_known_absent: bool) -> Self {
        match start {
            Start::Fresh if is_known_absent => Self::Write(None),
            Start::Fresh | Start::Unknown { .. } => Self::Look,
            Start::Accepted(operation) => {
                Self::Ask { operation, told: Some(std::time::Duration::ZERO), is_recorded: true }
            }
        }
    }
}

impl Unit {
    /// Does what the change says.
    pub(super) async fn change(self, change: &Change, start: Start) -> Result<Option<Finish>, Fault> {
        match change.kind {
            ChangeKind::Create | ChangeKind::Update => self.put(change, start).await,
            ChangeKind::Delete => self.delete(change, start).await,
        }
    }

    async fn put(mut self, change: &Change, start: Start) -> Result<Option<Finish>, Fault> {
        let address = self.wanted(change).await?;
        let shared = self.shared.clone();
        let prior = shared.applied.get(&change.key).map(|applied| &applied.body);
        let name = deferred_name(change, &address);
        // Worked out when it is needed, and not kept: thousands of steps wait at the same time.
        let wanted = || {
            let digested = shared.world().resolve_digested(&change.body, change.index, &*shared.secrets);
            let digested = digested.map_err(|cause| unresolved(&cause))?;
            Ok::<_, Fault>(Wanted { address: Arc::clone(&address), digested })
        };
        // Whether one was new that another run began is not known.
        let mut is_new = change.kind == ChangeKind::Create && !matches!(start, Start::Accepted(_));
        let mut stage = Stage::first(start, change.kind == ChangeKind::Create);
        let mut looks = 0;
        // Whether nothing but its operation could tell that it is made, and that does not tell any more.
        let mut is_doubtful = false;
        let observation = loop {
            stage = match stage {
                Stage::Look => match Box::pin(self.observe(&address)).await? {
                    Some(there) if there.is_in_progress() => {
                        looks += 1;
                        self.idle(looks).await?;
                        Stage::Look
                    }
                    Some(there) if !is_doubtful && is_settled(&*shared.target, change, &wanted()?, prior, &there) => {
                        break Some(there);
                    }
                    there => Stage::Write(there),
                },
                Stage::Write(there) => {
                    is_new &= there.is_none();
                    let etag = there
                        .as_ref()
                        .filter(|_| facts(&change.resource_type).honours_etag)
                        .and_then(|there| there.etag.as_deref());
                    let Some(charges) = self.pace_to_write(RequestKind::Write, &change.resource_type).await else {
                        return Ok(None);
                    };
                    self.intend(name.clone()).await;
                    let answer = {
                        let body = shared.world().resolve(&change.body, change.index, &*shared.secrets);
                        let body = body.map_err(|cause| unresolved(&cause))?;
                        let body = body_to_send(change, body, prior, there.as_ref());
                        self.paced(charges, shared.target.apply(&address, &body, etag)).await
                    };
                    match answer {
                        Ok(Progress::Done(observation)) => break observation,
                        Ok(Progress::Running(operation, told)) => Stage::Ask { operation, told, is_recorded: false },
                        Err(fault) => match Box::pin(self.after(fault)).await? {
                            // What was read before the wait may have changed since.
                            Then::Repeat if there.is_none() => Stage::Write(None),
                            Then::Repeat | Then::Look => Stage::Look,
                        },
                    }
                }
                Stage::Ask { operation, told, is_recorded } => {
                    let aim = Aim { resource: Some(&address), goes: false, is_new };
                    // Written once more it has an operation that tells.
                    is_doubtful = operation.reads_as_made;
                    match Box::pin(self.ask_target(aim, operation, told, is_recorded)).await? {
                        Answer::Done(observation) => break observation,
                        Answer::Look => Stage::Look,
                    }
                }
            };
        };
        let applied = applied(change, wanted()?, prior);
        Ok(Some(Finish { address: Some(address), observation, applied: Some(applied) }))
    }

    async fn delete(mut self, change: &Change, start: Start) -> Result<Option<Finish>, Fault> {
        let address = self.shared.world().address_of(self.step, change).map_err(|cause| unresolved(&cause))?;
        let target = self.shared.target.clone();
        let name = deferred_name(change, &address);
        let mut stage = match start {
            // Its parent is gone, and it most likely too.
            Start::Fresh if facts(&change.resource_type).goes_with_parent => Stage::Look,
            Start::Fresh => Stage::Write(None),
            start => Stage::first(start, false),
        };
        let mut looks = 0;
        loop {
            stage = match stage {
                Stage::Look => match Box::pin(self.observe(&address)).await? {
                    None => break,
                    Some(there) if there.is_in_progress() => {
                        looks += 1;
                        self.idle(looks).await?;
                        Stage::Look
                    }
                    Some(_) => Stage::Write(None),
                },
                Stage::Write(_) => {
                    let Some(charges) = self.pace_to_write(RequestKind::Delete, &change.resource_type).await else {
                        return Ok(None);
                    };
                    self.intend(name.clone()).await;
                    match self.paced(charges, target.delete(&address)).await {
                        Ok(Progress::Done(_)) => break,
                        Ok(Progress::Running(operation, told)) => Stage::Ask { operation, told, is_recorded: false },
                        Err(fault) if fault.class == FaultClass::NotFound => break,
                        Err(fault) => match Box::pin(self.after(fault)).await? {
                            Then::Repeat => Stage::Write(None),
                            Then::Look => Stage::Look,
                        },
                    }
                }
                Stage::Ask { operation, told, is_recorded } => {
                    let aim = Aim { resource: Some(&address), goes: true, is_new: false };
                    match Box::pin(self.ask_target(aim, operation, told, is_recorded)).await? {
                        Answer::Done(_) => break,
                        Answer::Look => Stage::Look,
                    }
                }
            };
        }
        Ok(Some(Finish { address: Some(address), observation: None, applied: None }))
    }

    async fn ask_target(
        &mut self,
        aim: Aim<'_>,
        operation: OperationHandle,
        told: Option<std::time::Duration>,
        is_recorded: bool,
    ) -> Result<Answer, Fault> {
        let target = self.shared.target.clone();
        let poll = |operation: OperationHandle| {
            let target = target.clone();
            async move { target.poll(&operation).await }
        };
        self.ask(aim, operation, told, is_recorded, poll).await
    }

    /// Sees to it that neither name nor body has anything deferred any more, and gives the address. What is not known
    /// of a finished resource is read if it is needed for that.
    async fn wanted(&mut self, change: &Change) -> Result<Arc<Address>, Fault> {
        let mut read_again = false;
        loop {
            let resolved = {
                let world = self.shared.world();
                world.address_of(self.step, change).and_then(|address| {
                    world.check(&change.body, change.index, &*self.shared.secrets)?;
                    Ok(address)
                })
            };
            let reference = match resolved {
                Ok(address) => return Ok(address),
                Err(Unresolved::Attribute(reference)) => reference,
                Err(cause) => return Err(unresolved(&cause)),
            };
            let mut to_read = self.shared.world().to_read(&reference, change.index, false);
            if to_read.is_empty() && !read_again {
                // What was read at the end of its step lacks the attribute: it may have come since.
                read_again = true;
                to_read = self.shared.world().to_read(&reference, change.index, true);
            }
            if to_read.is_empty() {
                return Err(unresolved(&Unresolved::Attribute(reference)));
            }
            for address in to_read {
                Box::pin(self.read_for(&reference, &address)).await?;
            }
        }
    }

    async fn read_for(&mut self, reference: &Reference, address: &Address) -> Result<(), Fault> {
        let Some(observation) = self.observe(address).await? else {
            let message = format!("{} {}, to which this refers, is gone", address.resource_type, address.name);
            return Err(Fault::new(FaultClass::NotFound, "", message)
                .help("something else has deleted it: run `engine plan` to see what is missing"));
        };
        self.shared.world_mut().read(reference, address, observation);
        Ok(())
    }
}

/// The name that the journal has to remember, if it was deferred.
fn deferred_name(change: &Change, address: &Address) -> Option<String> {
    (change.key.name() != address.name).then(|| address.name.clone())
}

fn unresolved(cause: &Unresolved) -> Fault {
    let help = match cause {
        Unresolved::Attribute(_) => "the resource that it names does not tell this attribute",
        Unresolved::Secret(_) => "run the verb again from the cluster's folder, where its secrets are",
        Unresolved::Function(_) => "the plan does not fit what is there: make it anew",
    };
    Fault::new(FaultClass::Invalid, "", cause.to_string()).help(help)
}
