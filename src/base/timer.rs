//! The one place that waits, so that a simulator can say how fast time goes.
//!
//! A world whose time stands still while anybody is at work has to know who is. Whoever waits by a [`Timer`] is not at
//! work meanwhile; whoever waits for somebody else to wake it says so by [`Timer::end_work`], and the one who wakes it
//! says [`Timer::begin_work`] for it first, so that there is no moment in which nobody seems to be at work.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::time::Instant;

/// A wait that ends by itself.
pub type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Measures spans and waits.
pub trait Timer: Send + Sync {
    /// The present moment. Spans between two of them count; it never goes back.
    fn now(&self) -> Instant;

    /// Waits until this moment.
    fn sleep_until(&self, moment: Instant) -> Waiting;

    /// One more is at work from now on.
    fn begin_work(&self) {}

    /// One less is at work from now on.
    fn end_work(&self) {}
}

/// The machine's own time, which goes on whatever anybody does.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, moment: Instant) -> Waiting {
        Box::pin(tokio::time::sleep_until(moment))
    }
}

/// The sleep of one task, which others can cut short.
pub struct Alarm {
    timer: Arc<dyn Timer>,
    rung: AtomicBool,
    bell: Notify,
}

impl Alarm {
    /// An alarm that nobody has rung.
    pub fn new(timer: Arc<dyn Timer>) -> Self {
        Self { timer, rung: AtomicBool::new(false), bell: Notify::new() }
    }

    /// Wakes the sleeper, or lets its next sleep end at once.
    pub fn ring(&self) {
        // It counts as at work from now on, not only once it has noticed.
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.timer.begin_work();
            self.bell.notify_one();
        }
    }

    /// Takes note of a ring, for who has something else to do than to sleep: a ring that nobody has heard counts as work.
    pub async fn heard(&self) {
        self.bell.notified().await;
        self.has_heard();
    }

    /// What rang is heard: it does not count as work of its own any more.
    fn has_heard(&self) {
        if self.rung.swap(false, Ordering::AcqRel) {
            self.timer.end_work();
        }
    }

    /// Sleeps until this moment, if there is one, or until it rings.
    pub async fn sleep(&self, until: Option<Instant>) {
        match until {
            Some(moment) => {
                tokio::select! {
                    biased;
                    () = self.bell.notified() => {}
                    () = self.timer.sleep_until(moment) => {}
                }
            }
            None => {
                self.timer.end_work();
                self.bell.notified().await;
                self.timer.begin_work();
            }
        }
        self.has_heard();
    }
}
