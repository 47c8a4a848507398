//! Where requests wait for their turn: the pacing, and the task that lets through whom it admits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Pacing;
use super::settings::{Polling, next_beat};
use crate::base::{Alarm, Timer};
use crate::contract::{Budget, Charges, Remaining};

/// At Azure's ten writes a second these have to wait for ten seconds.
const BEHIND: usize = 100;

/// Where requests wait for their turn.
pub(super) struct Gate {
    pacing: Mutex<Pacing<oneshot::Sender<()>>>,
    alarm: Alarm,
    timer: Arc<dyn Timer>,
    /// Those who wait are let through together, so often, and at the moments at which others are up too.
    polling: Polling,
    /// When the beats began.
    began: Instant,
    /// How many wait.
    waiting: AtomicUsize,
    /// Whether there is no budget at all.
    is_open: bool,
}

impl Gate {
    pub(super) fn new(budgets: &[Budget], polling: Polling, timer: Arc<dyn Timer>) -> Self {
        Self {
            pacing: Mutex::new(Pacing::new(budgets)),
            alarm: Alarm::new(Arc::clone(&timer)),
            began: timer.now(),
            timer,
            polling,
            waiting: AtomicUsize::new(0),
            is_open: budgets.is_empty(),
        }
    }

    fn pacing(&self) -> MutexGuard<'_, Pacing<oneshot::Sender<()>>> {
        self.pacing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request may be made, which counts as made then, and tells how long that took.
    pub(super) async fn pass(&self, charges: Charges, weight: u64) -> Duration {
        if self.is_open || charges.is_free() {
            return Duration::ZERO;
        }
        let began = self.timer.now();
        let admitted = {
            let mut pacing = self.pacing();
            if pacing.pass(charges, began) {
                return Duration::ZERO;
            }
            let (sender, admitted) = oneshot::channel();
            pacing.queue(charges, weight, sender);
            self.waiting.fetch_add(1, Ordering::Relaxed);
            admitted
        };
        self.alarm.ring();
        self.timer.end_work();
        if admitted.await.is_err() {
            // The run is over, and nobody lets anybody through any more.
            std::future::pending::<()>().await;
        }
        self.timer.now().duration_since(began)
    }

    /// Whether so many wait that it does not matter when one more comes.
    pub(super) fn is_behind(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= BEHIND
    }

    /// Takes in what an answer tells of the budgets. `refused` is how long the target does not want to hear of such
    /// requests.
    pub(super) fn answered(&self, charges: Charges, refused: Option<Duration>, remaining: &[Remaining]) {
        if self.is_open || charges.is_free() {
            return;
        }
        let now = self.timer.now();
        let mut pacing = self.pacing();
        pacing.answered(charges);
        pacing.learn(remaining, now);
        if let Some(for_so_long) = refused {
            pacing.refused(charges, for_so_long, now);
        }
    }

    fn next_beat(&self, now: Instant) -> Instant {
        // One that is now has been.
        let moment = now + Duration::from_nanos(1);
        next_beat(self.began, self.polling.beat(self.is_behind()), moment)
    }

    /// Lets through whoever's turn it is, for ever.
    pub(super) async fn keep(&self) {
        loop {
            let (next, beat) = {
                let mut pacing = self.pacing();
                let now = self.timer.now();
                let mut any = false;
                while let Some(admitted) = pacing.admit(now) {
                    any = true;
                    self.waiting.fetch_sub(1, Ordering::Relaxed);
                    self.timer.begin_work();
                    if admitted.send(()).is_err() {
                        self.timer.end_work();
                    }
                }
                (pacing.next(now).map(|wait| now + wait), any.then(|| self.next_beat(now)))
            };
            match beat {
                // What a budget gives meanwhile is not lost: it is taken all at once.
                Some(beat) => {
                    while self.timer.now() < beat {
                        self.alarm.sleep(Some(beat)).await;
                    }
                }
                None => self.alarm.sleep(next).await,
            }
        }
    }
}
