//! How a run is told to stop.

use std::sync::Arc;

use tokio::sync::watch;

/// How urgently a run is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CancelLevel {
    /// Not at all.
    None,
    /// Nothing new starts; what runs is finished.
    Finish,
    /// At once. What was under way goes on at the target, and the journal knows of it.
    Now,
}

/// A request to stop, shared between the one who asks and the run. Asking twice means at once.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<watch::Sender<CancelLevel>>);

impl Default for Cancel {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(CancelLevel::None)))
    }
}

impl Cancel {
    /// One that nobody has asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop, one level more urgently than before. Gives the level that holds now.
    pub fn request(&self) -> CancelLevel {
        self.0.send_modify(|level| {
            *level = if *level == CancelLevel::None { CancelLevel::Finish } else { CancelLevel::Now };
        });
        self.level()
    }

    /// What was asked so far.
    pub fn level(&self) -> CancelLevel {
        *self.0.borrow()
    }

    /// Waits until stopping at least this urgently is asked.
    pub async fn reached(&self, level: CancelLevel) {
        let mut watch = self.0.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = watch.wait_for(|current| *current >= level).await;
    }
}
