//! What is done about a fault, as data per class.

use std::time::Duration;

use crate::base::Entropy;
use crate::contract::{Fault, FaultClass};

/// How a step goes on after a fault that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The request was refused and had no effect: make it again.
    Repeat,
    /// The effect is unknown: read, compare, then write.
    Look,
}

/// What is done about one class of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often a step may meet this class before it fails by it.
    pub limit: u32,
    /// The wait after the first time; it doubles each time.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// How it goes on.
    pub then: Then,
}

/// What is done about each class of fault. A class without an entry fails the step the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries {
    /// Refused because of too many requests.
    pub throttled: Retry,
    /// Effect unknown.
    pub transient: Retry,
    /// Another operation holds the resource.
    pub busy: Retry,
    /// Something new is not visible everywhere yet.
    pub not_yet: Retry,
    /// Changed by somebody since it was read.
    pub conflict: Retry,
    /// The operation's URL is gone.
    pub operation_lost: Retry,
    /// Nothing answers.
    pub unavailable: Retry,
}

impl Default for Retries {
    fn default() -> Self {
        let retry = |limit, first, longest, then| Retry {
            limit,
            first: Duration::from_millis(first),
            longest: Duration::from_secs(longest),
            then,
        };
        Self {
            throttled: retry(40, 2_000, 120, Then::Repeat),
            transient: retry(8, 1_000, 60, Then::Look),
            busy: retry(60, 3_000, 30, Then::Repeat),
            // Principals and roles are visible everywhere within minutes.
            not_yet: retry(60, 3_000, 15, Then::Repeat),
            conflict: retry(12, 200, 10, Then::Look),
            operation_lost: retry(6, 500, 30, Then::Look),
            unavailable: retry(10, 1_000, 60, Then::Look),
        }
    }
}

impl Retries {
    /// The same with every wait a share as long, for a simulator in a hurry. Peers that share a processor with us still
    /// need a moment.
    #[must_use]
    pub fn scaled(mut self, share: f64) -> Self {
        for retry in [
            &mut self.throttled,
            &mut self.transient,
            &mut self.busy,
            &mut self.not_yet,
            &mut self.conflict,
            &mut self.operation_lost,
            &mut self.unavailable,
        ] {
            retry.first = retry.first.mul_f64(share).max(Duration::from_millis(20)).min(retry.first);
            retry.longest = retry.longest.mul_f64(share).max(Duration::from_millis(200)).min(retry.longest);
        }
        self
    }

    /// What is done about a class; nothing where trying again is of no use.
    pub const fn of(&self, class: FaultClass) -> Option<Retry> {
        match class {
            FaultClass::Throttled => Some(self.throttled),
            FaultClass::Transient => Some(self.transient),
            FaultClass::Busy => Some(self.busy),
            FaultClass::NotYet => Some(self.not_yet),
            FaultClass::Conflict => Some(self.conflict),
            FaultClass::OperationLost => Some(self.operation_lost),
            FaultClass::Unavailable => Some(self.unavailable),
            FaultClass::NotFound
            | FaultClass::Quota
            | FaultClass::Capacity
            | FaultClass::Forbidden
            | FaultClass::Authentication
            | FaultClass::Invalid
            | FaultClass::Failed
            | FaultClass::TimedOut => None,
        }
    }
}

impl Retry {
    /// How long to wait after the fault was met for the `times`th time (from 1): as the target asks, or else twice as
    /// long as before; and up to a quarter more by chance, so that many do not come back at the same moment.
    pub fn wait(&self, times: u32, fault: &Fault, entropy: &dyn Entropy) -> Duration {
        let doubled = self.first.saturating_mul(1 << times.saturating_sub(1).min(20)).min(self.longest);
        let wait = fault.retry_after.unwrap_or(doubled);
        let mut byte = [0];
        entropy.fill(&mut byte);
        wait + wait.mul_f64(f64::from(byte[0]) / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededEntropy;

    #[test]
    fn a_wait_doubles_up_to_the_longest_and_obeys_the_target() {
        let retry = Retries::default().transient;
        let entropy = SeededEntropy::new(1);
        let mut fault = Fault::new(FaultClass::Transient, "", "reset");
        for (times, seconds) in [(1, 1), (2, 2), (3, 4), (40, 60)] {
            let wait = retry.wait(times, &fault, &entropy);
            let shortest = Duration::from_secs(seconds);
            assert!((shortest..=shortest.mul_f64(1.25)).contains(&wait), "{times}: {wait:?}");
        }
        fault.retry_after = Some(Duration::from_secs(17));
        assert!(retry.wait(1, &fault, &entropy) >= Duration::from_secs(17));
    }

    #[test]
    fn waits_are_scaled_and_never_longer_than_before() {
        let scaled = Retries::default().scaled(0.01);
        assert_eq!(
            (scaled.transient.first, scaled.transient.longest),
            (Duration::from_millis(20), Duration::from_millis(600))
        );
        assert_eq!(Retries::default().scaled(0.0).conflict.longest, Duration::from_millis(200));
        assert_eq!(Retries::default().scaled(5.0), Retries::default());
    }

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        use FaultClass::*;
        for class in [
            Throttled,
            Transient,
            Busy,
            NotYet,
            Conflict,
            OperationLost,
            NotFound,
            Quota,
            Capacity,
            Forbidden,
            Authentication,
            Invalid,
            Failed,
            Unavailable,
            TimedOut,
        ] {
            assert_eq!(Retries::default().of(class).is_some(), class.is_retryable(), "{class:?}");
        }
    }
}
