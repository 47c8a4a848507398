//! Where a unit waits until what it said is durable. There is one for each step, made once for the whole run.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Waiting(Waker),
    Durable,
}

/// Where a unit waits.
#[derive(Default)]
pub(super) struct Slot(Mutex<State>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A state is written in one go.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the unit said last is durable: it goes on.
    pub(super) fn is_durable(&self) {
        if let State::Waiting(waker) = std::mem::replace(&mut *self.lock(), State::Durable) {
            waker.wake();
        }
    }

    /// Waits until what was said last is durable.
    pub(super) async fn durable(&self) {
        poll_fn(|context| {
            let mut state = self.lock();
            if matches!(*state, State::Durable) {
                *state = State::Idle;
                return Poll::Ready(());
            }
            *state = State::Waiting(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
