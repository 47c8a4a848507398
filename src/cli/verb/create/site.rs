//! What is there before anything is made: the cluster's folder, its model and its state; and what of it is refused.

use std::path::{Path, PathBuf};

use super::Arguments;
use crate::base::{Clock as _, Diagnostics, FileError, Files, Source, SystemClock, SystemEntropy, read_text};
use crate::cli::error::CliError;
use crate::cli::place::OUTPUT;
use crate::cli::state::store;
use crate::cli::verb::init::{own_public_key, read_public_key};
use crate::cli::{Call, Exit};
use crate::cluster::{ClusterError, Interrupted, Request, refuse_other_cluster};
use crate::contract::TargetName;
use crate::model::{Cluster, ReadOptions, Starter, read};
use crate::pki::{SshKey, file_name};
use crate::state::{Snapshot, Store};

/// The model in the cluster's folder: as it is asked for at first, as it was deployed afterwards.
const MODEL: &str = "apimodel.json";
/// The key of one's own that a cluster gets if whoever makes it has none, beside the administrator's name.
const SSH_KEY: &str = "azureuser_ed25519";
/// What the plan of a cluster that is made calls itself.
const DEPLOY: &str = "deploy";

/// Where the cluster is to be, and what is there.
pub struct Site {
    /// The cluster's folder.
    pub folder: PathBuf,
    /// Its state.
    pub store: Store,
    /// Where it is made.
    pub target: TargetName,
    /// Its model.
    pub model: SiteModel,
    /// What the state knows, if anything lives.
    pub living: Option<Snapshot>,
}

/// The model of a site.
pub enum SiteModel {
    /// It is there, and is what is asked for.
    There(Box<Cluster>),
    /// It is to be written.
    New(Box<Draft>),
}

/// A model that is to be written.
pub struct Draft {
    /// What it says.
    pub starter: Starter,
    /// What it means, but for the image.
    pub cluster: Cluster,
    /// Keys that are written with it.
    pub keys: Files,
}

impl SiteModel {
    /// What it means, but for the image of one that is to be written.
    pub fn cluster(&self) -> &Cluster {
        match self {
            Self::There(cluster) => cluster,
            Self::New(draft) => &draft.cluster,
        }
    }
}

