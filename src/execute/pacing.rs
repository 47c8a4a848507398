//! How fast requests may follow each other: token buckets as Azure's resource manager has them.
//!
//! Source of the default figures: "Understand how Azure Resource Manager throttles requests", Microsoft Learn, read
//! 2026-11-21: per subscription, principal and region 250 reads, 200 writes and 200 deletes at once, and 25, 10 and 10
//! more each second.

use std::time::Duration;

use tokio::time::Instant;

/// What kind of request it is. Each kind has a budget of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Reading a resource, or asking for an operation.
    Read,
    /// Writing a resource.
    Write,
    /// Deleting a resource.
    Delete,
    /// Anything with a member of the cluster. Its peers are the cluster's own and have no budget.
    Act,
}

/// The budget of each kind of request.
#[derive(Debug, Clone, PartialEq)]
pub struct Pacing {
    /// Reads and polls.
    pub reads: Bucket,
    /// Writes.
    pub writes: Bucket,
    /// Deletions.
    pub deletes: Bucket,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { reads: Bucket::new(250.0, 25.0), writes: Bucket::new(200.0, 10.0), deletes: Bucket::new(200.0, 10.0) }
    }
}

impl Pacing {
    /// No limit at all, for peers that have none.
    pub fn unlimited() -> Self {
        let bucket = Bucket::new(f64::INFINITY, f64::INFINITY);
        Self { reads: bucket.clone(), writes: bucket.clone(), deletes: bucket }
    }

    /// Takes a token for a request of this kind; the request may be made after the time given.
    pub fn take(&mut self, kind: Kind, now: Instant) -> Duration {
        match kind {
            Kind::Read => self.reads.take(now),
            Kind::Write => self.writes.take(now),
            Kind::Delete => self.deletes.take(now),
            Kind::Act => Duration::ZERO,
        }
    }
}

/// A token bucket. Whoever finds it empty takes a token in advance and is told how long to wait for it, so that
/// requests leave in the order in which they asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    capacity: f64,
    per_second: f64,
    tokens: f64,
    filled: Option<Instant>,
}

impl Bucket {
    /// A full bucket that holds `capacity` tokens and is given `per_second` more each second.
    pub const fn new(capacity: f64, per_second: f64) -> Self {
        Self { capacity, per_second, tokens: capacity, filled: None }
    }

    /// Takes a token; it is there after the time given.
    pub fn take(&mut self, now: Instant) -> Duration {
        if self.capacity.is_infinite() {
            return Duration::ZERO;
        }
        if let Some(filled) = self.filled {
            let elapsed = now.saturating_duration_since(filled).as_secs_f64();
            self.tokens = elapsed.mul_add(self.per_second, self.tokens).min(self.capacity);
        }
        self.filled = Some(now);
        self.tokens -= 1.0;
        if self.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-self.tokens / self.per_second) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_it_holds_and_then_what_comes_in() {
        let start = Instant::now();
        let mut bucket = Bucket::new(2.0, 10.0);
        assert_eq!(bucket.take(start), Duration::ZERO);
        assert_eq!(bucket.take(start), Duration::ZERO);
        assert_eq!(bucket.take(start), Duration::from_millis(100));
        assert_eq!(bucket.take(start), Duration::from_millis(200));
        assert_eq!(bucket.take(start + Duration::from_millis(300)), Duration::ZERO, "the two in advance are paid back");
        assert_eq!(bucket.take(start + Duration::from_secs(60)), Duration::ZERO);
        assert_eq!(bucket.take(start + Duration::from_secs(60)), Duration::ZERO, "never more than it holds");
        assert_eq!(bucket.take(start + Duration::from_secs(60)), Duration::from_millis(100));
    }
}
