//! How many answers are waited for at this moment.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many answers are waited for.
#[derive(Debug, Default)]
pub(super) struct UnderWay(AtomicUsize);

/// One that is waited for, until this is dropped.
pub(super) struct Request<'a>(&'a UnderWay);

impl UnderWay {
    /// One more is waited for.
    pub(super) fn begin(&self) -> Request<'_> {
        self.0.fetch_add(1, Ordering::AcqRel);
        Request(self)
    }

    /// Whether any is waited for.
    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