/// Looks, and refuses what cannot be.
///
/// # Errors
/// Another cluster in the folder, another run, another target than those that `create` is for; a model with faults.
pub fn look(call: &Call, arguments: &Arguments) -> Result<Site, CliError> {
    let folder = arguments.output_directory.clone().unwrap_or_else(|| Path::new(OUTPUT).join(&arguments.name));
    let store = store(call, &folder, &arguments.state)?;
    let snapshot = store.snapshot()?;
    let interrupted = match Interrupted::find(&store) {
        Ok(run) => Some(run.plan.verb),
        Err(ClusterError::NothingToResume | ClusterError::NoCluster { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(verb) = interrupted.as_ref().filter(|verb| *verb != DEPLOY) {
        return Err(ClusterError::OtherRun { verb: verb.clone(), folder }.into());
    }
    let was_made = snapshot.is_some();
    let living = snapshot.filter(|snapshot| interrupted.is_some() || !snapshot.applied.is_empty());
    let path = folder.join(MODEL);
    let known = if path.exists() { Some(judged(text_of(&path)?)?.cluster) } else { None };

    let request = arguments.request();
    let known_target = living.as_ref().map(|snapshot| snapshot.identity.target);
    let known_target = known_target.or_else(|| known.as_ref()?.target);
    let target = request.target.or(known_target).unwrap_or(TargetName::Libvirt);
    if !matches!(target, TargetName::Libvirt | TargetName::Simulator) {
        let message = format!("`create` is for hosts of one's own, not for the target `{}`", target.word());
        return Err(CliError::usage(message)
            .help("say --target libvirt or simulator; elsewhere `engine init` and `engine deploy` make clusters"));
    }
    let model = match known {
        None if living.is_some() => {
            let message = format!("{} is gone, which the cluster there was made from", path.display());
            return Err(CliError::usage(message)
                .help(format!("put it back; or `engine destroy -o {}` first, which needs none", folder.display())));
        }
        None => SiteModel::New(Box::new(draft(call, arguments, &request, target, &folder)?)),
        Some(cluster) => {
            let differences = request.differences(&cluster, known_target.unwrap_or(target), &folder);
            if differences.is_empty() {
                SiteModel::There(Box::new(cluster))
            } else if was_made && living.is_none() {
                call.output.note(&format!(
                    "{} what {} was made from is replaced: nothing is left of that cluster\n",
                    call.output.error_style.warn("note:"),
                    path.display()
                ));
                SiteModel::New(Box::new(draft(call, arguments, &request, target, &folder)?))
            } else {
                return Err(ClusterError::OtherRequest { folder, differences }.into());
            }
        }
    };
    Ok(Site { folder, store, target, model, living })
}

impl Site {
    /// Refuses a kubeconfig that has another cluster by this name, before anything is made.
    ///
    /// # Errors
    /// It has, or is none.
    pub fn refuse_other_cluster(&self, file: &Path, simulator: Option<&Path>) -> Result<(), CliError> {
        let authority = match self.target {
            // Where `simulator/` in the cluster's folder is not said otherwise.
            TargetName::Simulator => {
                let own = self.folder.join("simulator");
                simulator.unwrap_or(&own).join("simulator-ca.crt")
            }
            _ => self.folder.join(file_name::CA).with_extension("crt"),
        };
        // Without an authority there has been no cluster yet, and whatever has its name is another.
        let authority = read_text(&authority).ok();
        let name = &self.model.cluster().dns_prefix;
        Ok(refuse_other_cluster(file, name, authority.as_deref())?)
    }

    /// Writes the model, if it is not there yet, and gives what it means. `image` is what machines start from.
    ///
    /// # Errors
    /// A file that cannot be written; an image that no model can name.
    pub fn write(&self, call: &Call, image: Option<String>) -> Result<(Cluster, String), CliError> {
        let path = self.folder.join(MODEL);
        let draft = match &self.model {
            SiteModel::There(cluster) => return Ok(((**cluster).clone(), format!("{} is there", path.display()))),
            SiteModel::New(draft) => draft,
        };
        let mut starter = draft.starter.clone();
        if let Some(on_prem) = &mut starter.on_prem {
            on_prem.image = image;
        }
        let judged = judged(Source { name: path.display().to_string(), text: starter.text() })?;
        call.output.warnings(&judged.source, &judged.warnings);
        let mut files = draft.keys.clone();
        files.private(MODEL, judged.source.text);
        files.write(&self.folder)?;
        Ok((judged.cluster, path.display().to_string()))
    }
}

/// A model to begin with, which is judged as any model is, before anything is made.
fn draft(
    call: &Call,
    arguments: &Arguments,
    request: &Request,
    target: TargetName,
    folder: &Path,
) -> Result<Draft, CliError> {
    let (ssh_key, keys) = ssh_key(call, arguments, folder)?;
    let starter = request.starter(target, None, ssh_key);
    let source = Source { name: folder.join(MODEL).display().to_string(), text: starter.text() };
    Ok(Draft { cluster: judged(source)?.cluster, starter, keys })
}

/// Who may sign in to the machines: the key that is said, else that of whoever runs this, else one that the cluster gets.
fn ssh_key(call: &Call, arguments: &Arguments, folder: &Path) -> Result<(String, Files), CliError> {
    let mut keys = Files::default();
    let public = PathBuf::from(format!("{SSH_KEY}.pub"));
    let own = || Some(folder.join(&public)).filter(|path| path.is_file());
    if let Some(path) = arguments.ssh_public_key.clone().or_else(|| own_public_key(call)).or_else(own) {
        return Ok((read_public_key(&path)?, keys));
    }
    let key = SshKey::generate(&arguments.name, &SystemEntropy).map_err(ClusterError::from)?;
    keys.private(SSH_KEY, key.private.expose());
    keys.private(public, format!("{}\n", key.public));
    Ok((key.public, keys))
}

fn text_of(path: &Path) -> Result<Source, FileError> {
    Ok(Source { name: path.display().to_string(), text: read_text(path)? })
}

/// A model without faults.
struct Judged {
    source: Source,
    cluster: Cluster,
    warnings: Diagnostics,
}

fn judged(source: Source) -> Result<Judged, CliError> {
    let reading = read(&source, &ReadOptions { now: Some(SystemClock.now()), ..ReadOptions::default() });
    match reading.cluster {
        Some(cluster) => Ok(Judged { source, cluster, warnings: reading.diagnostics }),
        None => {
            let message = format!("{} is no model of a cluster; nothing was made", source.name);
            let mut error = CliError::new(Exit::Definition, message);
            error.diagnostics = Some(Box::new((source, reading.diagnostics)));
            Err(error)
        }
    }
}
