//! `deploy`: plan, consent, run.

use std::path::PathBuf;

use clap::Args;

use super::run::{carry_out, consent, show_plan};
use crate::base::{Clock as _, Secret, SystemClock, SystemEntropy, read_text};
use crate::cli::error::CliError;
use crate::cli::options::{ExistingOptions, ModelOptions, PlaceOptions, TargetOptions};
use crate::cli::place::{self, folder_for_model, read_model};
use crate::cli::preflight::PreflightOptions;
use crate::cli::rehearsal::{Rehearsal, RehearsalOptions, Scene};
use crate::cli::session::{Connected, Wanted, connect};
use crate::cli::state::{existing_store, store};
use crate::cli::telling::TellingOptions;
use crate::cli::{Call, Exit};
use crate::cluster::{Definition, PROVIDERS, Prepared, SavedPlan, prepare_deploy};
use crate::contract::TargetName;
use crate::pki::CertifiedKey;

/// Arguments of `engine deploy`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    engine deploy apimodels/quickstart.json --target simulator\n  \
    engine deploy -m cluster.json -l westus2 -g production --set agentPoolProfiles[0].count=5\n  \
    engine plan cluster.json --out cluster.plan && engine deploy cluster.plan\n  \
    engine deploy cluster.json --rehearse --faults faults.json")]
pub struct Arguments {
    /// Puts the time behind the DNS prefix, so that each run makes a cluster of its own
    #[arg(long)]
    auto_suffix: bool,
    /// Kept for old scripts: an existing folder is always taken up
    #[arg(short = 'f', long, hide = true)]
    force_overwrite: bool,
    #[command(flatten)]
    preflight: PreflightOptions,
    // Last, because their options stand under headings of their own.
    #[command(flatten)]
    options: DeployOptions,
    #[command(flatten)]
    rehearsal: RehearsalOptions,
    #[command(flatten)]
    telling: TellingOptions,
}

/// What `deploy` and `plan` are told alike.
#[derive(Debug, Clone, Args)]
pub struct DeployOptions {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    authority: AuthorityOptions,
    #[command(flatten)]
    target: TargetOptions,
}

/// A CA of the user's own.
#[derive(Debug, Clone, Args)]
pub struct AuthorityOptions {
    /// The certificate of a CA of your own (PEM)
    #[arg(long, value_name = "FILE", requires = "ca_private_key_path")]
    pub ca_certificate_path: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "ca_certificate_path")]
    pub ca_private_key_path: Option<PathBuf>,
}

impl DeployOptions {
    /// The kept plan, if a file with one was named in place of a model.
    fn saved(&self) -> Result<Option<SavedPlan>, CliError> {
        let Some(path) = self.model.path().filter(|path| SavedPlan::is_in(path)) else { return Ok(None) };
        let (model, authority) = (&self.model, &self.authority);
        let says_more = !model.set.is_empty()
            || model.location.is_some()
            || model.dns_prefix.is_some()
            || model.dns_suffix.is_some()
            || self.place.resource_group.is_some()
            || authority.ca_certificate_path.is_some();
        if says_more {
            return Err(CliError::usage("a kept plan is carried out as it is")
                .help("leave out what changes the cluster, or make another plan by `engine plan --out FILE`"));
        }
        Ok(Some(SavedPlan::read(path)?))
    }

    /// Without a model, but with a resource group or an address: the options with the model of the cluster there.
    async fn of_known_cluster(&self, call: &Call) -> Result<Option<Self>, CliError> {
        let place = &self.place;
        if self.model.path().is_some() || (place.resource_group.is_none() && place.state.state.is_none()) {
            return Ok(None);
        }
        let existing = ExistingOptions {
            output_directory: place.output_directory.clone(),
            resource_group: place.resource_group.clone(),
            state: place.state.clone(),
            ..ExistingOptions::default()
        };
        let folder = existing_store(call, &existing, &self.target).await?.folder().to_owned();
        let mut options = self.clone();
        options.model.api_model = Some(folder.join("apimodel.json"));
        options.place.output_directory = Some(folder);
        Ok(Some(options))
    }

    /// The options with which a kept plan is made once more.
    fn of_saved(&self, saved: &SavedPlan) -> Result<Self, CliError> {
        let mut options = self.clone();
        let folder = self.place.output_directory.clone().unwrap_or_else(|| saved.folder.clone());
        options.model.positional = None;
        options.model.api_model = Some(saved.model(&folder)?);
        options.place.output_directory = Some(folder);
        options.place.resource_group = Some(saved.plan.scope.resource_group.clone());
        options.target.target = self.target.target.or(Some(saved.target));
        Ok(options)
    }
}

