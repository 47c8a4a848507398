//! Preparing a host: its storage pool, and what it is prepared with. What is there already is left as it is, so that whoever
//! was stopped in the middle does it again.

use super::facts::{FACTS_VOLUME, Found, HostFacts, find, is_unfinished, write};
use super::hypervisor::{HostHypervisor, StoragePool};
use crate::contract::Fault;
use crate::target::libvirt::body::invalid;
use crate::target::libvirt::xml::element;

/// Below this folder of the host lies the pool of a name, if nothing else is said: libvirt's own place for images.
const DEFAULT_STORAGE: &str = "/var/lib/libvirt";

/// How a host shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostWish {
    /// The storage pool.
    pub pool: String,
    /// The folder it lies in; `None`: where it lies already, or `/var/lib/libvirt/<pool>`.
    pub storage: Option<String>,
    /// The site's addresses that are the engine's to give; `None`: those it was prepared with.
    pub addresses: Option<Vec<String>>,
    /// The bridge into the site's network, empty for none; `None`: the one it was prepared with.
    pub bridge: Option<String>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostStep {
    /// The pool is made, in this folder.
    DefinePool(String),
    /// The pool's folder is made, if it is not there.
    BuildPool(String),
    /// The pool starts.
    StartPool,
    /// The pool starts with the host.
    AutostartPool,
    /// What the host is prepared with is written; where it is known, with what it was prepared with before.
    WriteFacts {
        /// Before, if anything is there and can be read now.
        before: Option<HostFacts>,
        /// From now on, as far as it is known now.
        facts: HostFacts,
    },
}

/// What is done to a host so that it is as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPlan {
    /// How it shall be.
    pub wish: HostWish,
    /// What is done for it, in this order; nothing if it is so already.
    pub steps: Vec<HostStep>,
}

impl HostStep {
    /// The step in words, for a pool of a name.
    pub fn describe(&self, pool: &str) -> String {
        match self {
            Self::DefinePool(path) => format!("storage pool {pool}: defined, in {path}"),
            Self::BuildPool(path) => format!("storage pool {pool}: the folder {path} is made if it is not there"),
            Self::StartPool => format!("storage pool {pool}: started"),
            Self::AutostartPool => format!("storage pool {pool}: starts with the host"),
            Self::WriteFacts { before, facts } => {
                let addresses = match facts.addresses.as_slice() {
                    [] => "no addresses".to_owned(),
                    some => format!("addresses {}", some.join(", ")),
                };
                let bridge =
                    facts.bridge.as_ref().map_or_else(|| "no bridge".to_owned(), |name| format!("bridge {name}"));
                let change = if before.is_some() { "written anew" } else { "written" };
                format!("{FACTS_VOLUME} in it: {change}, with {addresses} and {bridge}")
            }
        }
    }
}

impl HostWish {
    /// What the host is prepared with, after what it was prepared with before.
    fn facts(&self, before: Option<&HostFacts>) -> Result<HostFacts, Fault> {
        let addresses = self.addresses.clone().or_else(|| Some(before?.addresses.clone())).unwrap_or_default();
        let bridge = self.bridge.clone().or_else(|| before?.bridge.clone()).filter(|name| !name.is_empty());
        HostFacts::new(addresses, bridge)
    }

    /// Refuses names and folders that libvirt would not take, or would take for something else.
    fn check(&self) -> Result<(), Fault> {
        let fits = (1..=128).contains(&self.pool.len())
            && self.pool.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+".contains(&byte))
            && !self.pool.starts_with(['.', '-']);
        if !fits {
            let message = format!("`{}` is no storage pool's name", self.pool);
            return Err(invalid(message, "write letters, digits, `-`, `.`, `_` and `+`"));
        }
        if let Some(storage) = &self.storage
            && (!storage.starts_with('/') || storage.contains(|letter: char| letter.is_control()))
        {
            let message = format!("`{storage}` is no folder of the host from its root on");
            return Err(invalid(message, "write the whole path, such as /srv/engine"));
        }
        Ok(())
    }
}

