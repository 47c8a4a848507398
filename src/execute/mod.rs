//! Carries a plan out: every step after those it waits for, as many at a time as the target's budget allows, each
//! intention durable before its request, each failure stopping only what depends on it.
//!
//! - [`execute`] takes a [`Run`] and gives a [`Summary`](crate::contract::Summary).
//! - [`Queue`] decides what is next. It is pure: no I/O, no clock, no task.
//! - [`Replay`] is what the journal of an interrupted run says about each step, and [`attempted`] what that run may have
//!   applied without having seen the end of it.
//! - [`Pacing`] decides which request may be made when. It is pure, too; the budgets are the target's.
//! - [`Durations`] is how long things take, learnt from how long they took.
//! - [`Settings`] holds retries, deadlines and polling as data.
//!
//! Deliberately absent: how a plan is found (`plan`), any protocol (`target`), where the journal is kept (`state`), and
//! how events look (`view`).

mod act;
mod ask;
mod asked;
mod attempted;
mod cancel;
mod change;
mod compare;
mod dispatch;
mod durations;
mod error;
mod expectation;
mod gate;
mod harvest;
mod kinds;
mod pacing;
mod queue;
mod replay;
mod retry;
mod run;
mod settings;
mod slot;
mod under_way;
mod unit;
mod world;

pub use attempted::attempted;
pub use cancel::{Cancel, CancelLevel};
pub use dispatch::{MANY_STEPS, execute};
pub use durations::{Durations, Estimate};
pub use error::ExecuteError;
pub use expectation::expected_seconds;
pub use pacing::Pacing;
pub use queue::{Node, Queue, QueueError};
pub use replay::{Reached, Replay};
pub use retry::{Retries, Retry, Then};
pub use run::Run;
pub use settings::{Deadlines, Polling, Settings};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]
mod tests;
