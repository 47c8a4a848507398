//! How a run goes about its work, as data.

use std::time::Duration;

use super::{Pacing, Retries, expected_seconds};
use crate::contract::Operation;

/// How a run goes about its work.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How many steps may be under way at once. Most of them only wait for the target, so this can be many more than
    /// there are connections.
    pub concurrency: usize,
    /// How fast requests may follow each other.
    pub pacing: Pacing,
    /// What is done about faults.
    pub retries: Retries,
    /// How long a step may take.
    pub deadlines: Deadlines,
    /// When an operation is asked for.
    pub polling: Polling,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // At ten writes a second and three minutes for a machine with its extension, 1,800 are under way.
            concurrency: 2_000,
            pacing: Pacing::default(),
            retries: Retries::default(),
            deadlines: Deadlines::default(),
            polling: Polling::default(),
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
    /// How long this step may take.
    pub fn of(&self, operation: &Operation) -> Duration {
        self.shortest.max(Duration::from_secs(u64::from(expected_seconds(operation)) * u64::from(self.factor)))
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
}

impl Default for Polling {
    fn default() -> Self {
        Self { shortest: Duration::from_millis(20), longest: Duration::from_secs(30), share: 1.0 }
    }
}

impl Polling {
    /// How long to wait before asking for the `times`th time (from 0), given what the target said and how long the step
    /// is expected to take: first when it is likely to be done, then at a tenth of that.
    pub fn wait(&self, times: u32, told: Option<Duration>, expected: Duration) -> Duration {
        told.unwrap_or_else(|| {
            if times == 0 { expected.mul_f64(0.8) } else { (expected / 10).max(Duration::from_secs(1)) }
                .min(self.longest)
                .mul_f64(self.share)
        })
        .max(self.shortest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_question_comes_when_the_answer_is_likely() {
        let polling = Polling::default();
        let expected = Duration::from_secs(20);
        assert_eq!(polling.wait(0, None, expected), Duration::from_secs(16));
        assert_eq!(polling.wait(1, None, expected), Duration::from_secs(2));
        assert_eq!(polling.wait(0, None, Duration::from_secs(600)), Duration::from_secs(30));
        assert_eq!(polling.wait(0, Some(Duration::from_secs(5)), expected), Duration::from_secs(5));
        assert_eq!(polling.wait(3, Some(Duration::ZERO), expected), Duration::from_millis(20));
        let hurried = Polling { share: 0.01, ..polling };
        assert_eq!(hurried.wait(0, None, expected), Duration::from_millis(160));
        assert_eq!(hurried.wait(0, Some(Duration::from_secs(5)), expected), Duration::from_secs(5));
    }
}
