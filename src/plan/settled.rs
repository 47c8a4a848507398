//! Which parts of a resource that exists are no longer the engine's to change.

use std::sync::Arc;

use super::facts::{covered, facts};

/// Tells for a pointer into a body whether what is observed there stays on a resource that exists: it was the engine's
/// to give at creation only (`initial`), or cannot change on this type. Such differences are left out of
/// [`difference`](super::difference), and [`carry`](super::carry) keeps what is there.
pub fn settled<'a>(resource_type: &str, initial: &'a [Arc<str>]) -> impl Fn(&str) -> bool + use<'a> {
    let new_only = facts(resource_type).new_only;
    move |pointer| covered(pointer, new_only) || covered(pointer, initial)
}
