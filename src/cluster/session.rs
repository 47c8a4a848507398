//! What every verb that touches a target works with.

use std::sync::Arc;

use crate::base::{Clock, Entropy, Environment, Timer};
use crate::contract::{Action, KeyVaults, Target};
use crate::execute::Settings;
use crate::graph::Scope;
use crate::kubernetes::KubernetesClient;
use crate::state::Identity;

/// A connection to a target, and what goes with it.
#[derive(Clone)]
pub struct Session {
    /// Where resources are made.
    pub target: Arc<dyn Target>,
    /// What can act on members of the cluster.
    pub actions: Vec<Arc<dyn Action>>,
    /// Who reads secrets that lie in key vaults.
    pub vaults: Arc<dyn KeyVaults>,
    /// The cluster's API server, if it can be reached from here.
    pub kubernetes: Option<KubernetesClient>,
    /// Where the resources live.
    pub scope: Scope,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How runs wait.
    pub timer: Arc<dyn Timer>,
    /// Where chance comes from.
    pub entropy: Arc<dyn Entropy>,
    /// The process environment, for the name on the lock.
    pub environment: Environment,
    /// How runs go about their work.
    pub settings: Settings,
}

impl Session {
    /// What the state says of the cluster's place.
    pub fn identity(&self, cluster: &str) -> Identity {
        Identity { cluster: cluster.to_owned(), target: self.target.name(), scope: self.scope.clone() }
    }
}
