//! A clock that somebody else moves, and only while nobody is at work: the time of a simulated world in which a minute
//! takes as long as it takes to find out what happens in it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::{Clock, Timer, Waiting};

/// A clock that stands still until [`SteppedClock::advance`] moves it.
#[derive(Clone)]
pub struct SteppedClock(Arc<Shared>);

struct Shared {
    began: Instant,
    began_at: Timestamp,
    state: Mutex<State>,
    idle: Notify,
}

#[derive(Default)]
struct State {
    /// Since the beginning.
    now: Duration,
    /// How many are at work.
    working: usize,
    /// Who waits until when; the number keeps two of the same moment apart.
    sleepers: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
    next: u64,
}

impl SteppedClock {
    /// A clock that stands at this moment.
    pub fn new(at: Timestamp) -> Self {
        let shared =
            Shared { began: Instant::now(), began_at: at, state: Mutex::new(State::default()), idle: Notify::new() };
        Self(Arc::new(shared))
    }

    /// Waits until nobody is at work and somebody waits for a moment, and gives that moment.
    pub async fn idle_until(&self) -> Timestamp {
        loop {
            if let Some(until) = self.0.lock().due() {
                return self.0.timestamp(until);
            }
            self.0.idle.notified().await;
        }
    }

    /// Moves the clock on, and wakes whoever waited for that. It is never moved back.
    pub fn advance(&self, to: Timestamp) {
        let since = Duration::try_from(to.duration_since(self.0.began_at)).unwrap_or_default();
        let mut state = self.0.lock();
        state.now = state.now.max(since);
        while let Some(entry) = state.sleepers.first_entry().filter(|entry| entry.key().0 <= since) {
            let sleeper = entry.remove();
            state.working += 1;
            // One that gives up takes its entry out, under the lock: whoever is here listens.
            let _ = sleeper.send(());
        }
        self.0.tell_if_idle(&state);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn timestamp(&self, since: Duration) -> Timestamp {
        let since = SignedDuration::try_from(since).unwrap_or(SignedDuration::MAX);
        self.began_at.checked_add(since).unwrap_or(Timestamp::MAX)
    }

    fn tell_if_idle(&self, state: &State) {
        if state.due().is_some() {
            self.idle.notify_one();
        }
    }
}

impl State {
    fn due(&self) -> Option<Duration> {
        self.sleepers.first_key_value().filter(|_| self.working == 0).map(|((until, _), _)| *until)
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> Timestamp {
        self.0.timestamp(self.0.lock().now)
    }
}

impl Timer for SteppedClock {
    fn now(&self) -> Instant {
        self.0.began + self.0.lock().now
    }

    fn sleep_until(&self, moment: Instant) -> Waiting {
        Box::pin(Sleep { shared: Arc::clone(&self.0), until: moment.duration_since(self.0.began), waiting: None })
    }

    fn begin_work(&self) {
        self.0.lock().working += 1;
    }

    fn end_work(&self) {
        let mut state = self.0.lock();
        state.working = state.working.saturating_sub(1);
        self.0.tell_if_idle(&state);
    }
}

struct Sleep {
    shared: Arc<Shared>,
    until: Duration,
    waiting: Option<(u64, oneshot::Receiver<()>)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.waiting.is_none() {
            let shared = Arc::clone(&self.shared);
            let mut state = shared.lock();
            if self.until <= state.now {
                return Poll::Ready(());
            }
            let number = state.next;
            state.next += 1;
            let (sender, receiver) = oneshot::channel();
            state.sleepers.insert((self.until, number), sender);
            self.waiting = Some((number, receiver));
            state.working = state.working.saturating_sub(1);
            shared.tell_if_idle(&state);
        }
        let Some((_, receiver)) = &mut self.waiting else { return Poll::Ready(()) };
        match Pin::new(receiver).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => {
                self.waiting = None;
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let Some((number, receiver)) = self.waiting.take() else { return };
        let mut state = self.shared.lock();
        // One that was woken just now counts as at work already.
        if state.sleepers.remove(&(self.until, number)).is_some() {
            state.working += 1;
        }
        drop(receiver);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::super::Alarm;
    use super::*;

    fn seconds(clock: &SteppedClock) -> i64 {
        Clock::now(clock).as_second()
    }

    #[tokio::test]
    async fn it_moves_only_while_nobody_is_at_work_and_wakes_in_order() {
        let clock = SteppedClock::new(Timestamp::UNIX_EPOCH);
        let driver = clock.clone();
        let moves = tokio::spawn(async move {
            loop {
                let until = driver.idle_until().await;
                driver.advance(until);
            }
        });
        let told = Arc::new(Mutex::new(Vec::new()));
        let began = Timer::now(&clock);
        let mut tasks = Vec::new();
        for wait in [30_u64, 10, 20] {
            let (clock, told) = (clock.clone(), Arc::clone(&told));
            clock.begin_work();
            tasks.push(tokio::spawn(async move {
                clock.sleep_until(began + Duration::from_secs(wait)).await;
                // Work that takes real time takes none of the clock's.
                tokio::time::sleep(Duration::from_millis(20)).await;
                told.lock().unwrap().push((wait, seconds(&clock)));
                clock.end_work();
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        moves.abort();
        assert_eq!(*told.lock().unwrap(), [(10, 10), (20, 20), (30, 30)]);
    }

    #[tokio::test]
    async fn a_sleep_that_is_given_up_counts_as_work_again() {
        let clock = SteppedClock::new(Timestamp::UNIX_EPOCH);
        clock.begin_work();
        let moment = Timer::now(&clock) + Duration::from_secs(5);
        assert!(tokio::time::timeout(Duration::from_millis(5), clock.sleep_until(moment)).await.is_err());
        assert_eq!(clock.0.lock().working, 1);
        assert!(clock.0.lock().sleepers.is_empty());
    }

    #[tokio::test]
    async fn an_alarm_that_rings_leaves_the_count_as_it_was() {
        let clock = SteppedClock::new(Timestamp::UNIX_EPOCH);
        let alarm = Arc::new(Alarm::new(Arc::new(clock.clone())));
        clock.begin_work();
        for until in [None, Some(Timer::now(&clock) + Duration::from_secs(5))] {
            let sleeper = Arc::clone(&alarm);
            let sleep = tokio::spawn(async move { sleeper.sleep(until).await });
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert_eq!(clock.0.lock().working, 0, "asleep");
            alarm.ring();
            alarm.ring();
            assert_eq!(clock.0.lock().working.min(1), 1, "as good as awake");
            sleep.await.unwrap();
            assert_eq!(clock.0.lock().working, 1, "awake");
        }
    }

    #[tokio::test]
    async fn a_ring_counts_as_work_until_it_is_heard() {
        let clock = SteppedClock::new(Timestamp::UNIX_EPOCH);
        let alarm = Alarm::new(Arc::new(clock.clone()));
        let working = || clock.0.lock().working;
        alarm.ring();
        alarm.ring();
        assert_eq!(working(), 1, "whoever sleeps by it is about to wake");
        alarm.heard().await;
        assert_eq!(working(), 0, "its listener had something else to do, and goes on waiting for that");
    }
}
