//! One budget as it stands: what is left of it, as far as one can know from here.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::contract::{Allowance, Remaining};

/// Tokens that are left in a bucket of some size: what leaves here evenly arrives there a little less so.
const RESERVE: f64 = 1.0;
/// Buckets smaller than this have none to spare.
const WITHOUT_RESERVE: f64 = 10.0;
/// Added to the span of a window, for the same reason.
const MARGIN: Duration = Duration::from_millis(250);
/// A token that lacks no more than this is there: fractions of seconds do not add up exactly.
const ROUNDING: f64 = 1e-6;

/// One budget as it stands.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    level: Level,
    /// Requests that were let through and not answered yet: the target may or may not have counted them.
    under_way: u32,
    /// Nothing goes before this, since the target has said so.
    blocked: Option<Instant>,
    /// What the target said last that is left, and when, if it ever said so.
    told: Option<(u64, Timestamp)>,
}

#[derive(Debug, Clone)]
enum Level {
    Bucket { capacity: f64, per_second: f64, tokens: f64, filled: Option<Instant> },
    Window { most: usize, span: Duration, admitted: VecDeque<Instant> },
}

impl Meter {
    /// A budget of which nothing was used yet.
    pub(super) fn new(allowance: Allowance) -> Self {
        let level = match allowance {
            Allowance::Bucket { capacity, per_second } => {
                Level::Bucket { capacity, per_second, tokens: capacity, filled: None }
            }
            Allowance::Window { most, span } => {
                Level::Window { most: most.max(1) as usize, span: span + MARGIN, admitted: VecDeque::new() }
            }
        };
        Self { level, under_way: 0, blocked: None, told: None }
    }

    /// How long until a token is there.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        let blocked = self.blocked.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        self.fill(now);
        let empty = match &self.level {
            Level::Bucket { capacity, per_second, tokens, .. } => {
                let lacking = Self::needed(*capacity) - tokens;
                if lacking <= ROUNDING { Duration::ZERO } else { Duration::from_secs_f64(lacking / per_second) }
            }
            Level::Window { most, span, admitted } => match admitted.front() {
                Some(first) if admitted.len() >= *most => (*first + *span).saturating_duration_since(now),
                _ => Duration::ZERO,
            },
        };
        blocked.max(empty)
    }

    /// Takes a token, which is there.
    pub(super) fn take(&mut self, now: Instant) {
        self.fill(now);
        self.under_way += 1;
        match &mut self.level {
            Level::Bucket { tokens, .. } => *tokens -= 1.0,
            Level::Window { admitted, .. } => admitted.push_back(now),
        }
    }

    /// A request that took a token was answered.
    pub(super) fn answered(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// The target says how much is left. It has counted what it has answered, and maybe what is under way.
    pub(super) fn told(&mut self, told: &Remaining, now: Instant) {
        let left = told.left;
        if self.told == Some((left, told.at)) {
            // Taken in before; it says nothing about the present.
            return;
        }
        self.fill(now);
        self.told = Some((left, told.at));
        let Level::Bucket { capacity, tokens, .. } = &mut self.level else { return };
        #[expect(clippy::cast_precision_loss, reason = "no budget has that many")]
        let left = left as f64;
        *capacity = capacity.max(left);
        *tokens = tokens.clamp(left - f64::from(self.under_way), left);
    }

    /// The target refuses a request that draws on this budget, among others, for this long. Unless the target said that
    /// something is left here, what is left by our reckoning is not there.
    pub(super) fn refused(&mut self, for_so_long: Duration, now: Instant) {
        self.fill(now);
        if self.told.is_some_and(|(left, _)| left > 0) {
            return;
        }
        let until = now + for_so_long;
        self.blocked = Some(self.blocked.map_or(until, |other| other.max(until)));
        if let Level::Bucket { capacity, tokens, filled, .. } = &mut self.level {
            // As told, there is one again when the time is over.
            *tokens = tokens.min(Self::needed(*capacity));
            *filled = Some(until);
        }
    }

    fn needed(capacity: f64) -> f64 {
        if capacity < WITHOUT_RESERVE { 1.0 } else { 1.0 + RESERVE }
    }

    fn fill(&mut self, now: Instant) {
        match &mut self.level {
            Level::Bucket { capacity, per_second, tokens, filled } => {
                let since = filled.unwrap_or(now);
                // While it is blocked it is counted as filled until the end of that.
                if since <= now {
                    let elapsed = now.duration_since(since).as_secs_f64();
                    *tokens = elapsed.mul_add(*per_second, *tokens).min(*capacity);
                    *filled = Some(now);
                }
            }
            Level::Window { span, admitted, .. } => {
                while admitted.front().is_some_and(|first| *first + *span <= now) {
                    admitted.pop_front();
                }
            }
        }
    }
}