impl AuthorityOptions {
    /// The CA, if there is one.
    pub fn read(&self) -> Result<Option<CertifiedKey>, CliError> {
        let (Some(certificate), Some(key)) = (&self.ca_certificate_path, &self.ca_private_key_path) else {
            return Ok(None);
        };
        Ok(Some(CertifiedKey { certificate: read_text(certificate)?, key: Secret::new(read_text(key)?) }))
    }
}

/// A plan that is ready, and what it is for.
pub struct Ready {
    /// The connection to the target, or to the stage of a rehearsal.
    pub connected: Connected,
    /// The plan.
    pub prepared: Prepared,
    /// The cluster's folder, or its copy.
    pub folder: PathBuf,
    /// The target.
    pub target: TargetName,
    /// The rehearsal, if it is one.
    pub rehearsal: Option<Rehearsal>,
}

/// Everything up to the plan: what `deploy` and `plan` share.
pub async fn prepare(
    call: &Call,
    options: &DeployOptions,
    lock: bool,
    rehearsal: RehearsalOptions,
) -> Result<Ready, CliError> {
    let known = options.of_known_cluster(call).await?;
    let DeployOptions { model, place, authority, target } = known.as_ref().unwrap_or(options);
    let path = model.path();
    let read = read_model(path, model, target.into(), &call.output)?;
    let folder = folder_for_model(path.map(PathBuf::as_path).unwrap_or(std::path::Path::new("")), place, &read.cluster);
    let scene = Scene::set(call, rehearsal, target, store(call, &folder, &place.state)?)?;
    let (folder, target) = (scene.store.folder().to_owned(), &scene.target);
    let definition = Definition::new(read.cluster, authority.read()?, &scene.store, &SystemClock, &SystemEntropy)?;
    // A folder whose cluster is gone may be used for one in another place.
    let living = definition.snapshot.as_ref().filter(|snapshot| !snapshot.applied.is_empty());
    let target_name = place::target(call, target, living, Some(&definition.cluster))?;
    let known_group = living.map(|snapshot| snapshot.identity.scope.resource_group.clone());
    let definition = definition.on(target_name);
    let cluster = &definition.cluster;
    let resource_group = place.resource_group.clone().or(known_group).unwrap_or_else(|| cluster.dns_prefix.clone());
    let real = connect(call, target, Wanted::cluster(&definition, target_name, resource_group)).await?;
    let connected = scene.enter(call, real, Some(&definition)).await?;
    let prepared = prepare_deploy(&connected.session, definition, lock).await?;
    Ok(Ready { connected, prepared, folder, target: target_name, rehearsal: scene.rehearsal })
}

/// Runs the verb.
pub async fn run(call: &Call, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut options = arguments.options.clone();
    if arguments.auto_suffix {
        options.model.dns_suffix = Some(format!("-{:x}", SystemClock.now().as_second()));
    }
    let saved = options.saved()?;
    if let Some(saved) = &saved {
        options = options.of_saved(saved)?;
    }
    if saved.is_some() && arguments.rehearsal.rehearse {
        return Err(CliError::usage("a kept plan is held against the real resources, and is not rehearsed")
            .help("rehearse the model that it was made from"));
    }
    let Ready { connected, prepared, folder, target, rehearsal } =
        prepare(call, &options, true, arguments.rehearsal).await?;
    let preflight = arguments.preflight;
    if let Some(rehearsal) = rehearsal {
        preflight.tell(call, &connected, &prepared).await;
        return rehearsal.play(call, connected, prepared).await;
    }
    show_plan(call, &prepared, target);
    if let Some(saved) = &saved {
        saved.refuse_stale(&prepared)?;
    }
    preflight.check(call, &connected, &prepared).await?;
    // A kept plan was shown and agreed to when it was kept.
    if saved.is_none() {
        consent(call, &connected.session, &prepared, None).await?;
    }
    if target == TargetName::Azure {
        connected.register(call, &PROVIDERS).await?;
    }
    let shown = folder.display();
    let next = [
        (format!("engine status -o {shown}"), "what there is, and how the nodes are"),
        (format!("engine plan -m {shown}/apimodel.json"), "what would change now: nothing"),
        (format!("engine scale -o {shown} --new-node-count 3"), "another number of machines in a pool"),
        (format!("engine destroy -o {shown}"), "delete everything again"),
    ];
    let exit = carry_out(call, &connected.session, prepared, &arguments.telling, &folder, &next).await;
    connected.close(call).await;
    exit
}
