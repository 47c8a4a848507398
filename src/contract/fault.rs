//! What can go wrong between the engine and a target, in classes that say what to do about it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What kind of fault it is. The class, not the message, decides what the executor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultClass {
    /// Too many requests. Wait as told, then try again.
    Throttled,
    /// A server error, a reset, a timeout: the effect is unknown. Read, compare, then try again.
    Transient,
    /// Another operation holds the resource or one it refers to. Try again soon.
    Busy,
    /// Something written a moment ago is not visible everywhere yet (a principal, a role). Try again soon.
    NotYet,
    /// It was changed by somebody since it was read. Read, compare, then write.
    Conflict,
    /// The operation's URL is unknown or expired. Read, compare, then write.
    OperationLost,
    /// There is nothing there, or its parent is missing.
    NotFound,
    /// A quota is used up.
    Quota,
    /// The cloud has no room for it at the moment, or not of this size in this place.
    Capacity,
    /// No permission, or a policy or a lock forbids it.
    Forbidden,
    /// The credentials are missing, wrong or expired.
    Authentication,
    /// The request is wrong; it will be wrong again.
    Invalid,
    /// The resource itself failed: a machine did not start, a script ended with an error.
    Failed,
    /// Nothing answers, or something that does not speak the protocol.
    Unavailable,
    /// A deadline of the engine has passed.
    TimedOut,
}

impl FaultClass {
    /// Whether the same request may succeed later without anybody doing anything.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Throttled
                | Self::Transient
                | Self::Busy
                | Self::NotYet
                | Self::Conflict
                | Self::OperationLost
                | Self::Unavailable
        )
    }
}

/// One fault, with its cause and a remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}{}", if .code.is_empty() { String::new() } else { format!(" ({})", .code) })]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// What kind it is.
    pub class: FaultClass,
    /// The target's own code, such as `SkuNotAvailable`; empty if it gave none.
    pub code: String,
    /// What happened, in one sentence, without secrets.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// How long the target asks to wait.
    pub retry_after: Option<Duration>,
    /// The id by which the target's support finds the request.
    pub request_id: Option<String>,
}

impl Fault {
    /// A fault of this class.
    pub fn new(class: FaultClass, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { class, code: code.into(), message: message.into(), help: None, retry_after: None, request_id: None }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