/// What has to be done to a host. Nothing is changed.
///
/// # Errors
/// A wish that makes no sense; a pool of this name that lies elsewhere; a host that does not answer.
pub fn plan_host(hypervisor: &dyn HostHypervisor, wish: &HostWish) -> Result<HostPlan, Fault> {
    wish.check()?;
    // What makes no sense is told before anything is asked.
    wish.facts(None)?;
    let pool = hypervisor.storage_pool(&wish.pool)?;
    let mut steps = Vec::new();
    match &pool {
        None => {
            let path = wish.storage.as_deref().map_or_else(|| format!("{DEFAULT_STORAGE}/{}", wish.pool), trimmed);
            steps.extend([HostStep::DefinePool(path.clone()), HostStep::BuildPool(path)]);
            steps.extend([HostStep::StartPool, HostStep::AutostartPool]);
        }
        Some(pool) => {
            refuse_other(wish, pool)?;
            if !pool.is_active {
                // Who was stopped between making a pool and its folder has made one that cannot start.
                let folder = pool.path.clone().filter(|_| pool.kind == "dir");
                steps.extend(folder.map(HostStep::BuildPool));
                steps.push(HostStep::StartPool);
            }
            if !pool.starts_with_host {
                steps.push(HostStep::AutostartPool);
            }
        }
    }
    let runs = pool.is_some_and(|pool| pool.is_active);
    let known = if runs { known(hypervisor, &wish.pool)? } else { None };
    let facts = wish.facts(known.as_ref())?;
    if known.as_ref() != Some(&facts) || is_unfinished(hypervisor, &wish.pool)? {
        steps.push(HostStep::WriteFacts { before: known, facts });
    }
    Ok(HostPlan { wish: wish.clone(), steps })
}

/// What a host is prepared with, if it can be read: what is damaged is written anew.
fn known(hypervisor: &dyn HostHypervisor, pool: &str) -> Result<Option<HostFacts>, Fault> {
    Ok(match find(hypervisor, pool)? {
        Found::Facts(facts) => Some(facts),
        Found::Nothing | Found::Damaged => None,
    })
}

/// Refuses a pool that lies elsewhere than it is asked to.
fn refuse_other(wish: &HostWish, pool: &StoragePool) -> Result<(), Fault> {
    let Some(asked) = wish.storage.as_deref().map(trimmed) else { return Ok(()) };
    let place = pool.path.as_deref().map(trimmed);
    if place.as_deref() == Some(asked.as_str()) {
        return Ok(());
    }
    let place = place.unwrap_or_else(|| format!("storage of the kind `{}`", pool.kind));
    Err(invalid(
        format!("there is a storage pool {} already, in {place}", wish.pool),
        "leave --storage out to use it, or name another pool by --storage-pool",
    ))
}

fn trimmed(path: &str) -> String {
    let path = path.trim_end_matches('/');
    if path.is_empty() { "/".to_owned() } else { path.to_owned() }
}

/// Does what a plan says, and tells each step that is done.
///
/// # Errors
/// The host refuses, or does not answer; what was done stays, and the next plan goes on from there.
pub fn prepare_host(
    hypervisor: &dyn HostHypervisor,
    plan: &HostPlan,
    done: &mut dyn FnMut(&HostStep),
) -> Result<(), Fault> {
    let pool = &plan.wish.pool;
    for step in &plan.steps {
        match step {
            HostStep::DefinePool(path) => hypervisor.define_pool(&folder_pool(pool, path))?,
            HostStep::BuildPool(_) => hypervisor.build_pool(pool)?,
            HostStep::StartPool => hypervisor.start_pool(pool)?,
            HostStep::AutostartPool => hypervisor.autostart_pool(pool)?,
            HostStep::WriteFacts { .. } => {
                // A pool that did not run may have held what nobody could read then.
                let before = known(hypervisor, pool)?;
                let facts = plan.wish.facts(before.as_ref())?;
                write(hypervisor, pool, &facts)?;
                done(&HostStep::WriteFacts { before, facts });
                continue;
            }
        }
        done(step);
    }
    Ok(())
}

/// The description of a pool in a folder.
pub(super) fn folder_pool(name: &str, path: &str) -> String {
    element("pool")
        .set("type", "dir")
        .with(element("name").text(name))
        .with(element("target").with(element("path").text(path)))
        .render()
}
