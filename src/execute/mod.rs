//! Carries a plan out: every step after those it waits for, as many at a time as the target's budget allows, each
//! intention durable before its request, each failure stopping only what depends on it.
//!
//! - [`execute`] takes a [`Run`] and gives a [`Summary`](crate::contract::Summary).
//! - [`Queue`] decides what is next. It is pure: no I/O, no clock, no task.
//! - [`Replay`] is what the journal of an interrupted run says about each step.
//! - [`Settings`] holds pacing, retries, deadlines and polling as data.
//!
//! Deliberately absent: how a plan is found (`plan`), any protocol (`target`), where the journal is kept (`state`), and
//! how events look (`view`).

mod act;
mod cancel;
mod change;
mod compare;
mod dispatch;
mod error;
mod expectation;
mod pacing;
mod queue;
mod replay;
mod retry;
mod run;
mod settings;
mod unit;
mod world;

pub use cancel::{Cancel, CancelLevel};
pub use dispatch::execute;
pub use error::ExecuteError;
pub use expectation::expected_seconds;
pub use pacing::{Bucket, Kind, Pacing};
pub use queue::{Node, Queue, QueueError};
pub use replay::{Reached, Replay};
pub use retry::{Retries, Retry, Then};
pub use run::Run;
pub use settings::{Deadlines, Polling, Settings};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]
mod tests;
