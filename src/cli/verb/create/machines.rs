//! The fourth and the fifth step: the deployment itself, or what is left of one that was interrupted, and the nodes that come
//! of it.

use serde_json::Value as Json;

use super::site::Site;
use super::steps::Steps;
use crate::cli::error::CliError;
use crate::cli::preflight::PreflightOptions;
use crate::cli::session::Connected;
use crate::cli::telling::TellingOptions;
use crate::cli::verb::run::{Aftermath, Ended, consent, follow, interruptible, run_as_json, show_plan, tell_failure};
use crate::cli::{Call, Exit};
use crate::cluster::{ClusterError, Definition, Interrupted, NodeWait, prepare_deploy, resume, wait_for_nodes};
use crate::execute::CancelLevel;
use crate::kubernetes::NodeStatus;
use crate::model::Cluster;
use crate::state::Snapshot;

/// What became of the machines.
pub struct Made {
    /// How the run ended.
    pub exit: Exit,
    /// The run, as data.
    pub run: Json,
    /// The state afterwards.
    pub snapshot: Option<Snapshot>,
    /// How many steps ended well, those of earlier processes included.
    pub steps: usize,
}

/// How the run is told and gone on with.
pub struct Manner<'a> {
    /// Where it is told besides the terminal.
    pub telling: &'a TellingOptions,
    /// The command that goes on with it.
    pub again: &'a str,
}

/// Makes the machines, or goes on making them.
///
/// # Errors
/// A no; somebody else is at work; what keeps the run from beginning or going on.
pub async fn make(
    call: &Call,
    site: &Site,
    connected: &Connected,
    definition: Definition,
    steps: &Steps<'_>,
    manner: &Manner<'_>,
) -> Result<Made, CliError> {
    let Manner { telling, again } = *manner;
    let session = &connected.session;
    let aftermath = Aftermath { folder: &site.folder, next: &[], again: Some(again.to_owned()) };
    let mut made = Made { exit: Exit::Success, run: Json::Null, snapshot: None, steps: 0 };
    let conclude = |ended: &Ended<'_>| {
        made.run = run_as_json(session, &site.folder, ended);
        made.snapshot = Some(ended.finished.snapshot.clone());
        made.steps = ended.finished.summary.succeeded;
        if ended.finished.summary.is_complete() { Exit::Success } else { tell_failure(call, ended) }
    };
    made.exit = match Interrupted::find(&site.store) {
        Ok(Interrupted { plan, finished, .. }) => {
            steps.tell(&format!("going on where it stopped: {finished} of {} steps are finished", plan.steps.len()));
            let run = |events, cancel| resume(session, &site.store, events, cancel);
            follow(call, session, &plan, telling, &aftermath, run, conclude).await?
        }
        Err(ClusterError::NothingToResume | ClusterError::NoCluster { .. }) => {
            let prepared = prepare_deploy(session, definition, true).await?;
            if !prepared.plan.is_empty() {
                show_plan(call, &prepared, site.target);
            }
            PreflightOptions::default().check(call, connected, &prepared).await?;
            consent(call, session, &prepared, None).await?;
            let plan = prepared.plan.clone();
            let run = |events, cancel| prepared.run(session, events, cancel);
            follow(call, session, &plan, telling, &aftermath, run, conclude).await?
        }
        Err(error) => return Err(error.into()),
    };
    Ok(made)
}

/// Waits until the nodes are Ready. Ctrl-C ends that: nothing is lost by it.
///
/// # Errors
/// What is missing when the time is over; an interruption.
pub async fn await_nodes(
    connected: &Connected,
    cluster: &Cluster,
    snapshot: &Snapshot,
    steps: &Steps<'_>,
    again: &str,
) -> Result<Vec<NodeStatus>, CliError> {
    let wait = NodeWait::of(cluster, &snapshot.applied);
    let mut tell = |state: &str| steps.tell(state);
    let (nodes, _) = interruptible(|cancel| async move {
        tokio::select! {
            nodes = wait_for_nodes(&connected.session, &wait, &mut tell) => Some(nodes),
            () = cancel.reached(CancelLevel::Finish) => None,
        }
    })
    .await;
    match nodes {
        Some(nodes) => Ok(nodes?),
        None => Err(CliError::new(Exit::Interrupted, "interrupted while the nodes were waited for")
            .help(format!("the machines are made; this goes on waiting: {again}"))),
    }
}
