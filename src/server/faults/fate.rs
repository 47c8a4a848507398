//! What an operation was given to end otherwise than it should.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::format::Mishap;
use crate::server::places::text;
use crate::server::world::{Entry, Operation, Verb, World};

/// How an operation ends, or does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::server) enum Fate {
    /// So many seconds later, or never.
    Stuck(Option<f64>),
    /// Badly, by this error.
    Fails(Json),
    /// Well by its own account, with nothing changed; what was there before is here.
    Lies(Option<Box<Entry>>),
    /// As it should, but nobody is told.
    Forgotten,
}

impl Fate {
    /// The fate that a fault means for what a request begins.
    pub(super) fn of(fault: &Mishap, body: &Json) -> Option<Self> {
        Some(match fault {
            Mishap::Stuck { seconds } => Self::Stuck(*seconds),
            Mishap::Fails { code, message } => {
                let message =
                    message.as_deref().unwrap_or("The operation failed, as a rule of the simulator wants it.");
                Self::Fails(json!({ "code": code, "message": message }))
            }
            Mishap::Lies {} => Self::Lies(None),
            Mishap::Forgotten {} => Self::Forgotten,
            Mishap::Allocation { code } if !code.is_at_once() => {
                let (code, message) = code.words(size_in(body), text(body, "/location").unwrap_or_default());
                Self::Fails(json!({ "code": code, "message": message }))
            }
            _ => return None,
        })
    }

    /// Takes effect as the operation begins.
    pub(in crate::server) fn begin(&mut self, world: &World, operation: &mut Operation) {
        match self {
            Self::Stuck(None) => operation.end = i64::MAX,
            Self::Stuck(Some(seconds)) => {
                operation.end = operation.end.saturating_add(world.milliseconds(*seconds));
            }
            Self::Lies(before) => *before = world.entry(&operation.resource).map(Box::new),
            Self::Fails(_) | Self::Forgotten => {}
        }
    }

    /// Ends the operation if it ends by this fate and not as it should.
    pub(in crate::server) fn end(&self, world: &mut World, operation: &mut Operation) -> bool {
        let theirs = |world: &World| {
            let entry = world.entry(&operation.resource)?;
            (entry.operation.as_deref() == Some(operation.id.as_str()) || operation.verb == Verb::DeleteGroup)
                .then_some(entry)
        };
        match self {
            Self::Fails(error) => {
                if let Some(mut entry) = theirs(world) {
                    entry.state = "Failed".to_owned();
                    entry.operation = None;
                    entry.etag = world.uuid();
                    world.put_entry(&entry);
                }
                operation.status = "Failed".to_owned();
                operation.error = Some(error.clone());
                true
            }
            Self::Lies(before) => {
                match (theirs(world), before) {
                    (Some(_), Some(before)) => {
                        world.put_entry(&Entry {
                            operation: None,
                            state: if before.state.is_empty() { "" } else { "Succeeded" }.to_owned(),
                            ..before.as_ref().clone()
                        });
                    }
                    (Some(entry), None) => world.remove_entry(&entry.id),
                    (None, _) => {}
                }
                operation.status = "Succeeded".to_owned();
                true
            }
            Self::Stuck(_) | Self::Forgotten => false,
        }
    }
}

/// The size of the machines that a body asks for.
pub(super) fn size_in(body: &Json) -> &str {
    text(body, "/properties/hardwareProfile/vmSize").or_else(|| text(body, "/sku/name")).unwrap_or("Standard_D2s_v5")
}
