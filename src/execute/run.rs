//! All that a run needs.

use std::sync::Arc;

use super::{Cancel, Replay, Settings};
use crate::base::{Clock, Entropy, Timer};
use crate::contract::{Action, AppliedResources, EventSink, Journal, Target};
use crate::plan::{Plan, Secrets};

/// All that a run needs.
pub struct Run {
    /// What is done.
    pub plan: Arc<Plan>,
    /// The plan's digest, which [`Plan::digest`] gives: who keeps a plan knows it already.
    pub digest: String,
    /// Where resources are made.
    pub target: Arc<dyn Target>,
    /// What can act on members of the cluster.
    pub actions: Vec<Arc<dyn Action>>,
    /// The secrets that the plan names.
    pub secrets: Arc<dyn Secrets>,
    /// What was applied before the plan began.
    pub applied: AppliedResources,
    /// What the journal says, if this takes an interrupted run up.
    pub replay: Replay,
    /// Where the journal is written.
    pub journal: Box<dyn Journal>,
    /// Who is told what happens.
    pub events: Arc<dyn EventSink>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How it waits.
    pub timer: Arc<dyn Timer>,
    /// Where chance comes from.
    pub entropy: Arc<dyn Entropy>,
    /// How it goes about its work.
    pub settings: Settings,
    /// How it is told to stop.
    pub cancel: Cancel,
}
