//! How a run goes about its work, as data.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Durations, Estimate, Retries};

/// How a run goes about its work.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many steps may be under way at once. Most of them only wait for the target, so this can be many more than
    /// there are connections.
    pub concurrency: usize,
    /// What is done about faults.
    pub retries: Retries,
    /// How long a step may take.
    pub deadlines: Deadlines,
    /// When an operation is asked for.
    pub polling: Polling,
    /// How long things take, as far as it was learnt; more is learnt while it runs.
    pub durations: Arc<Durations>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // At ten writes a second and three minutes for a machine with its extension, 1,800 are under way.
            concurrency: 2_000,
            retries: Retries::default(),
            deadlines: Deadlines::default(),
            polling: Polling::default(),
            durations: Arc::default(),
        }
    }
}

/// How long a step may take, retries included and waiting for the pace not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// At least this long.
    pub shortest: Duration,
    /// This many times as long as expected.
    pub factor: u32,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { shortest: Duration::from_secs(15 * 60), factor: 30 }
    }
}

impl Deadlines {
    /// How long a step may take that is expected to take so long.
    pub fn of(&self, expected: Duration) -> Duration {
        self.shortest.max(expected.saturating_mul(self.factor))
    }
}

/// When an operation is asked for, where the target does not say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Polling {
    /// Never sooner than this, even if the target says so.
    pub shortest: Duration,
    /// Never later than this after the last time.
    pub longest: Duration,
    /// How long things take, as a share of what is expected: 1 with a cloud, less with a simulator in a hurry.
    pub share: f64,
    /// What is not urgent is done in time with this, so that what many steps wait for is done, and made durable, together.
    pub beat: Duration,
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            shortest: Duration::from_millis(20),
            longest: Duration::from_secs(30),
            share: 1.0,
            beat: Duration::from_millis(300),
        }
    }
}

/// The share of a type's own estimate after which a question is worth while as long as nothing was learnt.
const SCOUT: f64 = 0.3;
/// After so many questions about something learnt, which found it on its way, each wait is longer than the one before.
const SOON: u32 = 3;

impl Polling {
    /// How long to wait before the first question, given what the target said: until it is likely to be done.
    pub fn first(&self, told: Option<Duration>, expected: Estimate) -> Duration {
        let wait = if expected.is_learnt {
            expected.time.mul_f64(self.share).max(told.unwrap_or_default())
        } else {
            told.unwrap_or_else(|| expected.time.mul_f64(SCOUT).min(self.longest).mul_f64(self.share))
        };
        wait.max(self.shortest)
    }

    /// How long to wait before the next question, after so many that found it on its way. Soon at first, and for longer where
    /// it is known how long it takes: most take little longer than those before them.
    pub fn again(&self, times: u32, told: Option<Duration>, expected: Estimate) -> Duration {
        let own = || {
            let step = (expected.time / 20).max(Duration::from_secs(1));
            let steps = if expected.is_learnt { times.saturating_sub(SOON - 1) } else { times }.max(1);
            step.saturating_mul(steps).min(self.longest).mul_f64(self.share)
        };
        told.unwrap_or_else(own).max(self.shortest)
    }

    /// How long to wait at least before the next question, where nothing is gained by knowing sooner.
    pub fn patient(&self, expected: Duration) -> Duration {
        (expected / 8).min(self.longest).mul_f64(self.share)
    }

    /// How long it is from one beat to the next: longer where so many requests wait for their turn that nobody is kept
    /// waiting by it.
    pub fn beat(&self, is_behind: bool) -> Duration {
        /// So many times as long.
        const SLOWER: u32 = 4;
        self.beat.mul_f64(self.share) * if is_behind { SLOWER } else { 1 }
    }

    /// The moment of the beat with or after `moment`, if it is so far from `now` that nobody minds.
    pub fn on_beat(&self, start: Instant, now: Instant, moment: Instant, is_behind: bool) -> Instant {
        // A wait becomes longer by no more than one in so many.
        let minor = if is_behind { 4 } else { 10 };
        let beat = self.beat(is_behind);
        if beat.is_zero() || moment.saturating_duration_since(now) < beat * minor {
            return moment;
        }
        next_beat(start, beat, moment)
    }

    /// How long to wait after a list of so many pages and resources before it is read again: a page takes as much of the
    /// target's budget as a question does, and a hundred resources take as long to send and to read as some questions.
    pub fn between_lists(&self, pages: usize, items: usize) -> Duration {
        let number = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let seconds = (number(pages) * 0.8).max(number(items) / 100.0);
        Duration::from_secs_f64(seconds.max(1.0)).mul_f64(self.share).max(self.shortest)
    }
}

/// The beat with or after this moment.
pub(super) fn next_beat(start: Instant, beat: Duration, moment: Instant) -> Instant {
    let since = moment.saturating_duration_since(start).as_nanos();
    let beats = if beat.is_zero() { 0 } else { since.div_ceil(beat.as_nanos()) };
    start + beat.saturating_mul(u32::try_from(beats).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_question_comes_when_the_answer_is_likely() {
        let polling = Polling::default();
        let seconds = Duration::from_secs;
        let guessed = Estimate { time: seconds(20), is_learnt: false };
        let learnt = Estimate { is_learnt: true, ..guessed };
        assert_eq!(polling.first(None, learnt), seconds(20));
        assert_eq!(polling.first(Some(seconds(10)), learnt), seconds(20));
        assert_eq!(polling.first(Some(seconds(30)), learnt), seconds(30), "as the target asks");
        assert_eq!(polling.first(None, guessed), seconds(6), "a guess is tried early");
        assert_eq!(polling.first(Some(seconds(10)), guessed), seconds(10));
        let long = |is_learnt| Estimate { time: seconds(100), is_learnt };
        assert_eq!(polling.again(1, None, long(false)), seconds(5));
        assert_eq!(polling.again(3, None, long(false)), seconds(15));
        assert_eq!(polling.again(3, None, long(true)), seconds(5), "it will soon be done");
        assert_eq!(polling.again(5, None, long(true)), seconds(15));
        assert_eq!(polling.again(90, None, long(true)), seconds(30));
        assert_eq!(polling.again(3, Some(Duration::ZERO), long(true)), Duration::from_millis(20));
        let (start, beat) = (Instant::now(), polling.beat(false));
        let at = |beats: f64| start + beat.mul_f64(beats);
        assert_eq!(polling.on_beat(start, at(1.5), at(40.2), false), at(41.0));
        assert_eq!(polling.on_beat(start, at(1.5), at(41.0), false), at(41.0));
        assert_eq!(polling.on_beat(start, at(1.5), at(3.2), false), at(3.2), "one that minds");
        assert_eq!(polling.on_beat(start, at(1.5), at(40.2), true), at(44.0), "where nobody is kept waiting");
        assert_eq!(polling.between_lists(1, 60), seconds(1));
        assert_eq!(polling.between_lists(1, 1_000), seconds(10), "a long list");
        assert_eq!(polling.patient(seconds(40)), seconds(5));
        let hurried = Polling { share: 0.01, ..polling };
        assert_eq!(hurried.first(None, learnt), Duration::from_millis(200));
        assert_eq!(hurried.first(Some(seconds(5)), guessed), seconds(5));
    }
}
