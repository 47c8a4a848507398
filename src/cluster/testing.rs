//! A session for tests that need no more of it than a target and an API server.

use std::sync::Arc;

use super::Session;
use crate::base::{Environment, Secret, SystemClock, SystemEntropy, SystemTimer};
use crate::contract::{Fault, FaultClass, Future, KeyVaultSecret, KeyVaults, Target};
use crate::execute::Settings;
use crate::graph::Scope;
use crate::kubernetes::KubernetesClient;

struct NoVaults;

impl KeyVaults for NoVaults {
    fn read<'a>(&'a self, _: &'a KeyVaultSecret) -> Future<'a, Result<Secret, Fault>> {
        Box::pin(std::future::ready(Err(Fault::new(FaultClass::Invalid, "", "there are no vaults"))))
    }
}

/// A session with these.
pub(crate) fn session(target: Arc<dyn Target>, kubernetes: Option<KubernetesClient>) -> Session {
    Session {
        target,
        actions: Vec::new(),
        vaults: Arc::new(NoVaults),
        kubernetes,
        scope: Scope {
            subscription_id: "s".into(),
            tenant_id: "t".into(),
            resource_group: "rg".into(),
            location: "local".into(),
        },
        clock: Arc::new(SystemClock),
        timer: Arc::new(SystemTimer),
        entropy: Arc::new(SystemEntropy),
        environment: Environment::default(),
        settings: Settings::default(),
    }
}
