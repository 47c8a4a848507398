//! `--rehearse`: a verb on a simulator that holds what there really is. The real target is only read, and the cluster's
//! folder is copied first, so that nothing of it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::error::CliError;
use super::options::TargetOptions;
use super::session::{Connected, attach};
use super::verb::{exit_of_run, interruptible, progress};
use super::{Call, Exit, faults};
use crate::base::{FileError, SystemClock, create_private_directory};
use crate::cluster::{ClusterError, Definition, Finished, Outlook, Prepared, documented, outlook, resume, scenery};
use crate::execute::Cancel;
use crate::plan::Plan;
use crate::server::{Loaded, Simulator, SimulatorSettings};
use crate::state::{StateError, Store};
use crate::view::{Progress, harmless, plan_as_json, render_plan, render_summary, seconds, summary_as_json};

/// Whether a verb is rehearsed.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Rehearsal")]
pub struct RehearsalOptions {
    /// Plays it on a simulator that holds what there really is, and changes nothing; with `--faults`, things go wrong
    #[arg(long)]
    pub rehearse: bool,
}

/// Where a verb works: at its cluster, or where it is rehearsed.
pub struct Scene {
    /// The cluster's state and folder, or their copy.
    pub store: Store,
    /// How to connect to the real target.
    pub target: TargetOptions,
    /// The rehearsal, if it is one.
    pub rehearsal: Option<Rehearsal>,
}

impl Scene {
    /// The cluster itself; its copy if a rehearsal was asked for.
    ///
    /// # Errors
    /// A folder that cannot be read, no room for the copy.
    pub fn set(call: &Call, options: RehearsalOptions, target: &TargetOptions, store: Store) -> Result<Self, CliError> {
        let Some(rehearsal) = Rehearsal::begin(call, options, target, &store)? else {
            return Ok(Self { store, target: target.clone(), rehearsal: None });
        };
        Ok(Self { store: rehearsal.store(), target: rehearsal.target.clone(), rehearsal: Some(rehearsal) })
    }

    /// The connection that the verb works by: to the real target, or to the stage in its place.
    ///
    /// # Errors
    /// A real target that does not answer, a file of faults that is wrong.
    pub async fn enter(
        &self,
        call: &Call,
        real: Connected,
        definition: Option<&Definition>,
    ) -> Result<Connected, CliError> {
        match &self.rehearsal {
            Some(rehearsal) => rehearsal.stage(call, real, definition).await,
            None => Ok(real),
        }
    }
}

/// A rehearsal. What it wrote is gone with it.
pub struct Rehearsal {
    place: TempDir,
    original: PathBuf,
    faults: Option<PathBuf>,
    target: TargetOptions,
}

impl Rehearsal {
    /// Copies the cluster's folder; nothing if no rehearsal was asked for.
    fn begin(
        call: &Call,
        options: RehearsalOptions,
        target: &TargetOptions,
        store: &Store,
    ) -> Result<Option<Self>, CliError> {
        if !options.rehearse {
            return Ok(None);
        }
        let folder = store.folder();
        let failed = |cause| FileError { action: "create", path: std::env::temp_dir(), cause };
        let place = tempfile::Builder::new().prefix("engine-rehearsal-").tempdir().map_err(failed)?;
        let copy = place.path().join("cluster");
        create_private_directory(&copy)?;
        let own = folder.join("simulator");
        copy_folder(folder, &copy, &own)?;
        let mut target = target.clone();
        let faults = target.faults.take();
        // If the real target is a simulator itself, it is looked at where it runs, or else in a copy of its own.
        let simulator = target.simulator.clone().unwrap_or(own);
        let running = crate::server::find_running(&simulator);
        if running.map_err(|error| CliError::new(Exit::Environment, error.to_string()))?.is_some() {
            target.simulator = Some(simulator);
        } else {
            let copy = place.path().join("simulator");
            create_private_directory(&copy)?;
            copy_folder(&simulator, &copy, Path::new(""))?;
            target.simulator = Some(copy);
        }
        let this = Self { place, original: folder.to_owned(), faults, target };
        if store.address().is_some() {
            this.copy_state(call, store)?;
        }
        Ok(Some(this))
    }

    /// A state that is kept elsewhere is copied into the folder's copy, so that nothing is written there.
    fn copy_state(&self, call: &Call, store: &Store) -> Result<(), CliError> {
        let folder = self.folder().join("state");
        if folder.exists() {
            let failed = |cause| FileError { action: "remove", path: folder.clone(), cause };
            std::fs::remove_dir_all(&folder).map_err(failed)?;
        }
        let told = |error: StateError| CliError::from(ClusterError::from(error));
        if let Some(snapshot) = store.snapshot().map_err(told)? {
            let locked = self.store().lock("rehearse", &SystemClock, &call.environment).map_err(told)?;
            locked.push(snapshot, true).map_err(told)?;
        }
        Ok(())
    }

    /// The state in the copy of the cluster's folder.
    fn store(&self) -> Store {
        Store::open(&self.folder())
    }

    /// The copy of the cluster's folder.
    fn folder(&self) -> PathBuf {
        self.place.path().join("cluster")
    }

