//! A clock that stands still while a request is in flight, and moves on at once when all who follow it wait.
//!
//! A client follows it by asking `POST /simulator/clock?until=<milliseconds of Unix time>` whenever it has nothing to do
//! before that moment: the answer comes when it is that moment, which is at once if nobody else is at work. For a client
//! that does not follow it, the clock moves by what a `Retry-After` tells it to wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::oneshot;

use super::exchange::{Refusal, Request, Response};
use crate::base::{Clock as _, SteppedClock};

/// The clock, and who waits for it.
pub(super) struct VirtualClock {
    clock: SteppedClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    in_flight: usize,
    /// Who waits until when, in milliseconds; the number keeps two of the same moment apart.
    waiting: BTreeMap<(i64, u64), oneshot::Sender<()>>,
    next: u64,
    is_followed: bool,
}

/// A request in flight; the clock stands still until it is dropped.
pub(super) struct InFlight(Arc<VirtualClock>);

impl VirtualClock {
    pub(super) fn new(clock: SteppedClock) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.lock().in_flight += 1;
        InFlight(Arc::clone(self))
    }

    /// Whether a request is one that waits for the clock.
    pub(super) fn is_wait(method: &str, path: &str) -> bool {
        method == "POST" && path == "/simulator/clock"
    }

    /// Answers a request that waits for the clock, when it is time.
    pub(super) async fn wait(&self, request: &Request) -> Response {
        let until = request.query("until").and_then(|until| until.parse::<i64>().ok());
        let Some(until) = until.filter(|until| Timestamp::from_millisecond(*until).is_ok()) else {
            return Refusal::new(400, "InvalidParameter", "The query parameter 'until' is no time.").into();
        };
        let (sender, reached) = oneshot::channel();
        {
            let mut state = self.lock();
            let number = state.next;
            state.next += 1;
            state.is_followed = true;
            state.waiting.insert((until, number), sender);
            self.move_on(&mut state);
        }
        // The sender is kept until it is time.
        let _ = reached.await;
        Response::json(200, json!({ "now": self.clock.now().as_millisecond() }))
    }

    /// An answer told a client that does not follow to come again after so many milliseconds.
    pub(super) fn told_to_wait(&self, milliseconds: i64) {
        let state = self.lock();
        if !state.is_followed && state.in_flight <= 1 {
            self.advance(self.clock.now().as_millisecond().saturating_add(milliseconds.clamp(0, 3_600_000)));
        }
    }

    fn advance(&self, milliseconds: i64) {
        if let Ok(moment) = Timestamp::from_millisecond(milliseconds) {
            self.clock.advance(moment);
        }
    }

    /// Moves to the earliest moment that somebody waits for, if nobody is at work.
    fn move_on(&self, state: &mut State) {
        if state.in_flight > 0 {
            return;
        }
        let Some(((earliest, _), _)) = state.waiting.first_key_value() else { return };
        self.advance(*earliest);
        let now = self.clock.now().as_millisecond();
        while let Some(entry) = state.waiting.first_entry().filter(|entry| entry.key().0 <= now) {
            // Whoever has hung up does not care.
            let _ = entry.remove().send(());
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
        self.0.move_on(&mut state);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn wait_until(milliseconds: i64) -> Request {
        Request::new("POST", &format!("/simulator/clock?until={milliseconds}"), BTreeMap::new(), Vec::new())
    }

    #[tokio::test]
    async fn it_stands_still_while_a_request_is_in_flight() {
        let clock = SteppedClock::new(Timestamp::UNIX_EPOCH);
        let shared = VirtualClock::new(clock.clone());
        let request = shared.begin();
        let waiting = {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { shared.wait(&wait_until(60_000)).await })
        };
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!((clock.now().as_second(), waiting.is_finished()), (0, false));
        drop(request);
        let response = waiting.await.unwrap();
        assert_eq!(response.body.unwrap()["now"], 60_000);
        assert_eq!(clock.now().as_second(), 60);
        // The past is now.
        assert_eq!(shared.wait(&wait_until(5)).await.body.unwrap()["now"], 60_000);
        assert_eq!(
            shared.wait(&Request::new("POST", "/simulator/clock?until=x", BTreeMap::new(), Vec::new())).await.status,
            400
        );
    }

    #[test]
    fn for_who_does_not_follow_it_moves_as_told() {
        let clock = SteppedClock::new(Timestamp::UNIX_EPOCH);
        let shared = VirtualClock::new(clock.clone());
        let request = shared.begin();
        shared.told_to_wait(10_000);
        assert_eq!(clock.now().as_second(), 10);
        let other = shared.begin();
        shared.told_to_wait(10_000);
        assert_eq!(clock.now().as_second(), 10, "somebody else is at work");
        drop((request, other));
    }
}
