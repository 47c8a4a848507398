//! The one place that asks what time it is, so that a test can say.

use jiff::{SignedDuration, Timestamp};

/// Tells the time. Everything outside [`crate::base`] asks through this.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// The present moment moved by `seconds` (negative: into the past).
    fn now_plus_seconds(&self, seconds: i64) -> Timestamp {
        let now = self.now();
        now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
    }
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still, for tests and for reproducible output.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}