    /// A connection to the stage in the place of one to the real target.
    async fn stage(
        &self,
        call: &Call,
        real: Connected,
        definition: Option<&Definition>,
    ) -> Result<Connected, CliError> {
        let plan = faults::read(self.faults.as_deref())?;
        let scenery = scenery(&real.session, real.arm()?, &self.store(), definition).await?;
        let scope = real.session.scope.clone();
        let (found, nodes) = (scenery.resources.len(), scenery.nodes.as_ref().map(Vec::len));
        let nodes = nodes.map_or_else(|| "the API server does not answer".to_owned(), |nodes| format!("{nodes} nodes"));
        call.output.note(&format!(
            "{} on a simulator with {found} resources as they are ({nodes}); nothing is changed on {}\n",
            call.output.error_style.warn("REHEARSAL"),
            real.session.target.name().word(),
        ));
        let loaded = Loaded {
            tenant_id: scope.tenant_id.clone(),
            subscription_id: scope.subscription_id.clone(),
            resources: scenery.resources,
            nodes: scenery.nodes.map(|nodes| nodes.into_iter().map(|node| (node.name, node.cordoned)).collect()),
            resource_group: scope.resource_group.clone(),
        };
        // On a clock that moves when nobody is at work, so that nobody waits and each step takes what it may there.
        let mut settings = SimulatorSettings::new(self.place.path().join("stage")).time_scale(1.0).loaded(loaded);
        settings.virtual_clock = true;
        let simulator = Simulator::start(settings.faults(plan.clone()))
            .await
            .map_err(|error| CliError::new(Exit::Environment, error.to_string()))?;
        let name = real.session.target.name();
        let token = real.bootstrap_token.clone();
        real.close(call).await;
        let (url, credentials) = (simulator.arm_url().to_owned(), simulator.credentials().clone());
        attach(call, &url, &credentials, scope, name, token, Some((simulator, plan)), None).await
    }

    /// Shows a plan, plays it, and tells what would have happened.
    ///
    /// # Errors
    /// What keeps the run from beginning or going on.
    pub async fn play(self, call: &Call, connected: Connected, prepared: Prepared) -> Result<Exit, CliError> {
        let plan = prepared.plan.clone();
        let where_to = format!("{} (REHEARSAL)", connected.session.target.name().word());
        call.output.note(&render_plan(&plan, &where_to, call.output.error_style));
        let events = Self::events(call);
        let (result, cancel) = interruptible(|cancel| prepared.run(&connected.session, events, cancel)).await;
        self.tell(call, connected, &plan, result, &cancel).await
    }

    /// Plays an interrupted run from where it stopped.
    ///
    /// # Errors
    /// As for a run.
    pub async fn resume(self, call: &Call, connected: Connected, plan: &Plan) -> Result<Exit, CliError> {
        let (store, events) = (self.store(), Self::events(call));
        let (result, cancel) = interruptible(|cancel| resume(&connected.session, &store, events, cancel)).await;
        self.tell(call, connected, plan, result, &cancel).await
    }

    /// Who shows what happens on the stage.
    fn events(call: &Call) -> Arc<Progress> {
        Arc::new(progress(call, false).marked("REHEARSAL "))
    }

    async fn tell(
        self,
        call: &Call,
        connected: Connected,
        plan: &Plan,
        result: Result<Finished, ClusterError>,
        cancel: &Cancel,
    ) -> Result<Exit, CliError> {
        let target = connected.session.target.name().word();
        connected.close(call).await;
        let Finished { summary, snapshot } = result?;
        let expected = outlook(plan, documented);
        let mut data = summary_as_json(&plan.verb, &summary);
        data["rehearsal"] = true.into();
        data["target"] = target.into();
        data["folder"] = self.original.display().to_string().into();
        data["plan"] = plan_as_json(plan, target);
        data["expected"] = expected_as_json(&expected);
        data["resources"] =
            snapshot.applied.values().map(|resource| Json::from(resource.address.id.as_str())).collect();
        call.output.data(&data);

        let style = if summary.is_complete() { call.output.style } else { call.output.error_style };
        let mut text = format!("\n{} of `{}`; nothing was changed on {target}.\n", style.warn("REHEARSAL"), plan.verb);
        text.push_str(&render_summary(&plan.verb, &summary, style));
        if !plan.is_empty() {
            text.push_str(&render_outlook(&expected, target));
        }
        if summary.is_complete() {
            call.output.text(&text);
        } else {
            text.push_str("\nIn earnest the run would stop here, and `engine resume` would go on with it.\n");
            call.output.note(&text);
        }
        Ok(exit_of_run(&summary, cancel))
    }
}

fn expected_as_json(expected: &Outlook) -> Json {
    let chain: Vec<Json> =
        expected.chain.iter().map(|(step, seconds)| json!({ "step": step, "seconds": seconds })).collect();
    json!({ "seconds": expected.seconds, "longestChain": chain })
}

fn render_outlook(expected: &Outlook, target: &str) -> String {
    let total = seconds(std::time::Duration::from_secs(expected.seconds));
    let mut text = format!("\nOn {target} about {total}, by the figures of each kind of step; the longest chain:\n");
    for (step, took) in &expected.chain {
        text.push_str(&format!(
            "  {:>12}  {}\n",
            seconds(std::time::Duration::from_secs(u64::from(*took))),
            harmless(step)
        ));
    }
    text
}

/// Copies what is in a folder, without `but`. One that is not there holds nothing.
fn copy_folder(from: &Path, to: &Path, but: &Path) -> Result<(), CliError> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |cause| FileError { action, path, cause }
    };
    let entries = match std::fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(failed("read", from)(cause).into()),
    };
    for entry in entries {
        let entry = entry.map_err(failed("read", from))?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(failed("read", &path))?;
        if path == but {
            continue;
        }
        if kind.is_dir() {
            create_private_directory(&copy)?;
            copy_folder(&path, &copy, but)?;
        } else if kind.is_file() {
            std::fs::copy(&path, &copy).map_err(failed("copy", &path))?;
        }
    }
    Ok(())
}
