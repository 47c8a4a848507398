//! Which request may be made when: as many as the target's budgets allow, and of those that wait the one first on which
//! most depends. Pure: no I/O, no task; the moment comes in with each call.
//!
//! Requests that draw on the same budgets wait in one lane, the weightiest in front. Of several lanes whose front could
//! go, the weightiest front goes; a lane whose own budget is empty keeps no other waiting.

mod meter;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use tokio::time::Instant;

use self::meter::Meter;
use crate::contract::{Budget, Charges, Remaining};

/// How fast requests may follow each other. What waits is a `T`, which is given back when its turn has come.
#[derive(Debug)]
pub struct Pacing<T> {
    names: Vec<&'static str>,
    meters: Vec<Meter>,
    lanes: BTreeMap<Charges, Lane<T>>,
    /// How many have come to wait so far.
    tickets: u64,
}

/// Those who wait for the same.
#[derive(Debug)]
struct Lane<T> {
    waiting: BinaryHeap<Ticket<T>>,
    /// The target refused such a request, and said until when.
    closed_until: Option<Instant>,
}

impl<T> Lane<T> {
    fn closed(&self, now: Instant) -> Duration {
        self.closed_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    fn close(&mut self, until: Instant) {
        self.closed_until = Some(self.closed_until.map_or(until, |other| other.max(until)));
    }
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { waiting: BinaryHeap::new(), closed_until: None }
    }
}

#[derive(Debug)]
struct Ticket<T> {
    weight: u64,
    number: Reverse<u64>,
    waiting: T,
}

impl<T> Ticket<T> {
    const fn rank(&self) -> (u64, Reverse<u64>) {
        (self.weight, self.number)
    }
}

impl<T> PartialEq for Ticket<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<T> Eq for Ticket<T> {}

impl<T> PartialOrd for Ticket<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Ticket<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl<T> Pacing<T> {
    /// Budgets of which nothing was used yet, and nobody waiting.
    pub fn new(budgets: &[Budget]) -> Self {
        Self {
            names: budgets.iter().map(|budget| budget.name).collect(),
            meters: budgets.iter().map(|budget| Meter::new(budget.allowance)).collect(),
            lanes: BTreeMap::new(),
            tickets: 0,
        }
    }

    /// Whether a request may be made at once; then it counts as made. Nobody goes before one that waits for the same.
    pub fn pass(&mut self, charges: Charges, now: Instant) -> bool {
        let closed = match self.lanes.get(&charges) {
            None => Duration::ZERO,
            Some(lane) if lane.waiting.is_empty() => lane.closed(now),
            Some(_) => return false,
        };
        let passes = closed.is_zero() && wait_of(&mut self.meters, charges, now).is_zero();
        if passes {
            self.take(charges, now);
        }
        passes
    }

    /// Has a request wait for its turn. Of two with the same weight the one that came first goes first.
    pub fn queue(&mut self, charges: Charges, weight: u64, waiting: T) {
        let number = Reverse(self.tickets);
        self.tickets += 1;
        self.lanes.entry(charges).or_default().waiting.push(Ticket { weight, number, waiting });
    }

    /// The next request that may be made now, which counts as made.
    pub fn admit(&mut self, now: Instant) -> Option<T> {
        let Self { lanes, meters, .. } = self;
        let mut first: Option<(Charges, (u64, Reverse<u64>))> = None;
        for (charges, lane) in lanes.iter() {
            let Some(rank) = lane.waiting.peek().map(Ticket::rank) else { continue };
            let is_first = first.is_none_or(|(_, other)| rank > other);
            if is_first && lane.closed(now).is_zero() && wait_of(meters, *charges, now).is_zero() {
                first = Some((*charges, rank));
            }
        }
        let (charges, _) = first?;
        let ticket = lanes.get_mut(&charges)?.waiting.pop()?;
        self.take(charges, now);
        Some(ticket.waiting)
    }

    /// How long until the next one may go, if any waits.
    pub fn next(&mut self, now: Instant) -> Option<Duration> {
        let Self { lanes, meters, .. } = self;
        let waiting = lanes.iter().filter(|(_, lane)| !lane.waiting.is_empty());
        waiting.map(|(charges, lane)| lane.closed(now).max(wait_of(meters, *charges, now))).min()
    }

    /// A request was answered.
    pub fn answered(&mut self, charges: Charges) {
        for place in charges.places() {
            if let Some(meter) = self.meters.get_mut(place) {
                meter.answered();
            }
        }
    }

    /// The target says what is left of its budgets. Budgets that are not known here are of no concern.
    pub fn learn(&mut self, remaining: &[Remaining], now: Instant) {
        for told in remaining {
            if let Some(place) = self.names.iter().position(|name| *name == told.budget) {
                self.meters[place].told(told, now);
            }
        }
    }

    /// A request was refused because there were too many, for so long. Comes after what the same answer says is left.
    pub fn refused(&mut self, charges: Charges, for_so_long: Duration, now: Instant) {
        self.lanes.entry(charges).or_default().close(now + for_so_long);
        for place in charges.places() {
            if let Some(meter) = self.meters.get_mut(place) {
                meter.refused(for_so_long, now);
            }
        }
    }

    fn take(&mut self, charges: Charges, now: Instant) {
        for place in charges.places() {
            if let Some(meter) = self.meters.get_mut(place) {
                meter.take(now);
            }
        }
    }
}

fn wait_of(meters: &mut [Meter], charges: Charges, now: Instant) -> Duration {
    let waits = charges.places().map(|place| meters.get_mut(place).map_or(Duration::ZERO, |meter| meter.wait(now)));
    waits.max().unwrap_or_default()
}
