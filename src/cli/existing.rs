//! A cluster that exists: what is known of it here, and the connection to where it is.

use std::path::Path;

use super::Call;
use super::error::CliError;
use super::options::{ExistingOptions, TargetOptions};
use super::place;
use super::session::{Connected, Wanted, connect};
use crate::base::{Source, SystemClock, SystemEntropy, read_text};
use crate::catalog::Cloud;
use crate::cluster::ClusterError;
use crate::expand::api_server_url;
use crate::model::{self, Cluster, ReadOptions};
use crate::pki::{Given, KeyMaterial};
use crate::state::{Snapshot, Store};
use crate::view::harmless;

/// The state of a cluster that exists, held against what the command line says about it.
///
/// # Errors
/// No state, a damaged one, or another resource group or location than the one asked for.
pub fn existing_snapshot(store: &Store, options: &ExistingOptions) -> Result<Snapshot, CliError> {
    let snapshot = store.snapshot()?.ok_or_else(|| ClusterError::NoCluster { folder: store.place() })?;
    let scope = &snapshot.identity.scope;
    for (what, asked, known) in [
        ("resource group", &options.resource_group, &scope.resource_group),
        ("location", &options.location, &scope.location),
    ] {
        if let Some(asked) = asked.as_ref().filter(|asked| !asked.eq_ignore_ascii_case(known)) {
            let error = ClusterError::OtherPlace { what, known: known.clone(), asked: asked.clone() };
            return Err(error.into());
        }
    }
    Ok(snapshot)
}

/// The model in a cluster's folder, if it is there and has no faults.
pub fn existing_cluster(folder: &Path) -> Option<Cluster> {
    let path = folder.join("apimodel.json");
    let text = read_text(&path).ok()?;
    model::read(&Source { name: path.display().to_string(), text }, &ReadOptions::default()).cluster
}

/// Connects to the target of a cluster that exists. Its model is read for the API server's address, if it is there.
pub async fn connect_existing(
    call: &Call,
    store: &Store,
    existing: &ExistingOptions,
    options: &TargetOptions,
) -> Result<Connected, CliError> {
    connect_to_existing(call, store, existing, options, false).await
}

/// The same for verbs that only look: of several hosts on-prem, all but the first may be out of reach. They are told.
pub async fn look_at_existing(
    call: &Call,
    store: &Store,
    existing: &ExistingOptions,
    options: &TargetOptions,
) -> Result<Connected, CliError> {
    let connected = connect_to_existing(call, store, existing, options, true).await?;
    if let Some(absence) = &connected.absence {
        call.output.note(&format!("{} {}\n", call.output.error_style.warn("note:"), harmless(absence)));
    }
    Ok(connected)
}

async fn connect_to_existing(
    call: &Call,
    store: &Store,
    existing: &ExistingOptions,
    options: &TargetOptions,
    only_looks: bool,
) -> Result<Connected, CliError> {
    let snapshot = existing_snapshot(store, existing)?;
    let folder = store.folder();
    let cluster = existing_cluster(folder);
    let keys = KeyMaterial::load_or_generate(folder, &Given::default(), &SystemClock, &SystemEntropy).ok();
    let target = place::target(call, options, Some(&snapshot), cluster.as_ref())?;
    let server = cluster.as_ref().map(|cluster| api_server_url(cluster, target.into()));
    let wanted = Wanted {
        target,
        folder,
        cloud: cluster.as_ref().map(|cluster| cluster.cloud).unwrap_or(Cloud::Public),
        resource_group: snapshot.identity.scope.resource_group.clone(),
        location: snapshot.identity.scope.location.clone(),
        cluster: cluster.as_ref(),
        keys: keys.as_ref().zip(server),
        only_looks,
    };
    connect(call, options, wanted).await
}
