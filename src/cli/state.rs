//! Where the state of a cluster is: in its folder, or in a store of objects that the command line, the folder, a setting or
//! the tag of the resource group names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::CliError;
use super::options::{ExistingOptions, StateOptions, TargetOptions};
use super::place::{OUTPUT, clusters, named_folder};
use super::session::{Wanted, connect};
use super::settings::Origin;
use super::{Call, place};
use crate::base::{Secret, read_text};
use crate::catalog::Cloud;
use crate::cluster::{ClusterError, address_in_tags};
use crate::state::remote::{Address, Key, RemoteSettings};
use crate::state::{Link, StateError, Store};

/// The state of the cluster in a folder. Files that somebody else has written beside the state come into the folder.
///
/// # Errors
/// An address beside a folder whose state is elsewhere; a store that cannot be reached or opened.
pub fn store(call: &Call, folder: &Path, options: &StateOptions) -> Result<Store, CliError> {
    let store = unfetched_store(call, folder, options)?;
    for path in store.fetch_files()? {
        call.output.note(&format!("fetched {}\n", folder.join(path).display()));
    }
    Ok(store)
}

/// The same without looking at the files.
fn unfetched_store(call: &Call, folder: &Path, options: &StateOptions) -> Result<Store, CliError> {
    let link = Link::read(folder)?;
    let address = match (&options.state, &link) {
        (Some(asked), Some(link)) if is_said(call) && asked.to_string() != link.address => {
            let error = StateError::StateInFolder { folder: folder.to_owned(), place: asked.to_string().into() };
            return Err(error.into());
        }
        (_, Some(link)) => link.address.parse()?,
        (Some(asked), None) => asked.clone(),
        (None, None) => return Ok(Store::open(folder)),
    };
    let store = remote(call, folder, address, options)?;
    if link.is_none() {
        // The folder's own state would be left behind, and two would go on side by side.
        let own = Store::open(folder).snapshot()?.filter(|own| !own.applied.is_empty());
        if let Some(own) = own
            && store.snapshot()?.is_none_or(|there| there.lineage != own.lineage || there.serial < own.serial)
        {
            return Err(StateError::StateInFolder { folder: folder.to_owned(), place: store.place() }.into());
        }
    }
    Ok(store)
}

/// The state in whose place another is put. With `--state` that of the folder moves, so that nothing is refused.
///
/// # Errors
/// A store that cannot be reached.
pub fn store_to_push(call: &Call, folder: &Path, options: &StateOptions) -> Result<Store, CliError> {
    match (&options.state, Link::read(folder)?) {
        (Some(address), _) if is_said(call) => remote(call, folder, address.clone(), options),
        (_, Some(link)) => remote(call, folder, link.address.parse()?, options),
        _ => Ok(Store::open(folder)),
    }
}

/// Whether `--state` is on the command line, and not a setting.
fn is_said(call: &Call) -> bool {
    call.settings.iter().any(|effective| effective.setting.name == "state" && effective.origin == Origin::CommandLine)
}

/// The state at an address.
pub fn remote(call: &Call, folder: &Path, address: Address, options: &StateOptions) -> Result<Store, CliError> {
    let key = match (&options.state_key, call.environment.get("ENGINE_STATE_PASSPHRASE")) {
        (Some(path), _) => Key::Bytes(Secret::new(read_text(path)?)),
        (None, Some(passphrase)) => Key::Passphrase(Secret::new(passphrase)),
        (None, None) => {
            return Err(StateError::Key(format!("the state in {address} is encrypted, and no key was given")).into());
        }
    };
    let bundle = ["AZURE_CA_BUNDLE", "SSL_CERT_FILE"].iter().find_map(|name| call.environment.get(name));
    let certificates = bundle.map(|path| read_text(Path::new(path))).transpose()?;
    let settings = RemoteSettings {
        address,
        key,
        environment: call.environment.clone(),
        certificates: certificates.into_iter().collect(),
        expiry: expiry(call),
    };
    Ok(Store::remote(folder, settings)?)
}

/// Tests do not wait for a minute.
fn expiry(call: &Call) -> Duration {
    #[cfg(debug_assertions)]
    if let Some(seconds) = call.environment.get("ENGINE_STATE_LOCK_SECONDS").and_then(|text| text.parse().ok()) {
        return Duration::from_secs_f64(seconds);
    }
    let _ = call;
    RemoteSettings::EXPIRY
}

/// The state of a cluster that exists: of the folder that is named, at the address that is said, of the resource group that
/// is named, or of the only cluster there is.
///
/// # Errors
/// None, or several to choose from; a group without a tag; a store that cannot be reached.
pub async fn existing_store(call: &Call, options: &ExistingOptions, target: &TargetOptions) -> Result<Store, CliError> {
    if let Some(folder) = named_folder(options) {
        return store(call, &folder, &options.state);
    }
    if let Some(address) = options.state.state.clone().filter(|_| is_said(call)) {
        return at_address(call, address, &options.state);
    }
    if let Some(group) = &options.resource_group {
        for folder in clusters() {
            // One that cannot be looked at is not the one, or is found by its tag.
            let known = unfetched_store(call, &folder, &options.state).ok().and_then(|store| store.snapshot().ok()?);
            if known.is_some_and(|known| known.identity.scope.resource_group.eq_ignore_ascii_case(group)) {
                return store(call, &folder, &options.state);
            }
        }
        return at_address(call, tagged_address(call, group, target).await?, &options.state);
    }
    if clusters().is_empty()
        && let Some(address) = options.state.state.clone()
    {
        return at_address(call, address, &options.state);
    }
    store(call, &place::existing_folder(options)?, &options.state)
}

/// The state at an address, with the folder that its cluster has here.
fn at_address(call: &Call, address: Address, options: &StateOptions) -> Result<Store, CliError> {
    let found = remote(call, Path::new(OUTPUT), address.clone(), options)?;
    let snapshot = found.snapshot()?.ok_or_else(|| ClusterError::NoCluster { folder: found.place() })?;
    let folder: PathBuf = Path::new(OUTPUT).join(&snapshot.identity.cluster);
    store(call, &folder, &StateOptions { state: Some(address), ..options.clone() })
}

/// The address that the tag of a resource group tells.
async fn tagged_address(call: &Call, group: &str, target: &TargetOptions) -> Result<Address, CliError> {
    let name = place::target(call, target, None, None)?;
    let cloud = target.azure_env.unwrap_or(Cloud::Public);
    let wanted = Wanted::group(name, Path::new(OUTPUT), cloud, group.to_owned(), String::new());
    let connected = connect(call, target, wanted).await?;
    let address = address_in_tags(&connected.session).await;
    connected.close(call).await;
    Ok(address?.parse::<Address>()?)
}
