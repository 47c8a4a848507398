//! What a target allows: how many requests of which kind at once, and how many more as time goes by.

use std::time::Duration;

/// What kind of request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    /// Reading one resource.
    Read,
    /// Reading a page of a list.
    List,
    /// Asking how an operation goes.
    Poll,
    /// Creating a resource or replacing its body.
    Write,
    /// Deleting a resource.
    Delete,
}

/// How much is allowed, and how it comes back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Allowance {
    /// A token bucket.
    Bucket {
        /// How many tokens it holds when it is full, as it is at first.
        capacity: f64,
        /// How many it is given each second.
        per_second: f64,
    },
    /// At most so many requests in any span of this length.
    Window {
        /// How many.
        most: u32,
        /// The span.
        span: Duration,
    },
}

/// One of a target's budgets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// The target's own name for it, as in [`Remaining::budget`](super::Remaining::budget).
    pub name: &'static str,
    /// How much it allows.
    pub allowance: Allowance,
}

/// The budgets that a request draws on, one token of each, by their places in [`Target::budgets`](super::Target::budgets).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Charges(u64);

impl Charges {
    /// A request that is free.
    pub const FREE: Self = Self(0);

    /// These and one more. Places from 64 on do not exist.
    #[must_use]
    pub const fn and(self, place: usize) -> Self {
        if place < 64 { Self(self.0 | 1 << place) } else { self }
    }

    /// Whether nothing is drawn on.
    pub const fn is_free(self) -> bool {
        self.0 == 0
    }

    /// The places.
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |place| self.0 & (1 << place) != 0)
    }
}
